//! Posting: an event becomes deliveries in the background.

use std::sync::Arc;

use buswork::SkipReason;
use buswork::backlog::Overflow;
use buswork::trace::{Dispatch, Verb};
use pyo3::exceptions::{PyTimeoutError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::background::Background;
use crate::bus::Bus;
use crate::calling::Invoke;
use crate::context;
use crate::ending;
use crate::exception;
use crate::imports;
use crate::passage::{self, Passing};
use crate::place::{Origin, Place};
use crate::plan;
use crate::posted::{Posted, Rare};
use crate::publish::mind;
use crate::room::Room;
use crate::subscriber::{Entry, Plan};
use crate::tracing;
use crate::watch::{self, Muting};

/// Has every handler of the event's type called later, by the threads of the bus or by a loop.
pub(crate) fn post(
    this: &Bound<'_, Bus>,
    event: &Bound<'_, PyAny>,
    topic: Option<&str>,
) -> PyResult<()> {
    let (py, bus) = (this.py(), this.get());
    let class = event.get_type();
    let plan = plan::plan_for(bus, &class, topic)?;
    let muting = watch::ask(bus, &plan, "post", event, topic)?;
    if matches!(muting, Muting::Everybody) {
        return Ok(());
    }
    let event_loop = event_loop(bus, py)?;
    let event_loop = event_loop.as_ref();
    ending::remember(py, bus.background())?;
    if plan.extra().surroundings.has_layers {
        return post_to_layers(this, event, topic, &muting, event_loop);
    }
    let place = Place::here(py);
    enqueue(
        this,
        &plan,
        event,
        topic,
        &muting,
        place,
        event_loop,
        Room::Sought,
    )
}

/// The loop that a post is for, on an async bus.
#[inline]
fn event_loop<'py>(bus: &Bus, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if !bus.is_async() {
        return Ok(None);
    }
    bus.background().loop_for_post(py).map(Some)
}

/// Posts an event behind its layers.
pub(crate) fn post_within(
    this: &Bound<'_, Bus>,
    event: &Bound<'_, PyAny>,
    origin: Origin<'_>,
    muting: &Muting<'_>,
) -> PyResult<()> {
    let (py, bus) = (this.py(), this.get());
    let plan = plan::plan_for(bus, &event.get_type(), origin.topic)?;
    let event_loop = event_loop(bus, py)?;
    let place = origin.place.map(|place| place.clone_ref(py));
    let room = Room::Found;
    enqueue(
        this,
        &plan,
        event,
        origin.topic,
        muting,
        place,
        event_loop.as_ref(),
        room,
    )
}

/// Posts an event to one handler alone.
pub(crate) fn post_to(
    this: &Bound<'_, Bus>,
    event: &Bound<'_, PyAny>,
    topic: Option<&str>,
    entry: &Arc<Entry>,
) -> PyResult<()> {
    let (py, bus) = (this.py(), this.get());
    let class = event.get_type();
    let event_loop = event_loop(bus, py)?;
    ending::remember(py, bus.background())?;
    let plan = plan::plan_for(bus, &class, topic)?;
    let post = Post {
        this,
        event,
        topic,
        place: Place::here(py),
        dispatch: tracing::begin(&plan, &class, topic, None, Verb::Post)?,
    };
    post.enqueue(
        std::slice::from_ref(entry),
        event_loop.as_ref(),
        Room::Found,
    )
}

/// Posts an event that is being published to those of its handlers that are called in the background
/// only.
#[inline]
pub(crate) fn post_background(
    this: &Bound<'_, Bus>,
    plan: &Arc<Plan>,
    event: &Bound<'_, PyAny>,
    origin: Origin<'_>,
    muting: &Muting<'_>,
) -> PyResult<()> {
    if !plan.extra().has_background || plan.extra().refuses_classes {
        return Ok(());
    }
    let (py, bus) = (this.py(), this.get());
    let mut entries = Vec::new();
    for entry in plan.entries() {
        if entry.handler().background && !muting.has(py, entry)? {
            entries.push(Arc::clone(entry));
        }
    }
    let event_loop = event_loop(bus, py)?;
    ending::remember(py, bus.background())?;
    let place = match origin.place {
        Some(place) => Some(place.clone_ref(py)),
        None => Place::here(py),
    };
    let class = event.get_type();
    let dispatch = tracing::begin(plan, &class, origin.topic, place.as_ref(), Verb::Post)?;
    let post = Post {
        this,
        event,
        topic: origin.topic,
        place,
        dispatch,
    };
    post.enqueue(&entries, event_loop.as_ref(), Room::Sought)
}

#[expect(
    clippy::too_many_arguments,
    reason = "one post, and all that is known of it"
)]
fn enqueue(
    this: &Bound<'_, Bus>,
    plan: &Arc<Plan>,
    event: &Bound<'_, PyAny>,
    topic: Option<&str>,
    muting: &Muting<'_>,
    place: Option<Place>,
    event_loop: Option<&Bound<'_, PyAny>>,
    room: Room,
) -> PyResult<()> {
    let py = this.py();
    let class = event.get_type();
    // Behind layers, the running code is not the poster's.
    let elsewhere = place.as_ref().filter(|_| room == Room::Found);
    let dispatch = tracing::begin(plan, &class, topic, elsewhere, Verb::Post)?;
    mind(plan, &class, event, topic, || exception::site(py))?;
    let some = muting.of_plan(py, plan)?;
    let entries = some.as_ref().unwrap_or(plan).entries();
    if let Some(dispatch) = &dispatch {
        tell_of_muted(py, dispatch, plan, entries);
    }
    let post = Post {
        this,
        event,
        topic,
        place,
        dispatch,
    };
    post.enqueue(entries, event_loop, room)
}

