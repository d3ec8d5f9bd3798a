//! What a bus tells its traces of ([`buswork::trace`]), and how it calls things there.
//!
//! Whether a publish is traced is decided when its plan is compiled: one that is goes the careful
//! road, and all others know nothing of it.

use std::sync::Arc;

use buswork::SkipReason;
use buswork::trace::{
    Dispatch, EventName, HandlerName, InProgress, Outcome, Publication, Sink, Tracers, Verb,
};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple, PyType};

use crate::admission::deliver_guarded;
use crate::bus::Bus;
use crate::cause;
use crate::failure::Fault;
use crate::imports;
use crate::place::Place;
use crate::registration::default_name;
use crate::sites::Sites;
use crate::subscriber::{Entry, Plan, Subscriber};

/// The traces of a bus.
#[derive(Clone, Default)]
pub(crate) struct Tracing {
    pub(crate) tracers: Tracers,
    sites: Arc<Sites>,
}

/// The same, in a plan.
#[derive(Clone)]
pub(crate) struct Traced {
    tracing: Tracing,
    /// What the plan's class is called; of a plan for a topic it is not known.
    event: Option<EventName>,
}

impl Tracing {
    /// The same, with other traces.
    pub(crate) fn changed(&self, change: impl FnOnce(&Tracers) -> Tracers) -> Self {
        let tracers = change(&self.tracers);
        let sites = if tracers.is_empty() {
            Arc::default()
        } else {
            Arc::clone(&self.sites)
        };
        Self { tracers, sites }
    }

    /// What the plan for a class, or for a topic, has to tell; `None` when nobody is to be told.
    pub(crate) fn of_plan(self, class: Option<&Bound<'_, PyType>>) -> Option<Traced> {
        if self.tracers.is_empty() {
            return None;
        }
        let event = class.map(event_name);
        Some(Traced {
            tracing: self,
            event,
        })
    }
}

impl Bus {
    /// Adds a trace.
    pub(crate) fn add_trace(&self, sink: &Sink) {
        self.change_traces(|tracers| tracers.with(sink.clone()));
    }

    /// Takes a trace away.
    pub(crate) fn remove_trace(&self, sink: &Sink) {
        self.change_traces(|tracers| tracers.without(sink));
    }

    /// Ends the traces in files, as the bus is closed or gone.
    pub(crate) fn end_traces(&self) {
        let tracing = self.traces();
        if tracing.tracers.is_empty() {
            return;
        }
        self.change_traces(Tracers::without_files);
        tracing.tracers.close_files();
    }
}

/// Tells the traces of a publish that has passed the layers, if there are any. `place` is where it was
/// made, if that is not where the running code is.
#[inline]
pub(crate) fn begin(
    plan: &Plan,
    class: &Bound<'_, PyType>,
    topic: Option<&str>,
    place: Option<&Place>,
    verb: Verb,
) -> PyResult<Option<Arc<Dispatch>>> {
    match &plan.extra().traced {
        Some(traced) if !plan.extra().refuses_classes => {
            traced.begin(class, topic, place, verb).map(Some)
        }
        _ => Ok(None),
    }
}

impl Traced {
    #[inline(never)]
    fn begin(
        &self,
        class: &Bound<'_, PyType>,
        topic: Option<&str>,
        place: Option<&Place>,
        verb: Verb,
    ) -> PyResult<Arc<Dispatch>> {
        let py = class.py();
        let sites = &self.tracing.sites;
        let site = place.map_or_else(|| sites.here(py), |place| sites.of(py, place));
        let event = self.event.clone().unwrap_or_else(|| event_name(class));
        Ok(self.tracing.tracers.publish(Publication {
            event,
            topic: topic.map(Arc::from),
            verb,
            site,
            cause: cause::current(py)?,
        }))
    }
}

/// `module.qualname` of a class.
pub(crate) fn event_name(class: &Bound<'_, PyType>) -> EventName {
    EventName::new(class_id(class))
}

fn class_id(class: &Bound<'_, PyType>) -> String {
    let name = imports::class_name(class);
    match class.module() {
        Ok(module) => format!("{}.{name}", module.to_string_lossy()),
        Err(_) => name,
    }
}

impl Subscriber {
    /// What it is called in a trace. Its handler is asked once, before the subscription has ended.
    pub(crate) fn traced_name(&self, py: Python<'_>) -> HandlerName {
        if let Some(known) = self.traced.get() {
            return known.clone();
        }
        // Not within the lock of the cell, since it runs code of the user's.
        let made = self.describe(py);
        self.traced.get_or_init(|| made).clone()
    }

