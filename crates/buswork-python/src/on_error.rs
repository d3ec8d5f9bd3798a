//! What the user can say about failures.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::registration::check_callable;
use crate::slot::Slot;

/// What a handler's failure does.
pub(crate) enum OnError {
    Raise,
    Log,
    Stop,
    Call(Slot),
}

impl OnError {
    pub(crate) fn parse(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(text) = value.extract::<String>() {
            return match text.as_str() {
                "raise" => Ok(Self::Raise),
                "log" => Ok(Self::Log),
                "stop" => Ok(Self::Stop),
                _ => Err(PyValueError::new_err(format!(
                    "on_error must be \"raise\", \"log\", \"stop\" or a callable that takes a Failure, got {text:?}"
                ))),
            };
        }
        if !value.is_callable() {
            return Err(PyTypeError::new_err(format!(
                "on_error must be \"raise\", \"log\", \"stop\" or a callable that takes a Failure, got {}",
                value.get_type().name()?
            )));
        }
        check_callable(value, "on_error")?;
        Slot::new(value).map(Self::Call)
    }

    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Raise => "raise",
            Self::Log => "log",
            Self::Stop => "stop",
            Self::Call(_) => "a callable",
        }
    }

    pub(crate) fn empty(&self, py: Python<'_>) {
        if let Self::Call(slot) = self {
            slot.empty(py);
        }
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Call(slot) => slot.visit(visit),
            Self::Raise | Self::Log | Self::Stop => Ok(()),
        }
    }
}
