//! The threads that run the posted deliveries of a sync bus.
//!
//! One thread runs all of them as long as none takes long. While it has more than one line to run, a
//! second one *stands by*: it looks every now and then whether the first has got on, and joins in
//! when it has not, which makes a third one stand by. So a slow handler holds nobody up, and quick
//! ones do not cost a thread each. They are threads of `threading`'s, made when they are needed, and
//! end when they have been idle for a while. They hold the background, and not the bus.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use buswork::backlog::Ticket;
use pyo3::prelude::*;

use crate::background::{Background, State, THREADS, Wakes};
use crate::calling::Invoke;
use crate::ending;
use crate::exception;
use crate::failure;
use crate::imports;
use crate::policed;
use crate::posted::{Next, Posted, is_delivering};

/// How many threads a bus has at most.
const MOST: usize = 32;
/// How many threads that are stuck are replaced at most.
const MOST_LOST: i64 = 32;
/// After how many seconds the one that stands by looks again.
const STAND_BY: f64 = 0.002;
/// After how many seconds of idleness a thread ends.
const LINGER: f64 = 5.0;
/// How often it is tried to start a thread, as each time an interrupt may come.
const ATTEMPTS: usize = 3;

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is a worker of any bus.
pub(crate) fn is_worker() -> bool {
    IS_WORKER.get()
}

/// The threads of one bus. They are known by numbers.
#[derive(Default)]
pub(crate) struct Crew {
    /// Another one after each fork, so that nobody of the former crew is taken for one of this.
    epoch: u64,
    next_number: u64,
    alive: usize,
    /// How many run deliveries.
    active: usize,
    standing_by: Option<u64>,
    /// How many are stuck in a handler whose time is over.
    /// The handler may end just before that is noted, so it may be less than none for a moment.
    lost: i64,
    /// How many deliveries were taken, and how many when the one that stands by looked last.
    taken: u64,
    seen: u64,
    /// Those that were called for, and have not begun.
    starting: Vec<u64>,
    /// Those that wait, and what wakes them.
    idle: Vec<(u64, Py<PyAny>)>,
}

impl Crew {
    /// Finds somebody for a line that is ready.
    pub(crate) fn wake(&mut self, wakes: &mut Wakes) {
        if ending::has_finished() {
            self.begin(wakes);
            self.active += 1;
        } else if self.active > 0 {
            if self.standing_by.is_none() {
                self.standing_by = self.call(wakes);
            }
        } else if self.call(wakes).is_some() {
            self.active += 1;
        }
    }

    /// Wakes somebody who is idle, or has one more started.
    fn call(&mut self, wakes: &mut Wakes) -> Option<u64> {
        if let Some((number, wake)) = self.idle.pop() {
            wakes.calls.push(wake);
            return Some(number);
        }
        (self.alive < MOST).then(|| self.begin(wakes))
    }

    /// Has one more started.
    fn begin(&mut self, wakes: &mut Wakes) -> u64 {
        self.alive += 1;
        let number = self.number();
        wakes.workers.push(number);
        number
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.starting.push(self.next_number);
        self.next_number
    }

    /// Notes that a worker begins. Says whether it is wanted still.
    fn begins(&mut self, number: u64) -> bool {
        let place = self.starting.iter().position(|known| *known == number);
        place
            .map(|place| self.starting.swap_remove(place))
            .is_some()
    }

    /// Has another one begin in the place of one, unless that has begun already.
    fn replace(&mut self, number: u64) -> Option<u64> {
        if !self.begins(number) {
            return None;
        }
        let next = self.number();
        if self.standing_by == Some(number) {
            self.standing_by = Some(next);
        }
        Some(next)
    }

    /// Notes that a worker is stuck, and is to be replaced: unless too many are.
    fn lose(&mut self) -> bool {
        self.active -= 1;
        self.lost += 1;
        if self.lost > MOST_LOST {
            return false;
        }
        self.alive -= 1;
        true
    }

    /// Notes that a worker that was stuck is so no more. It ends.
    fn found(&mut self) {
        if self.lost > MOST_LOST {
            self.alive -= 1;
        }
        self.lost -= 1;
    }

    /// Takes back that a worker was to be started.
    fn call_off(&mut self, number: u64) {
        self.begins(number);
        self.alive -= 1;
        if self.standing_by == Some(number) {
            self.standing_by = None;
        } else {
            self.active -= 1;
        }
    }

    /// Wakes all who are idle, to end.
    pub(crate) fn wake_idle(&mut self, wakes: &mut Wakes) {
        for (_, wake) in std::mem::take(&mut self.idle) {
            self.active += 1;
            wakes.calls.push(wake);
        }
    }

    /// A new crew, with nobody in it. Returns the former.
    pub(crate) fn next_epoch(&mut self) -> Self {
        let next = Self {
            epoch: self.epoch + 1,
            ..Self::default()
        };
        std::mem::replace(self, next)
    }
}

