//! `Policy` and its parts, as users write them. What they mean is the core's ([`buswork::policy`]);
//! here is whether an exception matches.

use std::fmt::Write;
use std::time::Duration;

use buswork::policy::{self as core, WhenFull};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use crate::awaitable::refuse_awaitable;
use crate::calling::call_for_result;
use crate::exception;
use crate::failure;
use crate::imports;
use crate::on::whole;
use crate::post;
use crate::registration::{check_callable, default_name};

/// How often a delivery that failed is tried again.
#[pyclass(frozen, module = "buswork")]
#[expect(clippy::struct_field_names, reason = "the names are the interface")]
pub(crate) struct Retry {
    core: core::Retry,
    /// What was given, for those who look; the core keeps it in its own way.
    #[pyo3(get)]
    attempts: u32,
    #[pyo3(get)]
    backoff: f64,
    #[pyo3(get)]
    max_backoff: Option<f64>,
    #[pyo3(get)]
    jitter: f64,
    #[pyo3(get)]
    retry_on: Option<Py<PyAny>>,
    #[pyo3(get)]
    give_up_on: Option<Py<PyAny>>,
}

#[pymethods]
impl Retry {
    #[new]
    #[pyo3(signature = (attempts = 3, *, backoff = None, max_backoff = None, jitter = core::Retry::JITTER, retry_on = None, give_up_on = None),
           text_signature = "(attempts=3, *, backoff=0, max_backoff=None, jitter=0.1, retry_on=None, give_up_on=None)")]
    fn new(
        #[pyo3(from_py_with = whole)] attempts: i64,
        backoff: Option<&Bound<'_, PyAny>>,
        max_backoff: Option<&Bound<'_, PyAny>>,
        jitter: f64,
        retry_on: Option<Bound<'_, PyAny>>,
        give_up_on: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let attempts = at_least_one("attempts", attempts)?;
        let backoff = duration("backoff", backoff)?.unwrap_or_default();
        let max_backoff = duration("max_backoff", max_backoff)?;
        if !(jitter.is_finite() && jitter >= 0.0) {
            return Err(PyValueError::new_err(format!(
                "jitter is the part by which a wait is lengthened at most, such as 0.1, got {jitter}"
            )));
        }
        let mut core = core::Retry::new(attempts).backoff(backoff).jitter(jitter);
        if let Some(longest) = max_backoff {
            core = core.max_backoff(longest);
        }
        for (name, given) in [("retry_on", &retry_on), ("give_up_on", &give_up_on)] {
            given
                .as_ref()
                .map_or(Ok(()), |it| check_matcher(name, it))?;
        }
        Ok(Self {
            core,
            attempts,
            backoff: backoff.as_secs_f64(),
            max_backoff: max_backoff.map(|longest| longest.as_secs_f64()),
            jitter,
            retry_on: retry_on.map(Bound::unbind),
            give_up_on: give_up_on.map(Bound::unbind),
        })
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(other) = other.cast::<Self>() else {
            return Ok(false);
        };
        let (py, other) = (other.py(), other.get());
        Ok(self.core == other.core
            && same(py, self.retry_on.as_ref(), other.retry_on.as_ref())?
            && same(py, self.give_up_on.as_ref(), other.give_up_on.as_ref())?)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let mut parts = vec![self.attempts.to_string()];
        if self.core.waits() {
            parts.push(format!("backoff={}", self.backoff));
        }
        if let Some(longest) = self.max_backoff {
            parts.push(format!("max_backoff={longest}"));
        }
        if (self.jitter - core::Retry::JITTER).abs() > f64::EPSILON {
            parts.push(format!("jitter={}", self.jitter));
        }
        for (name, given) in [
            ("retry_on", &self.retry_on),
            ("give_up_on", &self.give_up_on),
        ] {
            if let Some(given) = given {
                parts.push(format!("{name}={}", matcher_name(given.bind(py))));
            }
        }
        format!("Retry({})", parts.join(", "))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.retry_on)?;
        visit.call(&self.give_up_on)
    }
}

/// When a handler is left in peace for a while.
#[pyclass(frozen, eq, module = "buswork")]
#[derive(PartialEq)]
pub(crate) struct Breaker {
    core: core::Breaker,
    #[pyo3(get)]
    failures: u32,
    #[pyo3(get)]
    window: f64,
    #[pyo3(get)]
    pause: f64,
}

