//! A subscription's policy at work: the core's regulator, with the Python objects that it needs.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use buswork::policy::{Next, Refusal, Regulator, Trial, WhenFull};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::background::Background;
use crate::calling::Invoke;
use crate::ending;
use crate::exception;
use crate::failure;
use crate::imports;
use crate::policy::Policy;
use crate::settings::StatsKept;
use crate::slot::Slot;
use crate::subscriber::Entry;
use crate::waiting::Waiting;

/// The policy of one subscription, and its state.
pub(crate) struct Policed {
    pub(crate) regulator: Arc<Regulator>,
    /// A `Policy`; none where there are only figures.
    policy: Option<Slot>,
    /// Whether there is no policy, or one that says nothing.
    pub(crate) is_figures_alone: bool,
    /// Those who wait for a slot on an event loop.
    waiting: Mutex<Waiting>,
    /// Where posted deliveries rest.
    background: Weak<Background>,
}

/// What became of an attempt that failed.
pub(crate) enum Failed {
    /// There is another one, after a wait.
    Again(Duration),
    Finally,
}

impl Policed {
    pub(crate) fn new(
        policy: Option<&Bound<'_, Policy>>,
        kept: StatsKept,
        background: &Arc<Background>,
    ) -> PyResult<Self> {
        let core = policy.map_or_else(Default::default, |policy| policy.get().core.clone());
        let policy = policy.map(|policy| Slot::new(policy.as_any()));
        let is_figures_alone = core.is_empty();
        let regulator = Regulator::new(core);
        if kept == StatsKept::Latency {
            regulator.figures().measure_latency();
        }
        Ok(Self {
            regulator: Arc::new(regulator),
            policy: policy.transpose()?,
            is_figures_alone,
            waiting: Mutex::default(),
            background: Arc::downgrade(background),
        })
    }

    pub(crate) fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the deliveries in progress and those that wait, in a forked child.
    pub(crate) fn forget_those_in_progress(&self) {
        self.regulator.forget_those_in_progress();
        let waiting = std::mem::take(&mut *self.waiting());
        drop(waiting);
    }

    /// Ends the waits of a subscription that has ended, which is known by its number: nobody shall wait for
    /// the pause of its breaker, or for a backoff.
    pub(crate) fn rouse(&self, py: Python<'_>, sequence: u64) {
        if self.is_figures_alone {
            return;
        }
        if let Some(background) = self.background.upgrade() {
            background.rouse(py, sequence);
        }
        self.wake_all(py);
    }

    /// Whether it is asked before and after each call, and not only told of the end.
    pub(crate) fn is_asked(&self) -> bool {
        !self.is_figures_alone || self.regulator.figures().measures_latency()
    }

    /// The policy; `None` where there are only figures, or when the subscription has ended.
    pub(crate) fn policy<'py>(&self, py: Python<'py>) -> Option<Bound<'py, Policy>> {
        let policy = self.policy.as_ref()?.get(py)?;
        policy.cast_into::<Policy>().ok()
    }

    /// Notes a failed attempt, and says what follows. The policy is taken before the first call, which may
    /// end the subscription. An error of this goes straight through.
    pub(crate) fn failed(
        &self,
        py: Python<'_>,
        policy: Option<&Py<Policy>>,
        trial: &mut Trial,
        name: &str,
        error: &PyErr,
        now: Duration,
    ) -> PyResult<Failed> {
        let is_worth_retrying = match policy {
            Some(policy) => policy.get().is_worth_retrying(py, error)?,
            None => false,
        };
        Ok(
            match trial.failed(now, is_worth_retrying, fastrand::f64()) {
                // The end of the program waits for no backoff.
                Next::Again { .. } if ending::is_finishing() => Failed::Again(Duration::ZERO),
                Next::Again { after } => Failed::Again(after),
                Next::Final { opens: true } => {
                    self.tell_that_it_opened(py, name, error);
                    Failed::Finally
                }
                _ => Failed::Finally,
            },
        )
    }

    /// The exception of an attempt that took too long, which is counted.
    pub(crate) fn timed_out(&self, py: Python<'_>, name: &str) -> PyErr {
        self.regulator.figures().note_timed_out();
        let timeout = self.regulator.policy().timeout_of_attempt();
        let seconds = timeout.unwrap_or_default().as_secs_f64();
        let message = format!("handler {name} took longer than its policy allows, {seconds} s");
        exception::of_class(imports::handler_timeout(py), &message)
    }

    /// Logs that the breaker was opened.
    pub(crate) fn tell_that_it_opened(&self, py: Python<'_>, name: &str, error: &PyErr) {
        let Some(breaker) = self.regulator.policy().circuit_breaker() else {
            return;
        };
        let class = imports::class_name(&error.get_type(py));
        let line = format!(
            "the breaker of handler {name} is open ({breaker}), the last failure was {class}"
        );
        if let Err(error) = failure::log_line(py, "warning", &line) {
            exception::defer(py, error);
        }
    }

    pub(crate) fn empty(&self, py: Python<'_>) {
        if let Some(policy) = &self.policy {
            policy.empty(py);
        }
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.policy {
            Some(policy) => policy.visit(visit),
            None => Ok(()),
        }
    }
}

