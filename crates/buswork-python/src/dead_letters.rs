//! Deliveries that have failed to their end, and are kept to be looked at, and tried again.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use buswork::SkipReason;
use buswork::policy::DeadLetters as _;
use pyo3::exceptions::{PyLookupError, PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyList, PyTuple, PyType};

use crate::bus::Bus;
use crate::exception;
use crate::failure::{self, FailedAttempt, event_name};
use crate::imports;
use crate::passage;
use crate::plan;
use crate::post;
use crate::posted::Delivering;
use crate::subscriber::Entry;

/// One failed delivery.
#[pyclass(frozen, module = "buswork")]
pub(crate) struct DeadLetter {
    #[pyo3(get)]
    id: u64,
    #[pyo3(get)]
    event: Py<PyAny>,
    #[pyo3(get)]
    event_type: Py<PyType>,
    #[pyo3(get)]
    topic: Option<String>,
    /// The name of the subscription.
    #[pyo3(get)]
    handler: String,
    #[pyo3(get)]
    location: Option<String>,
    #[pyo3(get)]
    site: Option<String>,
    #[pyo3(get)]
    attempts: Py<PyTuple>,
    entry: Arc<Entry>,
}

/// One attempt of a failed delivery.
#[pyclass(frozen, get_all, module = "buswork")]
pub(crate) struct Attempted {
    /// Seconds since 1970.
    at: f64,
    error: String,
}

/// What is published when a dead letter was kept.
#[pyclass(frozen, get_all, module = "buswork")]
pub(crate) struct DeadLettered {
    letter: Py<DeadLetter>,
}

/// The dead letters of a bus.
#[pyclass(frozen, module = "buswork")]
pub(crate) struct DeadLetters {
    pub(crate) bus: Py<Bus>,
}

/// A failed delivery, as whoever judges it knows it.
pub(crate) struct Dead<'a, 'py> {
    pub(crate) bus: &'a Py<Bus>,
    pub(crate) entry: &'a Arc<Entry>,
    pub(crate) event: &'a Bound<'py, PyAny>,
    pub(crate) class: &'a Bound<'py, PyType>,
    pub(crate) topic: Option<&'a str>,
    pub(crate) site: Option<&'a str>,
    pub(crate) attempts: Vec<FailedAttempt>,
}

impl Dead<'_, '_> {
    /// Keeps it, and publishes that. An error of this is an interrupt.
    #[cold]
    pub(crate) fn keep(self) -> PyResult<()> {
        let py = self.event.py();
        let bus = self.bus.bind(py);
        // One about a dead letter that could not be told of would be told of in turn.
        if self.event.is_instance_of::<DeadLettered>() {
            return Ok(());
        }
        let attempts = self.attempts.into_iter().map(|attempt| {
            let at = attempt.at.duration_since(UNIX_EPOCH).unwrap_or_default();
            Py::new(
                py,
                Attempted {
                    at: at.as_secs_f64(),
                    error: attempt.error,
                },
            )
        });
        let attempts = PyTuple::new(py, attempts.collect::<PyResult<Vec<_>>>()?)?;
        let id = bus.get().letters().next_id();
        let letter = DeadLetter {
            id,
            event: self.event.clone().unbind(),
            event_type: self.class.clone().unbind(),
            topic: self.topic.map(str::to_owned),
            handler: self.entry.handler().name.clone(),
            location: self.entry.handler().location.clone(),
            site: self.site.map(str::to_owned),
            attempts: attempts.unbind(),
            entry: Arc::clone(self.entry),
        };
        let letter = Py::new(py, letter)?;
        let (lost, is_first) = {
            let mut letters = bus.get().letters();
            let lost = letters.keep(id, letter.clone_ref(py));
            let is_first = lost.is_some() && letters.lost() == 1;
            (lost, is_first)
        };
        drop(lost);
        if let Some(policed) = &self.entry.handler().policed {
            policed.regulator.figures().note_dead_lettered();
        }
        if is_first {
            let line = "more dead letters than the bus keeps: the oldest go; bus.dead_letters.lost counts them (told once a bus)";
            failure::log_line(py, "warning", line)?;
        }
        tell(bus, letter)
    }
}

/// Posts a `DeadLettered` to those who want to know, if there are any.
fn tell(bus: &Bound<'_, Bus>, letter: Py<DeadLetter>) -> PyResult<()> {
    let py = bus.py();
    let class = py.get_type::<DeadLettered>();
    let posted = || {
        if plan::plan(bus.get(), &class)?.entries().is_empty() {
            return Ok(());
        }
        let event = Bound::new(py, DeadLettered { letter })?;
        // As from a handler, which may post while the bus is closing.
        let _delivering = Delivering::of(bus.get().number());
        post::post(bus, event.as_any(), None)
    };
    match posted() {
        Err(error) if exception::is_isolated(py, &error) => {
            failure::log(py, "nobody was told of a dead letter", &error)
        }
        posted => posted,
    }
}

