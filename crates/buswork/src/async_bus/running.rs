//! The handlers of one async publish, from their start to the end of the last.

use std::any::{Any, TypeId};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};
use std::time::Instant;

use super::AsyncEventBus;
use super::handler::{AsyncCallee, BoxFuture, Call};
use super::handling::{Handled, Handling, Pending};
use super::regulated::{Ending, Regulated};
use crate::causal;
use crate::dead_letters::FailedAttempt;
use crate::delivery::SkipReason;
use crate::dispatch::settle;
use crate::entry::Entry;
use crate::error::Error;
use crate::failure::{Cause, Failure, Panicked};
use crate::handler::BoxError;
use crate::inner::failure;
use crate::isolation::{Effect, Isolation};
use crate::plan::{Plan, Step, Subscriber, mind_unhandled, steps};
use crate::report::{Delivery, Report};
use crate::sync::Arc;
use crate::trace::{self, Dispatch, InProgress, Verb};

/// A publish that has been let through to the handlers.
pub(crate) struct Running<E> {
    bus: AsyncEventBus,
    plan: Arc<Plan>,
    event: Arc<E>,
    site: &'static Location<'static>,
    is_started: bool,
    /// Which handler, if it is the delivery of a posted event.
    only: Option<usize>,
    /// Is told then when it is called.
    begun: Option<Arc<AtomicBool>>,
    /// Those that had not ended when they were started.
    pending: Pending,
    /// What the publisher is to be told, by place in the call order.
    failures: Vec<(usize, Failure, Effect)>,
    is_stopped: bool,
    /// What came of each delivery, if it is reported or observed.
    deliveries: Option<Vec<Option<Delivery>>>,
    /// What the traces are told of, from the start on; of a posted event from before.
    dispatch: Option<Arc<Dispatch>>,
    verb: Verb,
}

/// How a publish ended.
pub(crate) struct Ended {
    pub(crate) result: Result<(), Error>,
    /// Empty unless they are reported.
    pub(crate) deliveries: Vec<Delivery>,
}

impl Ended {
    pub(crate) fn of(result: Result<(), Error>) -> Self {
        let deliveries = Vec::new();
        Self { result, deliveries }
    }

    pub(crate) fn into_report(self, event: &'static str) -> Result<Report, Error> {
        let mut report = Report::new(event);
        report.deliveries = self.deliveries;
        match self.result {
            Err(error) if !report.tells(&error) => Err(error),
            _ => Ok(report),
        }
    }
}

impl<E: Any + Send + Sync> Running<E> {
    pub(crate) fn new(
        bus: AsyncEventBus,
        plan: Arc<Plan>,
        event: Arc<E>,
        site: &'static Location<'static>,
        is_reported: bool,
    ) -> Self {
        let is_kept = is_reported || plan.extra().special.observer.is_some();
        let deliveries = is_kept.then(|| plan.entries().iter().map(|_| None).collect());
        Self {
            bus,
            plan,
            event,
            site,
            is_started: false,
            only: None,
            begun: None,
            pending: Pending::default(),
            failures: Vec::new(),
            is_stopped: false,
            deliveries,
            dispatch: None,
            verb: if is_reported {
                Verb::Deliver
            } else {
                Verb::Publish
            },
        }
    }

    /// Runs one handler, and leaves to whoever posted the event what concerns it as a whole.
    pub(crate) fn only(
        mut self,
        place: usize,
        dispatch: Option<Arc<Dispatch>>,
        begun: Option<Arc<AtomicBool>>,
    ) -> Self {
        self.only = Some(place);
        self.begun = begun;
        self.dispatch = dispatch;
        self
    }

    /// Starts the handlers in call order, each up to its first wait.
    fn start(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        self.is_started = true;
        let plan = Arc::clone(&self.plan);
        let steps = steps::<AsyncCallee<E>>(&plan);
        if let Some(place) = self.only {
            self.start_one(place, &steps[place], context);
            return Ok(());
        }
        if plan.extra().is_special {
            self.dispatch = plan.extra().special.dispatch(self.verb, self.site);
            mind_unhandled::<E>(&plan, self.site)?;
            plan.extra().special.tell_published::<E>(self.site);
        }
        for (place, step) in steps.iter().enumerate() {
            if self.is_stopped || causal::is_refused() {
                break;
            }
            self.start_one(place, step, context);
        }
        Ok(())
    }

