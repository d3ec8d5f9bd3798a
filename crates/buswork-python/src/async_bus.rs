//! What the async bus does natively: it starts the handlers of an event.
//!
//! The rest of a publish, from the first handler that fails or waits for something on, is Python's
//! (`buswork._rounds`): it is made of the event loop's own tasks and futures.

use std::sync::Arc;

use buswork::SkipReason;
use buswork::trace::{Dispatch, Outcome, Verb};
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyDict, PyString, PyTuple, PyType};

use crate::admission::admit;
use crate::attempt::Attempted;
use crate::awaitable;
use crate::background::Phase;
use crate::bus::Bus;
use crate::calling::{Called, Invoke, Level, call};
use crate::causal::Link;
use crate::cause;
use crate::imports;
use crate::place::{Origin, Place};
use crate::plan;
use crate::post;
use crate::posted::is_delivering;
use crate::publish::mind;
use crate::report::Report;
use crate::running::{Publish, Running};
use crate::subscriber::{Entry, Plan};
use crate::tasks::Tasks;
use crate::timed::Timed;
use crate::topics;
use crate::tracing;
use crate::turns::{self, InBackground, Turn};
use crate::watch::{self, Muting};

/// The native half of `AsyncEventBus`.
#[pyclass(frozen, subclass, extends = Bus, module = "buswork._buswork")]
pub(crate) struct AsyncBus;

#[pymethods]
impl AsyncBus {
    /// Takes anything, so that a subclass may have an `__init__` of its own.
    #[new]
    #[pyo3(signature = (*arguments, **_options), text_signature = None)]
    fn new(
        arguments: &Bound<'_, PyTuple>,
        _options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let bus = Bus::new(arguments.py(), true)?;
        Ok(PyClassInitializer::from(bus).add_subclass(Self))
    }

