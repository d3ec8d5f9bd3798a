//! Context variables, by an interface of the interpreter's own.
#![expect(unsafe_code, reason = "context variables have no safe binding")]

use pyo3::ffi;
use pyo3::prelude::*;

/// A copy of the current context.
#[inline]
pub(crate) fn copy_current(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: the thread is attached; a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent()) }
}

/// A copy of a context.
pub(crate) fn copy<'py>(context: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: a context is alive; a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(context.py(), ffi::PyContext_Copy(context.as_ptr())) }
}

/// A context that is the current one, until this is dropped.
pub(crate) struct Current<'a, 'py>(&'a Bound<'py, PyAny>);

/// Enters a context.
#[inline]
pub(crate) fn enter<'a, 'py>(context: &'a Bound<'py, PyAny>) -> PyResult<Current<'a, 'py>> {
    // SAFETY: the context is alive; an exception is set when this does not return zero.
    if unsafe { ffi::PyContext_Enter(context.as_ptr()) } != 0 {
        return Err(PyErr::fetch(context.py()));
    }
    Ok(Current(context))
}

impl Drop for Current<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the context was entered on this thread, and whatever was entered inside has been
        // left.
        unsafe {
            if ffi::PyContext_Exit(self.0.as_ptr()) != 0 {
                ffi::PyErr_WriteUnraisable(self.0.as_ptr());
            }
        }
    }
}

/// A variable's value in the current context, or its default.
pub(crate) fn get<'py>(variable: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = variable.py();
    let mut value = std::ptr::null_mut();
    // SAFETY: the variable is alive, and there is room for the value, which is a new reference, or
    // null where there is neither a value nor a default.
    unsafe {
        if ffi::PyContextVar_Get(variable.as_ptr(), std::ptr::null_mut(), &raw mut value) < 0 {
            return Err(PyErr::fetch(py));
        }
        Ok(Bound::from_owned_ptr_or_opt(py, value))
    }
}

/// Sets a variable in a context that is not the current one.
pub(crate) fn set_in(
    context: &Bound<'_, PyAny>,
    variable: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let _entered = enter(context)?;
    put(variable, value).map(drop)
}

/// Sets a variable in the current context, and returns the token of what it was before.
fn put<'py>(variable: &Bound<'py, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: both are alive; the token is a new reference, or null with an exception set.
    unsafe {
        let token = ffi::PyContextVar_Set(variable.as_ptr(), value.as_ptr());
        Bound::from_owned_ptr_or_err(variable.py(), token)
    }
}

/// A value that was set, until this is dropped, in the same context.
pub(crate) struct Set<'py> {
    variable: Bound<'py, PyAny>,
    token: Bound<'py, PyAny>,
}

/// Sets a variable in the current context.
pub(crate) fn set<'py>(
    variable: &Bound<'py, PyAny>,
    value: &Bound<'py, PyAny>,
) -> PyResult<Set<'py>> {
    let token = put(variable, value)?;
    Ok(Set {
        variable: variable.clone(),
        token,
    })
}

impl Drop for Set<'_> {
    fn drop(&mut self) {
        // SAFETY: the token is that variable's. An exception that is set already is kept; resetting
        // fails only in another context than the value was set in.
        unsafe {
            if ffi::PyContextVar_Reset(self.variable.as_ptr(), self.token.as_ptr()) < 0 {
                ffi::PyErr_WriteUnraisable(self.variable.as_ptr());
            }
        }
    }
}
