//! The fast road: runs a plan, allocates nothing and looks nothing up while nothing fails.

use std::ops::Range;
use std::sync::Arc;

use buswork::SkipReason;
use buswork::chain::{self, Entered};
use buswork::isolation::{Isolation, Outcome};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::bus::Bus;
use crate::calling::{self, Called, call, call_for_result, refuse_awaitable};
use crate::collection;
use crate::failure::{Fault, Publication, group};
use crate::imports;
use crate::plan::{self, TEN, Ten};
use crate::policy::{OnError, Unhandled};
use crate::routing::TypeKey;
use crate::subscriber::{Entry, Plan};

/// The publishes in progress on a thread, over all buses. A refusal is the text of its exception.
type Chain = buswork::chain::Chain<TypeKey, Arc<str>>;

thread_local! {
    static CHAIN: Chain = const { Chain::new() };
}

/// A publish in progress on a bus, one more link of this thread's causal chain.
pub(crate) struct Publishing<'a> {
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
    bus: &Bus,
    key: TypeKey,
    publish: impl FnOnce(&Publishing<'_>) -> PyResult<R>,
) -> PyResult<R> {
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
        publish(&Publishing { bus, chain })
    })
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
    exception(imports::recursion_error(py), message)
}

/// An exception of one of our Python classes.
#[cold]
#[inline(never)]
fn exception(class: PyResult<&Bound<'_, PyAny>>, message: &str) -> PyErr {
    match class.and_then(|class| class.call1((message,))) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// Publishes: every handler of the event's class runs, then failures are raised together.
#[inline]
pub(crate) fn publish(bus: &Bus, event: &Bound<'_, PyAny>) -> PyResult<()> {
    // Held to the end: a handler may give the event another `__class__`.
    let class = event.get_type();
    let key = TypeKey::of(&class);
    bus.table().with_plan(&key, |plan| match plan {
        Some(plan) if plan.extra().is_plain => in_chain(event.py(), bus, key, |publishing| {
            run(publishing, plan, &class, event)
        }),
        _ => publish_carefully(bus, &class, event),
    })
}

/// The publish of an event whose plan is not compiled, or not current, or special.
#[cold]
#[inline(never)]
fn publish_carefully(
    bus: &Bus,
    class: &Bound<'_, PyType>,
    event: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let (plan, key) = (plan::plan(bus, class)?, TypeKey::of(class));
    in_chain(event.py(), bus, key, |publishing| {
        mind(&plan, class, event)?;
        run(publishing, &plan, class, event)
    })
}

/// What has to be looked at before the handlers of a special plan run: a class published instead
/// of an instance, and an event that nobody is subscribed to.
pub(crate) fn mind(
    plan: &Plan,
    class: &Bound<'_, PyType>,
    event: &Bound<'_, PyAny>,
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
    let name = imports::class_name(class);
    let message = format!(
        "nobody handles {name}: subscribe a handler, or allow it with set_unhandled({name}, \"ignore\")"
    );
    if plan.extra().unhandled == Unhandled::Raise {
        return Err(exception(imports::unhandled_event(py), &message));
    }
    let site = calling::site(py).unwrap_or_else(|| "?".to_owned());
    let logged = format!("{message} (published at {site})");
    imports::logger(py)?.call_method1("warning", ("%s", logged))?;
    Ok(())
}

/// Where a walk met its first failure. Boxed, so that the way without one carries no more than a
/// pointer.
struct Failed<'py> {
    index: usize,
    fault: Fault<'py>,
}

type Walked<'py> = Result<(), Box<Failed<'py>>>;

