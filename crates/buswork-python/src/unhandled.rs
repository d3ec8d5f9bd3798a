//! What the user can say about events that nobody is subscribed to.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// What happens to an event that nobody is subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Unhandled {
    #[default]
    Ignore,
    Warn,
    Raise,
}

impl Unhandled {
    pub(crate) fn parse(text: &str) -> PyResult<Self> {
        match text {
            "ignore" => Ok(Self::Ignore),
            "warn" => Ok(Self::Warn),
            "raise" => Ok(Self::Raise),
            _ => Err(PyValueError::new_err(format!(
                "unhandled must be \"ignore\", \"warn\" or \"raise\", got {text:?}"
            ))),
        }
    }
}
