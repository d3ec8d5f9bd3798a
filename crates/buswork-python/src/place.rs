//! Where an event was published or posted, kept as little as possible: it is told of failures only.
#![expect(unsafe_code, reason = "frames have no safe binding")]

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyCode;

use crate::calling::Invoke;
use crate::imports;

/// What is known of a publish besides its event.
#[derive(Clone, Copy, Default)]
pub(crate) struct Origin<'a> {
    pub(crate) topic: Option<&'a str>,
    /// Where it was made, if that is not where the running code is.
    pub(crate) place: Option<&'a Place>,
}

/// A place in Python code: the code, and the instruction in it.
pub(crate) struct Place {
    code: Py<PyCode>,
    instruction: i32,
}

impl Place {
    /// Where the running Python code is; `None` when none runs on this thread.
    #[inline]
    pub(crate) fn here(py: Python<'_>) -> Option<Self> {
        // SAFETY: the thread is attached. The frame is borrowed and runs, so it lives; its code is
        // a new reference.
        let (code, instruction) = unsafe {
            let frame = ffi::PyEval_GetFrame();
            if frame.is_null() {
                return None;
            }
            let code = ffi::PyFrame_GetCode(frame).cast::<ffi::PyObject>();
            (
                Bound::from_owned_ptr(py, code),
                ffi::PyFrame_GetLasti(frame),
            )
        };
        Some(Self {
            code: code.cast_into::<PyCode>().ok()?.unbind(),
            instruction,
        })
    }

    /// A place that is known.
    pub(crate) fn new(code: &Bound<'_, PyCode>, instruction: usize) -> Self {
        Self {
            code: code.clone().unbind(),
            instruction: i32::try_from(instruction).unwrap_or(-1),
        }
    }

    pub(crate) fn code<'py>(&self, py: Python<'py>) -> &Bound<'py, PyCode> {
        self.code.bind(py)
    }

    pub(crate) fn instruction(&self) -> i32 {
        self.instruction
    }

    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        Self {
            code: self.code.clone_ref(py),
            instruction: self.instruction,
        }
    }

    /// The place as `file:line`. `None` within a function of ten: whoever posted is behind it.
    pub(crate) fn text(&self, py: Python<'_>) -> Option<String> {
        let file = self.code.bind(py).getattr("co_filename").ok()?;
        if file.eq(imports::ten_file(py).ok()?).ok()? {
            return None;
        }
        let place = imports::place(py).ok()?;
        let text = place.invoke1((&self.code, self.instruction)).ok()?;
        text.extract().ok()
    }
}
