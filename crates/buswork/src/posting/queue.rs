//! Who may put deliveries into the backlog, who waits for room in it, and who waits for its end.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::backlog::{Backlog, Overflow, Ticket};
use crate::causal;
use crate::inner::Limits;

/// After so many deliveries, or an eighth of the room, somebody who waits for room is woken. Waking
/// somebody for each place would have the two threads take turns.
const BATCH: usize = 256;
/// So many deliveries of a line are taken at a time, or a 64th of the room: as they run one after another
/// in any case, it costs nobody anything, and threads meet less often at the lock.
const HELPING: usize = 32;
/// How often the first of those who wait for room looks by himself: a slow line may fill most of
/// it, and so few places become free that nobody is woken.
const LOOK: Duration = Duration::from_millis(5);

/// The queue of one bus. `J` is a delivery, `S` whatever its owner keeps under the same lock.
pub(crate) struct Queue<J, S> {
    state: Mutex<State<J, S>>,
    overflow: Overflow,
    batch: usize,
    /// How many deliveries of a line are taken at a time.
    pub(crate) helping: usize,
    /// Told when nothing is pending any more, and when the last thread ends.
    quiet: Condvar,
}

pub(crate) struct State<J, S> {
    pub(crate) backlog: Backlog<(), J>,
    pub(crate) staff: S,
    pub(crate) phase: Phase,
    /// Those who wait for room, in order of arrival.
    waiting: VecDeque<Arc<Condvar>>,
    /// How many deliveries have ended since one of them was woken.
    freed: usize,
    /// How often it happened that nothing was pending any more.
    pub(crate) quiets: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    /// Posts are taken from handlers only, until nothing is pending.
    Closing,
    Closed,
}

/// What a post asks for.
pub(crate) struct Asked {
    pub(crate) deliveries: usize,
    /// Whether it is made by a handler of the same bus.
    pub(crate) is_inside: bool,
    /// Whether its thread may be blocked.
    pub(crate) may_wait: bool,
}

impl Asked {
    /// What the post of an event to so many handlers of the bus with this number asks for. Layers
    /// see it also where there is no handler.
    pub(crate) fn new(handlers: usize, has_layers: bool, bus: usize, may_wait: bool) -> Self {
        Self {
            deliveries: handlers.max(usize::from(has_layers)),
            is_inside: causal::is_inside(bus),
            may_wait,
        }
    }
}

/// Why a post is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Closed,
}

/// What is left of a handler's deliveries when the time of a drain is up.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) name: Arc<str>,
    pub(crate) waiting: usize,
    pub(crate) is_running: bool,
}

impl Left {
    pub(crate) fn pending(&self) -> usize {
        self.waiting + usize::from(self.is_running)
    }
}

impl fmt::Display for Left {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.name)?;
        match (self.is_running, self.waiting) {
            (true, 0) => write!(formatter, "1 in progress"),
            (true, waiting) => write!(formatter, "1 in progress, {waiting} waiting"),
            (false, waiting) => write!(formatter, "{waiting} waiting"),
        }
    }
}

impl<J, S: Default> Queue<J, S> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            state: Mutex::new(State {
                backlog: Backlog::new(limits.max_pending),
                staff: S::default(),
                phase: Phase::Open,
                waiting: VecDeque::new(),
                freed: 0,
                quiets: 0,
            }),
            overflow: limits.overflow,
            batch: (limits.max_pending / 8).clamp(1, BATCH),
            helping: (limits.max_pending / 64).clamp(1, HELPING),
            quiet: Condvar::new(),
        }
    }
}

