//! The coroutine of an async handler, while its bus is traced.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use buswork::trace::{InProgress, Outcome};
use pyo3::exceptions::{PyGeneratorExit, PyStopIteration};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::awaitable;
use crate::calling::{Invoke, Sent};
use crate::coroutine::{Given, step};
use crate::imports;
use crate::tracing::{failed, returned};

/// Stands between a task and the coroutine of a handler, and tells the traces when that has ended.
///
/// A callback of the task would come a turn of the loop later, and cost as much as the rest of the
/// record several times over. All else that a task or a person asks of it is the coroutine's.
#[pyclass(frozen, module = "buswork._buswork")]
pub(crate) struct Timed {
    coroutine: Py<PyAny>,
    has_begun: AtomicBool,
    /// None when it has ended.
    progress: Mutex<Option<InProgress>>,
}

impl Timed {
    /// Stands for an awaitable that a handler returned.
    pub(crate) fn new(awaitable: &Bound<'_, PyAny>, progress: InProgress) -> PyResult<Self> {
        let coroutine = if awaitable::is_coroutine(awaitable) {
            awaitable.clone()
        } else {
            imports::awaited(awaitable.py())?.invoke1((awaitable,))?
        };
        Ok(Self {
            coroutine: coroutine.unbind(),
            has_begun: AtomicBool::new(false),
            progress: Mutex::new(Some(progress)),
        })
    }

    fn end(&self, outcome: Outcome) {
        let progress = self
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut progress) = progress {
            progress.end(outcome);
        }
    }

    fn begin(&self) {
        if self.has_begun.load(Ordering::Relaxed) || self.has_begun.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = &mut *progress {
            progress.restart();
        }
    }

    /// Runs the coroutine up to where it waits. An error is its own.
    fn step<'py>(&self, py: Python<'py>, given: Given<'py>) -> PyResult<Stepped<'py>> {
        self.begin();
        match step(self.coroutine.bind(py), given) {
            Sent::Yielded(yielded) => Ok(Stepped::Yielded(yielded)),
            Sent::Returned(result) => {
                self.end(returned(&result));
                Ok(Stepped::Returned(result))
            }
            Sent::Raised(error) => {
                self.end(ending(py, &error));
                Err(error)
            }
        }
    }

    fn answer<'py>(&self, py: Python<'py>, given: Given<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.step(py, given)? {
            Stepped::Yielded(yielded) => Ok(yielded),
            Stepped::Returned(result) => Err(PyStopIteration::new_err((result.unbind(),))),
        }
    }
}

enum Stepped<'py> {
    Yielded(Bound<'py, PyAny>),
    Returned(Bound<'py, PyAny>),
}

/// What a handler came to that raised.
pub(crate) fn ending(py: Python<'_>, error: &PyErr) -> Outcome {
    let is_cancelled = imports::cancelled_error(py)
        .and_then(|class| error.value(py).is_instance(class))
        .unwrap_or(false);
    if is_cancelled || error.is_instance_of::<PyGeneratorExit>(py) {
        return Outcome::Cancelled;
    }
    failed(py, error)
}

#[pymethods]
impl Timed {
    fn __await__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.step(py, Given::Nothing)? {
            Stepped::Yielded(yielded) => Ok(Some(yielded)),
            Stepped::Returned(result) if result.is_none() => Ok(None),
            Stepped::Returned(result) => Err(PyStopIteration::new_err((result.unbind(),))),
        }
    }

    fn send<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let given = if value.is_none() {
            Given::Nothing
        } else {
            Given::Value(value.clone())
        };
        self.answer(value.py(), given)
    }

    #[pyo3(signature = (error, value = None, _traceback = None))]
    fn throw<'py>(
        &self,
        error: &Bound<'py, PyAny>,
        value: Option<&Bound<'py, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let error = match value {
            Some(value) => value.clone(),
            None if error.is_callable() => error.invoke0()?,
            None => error.clone(),
        };
        self.answer(error.py(), Given::Error(error))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let closed = self
            .coroutine
            .bind(py)
            .invoke_method0(pyo3::intern!(py, "close"));
        self.end(match &closed {
            Ok(_) => Outcome::Cancelled,
            Err(error) => failed(py, error),
        });
        closed.map(drop)
    }

    /// What it does not have itself: its name, its frame, its code, what it waits for.
    fn __getattr__<'py>(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        self.coroutine.bind(name.py()).getattr(name)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self
            .coroutine
            .bind(py)
            .repr()?
            .to_string_lossy()
            .into_owned())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.coroutine)
    }
}
