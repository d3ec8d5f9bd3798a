//! One delivery of the async bus to a handler that has a policy: its turn, and its attempts.
//!
//! The first attempt is made here, where the other handlers are started. What waits (for its turn, for
//! the breaker, between two attempts) is a coroutine of Python's (`buswork._policies`), which asks here
//! what to do next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use buswork::SkipReason;
use buswork::policy::{Refusal, Trial};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::admission::admit;
use crate::awaitable;
use crate::bus::Bus;
use crate::calling::{Called, Invoke, call, call_for_result};
use crate::exception;
use crate::failure::FailedAttempt;
use crate::imports;
use crate::policed::{Answer, Failed, Policed, loop_time, moment, refuse};
use crate::policy::Policy;
use crate::subscriber::Entry;

/// A delivery to a handler with a policy.
#[pyclass(frozen, module = "buswork._buswork")]
pub(crate) struct Turn {
    entry: Arc<Entry>,
    is_posted: bool,
    /// Whether it must not wait for time to pass: its loop is ending.
    hurries: bool,
    /// Taken before the first call, which may end the subscription.
    policy: Option<Py<Policy>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    trial: Option<Trial>,
    started: Option<Instant>,
    attempts: Vec<FailedAttempt>,
    is_abandoned: bool,
    /// When it came to those who wait, if it did.
    came: u64,
}

/// Whether nobody waits for a delivery.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum InBackground {
    No,
    Yes,
    /// Its loop is ending, and waits for it.
    OfEndingLoop,
}

/// How a delivery begins.
enum Begin {
    Now,
    /// It waits, as a coroutine.
    Later,
    Dropped,
}

