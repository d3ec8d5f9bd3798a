//! The fast road: runs a plan, allocates nothing and looks nothing up while nothing fails.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use buswork::chain::{self, Entered};
use buswork::isolation::{Isolation, Outcome};
use buswork::trace::{Dispatch, Verb};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::admission::deliver_guarded;
use crate::awaitable::{self, refuse_awaitable};
use crate::bus::Bus;
use crate::calling::{self, Called, Invoke, call};
use crate::deliver::Walk;
use crate::exception;
use crate::failure::{Fault, Publication, group};
use crate::imports;
use crate::passage;
use crate::place::Origin;
use crate::plan;
use crate::post;
use crate::rounds::Rounds;
use crate::routing::TypeKey;
use crate::subscriber::{Entry, Plan};
use crate::tens::walk_tens;
use crate::tracing;
use crate::unhandled::Unhandled;
use crate::watch::{self, Muting};

/// The publishes in progress on a thread, over all buses. A refusal is the text of its exception.
type Chain = buswork::chain::Chain<TypeKey, Arc<str>>;

thread_local! {
    static CHAIN: Chain = const { Chain::new() };
}

/// A publish in progress on a bus, one more link of this thread's causal chain.
pub(crate) struct Publishing<'a> {
    pub(crate) owner: &'a Py<Bus>,
    pub(crate) bus: &'a Bus,
    chain: &'a Chain,
}

impl Publishing<'_> {
    /// Ends the walk when a handler has swallowed the error of a publish that went too deep.
    #[inline]
    pub(crate) fn verdict(&self, py: Python<'_>) -> PyResult<()> {
        self.chain
            .verdict()
            .map_err(|message| recursion_error(py, &message))
    }
}

