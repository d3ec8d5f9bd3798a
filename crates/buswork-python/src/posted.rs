//! One posted delivery: what is kept of it until its turn has come, and how it is called.

use std::cell::Cell;
use std::sync::Arc;

use buswork::trace::Dispatch;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::bus::Bus;
use crate::context;
use crate::failure::{Fault, Publication};
use crate::passage::Passing;
use crate::place::Place;
use crate::publish::{deliver_one, in_chain};
use crate::routing::TypeKey;
use crate::subscriber::Entry;
use crate::tracing;

/// One event to one handler, later. Holds its entry, which it does not visit. As long as it waits for
/// its turn, what it owns is hidden from the collector, which takes it for used; and so it is.
pub(crate) struct Posted {
    /// As a running publish does, it holds the bus.
    pub(crate) bus: Py<Bus>,
    pub(crate) event: Py<PyAny>,
    pub(crate) entry: Arc<Entry>,
    /// A copy of the poster's, for this delivery alone.
    pub(crate) context: Py<PyAny>,
    pub(crate) place: Option<Place>,
    pub(crate) rare: Option<Arc<Rare>>,
}

/// What few posts have; the deliveries of one share it.
pub(crate) struct Rare {
    pub(crate) topic: Option<Box<str>>,
    /// What the traces are told of.
    pub(crate) dispatch: Option<Arc<Dispatch>>,
}

thread_local! {
    /// The bus of which this thread runs a posted delivery: its number and one.
    static DELIVERING: Cell<usize> = const { Cell::new(0) };
}

/// Whether this thread runs a posted delivery of the bus with this number.
pub(crate) fn is_delivering(bus: usize) -> bool {
    DELIVERING.get() == bus + 1
}

/// Whether this thread runs a posted delivery of any bus.
pub(crate) fn is_delivering_any() -> bool {
    DELIVERING.get() != 0
}

/// Notes that this thread runs none, in a forked child: what the handler does there is its own.
pub(crate) fn forget_delivery() {
    DELIVERING.set(0);
}

/// Notes that this thread runs a posted delivery, until it is dropped.
pub(crate) struct Delivering {
    before: usize,
}

impl Delivering {
    #[inline]
    pub(crate) fn of(bus: usize) -> Self {
        Self {
            before: DELIVERING.replace(bus + 1),
        }
    }
}

impl Drop for Delivering {
    #[inline]
    fn drop(&mut self) {
        DELIVERING.set(self.before);
    }
}

impl Posted {
    /// Calls the handler, on the sync bus. Its failure is judged here; an error is an interrupt.
    pub(crate) fn deliver(&self, py: Python<'_>) -> PyResult<()> {
        let bus = self.bus.bind(py).get();
        let event = self.event.bind(py);
        let key = TypeKey::of(&event.get_type());
        let delivered = {
            let _entered = context::enter(self.context.bind(py))?;
            let _delivering = Delivering::of(bus.number());
            in_chain(py, bus, key, |publishing| {
                let delivered = match self.dispatch() {
                    None => deliver_one(bus, &self.entry, event),
                    Some(dispatch) => tracing::deliver_one(bus, dispatch, &self.entry, event),
                };
                publishing.verdict(py)?;
                Ok(delivered)
            })
        };
        match delivered {
            Ok(Ok(())) => Ok(()),
            Ok(Err(fault)) => self.judge(py, *fault),
            Err(error) => self.judge(py, Fault::of(error)),
        }
    }

    /// What the traces are told of, if there are any.
    #[inline]
    pub(crate) fn dispatch(&self) -> Option<&Arc<Dispatch>> {
        self.rare.as_ref()?.dispatch.as_ref()
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.bus)?;
        visit.call(&self.event)?;
        visit.call(&self.context)
    }

    /// Does with a failure what its subscription, or else the bus, says. Nobody waits for it, so
    /// what would be raised is logged.
    #[cold]
    pub(crate) fn judge(&self, py: Python<'_>, fault: Fault<'_>) -> PyResult<()> {
        let place = self.place.as_ref().and_then(|place| place.text(py));
        let mut event = self.event.bind(py);
        if let Ok(passing) = event.cast::<Passing>() {
            event = passing.get().event.bind(py);
        }
        Publication::at(
            self.bus.bind(py).get(),
            &event.get_type(),
            event,
            self.rare.as_ref().and_then(|rare| rare.topic.as_deref()),
            place,
        )
        .judge_posted(&self.entry, fault)
    }
}