#[inline(always)]
#[expect(clippy::inline_always, reason = "a tenth of a publish otherwise")]
fn run(
    publishing: &Publishing<'_>,
    plan: &Plan,
    class: &Bound<'_, PyType>,
    event: &Bound<'_, PyAny>,
) -> PyResult<()> {
    walk(publishing, plan, class, event)?
        .or_else(|failed| recover(publishing, plan, class, event, *failed))
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

/// [`walk`] for a plan that has functions of ten.
#[inline(never)]
fn walk_tens<'py>(
    publishing: &Publishing<'_>,
    plan: &Plan,
    class: &Bound<'py, PyType>,
    event: &Bound<'py, PyAny>,
) -> PyResult<Walked<'py>> {
    let mut next = 0;
    for ten in &plan.extra().tens {
        if let Err(failed) = singly(publishing, plan, next..ten.start, event)? {
            return Ok(Err(failed));
        }
        next = match call(ten.function.bind(event.py()), event) {
            Called::Nothing => ten.start + TEN,
            called => match ended(publishing.bus, plan, class, ten, called, event)? {
                Ok(behind) => behind,
                Err(failed) => return Ok(Err(failed)),
            },
        };
        publishing.verdict(event.py())?;
    }
    singly(publishing, plan, next..plan.entries().len(), event)
}

/// Calls the handlers in `range`, each by a crossing of its own.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a tenth of a publish otherwise")]
fn singly<'py>(
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

/// A function of ten has ended before its last handler: where the walk goes on, or the failure that
/// it met. An error from outside the calls (the stack was full, a signal handler raised) goes
/// straight through, as the error of this.
#[cold]
fn ended<'py>(
    bus: &Bus,
    plan: &Plan,
    class: &Bound<'_, PyType>,
    ten: &Ten,
    called: Called<'py>,
    event: &Bound<'py, PyAny>,
) -> PyResult<Result<usize, Box<Failed<'py>>>> {
    let (place, error) = if let Called::Result(result) = called {
        let (place, result): (usize, Bound<'py, PyAny>) = result.extract()?;
        (place, refuse_awaitable(&result, "handler").err())
    } else {
        let error = PyErr::fetch(event.py());
        match raised_at(ten, event.py(), &error) {
            Ok(Some(place)) => (place, Some(error)),
            Ok(None) | Err(_) => return Err(error),
        }
    };
    let index = ten.start + place;
    let Some(error) = error else {
        separate(bus, plan, class, index);
        return Ok(Ok(index + 1));
    };
    let fault = Fault {
        error,
        handler: None,
        on_error: None,
    };
    Ok(Err(Box::new(Failed { index, fault })))
}

/// Which of the ten raised. Their function has three lines for each, so its traceback says; its own
/// frame is taken out of the traceback then.
fn raised_at(ten: &Ten, py: Python<'_>, error: &PyErr) -> PyResult<Option<usize>> {
    let Some(traceback) = error.traceback(py) else {
        return Ok(None);
    };
    let code = ten
        .function
        .bind(py)
        .getattr(pyo3::intern!(py, "__code__"))?;
    let frame = traceback.getattr(pyo3::intern!(py, "tb_frame"))?;
    if !frame.getattr(pyo3::intern!(py, "f_code"))?.is(&code) {
        return Ok(None);
    }
    let first: usize = code
        .getattr(pyo3::intern!(py, "co_firstlineno"))?
        .extract()?;
    let line: usize = traceback
        .getattr(pyo3::intern!(py, "tb_lineno"))?
        .extract()?;
    let place = line.checked_sub(first + 1).map(|below| below / 3);
    // Behind the last one there is a line too, where a debugger or a tracer may raise.
    let Some(place) = place.filter(|&place| place < TEN) else {
        return Ok(None);
    };
    let inner = traceback.getattr(pyo3::intern!(py, "tb_next"))?;
    calling::set_traceback(py, error, &inner);
    Ok(Some(place))
}

/// A handler that returns something is called by itself from now on: a function of ten ends there,
/// and could not say more of those behind it.
#[cold]
fn separate(bus: &Bus, plan: &Plan, class: &Bound<'_, PyType>, index: usize) {
    plan.entries()[index].handler().note_result();
    drop(bus.table().evict(&TypeKey::of(class)));
}

