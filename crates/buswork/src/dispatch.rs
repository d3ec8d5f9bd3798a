//! How a plan is run: the fast road, and the careful one for reports and observers.

use std::any::{Any, TypeId, type_name};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::time::{Duration, Instant};

use crate::bus::{EventBus, Plan, Step, Subscriber};
use crate::causal::Publishing;
use crate::delivery::{SkipReason, Status};
use crate::entry::Entry;
use crate::error::{Cause, Error, Failure, Panicked};
use crate::isolation::{Effect, Isolation, Outcome};
use crate::observe::Published;
use crate::policy::{OnError, Unhandled};
use crate::report::{Delivery, Report};
use crate::sync::Arc;

impl EventBus {
    /// A publish whose plan is not compiled yet.
    #[cold]
    #[inline(never)]
    pub(crate) fn run_anew<E: Any>(
        &self,
        event: &E,
        site: &'static Location<'static>,
    ) -> Result<(), Error> {
        self.run(&self.compile::<E>(), event, site)
    }

    /// The fast road of a publish: no report, no clock, nothing allocated while nothing fails.
    #[expect(clippy::inline_always, reason = "20 instructions a publish otherwise")]
    #[inline(always)]
    pub(crate) fn run<E: Any>(
        &self,
        plan: &Plan,
        event: &E,
        site: &'static Location<'static>,
    ) -> Result<(), Error> {
        let publishing = self.enter::<E>()?;
        if plan.extra().is_special {
            return self.run_carefully(plan, event, site, &publishing);
        }
        let steps = steps::<E>(plan);
        let mut next = 0;
        match self.call(steps, &mut next, event) {
            None => publishing.verdict(),
            Some(cause) => self.recover(steps, next, event, site, cause, &publishing),
        }
    }

    #[inline]
    pub(crate) fn enter<E>(&self) -> Result<Publishing, Error> {
        Publishing::enter(self.inner.number, type_name::<E>(), self.inner.max_depth)
    }

    /// The publish of an event that nobody is subscribed to, or that is observed.
    #[cold]
    #[inline(never)]
    fn run_carefully<E: Any>(
        &self,
        plan: &Plan,
        event: &E,
        site: &'static Location<'static>,
        publishing: &Publishing,
    ) -> Result<(), Error> {
        mind_unhandled::<E>(plan, site)?;
        let (_, isolation) = self.walk(plan, event, site, publishing)?;
        settle::<E>(isolation)
    }

