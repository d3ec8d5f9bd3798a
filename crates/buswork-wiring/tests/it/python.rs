//! Reading Python: what is found in small programs, a file a step of the ladder, from names to what
//! cannot be told.

mod cascades;
mod constructed;
mod details;
mod events;
mod flow;
mod handlers;
mod hierarchy;
mod homemade;
mod names;
mod no_bus;
mod reach;
mod receivers;
mod unresolved;
mod wrappers;

use std::fs;

use buswork_wiring::config::Config;
use buswork_wiring::graph::{Step, Wiring};
use buswork_wiring::scan::scan;
use tempfile::TempDir;

/// The events of the programs here.
const EVENTS: &str = "
class OrderPlaced: ...
class InvoicePaid: ...
class MailSent: ...
";

/// The first line of the programs here.
const FIRST: &str = "from buswork import EventBus, handles; \
    from events import OrderPlaced, InvoicePaid, MailSent; bus = EventBus()";

/// Reads files that are given as text.
fn read(files: &[(&str, &str)]) -> Wiring {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let paths = [folder.path().to_path_buf()];
    let wiring = scan(folder.path(), &paths, &Config::default());
    assert!(wiring.problems.is_empty(), "{:?}", wiring.problems);
    wiring
}

/// Reads a program of one file, which has the events and a bus at hand.
fn read_shop(code: &str) -> Wiring {
    let shop = format!("{FIRST}{code}");
    read(&[("events.py", EVENTS), ("shop.py", &shop)])
}

/// All edges of some files, a line each, sorted.
fn edges(files: &[(&str, &str)]) -> String {
    lines_of(&read(files))
}

/// All edges of a program that has the events and a bus at hand.
fn shop(code: &str) -> String {
    lines_of(&read_shop(code))
}

fn lines_of(wiring: &Wiring) -> String {
    let mut lines = Vec::new();
    for publish in &wiring.publishes {
        let (event, function, grade) = (&publish.event, &publish.function, publish.grade);
        let verb = match &*publish.verb {
            "construct" => "construct",
            _ => "publish",
        };
        let through = steps("through", &publish.through);
        lines.push(format!("{verb} {event} by {function} {grade}{through}"));
    }
    for subscription in &wiring.subscriptions {
        let (event, handler, grade) = (
            &subscription.event,
            &subscription.handler,
            subscription.grade,
        );
        let exact = if subscription.exact { " exact" } else { "" };
        let never = match &*subscription.never {
            "" => String::new(),
            never => format!(" never: {never}"),
        };
        lines.push(format!("handle {event} by {handler} {grade}{exact}{never}"));
    }
    for cascade in &wiring.cascades {
        let (handler, event, grade) = (&cascade.handler, &cascade.event, cascade.grade);
        let path = steps("at", &cascade.path);
        lines.push(format!("cascade {handler} to {event} {grade}{path}"));
    }
    for site in &wiring.unresolved {
        let (kind, location, reason) = (site.site.name(), &site.location, &site.reason);
        lines.push(format!("unresolved {kind} at {location}: {reason}"));
    }
    lines.sort();
    lines.join("\n")
}

/// ` through shop:send:4 > shop:take:7`; nothing for no steps.
fn steps(word: &str, steps: &[Step]) -> String {
    let places: Vec<String> = steps
        .iter()
        .map(|step| format!("{}:{}", step.function, step.location.line))
        .collect();
    if places.is_empty() {
        return String::new();
    }
    format!(" {word} {}", places.join(" > "))
}

/// Compares lines: those that are there with those that should be.
#[track_caller]
fn assert_lines(found: &str, expected: &[&str]) {
    let found: Vec<&str> = found.lines().collect();
    assert_eq!(found, expected);
}