#[pymethods]
impl Breaker {
    #[new]
    #[pyo3(signature = (failures = 5, *, window = None, pause = None),
           text_signature = "(failures=5, *, window=60, pause=30)")]
    fn new(
        #[pyo3(from_py_with = whole)] failures: i64,
        window: Option<&Bound<'_, PyAny>>,
        pause: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let failures = at_least_one("failures", failures)?;
        let window = duration("window", window)?.unwrap_or(core::Breaker::WINDOW);
        let pause = duration("pause", pause)?.unwrap_or(core::Breaker::PAUSE);
        Ok(Self {
            core: core::Breaker::new(failures).window(window).pause(pause),
            failures,
            window: window.as_secs_f64(),
            pause: pause.as_secs_f64(),
        })
    }

    fn __repr__(&self) -> String {
        let Self {
            failures,
            window,
            pause,
            ..
        } = self;
        format!("Breaker({failures}, window={window}, pause={pause})")
    }
}

/// How many deliveries of a handler are in progress at once.
#[pyclass(frozen, eq, module = "buswork")]
#[derive(PartialEq)]
pub(crate) struct Limit {
    core: core::Limit,
    #[pyo3(get)]
    concurrency: usize,
    #[pyo3(get)]
    queue: Option<usize>,
    #[pyo3(get)]
    overflow: &'static str,
}

#[pymethods]
impl Limit {
    #[new]
    #[pyo3(signature = (concurrency, *, queue = None, overflow = "raise"))]
    fn new(
        #[pyo3(from_py_with = whole)] concurrency: i64,
        queue: Option<i64>,
        overflow: &str,
    ) -> PyResult<Self> {
        let concurrency = usize::try_from(at_least_one("concurrency", concurrency)?)?;
        let queue = queue
            .map(|room| {
                usize::try_from(room).map_err(|_| {
                    PyValueError::new_err(format!(
                        "queue is how many deliveries may wait, 0 or more, got {room}"
                    ))
                })
            })
            .transpose()?;
        let when_full = WhenFull::from_word(overflow).ok_or_else(|| {
            PyValueError::new_err(match overflow {
                "wait" => "overflow cannot be \"wait\": leave queue out, and any number of deliveries may wait".to_owned(),
                _ => format!("overflow must be \"raise\", \"drop_new\" or \"drop_old\", got {overflow:?}"),
            })
        })?;
        let mut core = core::Limit::new(concurrency).when_full(when_full);
        if let Some(room) = queue {
            core = core.queue(room);
        }
        Ok(Self {
            core,
            concurrency,
            queue,
            overflow: when_full.as_str(),
        })
    }

    fn __repr__(&self) -> String {
        let mut text = format!("Limit({}", self.concurrency);
        if let Some(room) = self.queue {
            let _ = write!(text, ", queue={room}");
        }
        if self.overflow != "raise" {
            let _ = write!(text, ", overflow={:?}", self.overflow);
        }
        text.push(')');
        text
    }
}

/// What a delivery may take, and what is done when it fails.
#[pyclass(frozen, module = "buswork")]
pub(crate) struct Policy {
    pub(crate) core: core::Policy,
    #[pyo3(get)]
    timeout: Option<f64>,
    #[pyo3(get)]
    retry: Option<Py<Retry>>,
    #[pyo3(get)]
    breaker: Option<Py<Breaker>>,
    #[pyo3(get)]
    limit: Option<Py<Limit>>,
    #[pyo3(get)]
    dead_letter: Option<bool>,
}

impl Policy {
    /// Whether an attempt that failed with this is worth another one. An error of a predicate is logged,
    /// and means no.
    pub(crate) fn is_worth_retrying(&self, py: Python<'_>, error: &PyErr) -> PyResult<bool> {
        let Some(retry) = &self.retry else {
            return Ok(false);
        };
        let retry = retry.get();
        if let Some(given) = &retry.give_up_on
            && matches(given.bind(py), error, "give_up_on")?
        {
            return Ok(false);
        }
        match &retry.retry_on {
            None => Ok(true),
            Some(given) => matches(given.bind(py), error, "retry_on"),
        }
    }
}