impl Turn {
    /// The turn of a delivery, if its handler has a policy that says anything.
    pub(crate) fn of<'py>(
        py: Python<'py>,
        entry: &Arc<Entry>,
        background: InBackground,
    ) -> PyResult<Option<Bound<'py, Self>>> {
        let policed = entry.handler().policed.as_ref();
        let Some(policed) = policed.filter(|policed| !policed.is_figures_alone) else {
            return Ok(None);
        };
        let turn = Self {
            entry: Arc::clone(entry),
            is_posted: background != InBackground::No,
            hurries: background == InBackground::OfEndingLoop,
            policy: policed.policy(py).map(Bound::unbind),
            state: Mutex::default(),
        };
        Bound::new(py, turn).map(Some)
    }

    /// Makes the first attempt, if that may be now. Returns what the handler returned, or a coroutine of
    /// what is left to do; `None` when the limit drops the delivery.
    pub(crate) fn call<'py>(
        this: &Bound<'py, Self>,
        handler: &Bound<'py, PyAny>,
        event: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (py, turn) = (this.py(), this.get());
        match turn.begin_or_wait(py)? {
            Begin::Now => {}
            Begin::Later => {
                return imports::in_turn(py)?
                    .invoke1((this, handler, event))
                    .map(Some);
            }
            Begin::Dropped => return Ok(None),
        }
        let result = match call(handler, event) {
            Called::Nothing => py.None().into_bound(py),
            Called::Result(result) => result,
            Called::Raised => {
                let error = PyErr::fetch(py);
                let Some(pause) = turn.fail(py, &error)? else {
                    return Err(error);
                };
                return imports::again(py)?
                    .invoke1((this, handler, event, error, pause))
                    .map(Some);
            }
        };
        if awaitable::is_awaitable(&result) {
            return imports::first(py)?
                .invoke1((this, handler, event, result))
                .map(Some);
        }
        turn.succeeded(py);
        Ok(Some(result))
    }

    /// The attempts that have failed.
    pub(crate) fn attempts(&self) -> Vec<FailedAttempt> {
        self.state().attempts.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is one, or there were no turn.
    fn policed(&self) -> Option<&Policed> {
        self.entry.handler().policed.as_deref()
    }

    fn begin_or_wait(&self, py: Python<'_>) -> PyResult<Begin> {
        let Some(policed) = self.policed() else {
            return Ok(Begin::Dropped);
        };
        let regulator = &policed.regulator;
        let now = loop_time(py)?;
        let refusal = match regulator.begin(now) {
            Ok(trial) if policed.waiting().count() == 0 => {
                self.start(trial, policed);
                return Ok(Begin::Now);
            }
            // Whoever waits already is before this one.
            Ok(trial) => {
                drop(trial);
                policed.wake_next(py);
                Refusal::Full
            }
            Err(refusal) => refusal,
        };
        if self.may_wait(refusal) {
            let mut oldest = None;
            let mut waiting = policed.waiting();
            let has_room = self.is_posted || waiting.has_room(policed);
            if !has_room && policed.drops_old() {
                oldest = waiting.take_oldest();
            }
            if has_room || oldest.is_some() {
                self.state().came = waiting.join(self.is_posted);
                drop(waiting);
                if let Some(oldest) = oldest {
                    policed.drop_waiter(py, &oldest);
                }
                return Ok(Begin::Later);
            }
        }
        match refuse(py, regulator, &self.entry.handler().name, refusal, now) {
            Answer::Dropped => Ok(Begin::Dropped),
            Answer::Fails(error) => Err(error),
        }
    }

    /// Whether it waits when it is refused, if there is room.
    fn may_wait(&self, refusal: Refusal) -> bool {
        refusal == Refusal::Full || self.is_posted && !self.hurries
    }

    fn start(&self, trial: Trial, policed: &Policed) {
        let measures = policed.regulator.figures().measures_latency();
        let mut state = self.state();
        state.started = measures.then(Instant::now);
        state.trial = Some(trial);
    }

    /// Notes a failed attempt. Returns after how many seconds to try again, if that is to be done.
    fn fail(&self, py: Python<'_>, error: &PyErr) -> PyResult<Option<f64>> {
        let (Some(policed), Some(mut trial)) = (self.policed(), self.end_attempt()) else {
            return Ok(None);
        };
        let next = self.judge(py, policed, &mut trial, error);
        if let Ok(Some(Failed::Again(after))) = next {
            self.state().trial = Some(trial);
            let after = if self.hurries { Duration::ZERO } else { after };
            return Ok(Some(after.as_secs_f64()));
        }
        drop(trial);
        policed.wake_next(py);
        next.map(|_| None)
    }

    /// What follows from a failed attempt; nothing from an interrupt.
    fn judge(
        &self,
        py: Python<'_>,
        policed: &Policed,
        trial: &mut Trial,
        error: &PyErr,
    ) -> PyResult<Option<Failed>> {
        if !exception::is_isolated(py, error) {
            return Ok(None);
        }
        let attempt = FailedAttempt::new(py, error);
        self.state().attempts.push(attempt);
        let now = loop_time(py)?;
        if self.why_not().is_some() {
            trial.fail(now);
            return Ok(Some(Failed::Finally));
        }
        let name = &self.entry.handler().name;
        let policy = self.policy.as_ref();
        policed
            .failed(py, policy, trial, name, error, now)
            .map(Some)
    }

    /// Counts it as failed, if nobody has: a handler that was cancelled has failed, unless its publisher was.
    pub(crate) fn count_failed(&self) {
        let is_abandoned = std::mem::take(&mut self.state().is_abandoned);
        if let Some(policed) = self.policed().filter(|_| is_abandoned) {
            policed.regulator.figures().note_failed();
        }
    }

    /// Ends it as failed, as it never will by itself.
    pub(crate) fn fail_for_good(&self, py: Python<'_>) {
        self.stop_waiting(py);
        self.abandon(py);
        self.give_up();
        self.count_failed();
    }

    /// Why the handler is not to be called any more, if it was cancelled or paused meanwhile.
    fn why_not(&self) -> Option<SkipReason> {
        if self.entry.is_once() {
            return None;
        }
        let reason = self.entry.check().err()?;
        Some(self.entry.handler().reason(reason))
    }

    /// Ends an attempt, and takes its trial out.
    fn end_attempt(&self) -> Option<Trial> {
        let mut state = self.state();
        let (started, trial) = (state.started.take(), state.trial.take());
        drop(state);
        if let (Some(started), Some(policed)) = (started, self.policed()) {
            policed.regulator.figures().note_elapsed(started.elapsed());
        }
        trial
    }
}