    fn start_one(&mut self, place: usize, step: &Step<AsyncCallee<E>>, context: &mut Context<'_>) {
        let started = self.deliveries.is_some().then(Instant::now);
        let mut progress = InProgress::of(self.dispatch.as_ref(), &step.entry);
        let inside = progress.as_ref().map(InProgress::inside);
        let begun = catch_unwind(AssertUnwindSafe(|| {
            if !step.entry.is_plain()
                && let Err(reason) = self.bus.inner.admit(step, &*self.event)
            {
                return Begun::Skipped(reason);
            }
            if let Some(policed) = &step.entry.handler().policed {
                let regulated = Regulated {
                    policed: Arc::clone(policed),
                    entry: Arc::clone(&step.entry),
                    callee: Arc::clone(&step.callee),
                    event: Arc::clone(&self.event),
                    is_posted: self.only.is_some(),
                    begun: self.begun.take(),
                };
                return Begun::Waiting(Box::pin(regulated.run()));
            }
            match &step.callee.call {
                Call::Sync(handler) => Begun::Ended(handler.handle(&self.event)),
                Call::Async(handler) => {
                    let event = Arc::clone(&self.event);
                    Begun::Waiting(Arc::clone(handler).start(event))
                }
            }
        }));
        drop(inside);
        let policed = step.entry.handler().policed.as_ref();
        let figures = policed.map(|policed| policed.regulator.figures());
        let result = match begun {
            Ok(Begun::Waiting(future)) => {
                let handling = Handling::new(place, started, future, progress);
                return self.poll_first(handling, context);
            }
            Ok(Begun::Skipped(reason)) => {
                if let Some(progress) = &mut progress {
                    progress.end(trace::Outcome::Skipped(reason));
                }
                if let Some(figures) = figures {
                    figures.note_skipped();
                }
                return self.skip(place, reason);
            }
            Ok(Begun::Ended(result)) => result.map_err(Cause::Returned),
            Err(payload) => {
                // Of a handler that has figures, this was the predicate.
                if let Some(figures) = figures {
                    figures.note_failed();
                }
                Err(Cause::Panicked(Panicked::new(&*payload)))
            }
        };
        if let Some(progress) = &mut progress {
            progress.end(trace::outcome(&result));
        }
        self.note(Handled::new(place, started, result));
    }

    /// Many handlers end without a wait, and need no place among those that are pending. One that does
    /// wait has the waker of the publish now; at the next poll it will get one of its own.
    fn poll_first(&mut self, mut handling: Handling, context: &mut Context<'_>) {
        match Pin::new(&mut handling).poll(context) {
            Poll::Ready(handled) => self.note(handled),
            Poll::Pending => self.pending.push(handling),
        }
    }

    /// Keeps what came of a delivery.
    fn note(&mut self, handled: Handled) {
        let Handled {
            place,
            elapsed,
            result,
        } = handled;
        if result.is_ok() && self.deliveries.is_none() {
            return;
        }
        // A failure that came of a refused publish is the publish's own affair.
        if causal::is_refused() {
            return;
        }
        let (result, attempts) = match result {
            Err(Cause::Returned(error)) => match error.downcast::<Ending>() {
                Ok(ending) => match *ending {
                    Ending::NotCalled(reason) => return self.skip(place, reason),
                    Ending::Failed { cause, attempts } => (Err(cause), attempts),
                },
                Err(error) => (Err(Cause::Returned(error)), Vec::new()),
            },
            result => (result, Vec::new()),
        };
        let entry = &self.plan.entries()[place];
        let tried = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
        let failed = result
            .err()
            .map(|cause| failure(entry.handler(), self.site, cause));
        if let Some(failure) = &failed {
            let inner = &self.bus.inner;
            if self.bury(entry, failure, attempts) && self.only.is_none() {
                // It is accounted for, and no failure of the publisher's.
                inner.judge_posted(entry.handler(), failure);
            } else if let Some((failure, effect)) = inner.judge(entry.handler(), failure.clone()) {
                self.is_stopped |= effect == Effect::Stop;
                self.failures.push((place, failure, effect));
            }
        }
        if self.deliveries.is_some() {
            let subscription = self.bus.inner.subscription(entry);
            let delivery = Delivery::ended(subscription, failed, elapsed);
            self.keep(place, delivery.after(tried.max(1)));
        }
    }

