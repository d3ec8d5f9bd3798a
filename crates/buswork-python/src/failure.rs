//! What a handler's failure turns into: a note, a log record, a `Failure`, a `HandlerErrors`. All
//! of it is worked out only when something has failed.

use std::cell::OnceCell;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::SystemTime;

use buswork::isolation::{Effect, Isolation};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyType};

use crate::attempts::Again;
use crate::awaitable;
use crate::bus::Bus;
use crate::calling::Invoke;
use crate::dead_letters::Dead;
use crate::exception;
use crate::imports;
use crate::on_error::OnError;
use crate::place::Origin;
use crate::publish::Publishing;
use crate::subscriber::Entry;

/// A failure as a walk finds it, with what must be kept of its subscription: a call may have ended
/// it, and let its objects go.
pub(crate) struct Fault<'py> {
    pub(crate) error: PyErr,
    pub(crate) handler: Option<Bound<'py, PyAny>>,
    /// The subscription's own `on_error`, if that is a callable.
    pub(crate) on_error: Option<Bound<'py, PyAny>>,
    /// What it takes to try again, if that is to be done.
    pub(crate) again: Option<Box<Again>>,
    /// The attempts, if the handler has a policy.
    pub(crate) attempts: Vec<FailedAttempt>,
}

/// When an attempt failed, and how; text, for those who read of it later.
#[derive(Clone)]
pub(crate) struct FailedAttempt {
    pub(crate) at: SystemTime,
    pub(crate) error: String,
}

impl FailedAttempt {
    /// An attempt that has failed now.
    pub(crate) fn new(py: Python<'_>, error: &PyErr) -> Self {
        let class = imports::class_name(&error.get_type(py));
        let text = error.value(py).str().map(|text| text.to_string());
        let error = match text {
            Ok(text) if !text.is_empty() => format!("{class}: {text}"),
            _ => class,
        };
        Self {
            at: SystemTime::now(),
            error,
        }
    }
}

/// The same between two attempts, on no thread.
pub(crate) struct KeptForLater {
    kept: KeptApart,
    error: PyErr,
}

impl KeptForLater {
    pub(crate) fn fault(self, py: Python<'_>) -> Fault<'_> {
        self.kept.bind(py).fault(self.error)
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.kept.handler)?;
        visit.call(&self.kept.on_error)
    }
}

/// What is kept of a subscription, on no thread.
pub(crate) struct KeptApart {
    handler: Option<Py<PyAny>>,
    on_error: Option<Py<PyAny>>,
    attempts: Vec<FailedAttempt>,
}

impl KeptApart {
    pub(crate) fn bind(self, py: Python<'_>) -> Kept<'_> {
        Kept {
            handler: self.handler.map(|handler| handler.into_bound(py)),
            on_error: self.on_error.map(|on_error| on_error.into_bound(py)),
            attempts: self.attempts,
        }
    }
}

/// What is kept of a subscription before its handler is called.
pub(crate) struct Kept<'py> {
    pub(crate) handler: Option<Bound<'py, PyAny>>,
    on_error: Option<Bound<'py, PyAny>>,
    attempts: Vec<FailedAttempt>,
}

impl<'py> Kept<'py> {
    pub(crate) fn of(py: Python<'py>, entry: &Entry) -> Self {
        let subscriber = entry.handler();
        let on_error = match &subscriber.on_error {
            Some(OnError::Call(function)) => function.get(py),
            _ => None,
        };
        Self {
            handler: subscriber.handler(py),
            on_error,
            attempts: Vec::new(),
        }
    }

    /// A copy, on no thread.
    pub(crate) fn apart(&self) -> KeptApart {
        let apart = |object: &Option<Bound<'py, PyAny>>| object.clone().map(Bound::unbind);
        KeptApart {
            handler: apart(&self.handler),
            on_error: apart(&self.on_error),
            attempts: self.attempts.clone(),
        }
    }

    pub(crate) fn note_attempt(&mut self, py: Python<'_>, error: &PyErr) {
        self.attempts.push(FailedAttempt::new(py, error));
    }

    pub(crate) fn fault(self, error: PyErr) -> Fault<'py> {
        Fault {
            error,
            handler: self.handler,
            on_error: self.on_error,
            again: None,
            attempts: self.attempts,
        }
    }
}

impl<'py> Fault<'py> {
    /// A failure of which nothing is known but the exception.
    pub(crate) fn of(error: PyErr) -> Self {
        Self {
            error,
            handler: None,
            on_error: None,
            again: None,
            attempts: Vec::new(),
        }
    }