/// Whether a thread that has run deliveries is to stay.
enum Stay {
    Wanted,
    /// Its last delivery took too long, and it was replaced.
    Lost,
}

/// What a worker is to do.
enum Order {
    Work,
    /// Wait for so many seconds, or until it is woken.
    Wait(f64),
    End,
}

/// One thread's part in the work.
#[pyclass(frozen, module = "buswork._buswork")]
pub(crate) struct Worker {
    background: Arc<Background>,
    number: u64,
    epoch: u64,
    has_begun: AtomicBool,
}

#[pymethods]
impl Worker {
    /// Runs what is ready. Returns for how many seconds to wait for `wake` to be called, which
    /// becomes possible then; or `None` when the thread is to end.
    fn work(&self, py: Python<'_>, wake: Py<PyAny>) -> PyResult<Option<f64>> {
        IS_WORKER.set(true);
        match self.order(py, &wake) {
            Order::End => return Ok(None),
            Order::Wait(seconds) => return Ok(Some(seconds)),
            Order::Work => {}
        }
        let worked = self.background.run_ready(py, self.epoch);
        let mut state = self.background.state();
        if state.crew.epoch != self.epoch {
            return Ok(None);
        }
        if let Ok(Stay::Lost) = worked {
            state.crew.found();
            // Where it was not replaced, nobody else may be there to go on.
            let mut wakes = Wakes::default();
            if state.has_more() {
                state.crew.wake(&mut wakes);
            }
            drop(state);
            self.background.wake(py, wakes);
            return Ok(None);
        }
        state.crew.active -= 1;
        let ends = Background::is_closed(&state) || worked.is_err();
        if ends {
            state.crew.alive -= 1;
        } else {
            state.crew.idle.push((self.number, wake));
        }
        let wait = state.time_to_wait();
        drop(state);
        worked?;
        Ok((!ends).then_some(wait))
    }
}

impl Worker {
    fn order(&self, py: Python<'_>, wake: &Py<PyAny>) -> Order {
        let mut state = self.background.state();
        state.wake_rested();
        if state.crew.epoch != self.epoch {
            return Order::End;
        }
        let is_ready = state.backlog.is_ready(THREADS);
        let has_rests = state.backlog.next_wake().is_some();
        let wait = state.time_to_wait();
        let crew = &mut state.crew;
        if !self.has_begun.swap(true, Ordering::Relaxed) && !crew.begins(self.number) {
            return Order::End;
        }
        if crew.standing_by == Some(self.number) {
            if (is_ready || has_rests) && crew.seen != crew.taken && crew.active > 0 {
                crew.seen = crew.taken;
                return Order::Wait(STAND_BY.min(wait));
            }
            crew.standing_by = None;
            crew.active += 1;
            return Order::Work;
        }
        let Some(place) = crew.idle.iter().position(|(one, _)| *one == self.number) else {
            // Whoever woke or started it has counted it already.
            return Order::Work;
        };
        // It has waited for long enough.
        let lingered = crew.idle.swap_remove(place);
        let order = if is_ready {
            crew.active += 1;
            Order::Work
        } else if has_rests {
            crew.idle.push((self.number, wake.clone_ref(py)));
            Order::Wait(wait)
        } else {
            crew.alive -= 1;
            Order::End
        };
        drop(state);
        drop(lingered);
        order
    }
}

impl State {
    /// Brings back what has rested by now, for threads.
    #[inline]
    pub(crate) fn wake_rested(&mut self) {
        if self.backlog.next_wake().is_some() {
            self.backlog.wake(policed::now());
        }
    }

    /// Whether there is something for threads to do, now or later.
    #[inline]
    fn has_more(&self) -> bool {
        self.backlog.is_ready(THREADS) || self.backlog.next_wake().is_some()
    }

    /// For how many seconds a thread is to wait that has nothing to do.
    fn time_to_wait(&self) -> f64 {
        let Some(next) = self.backlog.next_wake() else {
            return LINGER;
        };
        let rests = next.saturating_sub(policed::now());
        rests.as_secs_f64().min(LINGER)
    }

    /// Does with a delivery that was taken what is to be done, and says whether that has ended it.
    /// Returns what must not be dropped under the lock.
    fn put_back(&mut self, ticket: Ticket, next: Next, now: Duration) -> (bool, Option<Posted>) {
        match next {
            Next::Ended | Next::Late => (true, None),
            Next::Rests(posted, after) => (
                false,
                self.backlog.rest(ticket, posted, now.saturating_add(after)),
            ),
            Next::Waits(posted, wait) => {
                let until = Some(now.saturating_add(wait));
                (false, self.backlog.hold(ticket, posted, until))
            }
        }
    }
}

