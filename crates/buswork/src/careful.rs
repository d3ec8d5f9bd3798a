//! The careful road of a publish that is out of the ordinary: nobody is subscribed, somebody looks
//! on, layers stand before the handlers, or a report is asked for.

use std::any::{Any, type_name};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::time::Instant;

use crate::bus::EventBus;
use crate::causal::Publishing;
use crate::delivery::SkipReason;
use crate::dispatch::settle;
use crate::error::Error;
use crate::failure::{Cause, Failure, Panicked};
use crate::isolation::Isolation;
use crate::middleware::Next;
use crate::plan::{Callee, Plan, Step, mind_unhandled, steps};
use crate::policed::{may_try_again, now};
use crate::report::{Delivery, Report};
use crate::sync::Arc;
use crate::trace::{self, Dispatch, Verb};

/// Where an event was published, and how.
type Origin = (&'static Location<'static>, Verb);

impl EventBus {
    /// A publish whose plan is special.
    #[cold]
    #[inline(never)]
    pub(crate) fn run_carefully<E: Any>(
        &self,
        plan: &Plan,
        event: &E,
        site: &'static Location<'static>,
        publishing: &Publishing,
    ) -> Result<(), Error> {
        let mut report = Report::new(type_name::<E>());
        self.pass(plan, event, (site, Verb::Publish), publishing, &mut report)
    }

    /// A publish whose deliveries are reported. Handlers' failures stand in the report.
    pub(crate) fn run_for_report<E: Any>(
        &self,
        plan: &Plan,
        event: &E,
        site: &'static Location<'static>,
    ) -> Result<Report, Error> {
        let publishing = self.inner.enter::<E>()?;
        let mut report = Report::new(type_name::<E>());
        match self.pass(plan, event, (site, Verb::Deliver), &publishing, &mut report) {
            Err(error) if !report.tells(&error) => Err(error),
            _ => Ok(report),
        }
    }

    /// Leads an event through the layers, to the handlers.
    fn pass<E: Any>(
        &self,
        plan: &Plan,
        event: &E,
        (site, verb): Origin,
        publishing: &Publishing,
        report: &mut Report,
    ) -> Result<(), Error> {
        let special = &plan.extra().special;
        special.record(event, site, false);
        if special.is_muted {
            return Ok(());
        }
        let mut innermost = || {
            let dispatch = special.dispatch(verb, site);
            mind_unhandled::<E>(plan, site)?;
            let dispatch = dispatch.as_ref();
            let isolation = self.walk(plan, event, site, dispatch, publishing, report)?;
            settle::<E>(isolation)
        };
        if special.layers.is_empty() {
            return innermost();
        }
        let seen = special.event(event, site);
        let passed = Next::new(&special.layers, seen, &mut innermost).run();
        publishing.verdict()?;
        passed
    }

    /// Times each delivery and keeps what came of it. The isolation holds what a publisher is to
    /// be told; the report holds everything.
    fn walk<E: Any>(
        &self,
        plan: &Plan,
        event: &E,
        site: &'static Location<'static>,
        dispatch: Option<&Arc<Dispatch>>,
        publishing: &Publishing,
        report: &mut Report,
    ) -> Result<Isolation<Failure>, Error> {
        let steps = steps::<Callee<E>>(plan);
        let special = &plan.extra().special;
        let published = special.published::<E>(site);
        let observer = special.observer.as_deref();
        special.tell_published::<E>(site);
        let mut isolation = Isolation::new();
        let mut stopped = false;
        let mut ended = |place: usize, delivery: &Delivery| {
            let entry = &steps[place].entry;
            if let Some(failure) = &delivery.failure
                && let Some((failure, effect)) = self.inner.judge(entry.handler(), failure.clone())
            {
                stopped |= isolation.at(place).record(failure, effect).is_break();
            }
            if let Some(observer) = observer {
                observer.delivered(published, delivery);
            }
            stopped
        };
        let (mut again, mut is_over) = (Vec::new(), false);
        let first = report.deliveries.len();
        for (place, step) in steps.iter().enumerate() {
            let mut trial = None;
            let delivery = match &step.entry.handler().policed {
                Some(policed) if !is_over && !step.entry.handler().is_only_posted => {
                    let delivery;
                    (delivery, trial) =
                        self.try_once_or_never(step, policed, event, site, dispatch, None);
                    delivery
                }
                _ => trace::deliver(dispatch, &step.entry, || {
                    if is_over {
                        self.undelivered(step, SkipReason::Stopped)
                    } else if step.entry.handler().is_only_posted {
                        self.undelivered(step, SkipReason::Posted)
                    } else {
                        self.attempt(step, event, site)
                    }
                }),
            };
            publishing.verdict()?;
            match trial {
                Some(trial) => again.push((place, trial)),
                None => is_over = ended(place, &delivery),
            }
            report.deliveries.push(delivery);
        }
        while !again.is_empty() {
            for (place, trial) in std::mem::take(&mut again) {
                let step = &steps[place];
                let mut trial = Some(trial);
                if !is_over
                    && may_try_again(&step.entry)
                    && let Some(policed) = &step.entry.handler().policed
                {
                    let delivery;
                    (delivery, trial) =
                        self.try_once_or_never(step, policed, event, site, dispatch, trial.take());
                    report.deliveries[first + place] = delivery;
                    publishing.verdict()?;
                    if let Some(trial) = trial {
                        again.push((place, trial));
                        continue;
                    }
                }
                // Of one that was given up, the last failure stands.
                if let Some(mut trial) = trial {
                    trial.fail(now());
                }
                is_over |= ended(place, &report.deliveries[first + place]);
            }
        }
        Ok(isolation)
    }

    /// One delivery of the careful road.
    pub(crate) fn attempt<E: Any>(
        &self,
        step: &Step<Callee<E>>,
        event: &E,
        site: &'static Location<'static>,
    ) -> Delivery {
        let started = Instant::now();
        let handled = catch_unwind(AssertUnwindSafe(|| match self.inner.admit(step, event) {
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
        let subscription = self.inner.subscription(&step.entry);
        Delivery::called(subscription, site, cause, elapsed)
    }

    fn undelivered<E>(&self, step: &Step<Callee<E>>, reason: SkipReason) -> Delivery {
        Delivery::skipped(self.inner.subscription(&step.entry), reason)
    }
}
