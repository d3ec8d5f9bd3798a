//! The functions of ten while a publish runs: see [`crate::plan`] for why there are any.

use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::awaitable::refuse_awaitable;
use crate::bus::Bus;
use crate::calling::{Called, call};
use crate::exception;
use crate::failure::Fault;
use crate::plan::{TEN, Ten};
use crate::publish::{Failed, Publishing, Walked, singly};
use crate::routing::TypeKey;
use crate::subscriber::Plan;

/// Runs a plan that has functions of ten, up to the first failure. The outer error goes straight
/// through.
#[inline(never)]
pub(crate) fn walk_tens<'py>(
    publishing: &Publishing<'_>,
    plan: &Plan,
    class: &Bound<'py, PyType>,
    event: &Bound<'py, PyAny>,
) -> PyResult<Walked<'py>> {
    let mut next = 0;
    for ten in &plan.extra().tens {
        if let Err(failed) = singly(publishing, plan, next..ten.start, event)? {
            return Ok(Err(failed));
        }
        next = match call(ten.function.bind(event.py()), event) {
            Called::Nothing => ten.start + TEN,
            called => match ended(publishing.bus, plan, class, ten, called, event)? {
                Ok(behind) => behind,
                Err(failed) => return Ok(Err(failed)),
            },
        };
        publishing.verdict(event.py())?;
    }
    singly(publishing, plan, next..plan.entries().len(), event)
}

/// A function of ten has ended before its last handler: where the walk goes on, or the failure that
/// it met. An error from outside the calls (the stack was full, a signal handler raised) goes
/// straight through, as the error of this.
#[cold]
fn ended<'py>(
    bus: &Bus,
    plan: &Plan,
    class: &Bound<'_, PyType>,
    ten: &Ten,
    called: Called<'py>,
    event: &Bound<'py, PyAny>,
) -> PyResult<Result<usize, Box<Failed<'py>>>> {
    let (place, error) = if let Called::Result(result) = called {
        let (place, result): (usize, Bound<'py, PyAny>) = result.extract()?;
        (place, refuse_awaitable(&result, "handler").err())
    } else {
        let error = PyErr::fetch(event.py());
        match raised_at(ten, event.py(), &error) {
            Ok(Some(place)) => (place, Some(error)),
            Ok(None) | Err(_) => return Err(error),
        }
    };
    let index = ten.start + place;
    let Some(error) = error else {
        separate(bus, plan, class, index);
        return Ok(Ok(index + 1));
    };
    let fault = Fault::of(error);
    Ok(Err(Box::new(Failed { index, fault })))
}

/// Which of the ten raised. Their function has three lines for each, so its traceback says; its own
/// frame is taken out of the traceback then.
fn raised_at(ten: &Ten, py: Python<'_>, error: &PyErr) -> PyResult<Option<usize>> {
    let Some(traceback) = error.traceback(py) else {
        return Ok(None);
    };
    let code = ten
        .function
        .bind(py)
        .getattr(pyo3::intern!(py, "__code__"))?;
    let frame = traceback.getattr(pyo3::intern!(py, "tb_frame"))?;
    if !frame.getattr(pyo3::intern!(py, "f_code"))?.is(&code) {
        return Ok(None);
    }
    let first: usize = code
        .getattr(pyo3::intern!(py, "co_firstlineno"))?
        .extract()?;
    let line: usize = traceback
        .getattr(pyo3::intern!(py, "tb_lineno"))?
        .extract()?;
    let place = line.checked_sub(first + 1).map(|below| below / 3);
    // Behind the last one there is a line too, where a debugger or a tracer may raise.
    let Some(place) = place.filter(|&place| place < TEN) else {
        return Ok(None);
    };
    let inner = traceback.getattr(pyo3::intern!(py, "tb_next"))?;
    exception::set_traceback(py, error, &inner);
    Ok(Some(place))
}

/// A handler that returns something is called by itself from now on: a function of ten ends there,
/// and could not say more of those behind it.
#[cold]
fn separate(bus: &Bus, plan: &Plan, class: &Bound<'_, PyType>, index: usize) {
    plan.entries()[index].handler().note_result();
    drop(bus.table().evict(&TypeKey::of(class)));
}
