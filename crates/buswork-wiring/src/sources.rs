//! The files to read: found, and read as text.

use std::fs;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use ignore::gitignore::Gitignore;

use crate::graph::Problem;

/// Files larger than this are not written by people.
const LARGEST: u64 = 8 << 20;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the root of the scan, with `/`.
    pub(crate) file: String,
    /// What it says.
    pub(crate) text: String,
}

/// Files found, by language, as paths; sorted.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) python: Vec<PathBuf>,
    pub(crate) rust: Vec<PathBuf>,
    pub(crate) problems: Vec<Problem>,
}

/// Finds the files at or below some paths. What version control ignores is left out, hidden folders
/// and virtual environments too. No symbolic link is followed, and a path that leads out of the root
/// by one is not read.
pub(crate) fn find(root: &Path, paths: &[PathBuf], exclude: &[String]) -> Found {
    let mut found = Found::default();
    let mut overrides = ignore::overrides::OverrideBuilder::new(root);
    for pattern in exclude {
        if let Err(error) = overrides.add(&format!("!{pattern}")) {
            found
                .problems
                .push(problem(pattern, &format!("no pattern of paths: {error}")));
        }
    }
    let overrides = overrides
        .build()
        .unwrap_or_else(|_| ignore::overrides::Override::empty());
    for path in paths {
        let path = if path.is_absolute() {
            path.clone()
        } else {
            root.join(path)
        };
        if !path.exists() {
            found.problems.push(problem(
                &relative(root, &path),
                "there is no such file or folder",
            ));
            continue;
        }
        if leads_out(root, &path) {
            let text = "not read: a symbolic link leads out of the root here";
            found.problems.push(problem(&relative(root, &path), text));
            continue;
        }
        let is_repository = path.ancestors().any(|above| above.join(".git").exists());
        let rules = if is_repository {
            Vec::new()
        } else {
            rules_between(root, &path)
        };
        let mut walk = WalkBuilder::new(&path);
        // A repository looks for ignore files up to its top. Where there is none, those above the root
        // are of somebody's home, and mean other things.
        walk.overrides(overrides.clone())
            .require_git(is_repository)
            .parents(is_repository)
            .follow_links(false);
        walk.filter_entry(move |entry| {
            let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            if is_folder && is_left_out(entry.path()) {
                return false;
            }
            let is_ignored = |rules: &Gitignore| rules.matched(entry.path(), is_folder).is_ignore();
            !rules.iter().any(is_ignored)
        });
        for entry in walk.build() {
            match entry {
                Ok(entry) => take(root, entry.path(), &mut found),
                Err(error) => {
                    let text = error.to_string();
                    found.problems.push(problem(
                        &relative(root, &path),
                        &format!("not read: {text}"),
                    ));
                }
            }
        }
    }
    for list in [&mut found.python, &mut found.rust] {
        list.sort();
        list.dedup();
    }
    found
}

/// What the ignore files say from the root down to the folder of a path. Those below it are found on
/// the way.
fn rules_between(root: &Path, path: &Path) -> Vec<Gitignore> {
    let above = path.ancestors().skip(1);
    let folders = above.take_while(|folder| folder.starts_with(root));
    let files = folders.flat_map(|folder| [".gitignore", ".ignore"].map(|name| folder.join(name)));
    let files = files.filter(|file| file.is_file());
    files.map(|file| Gitignore::new(file).0).collect()
}

/// Whether a path below the root is really elsewhere. One that is asked for outside of it is no trap.
fn leads_out(root: &Path, path: &Path) -> bool {
    let (Ok(true_root), Ok(true_path)) = (root.canonicalize(), path.canonicalize()) else {
        return false;
    };
    path.starts_with(root) && !true_path.starts_with(true_root)
}

fn take(root: &Path, path: &Path, found: &mut Found) {
    let Some(extension) = path.extension().and_then(|extension| extension.to_str()) else {
        return;
    };
    if !matches!(extension, "py" | "rs") {
        return;
    }
    let Ok(about) = fs::symlink_metadata(path) else {
        return;
    };
    if about.is_symlink() || about.is_dir() {
        // What a link within the root points to is read there, once.
        return;
    }
    if !about.is_file() {
        // A pipe would have the scan wait for ever.
        let text = "not read: it is no ordinary file";
        found.problems.push(problem(&relative(root, path), text));
        return;
    }
    if about.len() > LARGEST {
        let text = format!(
            "not read: {} MiB is more than a source file has",
            about.len() >> 20
        );
        found.problems.push(problem(&relative(root, path), &text));
        return;
    }
    match extension {
        "py" => found.python.push(path.to_path_buf()),
        _ => found.rust.push(path.to_path_buf()),
    }
}

/// Folders that hold what others wrote or what was made.
fn is_left_out(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    matches!(
        name,
        "__pycache__" | "node_modules" | "target" | "site-packages"
    ) || path.join("pyvenv.cfg").is_file()
}

/// The text of some bytes, and whether they were UTF-8; others are read as Latin-1, byte by byte.
pub(crate) fn text_of(bytes: Vec<u8>) -> (String, bool) {
    match String::from_utf8(bytes) {
        Ok(text) => match text.strip_prefix('\u{feff}') {
            Some(rest) => (rest.to_owned(), true),
            None => (text, true),
        },
        Err(error) => (
            error
                .into_bytes()
                .iter()
                .map(|&byte| char::from(byte))
                .collect(),
            false,
        ),
    }
}

/// Whether a file of Python says which encoding it is in, in a comment of its first two lines:
/// `# -*- coding: latin-1 -*-`.
pub(crate) fn declares_encoding(text: &str) -> bool {
    let declares = |line: &str| {
        let comment = line.trim_start().strip_prefix('#');
        let after = comment.and_then(|comment| comment.split_once("coding"));
        after.is_some_and(|(_, after)| after.starts_with([':', '=']))
    };
    text.lines().take(2).any(declares)
}

/// What is said of a file that is not UTF-8.
pub(crate) const LATIN: &str = crate::graph::READ_AS_LATIN;

pub(crate) fn problem(file: &str, message: &str) -> Problem {
    Problem {
        file: file.to_owned(),
        line: 0,
        message: message.to_owned(),
    }
}

/// A path relative to the root, with `/`.
pub(crate) fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let parts = below
        .components()
        .map(|part| part.as_os_str().to_string_lossy());
    let parts: Vec<_> = parts.filter(|part| part != ".").collect();
    if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    }
}
