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
    nothing_to_compare(&compare.paths, &old, &new).map_or(Ok(()), Err)?;
    let (old, new) = (old.wiring, new.wiring);
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

/// One of the two graphs.
struct Side {
    wiring: Wiring,
    /// The paths that it has not, if it is code.
    missing: Option<Vec<PathBuf>>,
}

impl Side {
    /// Whether this is code without any in it.
    fn is_bare(&self) -> bool {
        let Wiring {
            scope, problems, ..
        } = &self.wiring;
        self.missing.is_some() && scope.python_files + scope.rust_files == 0 && problems.is_empty()
    }
}

/// Why both sides are the same whatever happened: a path is mistyped, or leads to no code.
fn nothing_to_compare(paths: &[PathBuf], old: &Side, new: &Side) -> Option<Failure> {
    if let (Some(before), Some(now)) = (&old.missing, &new.missing)
        && let Some(path) = before.iter().find(|path| now.contains(path))
    {
        return Some(Failure::new(format!(
            "there is no file or folder {} on either side: paths are told from the root",
            path.display()
        )));
    }
    if !(old.is_bare() && new.is_bare()) {
        return None;
    }
    let paths: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let place = if paths.is_empty() {
        String::new()
    } else {
        format!(" at {}", paths.join(", "))
    };
    Some(Failure::new(format!(
        "there is no file of Python or Rust{place} on either side: give the folder that the code \
         is in"
    )))
}

/// One of the two graphs: in a JSON file, of a folder, or of a revision.
fn side(
    name: &str,
    paths: &[PathBuf],
    common: &Common,
    terminal: &Terminal,
) -> Result<Side, Failure> {
    let path = Path::new(name);
    if path.is_file() {
        return Ok(Side {
            wiring: read::from_json(path)?,
            missing: None,
        });
    }
    if path.is_dir() {
        return of_folder(path, paths, common, terminal);
    }
    let root = read::root(&[], common)?;
    let revision = Revision::check_out(&root, name)?;
    of_folder(&revision.root(), paths, common, terminal).map_err(|failure| failure.about(name))
}

/// The paths are told from the root, and are looked for in the folder. What only one side has is a
/// change, not a mistake.
fn of_folder(
    folder: &Path,
    paths: &[PathBuf],
    common: &Common,
    terminal: &Terminal,
) -> Result<Side, Failure> {
    if let Some(path) = paths.iter().find(|path| path.is_absolute()) {
        return Err(Failure::new(format!(
            "{} must be told from the root, to be found on both sides",
            path.display()
        )));
    }
    let folder = read::in_full(folder)?;
    let config = read::config(&folder, common)?;
    let is_here = |path: &PathBuf| folder.join(path).exists();
    let (here, missing): (Vec<PathBuf>, _) = paths.iter().cloned().partition(is_here);
    let mut inside: Vec<PathBuf> = here.iter().map(|path| folder.join(path)).collect();
    if paths.is_empty() {
        inside.push(folder.clone());
    }
    Ok(Side {
        wiring: read::from_code(&folder, &inside, &config, None, terminal),
        missing: Some(missing),
    })
}