/// Runs `publish` as one more link of this thread's causal chain.
#[inline]
pub(crate) fn in_chain<R>(
    py: Python<'_>,
    owner: &Py<Bus>,
    key: TypeKey,
    publish: impl FnOnce(&Publishing<'_>) -> PyResult<R>,
) -> PyResult<R> {
    let bus = owner.get();
    CHAIN.with(|chain| {
        let entered = chain
            .enter(bus.number(), key, bus.max_depth(), |cycle| {
                too_deep(py, bus, &cycle)
            })
            .map_err(|message| recursion_error(py, &message))?;
        // A panic inside is turned into an exception at the edge of native code: leave then too.
        let _leaving = Leaving(chain, entered);
        let _level = if entered.is_nested() {
            Some(calling::Level::enter(py)?)
        } else {
            None
        };
        publish(&Publishing { owner, bus, chain })
    })
}

/// Runs `publish` as part of the link that is this thread's innermost.
pub(crate) fn within_chain<R>(
    owner: &Py<Bus>,
    publish: impl FnOnce(&Publishing<'_>) -> PyResult<R>,
) -> PyResult<R> {
    let bus = owner.get();
    CHAIN.with(|chain| publish(&Publishing { owner, bus, chain }))
}

/// Whether this thread runs a handler of a publish on the bus with this number.
pub(crate) fn is_publishing(bus: usize) -> bool {
    CHAIN.with(|chain| chain.is_inside(bus))
}

struct Leaving<'a>(&'a Chain, Entered);

impl Drop for Leaving<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

#[cold]
#[inline(never)]
fn too_deep(py: Python<'_>, bus: &Bus, cycle: &[TypeKey]) -> Arc<str> {
    let names = cycle.iter().map(|key| key.name_in_progress(py));
    chain::too_deep(bus.max_depth(), names).into()
}

#[cold]
pub(crate) fn recursion_error(py: Python<'_>, message: &str) -> PyErr {
    exception::of_class(imports::recursion_error(py), message)
}

/// Publishes: every handler of the event's class runs, then failures are raised together.
#[inline]
pub(crate) fn publish(this: &Bound<'_, Bus>, event: &Bound<'_, PyAny>) -> PyResult<()> {
    let bus = this.get();
    // Held to the end: a handler may give the event another `__class__`.
    let class = event.get_type();
    let key = TypeKey::of(&class);
    bus.table().with_plan(&key, |plan| match plan {
        Some(plan) if plan.extra().is_plain => {
            in_chain(event.py(), this.as_unbound(), key, |publishing| {
                run(publishing, plan, &class, event, Origin::default())
            })
        }
        _ => publish_carefully(this, event, None),
    })
}

/// The publish of an event whose plan is not compiled, or not current, or special; or to a topic.
#[cold]
#[inline(never)]
pub(crate) fn publish_carefully(
    this: &Bound<'_, Bus>,
    event: &Bound<'_, PyAny>,
    topic: Option<&str>,
) -> PyResult<()> {
    let (py, bus, class) = (this.py(), this.get(), event.get_type());
    let plan = plan::plan_for(bus, &class, topic)?;
    let muting = watch::ask(bus, &plan, "publish", event, topic)?;
    if matches!(muting, Muting::Everybody) {
        return Ok(());
    }
    if plan.extra().surroundings.has_layers {
        return passage::publish(this, event, topic, &muting, passage::Verb::Publish).map(drop);
    }
    let origin = Origin { topic, place: None };
    post::post_background(this, &plan, event, origin, &muting)?;
    in_chain(py, this.as_unbound(), TypeKey::of(&class), |publishing| {
        publish_within(publishing, &plan, &class, event, origin, &muting)
    })
}

/// Publishes within a chain that has been entered, and behind every layer.
pub(crate) fn publish_within(
    publishing: &Publishing<'_>,
    plan: &Arc<Plan>,
    class: &Bound<'_, PyType>,
    event: &Bound<'_, PyAny>,
    origin: Origin<'_>,
    muting: &Muting<'_>,
) -> PyResult<()> {
    let py = event.py();
    let dispatch = tracing::begin(plan, class, origin.topic, origin.place, Verb::Publish)?;
    mind(plan, class, event, origin.topic, || exception::site(py))?;
    if dispatch.is_some() || plan.extra().has_background {
        let dispatch = dispatch.as_ref();
        return publish_walking(publishing, plan, class, event, origin, muting, dispatch);
    }
    let some = muting.of_plan(py, plan)?;
    run(
        publishing,
        some.as_ref().unwrap_or(plan),
        class,
        event,
        origin,
    )
}

/// Publishes, asks of each handler whether its turn is now, and tells the traces, if there are any.
fn publish_walking(
    publishing: &Publishing<'_>,
    plan: &Plan,
    class: &Bound<'_, PyType>,
    event: &Bound<'_, PyAny>,
    origin: Origin<'_>,
    muting: &Muting<'_>,
    dispatch: Option<&Arc<Dispatch>>,
) -> PyResult<()> {
    // The muted ones are no handlers of it, to whoever reads of a failure.
    let some = muting.of_plan(event.py(), plan)?;
    let handlers = some.as_deref().unwrap_or(plan).entries().len();
    let publication = Publication::new(publishing.owner, class, event, origin);
    let walk = Walk {
        publishing,
        plan,
        publication: &publication,
        event,
        muting,
        dispatch,
    };
    let isolation = walk.run(None)?;
    outcome(event.py(), isolation, class, origin.topic, handlers)
}

/// What has to be looked at before the handlers of a special plan run: a class published instead
/// of an instance, and an event that nobody is subscribed to.
pub(crate) fn mind(
    plan: &Plan,
    class: &Bound<'_, PyType>,
    event: &Bound<'_, PyAny>,
    topic: Option<&str>,
    site: impl FnOnce() -> Option<String>,
) -> PyResult<()> {
    let py = class.py();
    if plan.extra().refuses_classes {
        let name = event
            .cast::<PyType>()
            .map_or_else(|_| "?".to_owned(), imports::class_name);
        return Err(PyTypeError::new_err(format!(
            "published the class {name} itself, not an event: publish an instance, {name}(...)"
        )));
    }
    if !plan.entries().is_empty() || plan.extra().unhandled == Unhandled::Ignore {
        return Ok(());
    }
    let message = nobody(class, topic);
    if plan.extra().unhandled == Unhandled::Raise {
        return Err(exception::of_class(imports::unhandled_event(py), &message));
    }
    let site = site().unwrap_or_else(|| "?".to_owned());
    let logged = format!("{message} (published at {site})");
    imports::logger(py)?.invoke_method1(pyo3::intern!(py, "warning"), ("%s", logged))?;
    Ok(())
}

/// What is said of an event that nobody is subscribed to.
fn nobody(class: &Bound<'_, PyType>, topic: Option<&str>) -> String {
    if let Some(topic) = topic {
        return format!(
            "nobody handles the topic {topic}: subscribe a handler to it, or make the bus with unhandled=\"ignore\""
        );
    }
    let name = imports::class_name(class);
    format!(
        "nobody handles {name}: subscribe a handler, or allow it with set_unhandled({name}, \"ignore\")"
    )
}

/// Where a walk met its first failure. Boxed, so that the way without one carries no more than a
/// pointer.
pub(crate) struct Failed<'py> {
    pub(crate) index: usize,
    pub(crate) fault: Fault<'py>,
}

pub(crate) type Walked<'py> = Result<(), Box<Failed<'py>>>;

#[inline(always)]
#[expect(clippy::inline_always, reason = "a tenth of a publish otherwise")]
fn run(
    publishing: &Publishing<'_>,
    plan: &Plan,
    class: &Bound<'_, PyType>,
    event: &Bound<'_, PyAny>,
    origin: Origin<'_>,
) -> PyResult<()> {
    walk(publishing, plan, class, event)?
        .or_else(|failed| recover(publishing, plan, class, event, origin, *failed))
}

