//! Adapters: each that comes with the tool on a fixture that speaks to its library, and those that
//! the guide writes on the files that it shows.

mod guide;
mod own;
mod presets;

use std::fs;
use std::path::PathBuf;

use buswork_wiring::config::Config;
use buswork_wiring::graph::{Grade, Wiring};
use buswork_wiring::scan::scan;
use tempfile::TempDir;

/// Reads files that are given as text.
fn read(files: &[(&str, &str)], config: &Config) -> Wiring {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let paths: Vec<PathBuf> = vec![folder.path().to_path_buf()];
    scan(folder.path(), &paths, config)
}

/// All edges, a line each; with the grade where that is not certain.
fn edges(wiring: &Wiring) -> Vec<String> {
    let graded = |grade: Grade| match grade {
        Grade::Certain => String::new(),
        other => format!(" [{other}]"),
    };
    let mut edges = Vec::new();
    for publish in &wiring.publishes {
        let (function, verb, event) = (&publish.function, &publish.verb, &publish.event);
        let grade = graded(publish.grade);
        edges.push(format!("{function} -{verb}-> {event}{grade}"));
    }
    for subscription in &wiring.subscriptions {
        let (event, verb) = (&subscription.event, &subscription.verb);
        let (handler, grade) = (&subscription.handler, graded(subscription.grade));
        edges.push(format!("{event} -{verb}-> {handler}{grade}"));
    }
    for cascade in &wiring.cascades {
        let (handler, event, grade) = (&cascade.handler, &cascade.event, graded(cascade.grade));
        edges.push(format!("{handler} leads to {event}{grade}"));
    }
    edges
}
