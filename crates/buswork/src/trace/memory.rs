//! A trace that is kept in memory: the newest dispatches, a bounded number.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::dispatch::Dispatch;
use super::edges::Edges;
use super::id::{Id, generation};
use super::lines;
use super::tracers::now;

/// Keeps dispatches, and drops the oldest for want of room.
pub struct Memory {
    id: Id,
    generation: u64,
    began: u64,
    state: Mutex<State>,
}

struct State {
    dispatches: VecDeque<Arc<Dispatch>>,
    keep: usize,
    dropped: u64,
    is_closed: bool,
}

impl Memory {
    /// How many are kept unless something else is said.
    pub const KEPT: usize = 10_000;

    /// Room for so many dispatches, one at least.
    pub fn new(keep: usize) -> Self {
        Self {
            id: Id::next(),
            generation: generation(),
            began: now(),
            state: Mutex::new(State {
                dispatches: VecDeque::new(),
                keep: keep.max(1),
                dropped: 0,
                is_closed: false,
            }),
        }
    }

    /// What is kept, oldest first.
    pub fn dispatches(&self) -> Vec<Arc<Dispatch>> {
        self.state().dispatches.iter().cloned().collect()
    }

    /// How many dispatches are kept.
    pub fn len(&self) -> usize {
        self.state().dispatches.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many were dropped.
    pub fn dropped(&self) -> u64 {
        self.state().dropped
    }

    /// Takes no more dispatches. Deliveries of those that are kept are still told of.
    pub fn close(&self) {
        self.state().is_closed = true;
    }

    /// Whether it takes no more.
    pub fn is_closed(&self) -> bool {
        self.generation != generation() || self.state().is_closed
    }

    /// Writes what is kept in the form of a file.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut edges = Edges::default();
        lines::header(&mut out, self.id.as_u128(), self.began);
        for dispatch in self.dispatches() {
            edges.event(&dispatch);
            lines::event(&mut out, &dispatch);
            for delivery in dispatch.deliveries() {
                edges.delivery(&dispatch, &delivery);
                lines::delivery(&mut out, &dispatch, &delivery);
            }
        }
        edges.write(&mut out);
        out
    }

    pub(super) fn event(&self, dispatch: &Arc<Dispatch>) {
        if self.generation != generation() {
            return;
        }
        let mut state = self.state();
        if state.is_closed {
            return;
        }
        let oldest = if state.dispatches.len() >= state.keep {
            state.dropped += 1;
            state.dispatches.pop_front()
        } else {
            None
        };
        state.dispatches.push_back(Arc::clone(dispatch));
        drop(state);
        drop(oldest);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Memory({} dispatches)", self.len())
    }
}
