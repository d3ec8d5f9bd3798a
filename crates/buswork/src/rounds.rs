//! Direct deliveries to handlers with policies: first attempts in order, and the others in later rounds.

use std::any::Any;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::time::{Duration, Instant};

use crate::bus::EventBus;
use crate::delivery::SkipReason;
use crate::dispatch::ask_first;
use crate::failure::{Cause, Panicked};
use crate::inner::failure;
use crate::plan::{Callee, Step};
use crate::policed::{Policed, may_try_again, now};
use crate::policy::{Next, Refusal, Trial};
use crate::report::Delivery;
use crate::sync::Arc;
use crate::trace::{self, Dispatch, InProgress, Outcome};

/// How an attempt went.
pub(crate) enum Tried {
    Ended(Delivery),
    /// It failed, and is to be tried again after so long.
    Again(Delivery, Trial, Duration),
    /// It may not begin now.
    Refused(Refusal),
}

impl EventBus {
    /// One attempt of a delivery to a handler with a policy: its first, or one that goes on with a
    /// trial.
    pub(crate) fn try_once<E: Any>(
        &self,
        step: &Step<Callee<E>>,
        policed: &Arc<Policed>,
        event: &E,
        site: &'static Location<'static>,
        dispatch: Option<&Arc<Dispatch>>,
        trial: Option<Trial>,
    ) -> Tried {
        let mut trial =
            match trial.map_or_else(|| self.begin(step, policed, event, site, dispatch), Ok) {
                Ok(trial) => trial,
                Err(tried) => return *tried,
            };
        let mut progress = InProgress::of(dispatch, &step.entry);
        let inside = progress.as_ref().map(InProgress::inside);
        let started = Instant::now();
        let handled = catch_unwind(AssertUnwindSafe(|| step.callee.handler.handle(event)));
        drop(inside);
        policed.regulator.figures().note_elapsed(started.elapsed());
        let handled = match handled {
            Ok(returned) => returned.map_err(Cause::Returned),
            Err(payload) => Err(Cause::Panicked(Panicked::new(&*payload))),
        };
        if let Some(progress) = &mut progress {
            progress.end(trace::outcome(&handled));
        }
        let attempts = trial.failed_attempts() + 1;
        let delivery = self.called(step, site, handled.err(), Some(started));
        let delivery = delivery.after(attempts);
        let Some(failure) = &delivery.failure else {
            trial.succeeded();
            return Tried::Ended(delivery);
        };
        let next = policed.failed(&mut trial, failure.name(), failure.error(), now());
        if let Next::Again { after } = next
            && may_try_again(&step.entry)
        {
            return Tried::Again(delivery, trial, after);
        }
        trial.fail(now());
        Tried::Ended(delivery)
    }

    /// Asks whether a delivery may begin. What can be asked again comes first, then the right to
    /// begin, and last what is spent by a call.
    fn begin<E: Any>(
        &self,
        step: &Step<Callee<E>>,
        policed: &Arc<Policed>,
        event: &E,
        site: &'static Location<'static>,
        dispatch: Option<&Arc<Dispatch>>,
    ) -> Result<Trial, Box<Tried>> {
        let figures = policed.regulator.figures();
        let skipped = |reason| {
            figures.note_skipped();
            if let Some(mut progress) = InProgress::of(dispatch, &step.entry) {
                progress.end(Outcome::Skipped(reason));
            }
            let subscription = self.inner.subscription(&step.entry);
            Box::new(Tried::Ended(Delivery::skipped(subscription, reason)))
        };
        match catch_unwind(AssertUnwindSafe(|| ask_first(step, event))) {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => return Err(skipped(reason)),
            Err(payload) => {
                figures.note_failed();
                let cause = Cause::Panicked(Panicked::new(&*payload));
                let delivery = self.called(step, site, Some(cause), None);
                return Err(Box::new(Tried::Ended(delivery)));
            }
        }
        let begun = policed.regulator.begin(now());
        let trial = begun.map_err(|refusal| Box::new(Tried::Refused(refusal)))?;
        self.inner.claim(step).map_err(skipped)?;
        Ok(trial)
    }

    /// The same for a delivery that must not wait: a refusal is its end.
    pub(crate) fn try_once_or_never<E: Any>(
        &self,
        step: &Step<Callee<E>>,
        policed: &Arc<Policed>,
        event: &E,
        site: &'static Location<'static>,
        dispatch: Option<&Arc<Dispatch>>,
        trial: Option<Trial>,
    ) -> (Delivery, Option<Trial>) {
        match self.try_once(step, policed, event, site, dispatch, trial) {
            Tried::Ended(delivery) => (delivery, None),
            Tried::Again(delivery, trial, _) => (delivery, Some(trial)),
            Tried::Refused(refusal) => (self.refused(step, policed, refusal, site), None),
        }
    }

    /// The end of a delivery that was refused and must not wait.
    pub(crate) fn refused<E: Any>(
        &self,
        step: &Step<Callee<E>>,
        policed: &Policed,
        refusal: Refusal,
        site: &'static Location<'static>,
    ) -> Delivery {
        let Some(refused) = policed.refuse(refusal, now()) else {
            let subscription = self.inner.subscription(&step.entry);
            return Delivery::skipped(subscription, SkipReason::Limit);
        };
        let cause = Cause::Returned(Box::new(refused));
        self.called(step, site, Some(cause), None)
    }

    fn called<E>(
        &self,
        step: &Step<Callee<E>>,
        site: &'static Location<'static>,
        cause: Option<Cause>,
        started: Option<Instant>,
    ) -> Delivery {
        let failed = cause.map(|cause| failure(step.entry.handler(), site, cause));
        let elapsed = started.map(|started| started.elapsed()).unwrap_or_default();
        Delivery::ended(self.inner.subscription(&step.entry), failed, elapsed)
    }
}
