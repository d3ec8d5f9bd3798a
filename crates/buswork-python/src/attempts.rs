//! One delivery of the sync bus to a handler that has a policy, attempt by attempt.

use std::sync::Arc;
use std::time::{Duration, Instant};

use buswork::SkipReason;
use buswork::backlog::Ticket;
use buswork::policy::{Refusal, Trial};
use buswork::trace::{Dispatch, Outcome};
use pyo3::prelude::*;

use crate::admission::{Delivered, ask_first, claim};
use crate::awaitable::refuse_awaitable;
use crate::background::Background;
use crate::bus::Bus;
use crate::calling::call_for_result;
use crate::cause;
use crate::deadline::Deadline;
use crate::exception;
use crate::failure::{Fault, Kept};
use crate::policed::{Answer, Failed, Policed, now, refuse, time_for};
use crate::policy::Policy;
use crate::posted::Posted;
use crate::subscriber::Entry;
use crate::tracing;

/// What traces say of an attempt that took too long.
const TIMED_OUT: &str = "HandlerTimeout";

/// A delivery that is to be tried again, and after how long.
pub(crate) struct Again {
    pub(crate) trial: Trial,
    pub(crate) policy: Option<Py<Policy>>,
    pub(crate) after: Duration,
    /// Whether nobody has asked yet if it is to be tried again: it took too long.
    pub(crate) is_undecided: bool,
}

/// How an attempt went.
pub(crate) enum Tried<'py> {
    /// The delivery has ended: with a result, skipped, or failed.
    Ended(Delivered<'py>),
    /// It may not begin now. Nothing was asked that cannot be asked again.
    Refused(Refusal),
    /// It has ended, but too late: its delivery was ended before. With the error, if it has failed.
    Late(Option<PyErr>),
}

/// A delivery whose attempts are ended from outside when they take too long.
#[derive(Clone, Copy)]
pub(crate) struct Posting<'a> {
    pub(crate) background: &'a Arc<Background>,
    pub(crate) ticket: Ticket,
    pub(crate) posted: &'a Posted,
}

/// A delivery to a handler with a policy, and those who are told of it.
pub(crate) struct Attempts<'a> {
    bus: &'a Bus,
    entry: &'a Arc<Entry>,
    policed: &'a Policed,
    /// What the traces are told of, if there are any.
    dispatch: Option<&'a Arc<Dispatch>>,
    /// The delivery, if it is a posted one on a worker thread.
    posting: Option<Posting<'a>>,
}

impl<'a> Attempts<'a> {
    /// The attempts of a delivery, if its handler has a policy.
    #[inline]
    pub(crate) fn of(
        bus: &'a Bus,
        entry: &'a Arc<Entry>,
        dispatch: Option<&'a Arc<Dispatch>>,
    ) -> Option<Self> {
        let policed = entry.handler().policed.as_deref()?;
        Some(Self {
            bus,
            entry,
            policed,
            dispatch,
            posting: None,
        })
    }

    /// The same, of a posted delivery.
    pub(crate) fn posted(self, posting: Posting<'a>) -> Self {
        Self {
            posting: Some(posting),
            ..self
        }
    }

