//! What has become of a handler's deliveries, in numbers.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{BreakerState, Histogram};

/// Counts of one handler's deliveries. Each delivery ends as one of delivered, failed, skipped, dropped;
/// a failed one may be a dead letter besides.
#[derive(Debug, Default)]
pub struct Figures {
    delivered: AtomicU64,
    failed: AtomicU64,
    retried: AtomicU64,
    timed_out: AtomicU64,
    skipped: AtomicU64,
    dropped: AtomicU64,
    dead_lettered: AtomicU64,
    latency: OnceLock<Histogram>,
}

impl Figures {
    /// Keeps how long each attempt took from now on.
    pub fn measure_latency(&self) {
        self.latency.get_or_init(Histogram::new);
    }

    /// Whether it keeps how long attempts take, so that its owner has to read the clock.
    #[inline]
    pub fn measures_latency(&self) -> bool {
        self.latency.get().is_some()
    }

    /// How long attempts took, if that is kept.
    pub fn latency(&self) -> Option<&Histogram> {
        self.latency.get()
    }

    /// Notes how long an attempt took.
    #[inline]
    pub fn note_elapsed(&self, elapsed: Duration) {
        if let Some(latency) = self.latency.get() {
            latency.record(elapsed);
        }
    }

    /// Notes that the handler was not called, for a reason other than its policy.
    #[inline]
    pub fn note_skipped(&self) {
        count(&self.skipped);
    }

    /// Notes that a delivery was dropped for want of room.
    pub fn note_dropped(&self) {
        count(&self.dropped);
    }

    /// Notes that an attempt took too long.
    pub fn note_timed_out(&self) {
        count(&self.timed_out);
    }

    /// Notes that a failed delivery is kept as a dead letter.
    pub fn note_dead_lettered(&self) {
        count(&self.dead_lettered);
    }

    /// Notes that a delivery went well, for one that has no trial.
    #[inline]
    pub fn note_delivered(&self) {
        count(&self.delivered);
    }

    /// Notes that a delivery has failed to its end, for one that has no trial.
    pub fn note_failed(&self) {
        count(&self.failed);
    }

    pub(super) fn note_retried(&self) {
        count(&self.retried);
    }

    pub(super) fn read(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            delivered: read(&self.delivered),
            failed: read(&self.failed),
            retried: read(&self.retried),
            timed_out: read(&self.timed_out),
            skipped: read(&self.skipped),
            dropped: read(&self.dropped),
            dead_lettered: read(&self.dead_lettered),
            in_progress: 0,
            breaker: None,
        }
    }
}

#[inline]
fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The figures of a handler at one moment. Each is exact; they are not read all at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Deliveries that went well, after however many attempts.
    pub delivered: u64,
    /// Deliveries that failed to their end.
    pub failed: u64,
    /// Attempts beyond the first.
    pub retried: u64,
    /// Attempts that took too long.
    pub timed_out: u64,
    /// Deliveries whose handler was not called: paused, say, or kept off by a predicate.
    pub skipped: u64,
    /// Deliveries that a limit had no room for.
    pub dropped: u64,
    /// Failed deliveries that were kept as dead letters.
    pub dead_lettered: u64,
    /// Deliveries that have begun and not ended.
    pub in_progress: usize,
    /// The state of the breaker, if there is one.
    pub breaker: Option<BreakerState>,
}
