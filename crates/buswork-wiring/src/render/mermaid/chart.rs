//! A flow chart: nodes, arrows, and how both are written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::graph::Grade;
use crate::text::printable;

/// What a node stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Function,
    Event,
    Handler,
    Module,
    Note,
}

#[derive(Debug, Default)]
pub(super) struct Chart {
    nodes: Vec<(Shape, String)>,
    /// Numbers of nodes by key.
    numbers: BTreeMap<String, usize>,
    edges: Vec<(usize, usize, Arrow, String)>,
    seen: BTreeSet<(usize, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrow {
    Graded(Grade),
    /// From an event to its base class, or to a pattern that it matches: it goes the same way.
    Broader,
}

impl Chart {
    pub(super) fn node(&mut self, key: &str, shape: Shape, label: &str) {
        if !self.numbers.contains_key(key) {
            self.numbers.insert(key.to_owned(), self.nodes.len());
            self.nodes.push((shape, label.to_owned()));
        }
    }

    /// An arrow between two nodes, once; none to or from what is not in the chart.
    pub(super) fn edge(&mut self, from: &str, to: &str, grade: Grade, label: &str) {
        self.arrow(from, to, Arrow::Graded(grade), label);
    }

    pub(super) fn broader(&mut self, event: &str, other: &str, label: &str) {
        self.arrow(event, other, Arrow::Broader, label);
    }

    fn arrow(&mut self, from: &str, to: &str, arrow: Arrow, label: &str) {
        let (Some(&from), Some(&to)) = (self.numbers.get(from), self.numbers.get(to)) else {
            return;
        };
        if self.seen.insert((from, to)) {
            self.edges.push((from, to, arrow, label.to_owned()));
        }
    }

    /// The chart as text, with remarks that are not drawn.
    pub(super) fn into_text(self, remarks: &[String]) -> String {
        let mut out = "flowchart LR\n".to_owned();
        for remark in remarks {
            let _ = writeln!(out, "    %% {}", printable(remark));
        }
        for (number, (shape, text)) in self.nodes.iter().enumerate() {
            let label = label(text);
            let _ = match shape {
                Shape::Function => writeln!(out, "    n{number}>\"{label}\"]"),
                Shape::Event => writeln!(out, "    n{number}([\"{label}\"])"),
                Shape::Handler => writeln!(out, "    n{number}[\"{label}\"]"),
                Shape::Module => writeln!(out, "    n{number}[[\"{label}\"]]"),
                Shape::Note => writeln!(out, "    n{number}{{{{\"{label}\"}}}}"),
            };
        }
        for (from, to, arrow, text) in &self.edges {
            let line = match arrow {
                Arrow::Graded(Grade::Certain) => "-->",
                Arrow::Graded(Grade::Inferred | Grade::Possible) => "-.->",
                Arrow::Broader => "==>",
            };
            let text = if text.is_empty() {
                String::new()
            } else {
                format!("|\"{}\"|", label(text))
            };
            let _ = writeln!(out, "    n{from} {line}{text} n{to}");
        }
        self.write_dashes(&mut out, Grade::Inferred, "6 4");
        self.write_dashes(&mut out, Grade::Possible, "1 4");
        out
    }

    /// Mermaid knows one broken line; how it is broken is a style of the arrow's number.
    fn write_dashes(&self, out: &mut String, grade: Grade, dashes: &str) {
        let numbers = self.edges.iter().enumerate();
        let those = numbers.filter(|(_, (_, _, arrow, _))| *arrow == Arrow::Graded(grade));
        let numbers: Vec<String> = those.map(|(number, _)| number.to_string()).collect();
        if !numbers.is_empty() {
            let _ = writeln!(
                out,
                "    linkStyle {} stroke-dasharray:{dashes}",
                numbers.join(",")
            );
        }
    }
}

/// The text as a label between quotes: whatever Mermaid, Markdown or HTML could take for its own is
/// written as a character reference.
fn label(text: &str) -> String {
    let text = printable(text);
    let characters: Vec<char> = text.chars().collect();
    let is_word = |at: Option<&char>| at.is_some_and(|one| one.is_alphanumeric());
    let mut safe = String::with_capacity(text.len());
    for (at, &character) in characters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| characters.get(at));
        let is_plain = match character {
            // `__init__` would be bold.
            '_' => is_word(before) && is_word(characters.get(at + 1)),
            ' ' | '.' | ':' | '/' | ',' | '=' | '(' | ')' => true,
            // A list begins with one.
            '-' => is_word(before),
            other => other.is_alphanumeric(),
        };
        if is_plain {
            safe.push(character);
        } else {
            let _ = write!(safe, "#{};", u32::from(character));
        }
    }
    safe
}
