//! Being watched by tests: a recorder sees what is published, and says who must not be called.
//!
//! A watcher is a callable of `buswork.testing`: it is asked before each publish
//! and post, and before any middleware. That there is one is decided when a plan is compiled, so a
//! bus without one pays nothing for the possibility.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use crate::bus::Bus;
use crate::calling::Invoke;
use crate::event_types::EventTypes;
use crate::registration::is_same;
use crate::subscriber::{Entry, Plan};
use crate::topics;

/// Whose calls a watcher forbids.
pub(crate) enum Muting<'py> {
    Nobody,
    Everybody,
    /// Those handlers for which this returns true.
    Some(Bound<'py, PyAny>),
}

/// Tells the watcher of a bus, if it has one, of an event, and asks whom it mutes.
#[inline]
pub(crate) fn ask<'py>(
    bus: &Bus,
    plan: &Plan,
    verb: &str,
    event: &Bound<'py, PyAny>,
    topic: Option<&str>,
) -> PyResult<Muting<'py>> {
    if !plan.extra().surroundings.is_watched {
        return Ok(Muting::Nobody);
    }
    let Some(watcher) = bus.watcher(event.py()) else {
        return Ok(Muting::Nobody);
    };
    Muting::read(watcher.invoke1((verb, event, topic))?)
}

impl<'py> Muting<'py> {
    /// Reads what a watcher says: `None` for nobody, `True` for everybody, or a callable.
    fn read(said: Bound<'py, PyAny>) -> PyResult<Self> {
        if said.is_none() {
            return Ok(Self::Nobody);
        }
        if said.is_callable() {
            return Ok(Self::Some(said));
        }
        Ok(if said.is_truthy()? {
            Self::Everybody
        } else {
            Self::Nobody
        })
    }

    /// What says whether a handler is muted, if some are.
    pub(crate) fn some(&self) -> Option<Py<PyAny>> {
        match self {
            Self::Some(is_muted) => Some(is_muted.clone().unbind()),
            Self::Nobody | Self::Everybody => None,
        }
    }

    /// The inverse of [`some`](Self::some).
    pub(crate) fn of(is_muted: Option<&Bound<'py, PyAny>>) -> Self {
        is_muted.map_or(Self::Nobody, |is_muted| Self::Some(is_muted.clone()))
    }

    /// Whether a handler must not be called.
    pub(crate) fn has(&self, py: Python<'_>, entry: &Entry) -> PyResult<bool> {
        match self {
            Self::Nobody => Ok(false),
            Self::Everybody => Ok(true),
            Self::Some(is_muted) => match entry.handler().handler(py) {
                None => Ok(false),
                Some(handler) => is_muted.invoke1((handler,))?.is_truthy(),
            },
        }
    }

    /// The plan without those who must not be called; `None` if it is the same.
    pub(crate) fn of_plan(&self, py: Python<'_>, plan: &Plan) -> PyResult<Option<Arc<Plan>>> {
        if matches!(self, Self::Nobody) {
            return Ok(None);
        }
        let mut rest = Vec::with_capacity(plan.entries().len());
        for entry in plan.entries() {
            if !self.has(py, entry)? {
                rest.push(Arc::clone(entry));
            }
        }
        Ok(Some(Arc::new(Plan::new(rest, plan.extra().careful()))))
    }
}

/// Whether two callables are the same handler; for tests.
#[pyfunction]
pub(crate) fn is_same_handler(one: &Bound<'_, PyAny>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
    is_same(one, other)
}

/// The classes that an event type stands for; for tests.
#[pyfunction]
pub(crate) fn classes_of<'py>(given: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyType>>> {
    Ok(EventTypes::classes(given, "mute")?.classes)
}

/// Whether a topic matches a pattern; for tests.
#[pyfunction]
pub(crate) fn topic_matches(
    pattern: &Bound<'_, PyString>,
    topic: &Bound<'_, PyString>,
) -> PyResult<bool> {
    Ok(topics::pattern(pattern)?.matches(topics::topic(topic)?))
}