/// One post, before it is in the queue.
struct Post<'a, 'py> {
    this: &'a Bound<'py, Bus>,
    event: &'a Bound<'py, PyAny>,
    topic: Option<&'a str>,
    place: Option<Place>,
    /// What the traces are told of, if there are any.
    dispatch: Option<Arc<Dispatch>>,
}

impl<'py> Post<'_, 'py> {
    #[inline]
    fn enqueue(
        self,
        entries: &[Arc<Entry>],
        event_loop: Option<&Bound<'py, PyAny>>,
        room: Room,
    ) -> PyResult<()> {
        let py = self.this.py();
        let background = self.this.get().background();
        if entries.is_empty() {
            return background.check_open(py, event_loop);
        }
        let is_rare = self.topic.is_some() || self.dispatch.is_some();
        let rare = is_rare.then(|| {
            Arc::new(Rare {
                topic: self.topic.map(Box::from),
                dispatch: self.dispatch,
            })
        });
        let context = context::copy_current(py)?;
        begin_chain(&context)?;
        let (this, event) = (self.this, self.event);
        let posted = |entry, context: Bound<'_, PyAny>, place| Posted {
            bus: this.clone().unbind(),
            event: event.clone().unbind(),
            entry: Arc::clone(entry),
            context: context.unbind(),
            place,
            rare: rare.clone(),
            trying: None,
        };
        if let [entry] = entries {
            let one = posted(entry, context, self.place);
            return background.add(py, event_loop, std::iter::once(one), room);
        }
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries {
            let place = self.place.as_ref().map(|place| place.clone_ref(py));
            all.push(posted(entry, context::copy(&context)?, place));
        }
        background.add(py, event_loop, all.into_iter(), room)
    }
}

/// Tells the traces of those who will not be called.
fn tell_of_muted(py: Python<'_>, dispatch: &Arc<Dispatch>, plan: &Plan, called: &[Arc<Entry>]) {
    for entry in plan.entries() {
        if !called.iter().any(|one| Arc::ptr_eq(one, entry)) {
            tracing::skip(py, Some(dispatch), entry, SkipReason::Muted);
        }
    }
}

/// Posts an event to the layers, which run in the background, one event at a time: to a line of
/// their own, as if they were a handler.
fn post_to_layers(
    this: &Bound<'_, Bus>,
    event: &Bound<'_, PyAny>,
    topic: Option<&str>,
    muting: &Muting<'_>,
    event_loop: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let (py, bus) = (this.py(), this.get());
    let passing = Bound::new(py, Passing::new(this, event, topic, muting)?)?;
    let context = context::copy_current(py)?;
    begin_chain(&context)?;
    let posted = Posted {
        bus: this.clone().unbind(),
        event: passing.into_any().unbind(),
        entry: passage::entry(py, bus.is_async())?,
        context: context.unbind(),
        place: Place::here(py),
        rare: topic.map(|topic| {
            Arc::new(Rare {
                topic: Some(topic.into()),
                dispatch: None,
            })
        }),
        trying: None,
    };
    bus.background()
        .add(py, event_loop, std::iter::once(posted), Room::Sought)
}

/// A posted delivery begins a causal chain of its own, also when a handler has posted it.
fn begin_chain(context: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = context.py();
    let Some(chain) = imports::known_chain(py) else {
        return Ok(());
    };
    // It is nested in nobody, so it may wait for whoever has posted it.
    if let Some(held) = imports::known_held(py)
        && context::get(held)?.is_some_and(|turns| turns.len().is_ok_and(|count| count > 0))
    {
        context::set_in(context, held, PyTuple::empty(py).as_any())?;
    }
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
    let Some(seconds) = seconds_of("timeout", given)? else {
        return Ok(None);
    };
    let longest = given.map(|given| imports::longest_wait(given.py())?.extract::<f64>());
    let longest = longest.transpose()?.unwrap_or(f64::INFINITY);
    Ok((seconds < longest).then_some(seconds))
}

/// A time that is called `name`: seconds, or a `timedelta`; `None` where none was given.
pub(crate) fn seconds_of(name: &str, given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<f64>> {
    let Some(given) = given.filter(|given| !given.is_none()) else {
        return Ok(None);
    };
    let seconds = match given.extract::<f64>() {
        Ok(seconds) => seconds,
        Err(_) if is_timedelta(given)? => given
            .invoke_method0(pyo3::intern!(given.py(), "total_seconds"))?
            .extract()?,
        Err(_) => {
            return Err(PyTypeError::new_err(format!(
                "{name} must be a number of seconds, a timedelta, or None, got {}",
                imports::class_name(&given.get_type())
            )));
        }
    };
    if seconds.is_nan() || seconds < 0.0 {
        return Err(PyValueError::new_err(format!(
            "{name} must not be negative, got {given}"
        )));
    }
    Ok(Some(seconds))
}

/// Not by the bindings' own check: it imports the module for every number, and aborts the program if an
/// interrupt comes meanwhile. What is a timedelta was made by a module that is there.
fn is_timedelta(given: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = given.py();
    let modules = imports::modules(py)?;
    let name = pyo3::intern!(py, "datetime");
    if !modules.contains(name)? {
        return Ok(false);
    }
    given.is_instance(
        &modules
            .get_item(name)?
            .getattr(pyo3::intern!(py, "timedelta"))?,
    )
}

/// Why a wait for the end of all deliveries was given up.
pub(crate) fn timed_out(background: &Background, seconds: f64) -> PyErr {
    PyTimeoutError::new_err(format!(
        "after {seconds} s, {}",
        background.describe_pending()
    ))
}
