//! A handler's policy on the buses for Rust: whose deliveries it regulates, and what is done when it
//! refuses one.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::entry::Entry;
use crate::failure::Failure;
use crate::policy::{Next, Policy, Refusal, Regulator, Trial, WhenFull};

/// Says of an error whether the delivery is worth another attempt.
pub(crate) type RetryIf = Arc<dyn Fn(&Failure) -> bool + Send + Sync>;

/// The policy of one subscription, and its state.
pub(crate) struct Policed {
    pub(crate) regulator: Arc<Regulator>,
    pub(crate) retry_if: Option<RetryIf>,
}

impl Policed {
    pub(crate) fn new(policy: Policy, retry_if: Option<RetryIf>) -> Arc<Self> {
        let regulator = Arc::new(Regulator::new(policy));
        Arc::new(Self {
            regulator,
            retry_if,
        })
    }

    /// Notes a failed attempt, and logs it if that has opened the breaker. The predicate is the user's,
    /// and may panic.
    pub(crate) fn failed(&self, trial: &mut Trial, failure: &Failure) -> Next {
        let is_worth_retrying = self.retry_if.as_ref().is_none_or(|asked| asked(failure));
        let next = trial.failed(now(), is_worth_retrying, fastrand::f64());
        if next == (Next::Final { opens: true })
            && let Some(breaker) = self.regulator.policy().circuit_breaker()
        {
            let name = failure.name();
            log::warn!(
                "the breaker of handler {name} is open ({breaker}): {}",
                failure.error()
            );
        }
        next
    }

    /// The end of a delivery that was refused, and must not wait: `None` if the limit drops it.
    pub(crate) fn refuse(&self, refusal: Refusal) -> Option<Refused> {
        let limit = self.regulator.policy().concurrency();
        let drops = limit.is_some_and(|limit| limit.overflow() != WhenFull::Raise);
        if refusal == Refusal::Full && drops {
            self.regulator.figures().note_dropped();
            return None;
        }
        self.regulator.figures().note_failed();
        Some(Refused { refusal })
    }
}

/// Whether a delivery that has failed may be tried again, as far as its subscription is concerned. A
/// `once` is spent by then, and counts for all attempts.
pub(crate) fn may_try_again<K, H>(entry: &Entry<K, H>) -> bool {
    entry.is_once() || entry.check().is_ok()
}

/// The time on the buses for Rust: since the first time that somebody asked.
pub(crate) fn now() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// Why a handler was not called: the error of a [`Failure`](crate::Failure), to be found by
/// `failure.error().downcast_ref::<Refused>()`.
///
/// # Examples
/// ```
/// use buswork::policy::{Breaker, Policy, Refused};
/// use buswork::EventBus;
///
/// struct OrderPlaced;
///
/// let bus = EventBus::new();
/// bus.on::<OrderPlaced>()
///     .policy(Policy::new().breaker(Breaker::new(1)))
///     .subscribe(|_: &OrderPlaced| Err("the mail server is down"));
/// bus.publish(&OrderPlaced).unwrap_err();
/// let error = bus.publish(&OrderPlaced).unwrap_err();
/// let refused = error.failures()[0].error().downcast_ref::<Refused>();
/// assert!(refused.unwrap().is_breaker_open());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    refusal: Refusal,
}

impl Refused {
    /// Whether its breaker is open, or half open with its one probe in progress.
    pub fn is_breaker_open(&self) -> bool {
        !self.is_limit_full()
    }

    /// Whether its limit has no room.
    pub fn is_limit_full(&self) -> bool {
        self.refusal == Refusal::Full
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.refusal {
            Refusal::Full => formatter.write_str(
                "it has as many deliveries as its limit lets through: raise it, or have it drop",
            ),
            Refusal::Open { until } => {
                let left = until.saturating_sub(now());
                write!(formatter, "its breaker is open for another {left:.3?}")
            }
            Refusal::Probing => {
                formatter.write_str("its breaker is half open, and its one probe is in progress")
            }
        }
    }
}

impl StdError for Refused {}