    /// How many attempts there were.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.attempts.len()).unwrap_or(u32::MAX)
    }

    /// The same, on no thread.
    pub(crate) fn for_later(self) -> KeptForLater {
        KeptForLater {
            kept: KeptApart {
                handler: self.handler.map(Bound::unbind),
                on_error: self.on_error.map(Bound::unbind),
                attempts: self.attempts,
            },
            error: self.error,
        }
    }

    /// The error, and what was kept.
    pub(crate) fn into_error_and_kept(self) -> (PyErr, Kept<'py>) {
        let kept = Kept {
            handler: self.handler,
            on_error: self.on_error,
            attempts: self.attempts,
        };
        (self.error, kept)
    }

    /// What was kept, for another attempt.
    pub(crate) fn into_kept(self) -> Kept<'py> {
        Kept {
            handler: self.handler,
            on_error: self.on_error,
            attempts: self.attempts,
        }
    }
}

/// What failures are told about the publish in which they happened.
pub(crate) struct Publication<'a, 'py> {
    bus: &'a Py<Bus>,
    /// What the event's class was when the publish began; a handler may change it.
    class: &'a Bound<'py, PyType>,
    event: &'a Bound<'py, PyAny>,
    origin: Origin<'a>,
    site: OnceCell<Option<String>>,
}

impl<'a, 'py> Publication<'a, 'py> {
    pub(crate) fn new(
        bus: &'a Py<Bus>,
        class: &'a Bound<'py, PyType>,
        event: &'a Bound<'py, PyAny>,
        origin: Origin<'a>,
    ) -> Self {
        Self {
            bus,
            class,
            event,
            origin,
            site: OnceCell::new(),
        }
    }

    /// The same, for a publish whose site is known.
    pub(crate) fn at(
        bus: &'a Py<Bus>,
        class: &'a Bound<'py, PyType>,
        event: &'a Bound<'py, PyAny>,
        topic: Option<&'a str>,
        site: Option<String>,
    ) -> Self {
        Self {
            bus,
            class,
            event,
            origin: Origin { topic, place: None },
            site: OnceCell::from(site),
        }
    }

    fn site(&self) -> Option<&str> {
        self.site
            .get_or_init(|| match self.origin.place {
                None => exception::site(self.event.py()),
                Some(place) => place.text(self.event.py()),
            })
            .as_deref()
    }

    /// Does with a failure what its subscription, or else the bus, says. An error of this goes
    /// straight through; what was collected before is logged then, so that nothing is silent.
    #[cold]
    pub(crate) fn judge(
        &self,
        entry: &Arc<Entry>,
        fault: Fault<'py>,
        isolation: &mut Isolation<PyErr>,
    ) -> PyResult<ControlFlow<()>> {
        let py = self.event.py();
        let Fault {
            error,
            handler,
            on_error,
            attempts,
            ..
        } = fault;
        if !exception::is_isolated(py, &error) {
            self.log_collected(isolation);
            return Err(error);
        }
        if keeps_dead_letter(entry) == Some(true) {
            // It is accounted for, and no failure of the publisher's.
            let fault = Fault {
                error,
                handler,
                on_error,
                again: None,
                attempts,
            };
            return self
                .judge_apart(
                    entry,
                    fault,
                    "a handler failed, and its delivery is a dead letter",
                )
                .inspect_err(|_| self.log_collected(isolation))
                .map(ControlFlow::Continue);
        }
        exception::attach_traceback(py, &error);
        add_note(&error, py, &self.note(entry));
        let general = self.bus.get().on_error();
        match entry.handler().on_error.as_ref().unwrap_or(&general) {
            OnError::Raise => Ok(isolation.record(error, Effect::Collect)),
            OnError::Stop => Ok(isolation.record(error, Effect::Stop)),
            OnError::Log => {
                self.log(isolation, "a handler failed", &error)?;
                Ok(ControlFlow::Continue(()))
            }
            OnError::Call(function) => {
                let function = on_error.or_else(|| function.get(py));
                self.hand_over(entry, handler, &error, function, isolation)?;
                Ok(ControlFlow::Continue(()))
            }
        }
    }

    /// Does with the failure of a posted handler what its subscription, or else the bus, says.
    /// Nobody waits for it, so whatever would be raised is logged. On a thread of the bus nobody
    /// would see even an interrupt, on a loop it goes straight through.
    #[cold]
    pub(crate) fn judge_posted(&self, entry: &Arc<Entry>, fault: Fault<'py>) -> PyResult<()> {
        self.judge_apart(entry, fault, "a handler of a posted event failed")
    }

