//! Which handler a publish came of: a context variable holds the delivery that runs.
//!
//! The chain that recursion is counted by ([`crate::causal`], and the thread's of the sync bus) will
//! not do: it ends with a publish, and begins anew for each post. What came of what does not end. So
//! the two are kept apart, and this one is for traces alone: while there is none, nobody sets it.

use buswork::trace;
use pyo3::prelude::*;

use crate::context;
use crate::imports;

/// A delivery, as the cause of what its handler publishes.
#[pyclass(frozen, module = "buswork._buswork")]
pub(crate) struct Cause(trace::Cause);

/// The cause of what is published in the current context, if it is known.
pub(crate) fn current(py: Python<'_>) -> PyResult<Option<trace::Cause>> {
    let cause = context::get(imports::cause(py)?)?;
    Ok(cause.and_then(|cause| Some(cause.cast::<Cause>().ok()?.get().0.clone())))
}

/// Makes a delivery the cause of what is published in a context that is not the current one.
pub(crate) fn enter_in(context: &Bound<'_, PyAny>, cause: trace::Cause) -> PyResult<()> {
    let py = context.py();
    let cause = Bound::new(py, Cause(cause))?;
    context::set_in(context, imports::cause(py)?, cause.as_any())
}

/// Makes a delivery the cause of what is published in the current context, and of whatever gets a
/// copy of it, until this is dropped.
pub(crate) fn enter(py: Python<'_>, cause: trace::Cause) -> PyResult<context::Set<'_>> {
    let cause = Bound::new(py, Cause(cause))?;
    context::set(imports::cause(py)?, cause.as_any())
}
