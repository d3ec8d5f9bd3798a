//! What changed between two graphs: events, handlers and edges that came, went, or lead elsewhere.
//!
//! [`Diff`] prints as text; [`Diff::mermaid`] draws the changed part only.

mod edges;
mod mermaid;
mod reroute;
mod text;

use std::collections::BTreeSet;

use serde::Serialize;

use self::edges::Edges;
use crate::graph::{Grade, Wiring};

/// What changed between two graphs. Every list is sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Ids of events that are new.
    pub events_added: Vec<String>,
    /// Ids of events that are gone.
    pub events_removed: Vec<String>,
    /// Ids of handlers that are new.
    pub handlers_added: Vec<String>,
    /// Ids of handlers that are gone.
    pub handlers_removed: Vec<String>,
    /// Edges that came, went or changed.
    pub edges: Vec<EdgeChange>,
}

/// An edge that came, went or changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct EdgeChange {
    /// What sort of edge.
    pub kind: EdgeKind,
    /// Id of the event.
    pub event: String,
    /// The publishing function, or the handler.
    pub function: String,
    /// What happened.
    #[serde(flatten)]
    pub change: EdgeFate,
}

/// What sort of edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EdgeKind {
    /// A function publishes an event.
    Publish,
    /// An event goes to a handler.
    Subscription,
    /// A handler publishes an event in turn.
    Cascade,
}

/// What happened to an edge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum EdgeFate {
    /// It is new.
    Added {
        /// How sure it is.
        grade: Grade,
    },
    /// It is gone.
    Removed,
    /// It is new, in the place of one that is gone and shares an end with it.
    Rerouted {
        /// The event of that one.
        was_event: String,
        /// The function of that one.
        was_function: String,
    },
    /// It is more or less sure than it was.
    Regraded {
        /// How sure it was.
        was: Grade,
        /// How sure it is.
        grade: Grade,
    },
    /// It is subscribed in another way.
    Altered {
        /// How it was.
        was: String,
        /// How it is.
        now: String,
    },
}

impl Diff {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What changed from one graph to another, both [finished](Wiring::finish). Places do not matter:
/// code that moves by lines changes nothing.
pub fn diff(old: &Wiring, new: &Wiring) -> Diff {
    let mut edges = reroute::pair(&edges::changes(&Edges::of(old), &Edges::of(new)));
    edges.sort();
    Diff {
        events_added: without(events(new), &events(old)),
        events_removed: without(events(old), &events(new)),
        handlers_added: without(handlers(new), &handlers(old)),
        handlers_removed: without(handlers(old), &handlers(new)),
        edges,
    }
}

fn events(wiring: &Wiring) -> BTreeSet<String> {
    wiring.events.iter().map(|event| event.id.clone()).collect()
}

fn handlers(wiring: &Wiring) -> BTreeSet<String> {
    wiring
        .handlers
        .iter()
        .map(|handler| handler.id.clone())
        .collect()
}

fn without(ids: BTreeSet<String>, taken: &BTreeSet<String>) -> Vec<String> {
    ids.into_iter().filter(|id| !taken.contains(id)).collect()
}