    /// Starts every handler of an event, in call order. Returns `None` when all of them have ended
    /// well, and else, or for a report, or where there is middleware, what is to be finished.
    #[pyo3(name = "_start", signature = (event, topic, code, instruction, for_report))]
    fn start<'py>(
        this: &Bound<'py, Self>,
        event: &Bound<'py, PyAny>,
        topic: Option<&Bound<'py, PyString>>,
        code: &Bound<'py, PyCode>,
        instruction: usize,
        for_report: bool,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = this.py();
        let bus = this.as_super().get();
        if let Some(running) = imports::running_loop(py)? {
            bus.background().note_loop(&running)?;
        }
        let class = event.get_type();
        let topic = topic.map(topics::topic).transpose()?;
        let plan = plan::plan_for(bus, &class, topic)?;
        let verb = if for_report { "deliver" } else { "publish" };
        let muting = watch::ask(bus, &plan, verb, event, topic)?;
        if plan.extra().surroundings.has_layers && !matches!(muting, Muting::Everybody) {
            let site = (code, instruction);
            let muted = muting.some();
            let layers = bus.layers(py);
            let arguments = (this, layers, event, topic, site, for_report, muted);
            return imports::layered(py)?.invoke1(arguments).map(Some);
        }
        if plan.extra().has_background && !matches!(muting, Muting::Everybody) {
            let place = Place::new(code, instruction);
            let place = Some(&place);
            post::post_background(
                this.as_super(),
                &plan,
                event,
                Origin { topic, place },
                &muting,
            )?;
        }
        let mut entered = Link::enter(py, bus, &class, topic)?;
        let _level = if entered.is_nested() {
            Some(Level::enter(py)?)
        } else {
            None
        };
        let starting = Starting {
            this,
            event,
            class: &class,
            topic,
            site: (code, instruction),
            for_report,
            link: entered.link(),
            owns_link: true,
            muting,
            handlers: 0,
            round: None,
            running: None,
            tasks: None,
            dispatch: None,
        };
        let round = starting.start(&plan)?;
        if round.is_some() {
            entered.go_on();
        }
        Ok(round)
    }

    /// The same, behind the last layer, within the link that the publish has.
    #[pyo3(name = "_start_within", signature = (event, topic, code, instruction, for_report, muted, link))]
    #[expect(
        clippy::too_many_arguments,
        reason = "a publish, and where it is on its way"
    )]
    fn start_within<'py>(
        this: &Bound<'py, Self>,
        event: &Bound<'py, PyAny>,
        topic: Option<&str>,
        code: &Bound<'py, PyCode>,
        instruction: usize,
        for_report: bool,
        muted: Option<&Bound<'py, PyAny>>,
        link: &Bound<'py, Link>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let bus = this.as_super().get();
        let class = event.get_type();
        let plan = plan::plan_for(bus, &class, topic)?;
        if plan.extra().has_background {
            let (muting, place) = (Muting::of(muted), Place::new(code, instruction));
            let place = Some(&place);
            post::post_background(
                this.as_super(),
                &plan,
                event,
                Origin { topic, place },
                &muting,
            )?;
        }
        Starting {
            this,
            event,
            class: &class,
            topic,
            site: (code, instruction),
            for_report,
            link,
            owns_link: false,
            muting: Muting::of(muted),
            handlers: 0,
            round: None,
            running: None,
            tasks: None,
            dispatch: None,
        }
        .start(&plan)
    }

    /// Enters a publish that goes through middleware.
    #[pyo3(name = "_enter_link", signature = (event, topic))]
    fn enter_link(
        this: &Bound<'_, Self>,
        event: &Bound<'_, PyAny>,
        topic: Option<&str>,
    ) -> PyResult<Py<Link>> {
        let bus = this.as_super().get();
        Link::begin(this.py(), bus, &event.get_type(), topic).map(Bound::unbind)
    }

    /// Have every handler of the event's type run later, on the running loop or the bus's own.
    #[pyo3(signature = (event, *, topic = None))]
    fn post(
        this: &Bound<'_, Self>,
        event: &Bound<'_, PyAny>,
        topic: Option<&Bound<'_, PyString>>,
    ) -> PyResult<()> {
        let topic = topic.map(topics::topic).transpose()?;
        post::post(this.as_super(), event, topic)
    }

    /// Makes a loop the bus's home, and takes posts.
    #[pyo3(name = "_enter")]
    fn enter(this: &Bound<'_, Self>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let background = this.as_super().get().background();
        background.settle_at(event_loop, true)?;
        background.enter(this.py());
        Ok(())
    }

    /// Leaves a `with` block. Says whether that was the last one, which closes the bus.
    #[pyo3(name = "_leave")]
    fn leave(this: &Bound<'_, Self>) -> bool {
        this.as_super().get().background().leave()
    }

    /// Begins to close, or ends it.
    #[pyo3(name = "_close")]
    fn close(this: &Bound<'_, Self>, is_done: bool) {
        let background = this.as_super().get().background();
        if !is_done {
            background.enter_phase(this.py(), Phase::Closing);
        } else if background.enter_phase(this.py(), Phase::Closed) {
            background.leave_home();
            this.as_super().get().end_traces();
        }
    }

    /// Has `wake` called when no delivery is pending; not, and `False`, if none is.
    #[pyo3(name = "_when_ended")]
    fn when_ended(this: &Bound<'_, Self>, wake: Py<PyAny>) -> PyResult<bool> {
        let background = this.as_super().get().background();
        background.abandon_closed_loops(this.py())?;
        Ok(background.when_ended(wake))
    }

    #[pyo3(name = "_stop_waiting")]
    fn stop_waiting(this: &Bound<'_, Self>, wake: &Bound<'_, PyAny>) -> bool {
        this.as_super().get().background().stop_waiting(wake)
    }

    /// Whether a handler of this bus is running, posted or not.
    #[pyo3(name = "_is_inside")]
    fn is_inside(this: &Bound<'_, Self>) -> PyResult<bool> {
        let number = this.as_super().get().number();
        Ok(is_delivering(number) || Link::is_inside(this.py(), number)?)
    }

    /// Reads a time to wait, in seconds.
    #[staticmethod]
    #[pyo3(name = "_seconds", signature = (timeout))]
    fn seconds(timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<f64>> {
        post::seconds(timeout)
    }

    /// The exception of a wait that took too long.
    #[pyo3(name = "_timed_out")]
    fn timed_out(this: &Bound<'_, Self>, seconds: f64) -> Py<PyAny> {
        let error = post::timed_out(this.as_super().get().background(), seconds);
        error.into_value(this.py()).into_any()
    }

    /// What came of a publish.
    #[staticmethod]
    #[pyo3(name = "_report", signature = (event_type, topic, deliveries))]
    fn report(
        event_type: Bound<'_, PyType>,
        topic: Option<String>,
        deliveries: Bound<'_, PyTuple>,
    ) -> Report {
        Report {
            event_type: event_type.unbind(),
            topic,
            deliveries: deliveries.unbind(),
        }
    }
}

/// A publish while its handlers are started.
struct Starting<'a, 'py> {
    this: &'a Bound<'py, AsyncBus>,
    event: &'a Bound<'py, PyAny>,
    class: &'a Bound<'py, PyType>,
    topic: Option<&'a str>,
    site: (&'a Bound<'py, PyCode>, usize),
    for_report: bool,
    link: &'a Bound<'py, Link>,
    /// Whether the publish that has the link ends with the round.
    owns_link: bool,
    muting: Muting<'py>,
    handlers: usize,
    /// Made when something fails or waits, and for a report.
    round: Option<Bound<'py, PyAny>>,
    /// The round's, filled here.
    running: Option<Bound<'py, Running>>,
    /// Made for the first awaitable.
    tasks: Option<Tasks<'py>>,
    /// What the traces are told of, if there are any.
    dispatch: Option<Arc<Dispatch>>,
}

