//! Ids of events: a random number of the process, and a counter.
//!
//! A random id for each event would be the dearest part of a record. The first half is drawn once a
//! process, and anew in a forked child, which counts on from where its parent was.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Zero until it is drawn.
static PROCESS: AtomicU64 = AtomicU64::new(0);
static NEXT: AtomicU64 = AtomicU64::new(1);
/// How often traces were forgotten.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// The id of one published event: 128 bits, written as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    process: u64,
    number: u64,
}

impl Id {
    pub(super) fn next() -> Self {
        let mut process = PROCESS.load(Ordering::Relaxed);
        if process == 0 {
            process = draw();
            // Somebody else may have been quicker.
            if let Err(drawn) =
                PROCESS.compare_exchange(0, process, Ordering::Relaxed, Ordering::Relaxed)
            {
                process = drawn;
            }
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { process, number }
    }

    /// The id as a number.
    pub fn as_u128(self) -> u128 {
        u128::from(self.process) << 64 | u128::from(self.number)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}{:016x}", self.process, self.number)
    }
}

/// A number that no other process has. The hasher's keys are random, but a forked child has its
/// parent's.
fn draw() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(process::id());
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    hasher.write_u128(now.map_or(0, |time| time.as_nanos()));
    hasher.finish().max(1)
}

/// Ends every trace of the process without a word, and without touching a lock or a file: for a
/// forked child, whose parent's other threads may have held the one, and which must not write into
/// the other.
pub fn forget() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    PROCESS.store(0, Ordering::Relaxed);
}

/// The traces that began under another generation were forgotten.
#[inline]
pub(super) fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}