#[pymethods]
impl Turn {
    /// For how many seconds an attempt may run.
    #[getter]
    fn timeout(&self) -> Option<f64> {
        let policy = self.policed()?.regulator.policy();
        Some(policy.timeout_of_attempt()?.as_secs_f64())
    }

    /// Whether the delivery is in the background.
    #[getter]
    fn is_posted(&self) -> bool {
        self.is_posted
    }

    /// Whether it is in progress.
    #[getter]
    fn is_active(&self) -> bool {
        self.state().trial.is_some()
    }

    /// Whether a delivery to the same handler is in progress, for one that is nested in it.
    fn is_held_by(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.entry, &other.entry) && other.state().trial.is_some()
    }

    /// Waits for a slot from now on, `wake` being what wakes. `False` if it was dropped before.
    fn wait(&self, wake: Py<PyAny>, is_new: bool) -> bool {
        let came = self.state().came;
        self.policed()
            .is_some_and(|policed| policed.waiting().wait(came, wake, is_new))
    }

    /// Leaves those who wait, with a slot or without.
    fn stop_waiting(&self, py: Python<'_>) {
        let Some(policed) = self.policed() else {
            return;
        };
        let left = policed.waiting().leave(self.state().came);
        drop(left);
        if policed.regulator.has_slot() {
            policed.wake_next(py);
        }
    }

    /// Rests until its next attempt; `wake` is called if its subscription ends before.
    fn rest(&self, wake: Py<PyAny>) {
        if let Some(policed) = self.policed() {
            policed.waiting().rest(wake);
        }
    }

    /// Rests no more.
    fn stop_resting(&self, wake: &Bound<'_, PyAny>) {
        let left = self
            .policed()
            .and_then(|policed| policed.waiting().stop_resting(wake));
        drop(left);
    }

    /// Was cancelled while it waited.
    fn give_up(&self) {
        self.state().is_abandoned = true;
    }

    /// Tries to begin, at this moment, one that waits or was woken just now. Returns `None` when it has
    /// begun; else for how many seconds to wait for the breaker, or `-1` for whoever wakes.
    fn begin(&self, py: Python<'_>, now: f64, is_woken: bool) -> PyResult<Option<f64>> {
        let Some(policed) = self.policed() else {
            return Ok(None);
        };
        // It is skipped in a moment, and need not wait for that.
        if self.why_not().is_some() {
            let left = policed.waiting().leave(self.state().came);
            drop(left);
            return Ok(None);
        }
        let now = moment(now);
        let mut waiting = policed.waiting();
        let refusal = match policed.regulator.begin(now) {
            Ok(trial) => {
                let came = self.state().came;
                let begins = is_woken || waiting.is_next(came);
                // From here on nobody can drop it.
                let left = begins.then(|| waiting.leave(came));
                drop(waiting);
                if left.is_some() {
                    self.start(trial, policed);
                    return Ok(None);
                }
                // Others came before this one.
                drop(trial);
                policed.wake_next(py);
                return Ok(Some(-1.0));
            }
            Err(refusal) => refusal,
        };
        drop(waiting);
        if self.may_wait(refusal) {
            return Ok(Some(match refusal {
                Refusal::Open { until } => until.saturating_sub(now).as_secs_f64(),
                // The probe, or whoever has the slot, ends sooner or later, and wakes.
                _ => -1.0,
            }));
        }
        let name = &self.entry.handler().name;
        match refuse(py, &policed.regulator, name, refusal, now) {
            Answer::Fails(error) => Err(error),
            Answer::Dropped => Ok(Some(-1.0)),
        }
    }

    /// Begins another attempt; not, and `False`, if the handler was cancelled or paused meanwhile. The
    /// delivery has failed then.
    fn begin_again(&self, py: Python<'_>) -> PyResult<bool> {
        let Some(policed) = self.policed() else {
            return Ok(false);
        };
        if self.why_not().is_none() {
            let measures = policed.regulator.figures().measures_latency();
            self.state().started = measures.then(Instant::now);
            return Ok(true);
        }
        let now = loop_time(py)?;
        if let Some(mut trial) = self.end_attempt() {
            trial.fail(now);
            policed.wake_next(py);
        }
        Ok(false)
    }

    /// Why a delivery whose turn has come is not made, which is counted: its handler was cancelled or
    /// paused while it waited. `None` if it is.
    fn skip(&self, py: Python<'_>) -> Option<&'static str> {
        let reason = self.why_not()?;
        self.abandon(py);
        self.state().is_abandoned = false;
        self.policed()?.regulator.figures().note_skipped();
        Some(reason.as_str())
    }

    /// Notes a failed attempt. Returns after how many seconds to try again, if that is to be done.
    fn failed(&self, error: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
        self.fail(error.py(), &PyErr::from_value(error.clone()))
    }

    /// Notes that the delivery has gone well.
    fn succeeded(&self, py: Python<'_>) {
        if let (Some(policed), Some(trial)) = (self.policed(), self.end_attempt()) {
            trial.succeeded();
            policed.wake_next(py);
        }
    }

    /// Ends it, if it has not ended; nothing is known of it.
    fn abandon(&self, py: Python<'_>) {
        if let (Some(policed), Some(trial)) = (self.policed(), self.end_attempt()) {
            drop(trial);
            self.state().is_abandoned = true;
            policed.wake_next(py);
        }
    }

    /// Counts an attempt that took too long, and makes its exception.
    fn timed_out(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let error = self.policed()?.timed_out(py, &self.entry.handler().name);
        Some(error.into_value(py).into_any())
    }

    /// The exception of a delivery that waits for one that it is nested in.
    fn nested<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(policed) = self.policed() {
            policed.regulator.figures().note_failed();
        }
        self.stop_waiting(py);
        let name = &self.entry.handler().name;
        imports::limit_full(py)?.invoke1((format!(
            "{name} has as many deliveries as its limit lets through, and this one is nested in one of them, which would wait for itself: post the event, or raise the limit"
        ),))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.policy)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // A coroutine that was thrown away before its first step has nobody to end it.
        let (has_begun, came) = {
            let state = self.state();
            (state.trial.is_some(), state.came)
        };
        let waits = self
            .policed()
            .is_some_and(|policed| policed.waiting().is_known(came));
        if has_begun || waits {
            Python::try_attach(|py| {
                self.stop_waiting(py);
                self.abandon(py);
            });
        }
    }
}

/// Starts a delivery, whose turn this is if its handler has a policy: what the handler returned, which
/// may have to be awaited, or why it was not called.
pub(crate) fn deliver<'py>(
    bus: &Bus,
    entry: &Arc<Entry>,
    turn: Option<&Bound<'py, Turn>>,
    event: &Bound<'py, PyAny>,
) -> PyResult<Result<Bound<'py, PyAny>, SkipReason>> {
    let policed = entry.handler().policed.as_deref();
    let handler = match admit(bus, entry, event) {
        Ok(Ok(handler)) => handler,
        Ok(Err(reason)) => {
            if let Some(policed) = policed {
                policed.regulator.figures().note_skipped();
            }
            return Ok(Err(reason));
        }
        Err(error) => {
            if let Some(policed) = policed {
                policed.regulator.figures().note_failed();
            }
            return Err(error);
        }
    };
    match turn {
        None => call_for_result(&handler, event).map(Ok),
        Some(turn) => Ok(Turn::call(turn, &handler, event)?.ok_or(SkipReason::Limit)),
    }
}
