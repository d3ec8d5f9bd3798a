//! The threads of a bus. They hold its queue and not the bus itself, so that a bus ends with its last
//! handle and its last posted delivery.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::backlog::Ticket;
use crate::failure::Panicked;
use crate::inner::Limits;
use crate::policed::now;
use crate::posting::job::{Job, Later};
use crate::posting::queue::{self, Phase, Queue};
use crate::posting::summons::{Staff, Summons};

/// How long a thread rests before it ends.
const REST: Duration = Duration::from_secs(5);
/// How long deliveries may have ended before that is noted.
const WHILE: Duration = Duration::from_micros(100);
/// How often the thread that stands by looks.
const LOOK: Duration = Duration::from_millis(5);

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is a worker of any bus. One must not wait for another, or all might.
pub(crate) fn is_worker() -> bool {
    IS_WORKER.with(Cell::get)
}

pub(crate) type State = queue::State<Job, Staff>;

/// The queue of a bus, and its threads.
pub(crate) struct Workers {
    pub(crate) queue: Queue<Job, Staff>,
    processors: usize,
    /// For those that rest.
    call: Condvar,
    /// For the one that stands by.
    relief: Condvar,
}

impl Workers {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            queue: Queue::new(limits),
            processors: thread::available_parallelism().map_or(1, Into::into),
            call: Condvar::new(),
            relief: Condvar::new(),
        })
    }

    /// Wakes or starts whom a change of the queue calls for.
    ///
    /// # Panics
    /// When the system gives no thread, and there is none.
    #[inline]
    pub(crate) fn act(self: &Arc<Self>, summons: Summons) {
        match summons {
            Summons::Nobody => {}
            Summons::Resting => self.call.notify_one(),
            Summons::Standby => self.relief.notify_all(),
            Summons::New => self.hire(),
        }
    }

    /// Brings back what rests of a line, since its subscription has ended.
    pub(crate) fn rouse(self: &Arc<Self>, line: u64) {
        let mut state = self.queue.lock();
        if state.backlog.rouse(line).is_empty() {
            return;
        }
        let ready = state.backlog.ready(());
        let summons = state.staff.summon(ready);
        drop(state);
        self.act(summons);
    }

    #[cold]
    fn hire(self: &Arc<Self>) {
        let own = Arc::clone(self);
        let thread = thread::Builder::new().name("buswork".to_owned());
        let Err(error) = thread.spawn(move || own.work()) else {
            return;
        };
        let mut state = self.queue.lock();
        state.staff.not_hired();
        let threads = state.staff.threads();
        drop(state);
        assert!(
            threads > 0,
            "no thread for posted deliveries could be started: {error}"
        );
        log::warn!("no further thread for posted deliveries could be started: {error}");
    }

    /// Waits until the threads have ended, after a close.
    pub(crate) fn wait_for_end(&self) {
        let state = self.queue.lock();
        self.call.notify_all();
        self.relief.notify_all();
        drop(
            self.queue
                .wait(state, None, |state| state.staff.threads() == 0),
        );
    }

    /// The bus is gone: the threads end.
    pub(crate) fn end(&self) {
        let mut state = self.queue.lock();
        state.close();
        self.call.notify_all();
        self.relief.notify_all();
    }

    /// The life of a thread.
    fn work(self: Arc<Self>) {
        IS_WORKER.with(|is_worker| is_worker.set(true));
        let mut jobs = Vec::new();
        let mut state = Some(self.queue.lock());
        while let Some(held) = state {
            state = self.go_on(held, &mut jobs);
        }
    }

    /// Does the next thing. Returns nothing when the thread is to end.
    fn go_on<'a>(
        self: &'a Arc<Self>,
        mut state: Held<'a>,
        jobs: &mut Vec<Job>,
    ) -> Option<Held<'a>> {
        if let Some(shift) = state.staff.stand_by() {
            state = self.stand_by(state, shift);
        }
        wake_rested(&mut state);
        let Some(ticket) = state.backlog.take_some((), self.queue.helping, jobs) else {
            // All that is ready has been worked off: now those who wait for room may come.
            state.wake_poster();
            return self.rest(state);
        };
        let ready = state.backlog.ready(());
        let epoch = state.staff.take(ready);
        // What rests is watched over too, lest it wait for this handler.
        let rests = state.backlog.next_wake().is_some();
        let summons = state.staff.summon(ready + usize::from(rests));
        drop(state);
        self.act(summons);
        let left = self.run(ticket, jobs);
        let mut state = self.queue.lock();
        state.staff.done(epoch);
        if let Some((job, later)) = left {
            let given_up = put_back(&mut state, ticket, job, later);
            if given_up.is_some() {
                drop(state);
                drop(given_up);
                state = self.queue.lock();
            }
            return Some(state);
        }
        if self.queue.settle(&mut state, ticket) && state.phase == Phase::Closed {
            self.call.notify_all();
            self.relief.notify_all();
        }
        Some(state)
    }

    /// Makes the deliveries that were taken. If that takes a while, what has ended meanwhile is noted by
    /// the way, for others to see.
    /// Returns one that has not ended, which was taken alone.
    fn run(&self, ticket: Ticket, jobs: &mut Vec<Job>) -> Option<(Job, Later)> {
        let (mut ended, mut left) = (0, jobs.len());
        let started = (left > 1).then(Instant::now);
        for job in jobs.drain(..) {
            let unended = run(job);
            if unended.is_some() {
                return unended;
            }
            ended += 1;
            left -= 1;
            if left > 0
                && started.is_some_and(|started| started.elapsed() > WHILE)
                && let Some(mut state) = self.queue.try_lock()
            {
                self.queue.settle_some(&mut state, ticket, ended);
                ended = 0;
            }
        }
        None
    }

    /// Looks now and then, until there is a reason to work or to rest.
    fn stand_by<'a>(&'a self, mut state: Held<'a>, shift: u64) -> Held<'a> {
        let mut look = state.staff.look();
        loop {
            let waited = self.relief.wait_timeout(state, LOOK);
            let (held, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state = held;
            if state.staff.is_relieved(shift) {
                return state;
            }
            wake_rested(&mut state);
            let ready = state.backlog.ready(());
            let is_over = state.phase == Phase::Closed;
            let staff = &mut state.staff;
            if is_over || waited.timed_out() && staff.look_again(&mut look, ready, self.processors)
            {
                staff.leave_standby();
                return state;
            }
        }
    }

    /// Waits to be called. Returns nothing if nobody calls for long, or the bus has ended.
    fn rest<'a>(&'a self, mut state: Held<'a>) -> Option<Held<'a>> {
        if state.phase == Phase::Closed {
            state.staff.leave();
            self.queue.tell_quiet();
            return None;
        }
        state.staff.rest();
        loop {
            let wait = time_to_rest(&state);
            let waited = self.call.wait_timeout(state, wait);
            let (held, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state = held;
            if state.staff.is_called() {
                return Some(state);
            }
            let has_woken = wake_rested(&mut state);
            if state.backlog.is_ready(()) && (has_woken || waited.timed_out()) {
                state.staff.get_up();
                return Some(state);
            }
            let is_needed = state.backlog.next_wake().is_some();
            if waited.timed_out() && !is_needed || state.phase == Phase::Closed {
                state.staff.leave_rest();
                self.queue.tell_quiet();
                return None;
            }
        }
    }
}

type Held<'a> = MutexGuard<'a, State>;

/// Runs a delivery. The event, and the bus itself, may be dropped with it.
fn run(job: Job) -> Option<(Job, Later)> {
    catch_unwind(AssertUnwindSafe(|| job.run())).unwrap_or_else(|payload| {
        log::error!("a posted delivery {}", Panicked::new(&*payload));
        None
    })
}

/// Puts a delivery back that has not ended. Returns it, if its line is gone.
fn put_back(state: &mut State, ticket: Ticket, job: Job, later: Later) -> Option<Job> {
    // Its subscription may have ended meanwhile: then nobody rouses it.
    let later = if job.is_over() {
        later.at_once()
    } else {
        later
    };
    match later {
        Later::Rests(after) => state.backlog.rest(ticket, job, now().saturating_add(after)),
        Later::Waits(wait) => state
            .backlog
            .hold(ticket, job, Some(now().saturating_add(wait))),
    }
}

/// Brings back what has rested by now. Says whether there was anything.
fn wake_rested(state: &mut State) -> bool {
    state.backlog.next_wake().is_some() && !state.backlog.wake(now()).is_empty()
}

/// How long a thread rests, unless it is called.
fn time_to_rest(state: &State) -> Duration {
    let next = state.backlog.next_wake();
    next.map_or(REST, |next| next.saturating_sub(now()).min(REST))
}
