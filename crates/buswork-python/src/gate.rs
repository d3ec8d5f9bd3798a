//! What a publish of the async bus awaits while handlers of its are running.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::asyncio::CancelledError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::calling::Invoke;

/// Ends with a task, but does not pass a cancellation on to it, as awaiting the task would.
///
/// A future in all that `asyncio.Task` asks of one, and for one task alone to await. A future of
/// asyncio's own in between would cost the publisher one more turn of the loop.
#[pyclass(frozen, weakref, module = "buswork._buswork")]
pub(crate) struct Gate {
    task: Py<PyAny>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_awaited: bool,
    is_blocking: bool,
    /// The arguments of the `CancelledError`, once it is cancelled. `anyio` knows its own by them.
    cancellation: Option<Py<PyTuple>>,
    /// The wake-up of the task that awaits it, and the context that this is called in.
    wake: Option<(Py<PyAny>, Py<PyAny>)>,
}

impl Gate {
    /// Wakes the awaiting task, from whatever thread, before its time.
    pub(crate) fn wake(this: &Bound<'_, Self>) -> PyResult<()> {
        let py = this.py();
        let context = match &this.get().state().wake {
            Some((_, context)) => context.clone_ref(py),
            None => return Ok(()),
        };
        let task = this.get().task.bind(py);
        let options = in_context(context.bind(py))?;
        let running = task.invoke_method0(pyo3::intern!(py, "get_loop"))?;
        let call_soon = pyo3::intern!(py, "call_soon_threadsafe");
        running
            .getattr(call_soon)?
            .invoke_with(&(this, task).into_pyobject(py)?, &options)?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Gate {
    #[new]
    fn new(task: Py<PyAny>) -> Self {
        Self {
            task,
            state: Mutex::default(),
        }
    }

    fn __await__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __iter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    /// Gives itself to the task that awaits it, and has nothing more to give when that goes on.
    fn __next__(this: Bound<'_, Self>) -> Option<Bound<'_, Self>> {
        let mut state = this.get().state();
        if state.is_awaited {
            return None;
        }
        state.is_awaited = true;
        state.is_blocking = true;
        drop(state);
        Some(this)
    }

    #[getter(_asyncio_future_blocking)]
    fn is_blocking(&self) -> bool {
        self.state().is_blocking
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, is_blocking: bool) {
        self.state().is_blocking = is_blocking;
    }

    /// Takes the awaiting task's wake-up, which is called straight away when the time has come.
    #[pyo3(signature = (callback, *, context))]
    fn add_done_callback(
        this: &Bound<'_, Self>,
        callback: Py<PyAny>,
        context: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = this.py();
        let old = this
            .get()
            .state()
            .wake
            .replace((callback, context.clone().unbind()));
        drop(old);
        let options = in_context(context)?;
        let add = pyo3::intern!(py, "add_done_callback");
        this.get()
            .task
            .bind(py)
            .getattr(add)?
            .invoke_with(&(this,).into_pyobject(py)?, &options)?;
        Ok(())
    }

    /// Wakes the awaiting task with a `CancelledError`.
    #[pyo3(signature = (msg = None))]
    fn cancel(this: &Bound<'_, Self>, msg: Option<Bound<'_, PyAny>>) -> PyResult<bool> {
        let py = this.py();
        let arguments = PyTuple::new(py, msg)?.unbind();
        let context = {
            let mut state = this.get().state();
            let Some((_, context)) = &state.wake else {
                return Ok(false);
            };
            let context = context.clone_ref(py);
            state.cancellation.get_or_insert(arguments);
            context
        };
        let task = this.get().task.bind(py);
        task.invoke_method1(pyo3::intern!(py, "remove_done_callback"), (this,))?;
        let options = in_context(context.bind(py))?;
        let running = task.invoke_method0(pyo3::intern!(py, "get_loop"))?;
        let call_soon = pyo3::intern!(py, "call_soon");
        running
            .getattr(call_soon)?
            .invoke_with(&(this, task).into_pyobject(py)?, &options)?;
        Ok(true)
    }

    /// Raises, when it was cancelled. What the awaiting task asks on waking.
    fn result(&self, py: Python<'_>) -> PyResult<()> {
        let state = self.state();
        let Some(arguments) = state.cancellation.as_ref().map(|it| it.clone_ref(py)) else {
            return Ok(());
        };
        drop(state);
        let error = py
            .get_type::<CancelledError>()
            .invoke1(arguments.bind(py).clone())?;
        Err(PyErr::from_value(error))
    }

    fn get_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.task
            .bind(py)
            .invoke_method0(pyo3::intern!(py, "get_loop"))
    }

    /// The callback of its task.
    fn __call__(this: &Bound<'_, Self>, _task: &Bound<'_, PyAny>) -> PyResult<()> {
        let wake = this.get().state().wake.take();
        match wake {
            None => Ok(()),
            Some((wake, _)) => wake.bind(this.py()).invoke1((this,)).map(drop),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.task)?;
        let Ok(state) = self.state.try_lock() else {
            return Ok(());
        };
        visit.call(&state.cancellation)?;
        if let Some((wake, context)) = &state.wake {
            visit.call(wake)?;
            visit.call(context)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let wake = self.state().wake.take();
        drop(wake);
    }
}

fn in_context<'py>(context: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let options = PyDict::new(context.py());
    options.set_item(pyo3::intern!(context.py(), "context"), context)?;
    Ok(options)
}