    /// Keeps a failed delivery as a dead letter, if it was posted or its policy says so. Says whether it did.
    #[cfg(feature = "tokio")]
    fn bury(
        &self,
        entry: &Entry<TypeId, Subscriber>,
        failure: &Failure,
        attempts: Vec<FailedAttempt>,
    ) -> bool {
        let policed = entry.handler().policed.as_ref();
        let wanted = policed.and_then(|policed| policed.regulator.policy().dead_letters());
        let is_wanted = self.only.is_some() || wanted == Some(true);
        is_wanted
            && self
                .bus
                .bury(&self.plan, entry, &self.event, failure, attempts)
    }

    /// What is kept is posted anew, for which there would have to be a runtime.
    #[cfg(not(feature = "tokio"))]
    #[expect(clippy::unused_self, reason = "it stands for the other one")]
    fn bury(
        &self,
        _entry: &Entry<TypeId, Subscriber>,
        _failure: &Failure,
        _attempts: Vec<FailedAttempt>,
    ) -> bool {
        false
    }

    fn skip(&mut self, place: usize, reason: SkipReason) {
        if self.deliveries.is_some() {
            let subscription = self.bus.inner.subscription(&self.plan.entries()[place]);
            self.keep(place, Delivery::skipped(subscription, reason));
        }
    }

    fn keep(&mut self, place: usize, delivery: Delivery) {
        let special = &self.plan.extra().special;
        if let Some(observer) = &special.observer {
            observer.delivered(special.published::<E>(self.site), &delivery);
        }
        if let Some(deliveries) = &mut self.deliveries {
            deliveries[place] = Some(delivery);
        }
    }

    /// Drops those that are still running, and says how the publish ended.
    fn end(&mut self) -> Ended {
        if !self.pending.is_empty() {
            self.pending = Pending::default();
        }
        if self.failures.is_empty() && self.deliveries.is_none() {
            return Ended::of(Ok(()));
        }
        let places = self.deliveries.as_ref().map_or(0, Vec::len);
        let places = if self.only.is_some() { 0 } else { places };
        for place in 0..places {
            let is_open = |deliveries: &Vec<Option<_>>| deliveries[place].is_none();
            if self.deliveries.as_ref().is_some_and(is_open) {
                self.skip(place, SkipReason::Stopped);
            }
        }
        let mut failures = std::mem::take(&mut self.failures);
        failures.sort_unstable_by_key(|(place, ..)| *place);
        let mut isolation = Isolation::new();
        for (_, failure, effect) in failures {
            let _ = isolation.record(failure, effect);
        }
        let deliveries = self.deliveries.take().into_iter().flatten().flatten();
        Ended {
            result: settle::<E>(isolation),
            deliveries: deliveries.collect(),
        }
    }
}

impl<E: Any + Send + Sync> Future for Running<E> {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Ended> {
        let this = &mut *self;
        if this.is_started {
            while let Some(handled) = this.pending.poll(context) {
                this.note(handled);
                if this.is_stopped || causal::is_refused() {
                    break;
                }
            }
        } else if let Err(error) = this.start(context) {
            return Poll::Ready(Ended::of(Err(error)));
        }
        if let Err(error) = causal::verdict() {
            this.pending = Pending::default();
            return Poll::Ready(Ended::of(Err(error)));
        }
        if this.pending.is_empty() || this.is_stopped {
            return Poll::Ready(this.end());
        }
        Poll::Pending
    }
}

/// How a handler began.
enum Begun {
    Skipped(SkipReason),
    Ended(Result<(), BoxError>),
    Waiting(BoxFuture<Result<(), BoxError>>),
}
