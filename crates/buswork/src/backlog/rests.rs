//! What rests until a moment comes: deliveries between two attempts, and lines that are held.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

/// A delivery that goes on, under its old ticket.
pub(super) struct Rested<R, J> {
    /// The place of its line.
    pub(super) place: usize,
    pub(super) number: u64,
    pub(super) runner: R,
    pub(super) job: J,
}

/// All that rests, the soonest first.
pub(super) struct Rests<R, J> {
    heap: BinaryHeap<Reverse<Rest<R, J>>>,
}

struct Rest<R, J> {
    until: Duration,
    what: What<R, J>,
}

pub(super) enum What<R, J> {
    Delivery(Rested<R, J>),
    /// The hold of a line.
    Hold {
        place: usize,
        number: u64,
    },
}

impl<R: Copy + Eq, J> Rests<R, J> {
    pub(super) const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
        }
    }

    pub(super) fn add(&mut self, until: Duration, what: What<R, J>) {
        self.heap.push(Reverse(Rest { until, what }));
    }

    /// When the next one has rested.
    #[inline]
    pub(super) fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse(rest)| rest.until)
    }

    /// Takes one out that has rested by now.
    pub(super) fn take(&mut self, now: Duration) -> Option<What<R, J>> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(rest)| rest.what)
    }

    /// Takes out what rests of the line at a place, and forgets its hold.
    pub(super) fn take_line(&mut self, place: usize) -> Vec<Rested<R, J>> {
        let mut own = Vec::new();
        let all = std::mem::take(&mut self.heap).into_sorted_vec();
        // The soonest is the last one, being the greatest of the heap.
        for Reverse(rest) in all.into_iter().rev() {
            match rest.what {
                What::Delivery(rested) if rested.place == place => own.push(rested),
                What::Hold { place: held, .. } if held == place => {}
                _ => self.heap.push(Reverse(rest)),
            }
        }
        own
    }

    /// Takes out the deliveries of a runner that is gone.
    pub(super) fn abandon(&mut self, runner: R) -> Vec<(u64, J)> {
        let mut abandoned = Vec::new();
        for Reverse(rest) in std::mem::take(&mut self.heap).into_vec() {
            match rest.what {
                What::Delivery(rested) if rested.runner == runner => {
                    abandoned.push((rested.number, rested.job));
                }
                _ => self.heap.push(Reverse(rest)),
            }
        }
        abandoned
    }

    /// Takes everything out.
    pub(super) fn clear(&mut self) -> Vec<(u64, J)> {
        let all = std::mem::take(&mut self.heap).into_iter();
        all.filter_map(|Reverse(rest)| match rest.what {
            What::Delivery(rested) => Some((rested.number, rested.job)),
            What::Hold { .. } => None,
        })
        .collect()
    }
}

impl<R, J> Rest<R, J> {
    /// What is due at the same moment goes in the order in which it came.
    fn order(&self) -> (Duration, u64) {
        let number = match &self.what {
            What::Delivery(rested) => rested.number,
            What::Hold { number, .. } => *number,
        };
        (self.until, number)
    }
}

impl<R, J> PartialEq for Rest<R, J> {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl<R, J> Eq for Rest<R, J> {}

impl<R, J> PartialOrd for Rest<R, J> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<R, J> Ord for Rest<R, J> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}
