//! `buswork wiring lock`, and `--locked`: the wiring as a file to commit.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use buswork_wiring::graph::Location;
use buswork_wiring::lock::{Change, compare, read as parse, write};
use buswork_wiring::render::{Note, RuleText, Severity};

use super::arguments::Common;
use super::read::{self, Reading};
use crate::failure::Failure;
use crate::output::Terminal;

const FILE: &str = "wiring.lock.json";
/// What a change of the wiring is called among the rules.
const RULE: &str = "locked";

/// Writes the file.
pub(super) fn run(
    paths: &[PathBuf],
    common: &Common,
    terminal: &Terminal,
) -> Result<ExitCode, Failure> {
    let reading = read::read(paths, common, terminal)?;
    let mut problems = reading.wiring.problems.iter();
    if let Some(problem) = problems.find(|problem| problem.is_loss()) {
        return Err(Failure::new(format!(
            "{} could not be read, and what is in it would be missing from {FILE}: {}",
            problem.file, problem.message
        )));
    }
    let path = place(common, &reading);
    let text = write(&reading.wiring);
    if content(&path).is_ok_and(|old| old == text) {
        terminal.remark(&format!("{} is up to date", from_here(&path).display()));
        return Ok(ExitCode::SUCCESS);
    }
    terminal.write(Some(&path), &text)?;
    terminal.remark(&format!("{} is written", from_here(&path).display()));
    Ok(ExitCode::SUCCESS)
}

/// The path as one would type it.
fn from_here(path: &Path) -> &Path {
    let here = env::current_dir().ok();
    here.and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path)
}

/// What changed since the file was written.
pub(super) fn changes(common: &Common, reading: &Reading) -> Result<Vec<Change>, Failure> {
    let path = place(common, reading);
    let text = content(&path).map_err(|error| unread(&path, &error))?;
    let lock =
        parse(&text).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    Ok(compare(&lock, &reading.wiring))
}

/// What the file says. Something else in its place, such as a pipe, might be waited for without end.
fn content(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.is_file() {
        fs::read_to_string(path)
    } else {
        Err(io::Error::other("it is no ordinary file"))
    }
}

/// Where the file is: in the root, unless something else is said.
fn place(common: &Common, reading: &Reading) -> PathBuf {
    let default = || reading.root.join(FILE);
    common.lock_file.clone().unwrap_or_else(default)
}

/// What the file is called in findings: its path from the root, if it is in there.
pub(super) fn name(common: &Common, reading: &Reading) -> String {
    let path = place(common, reading);
    let full = path.canonicalize().unwrap_or_else(|_| path.clone());
    let inside = full.strip_prefix(&reading.root).unwrap_or(&path);
    inside.display().to_string().replace('\\', "/")
}

/// What there is to say about such findings.
pub(super) fn text() -> RuleText {
    RuleText {
        code: RULE.to_owned(),
        name: "wiring-changed".to_owned(),
        summary: format!("the wiring is not what {FILE} says"),
        help: "A change of the wiring is to be seen in review: run `buswork wiring lock`, and \
               commit what it writes."
            .to_owned(),
    }
}

fn unread(path: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => Failure::new(format!(
            "there is no {}: write it with `buswork wiring lock`, and commit it",
            path.display()
        )),
        _ => Failure::of_file(path, "read", error),
    }
}

/// A change as a finding.
pub(super) fn note(change: &Change, file: &str) -> Note {
    Note {
        rule: RULE.to_owned(),
        severity: Severity::Error,
        message: change.to_string(),
        location: Some(Location {
            file: file.to_owned(),
            line: 1,
        }),
        names: vec![change.event.clone(), change.function.clone()],
        path: Vec::new(),
        fingerprint: change.to_string(),
        help: "fix: run `buswork wiring lock` if this is meant".to_owned(),
    }
}
