//! Counts distinct edges over the files of one trace, or of several.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::Trace;
use super::record::{Cascade, Delivered, Delivery, Edges, Event, Published, Record};

/// How many distinct edges are kept. A bus writes fewer, but a file may come from anywhere.
const MOST: usize = 200_000;
/// How many events are remembered by their ids, for the deliveries that come after them.
const RECENT: usize = 100_000;

/// What is known while files are read.
#[derive(Default)]
pub(super) struct Counter {
    /// Of the traces that have ended.
    total: Counts,
    /// Of the trace that is being read: a summary in it has all that came before.
    current: Counts,
    trace: Option<u128>,
    /// The types of the newest events, in two generations.
    recent: FxHashMap<u128, String>,
    older: FxHashMap<u128, String>,
}

/// How often each edge was seen. The key is the edge with the count zero.
#[derive(Default)]
struct Counts {
    publishes: BTreeMap<Published, u64>,
    deliveries: BTreeMap<Delivered, u64>,
    cascades: BTreeMap<Cascade, u64>,
    kept: usize,
    more: u64,
}

/// How a count is changed.
#[derive(Clone, Copy)]
enum Seen {
    Again(u64),
    /// So often in all until now.
    InAll(u64),
}

impl Counter {
    pub(super) fn count(&mut self, record: Record, (events, deliveries): &mut (u64, u64)) {
        match record {
            Record::Trace(header) => {
                if self.trace.replace(header.trace) != Some(header.trace) {
                    self.fold();
                }
            }
            Record::Event(event) => {
                *events += 1;
                self.event(event);
            }
            Record::Delivery(delivery) => {
                *deliveries += 1;
                self.delivery(delivery);
            }
            Record::Edges(edges) => self.current.summary(edges),
        }
    }

    fn event(&mut self, event: Event) {
        let Event {
            id,
            event,
            site,
            cause,
            ..
        } = event;
        if let Some(handler) = cause {
            let edge = Cascade {
                handler,
                event: event.clone(),
                count: 0,
            };
            self.current.cascade(edge, Seen::Again(1));
        }
        let edge = Published {
            event: event.clone(),
            site,
            count: 0,
        };
        self.current.publish(edge, Seen::Again(1));
        if self.recent.len() >= RECENT {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(id, event);
    }

    /// A delivery of an event that stands in a file which was lost is not counted here: the summary
    /// has it.
    fn delivery(&mut self, delivery: Delivery) {
        let event = self
            .recent
            .get(&delivery.event)
            .or_else(|| self.older.get(&delivery.event));
        let Some(event) = event.cloned() else { return };
        let Delivery {
            handler,
            name,
            subscribed,
            file,
            line,
            ..
        } = delivery;
        let edge = Delivered {
            event,
            handler,
            name,
            subscribed,
            file,
            line,
            count: 0,
        };
        self.current.delivery(edge, Seen::Again(1));
    }

    fn fold(&mut self) {
        let Counts {
            publishes,
            deliveries,
            cascades,
            more,
            ..
        } = std::mem::take(&mut self.current);
        for (edge, count) in publishes {
            self.total.publish(edge, Seen::Again(count));
        }
        for (edge, count) in deliveries {
            self.total.delivery(edge, Seen::Again(count));
        }
        for (edge, count) in cascades {
            self.total.cascade(edge, Seen::Again(count));
        }
        self.total.more += more;
    }

    pub(super) fn finish(mut self, trace: &mut Trace) {
        self.fold();
        let Counts {
            publishes,
            deliveries,
            cascades,
            more,
            ..
        } = self.total;
        let publishes = publishes.into_iter();
        trace.publishes = publishes
            .map(|(edge, count)| Published { count, ..edge })
            .collect();
        let deliveries = deliveries.into_iter();
        trace.deliveries = deliveries
            .map(|(edge, count)| Delivered { count, ..edge })
            .collect();
        let cascades = cascades.into_iter();
        trace.cascades = cascades
            .map(|(edge, count)| Cascade { count, ..edge })
            .collect();
        trace.more = more;
    }
}

impl Counts {
    fn summary(&mut self, edges: Edges) {
        self.more = self.more.max(edges.more);
        for edge in edges.publishes {
            let count = edge.count;
            self.publish(Published { count: 0, ..edge }, Seen::InAll(count));
        }
        for edge in edges.deliveries {
            let count = edge.count;
            self.delivery(Delivered { count: 0, ..edge }, Seen::InAll(count));
        }
        for edge in edges.cascades {
            let count = edge.count;
            self.cascade(Cascade { count: 0, ..edge }, Seen::InAll(count));
        }
    }

    fn publish(&mut self, edge: Published, seen: Seen) {
        note(
            &mut self.publishes,
            edge,
            seen,
            &mut self.kept,
            &mut self.more,
        );
    }

    fn delivery(&mut self, edge: Delivered, seen: Seen) {
        note(
            &mut self.deliveries,
            edge,
            seen,
            &mut self.kept,
            &mut self.more,
        );
    }

    fn cascade(&mut self, edge: Cascade, seen: Seen) {
        note(
            &mut self.cascades,
            edge,
            seen,
            &mut self.kept,
            &mut self.more,
        );
    }
}

fn note<K: Ord>(
    counts: &mut BTreeMap<K, u64>,
    edge: K,
    seen: Seen,
    kept: &mut usize,
    more: &mut u64,
) {
    if let Some(count) = counts.get_mut(&edge) {
        *count = match seen {
            Seen::Again(times) => count.saturating_add(times),
            Seen::InAll(times) => times.max(*count),
        };
        return;
    }
    let (Seen::Again(times) | Seen::InAll(times)) = seen;
    if *kept >= MOST {
        *more = more.saturating_add(times);
        return;
    }
    *kept += 1;
    counts.insert(edge, times);
}