impl DeadLetters {
    fn id(given: &Bound<'_, PyAny>) -> PyResult<u64> {
        if let Ok(letter) = given.cast::<DeadLetter>() {
            return Ok(letter.get().id);
        }
        given.extract().map_err(|_| {
            PyTypeError::new_err(format!(
                "a dead letter or its id is wanted, got {}",
                imports::class_name(&given.get_type())
            ))
        })
    }

    fn take(&self, py: Python<'_>, given: &Bound<'_, PyAny>) -> PyResult<Py<DeadLetter>> {
        let id = Self::id(given)?;
        let taken = self.bus.bind(py).get().letters().take(id);
        taken.ok_or_else(|| {
            PyLookupError::new_err(format!(
                "there is no dead letter {id}: it was tried again, discarded, or had to go for newer ones"
            ))
        })
    }

    fn list(&self, py: Python<'_>) -> Vec<Py<DeadLetter>> {
        let mut all = Vec::new();
        let letters = self.bus.bind(py).get().letters();
        letters.each(&mut |_, letter| all.push(letter.clone_ref(py)));
        all
    }
}

#[pymethods]
impl DeadLetters {
    fn __len__(&self, py: Python<'_>) -> usize {
        self.bus.bind(py).get().letters().count()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        PyList::new(py, self.list(py))?.try_iter()
    }

    /// How many had to go for newer ones.
    #[getter]
    fn lost(&self, py: Python<'_>) -> u64 {
        self.bus.bind(py).get().letters().lost()
    }

    /// Posts the event of a letter anew, to its handler alone.
    fn retry(&self, letter: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = letter.py();
        let bus = self.bus.bind(py);
        let taken = self.take(py, letter)?;
        let one = taken.get();
        if let Some(refused) = one.why_not() {
            let lost = bus.get().letters().keep(one.id, taken.clone_ref(py));
            drop(lost);
            return Err(refused);
        }
        let (event, topic) = (one.event.bind(py), one.topic.as_deref());
        let posted = if passage::is_entry(&one.entry) {
            // It came no further than to the middleware, whose turn it is once more.
            post::post(bus, event, topic)
        } else {
            post::post_to(bus, event, topic, &one.entry)
        };
        if posted.is_err() {
            let lost = bus.get().letters().keep(one.id, taken.clone_ref(py));
            drop(lost);
        }
        posted
    }

    /// Throws a letter away.
    fn discard(&self, letter: &Bound<'_, PyAny>) -> PyResult<()> {
        self.take(letter.py(), letter).map(drop)
    }

    /// Throws all letters away.
    fn clear(&self, py: Python<'_>) {
        let all = self.bus.bind(py).get().letters().take_all();
        drop(all);
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        match self.__len__(py) {
            1 => "<DeadLetters: 1 letter>".to_owned(),
            count => format!("<DeadLetters: {count} letters>"),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.bus)
    }
}

impl DeadLetter {
    /// Why it cannot be tried again now.
    fn why_not(&self) -> Option<PyErr> {
        let handler = &self.handler;
        if self.entry.is_ended() {
            return Some(PyLookupError::new_err(format!(
                "the subscription of {handler} has ended: subscribe the handler again and publish the event, or discard the letter"
            )));
        }
        matches!(self.entry.check(), Err(SkipReason::Paused)).then(|| {
            PyRuntimeError::new_err(format!(
                "{handler} is paused, and would not get the event: resume it, and try the letter again"
            ))
        })
    }
}

#[pymethods]
impl DeadLetter {
    /// The last attempt's error, as text.
    #[getter]
    fn error(&self, py: Python<'_>) -> PyResult<String> {
        let attempts = self.attempts.bind(py);
        let last = attempts.get_item(attempts.len().saturating_sub(1))?;
        Ok(last.cast::<Attempted>()?.get().error.clone())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let name = event_name(self.event_type.bind(py), self.topic.as_deref());
        let (handler, error) = (&self.handler, self.error(py)?);
        let text = format!("<DeadLetter {}: {name} to {handler}, {error}>", self.id);
        Ok(text)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event)?;
        visit.call(&self.event_type)?;
        visit.call(&self.attempts)
    }
}

#[pymethods]
impl Attempted {
    fn __repr__(&self) -> String {
        format!("<Attempt at {:.3}: {}>", self.at, self.error)
    }
}

#[pymethods]
impl DeadLettered {
    #[new]
    fn new(letter: Py<DeadLetter>) -> Self {
        Self { letter }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!(
            "<DeadLettered {}>",
            self.letter.get().__repr__(py)?
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.letter)
    }
}
