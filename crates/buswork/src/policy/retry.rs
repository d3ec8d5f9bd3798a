//! How often a delivery is tried again, and how long to wait before.

use std::fmt;
use std::time::Duration;

/// Another attempt after a failure.
///
/// The wait before it begins with [`backoff`](Self::backoff) and doubles with each attempt, up to
/// [`max_backoff`](Self::max_backoff). Jitter then lengthens it by a random part, so that deliveries that
/// failed together do not come back together; it never shortens it.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use buswork::policy::Retry;
///
/// let retry = Retry::new(4)
///     .backoff(Duration::from_millis(100))
///     .max_backoff(Duration::from_millis(250))
///     .jitter(0.0);
/// let pauses = (1..=4).map(|failed| retry.pause(failed, 0.5));
/// let pauses: Vec<_> = pauses.map(|pause| pause.map(|it| it.as_millis())).collect();
/// assert_eq!(pauses, [Some(100), Some(200), Some(250), None]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    attempts: u32,
    backoff: Duration,
    max_backoff: Option<Duration>,
    jitter: f64,
}

impl Retry {
    /// How much a wait is lengthened by at most where nothing is said: a tenth.
    pub const JITTER: f64 = 0.1;

    /// So many attempts in all, the first included, one after another without a wait.
    ///
    /// # Panics
    /// When there is to be no attempt at all.
    pub fn new(attempts: u32) -> Self {
        assert!(attempts > 0, "a retry has at least 1 attempt: the first");
        Self {
            attempts,
            backoff: Duration::ZERO,
            max_backoff: None,
            jitter: Self::JITTER,
        }
    }

    /// How long to wait before the second attempt. The wait doubles with each further one.
    #[must_use]
    pub fn backoff(mut self, backoff: Duration) -> Self {
        self.backoff = backoff;
        self
    }

    /// The longest wait, before jitter.
    #[must_use]
    pub fn max_backoff(mut self, longest: Duration) -> Self {
        self.max_backoff = Some(longest);
        self
    }

    /// By which part of itself a wait is lengthened at most: 0.1 for a tenth.
    ///
    /// # Panics
    /// When it is negative, or no number.
    #[must_use]
    pub fn jitter(mut self, part: f64) -> Self {
        let is_sound = part.is_finite() && part >= 0.0;
        assert!(is_sound, "jitter is a part, such as 0.1, not {part}");
        self.jitter = part;
        self
    }

    /// How many attempts there are in all.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Whether there is a wait before an attempt.
    pub const fn waits(&self) -> bool {
        !self.backoff.is_zero()
    }

    /// How long to wait after so many attempts have failed; `None` when that was the last one. `draw` is
    /// random, from 0 to 1.
    pub fn pause(&self, failed: u32, draw: f64) -> Option<Duration> {
        if failed >= self.attempts {
            return None;
        }
        let doubled = failed.saturating_sub(1).min(31);
        let pause = self.backoff.saturating_mul(1 << doubled);
        let pause = self.max_backoff.map_or(pause, |longest| pause.min(longest));
        let lengthened = pause.as_secs_f64() * (1.0 + self.jitter * draw.clamp(0.0, 1.0));
        Some(Duration::try_from_secs_f64(lengthened).map_or(pause, |longer| longer.max(pause)))
    }
}

impl fmt::Display for Retry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.attempts)?;
        if self.waits() {
            write!(formatter, ", backoff {:?}", self.backoff)?;
        }
        if let Some(longest) = self.max_backoff {
            write!(formatter, " to {longest:?}")?;
        }
        Ok(())
    }
}
