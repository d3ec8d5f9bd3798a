//! Findings for people: one a line, with the way there and how to mend it beneath.

use super::figures::write_footer;
use super::note::{Note, Severity};
use super::paint::Role;
use super::text::{Cell, count, write_aligned};
use crate::graph::Wiring;

/// The findings, then how many there are, then the coverage.
pub fn notes(wiring: &Wiring, notes: &[Note], colour: bool) -> String {
    let mut out = String::new();
    for note in notes {
        write_aligned(&mut out, &lines(note), colour);
    }
    if !notes.is_empty() {
        out.push('\n');
    }
    write_aligned(
        &mut out,
        &[vec![Cell::new(total(notes), Role::Heading)]],
        colour,
    );
    write_footer(&mut out, wiring, None, colour);
    out
}

fn lines(note: &Note) -> Vec<Vec<Cell>> {
    let role = match note.severity {
        Severity::Error => Role::Wrong,
        Severity::Warning => Role::Doubt,
        Severity::Info => Role::Faint,
    };
    let place = note
        .location
        .as_ref()
        .map_or(String::new(), |place| format!("{place}: "));
    let head = Cell::new(place, Role::Plain)
        .and(format!("{} {} ", note.severity, note.rule), role)
        .and(&note.message, Role::Plain);
    let mut lines = vec![vec![head]];
    lines.extend(note.path.iter().map(|step| {
        vec![Cell::new(
            format!("    {}  {}", step.location, step.function),
            Role::Faint,
        )]
    }));
    if !note.help.is_empty() {
        lines.push(vec![Cell::new(format!("    {}", note.help), Role::Plain)]);
    }
    lines
}

fn total(notes: &[Note]) -> String {
    let of = |severity| {
        notes
            .iter()
            .filter(|note| note.severity == severity)
            .count()
    };
    let numbers = [
        (of(Severity::Error), "error"),
        (of(Severity::Warning), "warning"),
        (of(Severity::Info), "remark"),
    ];
    let parts: Vec<String> = numbers
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| count(number, what))
        .collect();
    if parts.is_empty() {
        "no findings".to_owned()
    } else {
        parts.join(", ")
    }
}
