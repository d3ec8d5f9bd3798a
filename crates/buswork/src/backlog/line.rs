//! The deliveries of one handler, in order.

use std::collections::VecDeque;

/// The deliveries of one handler. It has its place among the lines as long as there are any.
pub(super) struct Line<R, J> {
    pub(super) name: u64,
    /// How many are in progress at once, at most.
    pub(super) width: usize,
    pub(super) waiting: VecDeque<Waiting<R, J>>,
    pub(super) running: Vec<Running<R>>,
    /// Which hold keeps what waits from being taken, if one does.
    pub(super) hold: Option<u64>,
    /// Whether it stands among the lines that are ready.
    pub(super) is_queued: bool,
}

pub(super) struct Waiting<R, J> {
    pub(super) number: u64,
    pub(super) runner: R,
    pub(super) weight: usize,
    /// Whether it is not to be taken together with others.
    pub(super) is_alone: bool,
    pub(super) job: J,
}

/// A delivery in progress, or several that were taken at a time and have not all ended.
#[derive(Clone, Copy)]
pub(super) struct Running<R> {
    pub(super) number: u64,
    pub(super) runner: R,
    pub(super) weight: usize,
    /// How many were taken and have not ended.
    pub(super) taken: usize,
}

impl<R: Copy + Eq, J> Line<R, J> {
    pub(super) fn new() -> Self {
        Self {
            name: 0,
            width: 1,
            waiting: VecDeque::new(),
            running: Vec::new(),
            hold: None,
            is_queued: false,
        }
    }

    /// The runner of the next delivery, if one may be taken.
    #[inline]
    pub(super) fn next_runner(&self) -> Option<R> {
        if self.hold.is_some() || self.running.len() >= self.width {
            return None;
        }
        Some(self.waiting.front()?.runner)
    }

    /// Whether it has no delivery at all.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    #[inline]
    pub(super) fn running(&mut self, number: u64) -> Option<&mut Running<R>> {
        self.running.iter_mut().find(|one| one.number == number)
    }

    /// Takes out what was in progress under this number.
    #[inline]
    pub(super) fn end(&mut self, number: u64) -> Option<Running<R>> {
        let place = self.running.iter().position(|one| one.number == number)?;
        Some(self.running.swap_remove(place))
    }

    /// Takes out what belongs to a runner that is gone: its weight, and what waited.
    pub(super) fn abandon(&mut self, runner: R) -> (usize, Vec<(u64, J)>) {
        let mut weight = 0;
        let mut abandoned = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.runner == runner {
                weight += waiting.weight;
                abandoned.push((waiting.number, waiting.job));
            } else {
                self.waiting.push_back(waiting);
            }
        }
        self.running.retain(|running| {
            let is_gone = running.runner == runner;
            weight += if is_gone { running.weight } else { 0 };
            !is_gone
        });
        (weight, abandoned)
    }
}
