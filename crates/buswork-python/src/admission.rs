//! What is asked before a guarded handler is called: liveness, the predicate, `once`.

use std::sync::Arc;

use buswork::SkipReason;
use pyo3::prelude::*;

use crate::attempts::Attempts;
use crate::awaitable::refuse_awaitable;
use crate::bus::Bus;
use crate::calling::call_for_result;
use crate::collection;
use crate::failure::{Fault, Kept};
use crate::subscriber::Entry;

/// How a delivery has ended: with a result, skipped, or failed.
pub(crate) type Delivered<'py> = Result<Result<Bound<'py, PyAny>, SkipReason>, Fault<'py>>;

/// One delivery to an entry of which something is asked first: its result, or why it was skipped. A
/// fault may have to be tried again ([`crate::rounds`]).
#[inline(never)]
pub(crate) fn deliver_guarded<'py>(
    bus: &Bus,
    entry: &Arc<Entry>,
    event: &Bound<'py, PyAny>,
) -> Delivered<'py> {
    let py = event.py();
    if let Some(attempts) = Attempts::of(bus, entry, None) {
        return attempts.first_or_never(event);
    }
    // Kept for a failure: the call may end the subscription, and `once` has ended it before.
    let kept = Kept::of(py, entry);
    let delivered = || {
        let handler = match admit(bus, entry, event)? {
            Ok(handler) => handler,
            Err(reason) => return Ok(Err(reason)),
        };
        let result = call_for_result(&handler, event)?;
        refuse_awaitable(&result, "handler")?;
        Ok(Ok(result))
    };
    delivered().map_err(|error| kept.fault(error))
}

/// Asks whether a guarded or paused entry may be called now, and for its handler. An error is the
/// predicate's.
pub(crate) fn admit<'py>(
    bus: &Bus,
    entry: &Arc<Entry>,
    event: &Bound<'py, PyAny>,
) -> PyResult<Result<Bound<'py, PyAny>, SkipReason>> {
    let handler = match ask_first(entry, event)? {
        Ok(handler) => handler,
        Err(reason) => return Ok(Err(reason)),
    };
    Ok(claim(event.py(), bus, entry).map(|()| handler))
}

/// Asks whatever can be asked again: whether the entry is live, and its predicate. Returns its handler.
pub(crate) fn ask_first<'py>(
    entry: &Entry,
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
    Ok(Ok(handler))
}

/// Claims the right to a call. `once` is spent by a call, not by a skip, so this comes last; and it is
/// spent before the call.
pub(crate) fn claim(py: Python<'_>, bus: &Bus, entry: &Arc<Entry>) -> Result<(), SkipReason> {
    entry.claim()?;
    if entry.is_once() {
        collection::end(py, bus.table(), entry);
    }
    Ok(())
}

/// What a predicate says. A coroutine would always be true.
fn ask(when: &Bound<'_, PyAny>, event: &Bound<'_, PyAny>) -> PyResult<bool> {
    let answer = call_for_result(when, event)?;
    refuse_awaitable(&answer, "predicate")?;
    answer.is_truthy()
}
