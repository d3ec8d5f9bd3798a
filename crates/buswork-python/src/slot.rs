//! A place for one Python object that threads may read and replace at any time: a cell of
//! the interpreter's own, as closures use them.
//!
//! Two reasons for a cell and not for a Rust lock. It is safe on free-threaded builds without one,
//! so nothing is locked while an old content's destructor runs. And a Python function can have
//! it among its free variables, so that what is put here counts at once inside the function that
//! calls ten handlers ([`crate::plan`]).
#![expect(unsafe_code, reason = "cells have no safe binding")]

use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// A Python object that can be replaced. The cell is always the owner; see [`crate::collection`].
pub(crate) struct Slot {
    cell: Py<PyAny>,
}

impl Slot {
    pub(crate) fn new(content: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = content.py();
        // SAFETY: `content` is a live object, and `PyCell_New` returns a new reference or null
        // with an exception set.
        let cell = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyCell_New(content.as_ptr())) }?;
        Ok(Self {
            cell: cell.unbind(),
        })
    }

    #[inline]
    pub(crate) fn get<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        // SAFETY: `cell` is a cell, made in `new`, whose content is read with the interpreter
        // lock held, so that nobody replaces it before the reference is taken.
        #[cfg(not(Py_GIL_DISABLED))]
        unsafe {
            let cell = self.cell.as_ptr().cast::<ffi::PyCellObject>();
            Bound::from_borrowed_ptr_or_opt(py, (*cell).ob_ref)
        }
        // SAFETY: `cell` is a cell; the result is a new reference, or null for an empty cell,
        // which has no exception set.
        #[cfg(Py_GIL_DISABLED)]
        unsafe {
            Bound::from_owned_ptr_or_opt(py, ffi::PyCell_Get(self.cell.as_ptr()))
        }
    }

    /// Replaces the content. The old one's destructor may run here: hold no lock.
    pub(crate) fn set(&self, content: &Bound<'_, PyAny>) {
        // SAFETY: `cell` is a cell and `content` a live object, to which the cell takes a
        // reference of its own. It can only fail for something that is not a cell.
        unsafe { ffi::PyCell_Set(self.cell.as_ptr(), content.as_ptr()) };
    }

    /// Empties the cell. The old content's destructor may run here: hold no lock.
    pub(crate) fn empty(&self, _py: Python<'_>) {
        // SAFETY: as for `set`; null empties a cell.
        unsafe { ffi::PyCell_Set(self.cell.as_ptr(), std::ptr::null_mut()) };
    }

    /// The cell itself, to stand in a closure.
    pub(crate) fn cell<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.cell.bind(py)
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.cell)
    }
}
