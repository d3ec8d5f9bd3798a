//! What is asked before a guarded handler is called: liveness, the predicate, `once`.

use std::sync::Arc;

use buswork::SkipReason;
use pyo3::prelude::*;

use crate::awaitable::refuse_awaitable;
use crate::bus::Bus;
use crate::calling::call_for_result;
use crate::collection;
use crate::failure::Fault;
use crate::on_error::OnError;
use crate::subscriber::Entry;

/// One delivery to an entry of which something is asked first: its result, or why it was skipped.
#[inline(never)]
pub(crate) fn deliver_guarded<'py>(
    bus: &Bus,
    entry: &Arc<Entry>,
    event: &Bound<'py, PyAny>,
) -> Result<Result<Bound<'py, PyAny>, SkipReason>, Fault<'py>> {
    let py = event.py();
    let subscriber = entry.handler();
    // Kept for a failure: the call may end the subscription, and `once` has ended it before.
    let handler = subscriber.handler(py);
    let on_error = match &subscriber.on_error {
        Some(OnError::Call(function)) => function.get(py),
        _ => None,
    };
    let delivered = || {
        let handler = match admit(bus, entry, event)? {
            Ok(handler) => handler,
            Err(reason) => return Ok(Err(reason)),
        };
        let result = call_for_result(&handler, event)?;
        refuse_awaitable(&result, "handler")?;
        Ok(Ok(result))
    };
    delivered().map_err(|error| Fault {
        error,
        handler,
        on_error,
    })
}

/// Asks whether a guarded or paused entry may be called now, and for its handler.
///
/// The predicate is asked first, for `once` is spent by a call, not by a skip; and it is spent
/// before the call. An error is the predicate's.
pub(crate) fn admit<'py>(
    bus: &Bus,
    entry: &Arc<Entry>,
    event: &Bound<'py, PyAny>,
) -> PyResult<Result<Bound<'py, PyAny>, SkipReason>> {
    let py = event.py();
    let subscriber = entry.handler();
    if let Err(reason) = entry.check() {
        return Ok(Err(subscriber.reason(reason)));
    }
    let Some(handler) = subscriber.handler(py) else {
        return Ok(Err(if subscriber.weak {
            SkipReason::Gone
        } else {
            SkipReason::Cancelled
        }));
    };
    if let Some(when) = subscriber.when(py)
        && !ask(&when, event)?
    {
        return Ok(Err(SkipReason::When));
    }
    if let Err(reason) = entry.claim() {
        return Ok(Err(reason));
    }
    if entry.is_once() {
        collection::end(py, bus.table(), entry);
    }
    Ok(Ok(handler))
}

/// What a predicate says. A coroutine would always be true.
fn ask(when: &Bound<'_, PyAny>, event: &Bound<'_, PyAny>) -> PyResult<bool> {
    let answer = call_for_result(when, event)?;
    refuse_awaitable(&answer, "predicate")?;
    answer.is_truthy()
}
