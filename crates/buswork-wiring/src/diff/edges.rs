//! The edges of a graph by name, and which of them differ.

use std::collections::BTreeMap;

use super::{EdgeChange, EdgeFate, EdgeKind};
use crate::graph::{Grade, Subscription, Wiring};
use crate::routes::never;

/// Each edge once, with its best grade, and the ways it is subscribed.
pub(super) struct Edges(BTreeMap<(EdgeKind, String, String), (Grade, Vec<String>)>);

impl Edges {
    pub(super) fn of(wiring: &Wiring) -> Self {
        let mut edges = Self(BTreeMap::new());
        for publish in &wiring.publishes {
            edges.add(
                EdgeKind::Publish,
                &publish.event,
                &publish.function,
                publish.grade,
                None,
            );
        }
        for entry in &wiring.subscriptions {
            let way = Some(way(wiring, entry));
            edges.add(
                EdgeKind::Subscription,
                &entry.event,
                &entry.handler,
                entry.grade,
                way,
            );
        }
        for cascade in &wiring.cascades {
            edges.add(
                EdgeKind::Cascade,
                &cascade.event,
                &cascade.handler,
                cascade.grade,
                None,
            );
        }
        edges
    }

    fn add(
        &mut self,
        kind: EdgeKind,
        event: &str,
        function: &str,
        grade: Grade,
        way: Option<String>,
    ) {
        let edge = (kind, event.to_owned(), function.to_owned());
        let (best, ways) = self.0.entry(edge).or_insert((grade, Vec::new()));
        *best = (*best).min(grade);
        ways.extend(way);
        ways.sort();
    }
}

fn way(wiring: &Wiring, subscription: &Subscription) -> String {
    let mut way: Vec<String> = subscription
        .options
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let says_exact = subscription.options.iter().any(|(name, _)| name == "exact");
    if subscription.exact && !says_exact {
        way.push("exact".to_owned());
    }
    if never(wiring, subscription).is_some() {
        way.push("never registered".to_owned());
    }
    if way.is_empty() {
        "plain".to_owned()
    } else {
        way.join(", ")
    }
}

pub(super) fn changes(old: &Edges, new: &Edges) -> Vec<EdgeChange> {
    let mut changes = Vec::new();
    for (edge, (grade, ways)) in &new.0 {
        let Some((was, were)) = old.0.get(edge) else {
            changes.push(change(edge, EdgeFate::Added { grade: *grade }));
            continue;
        };
        if was != grade {
            changes.push(change(
                edge,
                EdgeFate::Regraded {
                    was: *was,
                    grade: *grade,
                },
            ));
        }
        if were != ways {
            let altered = EdgeFate::Altered {
                was: were.join(" and "),
                now: ways.join(" and "),
            };
            changes.push(change(edge, altered));
        }
    }
    for edge in old.0.keys().filter(|edge| !new.0.contains_key(edge)) {
        changes.push(change(edge, EdgeFate::Removed));
    }
    changes
}

fn change((kind, event, function): &(EdgeKind, String, String), change: EdgeFate) -> EdgeChange {
    EdgeChange {
        kind: *kind,
        event: event.clone(),
        function: function.clone(),
        change,
    }
}
