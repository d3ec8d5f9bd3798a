//! Posting: an event becomes deliveries in the background.

use std::sync::Arc;

use buswork::backlog::Overflow;
use pyo3::exceptions::{PyTimeoutError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDelta;

use crate::background::Background;
use crate::bus::Bus;
use crate::context;
use crate::ending;
use crate::exception;
use crate::imports;
use crate::place::Place;
use crate::plan;
use crate::posted::Posted;
use crate::publish::mind;

/// Has every handler of the event's type called later, by the threads of the bus or by a loop.
pub(crate) fn post(
    this: &Bound<'_, Bus>,
    event: &Bound<'_, PyAny>,
    topic: Option<&str>,
    event_loop: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let (py, bus) = (this.py(), this.get());
    let class = event.get_type();
    let plan = plan::plan_for(bus, &class, topic)?;
    mind(&plan, &class, event, topic, || exception::site(py))?;
    let topic: Option<Arc<str>> = topic.map(Arc::from);
    if plan.entries().is_empty() {
        return Ok(());
    }
    let background = bus.background();
    ending::remember(py, background)?;
    let place = Place::here(py);
    let context = context::copy_current(py)?;
    begin_chain(&context)?;
    let posted = |entry, context: Bound<'_, PyAny>, place| Posted {
        bus: this.clone().unbind(),
        event: event.clone().unbind(),
        entry: Arc::clone(entry),
        context: context.unbind(),
        topic: topic.clone(),
        place,
    };
    if let [entry] = plan.entries() {
        let one = posted(entry, context, place);
        return background.add(py, event_loop, std::iter::once(one));
    }
    let mut all = Vec::with_capacity(plan.entries().len());
    for entry in plan.entries() {
        let place = place.as_ref().map(|place| place.clone_ref(py));
        all.push(posted(entry, context::copy(&context)?, place));
    }
    background.add(py, event_loop, all.into_iter())
}

/// A posted delivery begins a causal chain of its own, also when a handler has posted it.
fn begin_chain(context: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = context.py();
    let Some(chain) = imports::known_chain(py) else {
        return Ok(());
    };
    match context::get(chain)? {
        Some(link) if !link.is_none() => context::set_in(context, chain, &py.None().into_bound(py)),
        _ => Ok(()),
    }
}

/// The settings of a background, as given.
pub(crate) fn overflow(text: &str) -> PyResult<Overflow> {
    Overflow::from_word(text).ok_or_else(|| {
        PyValueError::new_err(format!(
            "overflow must be \"wait\", \"raise\", \"drop_new\" or \"drop_old\", got {text:?}"
        ))
    })
}

/// A time to wait: seconds, or a `timedelta`; `None` for as long as it takes.
pub(crate) fn seconds(given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<f64>> {
    let Some(given) = given.filter(|given| !given.is_none()) else {
        return Ok(None);
    };
    let seconds = if given.is_instance_of::<PyDelta>() {
        given.call_method0("total_seconds")?.extract::<f64>()?
    } else {
        given.extract::<f64>().map_err(|_| {
            PyTypeError::new_err(format!(
                "timeout must be a number of seconds, a timedelta, or None, got {}",
                imports::class_name(&given.get_type())
            ))
        })?
    };
    if seconds.is_nan() || seconds < 0.0 {
        return Err(PyValueError::new_err(format!(
            "timeout must not be negative, got {given}"
        )));
    }
    let longest: f64 = imports::longest_wait(given.py())?.extract()?;
    Ok((seconds < longest).then_some(seconds))
}

/// Why a wait for the end of all deliveries was given up.
pub(crate) fn timed_out(background: &Background, seconds: f64) -> PyErr {
    PyTimeoutError::new_err(format!(
        "after {seconds} s, {}",
        background.describe_pending()
    ))
}
