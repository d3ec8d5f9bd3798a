//! The order in which handlers run, decided here and nowhere else: high priority first, then the
//! order of subscription; and one subscription once, however many of its keys match.

use crate::entry::Entry;
use crate::sync::Arc;

/// Brings `entries` into call order and drops the repetitions of a subscription.
pub(crate) fn arrange<K, H>(entries: &mut Vec<Arc<Entry<K, H>>>) {
    entries.sort_unstable_by_key(|entry| (std::cmp::Reverse(entry.priority()), entry.sequence()));
    entries.dedup_by_key(|entry| entry.sequence());
}
