//! One posted delivery: what is kept of it until its turn has come, and how it is called.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use buswork::SkipReason;
use buswork::backlog::Ticket;
use buswork::policy::Refusal;
use buswork::trace::Dispatch;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::attempts::{Again, Attempts, Posting, Tried};
use crate::background::Background;
use crate::bus::Bus;
use crate::context;
use crate::ending;
use crate::exception;
use crate::failure::{self, Fault, KeptForLater, Publication};
use crate::passage::Passing;
use crate::place::Place;
use crate::policed;
use crate::publish::{deliver_counted, in_chain};
use crate::routing::TypeKey;
use crate::subscriber::Entry;
use crate::tracing;
use crate::workers::is_worker;

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
    /// What it takes to go on with the next attempt, if there was one.
    pub(crate) trying: Option<Box<Trying>>,
}

/// A delivery between two attempts.
pub(crate) struct Trying {
    again: Again,
    kept: KeptForLater,
}

/// What becomes of a delivery that was taken.
pub(crate) enum Next {
    Ended,
    /// It is to be tried again, after a wait.
    Rests(Posted, Duration),
    /// It may not begin yet: it is put back, and its line is held for so long.
    Waits(Posted, Duration),
    /// It was ended before, as it took too long; and its thread was replaced.
    Late,
}

/// After how long one that may not begin looks again, where nobody can say when it may: other
/// deliveries of its handler, which are no posts, have to end first.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

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
    pub(crate) fn deliver(
        mut self,
        py: Python<'_>,
        background: &Arc<Background>,
        ticket: Ticket,
    ) -> PyResult<Next> {
        let policed = self.entry.handler().policed.as_ref();
        if policed.is_none_or(|policed| !policed.is_asked()) {
            self.call(py)?;
            return Ok(Next::Ended);
        }
        match self.try_once(py, background, ticket)? {
            Tried::Ended(Ok(_)) => Ok(Next::Ended),
            Tried::Ended(Err(mut fault)) => {
                let Some(again) = fault.again.take() else {
                    self.judge(py, fault)?;
                    return Ok(Next::Ended);
                };
                let after = again.after;
                self.try_later(*again, fault);
                Ok(Next::Rests(self, after))
            }
            Tried::Refused(refusal) => self.refused(py, refusal),
            Tried::Late(error) => {
                // Its line is in other hands by now, and an interrupt must not end it.
                if let Err(error) = self.tell_that_it_is_late(py, error) {
                    exception::defer(py, error);
                }
                Ok(Next::Late)
            }
        }
    }

    /// Logs that a handler has ended whose delivery had timed out. Nobody else is told of its error.
    #[cold]
    fn tell_that_it_is_late(&self, py: Python<'_>, error: Option<PyErr>) -> PyResult<()> {
        let name = &self.entry.handler().name;
        let Some(error) = error else {
            let line = format!("handler {name} has ended, after its time was over");
            return failure::log_line(py, "warning", &line);
        };
        if !exception::is_isolated(py, &error) {
            return Err(error);
        }
        let line = format!("handler {name} has failed, after its time was over");
        failure::log(py, &line, &error)
    }

    /// Keeps what it takes to try again.
    pub(crate) fn try_later(&mut self, again: Again, fault: Fault<'_>) {
        let kept = fault.for_later();
        self.trying = Some(Box::new(Trying { again, kept }));
    }

    /// The same delivery, in another context.
    pub(crate) fn another(&self, py: Python<'_>, context: &Bound<'_, PyAny>) -> Self {
        Self {
            bus: self.bus.clone_ref(py),
            event: self.event.clone_ref(py),
            entry: Arc::clone(&self.entry),
            context: context.clone().unbind(),
            place: self.place.as_ref().map(|place| place.clone_ref(py)),
            rare: self.rare.clone(),
            trying: None,
        }
    }

    /// One attempt.
    fn try_once<'py>(
        &mut self,
        py: Python<'py>,
        background: &Arc<Background>,
        ticket: Ticket,
    ) -> PyResult<Tried<'py>> {
        let trying = self.trying.take();
        let bus = self.bus.bind(py).get();
        let event = self.event.bind(py);
        let key = TypeKey::of(&event.get_type());
        let Some(attempts) = Attempts::of(bus, &self.entry, self.dispatch()) else {
            return Ok(Tried::Ended(Ok(Err(SkipReason::Cancelled))));
        };
        // Another thread has to be left as it is, as nobody could take its place.
        let attempts = if is_worker() {
            attempts.posted(Posting {
                background,
                ticket,
                posted: self,
            })
        } else {
            attempts
        };
        let _entered = context::enter(self.context.bind(py))?;
        let _delivering = Delivering::of(bus.number());
        let tried = in_chain(py, &self.bus, key, |publishing| {
            let tried = match trying {
                None => attempts.first(event),
                Some(trying) => {
                    let Trying { again, kept } = *trying;
                    attempts.again(event, again, kept.fault(py))
                }
            };
            publishing.verdict(py)?;
            Ok(tried)
        });
        Ok(tried.unwrap_or_else(|error| Tried::Ended(Err(Fault::of(error)))))
    }

    /// A delivery that may not begin now waits in its line. It does not where nobody would wait for it,
    /// at the end of the program.
    fn refused(self, py: Python<'_>, refusal: Refusal) -> PyResult<Next> {
        if !ending::is_finishing() {
            let wait = match refusal {
                Refusal::Open { until } => until.saturating_sub(policed::now()),
                _ => LOOK_AGAIN,
            };
            return Ok(Next::Waits(self, wait));
        }
        let bus = self.bus.bind(py).get();
        if let Some(attempts) = Attempts::of(bus, &self.entry, self.dispatch())
            && let Err(fault) = attempts.refused(py, refusal)
        {
            self.judge(py, fault)?;
        }
        Ok(Next::Ended)
    }

    /// Notes that the limit of its handler has dropped it.
    pub(crate) fn note_dropped(&self, py: Python<'_>) {
        if let Some(policed) = &self.entry.handler().policed {
            policed.regulator.figures().note_dropped();
        }
        tracing::skip(py, self.dispatch(), &self.entry, SkipReason::Limit);
    }

    /// Fails, as the limit of its handler has no room for it.
    pub(crate) fn fail_for_want_of_room(&self, py: Python<'_>) -> PyResult<()> {
        let bus = self.bus.bind(py).get();
        match Attempts::of(bus, &self.entry, self.dispatch()) {
            Some(attempts) => match attempts.refused(py, Refusal::Full) {
                Err(fault) => self.judge(py, fault),
                Ok(_) => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// Calls a handler that has no policy.
    fn call(&self, py: Python<'_>) -> PyResult<()> {
        let bus = self.bus.bind(py).get();
        let event = self.event.bind(py);
        let key = TypeKey::of(&event.get_type());
        let delivered = {
            let _entered = context::enter(self.context.bind(py))?;
            let _delivering = Delivering::of(bus.number());
            in_chain(py, &self.bus, key, |publishing| {
                let delivered = match self.dispatch() {
                    None => deliver_counted(bus, &self.entry, event),
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
        visit.call(&self.context)?;
        match &self.trying {
            Some(trying) => trying.kept.visit(visit),
            None => Ok(()),
        }
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
            &self.bus,
            &event.get_type(),
            event,
            self.rare.as_ref().and_then(|rare| rare.topic.as_deref()),
            place,
        )
        .judge_posted(&self.entry, fault)
    }
}
