//! An edge that went and one that came, told as one that leads elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::{EdgeChange, EdgeFate, EdgeKind};

/// Pairs what was removed with what was added in its place: of one sort, with one end in common, and
/// the only ones removed and added at that end. First those of one function, which now publishes or
/// handles another event, then those of one event.
pub(super) fn pair(changes: &[EdgeChange]) -> Vec<EdgeChange> {
    let changes = pair_at(changes, |change| &change.function);
    pair_at(&changes, |change| &change.event)
}

#[derive(Default)]
struct Ends {
    added: Vec<usize>,
    removed: Vec<usize>,
}

fn pair_at(changes: &[EdgeChange], end: fn(&EdgeChange) -> &String) -> Vec<EdgeChange> {
    let mut ends: BTreeMap<(EdgeKind, &String), Ends> = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        let at = (change.kind, end(change));
        match change.change {
            EdgeFate::Added { .. } => ends.entry(at).or_default().added.push(index),
            EdgeFate::Removed => ends.entry(at).or_default().removed.push(index),
            _ => {}
        }
    }
    let mut removed_by: BTreeMap<usize, usize> = BTreeMap::new();
    for pair in ends.values() {
        if let (&[added], &[removed]) = (&pair.added[..], &pair.removed[..]) {
            removed_by.insert(added, removed);
        }
    }
    let told: BTreeSet<usize> = removed_by.values().copied().collect();
    let left = changes
        .iter()
        .enumerate()
        .filter(|(index, _)| !told.contains(index));
    left.map(|(index, change)| match removed_by.get(&index) {
        Some(&removed) => rerouted(change, &changes[removed]),
        None => change.clone(),
    })
    .collect()
}

fn rerouted(added: &EdgeChange, removed: &EdgeChange) -> EdgeChange {
    let change = EdgeFate::Rerouted {
        was_event: removed.event.clone(),
        was_function: removed.function.clone(),
    };
    EdgeChange {
        change,
        ..added.clone()
    }
}
