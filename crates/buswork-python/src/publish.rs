//! The fast road: runs a plan, allocates nothing and looks nothing up while nothing fails.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use buswork::SkipReason;
use buswork::chain::{Chain, Nesting};
use buswork::isolation::{Isolation, Outcome};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use crate::bus::EventBus;
use crate::calling::{self, Called, call, call_for_result};
use crate::collection;
use crate::failure::{Fault, Publication, group};
use crate::imports;
use crate::plan::{self, TEN, Ten};
use crate::policy::{OnError, Unhandled};
use crate::routing::TypeKey;
use crate::subscriber::{Entry, Plan};

thread_local! {
    /// The publishes in progress on this thread, over all buses.
    static CHAIN: Chain<TypeKey> = const { Chain::new() };
}

/// Runs `publish` as one more link of this thread's causal chain.
#[inline]
pub(crate) fn in_chain<R>(
    py: Python<'_>,
    bus: &EventBus,
    key: TypeKey,
    publish: impl FnOnce() -> PyResult<R>,
) -> PyResult<R> {
    CHAIN.with(|chain| {
        let nesting = chain
            .enter(bus.number(), key, bus.max_depth())
            .map_err(|cycle| too_deep(py, bus, &cycle))?;
        // A panic inside is turned into an exception at the edge of native code: leave then too.
        let _leaving = Leaving(chain, nesting);
        publish()
    })
}

struct Leaving<'a>(&'a Chain<TypeKey>, Nesting);

impl Drop for Leaving<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

#[cold]
fn too_deep(py: Python<'_>, bus: &EventBus, cycle: &[TypeKey]) -> PyErr {
    let names: Vec<String> = cycle.iter().map(|key| key.name_in_progress(py)).collect();
    let message = format!(
        "publishes are nested more than {} deep: {}; break the cycle, or raise max_depth",
        bus.max_depth(),
        names.join(" -> ")
    );
    exception(imports::recursion_error(py), message)
}

/// An exception of one of our Python classes.
fn exception(class: PyResult<&Bound<'_, PyAny>>, message: String) -> PyErr {
    match class.and_then(|class| class.call1((message,))) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// Publishes: every handler of the event's class runs, then failures are raised together.
#[inline]
pub(crate) fn publish(bus: &EventBus, event: &Bound<'_, PyAny>) -> PyResult<()> {
    let key = TypeKey::of_event(event);
    bus.table().with_plan(&key, |plan| match plan {
        Some(plan) if !plan.extra().is_special => run(bus, plan, key, event),
        _ => publish_carefully(bus, key, event),
    })
}

#[cold]
fn publish_carefully(bus: &EventBus, key: TypeKey, event: &Bound<'_, PyAny>) -> PyResult<()> {
    let class = event.get_type();
    let plan = plan::plan(bus, &class)?;
    mind(&plan, &class, event)?;
    run(bus, &plan, key, event)
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
        return Err(exception(imports::unhandled_event(py), message));
    }
    let site = calling::site(py).unwrap_or_else(|| "?".to_owned());
    let logged = format!("{message} (published at {site})");
    imports::logger(py)?.call_method1("warning", ("%s", logged))?;
    Ok(())
}

/// Where a walk met its first failure: what failed, by place in the plan, and where to go on.
/// Boxed, so that the way without a failure carries no more than a pointer.
struct Failed<'py> {
    failures: Vec<(usize, Fault<'py>)>,
    resume: usize,
}

type Walked<'py> = Result<(), Box<Failed<'py>>>;

#[inline]
fn run(bus: &EventBus, plan: &Plan, key: TypeKey, event: &Bound<'_, PyAny>) -> PyResult<()> {
    in_chain(event.py(), bus, key, || {
        walk(bus, plan, event)?.or_else(|failed| recover(bus, plan, event, *failed))
    })
}

/// Runs the plan up to the first failure. The outer error goes straight through.
#[inline]
fn walk<'py>(bus: &EventBus, plan: &Plan, event: &Bound<'py, PyAny>) -> PyResult<Walked<'py>> {
    let mut next = 0;
    for ten in &plan.extra().tens {
        if let Err(failed) = singly(bus, plan, next..ten.start, event) {
            return Ok(Err(failed));
        }
        if let Err(failed) = together(ten, event)? {
            return Ok(Err(failed));
        }
        next = ten.start + TEN;
    }
    Ok(singly(bus, plan, next..plan.entries().len(), event))
}

/// Calls the handlers in `range`, each by a crossing of its own.
#[inline]
fn singly<'py>(
    bus: &EventBus,
    plan: &Plan,
    range: Range<usize>,
    event: &Bound<'py, PyAny>,
) -> Walked<'py> {
    for index in range {
        if let Err(fault) = deliver_one(bus, &plan.entries()[index], event) {
            return Err(failed_singly(index, *fault));
        }
    }
    Ok(())
}

