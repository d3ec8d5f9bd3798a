//! Keeps the shelf filled.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use buswork::{Error, EventBus};

use crate::events::{OrderPlaced, StockLow, StockReordered};

const FULL: i64 = 1_000;
const LOW: i64 = 100;

/// A shelf of CDs. Goes first, so that nothing is promised that is not there.
struct Inventory {
    bus: EventBus,
    /// Not behind a lock: `reorder` runs inside `reserve`, and would wait for it for ever.
    discs: AtomicI64,
}

/// Opens the shelf, full, to the orders on the bus.
pub fn subscribe(bus: &EventBus) {
    let reserving = Arc::new(Inventory {
        bus: bus.clone(),
        discs: AtomicI64::new(FULL),
    });
    let reordering = Arc::clone(&reserving);
    bus.on::<OrderPlaced>()
        .priority(10)
        .named("inventory::reserve")
        .subscribe(move |order: &OrderPlaced| reserving.reserve(order));
    bus.on::<StockLow>()
        .named("inventory::reorder")
        .subscribe(move |low: &StockLow| reordering.reorder(low));
}

impl Inventory {
    /// Takes an order's CDs from the shelf.
    fn reserve(&self, order: &OrderPlaced) -> Result<(), Error> {
        let discs = i64::from(order.discs);
        let discs_left = self.discs.fetch_sub(discs, Ordering::Relaxed) - discs;
        if discs_left >= LOW {
            return Ok(());
        }
        self.bus.publish(&StockLow { discs_left })
    }

    /// Orders what is missing. The supplier is next door.
    fn reorder(&self, low: &StockLow) -> Result<(), Error> {
        let discs = FULL - low.discs_left;
        self.discs.fetch_add(discs, Ordering::Relaxed);
        // buswork: ignore[BW001] nobody has to act on it: an observer counts it
        self.bus.publish(&StockReordered { discs })
    }
}
