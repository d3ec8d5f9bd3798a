//! The threads that run the posted deliveries of a sync bus.
//!
//! One thread runs all of them as long as none takes long. While it has more than one line to run, a
//! second one *stands by*: it looks every now and then whether the first has got on, and joins in
//! when it has not, which makes a third one stand by. So a slow handler holds nobody up, and quick
//! ones do not cost a thread each. They are threads of `threading`'s, made when they are needed, and
//! end when they have been idle for a while. They hold the background, and not the bus.

use std::cell::Cell;
use std::sync::Arc;

use pyo3::prelude::*;

use crate::background::{Background, THREADS, Wakes};
use crate::calling::Invoke;
use crate::ending;
use crate::imports;
use crate::posted::is_delivering;

/// How many threads a bus has at most.
const MOST: usize = 32;
/// After how many seconds the one that stands by looks again.
const STAND_BY: f64 = 0.002;
/// After how many seconds of idleness a thread ends.
const LINGER: f64 = 5.0;

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
    /// How many deliveries were taken, and how many when the one that stands by looked last.
    taken: u64,
    seen: u64,
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
        self.next_number += 1;
        wakes.workers.push(self.next_number);
        self.next_number
    }

    /// Takes back that a worker was to be started.
    fn call_off(&mut self, number: u64) {
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
}

#[pymethods]
impl Worker {
    /// Runs what is ready. Returns for how many seconds to wait for `wake` to be called, which
    /// becomes possible then; or `None` when the thread is to end.
    fn work(&self, py: Python<'_>, wake: Py<PyAny>) -> PyResult<Option<f64>> {
        IS_WORKER.set(true);
        match self.order() {
            Order::End => return Ok(None),
            Order::Wait(seconds) => return Ok(Some(seconds)),
            Order::Work => {}
        }
        let worked = self.background.run_ready(py, self.epoch);
        let mut state = self.background.state();
        if state.crew.epoch != self.epoch {
            return Ok(None);
        }
        state.crew.active -= 1;
        let ends = Background::is_closed(&state) || worked.is_err();
        if ends {
            state.crew.alive -= 1;
        } else {
            state.crew.idle.push((self.number, wake));
        }
        drop(state);
        worked?;
        Ok((!ends).then_some(LINGER))
    }
}

impl Worker {
    fn order(&self) -> Order {
        let mut state = self.background.state();
        if state.crew.epoch != self.epoch {
            return Order::End;
        }
        let is_ready = state.backlog.is_ready(THREADS);
        let crew = &mut state.crew;
        if crew.standing_by == Some(self.number) {
            if is_ready && crew.seen != crew.taken && crew.active > 0 {
                crew.seen = crew.taken;
                return Order::Wait(STAND_BY);
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
        if is_ready {
            crew.active += 1;
        } else {
            crew.alive -= 1;
        }
        drop(state);
        drop(lingered);
        if is_ready { Order::Work } else { Order::End }
    }
}

impl Background {
    /// Runs what is ready for threads, on this one, until nothing is. An error is an interrupt.
    fn run_ready(self: &Arc<Self>, py: Python<'_>, epoch: u64) -> PyResult<()> {
        let mut ticket = None;
        loop {
            let mut wakes = Wakes::default();
            let mut state = self.state();
            if epoch != state.crew.epoch {
                return Ok(());
            }
            if let Some(ticket) = ticket {
                state.done(ticket, THREADS, &mut wakes);
            }
            let taken = state.backlog.take(THREADS);
            if taken.is_some() {
                state.crew.taken += 1;
                if state.crew.standing_by.is_none() && state.backlog.is_ready(THREADS) {
                    state.crew.wake(&mut wakes);
                }
            }
            drop(state);
            self.wake(py, wakes);
            let Some((next, posted)) = taken else {
                return Ok(());
            };
            ticket = Some(next);
            if let Err(error) = posted.deliver(py) {
                drop(posted);
                let mut wakes = Wakes::default();
                let mut state = self.state();
                state.done(next, THREADS, &mut wakes);
                if state.backlog.is_ready(THREADS) {
                    state.crew.wake(&mut wakes);
                }
                drop(state);
                self.wake(py, wakes);
                return Err(error);
            }
            drop(posted);
        }
    }

    /// Starts a thread that was called for. Where none can be started, as at the end of the
    /// program, this one does the work.
    pub(crate) fn start_worker(self: &Arc<Self>, py: Python<'_>, number: u64) -> PyResult<()> {
        let epoch = self.state().crew.epoch;
        let worker = Worker {
            background: Arc::clone(self),
            number,
            epoch,
        };
        if !ending::has_finished() && imports::start_worker(py)?.invoke1((worker,))?.is_truthy()? {
            return Ok(());
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
        Ok(())
    }

    /// Runs what is ready for threads on this one, as if it were a worker.
    pub(crate) fn run_here(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        let epoch = {
            let mut state = self.state();
            state.crew.active += 1;
            state.crew.epoch
        };
        let ran = self.run_ready(py, epoch);
        let mut state = self.state();
        if state.crew.epoch == epoch {
            state.crew.active -= 1;
        }
        drop(state);
        ran
    }
}
