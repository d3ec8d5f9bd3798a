//! Findings as commands that GitHub's runner turns into annotations.

use std::fmt::Write;

use super::figures::coverage;
use super::note::{Note, RuleText, Severity};
use crate::graph::Wiring;
use crate::text::printable;

/// One command a finding, `::error file=shop/orders.py,line=12,title=BW001 unhandled::message`, one
/// for each file that could not be read, or not well, and one with the coverage.
pub fn github(wiring: &Wiring, rules: &[RuleText], notes: &[Note]) -> String {
    let mut out = String::new();
    for note in notes {
        let rule = rules.iter().find(|rule| rule.code == note.rule);
        let title = rule.map_or(note.rule.clone(), |rule| {
            format!("{} {}", rule.code, rule.name)
        });
        let place = note
            .location
            .as_ref()
            .map(|place| (place.file.as_str(), place.line));
        command(&mut out, note.severity, place, &title, &message(note));
    }
    for problem in &wiring.problems {
        let place = (problem.file.as_str(), problem.line);
        let (severity, title) = if problem.is_loss() {
            (Severity::Error, "not read")
        } else {
            (Severity::Info, "read all the same")
        };
        command(&mut out, severity, Some(place), title, &problem.message);
    }
    let shown = coverage(wiring).join("\n");
    command(&mut out, Severity::Info, None, "wiring coverage", &shown);
    out
}

fn message(note: &Note) -> String {
    let mut text = note.message.clone();
    for step in &note.path {
        let _ = write!(text, "\n  {} {}", step.location, step.function);
    }
    if !note.help.is_empty() {
        let _ = write!(text, "\n{}", note.help);
    }
    text
}

fn command(
    out: &mut String,
    severity: Severity,
    place: Option<(&str, u32)>,
    title: &str,
    message: &str,
) {
    let name = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let _ = write!(out, "::{name} ");
    if let Some((file, line)) = place {
        let _ = write!(out, "file={},line={},", property(file), line.max(1));
    }
    let _ = writeln!(out, "title={}::{}", property(title), data(message));
}

/// The text of a command: nothing in it ends the line.
fn data(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| printable(line).replace('%', "%25"))
        .collect();
    lines.join("%0A")
}

/// A property of a command: nothing in it ends the property either. A newline in a name is no line
/// break, and is shown as what it is.
fn property(text: &str) -> String {
    printable(text)
        .replace('%', "%25")
        .replace(':', "%3A")
        .replace(',', "%2C")
}
