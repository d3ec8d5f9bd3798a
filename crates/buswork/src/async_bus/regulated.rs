//! One delivery of the async bus to a handler that has a policy: its turn, and its attempts.

use std::any::TypeId;
use std::cell::RefCell;
use std::error::Error as StdError;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::handler::{AsyncCallee, Call};
use super::turns::{Slot, Turned, turn};
use crate::dead_letters::FailedAttempt;
use crate::delivery::SkipReason;
use crate::entry::Entry;
use crate::failure::{Cause, Panicked};
use crate::handler::BoxError;
use crate::plan::Subscriber;
use crate::policed::{Policed, Refused, may_try_again, time};
use crate::policy::{Next, Refusal};
use crate::sync::Arc;
use crate::trace::{self, Outcome};

/// What a delivery ends with that has not gone well: an error on its way to the bus.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Its handler was not called after all.
    NotCalled(SkipReason),
    Failed {
        cause: Cause,
        attempts: Vec<FailedAttempt>,
    },
}

impl Ending {
    /// What the traces are told.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::NotCalled(reason) => Outcome::Skipped(*reason),
            Self::Failed { cause, .. } => trace::failed(cause),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a delivery under a policy has ended")
    }
}

impl StdError for Ending {}

/// An attempt took longer than the policy allows: the error of a [`Failure`](crate::Failure), to be
/// found by `failure.error().downcast_ref::<TimedOut>()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOut {
    after: Duration,
}

impl TimedOut {
    /// How long an attempt may take.
    pub fn after(&self) -> Duration {
        self.after
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.after;
        write!(
            formatter,
            "it took longer than its policy allows, {after:?}"
        )
    }
}

impl StdError for TimedOut {}

/// A delivery and its policy.
pub(crate) struct Regulated<E> {
    pub(crate) policed: Arc<Policed>,
    pub(crate) entry: Arc<Entry<TypeId, Subscriber>>,
    pub(crate) callee: Arc<AsyncCallee<E>>,
    pub(crate) event: Arc<E>,
    /// Whether it is in the background, where it may wait for the breaker.
    pub(crate) is_posted: bool,
    /// Is told when its turn has come.
    pub(crate) begun: Option<Arc<AtomicBool>>,
}

