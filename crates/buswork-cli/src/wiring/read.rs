//! Comes by a graph: from code, or from a JSON file.

use std::fs;
use std::path::{Path, PathBuf};

use buswork_wiring::config::Config;
use buswork_wiring::graph::{SCHEMA, Wiring};
use buswork_wiring::scan::{Options, scan_with};

use super::arguments::Common;
use super::cache;
use crate::failure::Failure;
use crate::output::Terminal;
use crate::progress::Progress;

/// What makes a folder the root of a project.
const SIGNS: [&str; 3] = ["pyproject.toml", "Cargo.toml", ".git"];

/// A graph, and where it comes from.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) wiring: Wiring,
    pub(crate) config: Config,
    /// What places are relative to.
    pub(crate) root: PathBuf,
}

/// Reads code, or the one JSON file that is given.
pub(crate) fn read(
    paths: &[PathBuf],
    common: &Common,
    terminal: &Terminal,
) -> Result<Reading, Failure> {
    if let [path] = paths
        && is_json(path)
    {
        let root = root(&[], common)?;
        return Ok(Reading {
            wiring: from_json(path)?,
            config: config(&root, common)?,
            root,
        });
    }
    let paths = existing(paths)?;
    let root = root(&paths, common)?;
    if let Some(outside) = paths.iter().find(|path| !path.starts_with(&root)) {
        return Err(Failure::new(format!(
            "{} lies outside of {}: give --root a folder that holds all paths",
            outside.display(),
            root.display(),
        )));
    }
    let config = config(&root, common)?;
    let cache = if common.no_cache {
        None
    } else {
        cache::folder(&root, &paths)
    };
    let wiring = from_code(&root, &paths, &config, cache, terminal);
    if wiring.scope.python_files + wiring.scope.rust_files == 0 && wiring.problems.is_empty() {
        let paths: Vec<String> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        return Err(Failure::new(format!(
            "there is no file of Python or Rust at {}, or version control ignores it: give the \
             folder that the code is in",
            paths.join(", ")
        )));
    }
    Ok(Reading {
        wiring,
        config,
        root,
    })
}

/// The one place that calls the reader. Without a folder for it, nothing is remembered.
pub(super) fn from_code(
    root: &Path,
    paths: &[PathBuf],
    config: &Config,
    cache: Option<PathBuf>,
    terminal: &Terminal,
) -> Wiring {
    let progress = Progress::begin(terminal.shows_progress());
    let tell = |done, all| progress.tell(done, all);
    let remark = |text: &str| terminal.remark(text);
    let options = Options {
        cache,
        progress: Some(&tell),
        remark: Some(&remark),
        ..Options::default()
    };
    scan_with(root, paths, config, &options)
}

/// Whether the path is a graph that was written before.
pub(crate) fn is_json(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "json")
        && path.is_file()
}

/// The graph in a JSON file. Its indices are worked out anew: a file may say anything.
pub(crate) fn from_json(path: &Path) -> Result<Wiring, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::of_file(path, "read", &error))?;
    let mut wiring: Wiring = serde_json::from_str(&text).map_err(|error| {
        Failure::new(format!(
            "{} is no wiring: {error}; write one with `buswork wiring --format json`",
            path.display()
        ))
    })?;
    if wiring.schema != SCHEMA {
        return Err(Failure::new(format!(
            "{} has the form {:?}, and this version reads {SCHEMA:?}: write it anew",
            path.display(),
            wiring.schema,
        )));
    }
    wiring.finish();
    Ok(wiring)
}

/// The paths in full; the current folder for none.
fn existing(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let here = [PathBuf::from(".")];
    let paths = if paths.is_empty() { &here } else { paths };
    paths.iter().map(|path| in_full(path)).collect()
}

pub(super) fn in_full(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::new(format!(
            "there is no file or folder {}: give the folder that the code is in",
            path.display()
        )),
        _ => Failure::of_file(path, "read", &error),
    })
}

pub(super) fn root(paths: &[PathBuf], common: &Common) -> Result<PathBuf, Failure> {
    if let Some(root) = &common.root {
        let root = in_full(root)?;
        if !root.is_dir() {
            return Err(Failure::new(format!(
                "--root {} is no folder",
                root.display()
            )));
        }
        return Ok(root);
    }
    let here = in_full(Path::new("."))?;
    match paths.iter().find(|path| !path.starts_with(&here)) {
        None => Ok(here),
        Some(_) => Ok(project_of(&paths[0])),
    }
}

/// The nearest folder at or above the path that looks like the root of a project, or the path's own
/// folder.
fn project_of(path: &Path) -> PathBuf {
    let folder = if path.is_dir() {
        path
    } else {
        path.parent().unwrap_or(path)
    };
    let signed = |folder: &&Path| SIGNS.iter().any(|sign| folder.join(sign).exists());
    folder.ancestors().find(signed).unwrap_or(folder).to_owned()
}

pub(super) fn config(root: &Path, common: &Common) -> Result<Config, Failure> {
    let Some(path) = &common.config else {
        return Ok(Config::find(root)?);
    };
    let text = fs::read_to_string(path).map_err(|error| Failure::of_file(path, "read", &error))?;
    Ok(Config::parse(&path.display().to_string(), &text)?)
}
