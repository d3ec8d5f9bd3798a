//! What the table has under its lock: the entries, and the books on the compiled plans.

use std::collections::hash_map::Entry as Place;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::{Map, Plan};
use crate::entry::{Entry, Identity};
use crate::hash::KeyState;
use crate::sync::Arc;

/// A plan in the registry's books: the lineage that it was compiled from, to be found again.
pub(super) struct Compiled<K, H, X> {
    pub(super) lineage: Box<[K]>,
    pub(super) plan: Arc<Plan<K, H, X>>,
}

pub(super) struct Registry<K, H, X> {
    pub(super) next_sequence: u64,
    /// Grows with every change; a plan gathered under an older one is not installed.
    pub(super) generation: u64,
    /// Entries by each key that they were subscribed to.
    pub(super) subscribed: Map<K, Vec<Arc<Entry<K, H>>>>,
    /// Entries that may match keys beyond their own lineage, to be asked at every compile.
    pub(super) searching: Vec<Arc<Entry<K, H>>>,
    pub(super) names: HashMap<Arc<str>, u64>,
    /// How many entries there are of each key and identity.
    pub(super) known: HashMap<(K, Identity), u32>,
    pub(super) compiled: Map<K, Compiled<K, H, X>>,
    /// From each key of a lineage to the compiled keys that have it.
    pub(super) dependents: Map<K, HashSet<K, KeyState>>,
    pub(super) len: usize,
}

impl<K: Copy + Eq + Hash, H, X> Registry<K, H, X> {
    pub(super) fn new() -> Self {
        Self {
            next_sequence: 0,
            generation: 0,
            subscribed: Map::default(),
            searching: Vec::new(),
            names: HashMap::new(),
            known: HashMap::new(),
            compiled: Map::default(),
            dependents: Map::default(),
            len: 0,
        }
    }

    /// Every entry, under each of its keys.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Entry<K, H>>> {
        self.subscribed.values().flatten()
    }

    /// Counts an entry among those of its key and identity.
    pub(super) fn note(&mut self, key: K, entry: &Entry<K, H>) {
        if let Some(identity) = entry.identity() {
            *self.known.entry((key, identity)).or_default() += 1;
        }
    }

    /// Undoes [`note`](Self::note).
    pub(super) fn forget_known(&mut self, key: K, entry: &Entry<K, H>) {
        let Some(identity) = entry.identity() else {
            return;
        };
        if let Place::Occupied(mut place) = self.known.entry((key, identity)) {
            *place.get_mut() -= 1;
            if *place.get() == 0 {
                place.remove();
            }
        }
    }

    /// Takes the plan of `key` out of the books.
    pub(super) fn forget(&mut self, key: &K) -> Option<Compiled<K, H, X>> {
        let compiled = self.compiled.remove(key)?;
        for ancestor in &compiled.lineage {
            let Place::Occupied(mut place) = self.dependents.entry(*ancestor) else {
                continue;
            };
            place.get_mut().remove(key);
            if place.get().is_empty() {
                place.remove();
            }
        }
        Some(compiled)
    }
}
