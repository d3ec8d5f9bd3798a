//! The handlers of a publish that wait for something, and what the publish was.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyType};

use crate::async_bus::AsyncBus;
use crate::attempt::Attempt;
use crate::calling::Invoke;
use crate::causal::Link;
use crate::failure::event_name;
use crate::tasks::Tasks;

/// A publish of the async bus that is not done at once.
#[pyclass(frozen, get_all, module = "buswork._buswork")]
pub(crate) struct Publish {
    pub(crate) bus: Py<AsyncBus>,
    pub(crate) event: Py<PyAny>,
    pub(crate) event_type: Py<PyType>,
    pub(crate) topic: Option<String>,
    pub(crate) link: Py<Link>,
    /// Whether its publish ends when all handlers have.
    pub(crate) owns_link: bool,
    /// Where it was called: the code, and the instruction in it.
    pub(crate) code: Py<PyCode>,
    pub(crate) instruction: usize,
    /// How many handlers there are.
    pub(crate) handlers: usize,
    pub(crate) for_report: bool,
}

#[pymethods]
impl Publish {
    /// What the event is called in messages.
    #[getter]
    fn event_name(&self, py: Python<'_>) -> String {
        event_name(self.event_type.bind(py), self.topic.as_deref())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.bus)?;
        visit.call(&self.event)?;
        visit.call(&self.event_type)?;
        visit.call(&self.link)?;
        visit.call(&self.code)
    }
}

/// The tasks of handlers that have not ended, or whose end nobody has looked at, in call order.
#[pyclass(frozen, module = "buswork._buswork")]
#[derive(Default)]
pub(crate) struct Running {
    tasks: Mutex<Vec<(Py<Attempt>, Py<PyAny>)>>,
}

impl Running {
    /// Takes on the task of a handler that waits for something.
    pub(crate) fn add(&self, attempt: Py<Attempt>, task: Bound<'_, PyAny>) {
        self.tasks().push((attempt, task.unbind()));
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<(Py<Attempt>, Py<PyAny>)>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn first(&self, py: Python<'_>) -> Option<(Py<Attempt>, Py<PyAny>)> {
        let tasks = self.tasks();
        let (attempt, task) = tasks.first()?;
        Some((attempt.clone_ref(py), task.clone_ref(py)))
    }

    fn list<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyAny>> {
        let tasks = self.tasks();
        tasks
            .iter()
            .map(|(_, task)| task.bind(py).clone())
            .collect()
    }

    /// Takes a task out. Says whether it was there still.
    fn take(&self, task: &Bound<'_, PyAny>) -> Option<(Py<Attempt>, Py<PyAny>)> {
        let mut tasks = self.tasks();
        let place = tasks.iter().position(|(_, known)| known.is(task))?;
        Some(tasks.remove(place))
    }
}

#[pymethods]
impl Running {
    /// Tells the round of the handlers that have ended, in call order, up to one that has not, and
    /// returns the task of that one.
    fn first_running<'py>(
        &self,
        waiting: &Bound<'py, PyAny>,
        publish: &Bound<'py, Publish>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = waiting.py();
        while let Some((_, task)) = self.first(py) {
            let task = task.into_bound(py);
            if !task
                .invoke_method0(pyo3::intern!(py, "done"))?
                .is_truthy()?
            {
                return Ok(Some(task));
            }
            self.ended(&task, waiting, publish)?;
        }
        Ok(None)
    }

    /// Tells the round of all handlers that have ended.
    fn all_ended<'py>(
        &self,
        waiting: &Bound<'py, PyAny>,
        publish: &Bound<'py, Publish>,
    ) -> PyResult<()> {
        let py = waiting.py();
        for task in self.list(py) {
            let is_done = task.invoke_method0(pyo3::intern!(py, "done"))?;
            if is_done.is_truthy()? {
                self.ended(&task, waiting, publish)?;
            }
        }
        Ok(())
    }

    /// Tells the round of the end of a handler, unless that was told before.
    fn ended<'py>(
        &self,
        task: &Bound<'py, PyAny>,
        waiting: &Bound<'py, PyAny>,
        publish: &Bound<'py, Publish>,
    ) -> PyResult<()> {
        let py = task.py();
        let Some((attempt, _)) = self.take(task) else {
            return Ok(());
        };
        let publish = publish.get();
        if let Some(error) = Tasks::failure(task)? {
            let is_cancelled = task
                .invoke_method0(pyo3::intern!(py, "cancelled"))?
                .is_truthy()?;
            let name = if is_cancelled { "cancelled" } else { "fail" };
            waiting.getattr(name)?.invoke1((attempt, error))?;
        } else {
            attempt.get().count_ok();
            if publish.for_report {
                let result = task.invoke_method0(pyo3::intern!(py, "result"))?;
                waiting.invoke_method1(pyo3::intern!(py, "returned"), (attempt, result))?;
            }
        }
        if let Err(refusal) = publish.link.get().verdict(py) {
            waiting.invoke_method1(pyo3::intern!(py, "abort"), (refusal,))?;
        }
        Ok(())
    }

    /// Cancels them all.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        for task in self.list(py) {
            task.invoke_method0(pyo3::intern!(py, "cancel"))?;
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(tasks) = self.tasks.try_lock() else {
            return Ok(());
        };
        for (attempt, task) in tasks.iter() {
            visit.call(attempt)?;
            visit.call(task)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let tasks = std::mem::take(&mut *self.tasks());
        drop(tasks);
    }
}