    /// Calls the handlers from `next` on, up to one that fails; `next` is then behind it.
    #[expect(clippy::inline_always, reason = "50 instructions a publish otherwise")]
    #[inline(always)]
    fn call<E: Any>(&self, steps: &[Step<E>], next: &mut usize, event: &E) -> Option<Cause> {
        // One landing pad for all of them: after a panic, the walk goes on behind its place.
        let walked = catch_unwind(AssertUnwindSafe(|| {
            for (index, step) in steps.iter().enumerate().skip(*next) {
                *next = index + 1;
                if step.entry.is_plain() || self.admit(step, event).is_ok() {
                    step.callee.handler.handle(event)?;
                }
            }
            Ok(())
        }));
        match walked {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Cause::Returned(error)),
            Err(payload) => Some(Cause::Panicked(Panicked::new(&*payload))),
        }
    }

    /// Goes on behind the first failure, and returns what there is to return at the end.
    #[cold]
    #[inline(never)]
    fn recover<E: Any>(
        &self,
        steps: &[Step<E>],
        mut next: usize,
        event: &E,
        site: &'static Location<'static>,
        first: Cause,
        publishing: &Publishing,
    ) -> Result<(), Error> {
        let mut isolation = Isolation::new();
        let mut failed = Some(first);
        while let Some(cause) = failed {
            publishing.verdict()?;
            let entry = &steps[next - 1].entry;
            let failure = failure(entry.handler(), site, cause);
            if self.judge(entry, failure, &mut isolation).is_break() {
                break;
            }
            failed = self.call(steps, &mut next, event);
        }
        publishing.verdict()?;
        settle::<E>(isolation)
    }

    /// The careful road: times each delivery and keeps what came of it, for a report or an
    /// observer. The isolation holds what a publisher is to be told; the report holds everything.
    pub(crate) fn walk<E: Any>(
        &self,
        plan: &Plan,
        event: &E,
        site: &'static Location<'static>,
        publishing: &Publishing,
    ) -> Result<(Report, Isolation<Failure>), Error> {
        let steps = steps::<E>(plan);
        let observer = plan.extra().observer.as_deref();
        let published = Published {
            event_type: type_name::<E>(),
            site,
        };
        if let Some(observer) = observer {
            observer.published(published);
        }
        let mut deliveries = Vec::with_capacity(steps.len());
        let mut isolation = Isolation::new();
        let mut stopped = false;
        for step in steps {
            let delivery = if stopped {
                self.undelivered(step, SkipReason::Stopped)
            } else {
                self.attempt(step, event, site)
            };
            publishing.verdict()?;
            if let Some(failure) = &delivery.failure {
                stopped = self
                    .judge(&step.entry, failure.clone(), &mut isolation)
                    .is_break();
            }
            if let Some(observer) = observer {
                observer.delivered(published, &delivery);
            }
            deliveries.push(delivery);
        }
        Ok((
            Report {
                event: type_name::<E>(),
                deliveries,
            },
            isolation,
        ))
    }

    /// One delivery of the careful road.
    fn attempt<E: Any>(
        &self,
        step: &Step<E>,
        event: &E,
        site: &'static Location<'static>,
    ) -> Delivery {
        let started = Instant::now();
        let handled = catch_unwind(AssertUnwindSafe(|| match self.admit(step, event) {
            Ok(()) => step.callee.handler.handle(event).map(|()| None),
            Err(reason) => Ok(Some(reason)),
        }));
        let elapsed = started.elapsed();
        let cause = match handled {
            Ok(Ok(Some(reason))) => return self.undelivered(step, reason),
            Ok(Ok(None)) => None,
            Ok(Err(error)) => Some(Cause::Returned(error)),
            Err(payload) => Some(Cause::Panicked(Panicked::new(&*payload))),
        };
        let status = if cause.is_some() {
            Status::Failed
        } else {
            Status::Ok
        };
        let failure = cause.map(|cause| failure(step.entry.handler(), site, cause));
        Delivery {
            subscription: self.subscription(&step.entry),
            status,
            failure,
            elapsed,
        }
    }

    fn undelivered<E>(&self, step: &Step<E>, reason: SkipReason) -> Delivery {
        Delivery {
            subscription: self.subscription(&step.entry),
            status: Status::Skipped(reason),
            failure: None,
            elapsed: Duration::ZERO,
        }
    }

    /// Whether a guarded entry may be called now. `once` is spent by a call, not by a skip, so
    /// the predicate is asked first; and it is spent before the call.
    fn admit<E>(&self, step: &Step<E>, event: &E) -> Result<(), SkipReason> {
        step.entry.check()?;
        if step.callee.when.as_ref().is_some_and(|when| !when(event)) {
            return Err(SkipReason::When);
        }
        step.entry.claim()?;
        if step.entry.is_once() {
            drop(self.inner.table.remove(&step.entry));
        }
        Ok(())
    }

    /// Does with a failure what its subscription, or else the bus, says.
    fn judge(
        &self,
        entry: &Entry<TypeId, Subscriber>,
        failure: Failure,
        isolation: &mut Isolation<Failure>,
    ) -> ControlFlow<()> {
        match entry
            .handler()
            .on_error
            .as_ref()
            .unwrap_or(&self.inner.on_error)
        {
            OnError::Raise => isolation.record(failure, Effect::Collect),
            OnError::Stop => isolation.record(failure, Effect::Stop),
            OnError::Log => {
                log::error!("{failure}");
                ControlFlow::Continue(())
            }
            OnError::Call(function) => {
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| function(&failure))) {
                    log::error!(
                        "on_error {}; it was given {failure}",
                        Panicked::new(&*payload)
                    );
                }
                ControlFlow::Continue(())
            }
        }
    }
}

pub(crate) fn mind_unhandled<E: Any>(
    plan: &Plan,
    site: &'static Location<'static>,
) -> Result<(), Error> {
    if !plan.entries().is_empty() {
        return Ok(());
    }
    let error = match plan.extra().unhandled {
        Unhandled::Ignore => return Ok(()),
        unheard => (unheard, Error::unhandled(type_name::<E>(), site)),
    };
    match error {
        (Unhandled::Raise, error) => Err(error),
        (_, error) => {
            log::warn!("{error}");
            Ok(())
        }
    }
}

/// The typed steps of a plan. Plans are kept by `TypeId`, so the downcast holds.
#[inline]
fn steps<E: Any>(plan: &Plan) -> &[Step<E>] {
    plan.extra()
        .steps
        .downcast_ref::<Box<[Step<E>]>>()
        .map_or(&[], |steps| steps)
}

#[cold]
fn failure(subscriber: &Subscriber, site: &'static Location<'static>, cause: Cause) -> Failure {
    Failure::new(
        subscriber.event,
        Arc::clone(&subscriber.name),
        subscriber.location,
        site,
        cause,
    )
}

#[inline]
fn settle<E>(isolation: Isolation<Failure>) -> Result<(), Error> {
    match isolation.outcome() {
        Outcome::Clean => Ok(()),
        Outcome::Bare(failure) => Err(Error::stopped(type_name::<E>(), failure)),
        Outcome::Group(failures) => Err(Error::handlers(type_name::<E>(), failures)),
    }
}
