//! One delivery of the async bus, from its start to its end.

use std::sync::Arc;
use std::time::Instant;

use buswork::SkipReason;
use buswork::isolation::Isolation;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::bus::Bus;
use crate::failure::{FailedAttempt, Fault, Publication};
use crate::on_error::OnError;
use crate::policed;
use crate::report::Delivery;
use crate::subscriber::Entry;
use crate::turns::Turn;

/// A delivery while its handler is started: what it takes to keep it, should it not end at once.
pub(crate) struct Attempted<'a, 'py> {
    place: usize,
    entry: &'a Arc<Entry>,
    /// Taken before the call, which may end the subscription.
    handler: Option<Bound<'py, PyAny>>,
    on_error: Option<Bound<'py, PyAny>>,
    /// For a report only.
    started: Option<Instant>,
    /// What its policy keeps, if there is one.
    turn: Option<Bound<'py, Turn>>,
}

impl<'a, 'py> Attempted<'a, 'py> {
    pub(crate) fn new(
        py: Python<'py>,
        place: usize,
        entry: &'a Arc<Entry>,
        is_timed: bool,
        turn: Option<Bound<'py, Turn>>,
    ) -> Self {
        let subscriber = entry.handler();
        let on_error = match &subscriber.on_error {
            Some(OnError::Call(function)) => function.get(py),
            _ => None,
        };
        Self {
            place,
            entry,
            handler: subscriber.handler(py),
            on_error,
            started: (is_timed || measures(entry)).then(Instant::now),
            turn,
        }
    }

    /// Whether its failure has an effect at once, and not only when all handlers have ended.
    pub(crate) fn is_urgent(&self, bus: &Bus) -> bool {
        match &self.entry.handler().on_error {
            Some(on_error) => !matches!(on_error, OnError::Raise),
            None => !matches!(*bus.on_error(), OnError::Raise),
        }
    }

    /// Counts a delivery that has ended well.
    pub(crate) fn count_ok(&self) {
        policed::count(self.entry, false, self.started);
    }

    pub(crate) fn keep(self) -> Attempt {
        Attempt {
            entry: Arc::clone(self.entry),
            place: self.place,
            handler: self.handler.map(Bound::unbind),
            on_error: self.on_error.map(Bound::unbind),
            started: self.started,
            turn: self.turn.map(Bound::unbind),
        }
    }
}

/// What is kept of a delivery until it has ended, and been reported or judged. Holds its entry,
/// which it does not visit, and the handler and `on_error`, which it owns.
#[pyclass(frozen, module = "buswork._buswork")]
pub(crate) struct Attempt {
    entry: Arc<Entry>,
    /// Its place in the call order.
    #[pyo3(get)]
    place: usize,
    handler: Option<Py<PyAny>>,
    on_error: Option<Py<PyAny>>,
    started: Option<Instant>,
    turn: Option<Py<Turn>>,
}

/// Whether figures of it are kept that take the time.
fn measures(entry: &Entry) -> bool {
    let policed = entry.handler().policed.as_ref();
    policed.is_some_and(|policed| policed.regulator.figures().measures_latency())
}

impl Attempt {
    /// Counts a delivery that has ended well.
    pub(crate) fn count_ok(&self) {
        policed::count(&self.entry, false, self.started);
    }

    fn attempts(&self) -> Vec<FailedAttempt> {
        let turn = self.turn.as_ref();
        turn.map(|turn| turn.get().attempts()).unwrap_or_default()
    }

    fn kept(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.handler.as_ref().map(|handler| handler.clone_ref(py))
    }

    fn name(&self) -> String {
        self.entry.handler().name.clone()
    }

    fn elapsed(&self) -> f64 {
        self.started
            .map_or(0.0, |started| started.elapsed().as_secs_f64())
    }
}

#[pymethods]
impl Attempt {
    /// Does with the failure what its subscription or the bus says: `"collect"`, `"stop"`, or
    /// `"done"` when nothing is left to do. An error of this goes straight through.
    #[pyo3(signature = (bus, event, event_type, topic, site, error))]
    fn judge<'py>(
        &self,
        bus: &Bound<'py, Bus>,
        event: &Bound<'py, PyAny>,
        event_type: &Bound<'py, PyType>,
        topic: Option<&str>,
        site: String,
        error: Bound<'py, PyAny>,
    ) -> PyResult<&'static str> {
        let py = event.py();
        policed::count(&self.entry, true, self.started);
        if let Some(turn) = &self.turn {
            turn.get().count_failed();
        }
        let publication = Publication::at(bus.as_unbound(), event_type, event, topic, Some(site));
        let bound = |object: &Option<Py<PyAny>>| object.as_ref().map(|it| it.bind(py).clone());
        let fault = Fault {
            error: PyErr::from_value(error),
            handler: bound(&self.handler),
            on_error: bound(&self.on_error),
            again: None,
            attempts: self.attempts(),
        };
        let mut isolation = Isolation::new();
        let goes_on = publication.judge(&self.entry, fault, &mut isolation)?;
        Ok(match isolation.into_collected().is_empty() {
            true => "done",
            false if goes_on.is_break() => "stop",
            false => "collect",
        })
    }

    fn ok(&self, py: Python<'_>, result: Py<PyAny>) -> Delivery {
        Delivery::ok(self.kept(py), self.name(), result, self.elapsed())
            .after(self.attempts().len())
    }

    fn failed(&self, py: Python<'_>, error: Py<PyAny>) -> Delivery {
        let failed = self.attempts().len().saturating_sub(1);
        Delivery::failed(self.kept(py), self.name(), error, self.elapsed()).after(failed)
    }

    fn skipped(&self, py: Python<'_>, reason: &str) -> PyResult<Delivery> {
        let reason = SkipReason::from_word(reason).ok_or_else(|| {
            pyo3::exceptions::PyValueError::new_err(format!("no reason: {reason:?}"))
        })?;
        Ok(Delivery::skipped(self.kept(py), self.name(), reason))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.handler)?;
        visit.call(&self.on_error)?;
        visit.call(&self.turn)
    }
}
