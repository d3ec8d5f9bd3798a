//! What a bus delivers in the background: who may post, what waits, and who waits for it.
//!
//! The order of deliveries is the core's ([`buswork::backlog`]). Here is what surrounds it: the
//! lock, the ends of waiting, and the runners that are woken ([`crate::workers`] for the sync bus,
//! [`crate::runner`] for event loops).
//!
//! **Nothing of Python happens under the lock**: no call, no allocation, no destructor. What is to
//! be woken is collected in a [`Wakes`], and woken afterwards.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use buswork::backlog::{Backlog, Overflow, Ticket};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::calling::Invoke;
use crate::causal::Link;
use crate::ending;
use crate::exception;
use crate::imports;
use crate::loops::{Loops, Need, is_closed};
use crate::posted::{Posted, is_delivering};
use crate::publish::is_publishing;
use crate::room::{LOOK_AGAIN, Room, may_wait};
use crate::subscriber::Table;
use crate::workers::Crew;

/// How many handlers are named at most, of those for which something is pending.
const NAMED: usize = 10;

/// The runner that the threads of a sync bus are. An event loop is known by its address.
pub(crate) const THREADS: usize = 0;

/// The background of one bus. Threads that wait for work hold this, and not the bus.
pub(crate) struct Background {
    state: Mutex<State>,
    /// The number of the bus.
    bus: usize,
    table: Weak<Table>,
    is_remembered: AtomicBool,
}

pub(crate) struct State {
    pub(crate) backlog: Backlog<usize, Posted>,
    pub(crate) crew: Crew,
    pub(crate) loops: Loops,
    pub(crate) overflow: Overflow,
    phase: Phase,
    /// How often it was entered, and not left.
    entered: usize,
    /// Whether a drop was logged.
    pub(crate) has_told_of_drops: bool,
    /// What wakes those who wait for room: bound methods, each to be called once.
    pub(crate) waiting_for_room: Vec<Py<PyAny>>,
    /// What wakes those who wait for the end of all deliveries.
    waiting_for_end: Vec<Py<PyAny>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    /// Handlers may still post.
    Closing,
    Closed,
}

/// What is to be done when the lock is released.
#[derive(Default)]
pub(crate) struct Wakes {
    pub(crate) calls: Vec<Py<PyAny>>,
    /// The numbers of workers to be started.
    pub(crate) workers: Vec<u64>,
    /// The loops that are to run deliveries.
    pub(crate) loops: Vec<usize>,
}