    /// The same, for a failure of which the publisher is not told; `what` is what the log says of it.
    #[cold]
    fn judge_apart(&self, entry: &Arc<Entry>, fault: Fault<'py>, what: &str) -> PyResult<()> {
        let py = self.event.py();
        let Fault {
            error,
            handler,
            on_error,
            attempts,
            ..
        } = fault;
        exception::attach_traceback(py, &error);
        add_note(&error, py, &self.note(entry));
        if !exception::is_isolated(py, &error) {
            log(py, "a handler of a posted event ended with", &error)?;
            return if self.bus.get().is_async() && exception::ends_a_loop(py, &error) {
                Err(error)
            } else {
                Ok(())
            };
        }
        if keeps_dead_letter(entry) != Some(false) {
            self.keep_dead_letter(entry, &error, attempts)?;
        }
        let general = self.bus.get().on_error();
        match entry.handler().on_error.as_ref().unwrap_or(&general) {
            OnError::Call(function) => {
                let function = on_error.or_else(|| function.get(py));
                let mut isolation = Isolation::new();
                self.hand_over(entry, handler, &error, function, &mut isolation)
            }
            OnError::Raise | OnError::Stop | OnError::Log => log(py, what, &error),
        }
    }

    /// Keeps a delivery that has failed to its end.
    fn keep_dead_letter(
        &self,
        entry: &Arc<Entry>,
        error: &PyErr,
        mut attempts: Vec<FailedAttempt>,
    ) -> PyResult<()> {
        if attempts.is_empty() {
            attempts.push(FailedAttempt::new(self.event.py(), error));
        }
        let dead = Dead {
            bus: self.bus,
            entry,
            event: self.event,
            class: self.class,
            topic: self.origin.topic,
            site: self.site(),
            attempts,
        };
        dead.keep()
    }

    /// Gives a failure to an `on_error` callable. That one failing is logged, with the failure.
    fn hand_over(
        &self,
        entry: &Entry,
        handler: Option<Bound<'py, PyAny>>,
        error: &PyErr,
        function: Option<Bound<'py, PyAny>>,
        isolation: &mut Isolation<PyErr>,
    ) -> PyResult<()> {
        let py = self.event.py();
        // The callable is gone: its subscription was cancelled in another thread. An error is
        // never silent.
        let Some(function) = function else {
            return self.log(isolation, "a handler failed", error);
        };
        let failure = Failure {
            event: self.event.clone().unbind(),
            event_type: self.class.clone().unbind(),
            handler: handler
                .or_else(|| entry.handler().handler(py))
                .map(Bound::unbind),
            name: entry.handler().name.clone(),
            error: error.value(py).clone().into_any().unbind(),
            topic: self.origin.topic.map(str::to_owned),
            site: self.site().map(str::to_owned),
        };
        let failure = Bound::new(py, failure)?;
        let Err(second) = awaitable::call_for_nothing(&function, failure.as_any(), "on_error")
        else {
            return Ok(());
        };
        exception::attach_traceback(py, &second);
        self.log(
            isolation,
            "a handler failed, and so did its on_error",
            error,
        )?;
        if !exception::is_isolated(py, &second) {
            self.log_collected(isolation);
            return Err(second);
        }
        self.log(isolation, "on_error failed", &second)
    }

    /// Ends the walk when a handler has swallowed the error of a publish that went too deep.
    pub(crate) fn verdict(
        &self,
        publishing: &Publishing<'_>,
        isolation: &mut Isolation<PyErr>,
    ) -> PyResult<()> {
        publishing
            .verdict(self.event.py())
            .inspect_err(|_| self.log_collected(isolation))
    }

    /// Writes a failure to the log. An interrupt that comes meanwhile goes straight through.
    fn log(&self, isolation: &mut Isolation<PyErr>, what: &str, error: &PyErr) -> PyResult<()> {
        log(self.event.py(), what, error).inspect_err(|_| self.log_collected(isolation))
    }

    /// Logs what an interrupt would make disappear.
    pub(crate) fn log_collected(&self, isolation: &mut Isolation<PyErr>) {
        let py = self.event.py();
        for error in std::mem::take(isolation).into_collected() {
            // One interrupt is on its way already.
            let _ = log(
                py,
                "a handler failed, and its publish was interrupted",
                &error,
            );
        }
    }

