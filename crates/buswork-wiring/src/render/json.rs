//! The graph as JSON: everything that there is, and what every other form is drawn from.

use serde::Serialize;

use crate::confirm::Confirmation;
use crate::graph::Wiring;
use crate::lock::Change;
use crate::rules::Finding;

/// The graph, and what is known of it besides. In JSON, the fields of the graph stand at the top,
/// and a reader of a graph alone can take it for one.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Document<'a> {
    /// The graph, or a part of it.
    #[serde(flatten)]
    pub wiring: &'a Wiring,
    /// What the rules found in all that was read.
    pub findings: &'a [Finding],
    /// What changed since the lock file was written, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_changes: Option<&'a [Change]>,
    /// The graph held against what ran, if that was asked: its counts are in the order of the edges
    /// of [`wiring`](Self::wiring).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<&'a Confirmation>,
}

/// The whole graph as JSON, indented, the same bytes for the same graph.
///
/// # Panics
/// Never: a graph has nothing in it that JSON does not know.
pub fn json(wiring: &Wiring) -> String {
    written(wiring)
}

/// The same, with what is known of it besides.
///
/// # Panics
/// Never: it has nothing in it that JSON does not know.
pub fn document(document: &Document<'_>) -> String {
    written(document)
}

fn written(data: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(data).expect("a graph is plain data");
    text.push('\n');
    text
}