/// Goes on behind the first failure, one handler at a time, and raises what there is to raise at
/// the end.
#[cold]
fn recover<'py>(
    publishing: &Publishing<'_>,
    plan: &Plan,
    class: &Bound<'py, PyType>,
    event: &Bound<'py, PyAny>,
    failed: Failed<'py>,
) -> PyResult<()> {
    let py = event.py();
    let mut isolation = Isolation::new();
    let publication = Publication::new(publishing.bus, class, event);
    let entries = plan.entries();
    let Failed { index, fault } = failed;
    let mut goes_on = publication.judge(&entries[index], fault, &mut isolation)?;
    for entry in &entries[index + 1..] {
        if goes_on.is_break() {
            break;
        }
        publication.verdict(publishing, &mut isolation)?;
        if let Err(fault) = deliver_one(publishing.bus, entry, event) {
            goes_on = publication.judge(entry, *fault, &mut isolation)?;
        }
    }
    publication.verdict(publishing, &mut isolation)?;
    match isolation.outcome() {
        Outcome::Clean => Ok(()),
        Outcome::Bare(error) => Err(error),
        Outcome::Group(errors) => Err(group(py, class, entries.len(), errors)),
    }
}

/// One delivery without a report.
#[inline]
fn deliver_one<'py>(
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
        Called::Result(result) if !calling::is_awaitable(&result) => Ok(()),
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
    })
}

/// One delivery to an entry of which something is asked first: its result, or why it was skipped.
#[inline(never)]
pub(crate) fn deliver_guarded<'py>(
    bus: &Bus,
    entry: &Arc<Entry>,
    event: &Bound<'py, PyAny>,
) -> Result<Result<Bound<'py, PyAny>, SkipReason>, Fault<'py>> {
    let py = event.py();
    let subscriber = entry.handler();
    // Kept for a failure: the call may end the subscription, and `once` has ended it before.
    let handler = subscriber.handler(py);
    let on_error = match &subscriber.on_error {
        Some(OnError::Call(function)) => function.get(py),
        _ => None,
    };
    let delivered = || {
        let handler = match admit(bus, entry, event)? {
            Ok(handler) => handler,
            Err(reason) => return Ok(Err(reason)),
        };
        let result = call_for_result(&handler, event)?;
        refuse_awaitable(&result, "handler")?;
        Ok(Ok(result))
    };
    delivered().map_err(|error| Fault {
        error,
        handler,
        on_error,
    })
}

/// Asks whether a guarded or paused entry may be called now, and for its handler.
///
/// The predicate is asked first, for `once` is spent by a call, not by a skip; and it is spent
/// before the call. An error is the predicate's.
pub(crate) fn admit<'py>(
    bus: &Bus,
    entry: &Arc<Entry>,
    event: &Bound<'py, PyAny>,
) -> PyResult<Result<Bound<'py, PyAny>, SkipReason>> {
    let py = event.py();
    let subscriber = entry.handler();
    if let Err(reason) = entry.check() {
        return Ok(Err(subscriber.reason(reason)));
    }
    let Some(handler) = subscriber.handler(py) else {
        return Ok(Err(if subscriber.weak {
            SkipReason::Gone
        } else {
            SkipReason::Cancelled
        }));
    };
    if let Some(when) = subscriber.when(py)
        && !ask(&when, event)?
    {
        return Ok(Err(SkipReason::When));
    }
    if let Err(reason) = entry.claim() {
        return Ok(Err(reason));
    }
    if entry.is_once() {
        collection::end(py, bus.table(), entry);
    }
    Ok(Ok(handler))
}

/// What a predicate says. A coroutine would always be true.
fn ask(when: &Bound<'_, PyAny>, event: &Bound<'_, PyAny>) -> PyResult<bool> {
    let answer = call_for_result(when, event)?;
    refuse_awaitable(&answer, "predicate")?;
    answer.is_truthy()
}
