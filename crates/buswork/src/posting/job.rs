//! One posted delivery as its line holds it, whatever the type of its event.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::time::Duration;

use crate::dead_letters::FailedAttempt;
use crate::entry::Entry;
use crate::failure::Failure;
use crate::plan::Subscriber;
use crate::policy::{Trial, WhenFull};
use crate::posting::deliveries::Posted;
use crate::posting::workers::State;

/// Stands for the passage through the layers, where an index names a handler.
pub(super) const PASSAGE: u32 = u32::MAX;

/// How far a delivery has got that was taken.
pub(super) enum Progress {
    Ended,
    /// It is to be tried again, after a wait.
    Rests(Box<Trying>, Duration),
    /// It may not begin yet: its line is held for so long.
    Waits(Duration),
}

/// What is left to do with a delivery that has not ended.
#[derive(Clone, Copy)]
pub(crate) enum Later {
    /// It rests for so long, and is taken again.
    Rests(Duration),
    /// It is put back, and its line is held for so long.
    Waits(Duration),
}

impl Later {
    pub(super) fn at_once(self) -> Self {
        match self {
            Self::Rests(_) => Self::Rests(Duration::ZERO),
            Self::Waits(_) => Self::Waits(Duration::ZERO),
        }
    }
}

/// A delivery between two attempts.
pub(super) struct Trying {
    pub(super) trial: Trial,
    pub(super) attempts: Vec<FailedAttempt>,
    pub(super) last: Failure,
}

/// One delivery: which handler of its plan, or the passage through the layers.
pub(crate) struct Job {
    posted: Arc<dyn Deliver>,
    index: u32,
    trying: Option<Box<Trying>>,
}

impl Job {
    pub(super) fn new<E: Any + Send + Sync>(posted: Arc<Posted<E>>, index: u32) -> Self {
        Self {
            posted,
            index,
            trying: None,
        }
    }

    /// Whether its subscription has ended, so that the handler will not be called.
    pub(super) fn is_over(&self) -> bool {
        let has_begun = self.trying.is_some();
        self.posted.is_over(self.index as usize, has_begun)
    }

    /// Makes the delivery, or an attempt of it. Returns nothing when it has ended.
    pub(crate) fn run(mut self) -> Option<(Self, Later)> {
        if self.index == PASSAGE {
            self.posted.pass();
            return None;
        }
        let trying = self.trying.take();
        match self.posted.deliver(self.index as usize, trying) {
            Progress::Ended => None,
            Progress::Rests(trying, after) => {
                self.trying = Some(trying);
                Some((self, Later::Rests(after)))
            }
            Progress::Waits(wait) => Some((self, Later::Waits(wait))),
        }
    }
}

pub(super) trait Deliver: Send + Sync {
    /// Calls a handler, for the first time or again.
    fn deliver(&self, index: usize, trying: Option<Box<Trying>>) -> Progress;
    /// Whether the subscription of a handler has ended. A `once` is spent by a delivery that has begun, and
    /// counts for all its attempts.
    fn is_over(&self, index: usize, has_begun: bool) -> bool;
    /// Ends a delivery for which the limit of its handler has no room.
    fn turn_away(&self, index: usize, is_dropped: bool);
    /// Leads the event through the layers, which may let it through to the queue.
    fn pass(self: Arc<Self>);
}

/// A delivery for which the limit of its handler had no room.
pub(super) struct TurnedAway {
    job: Job,
    is_dropped: bool,
}

impl TurnedAway {
    /// Counts it, and tells whoever is to know.
    #[cold]
    pub(super) fn tell(self) {
        self.job
            .posted
            .turn_away(self.job.index as usize, self.is_dropped);
    }
}

/// Puts a delivery into the line of its handler. Returns one that its limit has no room for.
pub(super) fn push(
    state: &mut State,
    entry: &Entry<TypeId, Subscriber>,
    job: Job,
) -> Option<TurnedAway> {
    let line = entry.sequence();
    let Some(policed) = &entry.handler().policed else {
        state.backlog.push(line, (), job);
        return None;
    };
    let Some(limit) = policed.regulator.policy().concurrency() else {
        state.backlog.push_alone(1, line, (), job);
        return None;
    };
    let width = limit.concurrency();
    let most = limit
        .room()
        .map_or(usize::MAX, |room| room.saturating_add(width));
    let mut away = None;
    if state.backlog.pending_in(line) >= most {
        let drops_old = limit.overflow() == WhenFull::DropOld;
        let oldest = drops_old.then(|| state.backlog.drop_oldest(line)).flatten();
        let is_dropped = limit.overflow() != WhenFull::Raise;
        let Some(oldest) = oldest else {
            state.backlog.note_dropped(usize::from(is_dropped));
            return Some(TurnedAway { job, is_dropped });
        };
        away = Some(TurnedAway {
            job: oldest,
            is_dropped,
        });
    }
    state.backlog.push_alone(width, line, (), job);
    away
}
