//! Calls into Python, one crossing each, and the little of CPython's inside that they need.
#![expect(unsafe_code, reason = "PyO3 offers no vectorcall on an argument slice, nor type slots")]

use pyo3::exceptions::{PyException, PyRecursionError};
use pyo3::ffi;
use pyo3::prelude::*;

/// Calls `callable(event)` by vectorcall, leaving room for a bound method to put its `self`.
#[inline]
pub(crate) fn call<'py>(
    callable: &Bound<'py, PyAny>,
    event: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let arguments = [std::ptr::null_mut(), event.as_ptr()];
    // SAFETY: both objects are alive for the whole call, held by their `Bound`s. The arguments
    // begin behind the first place, which the flag lends to the callee. The result is a new
    // reference, or null with an exception set.
    unsafe {
        let result = ffi::PyObject_Vectorcall(
            callable.as_ptr(),
            arguments.as_ptr().add(1),
            1 | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET,
            std::ptr::null_mut(),
        );
        Bound::from_owned_ptr_or_err(callable.py(), result)
    }
}

/// Whether `object` can be awaited: coroutines, futures, and whatever defines `__await__`.
pub(crate) fn is_awaitable(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: reads the type of a live object; `tp_as_async` is null or points to a table that
    // lives as long as the type.
    unsafe {
        let slots = (*ffi::Py_TYPE(object.as_ptr())).tp_as_async;
        !slots.is_null() && (*slots).am_await.is_some()
    }
}

/// Whether an exception is a handler's failure, to be isolated. What is not an `Exception`
/// (`KeyboardInterrupt`, `SystemExit`) goes straight through, and so does a `RecursionError`.
pub(crate) fn is_isolated(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyException>(py) && !error.is_instance_of::<PyRecursionError>(py)
}

/// Where the running Python code is, as `file:line`: the place of a publish, when asked from the
/// native method. `None` when no Python code runs on this thread.
pub(crate) fn site(py: Python<'_>) -> Option<String> {
    // SAFETY: the thread is attached; the frame is borrowed, and an owned reference is taken.
    let frame = unsafe {
        let frame: *mut ffi::PyObject = ffi::PyEval_GetFrame().cast();
        Bound::from_borrowed_ptr_or_opt(py, frame)
    }?;
    let line: u32 = frame.getattr(pyo3::intern!(py, "f_lineno")).ok()?.extract().ok()?;
    let code = frame.getattr(pyo3::intern!(py, "f_code")).ok()?;
    let file = code.getattr(pyo3::intern!(py, "co_filename")).ok()?;
    Some(format!("{}:{line}", file.str().ok()?.to_string_lossy()))
}
