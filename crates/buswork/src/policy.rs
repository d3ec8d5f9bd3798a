//! What one delivery may take, and what is done when it fails: retry, timeout, circuit breaker,
//! limit, dead letter.
//!
//! The parts of a [`Policy`] nest in one order, which cannot be got wrong:
//!
//! ```text
//! dead letter ( limit ( breaker ( retry ( timeout ( handler )))))
//! ```
//!
//! A retry is one more attempt within the same slot of the limit. The breaker sees a delivery that was
//! retried and went well as one success, and one that failed to its end as one failure. Only then is
//! there a dead letter.
//!
//! A [`Regulator`] is a policy at work for one handler. It is a pure state machine: it starts no
//! thread, waits for nothing and reads no clock. Its owner passes the time in, as a duration since
//! whatever moment the owner counts from, calls the handler, and says how that ended.

mod breaker;
mod dead_letters;
mod figures;
mod histogram;
mod limit;
mod regulator;
mod retry;

use std::fmt;
use std::time::Duration;

pub use breaker::{Breaker, BreakerState};
pub use dead_letters::{DeadLetters, DeadLettersInMemory};
pub use figures::{Figures, Stats};
pub use histogram::Histogram;
pub use limit::{Limit, WhenFull};
pub use regulator::{Next, Refusal, Regulator, Trial};
pub use retry::Retry;

pub use crate::async_bus::TimedOut;
pub use crate::policed::Refused;

/// The policy of a handler. An empty one changes nothing. See the [module](self) for how the parts
/// nest.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use buswork::policy::{Breaker, Limit, Policy, Retry};
///
/// let policy = Policy::new()
///     .timeout(Duration::from_secs(5))
///     .retry(Retry::new(3).backoff(Duration::from_millis(200)))
///     .breaker(Breaker::new(5).pause(Duration::from_secs(30)))
///     .limit(Limit::new(4));
/// assert_eq!(
///     policy.to_string(),
///     "limit 4 (breaker 5 in 60s, pause 30s (retry 3, backoff 200ms (timeout 5s (handler))))",
/// );
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    timeout: Option<Duration>,
    retry: Option<Retry>,
    breaker: Option<Breaker>,
    limit: Option<Limit>,
    dead_letter: Option<bool>,
}

impl Policy {
    /// A policy that changes nothing.
    pub const fn new() -> Self {
        Self {
            timeout: None,
            retry: None,
            breaker: None,
            limit: None,
            dead_letter: None,
        }
    }

    /// How long one attempt may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How often a delivery that failed is tried again.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// When the handler is left in peace for a while.
    #[must_use]
    pub fn breaker(mut self, breaker: Breaker) -> Self {
        self.breaker = Some(breaker);
        self
    }

    /// How many deliveries are in progress at once.
    #[must_use]
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Whether a delivery that has failed to its end is kept as a dead letter, and is no failure of its
    /// publisher's. Where nothing is said, posted deliveries are, and direct ones are not.
    ///
    /// An [`EventBus`](crate::EventBus) cannot keep an event that was published by reference: there, `true`
    /// needs a handler of [only posted events](crate::SubscriptionBuilder::only_posted).
    #[must_use]
    pub fn dead_letter(mut self, is_kept: bool) -> Self {
        self.dead_letter = Some(is_kept);
        self
    }

    /// How long one attempt may take, if that is limited.
    pub const fn timeout_of_attempt(&self) -> Option<Duration> {
        self.timeout
    }

    /// How often a delivery is tried again, if at all.
    pub const fn retries(&self) -> Option<&Retry> {
        self.retry.as_ref()
    }

    /// The breaker, if there is one.
    pub const fn circuit_breaker(&self) -> Option<&Breaker> {
        self.breaker.as_ref()
    }

    /// The limit, if there is one.
    pub const fn concurrency(&self) -> Option<&Limit> {
        self.limit.as_ref()
    }

    /// Whether failed deliveries become dead letters, if anything is said of that.
    pub const fn dead_letters(&self) -> Option<bool> {
        self.dead_letter
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::new()
    }
}

/// The nesting, from the outside in.
impl fmt::Display for Policy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dead_letter = match self.dead_letter {
            Some(true) => Some("dead letter".to_owned()),
            Some(false) => Some("no dead letter".to_owned()),
            None => None,
        };
        let limit = self.limit.as_ref().map(|limit| format!("limit {limit}"));
        let breaker = self.breaker.as_ref().map(|one| format!("breaker {one}"));
        let retry = self.retry.as_ref().map(|retry| format!("retry {retry}"));
        let timeout = self.timeout.map(|timeout| format!("timeout {timeout:?}"));
        let parts = [dead_letter, limit, breaker, retry, timeout];
        let mut depth = 0;
        for part in parts.into_iter().flatten() {
            write!(formatter, "{part} (")?;
            depth += 1;
        }
        formatter.write_str("handler")?;
        formatter.write_str(&")".repeat(depth))
    }
}
