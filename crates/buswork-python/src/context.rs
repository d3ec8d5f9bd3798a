//! Context variables, by an interface of the interpreter's own.
#![expect(unsafe_code, reason = "context variables have no safe binding")]

use pyo3::ffi;
use pyo3::prelude::*;

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
    // SAFETY: both are alive; the token is a new reference, or null with an exception set.
    let token = unsafe {
        let token = ffi::PyContextVar_Set(variable.as_ptr(), value.as_ptr());
        Bound::from_owned_ptr_or_err(variable.py(), token)
    }?;
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