impl Background {
    pub(crate) fn new(bus: usize, table: &Arc<Table>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                backlog: Backlog::new(10_000),
                crew: Crew::default(),
                loops: Loops::default(),
                overflow: Overflow::Wait,
                phase: Phase::Open,
                entered: 0,
                has_told_of_drops: false,
                waiting_for_room: Vec::new(),
                waiting_for_end: Vec::new(),
            }),
            bus,
            table: Arc::downgrade(table),
            is_remembered: AtomicBool::new(false),
        })
    }

    pub(crate) fn bus(&self) -> usize {
        self.bus
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn configure(&self, max_pending: usize, overflow: Overflow) {
        let mut state = self.state();
        state.backlog.set_max_pending(max_pending);
        state.overflow = overflow;
    }

    /// Adds the deliveries of one event for a runner, which is woken.
    pub(crate) fn add(
        self: &Arc<Self>,
        py: Python<'_>,
        event_loop: Option<&Bound<'_, PyAny>>,
        deliveries: impl ExactSizeIterator<Item = Posted>,
        room: Room,
    ) -> PyResult<()> {
        if ending::holds_up_posts() {
            wait_for_the_end(py)?;
        }
        let runner = event_loop.map_or(THREADS, |one| one.as_ptr() as usize);
        let mut state = self.state();
        if state.phase != Phase::Open {
            drop(state);
            self.check_open(py, event_loop)?;
            state = self.state();
        }
        if !state.backlog.has_room(deliveries.len()) && room == Room::Sought {
            match self.make_room(py, state, deliveries.len())? {
                Some(with_room) => state = with_room,
                None => return Ok(()),
            }
        }
        let mut is_ready = false;
        let mut turned_away = Vec::new();
        for posted in deliveries {
            let (has_more, away) = state.push(runner, posted);
            is_ready |= has_more;
            turned_away.extend(away);
        }
        let mut wakes = Wakes::default();
        if !turned_away.is_empty() {
            state.wake_loops(&mut wakes);
        }
        let need = match event_loop {
            Some(one) => state.loops.needs_run(one),
            None => Need::Nobody,
        };
        if is_ready && event_loop.is_none() {
            state.crew.wake(&mut wakes);
        }
        drop(state);
        // What is told may take its time, and the others are not to wait for it.
        let mut added = self.wake_for_post(py, wakes);
        if let Some(event_loop) = event_loop.filter(|_| need != Need::Nobody) {
            added = added.and(self.run_on_one_more(event_loop, need));
        }
        for away in turned_away {
            added = added.and(away.tell(py));
        }
        added
    }

    fn run_on_one_more(
        self: &Arc<Self>,
        event_loop: &Bound<'_, PyAny>,
        need: Need,
    ) -> PyResult<()> {
        let abandoned = match need {
            Need::RunnerOfOneMore => self.abandon_closed_loops(event_loop.py()),
            _ => Ok(()),
        };
        abandoned.and(self.run_on(event_loop))
    }

    /// Fails when the bus is closed for this post. While it is closing, its handlers may post, and
    /// whoever does so on a loop that still delivers: a task that a handler has made, say.
    pub(crate) fn check_open(
        &self,
        py: Python<'_>,
        event_loop: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (phase, still_delivers) = {
            let mut state = self.state();
            let delivers = event_loop.is_some_and(|one| state.loops.is_known(one));
            (state.phase, delivers)
        };
        let may_post = match phase {
            Phase::Open => true,
            Phase::Closing => {
                still_delivers
                    || is_delivering(self.bus)
                    || is_publishing(self.bus)
                    || (event_loop.is_some() && Link::is_inside(py, self.bus)?)
            }
            Phase::Closed => false,
        };
        may_post.then_some(()).ok_or_else(closed)
    }

    /// Fails when nobody may post.
    pub(crate) fn refuse_when_closed(&self) -> PyResult<()> {
        if self.state().phase == Phase::Closed {
            return Err(closed());
        }
        Ok(())
    }

    /// Waits until nothing is pending, in so many seconds. Says whether that came to pass.
    pub(crate) fn wait_for_end(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let lock = imports::held_lock(py)?;
        let release = lock.getattr(pyo3::intern!(py, "release"))?.unbind();
        if !self.when_ended(release.clone_ref(py)) {
            return Ok(true);
        }
        let ended = wait_for(&lock, timeout);
        let has_ended = matches!(ended, Ok(true)) || !self.stop_waiting(release.bind(py));
        // It may have come to its end when the time was just over.
        ended.map(|_| has_ended)
    }

    /// Has `wake` called when nothing is pending; not, and `false`, if nothing is.
    pub(crate) fn when_ended(&self, wake: Py<PyAny>) -> bool {
        let mut state = self.state();
        if state.backlog.pending() == 0 {
            return false;
        }
        state.waiting_for_end.push(wake);
        true
    }

    /// Has `wake` not be called any more. Says whether it would have been.
    pub(crate) fn stop_waiting(&self, wake: &Bound<'_, PyAny>) -> bool {
        let mut state = self.state();
        let take = |waiting: &mut Vec<Py<PyAny>>| {
            let place = waiting.iter().position(|known| known.is(wake))?;
            Some(waiting.swap_remove(place))
        };
        let taken = take(&mut state.waiting_for_end).or_else(|| take(&mut state.waiting_for_room));
        drop(state);
        taken.is_some()
    }

    /// Opens the background for a `with` block.
    pub(crate) fn enter(self: &Arc<Self>, py: Python<'_>) {
        self.enter_phase(py, Phase::Open);
        self.state().entered += 1;
    }

    /// Leaves a `with` block. Says whether that was the last one, which closes the bus.
    pub(crate) fn leave(&self) -> bool {
        let mut state = self.state();
        state.entered = state.entered.saturating_sub(1);
        state.entered == 0
    }

    /// Opens the background, or begins or ends its closing; not the latter, and `false`, if somebody
    /// has opened it again meanwhile.
    pub(crate) fn enter_phase(self: &Arc<Self>, py: Python<'_>, phase: Phase) -> bool {
        let mut state = self.state();
        if phase == Phase::Closed && state.phase == Phase::Open {
            return false;
        }
        state.phase = phase;
        if phase != Phase::Open {
            state.entered = 0;
        }
        let mut wakes = Wakes::default();
        if phase != Phase::Open {
            // Those who wait for room are told that the bus is closed.
            wakes.calls = std::mem::take(&mut state.waiting_for_room);
        }
        if phase == Phase::Closed {
            state.crew.wake_idle(&mut wakes);
        }
        drop(state);
        self.wake(py, wakes);
        true
    }

    pub(crate) fn is_closed(state: &State) -> bool {
        state.phase == Phase::Closed
    }

    /// Does what was collected under the lock. Whoever calls this has deliveries in hand, which an
    /// interrupt must not take along: it is sent again, and strikes when they are in safety.
    #[inline]
    pub(crate) fn wake(self: &Arc<Self>, py: Python<'_>, wakes: Wakes) {
        if let Err(error) = self.wake_for_post(py, wakes) {
            exception::defer(py, error);
        }
    }

    /// The same, for somebody who can be told that it went wrong.
    #[inline]
    fn wake_for_post(self: &Arc<Self>, py: Python<'_>, wakes: Wakes) -> PyResult<()> {
        if wakes.calls.is_empty() && wakes.workers.is_empty() && wakes.loops.is_empty() {
            return Ok(());
        }
        self.wake_up(py, wakes)
    }

    /// Wakes all of them, and fails with the first error that there was.
    #[inline(never)]
    fn wake_up(self: &Arc<Self>, py: Python<'_>, wakes: Wakes) -> PyResult<()> {
        let mut woken = Ok(());
        for call in wakes.calls {
            woken = woken.and(call_to_wake(call.bind(py)));
        }
        for number in wakes.workers {
            woken = woken.and(self.start_worker(py, number));
        }
        for runner in wakes.loops {
            let Some(event_loop) = self.state().loops.get(py, runner) else {
                continue;
            };
            let event_loop = event_loop.bind(py);
            match self.run_on(event_loop) {
                // What was lost with it has been told of.
                Err(_) if is_closed(event_loop) => {}
                ran => woken = woken.and(ran),
            }
        }
        woken
    }

    /// Names what is pending: `12 deliveries pending: 10 to m:f (one in progress), 2 to m:g`.
    pub(crate) fn describe_pending(&self) -> String {
        let (pending, lines) = {
            let state = self.state();
            (state.backlog.pending(), state.backlog.lines())
        };
        let entries = self.table.upgrade().map(|table| table.entries());
        let name = |line| {
            let mut entries = entries.iter().flatten();
            match entries.find(|entry| entry.sequence() == line) {
                Some(entry) => &*entry.handler().name,
                None if line == u64::MAX => "middleware",
                None => "an ended subscription",
            }
        };
        let mut text = match pending {
            1 => "1 delivery pending".to_owned(),
            count => format!("{count} deliveries pending"),
        };
        let others = lines.len().saturating_sub(NAMED);
        for (index, (line, waiting, is_running)) in lines.into_iter().take(NAMED).enumerate() {
            let separator = if index == 0 { ": " } else { ", " };
            let count = waiting + usize::from(is_running);
            let _ = write!(text, "{separator}{count} to {}", name(line));
            if is_running {
                text.push_str(" (one in progress)");
            }
        }
        if others > 0 {
            let _ = write!(text, ", and {others} more handlers");
        }
        text
    }

    /// Whether it is among those that are looked after at the end of the program.
    #[inline]
    pub(crate) fn is_remembered(&self) -> bool {
        self.is_remembered.load(Ordering::Acquire)
    }

    /// Notes that it is.
    pub(crate) fn note_remembered(&self) {
        self.is_remembered.store(true, Ordering::Release);
    }

    /// Forgets everything, in a forked child: its threads are not there, and what was posted is
    /// the parent's to deliver.
    pub(crate) fn forget(&self) {
        let entries = self.table.upgrade().map(|table| table.entries());
        for entry in entries.iter().flatten() {
            if let Some(policed) = &entry.handler().policed {
                policed.forget_those_in_progress();
            }
        }
        let mut state = self.state();
        let backlog = state.backlog.clear();
        let crew = state.crew.next_epoch();
        let loops = std::mem::take(&mut state.loops);
        if state.phase == Phase::Closing {
            state.phase = Phase::Open;
        }
        let waiting = (
            std::mem::take(&mut state.waiting_for_room),
            std::mem::take(&mut state.waiting_for_end),
        );
        drop(state);
        drop((backlog, crew, loops, waiting));
    }
}

