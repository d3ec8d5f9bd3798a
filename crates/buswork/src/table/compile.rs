//! From the entries of a key to its plan: what is gathered, then arranged, then kept.

use std::fmt;

use crate::entry::Entry;
use crate::order;
use crate::sync::Arc;

/// What a compile starts from: see [`Table::gather`](super::Table::gather).
pub struct Gathered<K, H> {
    pub(super) entries: Vec<Arc<Entry<K, H>>>,
    pub(super) searching: Vec<Arc<Entry<K, H>>>,
    pub(super) generation: u64,
}

impl<K, H> Gathered<K, H> {
    /// Whether there are entries that have to be asked.
    pub fn is_searching(&self) -> bool {
        !self.searching.is_empty()
    }

    /// Leaves out the entries that `keep` says no to. Nothing is locked meanwhile.
    #[must_use]
    pub fn filter(mut self, mut keep: impl FnMut(&Entry<K, H>) -> bool) -> Self {
        self.entries.retain(|entry| keep(entry));
        self
    }

    /// Keeps those of the searching entries that `matches` says match, then arranges all.
    ///
    /// # Errors
    /// What `matches` returned, which may run foreign code: nothing is locked meanwhile.
    pub fn arrange<E>(
        mut self,
        mut matches: impl FnMut(&Entry<K, H>) -> Result<bool, E>,
    ) -> Result<Arranged<K, H>, E> {
        for entry in self.searching {
            if matches(&entry)? {
                self.entries.push(entry);
            }
        }
        order::arrange(&mut self.entries);
        Ok(Arranged {
            entries: self.entries,
            generation: self.generation,
        })
    }
}

impl<K, H> fmt::Debug for Gathered<K, H> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Gathered")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// Entries in call order, ready to become a plan.
pub struct Arranged<K, H> {
    entries: Vec<Arc<Entry<K, H>>>,
    generation: u64,
}

impl<K, H> Arranged<K, H> {
    /// The entries in call order.
    pub fn entries(&self) -> &[Arc<Entry<K, H>>] {
        &self.entries
    }

    /// The [generation](super::Table::generation) that it was gathered under.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// A plan for its owner alone, whom the table does not know.
    pub fn into_plan<X>(self, extra: X) -> Arc<Plan<K, H, X>> {
        Arc::new(Plan::new(self.entries, extra))
    }
}

impl<K, H> fmt::Debug for Arranged<K, H> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Arranged")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// The handlers of one concrete key, in call order, and what the owner worked out for them.
pub struct Plan<K, H, X> {
    entries: Box<[Arc<Entry<K, H>>]>,
    extra: X,
}

impl<K, H, X> Plan<K, H, X> {
    /// A plan for its owner alone, whom the table does not know. The entries are to be in call
    /// order.
    pub fn new(entries: Vec<Arc<Entry<K, H>>>, extra: X) -> Self {
        Self {
            entries: entries.into_boxed_slice(),
            extra,
        }
    }

    /// The entries in call order.
    #[inline]
    pub fn entries(&self) -> &[Arc<Entry<K, H>>] {
        &self.entries
    }

    /// What the owner worked out when the plan was compiled.
    #[inline]
    pub fn extra(&self) -> &X {
        &self.extra
    }
}

impl<K, H, X> fmt::Debug for Plan<K, H, X> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Plan")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}