    fn describe(&self, py: Python<'_>) -> HandlerName {
        let handler = self.handler(py);
        let id = handler.map_or_else(|| self.name.clone(), |handler| default_name(&handler));
        let place = self.location.as_ref().and_then(|location| {
            let (file, line) = location.rsplit_once(':')?;
            Some((file.to_owned(), line.parse().ok()?))
        });
        let types = self.types(py);
        let types = types.and_then(|types| types.cast_into::<PyTuple>().ok());
        let types = types.iter().flatten().map(|one| type_id(&one)).collect();
        HandlerName::new(id, self.name.as_str(), place, types)
    }
}

fn type_id(given: &Bound<'_, PyAny>) -> String {
    if let Ok(class) = given.cast::<PyType>() {
        return class_id(class);
    }
    let text = given.cast::<PyString>();
    text.map_or_else(
        |_| "?".to_owned(),
        |text| text.to_string_lossy().into_owned(),
    )
}

/// What a delivery came to, for its traces.
pub(crate) fn outcome<T>(
    py: Python<'_>,
    delivered: Result<&Result<T, SkipReason>, &PyErr>,
) -> Outcome {
    match delivered {
        Ok(Ok(_)) => Outcome::Ok,
        Ok(Err(reason)) => Outcome::Skipped(*reason),
        Err(error) => failed(py, error),
    }
}

/// The class of an error, and never its text.
pub(crate) fn failed(py: Python<'_>, error: &PyErr) -> Outcome {
    Outcome::Failed(imports::class_name(&error.get_type(py)).into())
}

/// What a handler of the async bus came to that returned this: it may have waited for its turn, and not been
/// called.
pub(crate) fn returned(result: &Bound<'_, PyAny>) -> Outcome {
    let not_called = || {
        let py = result.py();
        if result.is_none() || !result.is_instance(imports::not_called(py)?)? {
            return Ok(None);
        }
        let reason = result.getattr(pyo3::intern!(py, "reason"))?;
        Ok::<_, PyErr>(SkipReason::from_word(&reason.extract::<String>()?))
    };
    match not_called() {
        Ok(Some(reason)) => Outcome::Skipped(reason),
        _ => Outcome::Ok,
    }
}

/// A delivery from now on, of which the traces are told.
pub(crate) fn progress(py: Python<'_>, dispatch: &Arc<Dispatch>, entry: &Entry) -> InProgress {
    InProgress::new(dispatch, &entry.handler().traced_name(py), entry.sequence())
}

/// Ends a delivery, if its traces are to be told.
pub(crate) fn end(progress: Option<InProgress>, outcome: impl FnOnce() -> Outcome) {
    if let Some(mut progress) = progress {
        progress.end(outcome());
    }
}

/// One delivery of the sync bus, of which its traces are told.
pub(crate) fn deliver<'py>(
    bus: &Bus,
    dispatch: &Arc<Dispatch>,
    entry: &Arc<Entry>,
    event: &Bound<'py, PyAny>,
) -> Result<Result<Bound<'py, PyAny>, SkipReason>, Fault<'py>> {
    let py = event.py();
    let mut progress = progress(py, dispatch, entry);
    let inside = cause::enter(py, progress.cause()).map_err(Fault::of)?;
    let delivered = deliver_guarded(bus, entry, event);
    drop(inside);
    progress.end(outcome(
        py,
        delivered.as_ref().map_err(|fault| &fault.error),
    ));
    delivered
}

/// The same for a posted delivery.
#[inline(never)]
pub(crate) fn deliver_one<'py>(
    bus: &Bus,
    dispatch: &Arc<Dispatch>,
    entry: &Arc<Entry>,
    event: &Bound<'py, PyAny>,
) -> Result<(), Box<Fault<'py>>> {
    deliver(bus, dispatch, entry, event)
        .map(drop)
        .map_err(Box::new)
}

/// Tells of a handler that is not called.
pub(crate) fn skip(
    py: Python<'_>,
    dispatch: Option<&Arc<Dispatch>>,
    entry: &Entry,
    reason: SkipReason,
) {
    if let Some(dispatch) = dispatch {
        progress(py, dispatch, entry).end(Outcome::Skipped(reason));
    }
}
