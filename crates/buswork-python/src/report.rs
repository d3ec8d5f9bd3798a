//! `Report` and `Delivery`: what came of one `deliver`.

use buswork::SkipReason;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use crate::failure::{event_name, group};
use crate::rounds::Ended;

/// What came of one `deliver`: each delivery, in call order.
#[pyclass(frozen, module = "buswork")]
pub(crate) struct Report {
    #[pyo3(get)]
    pub(crate) event_type: Py<PyType>,
    #[pyo3(get)]
    pub(crate) topic: Option<String>,
    #[pyo3(get)]
    pub(crate) deliveries: Py<PyTuple>,
}

impl Report {
    /// The report of an event that a layer stopped.
    pub(crate) fn empty(class: &Bound<'_, PyType>, topic: Option<&str>) -> Self {
        Self {
            event_type: class.clone().unbind(),
            topic: topic.map(str::to_owned),
            deliveries: PyTuple::empty(class.py()).unbind(),
        }
    }
}

#[pymethods]
impl Report {
    #[getter]
    fn failures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let mut failures = Vec::new();
        for delivery in self.deliveries.bind(py) {
            if delivery.cast::<Delivery>()?.get().error.is_some() {
                failures.push(delivery);
            }
        }
        PyTuple::new(py, failures)
    }

    fn raise_for_errors(&self, py: Python<'_>) -> PyResult<()> {
        let deliveries = self.deliveries.bind(py);
        let mut errors = Vec::new();
        for delivery in deliveries {
            if let Some(error) = &delivery.cast::<Delivery>()?.get().error {
                errors.push(PyErr::from_value(error.bind(py).clone()));
            }
        }
        if errors.is_empty() {
            return Ok(());
        }
        Err(group(
            py,
            self.event_type.bind(py),
            self.topic.as_deref(),
            deliveries.len(),
            errors,
        ))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (mut ok, mut failed, mut skipped) = (0, 0, 0);
        for delivery in self.deliveries.bind(py) {
            match delivery.cast::<Delivery>()?.get().status {
                "ok" => ok += 1,
                "failed" => failed += 1,
                _ => skipped += 1,
            }
        }
        let name = event_name(self.event_type.bind(py), self.topic.as_deref());
        Ok(format!(
            "<Report on {name}: {ok} ok, {failed} failed, {skipped} skipped>"
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_type)?;
        visit.call(&self.deliveries)
    }
}

/// One event to one handler, and how it ended.
#[pyclass(frozen, module = "buswork")]
pub(crate) struct Delivery {
    #[pyo3(get)]
    handler: Option<Py<PyAny>>,
    #[pyo3(get)]
    name: String,
    #[pyo3(get)]
    status: &'static str,
    #[pyo3(get)]
    reason: Option<&'static str>,
    #[pyo3(get)]
    result: Option<Py<PyAny>>,
    #[pyo3(get)]
    error: Option<Py<PyAny>>,
    #[pyo3(get)]
    elapsed: f64,
    #[pyo3(get)]
    attempts: u32,
}

impl Delivery {
    /// The same, after so many other attempts.
    pub(crate) fn after(mut self, attempts: usize) -> Self {
        self.attempts += u32::try_from(attempts).unwrap_or(u32::MAX - 1);
        self
    }

    /// Notes how another attempt has ended.
    pub(crate) fn tried_again(&mut self, py: Python<'_>, ended: &Ended<'_, '_>) {
        self.attempts = ended.failed_before + 1;
        match &ended.delivered {
            Ok(Ok(result)) => {
                (self.status, self.error) = ("ok", None);
                self.result = Some(result.clone().unbind());
            }
            Ok(Err(_)) => {}
            Err(fault) => {
                self.error = Some(fault.error.value(py).clone().into_any().unbind());
                self.attempts = fault.count();
            }
        }
    }

    pub(crate) fn ok(
        handler: Option<Py<PyAny>>,
        name: String,
        result: Py<PyAny>,
        elapsed: f64,
    ) -> Self {
        let (status, result) = ("ok", Some(result));
        Self {
            handler,
            name,
            status,
            reason: None,
            result,
            error: None,
            elapsed,
            attempts: 1,
        }
    }

    pub(crate) fn failed(
        handler: Option<Py<PyAny>>,
        name: String,
        error: Py<PyAny>,
        elapsed: f64,
    ) -> Self {
        let (status, error) = ("failed", Some(error));
        Self {
            handler,
            name,
            status,
            reason: None,
            result: None,
            error,
            elapsed,
            attempts: 1,
        }
    }

    pub(crate) fn skipped(handler: Option<Py<PyAny>>, name: String, reason: SkipReason) -> Self {
        let (status, reason) = ("skipped", Some(reason.as_str()));
        Self {
            handler,
            name,
            status,
            reason,
            result: None,
            error: None,
            elapsed: 0.0,
            attempts: 0,
        }
    }
}

#[pymethods]
impl Delivery {
    fn __repr__(&self) -> String {
        match self.reason {
            Some(reason) => format!("<Delivery to {}: {} ({reason})>", self.name, self.status),
            None => format!("<Delivery to {}: {}>", self.name, self.status),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.handler)?;
        visit.call(&self.result)?;
        visit.call(&self.error)
    }
}
