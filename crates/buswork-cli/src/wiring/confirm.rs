//! `--confirm`: the map held against what ran.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use buswork_wiring::confirm::{Confirmation, Observed, confirm};
use buswork_wiring::graph::Wiring;
use buswork_wiring::trace::{Trace, files, files_of_one_trace, read_all};

use super::arguments::Confirming;
use crate::failure::Failure;
use crate::output::Terminal;

/// The map held against the traces, if there are any.
pub(super) fn held(
    asked: &Confirming,
    wiring: &Wiring,
    terminal: &Terminal,
) -> Result<Option<Confirmation>, Failure> {
    if asked.confirm.is_empty() {
        return Ok(None);
    }
    let trace = read_all(opened(&all_files(&asked.confirm, terminal)?)?);
    tell_of(&trace, terminal)?;
    Ok(Some(confirm(wiring, &Observed::from(&trace))))
}

/// A recall that is lower than what is asked for is a reason to fail; so is none at all, since
/// nothing was proved then.
pub(super) fn code(asked: &Confirming, confirmation: Option<&Confirmation>) -> ExitCode {
    let (Some(least), Some(confirmation)) = (asked.recall, confirmation) else {
        return ExitCode::SUCCESS;
    };
    match confirmation.recall.share() {
        Some(share) if share >= least => ExitCode::SUCCESS,
        _ => ExitCode::from(1),
    }
}

/// The files that were named, and the full ones of the same traces before each; none twice.
fn all_files(named: &[PathBuf], terminal: &Terminal) -> Result<Vec<PathBuf>, Failure> {
    let mut all: Vec<PathBuf> = Vec::new();
    for path in named {
        if !path.exists() {
            return Err(Failure::new(format!(
                "there is no trace {}: a bus writes one by `bus.trace(path)`",
                path.display()
            )));
        }
        if path.is_dir() {
            return Err(Failure::new(format!("{} is no file", path.display())));
        }
        if !path.is_file() {
            // A pipe: it can be read once, and has nothing beside it.
            all.push(path.clone());
            continue;
        }
        let ours = files_of_one_trace(path);
        let others = files(path).len() - ours.len();
        if others > 0 {
            terminal.remark(&format!(
                "{others} of the files beside {} are of earlier traces, and are left out: name \
                 them to have them in",
                path.display()
            ));
        }
        all.extend(ours);
    }
    let mut seen = Vec::new();
    all.retain(|path| {
        let is_new = !seen.contains(path);
        seen.push(path.clone());
        is_new
    });
    Ok(all)
}

fn opened(paths: &[PathBuf]) -> Result<Vec<File>, Failure> {
    let open = |path: &PathBuf| {
        File::open(path).map_err(|error| Failure::of_file(Path::new(path), "read", &error))
    };
    paths.iter().map(open).collect()
}

/// Says what could not be read. A trace of a program that was killed ends within a line: that is no
/// failure. What is no trace at all is one.
fn tell_of(trace: &Trace, terminal: &Terminal) -> Result<(), Failure> {
    let edges = trace.publishes.len() + trace.deliveries.len() + trace.cascades.len();
    if let Some(first) = trace.problems.first() {
        let told = format!("line {} {}", first.line, first.message);
        if edges == 0 {
            return Err(Failure::new(format!("the trace cannot be used: {told}")));
        }
        let others = (trace.problems.len() as u64 - 1) + trace.more_problems;
        let others = match others {
            0 => String::new(),
            number => format!(", and {number} more like it"),
        };
        terminal.remark(&format!("left out of the trace: {told}{others}"));
    }
    if trace.more > 0 {
        terminal.remark(&format!(
            "{} records had edges for which the trace has no room: the recall is without them",
            trace.more
        ));
    }
    Ok(())
}