impl State {
    /// Ends a delivery. Who has something new to do, or waits for this, is put among the wakes.
    #[inline]
    pub(crate) fn done(&mut self, ticket: Ticket, runner: usize, wakes: &mut Wakes) {
        let next = self.backlog.done(ticket);
        if let Some(next) = next.filter(|&next| next != runner) {
            self.wake_runner(next, wakes);
        }
        if !(self.waiting_for_room.is_empty() && self.waiting_for_end.is_empty()) {
            self.wake_waiting(runner, wakes);
        }
    }

    /// Wakes those who wait, if their time has come. Those who wait for room are not woken for each
    /// place that gets free, but when half is, or when nothing else would make room.
    #[cold]
    pub(crate) fn wake_waiting(&mut self, runner: usize, wakes: &mut Wakes) {
        let pending = self.backlog.pending();
        if pending <= self.backlog.max_pending() / 2 || !self.backlog.is_ready(runner) {
            wakes.calls.append(&mut self.waiting_for_room);
        }
        if pending == 0 {
            wakes.calls.append(&mut self.waiting_for_end);
        }
    }

    pub(crate) fn wake_runner(&mut self, runner: usize, wakes: &mut Wakes) {
        if runner == THREADS {
            self.crew.wake(wakes);
        } else {
            self.wake_loop(runner, wakes);
        }
    }

