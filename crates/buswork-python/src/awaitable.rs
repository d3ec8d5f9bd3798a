//! What can be awaited, and what the sync bus does with it: nothing, but loudly.
#![expect(unsafe_code, reason = "type slots have no safe binding")]

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::calling::{Invoke, call_for_result};
use crate::imports;

pub(crate) const CO_ITERABLE_COROUTINE: u32 = 0x100;

/// Whether `object` can be awaited: coroutines, futures, whatever defines `__await__`, and
/// generators that `types.coroutine` has made coroutines.
pub(crate) fn is_awaitable(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: reads the type of a live object; `tp_as_async` is null or points to a table that
    // lives as long as the type.
    let awaits = unsafe {
        let slots = (*ffi::Py_TYPE(object.as_ptr())).tp_as_async;
        !slots.is_null() && (*slots).am_await.is_some()
    };
    awaits || is_generator_coroutine(object)
}

/// The same, for Python.
#[pyfunction]
#[pyo3(name = "is_awaitable")]
pub(crate) fn is_awaitable_object(given: &Bound<'_, PyAny>) -> bool {
    is_awaitable(given)
}

/// Whether `object` is a coroutine, which a task can be made of as it is.
pub(crate) fn is_coroutine(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: reads the type of a live object.
    unsafe { ffi::PyCoro_CheckExact(object.as_ptr()) != 0 }
}

fn is_generator_coroutine(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: reads the type of a live object.
    let is_generator = unsafe { ffi::PyGen_CheckExact(object.as_ptr()) } != 0;
    if !is_generator {
        return false;
    }
    let flags = || -> PyResult<u32> {
        let code = object.getattr(pyo3::intern!(object.py(), "gi_code"))?;
        code.getattr(pyo3::intern!(object.py(), "co_flags"))?
            .extract()
    };
    flags().is_ok_and(|flags| flags & CO_ITERABLE_COROUTINE != 0)
}

/// Calls a callable that may return anything but an awaitable, which nobody would await. It
/// is closed then, and `role` says what the callable is.
pub(crate) fn call_for_nothing(
    callable: &Bound<'_, PyAny>,
    argument: &Bound<'_, PyAny>,
    role: &str,
) -> PyResult<()> {
    let result = call_for_result(callable, argument)?;
    refuse_awaitable(&result, role)
}

/// The sync bus awaits nothing: an awaitable that a callable of the user returns is closed, and is
/// an error.
#[cold]
pub(crate) fn refuse_awaitable(result: &Bound<'_, PyAny>, role: &str) -> PyResult<()> {
    if result.is_none() || !is_awaitable(result) {
        return Ok(());
    }
    let py = result.py();
    let name = imports::class_name(&result.get_type());
    let advice = match role {
        "handler" | "layer" => {
            "which EventBus does not await; use AsyncEventBus, or return something else"
        }
        _ => "which no bus awaits: it has to answer at once",
    };
    let refusal = PyRuntimeError::new_err(format!(
        "the {role} returned an awaitable ({name}), {advice}"
    ));
    if let Ok(Some(close)) = result.getattr_opt(pyo3::intern!(py, "close"))
        && let Err(error) = close.invoke0()
    {
        refusal.set_cause(py, Some(error));
    }
    Err(refusal)
}
