//! Exceptions: which are isolated, their tracebacks, and the place where Python code is.
#![expect(
    unsafe_code,
    reason = "an exception's class may forbid what the safe bindings do"
)]

use pyo3::exceptions::{PyException, PyKeyboardInterrupt, PyRecursionError, PySystemExit};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::calling::Invoke;
use crate::imports;

/// Whether an exception is a handler's failure, to be isolated. What is not an `Exception`
/// (`KeyboardInterrupt`, `SystemExit`) goes straight through, and so does a `RecursionError`.
pub(crate) fn is_isolated(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyException>(py) && !is_recursion(py, error)
}

/// Whether publishes or calls were nested too deep.
pub(crate) fn is_recursion(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyRecursionError>(py)
}

/// Whether an event loop lets an exception of a task through, which ends it.
pub(crate) fn ends_a_loop(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyKeyboardInterrupt>(py) || error.is_instance_of::<PySystemExit>(py)
}

/// Puts an interrupt off that has come at a bad moment: it is sent again, and strikes when the
/// interpreter looks next. Nobody can be told of other errors.
pub(crate) fn defer(py: Python<'_>, error: PyErr) {
    if !error.is_instance_of::<PyKeyboardInterrupt>(py) {
        error.write_unraisable(py, None);
        return;
    }
    // Its traceback holds frames, and these what is ended with them, which must not be struck.
    drop(error);
    // SAFETY: the thread is attached.
    unsafe { ffi::PyErr_SetInterrupt() };
}

/// Gives an exception object its traceback. Before Python 3.12 the interpreter keeps the two apart
/// until the exception is caught in Python.
pub(crate) fn attach_traceback(py: Python<'_>, error: &PyErr) {
    #[cfg(not(Py_3_12))]
    if let Some(traceback) = error.traceback(py) {
        set_traceback(py, error, traceback.as_any());
    }
    #[cfg(Py_3_12)]
    let _ = (py, error);
}

/// Replaces the traceback of an exception, whatever its class says of assignments. `traceback` is
/// one, or `None`.
pub(crate) fn set_traceback(py: Python<'_>, error: &PyErr, traceback: &Bound<'_, PyAny>) {
    // SAFETY: both are live objects, of the types that the function asks for. It can only fail for
    // something that is not a traceback.
    unsafe { ffi::PyException_SetTraceback(error.value(py).as_ptr(), traceback.as_ptr()) };
}

/// Sets an attribute as `object` does, whatever the class of the object says of assignments.
pub(crate) fn set_attribute(
    object: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    // SAFETY: all three are live objects; an exception is set when it does not return zero.
    let done =
        unsafe { ffi::PyObject_GenericSetAttr(object.as_ptr(), name.as_ptr(), value.as_ptr()) };
    if done == 0 {
        Ok(())
    } else {
        Err(PyErr::fetch(object.py()))
    }
}

/// Where the running Python code is, as `file:line`: the place of a publish, when asked from the
/// native method. `None` when no Python code runs on this thread. A function of ten is no place:
/// who published is behind it.
pub(crate) fn site(py: Python<'_>) -> Option<String> {
    // SAFETY: the thread is attached; the frame is borrowed, and an owned reference is taken.
    let mut frame = unsafe {
        let frame: *mut ffi::PyObject = ffi::PyEval_GetFrame().cast();
        Bound::from_borrowed_ptr_or_opt(py, frame)
    }?;
    loop {
        let code = frame.getattr(pyo3::intern!(py, "f_code")).ok()?;
        let file = code.getattr(pyo3::intern!(py, "co_filename")).ok()?;
        if !file.eq(imports::ten_file(py).ok()?).ok()? {
            let line = frame.getattr(pyo3::intern!(py, "f_lineno")).ok()?;
            let (file, line) = (file.str().ok()?, line.str().ok()?);
            return Some(format!(
                "{}:{}",
                file.to_string_lossy(),
                line.to_string_lossy()
            ));
        }
        frame = frame.getattr(pyo3::intern!(py, "f_back")).ok()?;
    }
}

/// An exception of one of our Python classes.
#[cold]
#[inline(never)]
pub(crate) fn of_class(class: PyResult<&Bound<'_, PyAny>>, message: &str) -> PyErr {
    match class.and_then(|class| class.invoke1((message,))) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}
