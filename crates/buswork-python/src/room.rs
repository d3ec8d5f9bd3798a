//! Whether there is room for a post, and what is done where there is none.

use std::sync::{Arc, MutexGuard};

use buswork::backlog::Overflow;
use buswork::policy::WhenFull;
use pyo3::prelude::*;

use crate::background::{Background, State, Wakes, wait_for};
use crate::calling::Invoke;
use crate::imports;
use crate::posted::{Posted, is_delivering_any};
use crate::workers::is_worker;

/// After how many seconds a post that waits for room looks again, whoever should have woken it. The
/// handlers that make no room may wait for what it will do next.
pub(crate) const LOOK_AGAIN: f64 = 0.05;

/// Whether deliveries have to ask for room. Those of an event that went through middleware need
/// not: room was made for the event when it was posted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Sought,
    Found,
}

impl Background {
    /// Makes room as the overflow policy says, or waits for it; `None` when the new deliveries are
    /// to be dropped.
    #[cold]
    pub(crate) fn make_room<'a>(
        self: &'a Arc<Self>,
        py: Python<'_>,
        state: MutexGuard<'a, State>,
        deliveries: usize,
    ) -> PyResult<Option<MutexGuard<'a, State>>> {
        let (overflow, limit) = (state.overflow, state.backlog.max_pending());
        drop(state);
        // What was posted to a loop that is closed takes no room.
        self.abandon_closed_loops(py)?;
        let state = self.state();
        if state.backlog.has_room(deliveries) {
            return Ok(Some(state));
        }
        drop(state);
        match overflow {
            Overflow::DropNew => self.drop_new(py, deliveries).map(|()| None),
            Overflow::DropOld => self.drop_old(py, deliveries),
            Overflow::Wait if may_wait(py)? => self.wait_for_room(py, deliveries).map(Some),
            _ => Err(full(py, limit, overflow)),
        }
    }

    fn drop_old<'a>(
        self: &'a Arc<Self>,
        py: Python<'_>,
        deliveries: usize,
    ) -> PyResult<Option<MutexGuard<'a, State>>> {
        let mut wakes = Wakes::default();
        let mut state = self.state();
        let dropped = state.backlog.make_room(deliveries);
        state.wake_loops(&mut wakes);
        drop(state);
        let has_dropped = !dropped.is_empty();
        drop(dropped);
        self.wake(py, wakes);
        if has_dropped {
            self.tell_of_drops(py)?;
        }
        let state = self.state();
        if state.backlog.has_room(deliveries) {
            return Ok(Some(state));
        }
        // What is pending is in progress, or somebody else took the room.
        drop(state);
        self.drop_new(py, deliveries).map(|()| None)
    }

    fn drop_new(&self, py: Python<'_>, deliveries: usize) -> PyResult<()> {
        self.state().backlog.note_dropped(deliveries);
        self.tell_of_drops(py)
    }

    fn wait_for_room<'a>(
        &'a self,
        py: Python<'_>,
        deliveries: usize,
    ) -> PyResult<MutexGuard<'a, State>> {
        loop {
            let lock = imports::held_lock(py)?;
            let release = lock.getattr(pyo3::intern!(py, "release"))?.unbind();
            let mut state = self.state();
            if state.backlog.has_room(deliveries) {
                return Ok(state);
            }
            state.waiting_for_room.push(release.clone_ref(py));
            drop(state);
            let woken = wait_for(&lock, Some(LOOK_AGAIN));
            if !matches!(woken, Ok(true)) {
                self.stop_waiting(release.bind(py));
            }
            woken?;
            self.check_open(py, None)?;
        }
    }

    /// Logs that deliveries are dropped, at the first time.
    #[cold]
    fn tell_of_drops(&self, py: Python<'_>) -> PyResult<()> {
        let limit = {
            let mut state = self.state();
            if std::mem::replace(&mut state.has_told_of_drops, true) {
                return Ok(());
            }
            state.backlog.max_pending()
        };
        imports::logger(py)?.invoke_method1(pyo3::intern!(py, "warning"),
            (
                "posts are being dropped, as %d deliveries are pending; bus.dropped counts them (told once a bus)",
                limit,
            ),
        )?;
        Ok(())
    }
}

impl State {
    /// Adds a delivery to its line. Says whether its runner has something new to do.
    #[inline]
    pub(crate) fn push(&mut self, runner: usize, posted: Posted) -> (bool, Option<TurnedAway>) {
        if posted.entry.handler().policed.is_some() {
            return self.push_policed(runner, posted);
        }
        let line = posted.entry.sequence();
        (self.backlog.push(line, runner, posted), None)
    }

    /// The same, for a handler with a policy. Says also which delivery its limit has no room for.
    fn push_policed(&mut self, runner: usize, posted: Posted) -> (bool, Option<TurnedAway>) {
        let entry = Arc::clone(&posted.entry);
        let line = entry.sequence();
        let policed = entry.handler().policed.as_ref();
        let limit = policed.and_then(|policed| policed.regulator.policy().concurrency());
        let Some(limit) = limit else {
            return (self.backlog.push_alone(1, line, runner, posted), None);
        };
        let width = limit.concurrency();
        let most = limit
            .room()
            .map_or(usize::MAX, |room| room.saturating_add(width));
        let mut away = None;
        if self.backlog.pending_in(line) >= most {
            away = match limit.overflow() {
                WhenFull::DropOld => self.backlog.drop_oldest(line),
                WhenFull::DropNew => None,
                _ => return (false, Some(TurnedAway::Refused(posted))),
            };
            if away.is_none() {
                self.backlog.note_dropped(1);
                return (false, Some(TurnedAway::Dropped(posted)));
            }
        }
        let is_ready = self.backlog.push_alone(width, line, runner, posted);
        (is_ready, away.map(TurnedAway::Dropped))
    }
}

/// A delivery for which the limit of its handler had no room.
pub(crate) enum TurnedAway {
    Dropped(Posted),
    Refused(Posted),
}

impl TurnedAway {
    /// Counts it, and tells whoever is to know.
    #[cold]
    pub(crate) fn tell(self, py: Python<'_>) -> PyResult<()> {
        match self {
            Self::Dropped(posted) => {
                posted.note_dropped(py);
                Ok(())
            }
            Self::Refused(posted) => posted.fail_for_want_of_room(py),
        }
    }
}

/// Whether this thread may wait for room: not if others wait for it to make some.
pub(crate) fn may_wait(py: Python<'_>) -> PyResult<bool> {
    Ok(!is_worker() && !is_delivering_any() && !imports::is_on_loop(py)?)
}

#[cold]
fn full(py: Python<'_>, limit: usize, overflow: Overflow) -> PyErr {
    let advice = if overflow == Overflow::Raise {
        "post less at a time, raise max_pending, or choose another overflow"
    } else {
        "an event loop or a worker thread must not wait for room: drain in between, raise max_pending, or choose another overflow"
    };
    let message = format!("{limit} deliveries are pending, which is max_pending: {advice}");
    match imports::queue_full(py).and_then(|class| class.invoke1((message,))) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}
