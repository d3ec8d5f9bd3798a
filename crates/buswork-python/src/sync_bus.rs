//! `EventBus`: the bus whose handlers run on the publisher's thread, one after another.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::background::Phase;
use crate::bus::Bus;
use crate::calling::Invoke;
use crate::deliver;
use crate::post;
use crate::posted::is_delivering;
use crate::publish;
use crate::report::Report;
use crate::topics;

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
    #[pyo3(signature = (event, *, topic = None))]
    fn publish(
        this: &Bound<'_, Self>,
        event: &Bound<'_, PyAny>,
        topic: Option<&Bound<'_, PyString>>,
    ) -> PyResult<()> {
        match topic {
            None => publish::publish(this.as_super(), event),
            Some(topic) => {
                publish::publish_carefully(this.as_super(), event, Some(topics::topic(topic)?))
            }
        }
    }

    /// Have every handler of the event's type run later, on threads of the bus.
    #[pyo3(signature = (event, *, topic = None))]
    fn post(
        this: &Bound<'_, Self>,
        event: &Bound<'_, PyAny>,
        topic: Option<&Bound<'_, PyString>>,
    ) -> PyResult<()> {
        let topic = topic.map(topics::topic).transpose()?;
        post::post(this.as_super(), event, topic)
    }

    /// Wait until no delivery is pending.
    #[pyo3(signature = (timeout = None))]
    fn drain(this: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let bus = this.as_super().get();
        let timeout = post::seconds(timeout)?;
        refuse_inside(bus, "drain")?;
        wait(this.py(), bus, timeout)
    }

    /// Take no more posts, wait until no delivery is pending, and end the threads.
    #[pyo3(signature = (timeout = None))]
    fn close(this: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let (py, bus) = (this.py(), this.as_super().get());
        let timeout = post::seconds(timeout)?;
        refuse_inside(bus, "close")?;
        bus.background().enter_phase(py, Phase::Closing);
        // What is left after the time is over goes on, and may post.
        wait(py, bus, timeout)?;
        if bus.background().enter_phase(py, Phase::Closed) {
            bus.end_traces();
        }
        Ok(())
    }

    fn __enter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this.as_super().get().background().enter(this.py());
        this
    }

    #[pyo3(signature = (*_details))]
    fn __exit__(this: &Bound<'_, Self>, _details: &Bound<'_, PyTuple>) -> PyResult<()> {
        let py = this.py();
        let verb = if this.as_super().get().background().leave() {
            pyo3::intern!(py, "close")
        } else {
            // It stays open for those who have entered it besides.
            pyo3::intern!(py, "drain")
        };
        this.invoke_method0(verb).map(drop)
    }

    /// Publish, and report what came of each delivery.
    #[pyo3(signature = (event, *, topic = None))]
    fn deliver(
        this: &Bound<'_, Self>,
        event: &Bound<'_, PyAny>,
        topic: Option<&Bound<'_, PyString>>,
    ) -> PyResult<Py<Report>> {
        let topic = topic.map(topics::topic).transpose()?;
        deliver::deliver(this.as_super(), event, topic)
    }
}

/// A handler that waited for the end of all deliveries would wait for itself.
fn refuse_inside(bus: &Bus, verb: &str) -> PyResult<()> {
    if !is_delivering(bus.number()) && !publish::is_publishing(bus.number()) {
        return Ok(());
    }
    Err(PyRuntimeError::new_err(format!(
        "{verb} was called from inside a handler of the bus, which would wait for itself: call it where nothing is being handled"
    )))
}

fn wait(py: Python<'_>, bus: &Bus, timeout: Option<f64>) -> PyResult<()> {
    let background = bus.background();
    if background.state().backlog.pending() == 0 || background.wait_for_end(py, timeout)? {
        return Ok(());
    }
    Err(post::timed_out(background, timeout.unwrap_or_default()))
}