/// Runs the plan up to the first failure. The outer error goes straight through.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a tenth of a publish otherwise")]
fn walk<'py>(
    publishing: &Publishing<'_>,
    plan: &Plan,
    class: &Bound<'py, PyType>,
    event: &Bound<'py, PyAny>,
) -> PyResult<Walked<'py>> {
    if plan.extra().tens.is_empty() {
        return singly(publishing, plan, 0..plan.entries().len(), event);
    }
    walk_tens(publishing, plan, class, event)
}

/// Calls the handlers in `range`, each by a crossing of its own.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a tenth of a publish otherwise")]
pub(crate) fn singly<'py>(
    publishing: &Publishing<'_>,
    plan: &Plan,
    range: Range<usize>,
    event: &Bound<'py, PyAny>,
) -> PyResult<Walked<'py>> {
    for index in range {
        if let Err(fault) = deliver_one(publishing.bus, &plan.entries()[index], event) {
            let fault = *fault;
            return Ok(Err(Box::new(Failed { index, fault })));
        }
        publishing.verdict(event.py())?;
    }
    Ok(Ok(()))
}

/// Goes on behind the first failure, one handler at a time, and raises what there is to raise at
/// the end.
#[cold]
fn recover<'py>(
    publishing: &Publishing<'_>,
    plan: &Plan,
    class: &Bound<'py, PyType>,
    event: &Bound<'py, PyAny>,
    origin: Origin<'_>,
    failed: Failed<'py>,
) -> PyResult<()> {
    let py = event.py();
    let mut isolation = Isolation::new();
    let publication = Publication::new(publishing.owner, class, event, origin);
    let entries = plan.entries();
    let mut rounds = Rounds::default();
    let Failed { index, fault } = failed;
    let mut goes_on = ControlFlow::Continue(());
    let mut failed = Some(fault);
    let mut place = index;
    loop {
        if let Some(fault) = failed
            .take()
            .and_then(|fault| rounds.take(place, &entries[place], fault))
        {
            goes_on = publication.judge(&entries[place], fault, &mut isolation)?;
        }
        place += 1;
        if goes_on.is_break() || place == entries.len() {
            break;
        }
        publication.verdict(publishing, &mut isolation)?;
        failed = deliver_one(publishing.bus, &entries[place], event)
            .err()
            .map(|fault| *fault);
    }
    rounds.run(publishing.bus, event, None, goes_on, |ended| {
        publication.verdict(publishing, &mut isolation)?;
        match ended.delivered {
            Ok(_) => Ok(ControlFlow::Continue(())),
            Err(fault) => publication.judge(ended.entry, fault, &mut isolation),
        }
    })?;
    publication.verdict(publishing, &mut isolation)?;
    outcome(py, isolation, class, origin.topic, entries.len())
}

/// Raises what there is to raise at the end.
fn outcome(
    py: Python<'_>,
    isolation: Isolation<PyErr>,
    class: &Bound<'_, PyType>,
    topic: Option<&str>,
    handlers: usize,
) -> PyResult<()> {
    match isolation.outcome() {
        Outcome::Clean => Ok(()),
        Outcome::Bare(error) => Err(error),
        Outcome::Group(errors) => Err(group(py, class, topic, handlers, errors)),
    }
}

/// One delivery without a report.
#[inline]
pub(crate) fn deliver_one<'py>(
    bus: &Bus,
    entry: &Arc<Entry>,
    event: &Bound<'py, PyAny>,
) -> Result<(), Box<Fault<'py>>> {
    let py = event.py();
    if !entry.is_plain() {
        return deliver_guarded(bus, entry, event)
            .map(drop)
            .map_err(Box::new);
    }
    let Some(handler) = entry.handler().plain(py) else {
        return Ok(());
    };
    match call(&handler, event) {
        Called::Nothing => Ok(()),
        Called::Result(result) if !awaitable::is_awaitable(&result) => Ok(()),
        called => Err(fault(called, handler)),
    }
}

#[cold]
#[expect(clippy::unnecessary_box_returns, reason = "it is carried as a pointer")]
fn fault<'py>(called: Called<'py>, handler: Bound<'py, PyAny>) -> Box<Fault<'py>> {
    let refused = match called {
        Called::Result(result) => refuse_awaitable(&result, "handler").err(),
        Called::Nothing | Called::Raised => None,
    };
    let error = refused.unwrap_or_else(|| PyErr::fetch(handler.py()));
    Box::new(Fault {
        error,
        handler: Some(handler),
        on_error: None,
        again: None,
        attempts: Vec::new(),
    })
}
