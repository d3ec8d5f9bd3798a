//! Calls into Python, one crossing each, and the little of the interpreter's inside that they need.
#![expect(
    unsafe_code,
    reason = "PyO3 offers no vectorcall on an argument slice, nor type slots"
)]

use pyo3::exceptions::{PyException, PyRecursionError};
use pyo3::ffi;
use pyo3::prelude::*;

/// The head of a bound method, as `cpython/classobject.h` has it; both fields never change.
#[repr(C)]
struct BoundMethod {
    head: ffi::PyObject,
    function: *mut ffi::PyObject,
    object: *mut ffi::PyObject,
}

unsafe extern "C" {
    #[link_name = "PyMethod_Type"]
    static mut BOUND_METHOD_TYPE: ffi::PyTypeObject;
}

/// How a call ended, for a walk that has nothing to do with most results.
pub(crate) enum Called<'py> {
    /// It returned `None`.
    Nothing,
    Result(Bound<'py, PyAny>),
    /// It raised, and the exception is still where the interpreter has it.
    Raised,
}

/// Calls `callable(event)` by vectorcall. A bound method is taken apart, which saves a call.
#[inline]
pub(crate) fn call<'py>(callable: &Bound<'py, PyAny>, event: &Bound<'py, PyAny>) -> Called<'py> {
    let py = callable.py();
    let callee = callable.as_ptr();
    // SAFETY: both objects are alive for the whole call, held by their `Bound`s, and a bound
    // method holds its parts. The arguments begin behind the first place, which the flag lends to
    // the callee. The result is a new reference, or null with an exception set.
    let result = unsafe {
        let result = if ffi::Py_TYPE(callee) == &raw mut BOUND_METHOD_TYPE {
            let method = callee.cast::<BoundMethod>();
            let arguments = [std::ptr::null_mut(), (*method).object, event.as_ptr()];
            vectorcall((*method).function, &arguments)
        } else {
            vectorcall(callee, &[std::ptr::null_mut(), event.as_ptr()])
        };
        Bound::from_owned_ptr_or_opt(py, result)
    };
    match result {
        None => Called::Raised,
        Some(result) if result.is_none() => Called::Nothing,
        Some(result) => Called::Result(result),
    }
}

/// [`call`] for those who want the result, or the exception.
pub(crate) fn call_for_result<'py>(
    callable: &Bound<'py, PyAny>,
    event: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = callable.py();
    match call(callable, event) {
        Called::Nothing => Ok(py.None().into_bound(py)),
        Called::Result(result) => Ok(result),
        Called::Raised => Err(PyErr::fetch(py)),
    }
}

/// Calls by the callee's own entry, where it has one, without the detour by way of
/// `PyObject_Vectorcall`, which looks up the thread and checks the callee's manners.
///
/// # Safety
/// The callee and all arguments but the first, which is room for the callee, must be alive.
#[inline]
unsafe fn vectorcall<const N: usize>(
    callee: *mut ffi::PyObject,
    arguments: &[*mut ffi::PyObject; N],
) -> *mut ffi::PyObject {
    let count = (N - 1) | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    // SAFETY: as the caller promises; and an object whose type has the flag holds its entry, or
    // null, at the type's offset.
    unsafe {
        let class = ffi::Py_TYPE(callee);
        let arguments = arguments.as_ptr().add(1);
        if ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_HAVE_VECTORCALL) != 0 {
            let place = callee.byte_offset((*class).tp_vectorcall_offset);
            if let Some(entry) = *place.cast::<Option<ffi::vectorcallfunc>>() {
                return entry(callee, arguments, count, std::ptr::null_mut());
            }
        }
        ffi::PyObject_Vectorcall(callee, arguments, count, std::ptr::null_mut())
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

/// Gives an exception object its traceback. Before Python 3.12 the interpreter keeps the two apart
/// until the exception is caught in Python.
pub(crate) fn attach_traceback(py: Python<'_>, error: &PyErr) {
    #[cfg(not(Py_3_12))]
    if let Some(traceback) = error.traceback(py) {
        // SAFETY: both are live objects, of the types that the function asks for. It can only fail
        // for something that is not a traceback.
        unsafe { ffi::PyException_SetTraceback(error.value(py).as_ptr(), traceback.as_ptr()) };
    }
    #[cfg(Py_3_12)]
    let _ = (py, error);
}

/// Where the running Python code is, as `file:line`: the place of a publish, when asked from the
/// native method. `None` when no Python code runs on this thread.
pub(crate) fn site(py: Python<'_>) -> Option<String> {
    // SAFETY: the thread is attached; the frame is borrowed, and an owned reference is taken.
    let frame = unsafe {
        let frame: *mut ffi::PyObject = ffi::PyEval_GetFrame().cast();
        Bound::from_borrowed_ptr_or_opt(py, frame)
    }?;
    let line: u32 = frame
        .getattr(pyo3::intern!(py, "f_lineno"))
        .ok()?
        .extract()
        .ok()?;
    let code = frame.getattr(pyo3::intern!(py, "f_code")).ok()?;
    let file = code.getattr(pyo3::intern!(py, "co_filename")).ok()?;
    Some(format!("{}:{line}", file.str().ok()?.to_string_lossy()))
}
