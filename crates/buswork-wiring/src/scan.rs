//! Reads all files below some paths, and links them into one graph.

use std::fs;
use std::path::{Path, PathBuf};

use crate::adapters::presets;
use crate::config::Config;
use crate::graph::{Problem, Wiring};
use crate::python::{self, ReadFile};
use crate::sources;

/// Reads the Python and Rust files at or below `paths`, and links them into one graph. Locations
/// are relative to `root`.
///
/// Never fails: what cannot be read is listed in [`Wiring::problems`].
pub fn scan(root: &Path, paths: &[PathBuf], config: &Config) -> Wiring {
    let found = sources::find(root, paths, &[]);
    let mut problems = found.problems;
    let mut files = Vec::new();
    for path in &found.python {
        match fs::read(path) {
            Ok(bytes) => {
                let (source, said) = sources::read(root, path, bytes);
                problems.extend(said);
                let (summary, packed) = python::read(&source.text);
                files.push(ReadFile {
                    path: source.file,
                    summary,
                    packed,
                });
            }
            Err(error) => problems.push(not_read(root, path, &error)),
        }
    }
    let mut adapters = presets();
    adapters.extend(config.adapters.iter().cloned());
    let roots: Vec<String> = paths
        .iter()
        .map(|path| sources::relative(root, path))
        .collect();
    let mut wiring = python::link(files, &roots, &[], &adapters);
    wiring.problems.extend(problems);
    wiring.scope.paths = roots;
    wiring.finish();
    wiring
}

fn not_read(root: &Path, path: &Path, error: &std::io::Error) -> Problem {
    sources::problem(
        &sources::relative(root, path),
        &format!("not read: {error}"),
    )
}
