//! Who owns which Python reference, decided here, so that the garbage collector can free a bus,
//! its handlers and what they are bound to, which form cycles.
//!
//! - Each reference has one owner: an entry of the registry owns its handler, predicate, policy
//!   and classes; a plan in the registry's books owns what was made for it (the functions of
//!   ten, the weak reference to its class); the bus owns its settings.
//! - The bus visits them all, each once. Plans that a running publish still holds, handles and
//!   reports visit no entry: they keep nothing alive that the bus does not own, since
//! - cancelling, clearing and the end of the bus *empty* the entries. A stale plan or a handle has
//!   but husks.
//! - A running publish is a call of the bus's method, so its caller holds the bus.
//! - The visit takes no lock: when a change is in progress it sees nothing, and an object that it
//!   does not see is taken for used. Changes happen on attached threads only, and no collection
//!   can begin between the start of a visit and its end.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::bus::Bus;
use crate::subscriber::{Entry, Table};

pub(crate) fn visit(bus: &Bus, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
    bus.table().visit(
        |subscriber| subscriber.visit(visit),
        |decisions| decisions.visit(visit),
    )?;
    bus.letters_visit(visit)?;
    bus.settings_visit(visit)
}

/// Ends every subscription and lets its objects go.
pub(crate) fn clear(py: Python<'_>, table: &Table) {
    let removed = table.clear();
    for entry in removed.entries() {
        entry.cancel();
        entry.handler().empty(py);
        rouse(py, entry);
    }
}

/// Ends one subscription, unless it has ended, and lets its objects go.
pub(crate) fn end(py: Python<'_>, table: &Table, entry: &std::sync::Arc<Entry>) {
    entry.cancel();
    drop(table.remove(entry));
    entry.handler().empty(py);
    rouse(py, entry);
}

/// Ends what rests of a subscription that has ended. Not if it was for one call, whose attempts go on.
fn rouse(py: Python<'_>, entry: &Entry) {
    if let Some(policed) = &entry.handler().policed
        && !entry.is_once()
    {
        policed.rouse(py, entry.sequence());
    }
}
