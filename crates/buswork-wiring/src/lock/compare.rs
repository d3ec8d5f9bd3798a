//! A lock file held against the code: each change as a sentence.

use std::collections::BTreeSet;
use std::fmt;

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::form::{Lock, Subscribes};
use crate::graph::Wiring;
use crate::text::printable;

/// What changed since the lock file was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// Id of the event.
    pub event: String,
    /// What happened to it.
    pub kind: ChangeKind,
    /// The publisher or the handler.
    pub function: String,
    /// For a handler subscribed in another way: how it was, and how it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What happened to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// A function publishes it that did not.
    GainedPublisher,
    /// A function no longer publishes it.
    LostPublisher,
    /// A handler is subscribed to it that was not.
    GainedHandler,
    /// A handler is no longer subscribed to it.
    LostHandler,
    /// A handler is subscribed to it in another way.
    ChangedHandler,
    /// A handler leads to it that did not.
    GainedCause,
    /// A handler no longer leads to it.
    LostCause,
}

/// `shop.events.OrderPlaced gained handler shop.billing:Billing.bill`
impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (event, function) = (printable(&self.event), printable(&self.function));
        let detail = printable(&self.detail);
        match self.kind {
            ChangeKind::GainedPublisher => write!(formatter, "{event} gained publisher {function}"),
            ChangeKind::LostPublisher => write!(formatter, "{event} lost publisher {function}"),
            ChangeKind::GainedHandler => {
                write!(formatter, "{event} gained handler {function}{detail}")
            }
            ChangeKind::LostHandler => write!(formatter, "{event} lost handler {function}"),
            ChangeKind::ChangedHandler => {
                write!(
                    formatter,
                    "{event} is handled by {function} in another way: {detail}"
                )
            }
            ChangeKind::GainedCause => write!(formatter, "{event} now follows from {function}"),
            ChangeKind::LostCause => write!(formatter, "{event} no longer follows from {function}"),
        }
    }
}

/// What changed from the lock file to the graph, sorted by event; nothing if they are the same.
pub fn compare(lock: &Lock, wiring: &Wiring) -> Vec<Change> {
    let now = Lock::of(wiring);
    let mut changes = Vec::new();
    let mut add = |kind, event: &str, function: &str| {
        let (event, function) = (event.to_owned(), function.to_owned());
        changes.push(Change {
            event,
            kind,
            function,
            detail: String::new(),
        });
    };
    for edge in now.publishes.difference(&lock.publishes) {
        add(ChangeKind::GainedPublisher, &edge.event, &edge.function);
    }
    for edge in lock.publishes.difference(&now.publishes) {
        add(ChangeKind::LostPublisher, &edge.event, &edge.function);
    }
    for edge in now.cascades.difference(&lock.cascades) {
        add(ChangeKind::GainedCause, &edge.event, &edge.handler);
    }
    for edge in lock.cascades.difference(&now.cascades) {
        add(ChangeKind::LostCause, &edge.event, &edge.handler);
    }
    changes.extend(handlers(&lock.subscriptions, &now.subscriptions));
    changes.sort();
    changes
}

fn handlers(before: &BTreeSet<Subscribes>, now: &BTreeSet<Subscribes>) -> Vec<Change> {
    let before = ways(before);
    let now = ways(now);
    let mut changes = Vec::new();
    let change = |kind, (event, function): (&str, &str), detail| Change {
        event: event.to_owned(),
        kind,
        function: function.to_owned(),
        detail,
    };
    for (edge, way) in &now.sorted {
        match before.by_edge.get(edge) {
            None => {
                let plain = way == PLAIN;
                let detail = if plain {
                    String::new()
                } else {
                    format!(" ({way})")
                };
                changes.push(change(ChangeKind::GainedHandler, *edge, detail));
            }
            Some(was) if was != way => {
                let detail = format!("{was} became {way}");
                changes.push(change(ChangeKind::ChangedHandler, *edge, detail));
            }
            Some(_) => {}
        }
    }
    for (edge, _) in before
        .sorted
        .iter()
        .filter(|(edge, _)| !now.by_edge.contains_key(edge))
    {
        changes.push(change(ChangeKind::LostHandler, *edge, String::new()));
    }
    changes
}

type Edge<'a> = (&'a str, &'a str);

/// The ways in which each handler is subscribed to each event.
struct Ways<'a> {
    sorted: Vec<(Edge<'a>, String)>,
    by_edge: FxHashMap<Edge<'a>, String>,
}

fn ways(subscriptions: &BTreeSet<Subscribes>) -> Ways<'_> {
    let mut sorted: Vec<(Edge<'_>, String)> = Vec::new();
    for entry in subscriptions {
        let edge = (entry.event.as_str(), entry.handler.as_str());
        match sorted.last_mut() {
            Some((last, way)) if *last == edge => *way = format!("{way} and {}", entry.way()),
            _ => sorted.push((edge, entry.way())),
        }
    }
    let by_edge = sorted.iter().cloned().collect();
    Ways { sorted, by_edge }
}

const PLAIN: &str = "plain";

impl Subscribes {
    fn way(&self) -> String {
        let mut way = Vec::new();
        if !self.priority.is_empty() {
            way.push(format!("priority {}", self.priority));
        }
        if !self.once.is_empty() {
            way.push(format!("once {}", self.once));
        }
        if self.exact {
            way.push("exact".to_owned());
        }
        if self.never {
            way.push("never registered".to_owned());
        }
        if way.is_empty() {
            PLAIN.to_owned()
        } else {
            way.join(", ")
        }
    }
}
