//! How long calls took: counts in buckets, which many threads fill at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many buckets there are between a time and its double.
const PARTS: u32 = 4;
const BUCKETS: usize = (64 * PARTS) as usize;

/// Times in buckets, each a quarter of an octave wide: a quantile is right to a quarter.
pub struct Histogram {
    buckets: Box<[AtomicU64]>,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub(super) fn record(&self, elapsed: Duration) {
        let nanoseconds = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanoseconds)].fetch_add(1, Ordering::Relaxed);
    }

    /// How many times were recorded.
    pub fn count(&self) -> u64 {
        self.counts().sum()
    }

    /// The time that so many of all are not longer than: 0.99 for ninety-nine of a hundred. `None` when
    /// nothing was recorded. It is the upper end of a bucket: up to a quarter too long, never too short.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank among as many as were counted"
        )]
        let rank = ((count as f64 * part.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0;
        for (place, count) in self.counts().enumerate() {
            seen += count;
            if seen >= rank {
                return Some(Duration::from_nanos(upper_end(place)));
            }
        }
        None
    }

    fn counts(&self) -> impl Iterator<Item = u64> {
        self.buckets
            .iter()
            .map(|bucket| bucket.load(Ordering::Relaxed))
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Histogram")
            .field("count", &self.count())
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .finish()
    }
}

/// The bucket of a time: its octave, and the two bits behind its highest.
fn bucket(nanoseconds: u64) -> usize {
    let value = nanoseconds.max(u64::from(PARTS));
    let octave = value.ilog2();
    let part = (value >> (octave - PARTS.ilog2())) & u64::from(PARTS - 1);
    (octave * PARTS) as usize + usize::try_from(part).unwrap_or_default()
}

fn upper_end(bucket: usize) -> u64 {
    let (octave, part) = (
        bucket as u64 / u64::from(PARTS),
        bucket as u64 % u64::from(PARTS),
    );
    let width = (1_u64 << octave) / u64::from(PARTS);
    (1_u64 << octave).saturating_add(width.saturating_mul(part + 1)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_never_too_short_nor_a_quarter_too_long() {
        for nanoseconds in [4, 5, 7, 100, 999, 123_456, 7_000_000_000, u64::MAX / 2] {
            let histogram = Histogram::new();
            histogram.record(Duration::from_nanos(nanoseconds));
            let found = histogram.quantile(0.5).map(|time| time.as_nanos());
            let found = u64::try_from(found.unwrap()).unwrap();
            assert!(found >= nanoseconds, "{found} for {nanoseconds}");
            let excess = found - nanoseconds;
            assert!(excess <= nanoseconds / 4, "{found} for {nanoseconds}");
        }
    }

    #[test]
    fn a_quantile_is_that_of_the_rank() {
        let histogram = Histogram::new();
        for _ in 0..99 {
            histogram.record(Duration::from_micros(1));
        }
        histogram.record(Duration::from_secs(1));
        assert!(histogram.quantile(0.99).unwrap() < Duration::from_micros(2));
        assert!(histogram.quantile(1.0).unwrap() >= Duration::from_secs(1));
        assert_eq!(histogram.count(), 100);
    }
}