    /// Event type, handler with its place, and publish site; never the payload.
    fn note(&self, entry: &Entry) -> String {
        let mut note = format!("handler {}", entry.handler().name);
        if let Some(place) = &entry.handler().location {
            let _ = write!(note, " ({place})");
        }
        let _ = write!(note, " of {}", event_name(self.class, self.origin.topic));
        if let Some(site) = self.site() {
            let _ = write!(note, ", published at {site}");
        }
        note
    }
}

/// Whether the policy of a handler has its failed deliveries kept, if it says anything of that.
fn keeps_dead_letter(entry: &Entry) -> Option<bool> {
    let policed = entry.handler().policed.as_ref()?;
    policed.regulator.policy().dead_letters()
}

/// Adds a note, unless the exception has it already (one exception object may be raised often).
/// Does what `BaseException.add_note` does, also where the class forbids assignments.
fn add_note(error: &PyErr, py: Python<'_>, note: &str) {
    let raised = error.value(py);
    let noted = || -> PyResult<()> {
        let name = pyo3::intern!(py, "__notes__");
        let known = raised.getattr_opt(name)?;
        let Some(notes) = known.and_then(|notes| notes.cast_into::<PyList>().ok()) else {
            let notes = PyList::new(py, [note])?;
            return exception::set_attribute(raised, name, &notes);
        };
        if notes.contains(note)? {
            return Ok(());
        }
        notes.append(note)
    };
    // An exception that cannot take a note is raised without one.
    let _ = noted();
}

/// Writes a failure to the log `buswork`, with its traceback. Fails for an interrupt only.
pub(crate) fn log(py: Python<'_>, what: &str, error: &PyErr) -> PyResult<()> {
    let written = || -> PyResult<()> {
        let options = pyo3::types::PyDict::new(py);
        options.set_item("exc_info", error.value(py))?;
        let write = imports::logger(py)?.getattr(pyo3::intern!(py, "error"))?;
        write.invoke_with(&("%s", what).into_pyobject(py)?, &options)?;
        Ok(())
    };
    let Err(second) = written() else {
        return Ok(());
    };
    error.clone_ref(py).write_unraisable(py, None);
    if exception::is_isolated(py, &second) {
        second.write_unraisable(py, None);
        return Ok(());
    }
    Err(second)
}

/// Writes a line to the log `buswork`.
pub(crate) fn log_line(py: Python<'_>, level: &str, line: &str) -> PyResult<()> {
    imports::logger(py)?.getattr(level)?.invoke1(("%s", line))?;
    Ok(())
}

/// What an event is called in messages: its class, and its topic if it has one.
pub(crate) fn event_name(class: &Bound<'_, PyType>, topic: Option<&str>) -> String {
    let class = imports::class_name(class);
    match topic {
        None => class,
        Some(topic) => format!("{class} on {topic}"),
    }
}

/// The `HandlerErrors` of a publish.
#[cold]
pub(crate) fn group(
    py: Python<'_>,
    class: &Bound<'_, PyType>,
    topic: Option<&str>,
    handlers: usize,
    errors: Vec<PyErr>,
) -> PyErr {
    let members: Vec<_> = errors
        .into_iter()
        .map(|error| error.into_value(py))
        .collect();
    let arguments = (event_name(class, topic), handlers, members);
    match imports::group(py).and_then(|group| group.invoke1(arguments)) {
        Ok(group) => PyErr::from_value(group),
        Err(error) => error,
    }
}

/// What an `on_error` callable is given.
#[pyclass(frozen, module = "buswork")]
pub(crate) struct Failure {
    #[pyo3(get)]
    event: Py<PyAny>,
    #[pyo3(get)]
    event_type: Py<PyType>,
    #[pyo3(get)]
    handler: Option<Py<PyAny>>,
    #[pyo3(get)]
    name: String,
    #[pyo3(get)]
    error: Py<PyAny>,
    #[pyo3(get)]
    topic: Option<String>,
    #[pyo3(get)]
    site: Option<String>,
}

#[pymethods]
impl Failure {
    fn __repr__(&self, py: Python<'_>) -> String {
        format!(
            "<Failure of {} on {}: {}>",
            self.name,
            imports::class_name(self.event_type.bind(py)),
            imports::class_name(&self.error.bind(py).get_type()),
        )
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event)?;
        visit.call(&self.event_type)?;
        visit.call(&self.handler)?;
        visit.call(&self.error)
    }
}