impl<'py> Starting<'_, 'py> {
    fn start(mut self, plan: &Arc<Plan>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = self.event.py();
        let (code, instruction) = self.site;
        if !matches!(self.muting, Muting::Everybody) {
            self.dispatch = self.trace(plan)?;
            mind(plan, self.class, self.event, self.topic, || {
                let place = imports::place(py).ok()?.invoke1((code, instruction)).ok()?;
                place.extract().ok()
            })?;
        }
        self.handlers = plan.entries().len();
        self.run(plan.entries())?;
        Ok(self.round)
    }

    /// Tells the traces of the publish, if there are any.
    fn trace(&self, plan: &Plan) -> PyResult<Option<Arc<Dispatch>>> {
        if plan.extra().traced.is_none() {
            return Ok(None);
        }
        let (code, instruction) = self.site;
        let verb = if self.for_report {
            Verb::Deliver
        } else {
            Verb::Publish
        };
        let place = Place::new(code, instruction);
        tracing::begin(plan, self.class, self.topic, Some(&place), verb)
    }

    fn run(&mut self, entries: &[Arc<Entry>]) -> PyResult<()> {
        if self.for_report {
            self.round()?;
        }
        let mut goes_on = true;
        for (place, entry) in entries.iter().enumerate() {
            let py = self.event.py();
            if !goes_on {
                tracing::skip(py, self.dispatch.as_ref(), entry, SkipReason::Stopped);
                self.skip(place, entry, SkipReason::Stopped)?;
                continue;
            }
            if entry.handler().background {
                tracing::skip(py, self.dispatch.as_ref(), entry, SkipReason::Posted);
                self.skip(place, entry, SkipReason::Posted)?;
                continue;
            }
            if self.muting.has(py, entry)? {
                tracing::skip(py, self.dispatch.as_ref(), entry, SkipReason::Muted);
                self.skip(place, entry, SkipReason::Muted)?;
                continue;
            }
            let started = match self.dispatch.clone() {
                None => self.deliver(place, entry),
                Some(dispatch) => self.deliver_traced(place, entry, &dispatch),
            };
            let started = started.and_then(|goes_on| {
                self.link.get().verdict(self.event.py())?;
                Ok(goes_on)
            });
            goes_on = match (started, &self.round) {
                (Ok(goes_on), _) => goes_on,
                // Nothing waits that would have to be ended first.
                (Err(error), None) => return Err(error),
                (Err(error), Some(round)) => {
                    round.invoke_method1(pyo3::intern!(round.py(), "abort"), (error,))?;
                    false
                }
            };
        }
        Ok(())
    }

    /// Starts one handler. Says whether the others are to be started.
    fn deliver(&mut self, place: usize, entry: &Arc<Entry>) -> PyResult<bool> {
        let py = self.event.py();
        if entry.handler().policed.is_some() {
            return self.deliver_policed(place, entry);
        }
        let attempt = Attempted::new(py, place, entry, self.for_report, None);
        let handler = match admit(self.this.as_super().get(), entry, self.event) {
            Ok(Ok(handler)) => handler,
            Ok(Err(reason)) => {
                self.skip(place, entry, reason)?;
                return Ok(true);
            }
            Err(error) => return self.fail(attempt, error),
        };
        let result = match call(&handler, self.event) {
            Called::Nothing => py.None().into_bound(py),
            Called::Result(result) => result,
            Called::Raised => return self.fail(attempt, PyErr::fetch(py)),
        };
        if !result.is_none() && awaitable::is_awaitable(&result) {
            return self.begin(attempt, &result);
        }
        self.returned(attempt, result)?;
        Ok(true)
    }

    /// The same, for a handler with a policy.
    #[inline(never)]
    fn deliver_policed(&mut self, place: usize, entry: &Arc<Entry>) -> PyResult<bool> {
        let py = self.event.py();
        let turn = Turn::of(py, entry, InBackground::No)?;
        let attempt = Attempted::new(py, place, entry, self.for_report, turn.clone());
        let bus = self.this.as_super().get();
        match turns::deliver(bus, entry, turn.as_ref(), self.event) {
            Ok(Ok(result)) if awaitable::is_awaitable(&result) => self.begin(attempt, &result),
            Ok(Ok(result)) => {
                attempt.count_ok();
                self.returned(attempt, result)?;
                Ok(true)
            }
            Ok(Err(reason)) => {
                self.skip(place, entry, reason)?;
                Ok(true)
            }
            Err(error) => self.fail(attempt, error),
        }
    }

    /// The same, of which the traces are told.
    #[inline(never)]
    fn deliver_traced(
        &mut self,
        place: usize,
        entry: &Arc<Entry>,
        dispatch: &Arc<Dispatch>,
    ) -> PyResult<bool> {
        let py = self.event.py();
        let turn = Turn::of(py, entry, InBackground::No)?;
        let attempt = Attempted::new(py, place, entry, self.for_report, turn.clone());
        let mut progress = tracing::progress(py, dispatch, entry);
        // A task has a copy of the context as it is when the task is made.
        let _inside = cause::enter(py, progress.cause())?;
        let bus = self.this.as_super().get();
        let result = match turns::deliver(bus, entry, turn.as_ref(), self.event) {
            Ok(Ok(result)) => result,
            Ok(Err(reason)) => {
                progress.end(Outcome::Skipped(reason));
                self.skip(place, entry, reason)?;
                return Ok(true);
            }
            Err(error) => {
                progress.end(tracing::failed(py, &error));
                return self.fail(attempt, error);
            }
        };
        if !result.is_none() && awaitable::is_awaitable(&result) {
            let timed = Bound::new(py, Timed::new(&result, progress)?)?;
            return self.begin(attempt, timed.as_any());
        }
        progress.end(Outcome::Ok);
        attempt.count_ok();
        self.returned(attempt, result)?;
        Ok(true)
    }

    /// Makes a task of an awaitable. Most have ended when this returns, where tasks start eagerly.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "on the way of each handler that is awaited"
    )]
    fn begin(
        &mut self,
        attempt: Attempted<'_, 'py>,
        awaitable: &Bound<'py, PyAny>,
    ) -> PyResult<bool> {
        let py = awaitable.py();
        let tasks = match self.tasks.take() {
            Some(tasks) => tasks,
            None => Tasks::of_running_loop(py, awaitable)?,
        };
        let task = tasks.start(awaitable);
        self.tasks = Some(tasks);
        let task = task?;
        if !task
            .invoke_method0(pyo3::intern!(py, "done"))?
            .is_truthy()?
        {
            let is_urgent = self.for_report || attempt.is_urgent(self.this.as_super().get());
            let round = self.round()?;
            if is_urgent {
                round.invoke_method1(pyo3::intern!(py, "watch"), (&task,))?;
            }
            let attempt = Py::new(py, attempt.keep())?;
            if let Some(running) = &self.running {
                running.get().add(attempt, task);
            }
            return Ok(true);
        }
        if let Some(error) = Tasks::failure(&task)? {
            return self.fail(attempt, error);
        }
        attempt.count_ok();
        if self.for_report {
            let result = task.invoke_method0(pyo3::intern!(py, "result"))?;
            self.returned(attempt, result)?;
        }
        Ok(true)
    }

    fn returned(&mut self, attempt: Attempted<'_, 'py>, result: Bound<'py, PyAny>) -> PyResult<()> {
        if !self.for_report {
            return Ok(());
        }
        let py = result.py();
        let round = self.round()?;
        round.invoke_method1(pyo3::intern!(py, "returned"), (attempt.keep(), result))?;
        Ok(())
    }

    fn skip(&mut self, place: usize, entry: &Arc<Entry>, reason: SkipReason) -> PyResult<()> {
        if !self.for_report {
            return Ok(());
        }
        let py = self.event.py();
        let attempt = Attempted::new(py, place, entry, true, None).keep();
        let round = self.round()?;
        round.invoke_method1(pyo3::intern!(py, "skipped"), (attempt, reason.as_str()))?;
        Ok(())
    }

    fn fail(&mut self, attempt: Attempted<'_, 'py>, error: PyErr) -> PyResult<bool> {
        let round = self.round()?;
        round
            .invoke_method1(pyo3::intern!(round.py(), "fail"), (attempt.keep(), error))?
            .extract()
    }

    fn round(&mut self) -> PyResult<&Bound<'py, PyAny>> {
        if self.round.is_none() {
            let py = self.event.py();
            let publish = Publish {
                bus: self.this.clone().unbind(),
                event: self.event.clone().unbind(),
                event_type: self.class.clone().unbind(),
                topic: self.topic.map(str::to_owned),
                link: self.link.clone().unbind(),
                owns_link: self.owns_link,
                code: self.site.0.clone().unbind(),
                instruction: self.site.1,
                handlers: self.handlers,
                for_report: self.for_report,
            };
            let running = Bound::new(py, Running::default())?;
            self.round = Some(imports::round(py)?.invoke1((publish, &running))?);
            self.running = Some(running);
        }
        self.round
            .as_ref()
            .ok_or_else(|| pyo3::exceptions::PyRuntimeError::new_err("no round was made"))
    }
}