    fn wake_loop(&mut self, runner: usize, wakes: &mut Wakes) {
        if self.loops.is_to_be_run(runner) {
            wakes.loops.push(runner);
        }
    }

    /// Wakes every loop that has something to do.
    pub(crate) fn wake_loops(&mut self, wakes: &mut Wakes) {
        for runner in self.backlog.ready_runners() {
            self.wake_loop(runner, wakes);
        }
    }
}

fn closed() -> PyErr {
    PyRuntimeError::new_err(
        "the bus is closed for posts: post before close(), or enter the bus again (`with bus:`, `async with bus:`)",
    )
}

/// Calls what wakes somebody who waits.
fn call_to_wake(call: &Bound<'_, PyAny>) -> PyResult<()> {
    let Err(error) = call.invoke0() else {
        return Ok(());
    };
    if exception::is_isolated(call.py(), &error) {
        // The loop is closed on which somebody waited.
        error.write_unraisable(call.py(), None);
        return Ok(());
    }
    // It was interrupted, maybe before it had done anything. To wake twice does no harm.
    call.invoke0().map(drop).and(Err(error))
}

/// Waits until the end of the program has been waited for, on a thread that may wait.
#[cold]
fn wait_for_the_end(py: Python<'_>) -> PyResult<()> {
    while ending::holds_up_posts() && may_wait(py)? {
        wait_for(&imports::held_lock(py)?, Some(LOOK_AGAIN))?;
    }
    Ok(())
}

/// Waits until somebody releases a lock, in so many seconds. Says whether that came to pass.
pub(crate) fn wait_for(lock: &Bound<'_, PyAny>, timeout: Option<f64>) -> PyResult<bool> {
    let py = lock.py();
    // One that has come is not seen while the thread waits.
    py.check_signals()?;
    let acquire = pyo3::intern!(py, "acquire");
    let acquired = match timeout {
        None => lock.invoke_method0(acquire),
        Some(seconds) => lock.invoke_method1(acquire, (true, seconds)),
    };
    acquired?.is_truthy()
}
