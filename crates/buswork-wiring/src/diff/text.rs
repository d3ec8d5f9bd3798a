//! The change as text, for a terminal or a review.

use std::fmt;

use super::{Diff, EdgeChange, EdgeFate, EdgeKind};
use crate::text::{columns, counted, printable};

impl fmt::Display for Diff {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return formatter.write_str("the wiring is the same\n");
        }
        let events = named(&self.events_added, &self.events_removed);
        section(formatter, "events", &events)?;
        let handlers = named(&self.handlers_added, &self.handlers_removed);
        section(formatter, "handlers", &handlers)?;
        for (kind, title) in [
            (EdgeKind::Publish, "who publishes"),
            (EdgeKind::Subscription, "who handles"),
            (EdgeKind::Cascade, "what follows"),
        ] {
            let edges = self.edges.iter().filter(|edge| edge.kind == kind);
            let rows: Vec<Vec<String>> = edges.map(row).collect();
            section(formatter, title, &rows)?;
        }
        writeln!(formatter, "{}", self.sum())
    }
}

impl Diff {
    /// One line: how many edges came, went and changed.
    pub fn sum(&self) -> String {
        let count =
            |is: fn(&EdgeFate) -> bool| self.edges.iter().filter(|edge| is(&edge.change)).count();
        let added = count(|fate| matches!(fate, EdgeFate::Added { .. }));
        let removed = count(|fate| matches!(fate, EdgeFate::Removed));
        let rerouted = count(|fate| matches!(fate, EdgeFate::Rerouted { .. }));
        let changed = self.edges.len() - added - removed - rerouted;
        format!(
            "{} added, {removed} removed, {rerouted} re-routed, {changed} changed",
            counted(added, "edge", "edges"),
        )
    }
}

fn section(formatter: &mut fmt::Formatter<'_>, title: &str, rows: &[Vec<String>]) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    write!(formatter, "{title}\n{}\n", columns("  ", rows))
}

fn named(added: &[String], removed: &[String]) -> Vec<Vec<String>> {
    let row = |sign: &str, id: &String| vec![format!("{sign} {}", printable(id))];
    let added = added.iter().map(|id| row("+", id));
    added.chain(removed.iter().map(|id| row("-", id))).collect()
}

fn row(edge: &EdgeChange) -> Vec<String> {
    let (event, function) = (printable(&edge.event), printable(&edge.function));
    let (from, arrow, to) = match edge.kind {
        EdgeKind::Subscription => (event, "→", function),
        EdgeKind::Publish | EdgeKind::Cascade => (function, "→", event),
    };
    let (sign, remark) = match &edge.change {
        EdgeFate::Added { grade } => ("+", grade.to_string()),
        EdgeFate::Removed => ("-", String::new()),
        EdgeFate::Rerouted {
            was_event,
            was_function,
        } => {
            let was = if *was_event == edge.event {
                was_function
            } else {
                was_event
            };
            ("~", format!("was {}", printable(was)))
        }
        EdgeFate::Regraded { was, grade } => ("~", format!("{was} became {grade}")),
        EdgeFate::Altered { was, now } => {
            ("~", format!("{} became {}", printable(was), printable(now)))
        }
    };
    vec![format!("{sign} {from}"), format!("{arrow} {to}"), remark]
}
