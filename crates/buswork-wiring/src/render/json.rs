//! The graph as JSON: everything that there is, and what every other form is drawn from.

use crate::graph::Wiring;

/// The whole graph as JSON, indented, the same bytes for the same graph.
///
/// # Panics
/// Never: a graph has nothing in it that JSON does not know.
pub fn json(wiring: &Wiring) -> String {
    let mut text = serde_json::to_string_pretty(wiring).expect("a graph is plain data");
    text.push('\n');
    text
}
