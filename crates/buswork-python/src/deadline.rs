//! Handlers on worker threads that take longer than their policy allows.
//!
//! Python cannot stop a thread. What can be done is to end the delivery: it counts as timed out, its
//! line goes on, and another thread takes the place of the one that is stuck. Whoever comes first, the
//! handler or the deadline, has the trial, and with it the say.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use buswork::backlog::Ticket;
use buswork::policy::Trial;
use pyo3::prelude::*;

use crate::attempts::{Again, Posting};
use crate::background::Background;
use crate::calling::Invoke;
use crate::context;
use crate::failure::{Kept, KeptApart};
use crate::imports;
use crate::policed::now;
use crate::policy::Policy;
use crate::posted::Posted;

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
    kept: KeptApart,
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
            kept: kept.apart(),
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
        Some(armed?.trial)
    }

    /// Ends the delivery, as far as the stuck thread is concerned.
    fn time_out(&self, py: Python<'_>, armed: Armed) {
        let Armed {
            trial,
            policy,
            mut posted,
            kept,
        } = armed;
        let entry = Arc::clone(&posted.entry);
        let subscriber = entry.handler();
        let Some(policed) = &subscriber.policed else {
            return;
        };
        let error = policed.timed_out(py, &subscriber.name);
        let mut kept = kept.bind(py);
        kept.note_attempt(py, &error);
        // What is asked and told of it is the user's, and may take its time: that is for a worker.
        let again = Again {
            trial,
            policy,
            after: Duration::ZERO,
            is_undecided: true,
        };
        posted.try_later(again, kept.fault(error));
        let given_up = {
            let mut state = self.background.state();
            state.backlog.rest(self.ticket, posted, now())
        };
        drop(given_up);
        self.background.replace_lost(py);
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
        let armed = self.armed().take();
        if let Some(armed) = armed {
            self.time_out(py, armed);
        }
    }
}
