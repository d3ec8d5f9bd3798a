//! Middleware: layers that an event passes on its way, each of which may look at it, change it, or
//! stop it. They wrap a publish, and not a delivery.
//!
//! How layers call each other is Python's (`buswork._middleware`). Here is the end of the way: what
//! `call_next` does in the last layer.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use crate::awaitable::refuse_awaitable;
use crate::bus::Bus;
use crate::calling::Invoke;
use crate::deliver::deliver_within;
use crate::imports;
use crate::on::Flags;
use crate::place::{Origin, Place};
use crate::plan;
use crate::post;
use crate::publish::{Publishing, in_chain, publish_within, within_chain};
use crate::report::Report;
use crate::routing::TypeKey;
use crate::subscriber::{Entry, Subscriber};
use crate::watch::Muting;

/// What becomes of an event behind the last layer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Publish,
    Deliver,
    Post,
}

/// The end of the way of one event: what the last layer's `call_next` is.
#[pyclass(frozen, module = "buswork._buswork")]
pub(crate) struct Passage {
    bus: Py<Bus>,
    verb: Verb,
    topic: Option<String>,
    place: Option<Place>,
    /// Whom the watcher mutes.
    muting: Option<Py<PyAny>>,
    /// Where the publish is in progress, if it is one of the sync bus.
    thread: Option<ThreadId>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    report: Option<Py<Report>>,
    is_over: bool,
}

/// An event on its way through the layers, as the event of a posted delivery.
#[pyclass(frozen, get_all, module = "buswork._buswork")]
pub(crate) struct Passing {
    layers: Py<PyTuple>,
    pub(crate) event: Py<PyAny>,
    passage: Py<Passage>,
}

/// Publishes, or delivers, through the layers of a sync bus. Without a layer that calls on, the report
/// is empty.
pub(crate) fn publish(
    this: &Bound<'_, Bus>,
    event: &Bound<'_, PyAny>,
    topic: Option<&str>,
    muting: &Muting<'_>,
    verb: Verb,
) -> PyResult<Option<Py<Report>>> {
    let (py, bus, class) = (this.py(), this.get(), event.get_type());
    let here = Some(thread::current().id());
    let passage = Bound::new(py, Passage::new(this, verb, topic, muting, here))?;
    let ended = Ended(passage.get());
    in_chain(py, this.as_unbound(), TypeKey::of(&class), |publishing| {
        let result = imports::through(py)?.invoke1((bus.layers(py), event, &passage))?;
        refuse_awaitable(&result, "layer")?;
        publishing.verdict(py)
    })?;
    drop(ended);
    Ok(passage.get().state().report.take())
}

/// Notes that a publish has ended, however it did.
struct Ended<'a>(&'a Passage);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Passage {
    pub(crate) fn new(
        bus: &Bound<'_, Bus>,
        verb: Verb,
        topic: Option<&str>,
        muting: &Muting<'_>,
        thread: Option<ThreadId>,
    ) -> Self {
        let py = bus.py();
        Self {
            bus: bus.clone().unbind(),
            verb,
            topic: topic.map(str::to_owned),
            place: Place::here(py),
            muting: muting.some(),
            thread,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn origin(&self) -> Origin<'_> {
        Origin {
            topic: self.topic.as_deref(),
            place: self.place.as_ref(),
        }
    }

    fn muting<'py>(&self, py: Python<'py>) -> Muting<'py> {
        Muting::of(self.muting.as_ref().map(|muted| muted.bind(py)))
    }

    fn go(&self, publishing: &Publishing<'_>, event: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = event.py();
        let (origin, muting) = (self.origin(), self.muting(py));
        // A layer may have made another event of it.
        let class = event.get_type();
        let plan = plan::plan_for(publishing.bus, &class, origin.topic)?;
        post::post_background(self.bus.bind(py), &plan, event, origin, &muting)?;
        if self.verb == Verb::Publish {
            publish_within(publishing, &plan, &class, event, origin, &muting)?;
            return Ok(py.None());
        }
        let report = deliver_within(publishing, &plan, &class, event, origin, &muting)?;
        let report = Py::new(py, report)?;
        let old = self.state().report.replace(report.clone_ref(py));
        drop(old);
        Ok(report.into_any())
    }
}

#[pymethods]
impl Passage {
    /// Goes on behind the last layer.
    fn __call__(&self, event: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = event.py();
        let bus = self.bus.bind(py);
        if self.state().is_over {
            return Err(PyRuntimeError::new_err(
                "call_next was called when its publish had ended: call it in the layer itself, before that returns",
            ));
        }
        if self.verb == Verb::Post {
            post::post_within(bus, event, self.origin(), &self.muting(py))?;
            return Ok(py.None());
        }
        if self.thread == Some(thread::current().id()) {
            return within_chain(bus.as_unbound(), |publishing| self.go(publishing, event));
        }
        let key = TypeKey::of(&event.get_type());
        in_chain(py, bus.as_unbound(), key, |publishing| {
            self.go(publishing, event)
        })
    }

    /// Notes that the way of the event has ended.
    fn end(&self) {
        self.state().is_over = true;
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.bus)?;
        visit.call(&self.muting)?;
        let Ok(state) = self.state.try_lock() else {
            return Ok(());
        };
        match &state.report {
            Some(report) => visit.call(report),
            None => Ok(()),
        }
    }
}

/// The entry that stands for all layers in the background of a bus.
pub(crate) fn entry(py: Python<'_>, is_async: bool) -> PyResult<Arc<Entry>> {
    static ENTRIES: [PyOnceLock<Arc<Entry>>; 2] = [PyOnceLock::new(), PyOnceLock::new()];
    let entry = ENTRIES[usize::from(is_async)].get_or_try_init(py, || {
        let handler = if is_async {
            imports::pass_async(py)?
        } else {
            imports::pass(py)?
        };
        let types = PyTuple::empty(py);
        let name = "middleware".to_owned();
        let subscriber = Subscriber::new(
            handler,
            None,
            None,
            None,
            types.as_any(),
            Box::new([]),
            name,
            None,
            Flags::default(),
            false,
            None,
            None,
        )?;
        PyResult::Ok(Arc::new(Entry::detached(subscriber)))
    })?;
    Ok(Arc::clone(entry))
}

/// Whether this is the entry of the middleware.
pub(crate) fn is_entry(entry: &Entry) -> bool {
    entry.sequence() == u64::MAX
}

impl Passing {
    /// An event that is to pass the layers in the background.
    pub(crate) fn new(
        bus: &Bound<'_, Bus>,
        event: &Bound<'_, PyAny>,
        topic: Option<&str>,
        muting: &Muting<'_>,
    ) -> PyResult<Self> {
        let py = bus.py();
        let passage = Passage::new(bus, Verb::Post, topic, muting, None);
        Ok(Self {
            layers: bus.get().layers(py).unbind(),
            event: event.clone().unbind(),
            passage: Py::new(py, passage)?,
        })
    }
}

#[pymethods]
impl Passing {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.layers)?;
        visit.call(&self.event)?;
        visit.call(&self.passage)
    }
}
