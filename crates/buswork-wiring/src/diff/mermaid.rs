//! The changed part as a drawing: new edges thick, gone ones dotted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Diff, EdgeChange, EdgeFate, EdgeKind};
use crate::text::printable;

/// More edges than this are counted, not drawn: a larger drawing is not read.
const MOST: usize = 80;

impl Diff {
    /// The changed edges and their ends as a Mermaid flow chart; empty if no edge changed.
    pub fn mermaid(&self) -> String {
        if self.edges.is_empty() {
            return String::new();
        }
        let mut drawing = Drawing::default();
        for edge in self.edges.iter().take(MOST) {
            drawing.edge(edge);
        }
        drawing.text(self.edges.len().saturating_sub(MOST))
    }
}

#[derive(Default)]
struct Drawing {
    nodes: BTreeMap<(bool, String), usize>,
    boxes: String,
    lines: Vec<String>,
}

impl Drawing {
    fn edge(&mut self, edge: &EdgeChange) {
        let (added, removed) = match &edge.change {
            EdgeFate::Added { .. } => (Some("new".to_owned()), None),
            EdgeFate::Removed => (None, Some((edge.event.as_str(), edge.function.as_str()))),
            EdgeFate::Rerouted {
                was_event,
                was_function,
            } => (
                Some("new".to_owned()),
                Some((was_event.as_str(), was_function.as_str())),
            ),
            EdgeFate::Regraded { was, grade } => (Some(format!("{was} became {grade}")), None),
            EdgeFate::Altered { was, now } => (Some(format!("{was} became {now}")), None),
        };
        if let Some(label) = added {
            let (from, to) = self.ends(edge.kind, &edge.event, &edge.function);
            self.line(format!("  {from} ==>|\"{}\"| {to}", escaped(&label)));
        }
        if let Some((event, function)) = removed {
            let (from, to) = self.ends(edge.kind, event, function);
            self.line(format!("  {from} -.->|gone| {to}"));
        }
    }

    /// A handler that publishes does so by a publish and by a cascade: one line for both.
    fn line(&mut self, line: String) {
        if !self.lines.contains(&line) {
            self.lines.push(line);
        }
    }

    fn ends(&mut self, kind: EdgeKind, event: &str, function: &str) -> (String, String) {
        let event = self.node(true, event);
        let function = self.node(false, function);
        match kind {
            EdgeKind::Subscription => (event, function),
            EdgeKind::Publish | EdgeKind::Cascade => (function, event),
        }
    }

    fn node(&mut self, is_event: bool, id: &str) -> String {
        let next = self.nodes.len();
        let number = *self.nodes.entry((is_event, id.to_owned())).or_insert(next);
        let node = format!("n{number}");
        if number == next {
            let label = escaped(id);
            let (open, close) = if is_event { ("([", "])") } else { ("[", "]") };
            let _ = writeln!(self.boxes, "  {node}{open}\"{label}\"{close}");
        }
        node
    }

    fn text(self, left_out: usize) -> String {
        let mut text = format!("flowchart LR\n{}", self.boxes);
        for line in self.lines {
            text.push_str(&line);
            text.push('\n');
        }
        if left_out > 0 {
            let _ = writeln!(text, "  more[\"and {left_out} more edges\"]");
        }
        text
    }
}

/// Safe within a quoted label.
fn escaped(text: &str) -> String {
    let mut label = String::new();
    for character in printable(text).chars() {
        match character {
            '"' | '#' | '<' | '>' | '&' | '`' | '\\' => {
                let _ = write!(label, "#{};", u32::from(character));
            }
            _ => label.push(character),
        }
    }
    label
}