/// Counts a delivery of the async bus that has ended, of a handler with figures alone: others count by
/// their trials.
#[inline]
pub(crate) fn count(entry: &Entry, has_failed: bool, started: Option<Instant>) {
    let Some(policed) = entry.handler().policed.as_ref() else {
        return;
    };
    if !policed.is_figures_alone {
        return;
    }
    let figures = policed.regulator.figures();
    if has_failed {
        figures.note_failed();
    } else {
        figures.note_delivered();
    }
    if let Some(started) = started {
        figures.note_elapsed(started.elapsed());
    }
}

/// What a delivery that must not wait gets for an answer when it is refused.
pub(crate) enum Answer {
    Fails(PyErr),
    /// It is dropped, as the limit says.
    Dropped,
}

/// Refuses a delivery of a handler called `name` for good, and counts it.
#[cold]
pub(crate) fn refuse(
    py: Python<'_>,
    regulator: &Regulator,
    name: &str,
    refusal: Refusal,
    now: Duration,
) -> Answer {
    let limit = regulator.policy().concurrency();
    if let (Refusal::Full, Some(limit)) = (refusal, limit)
        && limit.overflow() != WhenFull::Raise
    {
        regulator.figures().note_dropped();
        return Answer::Dropped;
    }
    regulator.figures().note_failed();
    Answer::Fails(match refusal {
        Refusal::Full => {
            let limit = limit.map_or_else(String::new, ToString::to_string);
            let message = format!(
                "{name} has as many deliveries as its limit lets through ({limit}): raise it, or choose an overflow that drops"
            );
            exception::of_class(imports::limit_full(py), &message)
        }
        Refusal::Open { until } => {
            let left = until.saturating_sub(now).as_secs_f64();
            let message = format!("the breaker of {name} is open for another {left:.3} s");
            exception::of_class(imports::breaker_open(py), &message)
        }
        _ => {
            let message =
                format!("the breaker of {name} is half open, and its one probe is in progress");
            exception::of_class(imports::breaker_open(py), &message)
        }
    })
}

/// The time for a regulator of the sync bus; only a breaker wants to know it.
#[inline]
pub(crate) fn time_for(regulator: &Regulator) -> Duration {
    match regulator.policy().circuit_breaker() {
        Some(_) => now(),
        None => Duration::ZERO,
    }
}

/// The time on the sync bus: since the first time that somebody asked.
pub(crate) fn now() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// The time on the async bus: that of the running loop, else the one that loops have by default.
pub(crate) fn loop_time(py: Python<'_>) -> PyResult<Duration> {
    let seconds = match imports::running_loop(py)? {
        Some(running) => running.invoke_method0(pyo3::intern!(py, "time"))?,
        None => imports::monotonic(py)?.invoke0()?,
    };
    Ok(moment(seconds.extract()?))
}

/// A moment that was given in seconds.
pub(crate) fn moment(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
