//! A handler's policy on the buses for Rust: whose deliveries it regulates, and what is done when it
//! refuses one.

use std::error::Error as StdError;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::async_bus::Turns;
use crate::entry::Entry;
use crate::failure::Panicked;
use crate::policy::{Next, Policy, Refusal, Regulator, Trial, WhenFull};

/// Says of an error whether the delivery is worth another attempt.
pub(crate) type RetryIf =
    Arc<dyn Fn(&(dyn StdError + Send + Sync + 'static)) -> bool + Send + Sync>;

/// The policy of one subscription, and its state.
pub(crate) struct Policed {
    pub(crate) regulator: Arc<Regulator>,
    retry_if: Option<RetryIf>,
    /// Those who wait for a slot on the async bus.
    pub(crate) turns: Mutex<Turns>,
    /// Wakes those who rest on the async bus, when its subscription has ended.
    #[cfg(feature = "tokio")]
    pub(crate) ended: tokio::sync::Notify,
}

impl Policed {
    pub(crate) fn new(policy: Policy, retry_if: Option<RetryIf>) -> Arc<Self> {
        let regulator = Arc::new(Regulator::new(policy));
        Arc::new(Self {
            regulator,
            retry_if,
            turns: Mutex::default(),
            #[cfg(feature = "tokio")]
            ended: tokio::sync::Notify::new(),
        })
    }

    /// Notes a failed attempt, and logs it if that has opened the breaker.
    pub(crate) fn failed(
        &self,
        trial: &mut Trial,
        name: &str,
        error: &(dyn StdError + Send + Sync + 'static),
        now: Duration,
    ) -> Next {
        let is_worth_retrying = self.is_worth_retrying(error);
        let next = trial.failed(now, is_worth_retrying, fastrand::f64());
        if next == (Next::Final { opens: true })
            && let Some(breaker) = self.regulator.policy().circuit_breaker()
        {
            log::warn!("the breaker of handler {name} is open ({breaker}): {error}");
        }
        next
    }

    /// What the user's predicate says, which may panic.
    fn is_worth_retrying(&self, error: &(dyn StdError + Send + Sync + 'static)) -> bool {
        let Some(asked) = &self.retry_if else {
            return true;
        };
        catch_unwind(AssertUnwindSafe(|| asked(error))).unwrap_or_else(|payload| {
            let panicked = Panicked::new(&*payload);
            log::error!("retry_if {panicked}, so there is no other attempt");
            false
        })
    }

    /// The end of a delivery that was refused, and must not wait: `None` if the limit drops it.
    pub(crate) fn refuse(&self, refusal: Refusal, now: Duration) -> Option<Refused> {
        let limit = self.regulator.policy().concurrency();
        let drops = limit.is_some_and(|limit| limit.overflow() != WhenFull::Raise);
        if refusal == Refusal::Full && drops {
            self.regulator.figures().note_dropped();
            return None;
        }
        self.regulator.figures().note_failed();
        Some(Refused {
            reason: match refusal {
                Refusal::Full => Reason::Full,
                Refusal::Open { until } => Reason::Open {
                    left: until.saturating_sub(now),
                },
                Refusal::Probing => Reason::Probing,
            },
        })
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

/// The time on the async bus: that of the runtime, where there is one, since the first time that somebody
/// asked.
#[cfg(feature = "tokio")]
pub(crate) fn time() -> Duration {
    use tokio::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

#[cfg(not(feature = "tokio"))]
pub(crate) use self::now as time;

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
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Full,
    /// For so long, when it was refused.
    Open {
        left: Duration,
    },
    Probing,
}

impl Refused {
    /// Whether its breaker is open, or half open with its one probe in progress.
    pub fn is_breaker_open(&self) -> bool {
        !self.is_limit_full()
    }

    /// Whether its limit has no room.
    pub fn is_limit_full(&self) -> bool {
        self.reason == Reason::Full
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Reason::Full => formatter.write_str(
                "it has as many deliveries as its limit lets through: raise it, or have it drop",
            ),
            Reason::Open { left } => {
                write!(formatter, "its breaker is open for another {left:.3?}")
            }
            Reason::Probing => {
                formatter.write_str("its breaker is half open, and its one probe is in progress")
            }
        }
    }
}

impl StdError for Refused {}
