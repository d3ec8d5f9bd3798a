//! Handlers on worker threads that take longer than their policy allows.
//!
//! Python cannot stop a thread. What can be done is to end the delivery: it counts as timed out, its
//! line goes on, and another thread takes the place of the one that is stuck. Whoever comes first, the
//! handler or the deadline, has the trial, and with it the say.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use buswork::backlog::Ticket;
use buswork::policy::Trial;
use pyo3::prelude::*;

use crate::attempts::{Again, Posting};
use crate::background::{Background, NO_RUNNER, Wakes};
use crate::calling::Invoke;
use crate::context;
use crate::failure::{FailedAttempt, Kept};
use crate::imports;
use crate::policed::{Failed, now};
use crate::policy::Policy;
use crate::posted::{Delivering, Posted};

/// The deadline of one attempt on a worker thread.
#[pyclass(frozen, module = "buswork._buswork")]
pub(crate) struct Deadline {
    background: Arc<Background>,
    ticket: Ticket,
    is_over: AtomicBool,
    armed: Mutex<Option<Armed>>,
}

/// What it takes to end a delivery from outside.
struct Armed {
    trial: Trial,
    policy: Option<Py<Policy>>,
    posted: Posted,
    attempts: Vec<FailedAttempt>,
}

impl Deadline {
    /// Watches an attempt of a posted delivery from now on.
    pub(crate) fn begin<'py>(
        py: Python<'py>,
        posting: &Posting<'_>,
        trial: Trial,
        policy: Option<Py<Policy>>,
        kept: &Kept<'_>,
        seconds: f64,
    ) -> PyResult<Bound<'py, Self>> {
        let posted = posting.posted;
        let armed = Armed {
            trial,
            policy,
            // The stuck thread stays in the context that it has entered.
            posted: posted.another(py, &context::copy(posted.context.bind(py))?),
            attempts: kept.attempts().to_vec(),
        };
        let deadline = Self {
            background: Arc::clone(posting.background),
            ticket: posting.ticket,
            is_over: AtomicBool::new(false),
            armed: Mutex::new(Some(armed)),
        };
        let deadline = Bound::new(py, deadline)?;
        imports::watch(py)?.invoke1((seconds, &deadline))?;
        Ok(deadline)
    }

    fn armed(&self) -> MutexGuard<'_, Option<Armed>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The handler has returned. Gives its trial back, if that is in time.
    pub(crate) fn end(&self) -> Option<Trial> {
        self.is_over.store(true, Ordering::Relaxed);
        let armed = self.armed().take();
        let Armed { trial, posted, .. } = armed?;
        drop(posted);
        Some(trial)
    }

    fn time_out(&self, py: Python<'_>, armed: Armed) -> PyResult<()> {
        let Armed {
            mut trial,
            policy,
            mut posted,
            attempts,
        } = armed;
        let entry = Arc::clone(&posted.entry);
        let subscriber = entry.handler();
        let Some(policed) = &subscriber.policed else {
            return Ok(());
        };
        // What is asked and told here is part of the delivery, and must not wait for its bus.
        let _delivering = Delivering::of(self.background.bus());
        let error = policed.timed_out(py, &subscriber.name);
        let mut kept = Kept::after(py, &entry, attempts);
        kept.note_attempt(py, &error);
        let name = &subscriber.name;
        let failed = policed.failed(py, policy.as_ref(), &mut trial, name, &error, now());
        // An interrupt of a predicate has nobody to go to on this thread.
        let failed = failed.unwrap_or_else(|straight| {
            straight.write_unraisable(py, None);
            trial.fail(now());
            Failed::Finally
        });
        if let Failed::Again(after) = failed {
            let again = Again {
                trial,
                policy,
                after,
            };
            posted.try_later(again, kept.fault(error));
            let mut state = self.background.state();
            let given_up = state
                .backlog
                .rest(self.ticket, posted, now().saturating_add(after));
            drop(state);
            drop(given_up);
            self.background.replace_lost(py);
            return Ok(());
        }
        let judged = posted.judge(py, kept.fault(error));
        let mut wakes = Wakes::default();
        let mut state = self.background.state();
        state.done(self.ticket, NO_RUNNER, &mut wakes);
        drop(state);
        self.background.wake(py, wakes);
        self.background.replace_lost(py);
        judged
    }
}

#[pymethods]
impl Deadline {
    /// Whether nobody need be called any more.
    #[getter]
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// The time is up.
    fn pass_(&self, py: Python<'_>) {
        self.is_over.store(true, Ordering::Relaxed);
        let Some(armed) = self.armed().take() else {
            return;
        };
        if let Err(error) = self.time_out(py, armed) {
            error.write_unraisable(py, None);
        }
    }
}
