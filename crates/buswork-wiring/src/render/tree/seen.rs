//! How often an edge was seen at run time, at the end of its line.

use super::drawing::Drawing;
use crate::graph::{Cascade, Publish, Subscription};
use crate::render::paint::Role;
use crate::render::text::Cell;

impl Drawing<'_> {
    pub(super) fn seen_publish(&self, cell: Cell, publish: &Publish) -> Cell {
        self.seen(cell, |drawing| {
            let edges = &drawing.wiring.publishes;
            let at = edges.iter().position(|one| one == publish)?;
            drawing.options.seen?.publishes.get(at)
        })
    }

    pub(super) fn seen_subscription(&self, cell: Cell, subscription: &Subscription) -> Cell {
        self.seen(cell, |drawing| {
            let edges = &drawing.wiring.subscriptions;
            let at = edges.iter().position(|one| one == subscription)?;
            drawing.options.seen?.subscriptions.get(at)
        })
    }

    pub(super) fn seen_cascade(&self, cell: Cell, cascade: &Cascade) -> Cell {
        self.seen(cell, |drawing| {
            let edges = &drawing.wiring.cascades;
            let at = edges.iter().position(|one| one == cascade)?;
            drawing.options.seen?.cascades.get(at)
        })
    }

    fn seen(&self, cell: Cell, count: impl FnOnce(&Self) -> Option<&u64>) -> Cell {
        if self.options.seen.is_none() {
            return cell;
        }
        match count(self) {
            None | Some(0) => cell.and("   not seen", Role::Doubt),
            Some(count) => cell.and(format!("   seen {count}×"), Role::Seen),
        }
    }
}
