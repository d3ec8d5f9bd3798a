//! The tasks that work off what was posted to an async bus: one a line that is ready.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};

use futures_util::FutureExt;
use tokio::runtime::Handle;

use super::handler::BoxFuture;
use crate::backlog::Ticket;
use crate::failure::Panicked;
use crate::inner::Limits;
use crate::posting::{self, Queue};

/// After so many deliveries a task lets the others of its runtime go on, whose handlers may never
/// have waited.
const TURN: u32 = 32;

/// What an async bus has in the background, from the first post on.
#[derive(Default)]
pub(crate) struct Background {
    tasks: OnceLock<Arc<Tasks>>,
    runtime: Mutex<Option<Handle>>,
}

impl Background {
    pub(crate) fn bind(&self, runtime: Handle) {
        let mut bound = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        *bound = Some(runtime);
    }

    /// The runtime of this thread, or else the one that was bound.
    pub(crate) fn runtime(&self) -> Option<Handle> {
        let bound = || {
            let bound = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
            bound.clone()
        };
        Handle::try_current().ok().or_else(bound)
    }

    pub(crate) fn get(&self) -> Option<&Arc<Tasks>> {
        self.tasks.get()
    }

    pub(crate) fn tasks(&self, limits: Limits) -> &Arc<Tasks> {
        self.tasks.get_or_init(|| Arc::new(Tasks::new(limits)))
    }
}

/// One delivery, to be started.
pub(crate) enum Job {
    /// It begins when it is started.
    Plain(Box<dyn FnOnce() -> BoxFuture<()> + Send>),
    /// It may have to wait for its turn, and says when it begins. Until then it may be started anew.
    Policed(Start),
}

type Start = Box<dyn Fn(Begun) -> BoxFuture<()> + Send>;

/// Whether a delivery has begun.
pub(crate) type Begun = Arc<AtomicBool>;

pub(crate) type State = posting::State<Job, Staff>;

/// Kept under the lock of the queue.
#[derive(Default)]
pub(crate) struct Staff {
    tasks: usize,
    /// How many of them are inside a handler.
    running: usize,
    /// Those who wait until nothing is pending.
    waiting: Vec<Waker>,
}

/// The queue of an async bus. The tasks hold it, and not the bus.
pub(crate) struct Tasks {
    pub(crate) queue: Queue<Job, Staff>,
}

impl Tasks {
    fn new(limits: Limits) -> Self {
        Self {
            queue: Queue::new(limits),
        }
    }

    /// Starts a task for each line that is ready and has none: also for those whose runtime was shut
    /// down meanwhile.
    pub(crate) fn start(self: &Arc<Self>, runtime: &Handle) {
        let mut state = self.queue.lock();
        let idle = state.staff.tasks - state.staff.running;
        let wanted = state.backlog.ready(()).saturating_sub(idle);
        state.staff.tasks += wanted;
        drop(state);
        for _ in 0..wanted {
            let task = Task {
                tasks: Arc::clone(self),
                ticket: None,
                start: None,
                has_left: false,
            };
            drop(runtime.spawn(task.work()));
        }
    }

    /// Ends when nothing is pending, at one moment at least.
    pub(crate) fn quiet(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        let (own, mut before) = (Arc::clone(self), None);
        std::future::poll_fn(move |context| {
            // Wakers are foreign code: it is cloned before the lock, and dropped, if need be, after it.
            let waker = context.waker().clone();
            let mut state = own.queue.lock();
            let before = *before.get_or_insert(state.quiets);
            if state.backlog.pending() == 0 || state.quiets > before {
                return Poll::Ready(());
            }
            let waiting = &mut state.staff.waiting;
            if !waiting.iter().any(|other| other.will_wake(&waker)) {
                waiting.push(waker);
            }
            Poll::Pending
        })
    }

    fn settle(&self, mut state: MutexGuard<'_, State>, ticket: Ticket) {
        state.staff.running -= 1;
        let mut woken = Vec::new();
        if self.queue.settle(&mut state, ticket) {
            woken = std::mem::take(&mut state.staff.waiting);
        }
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }
}

/// One task. When its runtime drops it, its delivery is over if it has begun, and its line may go on
/// elsewhere.
struct Task {
    tasks: Arc<Tasks>,
    ticket: Option<Ticket>,
    /// What may have to be started anew.
    start: Option<(Start, Begun)>,
    has_left: bool,
}

impl Task {
    async fn work(mut self) {
        let mut turn = 0;
        while let Some(job) = self.take() {
            let run = async {
                self.run(job).await;
                // It may own the event, which may panic.
                drop(self.start.take());
            };
            if let Err(payload) = AssertUnwindSafe(run).catch_unwind().await {
                log::error!("a posted delivery {}", Panicked::new(&*payload));
            }
            self.settle();
            turn += 1;
            if turn % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn run(&mut self, job: Job) -> BoxFuture<()> {
        match job {
            Job::Plain(start) => start(),
            Job::Policed(start) => {
                let begun = Begun::default();
                let (start, begun) = self.start.insert((start, begun));
                start(Arc::clone(begun))
            }
        }
    }

    fn take(&mut self) -> Option<Job> {
        let mut state = self.tasks.queue.lock();
        let Some((ticket, job)) = state.backlog.take(()) else {
            // All that is ready has been worked off: now those who wait for room may come. Nobody who
            // posts from now on may count on this task.
            state.wake_poster();
            state.staff.tasks -= 1;
            self.has_left = true;
            return None;
        };
        state.staff.running += 1;
        let idle = state.staff.tasks - state.staff.running;
        let has_more = state.backlog.ready(()) > idle;
        drop(state);
        self.ticket = Some(ticket);
        if has_more {
            // Of a line that is wide, several are in progress at once.
            self.tasks.start(&Handle::current());
        }
        Some(job)
    }

    fn settle(&mut self) {
        drop(self.start.take());
        if let Some(ticket) = self.ticket.take() {
            self.tasks.settle(self.tasks.queue.lock(), ticket);
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if self.has_left {
            return;
        }
        let start = self.start.take();
        let unbegun = start.filter(|(_, begun)| !begun.load(Ordering::Acquire));
        let mut state = self.tasks.queue.lock();
        state.staff.tasks -= 1;
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let Some((start, _)) = unbegun else {
            return self.tasks.settle(state, ticket);
        };
        state.staff.running -= 1;
        let given_up = state.backlog.put_back(ticket, Job::Policed(start));
        drop(state);
        drop(given_up);
    }
}
