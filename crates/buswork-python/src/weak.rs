//! `weak=True`: the subscription ends when the object dies, and says so in the log.

use std::sync::{Arc, OnceLock, Weak};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::calling::Invoke;
use crate::collection;
use crate::imports;
use crate::registration::default_name;
use crate::subscriber::{Entry, Table};

/// A weak reference to a handler, and the callback that ends its subscription.
pub(crate) struct WeakHandler<'py> {
    /// To the object of a bound method, or to whatever else the handler is.
    pub(crate) reference: Bound<'py, PyAny>,
    /// The function of a bound method: the method itself is made anew at each access.
    pub(crate) function: Option<Bound<'py, PyAny>>,
    ended: Bound<'py, Ended>,
}

impl<'py> WeakHandler<'py> {
    pub(crate) fn new(table: &Arc<Table>, handler: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = handler.py();
        refuse_local(handler)?;
        let ended = Ended {
            table: Arc::downgrade(table),
            entry: OnceLock::new(),
        };
        let ended = Bound::new(py, ended)?;
        let (referent, function) = if handler.get_type().is(imports::method_type(py)?) {
            let function = handler.getattr(pyo3::intern!(py, "__func__"))?;
            let object = handler.getattr(pyo3::intern!(py, "__self__"))?;
            (object, Some(function))
        } else {
            (handler.clone(), None)
        };
        let reference = imports::weak_reference(py)?.invoke1((referent, &ended));
        let reference = reference.map_err(|error| {
            let kind = imports::class_name(&handler.get_type());
            let refusal = PyTypeError::new_err(format!(
                "weak=True does not suit this handler, a {kind}: {}; leave weak out, and cancel the subscription",
                error.value(py)
            ));
            refusal.set_cause(py, Some(error));
            refusal
        })?;
        Ok(Self {
            reference,
            function,
            ended,
        })
    }

    /// Tells the callback whose subscription it ends.
    pub(crate) fn belongs_to(&self, entry: &Arc<Entry>) {
        let _ = self.ended.get().entry.set(Arc::downgrade(entry));
    }
}

/// A lambda or a local function would be gone as soon as the caller returns.
fn refuse_local(handler: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = handler.py();
    if handler.get_type().is(imports::builtin_type(py)?) {
        return Err(PyTypeError::new_err(format!(
            "weak=True does not suit {}, a built-in method: it is made anew at each access, so it would be gone at once; leave weak out, and cancel the subscription",
            default_name(handler)
        )));
    }
    if handler.get_type().is(imports::partial_type(py)?) {
        return Err(PyTypeError::new_err(
            "weak=True does not suit a functools.partial: it keeps the object alive that it is bound to, and mostly nothing else holds it; leave weak out, and cancel the subscription",
        ));
    }
    if !handler.get_type().is(imports::function_type(py)?) {
        return Ok(());
    }
    let qualname: String = handler
        .getattr(pyo3::intern!(py, "__qualname__"))?
        .extract()?;
    if qualname.contains("<locals>") || qualname.contains("<lambda>") {
        return Err(PyTypeError::new_err(format!(
            "weak=True does not suit {qualname}: nothing else holds a lambda or a local function, so it would be gone at once; leave weak out, and cancel the subscription"
        )));
    }
    Ok(())
}

/// The callback of a dead handler.
#[pyclass(frozen, module = "buswork._buswork")]
struct Ended {
    table: Weak<Table>,
    entry: OnceLock<Weak<Entry>>,
}

#[pymethods]
impl Ended {
    fn __call__(&self, py: Python<'_>, _reference: &Bound<'_, PyAny>) -> PyResult<()> {
        let (Some(table), Some(entry)) = (
            self.table.upgrade(),
            self.entry.get().and_then(Weak::upgrade),
        ) else {
            return Ok(());
        };
        if entry.is_ended() {
            return Ok(());
        }
        entry.handler().object_died();
        collection::end(py, &table, &entry);
        let name = &entry.handler().name;
        imports::logger(py)?.invoke_method1(
            pyo3::intern!(py, "info"),
            ("subscription %s ended: its object no longer exists", name),
        )?;
        Ok(())
    }
}
