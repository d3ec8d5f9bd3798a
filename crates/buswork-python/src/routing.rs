//! Which subscriptions an event's class has, decided here: by the identity of the class along its
//! method resolution order, and by `issubclass` for ABCs and runtime protocols.
//!
//! A class is known by its address. Subscriptions hold their classes strongly; a compiled plan
//! holds its class weakly and is evicted by the reference's callback when the class dies, before
//! the address can be used again.
#![expect(
    unsafe_code,
    reason = "a class in the causal chain is known by its address alone"
)]

use std::sync::{Arc, Weak};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use crate::calling::{self, Invoke};
use crate::imports;
use crate::subscriber::{Entry, Table};

/// A class, by its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TypeKey(usize);

impl TypeKey {
    /// The key of all subscriptions to topics; no class has this address.
    pub(crate) const TOPICS: Self = Self(1);

    pub(crate) fn of(class: &Bound<'_, PyType>) -> Self {
        Self(class.as_ptr() as usize)
    }

    /// The name of the class behind a key of the causal chain.
    pub(crate) fn name_in_progress(self, py: Python<'_>) -> String {
        // SAFETY: the chain holds keys of publishes in progress only, and each of them holds the
        // class that its event had when it began.
        let class = unsafe { Bound::from_borrowed_ptr(py, self.0 as *mut ffi::PyObject) };
        class
            .cast::<PyType>()
            .map_or_else(|_| "?".to_owned(), imports::class_name)
    }
}

/// Whether instances of `class` are classes themselves.
pub(crate) fn is_metaclass(class: &Bound<'_, PyType>) -> bool {
    class.is_subclass_of::<PyType>().unwrap_or(false)
}

/// Whether a class decides itself who its subclasses are (an ABC, a protocol, a metaclass with
/// `__subclasscheck__`), so that the MRO does not tell.
pub(crate) fn is_virtual(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = class.py();
    let metaclass = class.get_type();
    if metaclass.is(py.get_type::<PyType>()) {
        return Ok(false);
    }
    let check = metaclass.getattr(pyo3::intern!(py, "__subclasscheck__"))?;
    Ok(!check.is(imports::subclass_check(py)?))
}

/// Whether a virtual class may have virtual subclasses as things are. Runs foreign code.
pub(crate) fn is_open(class: &Bound<'_, PyType>) -> PyResult<bool> {
    imports::is_open(class.py())?.invoke1((class,))?.extract()
}

/// The classes whose subscriptions concern events of `class`: its MRO.
pub(crate) fn lineage(class: &Bound<'_, PyType>) -> Vec<TypeKey> {
    class
        .mro()
        .iter()
        .filter_map(|ancestor| ancestor.cast_into::<PyType>().ok())
        .map(|ancestor| TypeKey::of(&ancestor))
        .collect()
}

/// What `abc.get_cache_token()` says: another number after each `register` of an ABC.
pub(crate) fn cache_token(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    calling::call_without_arguments(imports::cache_token(py)?)
}

/// Looks again at the ABCs that had no virtual subclasses, after somebody may have got one.
pub(crate) fn look_again(py: Python<'_>, table: &Table) -> PyResult<()> {
    for entry in table.entries() {
        look_again_at(py, table, &entry)?;
    }
    Ok(())
}

/// Looks again at the ABCs of one subscription.
pub(crate) fn look_again_at(py: Python<'_>, table: &Table, entry: &Arc<Entry>) -> PyResult<()> {
    let subscriber = entry.handler();
    let Some(types) = subscriber.types(py).filter(|_| subscriber.is_closed()) else {
        return Ok(());
    };
    for class in types.cast::<PyTuple>()?.iter() {
        let Ok(class) = class.cast::<PyType>() else {
            continue;
        };
        if is_virtual(class)? && is_open(class)? {
            subscriber.open();
            drop(table.search(entry));
            break;
        }
    }
    Ok(())
}

/// Whether a subscription to an ABC or protocol matches events of `class`. Runs foreign code.
pub(crate) fn matches(entry: &Entry, class: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = class.py();
    let Some(types) = entry.handler().types(py) else {
        return Ok(false);
    };
    let key = TypeKey::of(class);
    for subscribed in types.cast::<PyTuple>()?.iter() {
        let Ok(subscribed) = subscribed.cast::<PyType>() else {
            continue;
        };
        if TypeKey::of(subscribed) == key {
            return Ok(true);
        }
        if !entry.handler().exact && class.is_subclass(subscribed)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A weak reference to `class` that evicts its plans when it dies.
pub(crate) fn watch<'py>(
    table: &Arc<Table>,
    class: &Bound<'py, PyType>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let evict = Evict {
        table: Arc::downgrade(table),
        key: TypeKey::of(class),
    };
    imports::weak_reference(py)?.invoke1((class, evict))
}

/// The callback of a dead class.
#[pyclass(frozen, module = "buswork._buswork")]
struct Evict {
    table: Weak<Table>,
    key: TypeKey,
}

#[pymethods]
impl Evict {
    fn __call__(&self, _reference: &Bound<'_, PyAny>) {
        if let Some(table) = self.table.upgrade() {
            drop(table.evict(&self.key));
        }
    }
}