#[cold]
#[expect(clippy::unnecessary_box_returns, reason = "it is carried as a pointer")]
fn failed_singly(index: usize, fault: Fault<'_>) -> Box<Failed<'_>> {
    Box::new(Failed {
        failures: vec![(index, fault)],
        resume: index + 1,
    })
}

/// Calls ten handlers by one crossing. The outer error goes straight through.
#[inline]
fn together<'py>(ten: &Ten, event: &Bound<'py, PyAny>) -> PyResult<Walked<'py>> {
    let py = event.py();
    let Called::Result(results) = call(ten.function.bind(py), event) else {
        return failed_together(ten, py).map(Err);
    };
    let results = results.cast::<PyTuple>()?;
    if results.iter_borrowed().all(|result| result.is_none()) {
        return Ok(Ok(()));
    }
    Ok(refuse_awaitables(ten, results))
}

/// All ten have run: the walk goes on behind them, whatever they returned.
#[cold]
fn refuse_awaitables<'py>(ten: &Ten, results: &Bound<'py, PyTuple>) -> Walked<'py> {
    let refused = |(place, result): (usize, Bound<'py, PyAny>)| {
        let error = refuse_awaitable(&result).err()?;
        Some((
            ten.start + place,
            Fault {
                error,
                handler: None,
                on_error: None,
            },
        ))
    };
    let failures: Vec<_> = results.iter().enumerate().filter_map(refused).collect();
    if failures.is_empty() {
        return Ok(());
    }
    Err(Box::new(Failed {
        failures,
        resume: ten.start + TEN,
    }))
}

/// Which of the ten raised. Their function has a line for each, so its traceback says; its own
/// frame is taken out of the traceback then. An error from outside the calls (the stack was full,
/// a signal handler raised) goes straight through, as the error of this.
#[cold]
fn failed_together<'py>(ten: &Ten, py: Python<'py>) -> PyResult<Box<Failed<'py>>> {
    let error = PyErr::fetch(py);
    let straight = || error.clone_ref(py);
    let traceback = error.traceback(py).ok_or_else(straight)?;
    let code = ten
        .function
        .bind(py)
        .getattr(pyo3::intern!(py, "__code__"))?;
    let frame = traceback.getattr(pyo3::intern!(py, "tb_frame"))?;
    if !frame.getattr(pyo3::intern!(py, "f_code"))?.is(&code) {
        return Err(straight());
    }
    let first_line: usize = code
        .getattr(pyo3::intern!(py, "co_firstlineno"))?
        .extract()?;
    let first_call = first_line + imports::first_call(py)?.extract::<usize>()?;
    let line: usize = traceback
        .getattr(pyo3::intern!(py, "tb_lineno"))?
        .extract()?;
    let place = line
        .checked_sub(first_call)
        .filter(|&place| place < TEN)
        .ok_or_else(straight)?;
    let inner = traceback.getattr(pyo3::intern!(py, "tb_next"))?;
    error
        .value(py)
        .setattr(pyo3::intern!(py, "__traceback__"), inner)?;
    let fault = Fault {
        error,
        handler: None,
        on_error: None,
    };
    Ok(failed_singly(ten.start + place, fault))
}

/// Goes on behind the first failure, one handler at a time, and raises what there is to raise at
/// the end.
#[cold]
fn recover<'py>(
    bus: &EventBus,
    plan: &Plan,
    event: &Bound<'py, PyAny>,
    failed: Failed<'py>,
) -> PyResult<()> {
    let py = event.py();
    let mut isolation = Isolation::new();
    let publication = Publication::new(bus, event);
    let entries = plan.entries();
    let mut goes_on = ControlFlow::Continue(());
    for (index, fault) in failed.failures {
        goes_on = publication.judge(&entries[index], fault, &mut isolation)?;
    }
    for entry in &entries[failed.resume..] {
        if goes_on.is_break() {
            break;
        }
        if let Err(fault) = deliver_one(bus, entry, event) {
            goes_on = publication.judge(entry, *fault, &mut isolation)?;
        }
    }
    match isolation.outcome() {
        Outcome::Clean => Ok(()),
        Outcome::Bare(error) => Err(error),
        Outcome::Group(errors) => Err(group(py, &event.get_type(), entries.len(), errors)),
    }
}

/// One delivery without a report.
#[inline]
fn deliver_one<'py>(
    bus: &EventBus,
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
        Called::Result(result) => refuse_awaitable(&result).err(),
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
    bus: &EventBus,
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
        refuse_awaitable(&result)?;
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
fn admit<'py>(
    bus: &EventBus,
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
        && !call_for_result(&when, event)?.is_truthy()?
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

/// The sync bus awaits nothing: an awaitable that a handler returns is closed, and is a failure.
#[cold]
fn refuse_awaitable(result: &Bound<'_, PyAny>) -> PyResult<()> {
    if result.is_none() || !calling::is_awaitable(result) {
        return Ok(());
    }
    let py = result.py();
    let name = imports::class_name(&result.get_type());
    if let Ok(Some(close)) = result.getattr_opt(pyo3::intern!(py, "close")) {
        close.call0()?;
    }
    Err(PyRuntimeError::new_err(format!(
        "the handler returned an awaitable ({name}), which EventBus does not await; use AsyncEventBus, or return something else"
    )))
}
