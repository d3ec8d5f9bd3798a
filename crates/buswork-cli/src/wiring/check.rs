//! What is wrong with the wiring, and how to end because of it.

use std::process::ExitCode;

use buswork_wiring::graph::Problem;
use buswork_wiring::lock::Change;
use buswork_wiring::render::{Marker, Note, RuleText, Severity};
use buswork_wiring::rules::{Finding, Rule, check, rules};

use super::arguments::{Checking, Common};
use super::lock;
use super::read::Reading;
use crate::failure::Failure;
use crate::output::Terminal;

/// What was found, and the two forms that it is drawn in.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) findings: Vec<Finding>,
    /// What changed since the lock file was written, if that is asked.
    pub(super) changes: Option<Vec<Change>>,
    pub(super) notes: Vec<Note>,
    /// Remarks beside handlers and events in a tree.
    pub(super) markers: Vec<Marker>,
}

/// The findings of the rules, and what changed since the lock file was written, if that is asked.
pub(super) fn findings(
    checking: &Checking,
    common: &Common,
    reading: &Reading,
) -> Result<Found, Failure> {
    let findings = check(&reading.wiring, &reading.config);
    let markers = findings.iter().flat_map(markers).collect();
    let changes = checking
        .locked
        .then(|| lock::changes(common, reading))
        .transpose()?;
    let notes = findings.iter().cloned().map(note);
    let file = lock::name(common, reading);
    let from_lock = changes.iter().flatten();
    let from_lock = from_lock.map(|change| lock::note(change, &file));
    Ok(Found {
        notes: notes.chain(from_lock).collect(),
        markers,
        findings,
        changes,
    })
}

/// Says which contexts are bounded by nothing: mistyped, they are never crossed.
pub(super) fn tell_of_unmet(reading: &Reading, terminal: &Terminal) {
    for (context, pattern) in reading.config.unmet(&reading.wiring) {
        terminal.remark(&format!(
            "the context `{context}` names `{pattern}`, but nothing that was read is in such a module"
        ));
    }
}

/// A finding is told beside the handlers that it is about, or else beside the events; what is no
/// more than worth a look would make a tree hard to read.
fn markers(finding: &Finding) -> Vec<Marker> {
    if finding.severity < Severity::Warning {
        return Vec::new();
    }
    let (about, beside) = if finding.handlers.is_empty() {
        (&finding.events, &[][..])
    } else {
        (&finding.handlers, finding.events.as_slice())
    };
    let text = format!("{} {}", finding.rule, finding.message);
    about
        .iter()
        .map(|id| Marker {
            id: id.clone(),
            events: beside.to_vec(),
            text: text.clone(),
        })
        .collect()
}

/// What there is to say about every rule.
pub(super) fn texts() -> Vec<RuleText> {
    rules()
        .iter()
        .map(|rule| text(rule))
        .chain([lock::text()])
        .collect()
}

/// Errors and warnings are a reason to fail; if it is strict, remarks are too. A file that was not
/// read is a worse one: nobody knows what stands in it.
pub(super) fn code(checking: &Checking, reading: &Reading, notes: &[Note]) -> ExitCode {
    if !checking.check {
        return ExitCode::SUCCESS;
    }
    if reading.wiring.problems.iter().any(Problem::is_loss) {
        return ExitCode::from(2);
    }
    let fails = |note: &Note| checking.strict || note.severity >= Severity::Warning;
    if notes.iter().any(fails) {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    }
}

fn note(finding: Finding) -> Note {
    let Finding {
        rule,
        severity,
        message,
        location,
        events,
        handlers,
        path,
        ..
    } = finding;
    Note {
        rule: rule.to_owned(),
        severity,
        message,
        location: (!location.file.is_empty()).then_some(location),
        names: events
            .into_iter()
            .chain(handlers)
            .chain(finding.functions)
            .collect(),
        path,
        fingerprint: finding.fingerprint,
        help: format!("fix: {}", finding.fix),
    }
}

fn text(rule: &Rule) -> RuleText {
    RuleText {
        code: rule.code.to_owned(),
        name: rule.name.to_owned(),
        summary: rule.summary.to_owned(),
        help: format!("{}\n\nFix: {}", rule.explanation, rule.fix),
    }
}
