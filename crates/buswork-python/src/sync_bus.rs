//! `EventBus`: the bus whose handlers run on the publisher's thread, one after another.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::bus::Bus;
use crate::deliver;
use crate::publish;
use crate::report::Report;

/// An event bus: publish an event, and every handler subscribed to its type runs.
#[pyclass(frozen, subclass, extends = Bus, module = "buswork")]
pub(crate) struct EventBus;

#[pymethods]
impl EventBus {
    /// Takes anything, so that a subclass may have an `__init__` of its own.
    #[new]
    #[pyo3(signature = (*arguments, **_options), text_signature = None)]
    fn new(
        arguments: &Bound<'_, PyTuple>,
        _options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let bus = Bus::new(arguments.py(), false)?;
        Ok(PyClassInitializer::from(bus).add_subclass(Self))
    }

    /// Run every handler of the event's type, before it returns; then raise what failed.
    #[inline]
    fn publish(this: &Bound<'_, Self>, event: &Bound<'_, PyAny>) -> PyResult<()> {
        publish::publish(this.as_super().get(), event)
    }

    /// Publish, and report what came of each delivery.
    fn deliver(this: &Bound<'_, Self>, event: &Bound<'_, PyAny>) -> PyResult<Report> {
        deliver::deliver(this.as_super().get(), event)
    }
}
