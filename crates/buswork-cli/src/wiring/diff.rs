//! `buswork wiring diff`: what changed between two graphs.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use buswork_wiring::diff::diff;
use buswork_wiring::graph::Wiring;
use buswork_wiring::render::figures::coverage;
use buswork_wiring::text::printable;

use super::arguments::{Common, Compare, DiffFormat};
use super::git::Revision;
use super::read;
use crate::failure::Failure;
use crate::output::Terminal;

pub(super) fn run(
    compare: &Compare,
    common: &Common,
    terminal: &Terminal,
) -> Result<ExitCode, Failure> {
    let old = side(&compare.old, &compare.paths, common, terminal)?;
    let new = side(&compare.new, &compare.paths, common, terminal)?;
    let changes = diff(&old, &new);
    let text = match compare.format {
        DiffFormat::Text => changes.to_string() + &shares(compare, &old, &new),
        DiffFormat::Mermaid => changes.mermaid(),
        DiffFormat::Json => serde_json::to_string_pretty(&changes)? + "\n",
    };
    terminal.write(None, &text)?;
    Ok(ExitCode::SUCCESS)
}

/// How much of each side was resolved: what is not, may have changed too.
fn shares(compare: &Compare, old: &Wiring, new: &Wiring) -> String {
    let mut text = String::new();
    for (name, wiring) in [(&compare.old, old), (&compare.new, new)] {
        for line in coverage(wiring) {
            let _ = writeln!(text, "{}: {line}", printable(name));
        }
    }
    text
}

/// One of the two graphs: in a JSON file, of a folder, or of a revision.
fn side(
    name: &str,
    paths: &[PathBuf],
    common: &Common,
    terminal: &Terminal,
) -> Result<Wiring, Failure> {
    let path = Path::new(name);
    if path.is_file() {
        return read::from_json(path);
    }
    if path.is_dir() {
        return of_folder(path, paths, common, terminal);
    }
    let root = read::root(&[], common)?;
    let revision = Revision::check_out(&root, name)?;
    of_folder(&revision.root(), paths, common, terminal)
        .map_err(|Failure(message)| Failure::new(format!("{name}: {message}")))
}

/// The paths are told from the root, and are looked for in the folder. What only one side has is a
/// change, not a mistake.
fn of_folder(
    folder: &Path,
    paths: &[PathBuf],
    common: &Common,
    terminal: &Terminal,
) -> Result<Wiring, Failure> {
    if let Some(path) = paths.iter().find(|path| path.is_absolute()) {
        return Err(Failure::new(format!(
            "{} must be told from the root, to be found on both sides",
            path.display()
        )));
    }
    let folder = read::in_full(folder)?;
    let config = read::config(&folder, common)?;
    let mut inside: Vec<PathBuf> = paths.iter().map(|path| folder.join(path)).collect();
    if inside.is_empty() {
        inside.push(folder.clone());
    }
    inside.retain(|path| path.exists());
    Ok(read::from_code(&folder, &inside, &config, None, terminal))
}
