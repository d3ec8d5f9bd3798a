//! The fast road: runs a plan, allocates nothing and looks nothing up while nothing fails.

use std::ops::ControlFlow;
use std::sync::Arc;

use buswork::SkipReason;
use buswork::chain::Chain;
use buswork::isolation::{Isolation, Outcome};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::bus::EventBus;
use crate::calling::{self, call};
use crate::collection;
use crate::failure::Publication;
use crate::imports;
use crate::plan::{self, EIGHT, Eight};
use crate::policy::Unhandled;
use crate::routing::TypeKey;
use crate::subscriber::{Entry, Plan};

thread_local! {
    /// The publishes in progress on this thread, over all buses.
    static CHAIN: Chain<TypeKey> = const { Chain::new() };
}

/// A publish in progress; dropping it leaves the causal chain.
pub(crate) struct Publishing(());

impl Publishing {
    #[inline]
    pub(crate) fn enter(py: Python<'_>, bus: &EventBus, key: TypeKey) -> PyResult<Self> {
        match CHAIN.with(|chain| chain.enter(bus.number(), key, bus.max_depth())) {
            Ok(()) => Ok(Self(())),
            Err(cycle) => Err(too_deep(py, bus, &cycle)),
        }
    }
}

impl Drop for Publishing {
    #[inline]
    fn drop(&mut self) {
        CHAIN.with(Chain::leave);
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
        let name = event.cast::<PyType>().map_or_else(|_| "?".to_owned(), imports::class_name);
        return Err(PyTypeError::new_err(format!(
            "published the class {name} itself, not an event: publish an instance, {name}(...)"
        )));
    }
    if !plan.entries().is_empty() || plan.extra().unhandled == Unhandled::Ignore {
        return Ok(());
    }
    let name = imports::class_name(class);
    let message = format!("nobody handles {name}: subscribe a handler, or allow it with set_unhandled({name}, \"ignore\")");
    if plan.extra().unhandled == Unhandled::Raise {
        return Err(exception(imports::unhandled_event(py), message));
    }
    let site = calling::site(py).unwrap_or_else(|| "?".to_owned());
    let logged = format!("{message} (published at {site})");
    imports::logger(py)?.call_method1("warning", ("%s", logged))?;
    Ok(())
}

#[inline]
fn run(bus: &EventBus, plan: &Arc<Plan>, key: TypeKey, event: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = event.py();
    let _publishing = Publishing::enter(py, bus, key)?;
    let mut walk = Walk { bus, plan, event, isolation: Isolation::new(), publication: None };
    let mut next = 0;
    for eight in &plan.extra().eights {
        if walk.singly(next, eight.start)?.is_break() {
            return walk.settle();
        }
        next = eight.start;
        if let Err(error) = call(eight.function.bind(py), event) {
            let failed = next + walk.place(eight, &error)?;
            if walk.record(failed, error)?.is_break() {
                return walk.settle();
            }
            if walk.singly(failed + 1, next + EIGHT)?.is_break() {
                return walk.settle();
            }
        }
        next += EIGHT;
    }
    let _ = walk.singly(next, plan.entries().len())?;
    walk.settle()
}

/// One publish on its way through its plan.
struct Walk<'a, 'py> {
    bus: &'a EventBus,
    plan: &'a Arc<Plan>,
    event: &'a Bound<'py, PyAny>,
    isolation: Isolation<PyErr>,
    /// What failures are told about this publish, worked out at the first one.
    publication: Option<Publication<'a, 'py>>,
}

