//! How the async bus makes a task of an awaitable: eagerly, where the interpreter can.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::awaitable;
use crate::calling::{self, Invoke};
use crate::imports;
use crate::timed::Timed;

/// Makes tasks on the running loop.
pub(crate) struct Tasks<'py> {
    maker: Bound<'py, PyAny>,
    options: Option<Bound<'py, PyDict>>,
}

impl<'py> Tasks<'py> {
    /// Fails when no loop runs on this thread; `awaitable` is closed then, since nobody will.
    pub(crate) fn of_running_loop(
        py: Python<'py>,
        awaitable: &Bound<'py, PyAny>,
    ) -> PyResult<Self> {
        Self::on(py).inspect_err(|_| {
            let close = awaitable.getattr_opt(pyo3::intern!(py, "close"));
            if let Ok(Some(close)) = close {
                let _ = close.invoke0();
            }
        })
    }

    fn on(py: Python<'py>) -> PyResult<Self> {
        let running = calling::call_without_arguments(imports::get_running_loop(py)?)?;
        let factory = running.invoke_method0(pyo3::intern!(py, "get_task_factory"))?;
        // A loop with a factory of its own has a reason for it.
        if !factory.is_none() {
            let maker = running.getattr(pyo3::intern!(py, "create_task"))?;
            return Ok(Self {
                maker,
                options: None,
            });
        }
        let options = PyDict::new(py);
        options.set_item(pyo3::intern!(py, "loop"), running)?;
        if cfg!(Py_3_12) {
            options.set_item(pyo3::intern!(py, "eager_start"), true)?;
        }
        Ok(Self {
            maker: imports::task(py)?.clone(),
            options: Some(options),
        })
    }

    /// Makes a task of an awaitable, in a copy of the current context.
    pub(crate) fn start(&self, awaitable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = awaitable.py();
        let coroutine = if awaitable::is_coroutine(awaitable) || awaitable.is_instance_of::<Timed>()
        {
            awaitable.clone()
        } else {
            imports::awaited(py)?.invoke1((awaitable,))?
        };
        let arguments = PyTuple::new(py, [coroutine])?;
        match &self.options {
            None => self.maker.invoke1(arguments),
            Some(options) => self.maker.invoke_with(&arguments, options),
        }
    }

    /// Why a task that is done has failed, if it has.
    pub(crate) fn failure(task: &Bound<'py, PyAny>) -> PyResult<Option<PyErr>> {
        let py = task.py();
        match task.invoke_method0(pyo3::intern!(py, "exception")) {
            Ok(error) if error.is_none() => Ok(None),
            Ok(error) => Ok(Some(PyErr::from_value(error))),
            // It was cancelled: asking raises that.
            Err(_) => Ok(Some(PyErr::from_value(imports::cancelled(py)?.invoke0()?))),
        }
    }
}