impl Background {
    /// Replaces a worker that is stuck in a handler whose time is over.
    pub(crate) fn replace_lost(self: &Arc<Self>, py: Python<'_>) {
        let mut wakes = Wakes::default();
        let mut state = self.state();
        let is_replaced = state.crew.lose();
        if state.has_more() {
            state.crew.wake(&mut wakes);
        }
        let lost = state.crew.lost;
        drop(state);
        if !is_replaced {
            let line = format!(
                "{lost} threads are stuck in handlers whose time is over, and no more of them are replaced: such handlers should give up by themselves"
            );
            if let Err(error) = failure::log_line(py, "error", &line) {
                exception::defer(py, error);
            }
        }
        self.wake(py, wakes);
    }

    /// Brings back what rests, however long it was to rest: the program ends.
    pub(crate) fn wake_rested(self: &Arc<Self>, py: Python<'_>) {
        let mut wakes = Wakes::default();
        let mut state = self.state();
        state.backlog.wake(Duration::MAX);
        state.wake_loops(&mut wakes);
        drop(state);
        self.wake(py, wakes);
    }

    /// Brings back what rests of a line.
    pub(crate) fn rouse(self: &Arc<Self>, py: Python<'_>, line: u64) {
        let mut wakes = Wakes::default();
        let mut state = self.state();
        for runner in state.backlog.rouse(line) {
            state.wake_runner(runner, &mut wakes);
        }
        drop(state);
        self.wake(py, wakes);
    }

    /// Runs what is ready for threads, on this one, until nothing is. An error is an interrupt.
    fn run_ready(self: &Arc<Self>, py: Python<'_>, epoch: u64) -> PyResult<Stay> {
        let mut last = None;
        loop {
            let mut wakes = Wakes::default();
            let mut state = self.state();
            if epoch != state.crew.epoch {
                return Ok(Stay::Wanted);
            }
            let mut left = None;
            if let Some((ticket, next, now)) = last.take() {
                let (has_ended, given_up) = state.put_back(ticket, next, now);
                left = given_up;
                if has_ended {
                    state.done(ticket, THREADS, &mut wakes);
                }
            }
            state.wake_rested();
            let taken = state.backlog.take(THREADS);
            if taken.is_some() {
                state.crew.taken += 1;
                // What rests has to be brought back however long this delivery takes.
                let is_watched = state.crew.standing_by.is_some();
                if !is_watched && state.has_more() {
                    state.crew.wake(&mut wakes);
                }
            }
            drop(state);
            drop(left);
            self.wake(py, wakes);
            let Some((next, posted)) = taken else {
                return Ok(Stay::Wanted);
            };
            match posted.deliver(py, self, next) {
                Ok(Next::Late) => return Ok(Stay::Lost),
                Ok(Next::Ended) => last = Some((next, Next::Ended, Duration::ZERO)),
                Ok(after) => last = Some((next, after, policed::now())),
                Err(error) => {
                    let mut wakes = Wakes::default();
                    let mut state = self.state();
                    state.done(next, THREADS, &mut wakes);
                    if state.has_more() {
                        state.crew.wake(&mut wakes);
                    }
                    drop(state);
                    self.wake(py, wakes);
                    return Err(error);
                }
            }
        }
    }

    /// Starts a thread that was called for. Where none can be started, as at the end of the
    /// program, this one does the work.
    pub(crate) fn start_worker(self: &Arc<Self>, py: Python<'_>, number: u64) -> PyResult<()> {
        let mut number = number;
        let mut interrupted = Ok(());
        for _ in 0..ATTEMPTS {
            match self.start_thread(py, number) {
                Ok(true) => return interrupted,
                Ok(false) => break,
                Err(error) => interrupted = interrupted.and(Err(error)),
            }
            // It may have been interrupted before the thread was there, or afterwards.
            match self.state().crew.replace(number) {
                Some(next) => number = next,
                None => return interrupted,
            }
        }
        let mut state = self.state();
        state.crew.call_off(number);
        let is_alone = state.crew.active == 0;
        drop(state);
        // At the end of the program, one that was woken may never come to its work.
        let is_needed = is_alone || ending::has_finished();
        if is_needed && !is_delivering(self.bus()) {
            self.run_here(py)?;
        }
        interrupted
    }

    fn start_thread(self: &Arc<Self>, py: Python<'_>, number: u64) -> PyResult<bool> {
        if ending::has_finished() {
            return Ok(false);
        }
        let worker = Worker {
            background: Arc::clone(self),
            number,
            epoch: self.state().crew.epoch,
            has_begun: AtomicBool::new(false),
        };
        imports::start_worker(py)?.invoke1((worker,))?.is_truthy()
    }

    /// Runs what is ready for threads on this one, as if it were a worker.
    pub(crate) fn run_here(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        let epoch = {
            let mut state = self.state();
            state.crew.active += 1;
            state.crew.epoch
        };
        let ran = self.run_ready(py, epoch).map(drop);
        let mut state = self.state();
        if state.crew.epoch == epoch {
            state.crew.active -= 1;
        }
        drop(state);
        ran
    }
}