impl<J, S> Queue<J, S> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State<J, S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `push` called, under the lock, when there is room. Returns what it returned, or nothing
    /// if the deliveries were dropped instead.
    pub(crate) fn post<R>(
        &self,
        asked: &Asked,
        push: impl FnOnce(&mut State<J, S>) -> R,
    ) -> Result<Option<R>, Refused> {
        let mut dropped = Vec::new();
        let mut state = self.lock();
        if state.is_closed_to(asked.is_inside) {
            return Err(Refused::Closed);
        }
        let waits = self.overflow == Overflow::Wait && asked.may_wait;
        let others_wait = waits && !state.waiting.is_empty();
        let has_room = !others_wait && state.backlog.has_room(asked.deliveries);
        if asked.deliveries > 0 && !has_room {
            match self.overflow {
                Overflow::Wait if waits => state = Self::wait_for_room(state, asked)?,
                Overflow::Wait | Overflow::Raise => return Err(Refused::Full),
                Overflow::DropNew => {
                    state.backlog.note_dropped(asked.deliveries);
                    return Ok(None);
                }
                Overflow::DropOld => dropped = state.backlog.make_room(asked.deliveries),
            }
        }
        let pushed = push(&mut state);
        drop(state);
        // Their events may be dropped with them.
        drop(dropped);
        Ok(Some(pushed))
    }

    /// Waits in the order of arrival.
    #[cold]
    fn wait_for_room<'a>(
        mut state: MutexGuard<'a, State<J, S>>,
        asked: &Asked,
    ) -> Result<MutexGuard<'a, State<J, S>>, Refused> {
        let own = Arc::new(Condvar::new());
        state.waiting.push_back(Arc::clone(&own));
        loop {
            let is_first = state
                .waiting
                .front()
                .is_some_and(|first| Arc::ptr_eq(first, &own));
            let is_closed = state.is_closed_to(asked.is_inside);
            if is_closed || is_first && state.backlog.has_room(asked.deliveries) {
                state.waiting.retain(|other| !Arc::ptr_eq(other, &own));
                state.wake_poster();
                return if is_closed {
                    Err(Refused::Closed)
                } else {
                    Ok(state)
                };
            }
            state = if is_first {
                let waited = own.wait_timeout(state, LOOK);
                waited.unwrap_or_else(PoisonError::into_inner).0
            } else {
                own.wait(state).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    /// As [`lock`](Self::lock), if nobody else has it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, State<J, S>>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Notes that so many deliveries have ended that were taken together with others.
    pub(crate) fn settle_some(&self, state: &mut State<J, S>, ticket: Ticket, deliveries: usize) {
        state.backlog.done_some(ticket, deliveries);
        self.make_way(state, deliveries);
    }

    fn make_way(&self, state: &mut State<J, S>, deliveries: usize) {
        if !state.waiting.is_empty() {
            state.freed += deliveries;
            if state.freed >= self.batch {
                state.wake_poster();
            }
        }
    }

    /// Ends a delivery. Its line goes on. Says whether nothing is pending any more.
    pub(crate) fn settle(&self, state: &mut State<J, S>, ticket: Ticket) -> bool {
        let _ = state.backlog.done(ticket);
        self.make_way(state, 1);
        let is_quiet = state.backlog.pending() == 0;
        if is_quiet {
            state.quiets += 1;
            if state.phase == Phase::Closing {
                state.phase = Phase::Closed;
            }
            self.quiet.notify_all();
        }
        is_quiet
    }

    /// Waits until nothing is pending, at one moment at least. Returns what is left if that takes
    /// too long.
    pub(crate) fn drain(&self, timeout: Option<Duration>) -> Result<(), Vec<(u64, usize, bool)>> {
        let state = self.lock();
        if state.backlog.pending() == 0 {
            return Ok(());
        }
        let before = state.quiets;
        let state = self.wait(state, timeout, |state| state.quiets > before);
        if state.quiets > before {
            Ok(())
        } else {
            Err(state.backlog.lines())
        }
    }

    /// Waits until `is_reached`, or until the time is up.
    pub(crate) fn wait<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<J, S>>,
        timeout: Option<Duration>,
        is_reached: impl Fn(&State<J, S>) -> bool,
    ) -> MutexGuard<'a, State<J, S>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        while !is_reached(&state) {
            let Some(deadline) = deadline else {
                state = self
                    .quiet
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.quiet.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    pub(crate) fn tell_quiet(&self) {
        self.quiet.notify_all();
    }
}

impl<J, S> State<J, S> {
    fn is_closed_to(&self, is_inside: bool) -> bool {
        match self.phase {
            Phase::Open => false,
            Phase::Closing => !is_inside,
            Phase::Closed => true,
        }
    }

    /// Takes posts from handlers only, and none at all once nothing is pending.
    pub(crate) fn close(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Closing;
        }
        if self.backlog.pending() == 0 {
            self.phase = Phase::Closed;
        }
        for poster in &self.waiting {
            poster.notify_one();
        }
    }

    /// Wakes the first of those who wait for room.
    pub(crate) fn wake_poster(&mut self) {
        self.freed = 0;
        if let Some(first) = self.waiting.front() {
            first.notify_one();
        }
    }
}
