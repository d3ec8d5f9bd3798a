//! `Subscription`: the handle of one subscription.

use std::fmt::Write;
use std::sync::{Arc, Weak};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::collection;
use crate::imports;
use crate::on_error::OnError;
use crate::policy::Policy;
use crate::subscriber::{Entry, Table, follow};

/// What `bus.wiring()` asks of a subscription.
type Described = (
    String,
    Vec<&'static str>,
    Option<&'static str>,
    Option<String>,
);

/// A handler subscribed to one or more types. Holds its entry, which it does not visit, and the
/// classes, which it owns.
#[pyclass(frozen, weakref, module = "buswork")]
pub(crate) struct Subscription {
    entry: Arc<Entry>,
    table: Weak<Table>,
    types: Py<PyTuple>,
}

impl Subscription {
    pub(crate) fn new(entry: &Arc<Entry>, table: &Arc<Table>, types: Py<PyTuple>) -> Self {
        Self {
            entry: Arc::clone(entry),
            table: Arc::downgrade(table),
            types,
        }
    }

    /// A handle for an entry; `None` when it ended meanwhile.
    pub(crate) fn of(py: Python<'_>, entry: &Arc<Entry>, table: &Arc<Table>) -> Option<Self> {
        let types = entry.handler().types(py)?.cast_into::<PyTuple>().ok()?;
        Some(Self::new(entry, table, types.unbind()))
    }
}

#[pymethods]
impl Subscription {
    fn cancel(&self, py: Python<'_>) {
        if self.entry.is_ended() {
            return;
        }
        match self.table.upgrade() {
            Some(table) => collection::end(py, &table, &self.entry),
            // The bus has gone, and emptied the entry.
            None => drop(self.entry.cancel()),
        }
    }

    fn pause(&self, py: Python<'_>) -> PyResult<()> {
        self.entry.pause();
        follow(py, &self.entry)
    }

    fn resume(&self, py: Python<'_>) -> PyResult<()> {
        self.entry.resume();
        follow(py, &self.entry)
    }

    #[getter]
    fn active(&self, py: Python<'_>) -> bool {
        self.entry.is_active() && self.entry.handler().handler(py).is_some()
    }

    #[getter]
    fn name(&self) -> &str {
        &self.entry.handler().name
    }

    #[getter]
    fn event_types(&self, py: Python<'_>) -> Py<PyTuple> {
        self.types.clone_ref(py)
    }

    #[getter]
    fn handler<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.entry.handler().handler(py)
    }

    #[getter]
    fn priority(&self) -> i64 {
        self.entry.priority()
    }

    #[getter]
    fn policy<'py>(&self, py: Python<'py>) -> Option<Bound<'py, Policy>> {
        self.entry.handler().policed.as_ref()?.policy(py)
    }

    #[getter]
    fn publishes<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        let declared = self.entry.handler().publishes(py);
        declared.unwrap_or_else(|| PyTuple::empty(py).into_any())
    }

    #[getter]
    fn location(&self) -> Option<&str> {
        self.entry.handler().location.as_deref()
    }

    /// What `bus.wiring()` asks besides: the handler's `module:qualname`, the options that are set,
    /// what a failure does, and the policy.
    #[pyo3(name = "_described")]
    fn described(&self, py: Python<'_>) -> Described {
        let subscriber = self.entry.handler();
        let options = [
            ("when", subscriber.when(py).is_some()),
            ("once", self.entry.is_once()),
            ("weak", subscriber.weak),
            ("exact", subscriber.exact),
            ("background", subscriber.background),
            ("paused", !self.active(py)),
        ];
        let policy = subscriber.policed.as_ref();
        let policy = policy.map(|policed| policed.regulator.policy());
        let set = options.iter().filter(|(_, is_set)| *is_set);
        (
            subscriber.traced_name(py).id().to_owned(),
            set.map(|(name, _)| *name).collect(),
            subscriber.on_error.as_ref().map(OnError::word),
            policy
                .filter(|policy| !policy.is_empty())
                .map(ToString::to_string),
        )
    }

    /// Handles of one subscription are equal.
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast::<Self>()
            .is_ok_and(|other| Arc::ptr_eq(&self.entry, &other.get().entry))
    }

    fn __hash__(&self) -> usize {
        Arc::as_ptr(&self.entry) as usize
    }

    fn __enter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    #[pyo3(signature = (*_details))]
    fn __exit__(&self, py: Python<'_>, _details: &Bound<'_, PyTuple>) {
        self.cancel(py);
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let mut text = format!(
            "<Subscription {} on {}",
            self.name(),
            imports::type_names(self.types.bind(py))
        );
        if let Some(place) = self.location() {
            text.push_str(" at ");
            text.push_str(place);
        }
        let policed = self.entry.handler().policed.as_ref();
        if let Some(policed) = policed.filter(|policed| !policed.is_figures_alone) {
            let _ = write!(text, ", policy: {}", policed.regulator.policy());
        }
        text.push_str(match () {
            () if self.entry.is_ended() => ", ended>",
            () if !self.entry.is_active() => ", paused>",
            () => ">",
        });
        text
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.types)
    }
}
