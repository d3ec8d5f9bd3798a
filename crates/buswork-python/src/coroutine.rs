//! One step of a coroutine.

use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;

use crate::calling::{self, Invoke, Sent};

/// What a coroutine is given when it goes on.
pub(crate) enum Given<'py> {
    Nothing,
    Value(Bound<'py, PyAny>),
    Error(Bound<'py, PyAny>),
}

/// Runs a coroutine up to where it waits, or ends.
pub(crate) fn step<'py>(coroutine: &Bound<'py, PyAny>, given: Given<'py>) -> Sent<'py> {
    let py = coroutine.py();
    let error = match given {
        Given::Nothing => return calling::send(coroutine, &py.None().into_bound(py)),
        Given::Value(value) => return calling::send(coroutine, &value),
        Given::Error(error) => error,
    };
    match coroutine.invoke_method1(pyo3::intern!(py, "throw"), (error,)) {
        Ok(yielded) => Sent::Yielded(yielded),
        Err(error) if error.is_instance_of::<PyStopIteration>(py) => {
            match error.value(py).getattr(pyo3::intern!(py, "value")) {
                Ok(result) => Sent::Returned(result),
                Err(error) => Sent::Raised(error),
            }
        }
        Err(error) => Sent::Raised(error),
    }
}