impl Walk<'_, '_> {
    /// Calls the handlers from `start` up to `end`, each by a crossing of its own. An error of
    /// this, and of every method here, is one that goes straight through.
    #[inline]
    fn singly(&mut self, start: usize, end: usize) -> PyResult<ControlFlow<()>> {
        for index in start..end {
            let entry = &self.plan.entries()[index];
            if let Err(error) = deliver_one(self.bus, entry, self.event)
                && self.record(index, error)?.is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    #[cold]
    fn record(&mut self, index: usize, error: PyErr) -> PyResult<ControlFlow<()>> {
        let (bus, event) = (self.bus, self.event);
        let publication = self.publication.get_or_insert_with(|| Publication::new(bus, event));
        publication.judge(&self.plan.entries()[index], error, &mut self.isolation)
    }

    /// Which of the eight failed. Their function has two lines for each, so its traceback says; its own
    /// frame is taken out of the traceback then. An error from outside the calls (the stack was
    /// full, a signal handler raised) goes straight through.
    #[cold]
    fn place(&mut self, eight: &Eight, error: &PyErr) -> PyResult<usize> {
        let py = self.event.py();
        let mut straight = || {
            if let Some(publication) = &self.publication {
                publication.log_collected(&mut self.isolation);
            }
            error.clone_ref(py)
        };
        let Some(traceback) = error.traceback(py) else { return Err(straight()) };
        let code = eight.function.bind(py).getattr(pyo3::intern!(py, "__code__"))?;
        let frame = traceback.getattr(pyo3::intern!(py, "tb_frame"))?;
        if !frame.getattr(pyo3::intern!(py, "f_code"))?.is(&code) {
            return Err(straight());
        }
        let first: usize = code.getattr(pyo3::intern!(py, "co_firstlineno"))?.extract()?;
        let line: usize = traceback.getattr(pyo3::intern!(py, "tb_lineno"))?.extract()?;
        let Some(place) = line.checked_sub(first + 1).map(|line| line / 2).filter(|&place| place < EIGHT)
        else {
            return Err(straight());
        };
        let inner = traceback.getattr(pyo3::intern!(py, "tb_next"))?;
        error.value(py).setattr(pyo3::intern!(py, "__traceback__"), inner)?;
        Ok(place)
    }

    #[inline]
    fn settle(self) -> PyResult<()> {
        match self.isolation.outcome() {
            Outcome::Clean => Ok(()),
            Outcome::Bare(error) => Err(error),
            Outcome::Group(errors) => Err(crate::failure::group(
                self.event.py(),
                &self.event.get_type(),
                self.plan.entries().len(),
                errors,
            )),
        }
    }
}

/// One delivery without a report.
#[inline]
fn deliver_one(bus: &EventBus, entry: &Arc<Entry>, event: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = event.py();
    let result = if entry.is_plain() {
        match entry.handler().plain(py) {
            Some(handler) => call(&handler, event)?,
            None => return Ok(()),
        }
    } else {
        match admit(bus, entry, event)? {
            Ok(handler) => call(&handler, event)?,
            Err(_) => return Ok(()),
        }
    };
    if result.is_none() { Ok(()) } else { refuse_awaitable(&result) }
}

/// Asks whether a guarded or paused entry may be called now, and for its handler.
///
/// The predicate is asked first, for `once` is spent by a call, not by a skip; and it is spent
/// before the call. An error is the predicate's.
pub(crate) fn admit<'py>(
    bus: &EventBus,
    entry: &Arc<Entry>,
    event: &Bound<'py, PyAny>,
) -> PyResult<Result<Bound<'py, PyAny>, SkipReason>> {
    let py = event.py();
    if let Err(reason) = entry.check() {
        return Ok(Err(reason));
    }
    let subscriber = entry.handler();
    let Some(handler) = subscriber.handler(py) else {
        return Ok(Err(if subscriber.weak { SkipReason::Gone } else { SkipReason::Cancelled }));
    };
    if let Some(when) = subscriber.when(py)
        && !call(&when, event)?.is_truthy()?
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
pub(crate) fn refuse_awaitable(result: &Bound<'_, PyAny>) -> PyResult<()> {
    if !calling::is_awaitable(result) {
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

/// [`refuse_awaitable`], for the function of eight.
#[pyfunction]
pub(crate) fn unawaited(result: &Bound<'_, PyAny>) -> PyResult<()> {
    refuse_awaitable(result)
}
