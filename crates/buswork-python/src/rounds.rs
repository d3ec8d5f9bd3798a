//! Later rounds of a direct publish: every handler gets its first attempt in order, and what has failed
//! and has attempts left is tried again when all have.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use buswork::trace::Dispatch;
use pyo3::prelude::*;

use crate::admission::Delivered;
use crate::attempts::{Attempts, Tried, give_up};
use crate::bus::Bus;
use crate::exception;
use crate::failure::{self, Fault};
use crate::subscriber::Entry;

const INTERRUPTED: &str = "a handler failed, and its publish was interrupted";

/// The deliveries of a publish that are to be tried again, in call order.
#[derive(Default)]
pub(crate) struct Rounds<'py> {
    waiting: Vec<Waiting<'py>>,
}

struct Waiting<'py> {
    /// Its place in the call order.
    place: usize,
    entry: Arc<Entry>,
    fault: Fault<'py>,
    elapsed: f64,
}

/// The end of a delivery that was tried again.
pub(crate) struct Ended<'a, 'py> {
    /// Its place in the call order.
    pub(crate) place: usize,
    pub(crate) entry: &'a Arc<Entry>,
    pub(crate) delivered: Delivered<'py>,
    /// How many seconds the last attempts took, since the first.
    pub(crate) elapsed: f64,
    /// How many attempts had failed before the last one.
    pub(crate) failed_before: u32,
}

/// Whoever waits still, when something has gone straight through, has failed, and nobody else tells.
impl Drop for Rounds<'_> {
    fn drop(&mut self) {
        for Waiting { mut fault, .. } in std::mem::take(&mut self.waiting) {
            fault.again.take().into_iter().for_each(|it| give_up(*it));
            Python::attach(|py| {
                exception::attach_traceback(py, &fault.error);
                // One interrupt is on its way already.
                let _ = failure::log(py, INTERRUPTED, &fault.error);
            });
        }
    }
}

impl<'py> Rounds<'py> {
    /// Takes a fault that is to be tried again, and gives back any other.
    pub(crate) fn take(
        &mut self,
        place: usize,
        entry: &Arc<Entry>,
        fault: Fault<'py>,
    ) -> Option<Fault<'py>> {
        if fault.again.is_none() {
            return Some(fault);
        }
        let entry = Arc::clone(entry);
        self.waiting.push(Waiting {
            place,
            entry,
            fault,
            elapsed: 0.0,
        });
        None
    }

    /// Tries again what is to be tried again, round by round, until all of it has ended; `ended` is told
    /// of each end, and says whether there is to be another attempt of anything.
    pub(crate) fn run(
        mut self,
        bus: &Bus,
        event: &Bound<'py, PyAny>,
        dispatch: Option<&Arc<Dispatch>>,
        goes_on: ControlFlow<()>,
        mut ended: impl FnMut(Ended<'_, 'py>) -> PyResult<ControlFlow<()>>,
    ) -> PyResult<()> {
        let mut goes_on = goes_on;
        while !self.waiting.is_empty() {
            let mut round = std::mem::take(&mut self.waiting).into_iter();
            while let Some(waiting) = round.next() {
                let Waiting {
                    place,
                    entry,
                    mut fault,
                    elapsed,
                } = waiting;
                let started = Instant::now();
                let again = fault.again.take();
                let failed_before = fault.count();
                let delivered = match (Attempts::of(bus, &entry, dispatch), again) {
                    (Some(attempts), Some(again)) if goes_on.is_continue() => {
                        match attempts.again(event, *again, fault) {
                            Tried::Ended(delivered) => delivered,
                            Tried::Refused(_) | Tried::Late(_) => continue,
                        }
                    }
                    (_, again) => {
                        if let Some(again) = again {
                            give_up(*again);
                        }
                        Err(fault)
                    }
                };
                let elapsed = elapsed + started.elapsed().as_secs_f64();
                let delivered = match delivered {
                    Err(fault) => {
                        let Some(fault) = self.take(place, &entry, fault) else {
                            if let Some(waiting) = self.waiting.last_mut() {
                                waiting.elapsed = elapsed;
                            }
                            continue;
                        };
                        Err(fault)
                    }
                    delivered => delivered,
                };
                let end = Ended {
                    place,
                    entry: &entry,
                    delivered,
                    elapsed,
                    failed_before,
                };
                match ended(end) {
                    Ok(ControlFlow::Continue(())) => {}
                    Ok(ControlFlow::Break(())) => goes_on = ControlFlow::Break(()),
                    Err(straight) => {
                        self.waiting.extend(round);
                        return Err(straight);
                    }
                }
            }
        }
        Ok(())
    }
}
