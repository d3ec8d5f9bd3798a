//! The programs that a project declares: its scripts and entry points, by which they are started or
//! loaded without an import in sight.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// The modules of scripts and entry points that `pyproject.toml` and `setup.cfg` declare, at the root
/// and in the folders that are read.
pub(crate) fn programs(root: &Path, paths: &[PathBuf]) -> Vec<String> {
    let folders = paths.iter().map(|path| root.join(path));
    let mut folders: Vec<PathBuf> = folders.chain([root.to_path_buf()]).collect();
    folders.sort();
    folders.dedup();
    let mut found = Vec::new();
    for folder in folders {
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        found.extend(in_project(&read("pyproject.toml")));
        found.extend(in_setup(&read("setup.cfg")));
    }
    found
}

fn in_project(text: &str) -> Vec<String> {
    let Ok(all) = text.parse::<Table>() else {
        return Vec::new();
    };
    let project = all.get("project");
    let poetry = all.get("tool").and_then(|tool| tool.get("poetry"));
    let tables = [
        project.and_then(|table| table.get("scripts")),
        project.and_then(|table| table.get("gui-scripts")),
        project.and_then(|table| table.get("entry-points")),
        poetry.and_then(|table| table.get("scripts")),
        poetry.and_then(|table| table.get("plugins")),
    ];
    let mut found = Vec::new();
    for table in tables.into_iter().flatten() {
        texts(table, &mut found);
    }
    found
}

/// The modules of all references within: `"shop.worker:run"`, also in groups and in tables of their own.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.extend(module_of(text)),
        Value::Table(table) => table.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

/// The lines of `[options.entry_points]`: `shop-worker = shop.worker:run`.
fn in_setup(text: &str) -> Vec<String> {
    let lines = text
        .lines()
        .skip_while(|line| line.trim() != "[options.entry_points]");
    let lines = lines.skip(1).take_while(|line| !line.starts_with('['));
    lines
        .filter_map(|line| module_of(line.split_once('=')?.1))
        .collect()
}

/// `shop.worker` of `shop.worker:run [extra]`.
fn module_of(reference: &str) -> Option<String> {
    let module = reference
        .split([':', '['])
        .next()
        .unwrap_or_default()
        .trim();
    let is_dotted = !module.is_empty()
        && module
            .chars()
            .all(|one| one.is_alphanumeric() || matches!(one, '_' | '.'));
    is_dotted.then(|| module.to_owned())
}