    /// The first attempt of a delivery that must not wait: a refusal is its end.
    pub(crate) fn first_or_never<'py>(&self, event: &Bound<'py, PyAny>) -> Delivered<'py> {
        match self.first(event) {
            Tried::Ended(delivered) => delivered,
            Tried::Refused(refusal) => self.refused(event.py(), refusal),
            Tried::Late(_) => Ok(Err(SkipReason::Cancelled)),
        }
    }

    /// The first attempt. A fault that comes of it may have to be tried [again](Self::again).
    pub(crate) fn first<'py>(&self, event: &Bound<'py, PyAny>) -> Tried<'py> {
        let py = event.py();
        let kept = Kept::of(py, self.entry);
        let handler = match ask_first(self.entry, event) {
            Ok(Ok(handler)) => handler,
            Ok(Err(reason)) => return self.skipped(py, reason),
            Err(error) => {
                self.policed.regulator.figures().note_failed();
                return Tried::Ended(Err(kept.fault(error)));
            }
        };
        let trial = match self
            .policed
            .regulator
            .begin(time_for(&self.policed.regulator))
        {
            Ok(trial) => trial,
            Err(refusal) => return Tried::Refused(refusal),
        };
        // Taken before `once` ends the subscription.
        let policy = self.policed.policy(py).map(Bound::unbind);
        if let Err(reason) = claim(py, self.bus, self.entry) {
            return self.skipped(py, reason);
        }
        self.attempt(event, trial, policy, &handler, kept)
    }

    /// Another attempt, of a delivery that has failed with this.
    pub(crate) fn again<'py>(
        &self,
        event: &Bound<'py, PyAny>,
        again: Again,
        fault: Fault<'py>,
    ) -> Tried<'py> {
        let is_live = self.entry.is_once() || self.entry.check().is_ok();
        let Some(handler) = fault.handler.clone().filter(|_| is_live) else {
            // It was cancelled or paused meanwhile. The failure stands.
            give_up(again);
            return Tried::Ended(Err(fault));
        };
        let Again {
            trial,
            policy,
            is_undecided,
            ..
        } = again;
        if is_undecided {
            let (error, kept) = fault.into_error_and_kept();
            return Tried::Ended(Err(self.decide(event.py(), trial, policy, kept, error)));
        }
        self.attempt(event, trial, policy, &handler, fault.into_kept())
    }

    /// The end of a delivery that was refused and must not wait.
    pub(crate) fn refused<'py>(&self, py: Python<'py>, refusal: Refusal) -> Delivered<'py> {
        let subscriber = self.entry.handler();
        let regulator = &self.policed.regulator;
        match refuse(py, regulator, &subscriber.name, refusal, now()) {
            Answer::Dropped => {
                tracing::skip(py, self.dispatch, self.entry, SkipReason::Limit);
                Ok(Err(SkipReason::Limit))
            }
            Answer::Fails(error) => Err(Kept::of(py, self.entry).fault(error)),
        }
    }

    fn skipped<'py>(&self, py: Python<'py>, reason: SkipReason) -> Tried<'py> {
        self.policed.regulator.figures().note_skipped();
        tracing::skip(py, self.dispatch, self.entry, reason);
        Tried::Ended(Ok(Err(reason)))
    }

    fn attempt<'py>(
        &self,
        event: &Bound<'py, PyAny>,
        trial: Trial,
        policy: Option<Py<Policy>>,
        handler: &Bound<'py, PyAny>,
        mut kept: Kept<'py>,
    ) -> Tried<'py> {
        let py = event.py();
        kept.handler = Some(handler.clone());
        let watched = match self.watch(py, trial, policy.as_ref(), &kept) {
            Ok(watched) => watched,
            Err(error) => return Tried::Ended(Err(kept.fault(error))),
        };
        let (called, trial) = self.call(handler, event, watched);
        let Some(trial) = trial else {
            return Tried::Late(called.err());
        };
        let error = match called {
            Ok(result) => {
                trial.succeeded();
                return Tried::Ended(Ok(Ok(result)));
            }
            Err(error) => error,
        };
        if !exception::is_isolated(py, &error) {
            return Tried::Ended(Err(kept.fault(error)));
        }
        kept.note_attempt(py, &error);
        Tried::Ended(Err(self.decide(py, trial, policy, kept, error)))
    }

    /// What follows from a failed attempt: the fault says whether there is another one.
    fn decide<'py>(
        &self,
        py: Python<'py>,
        mut trial: Trial,
        policy: Option<Py<Policy>>,
        kept: Kept<'py>,
        error: PyErr,
    ) -> Fault<'py> {
        let name = &self.entry.handler().name;
        let now = time_for(&self.policed.regulator);
        let next = self
            .policed
            .failed(py, policy.as_ref(), &mut trial, name, &error, now);
        match next {
            Ok(Failed::Finally) => kept.fault(error),
            Ok(Failed::Again(after)) => {
                let mut fault = kept.fault(error);
                fault.again = Some(Box::new(Again {
                    trial,
                    policy,
                    after,
                    is_undecided: false,
                }));
                fault
            }
            Err(straight) => kept.fault(straight),
        }
    }

    /// Has an attempt watched, if it may not take longer than so long.
    fn watch<'py>(
        &self,
        py: Python<'py>,
        trial: Trial,
        policy: Option<&Py<Policy>>,
        kept: &Kept<'_>,
    ) -> PyResult<Watched<'py>> {
        let timeout = self.policed.regulator.policy().timeout_of_attempt();
        let (Some(timeout), Some(posting)) = (timeout, self.posting) else {
            return Ok(Watched::Not(trial));
        };
        let policy = policy.map(|policy| policy.clone_ref(py));
        Deadline::begin(py, &posting, trial, policy, kept, timeout.as_secs_f64()).map(Watched::By)
    }

    /// Calls the handler, and tells the traces and the figures. There is no trial any more if that took too
    /// long.
    fn call<'py>(
        &self,
        handler: &Bound<'py, PyAny>,
        event: &Bound<'py, PyAny>,
        watched: Watched<'_>,
    ) -> (PyResult<Bound<'py, PyAny>>, Option<Trial>) {
        let figures = self.policed.regulator.figures();
        if !figures.measures_latency() {
            return self.call_traced(handler, event, watched);
        }
        let started = Instant::now();
        let called = self.call_traced(handler, event, watched);
        figures.note_elapsed(started.elapsed());
        called
    }

    fn call_traced<'py>(
        &self,
        handler: &Bound<'py, PyAny>,
        event: &Bound<'py, PyAny>,
        watched: Watched<'_>,
    ) -> (PyResult<Bound<'py, PyAny>>, Option<Trial>) {
        let py = event.py();
        let Some(dispatch) = self.dispatch else {
            let called = call_to_the_end(handler, event);
            return (called, watched.end());
        };
        let mut progress = tracing::progress(py, dispatch, self.entry);
        let called = cause::enter(py, progress.cause()).and_then(|inside| {
            let called = call_to_the_end(handler, event);
            drop(inside);
            called
        });
        let trial = watched.end();
        progress.end(match &called {
            _ if trial.is_none() => Outcome::Failed(TIMED_OUT.into()),
            Ok(_) => Outcome::Ok,
            Err(error) => tracing::failed(py, error),
        });
        (called, trial)
    }
}

/// An attempt's trial, or who has it.
enum Watched<'py> {
    Not(Trial),
    By(Bound<'py, Deadline>),
}

impl Watched<'_> {
    /// The attempt is over. Gives its trial back, if that is in time.
    fn end(self) -> Option<Trial> {
        match self {
            Self::Not(trial) => Some(trial),
            Self::By(deadline) => deadline.get().end(),
        }
    }
}

/// Ends a delivery that was to be tried again as failed.
pub(crate) fn give_up(mut again: Again) {
    again.trial.fail(now());
}

fn call_to_the_end<'py>(
    handler: &Bound<'py, PyAny>,
    event: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let result = call_for_result(handler, event)?;
    refuse_awaitable(&result, "handler")?;
    Ok(result)
}