impl<E: Send + Sync + 'static> Regulated<E> {
    /// Waits for its turn, and makes the attempts.
    pub(crate) async fn run(self) -> Result<(), BoxError> {
        // A `once` is spent by now.
        if self.entry.is_once() {
            self.note_begun();
        }
        let slot = loop {
            match turn(&self.policed, self.is_posted).await {
                Turned::Begun(slot) => break slot,
                Turned::Dropped => return Err(not_called(SkipReason::Limit)),
                Turned::Refused(Refusal::Open { until }) if self.is_posted => {
                    self.rest(until.saturating_sub(time())).await;
                }
                // The probe ends sooner or later, and others with it.
                Turned::Refused(Refusal::Probing) if self.is_posted => self.rest(LOOK_AGAIN).await,
                Turned::Refused(refusal) => return Err(self.refused(refusal)),
            }
            if self.is_over() {
                return Err(self.skipped(SkipReason::Cancelled));
            }
        };
        self.note_begun();
        // It may have been cancelled or paused while it waited.
        if let Err(reason) = self.entry.check()
            && !self.entry.is_once()
        {
            return Err(self.skipped(reason));
        }
        self.attempt(slot).await
    }

    fn note_begun(&self) {
        if let Some(begun) = &self.begun {
            begun.store(true, Ordering::Release);
        }
    }

    /// Whether its subscription has ended meanwhile.
    fn is_over(&self) -> bool {
        self.entry.is_ended() && !self.entry.is_once()
    }

    /// Waits so long, unless its subscription ends before.
    #[cfg(feature = "tokio")]
    async fn rest(&self, time: Duration) {
        let ended = self.policed.ended.notified();
        // Whoever ends it from now on is heard.
        if !self.is_over() {
            in_time(time, ended).await;
        }
    }

    /// What would need a clock is refused at the subscription.
    #[cfg(not(feature = "tokio"))]
    #[expect(clippy::unused_async, reason = "it stands for the other one")]
    async fn rest(&self, _time: Duration) {}

    fn skipped(&self, reason: SkipReason) -> BoxError {
        self.policed.regulator.figures().note_skipped();
        not_called(reason)
    }

    fn refused(&self, refusal: Refusal) -> BoxError {
        match self.policed.refuse(refusal, time()) {
            None => not_called(SkipReason::Limit),
            Some(refused) => failed(Cause::Returned(Box::<Refused>::new(refused)), Vec::new()),
        }
    }

    async fn attempt(&self, mut slot: Slot) -> Result<(), BoxError> {
        let figures = self.policed.regulator.figures();
        let mut attempts = Vec::new();
        loop {
            let started = Instant::now();
            let called = self.call(&slot).await;
            figures.note_elapsed(started.elapsed());
            let Err(cause) = called else {
                slot.succeeded();
                return Ok(());
            };
            let error: &(dyn StdError + Send + Sync) = match &cause {
                Cause::Returned(error) => &**error,
                Cause::Panicked(panicked) => panicked,
            };
            attempts.push(FailedAttempt::new(error));
            let name = &self.entry.handler().name;
            let next = slot.failed(name, error);
            match next {
                Next::Again { after } if may_try_again(&self.entry) => {
                    if !after.is_zero() {
                        self.rest(after).await;
                    }
                    if !may_try_again(&self.entry) {
                        slot.fail();
                        return Err(failed(cause, attempts));
                    }
                }
                _ => {
                    slot.fail();
                    return Err(failed(cause, attempts));
                }
            }
        }
    }

    /// Calls the handler. Its panics are caught, and it is dropped when it takes too long.
    async fn call(&self, slot: &Slot) -> Result<(), Cause> {
        let event = Arc::clone(&self.event);
        let called = AssertUnwindSafe(async {
            match &self.callee.call {
                Call::Sync(handler) => handler.handle(&event),
                Call::Async(handler) => Arc::clone(handler).start(event).await,
            }
        });
        let holding = Holding {
            slot: slot.key(),
            inner: Box::pin(called.catch_unwind()),
        };
        let called = match self.policed.regulator.policy().timeout_of_attempt() {
            None => Ok(holding.await),
            Some(after) => in_time(after, holding).await.ok_or(TimedOut { after }),
        };
        let called = called.map_err(|timed_out| {
            self.policed.regulator.figures().note_timed_out();
            Cause::Returned(Box::new(timed_out))
        })?;
        match called {
            Ok(returned) => returned.map_err(Cause::Returned),
            Err(payload) => Err(Cause::Panicked(Panicked::new(&*payload))),
        }
    }
}

/// After how long one that waits for the end of a probe looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

fn not_called(reason: SkipReason) -> BoxError {
    Box::new(Ending::NotCalled(reason))
}

fn failed(cause: Cause, attempts: Vec<FailedAttempt>) -> BoxError {
    Box::new(Ending::Failed { cause, attempts })
}

#[cfg(feature = "tokio")]
async fn in_time<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(time, future).await.ok()
}

/// What would need a clock is refused at the subscription.
#[cfg(not(feature = "tokio"))]
async fn in_time<T>(_time: Duration, future: impl Future<Output = T>) -> Option<T> {
    Some(future.await)
}

thread_local! {
    /// The regulators of the deliveries inside of which this thread is, outermost first.
    static HELD: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Whether this thread is inside a delivery of this regulator: one that is nested in it must not wait for
/// it.
pub(crate) fn is_held(regulator: usize) -> bool {
    HELD.with_borrow(|held| held.contains(&regulator))
}

/// A handler's future that makes known, while it is polled, whose slot it has.
struct Holding<F> {
    slot: usize,
    inner: Pin<Box<F>>,
}

impl<F: Future> Future for Holding<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        struct Held;
        impl Drop for Held {
            fn drop(&mut self) {
                HELD.with_borrow_mut(Vec::pop);
            }
        }
        HELD.with_borrow_mut(|held| held.push(self.slot));
        let _held = Held;
        self.inner.as_mut().poll(context)
    }
}