#[pymethods]
impl Policy {
    #[new]
    #[pyo3(signature = (*, timeout = None, retry = None, breaker = None, limit = None, dead_letter = None))]
    fn new(
        timeout: Option<&Bound<'_, PyAny>>,
        retry: Option<Py<Retry>>,
        breaker: Option<Py<Breaker>>,
        limit: Option<Py<Limit>>,
        dead_letter: Option<bool>,
    ) -> PyResult<Self> {
        let timeout = duration("timeout", timeout)?;
        let mut core = core::Policy::new();
        if let Some(timeout) = timeout {
            core = core.timeout(timeout);
        }
        if let Some(retry) = &retry {
            core = core.retry(retry.get().core.clone());
        }
        if let Some(breaker) = &breaker {
            core = core.breaker(breaker.get().core.clone());
        }
        if let Some(limit) = &limit {
            core = core.limit(limit.get().core.clone());
        }
        if let Some(is_kept) = dead_letter {
            core = core.dead_letter(is_kept);
        }
        Ok(Self {
            core,
            timeout: timeout.map(|timeout| timeout.as_secs_f64()),
            retry,
            breaker,
            limit,
            dead_letter,
        })
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(other) = other.cast::<Self>() else {
            return Ok(false);
        };
        let (py, other) = (other.py(), other.get());
        if self.core != other.core {
            return Ok(false);
        }
        match (&self.retry, &other.retry) {
            (Some(one), Some(other)) => one.get().__eq__(other.bind(py).as_any()),
            _ => Ok(true),
        }
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let mut parts = Vec::new();
        if let Some(timeout) = self.timeout {
            parts.push(format!("timeout={timeout}"));
        }
        if let Some(retry) = &self.retry {
            parts.push(format!("retry={}", retry.get().__repr__(py)));
        }
        if let Some(breaker) = &self.breaker {
            parts.push(format!("breaker={}", breaker.get().__repr__()));
        }
        if let Some(limit) = &self.limit {
            parts.push(format!("limit={}", limit.get().__repr__()));
        }
        if let Some(is_kept) = self.dead_letter {
            let word = if is_kept { "True" } else { "False" };
            parts.push(format!("dead_letter={word}"));
        }
        format!("Policy({})", parts.join(", "))
    }

    /// The nesting.
    fn __str__(&self) -> String {
        self.core.to_string()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.retry)?;
        visit.call(&self.breaker)?;
        visit.call(&self.limit)
    }
}

fn at_least_one(name: &str, given: i64) -> PyResult<u32> {
    let number = u32::try_from(given).ok().filter(|&number| number > 0);
    number.ok_or_else(|| {
        PyValueError::new_err(format!(
            "{name} must be at least 1, and less than 2**32, got {given}"
        ))
    })
}

/// A time, as seconds or a `timedelta`; `None` where none was given.
fn duration(name: &str, given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    let Some(seconds) = post::seconds_of(name, given)? else {
        return Ok(None);
    };
    Ok(Some(
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
    ))
}

/// Refuses what cannot say whether an exception matches.
fn check_matcher(name: &str, given: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = given.py();
    let base = imports::base_exception(py)?.cast::<PyType>()?;
    let is_exception = |one: &Bound<'_, PyAny>| -> PyResult<bool> {
        match one.cast::<PyType>() {
            Ok(class) => class.is_subclass(base),
            Err(_) => Ok(false),
        }
    };
    let fits = match given.cast::<PyTuple>() {
        Ok(several) => {
            let mut fits = !several.is_empty();
            for one in several.iter() {
                fits &= is_exception(&one)?;
            }
            fits
        }
        Err(_) if given.cast::<PyType>().is_ok() => is_exception(given)?,
        Err(_) if given.is_callable() => return check_callable(given, name),
        Err(_) => false,
    };
    if fits {
        return Ok(());
    }
    Err(PyTypeError::new_err(format!(
        "{name} must be an exception class, a tuple of them, or a callable that takes the exception and says yes or no, got {}",
        given
            .repr()
            .map_or_else(|_| "?".to_owned(), |text| text.to_string())
    )))
}

fn matches(given: &Bound<'_, PyAny>, error: &PyErr, name: &str) -> PyResult<bool> {
    let py = given.py();
    let raised = error.value(py);
    if given.cast::<PyType>().is_ok() || given.cast::<PyTuple>().is_ok() {
        return raised.is_instance(given);
    }
    let asked = || {
        let answer = call_for_result(given, raised.as_any())?;
        refuse_awaitable(&answer, name)?;
        answer.is_truthy()
    };
    match asked() {
        Err(second) if exception::is_isolated(py, &second) => {
            exception::attach_traceback(py, &second);
            let what = format!("{name} failed, so the delivery is not tried again");
            failure::log(py, &what, &second)?;
            // For both of them, this leads to no further attempt.
            Ok(name == "give_up_on")
        }
        answered => answered,
    }
}

fn matcher_name(given: &Bound<'_, PyAny>) -> String {
    if let Ok(several) = given.cast::<PyTuple>() {
        let names: Vec<_> = several.iter().map(|one| matcher_name(&one)).collect();
        let comma = if names.len() == 1 { "," } else { "" };
        return format!("({}{comma})", names.join(", "));
    }
    match given.cast::<PyType>() {
        Ok(class) => imports::class_name(class),
        Err(_) => default_name(given),
    }
}

/// Whether two matchers are the same.
fn same(py: Python<'_>, one: Option<&Py<PyAny>>, other: Option<&Py<PyAny>>) -> PyResult<bool> {
    match (one, other) {
        (None, None) => Ok(true),
        (Some(one), Some(other)) => one.bind(py).eq(other.bind(py)),
        _ => Ok(false),
    }
}
