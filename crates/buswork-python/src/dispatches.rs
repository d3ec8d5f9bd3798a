//! `Dispatch` and `TracedDelivery`: what a trace in memory is made of.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use buswork::trace;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// One published event, as a trace has it.
#[pyclass(frozen, module = "buswork")]
pub(crate) struct Dispatch(pub(crate) Arc<trace::Dispatch>);

#[pymethods]
impl Dispatch {
    #[getter]
    fn id(&self) -> String {
        self.0.id().to_string()
    }

    #[getter]
    fn causation(&self) -> Option<String> {
        self.0.causation().map(|id| id.to_string())
    }

    #[getter]
    fn correlation(&self) -> String {
        self.0.correlation().to_string()
    }

    #[getter]
    fn event(&self) -> &str {
        self.0.event().id()
    }

    #[getter]
    fn topic(&self) -> Option<&str> {
        self.0.topic()
    }

    #[getter]
    fn verb(&self) -> &'static str {
        self.0.verb().as_str()
    }

    #[getter]
    fn function(&self) -> Option<&str> {
        self.0.site().map(trace::Site::function)
    }

    #[getter]
    fn file(&self) -> Option<&str> {
        self.0.site().map(trace::Site::file)
    }

    #[getter]
    fn line(&self) -> Option<u32> {
        self.0.site().map(trace::Site::line)
    }

    #[getter]
    fn cause(&self) -> Option<&str> {
        self.0.cause().map(trace::HandlerName::id)
    }

    #[getter]
    fn at(&self) -> u64 {
        self.0.at()
    }

    #[getter]
    fn deliveries<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let all = self.0.deliveries().into_iter().map(TracedDelivery);
        PyTuple::new(py, all.collect::<Vec<_>>())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast::<Self>()
            .is_ok_and(|other| self.0.id() == other.get().0.id())
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.id().hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self) -> String {
        let count = match self.0.deliveries().len() {
            1 => "1 delivery".to_owned(),
            count => format!("{count} deliveries"),
        };
        format!("<Dispatch of {}: {count}>", self.event())
    }
}

/// One event to one handler, as a trace has it.
#[pyclass(frozen, module = "buswork")]
pub(crate) struct TracedDelivery(trace::Delivery);

#[pymethods]
impl TracedDelivery {
    #[getter]
    fn handler(&self) -> &str {
        self.0.handler().id()
    }

    #[getter]
    fn name(&self) -> &str {
        self.0.handler().name()
    }

    #[getter]
    fn subscribed<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.handler().types())
    }

    #[getter]
    fn file(&self) -> Option<&str> {
        self.0.handler().file()
    }

    #[getter]
    fn line(&self) -> Option<u32> {
        self.0.handler().line()
    }

    #[getter]
    fn subscription(&self) -> u64 {
        self.0.subscription()
    }

    #[getter]
    fn wait(&self) -> u64 {
        self.0.wait()
    }

    #[getter]
    fn run(&self) -> u64 {
        self.0.run()
    }

    #[getter]
    fn outcome(&self) -> &'static str {
        self.0.outcome().as_str()
    }

    #[getter]
    fn reason(&self) -> Option<&'static str> {
        self.0.outcome().reason().map(buswork::SkipReason::as_str)
    }

    #[getter]
    fn error(&self) -> Option<&str> {
        self.0.outcome().error()
    }

    fn __repr__(&self) -> String {
        let outcome = self.outcome();
        match self.reason().or(self.error()) {
            Some(why) => format!("<TracedDelivery to {}: {outcome} ({why})>", self.name()),
            None => format!("<TracedDelivery to {}: {outcome}>", self.name()),
        }
    }
}
