//! The options of a subscription, and the decorator that keeps them until there is a handler.

use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::bus::Bus;
use crate::event_types::EventTypes;
use crate::imports;
use crate::policy::Policy;
use crate::subscription::Subscription;

/// The options of a subscription, as given.
pub(crate) struct Wishes<'py> {
    pub(crate) name: Option<String>,
    pub(crate) priority: i64,
    pub(crate) when: Option<Bound<'py, PyAny>>,
    pub(crate) on_error: Option<Bound<'py, PyAny>>,
    pub(crate) policy: Option<Bound<'py, Policy>>,
    /// What the handler declares to publish.
    pub(crate) publishes: Option<Bound<'py, PyAny>>,
    pub(crate) flags: Flags,
}

/// Reads a whole number, also one that is too large.
pub(crate) fn whole(given: &Bound<'_, PyAny>) -> PyResult<i64> {
    given.extract().map_err(|error: PyErr| {
        let py = given.py();
        if !error.is_instance_of::<PyOverflowError>(py) {
            return error;
        }
        PyValueError::new_err(format!("{given} is too large: it must fit 64 bits"))
    })
}

/// What `bus.on(...)` returns: subscribes what it is called with, and returns it unchanged.
#[pyclass(frozen, module = "buswork._buswork")]
pub(crate) struct On {
    pub(crate) bus: Py<Bus>,
    pub(crate) types: Py<PyTuple>,
    /// What `when` and `on_error` were given; the rest is plain data.
    pub(crate) callables: (Option<Py<PyAny>>, Option<Py<PyAny>>),
    pub(crate) policy: Option<Py<Policy>>,
    pub(crate) publishes: Option<Py<PyAny>>,
    pub(crate) name: Option<String>,
    pub(crate) priority: i64,
    pub(crate) flags: Flags,
}

/// The options that are yes or no.
#[derive(Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct Flags {
    pub(crate) once: bool,
    pub(crate) weak: bool,
    pub(crate) exact: bool,
    /// Called in the background only, also by a publish.
    pub(crate) background: bool,
}

#[pymethods]
impl On {
    /// Subscribes a handler; what `include` uses, to have the handle.
    fn subscribe(&self, handler: &Bound<'_, PyAny>) -> PyResult<Subscription> {
        let py = handler.py();
        let types = EventTypes::read(py, self.types.bind(py).iter())?;
        let bound =
            |object: &Option<Py<PyAny>>| object.as_ref().map(|object| object.bind(py).clone());
        let wishes = Wishes {
            name: self.name.clone(),
            priority: self.priority,
            when: bound(&self.callables.0),
            on_error: bound(&self.callables.1),
            policy: self.policy.as_ref().map(|policy| policy.bind(py).clone()),
            publishes: bound(&self.publishes),
            flags: self.flags,
        };
        self.bus.get().add(&types, handler, wishes)
    }

    fn __call__<'py>(&self, handler: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.subscribe(&handler)?;
        Ok(handler)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!(
            "<decorator on {}>",
            imports::type_names(self.types.bind(py))
        )
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.bus)?;
        visit.call(&self.types)?;
        visit.call(&self.callables.0)?;
        visit.call(&self.callables.1)?;
        visit.call(&self.policy)?;
        visit.call(&self.publishes)
    }
}
