//! How a plan is run: the fast road, and what failures make of it.

use std::any::{Any, type_name};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};

use crate::bus::EventBus;
use crate::causal::Publishing;
use crate::delivery::SkipReason;
use crate::error::Error;
use crate::failure::{Cause, Failure, Panicked};
use crate::inner::{Inner, failure};
use crate::isolation::{Isolation, Outcome};
use crate::plan::{Callee, Guarded, Plan, Step, steps};

impl EventBus {
    /// A publish whose plan is not compiled yet.
    #[cold]
    #[inline(never)]
    pub(crate) fn run_anew<E: Any>(
        &self,
        event: &E,
        site: &'static Location<'static>,
    ) -> Result<(), Error> {
        self.run(&self.inner.compile::<E, Callee<E>>(), event, site)
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
        let publishing = self.inner.enter::<E>()?;
        if plan.extra().is_special {
            return self.run_carefully(plan, event, site, &publishing);
        }
        let steps = steps::<Callee<E>>(plan);
        let mut next = 0;
        match self.call(steps, &mut next, event) {
            None => publishing.verdict(),
            Some(cause) => self.recover(steps, next, event, site, cause, &publishing),
        }
    }

    /// Calls the handlers from `next` on, up to one that fails; `next` is then behind it.
    #[expect(clippy::inline_always, reason = "50 instructions a publish otherwise")]
    #[inline(always)]
    fn call<E: Any>(
        &self,
        steps: &[Step<Callee<E>>],
        next: &mut usize,
        event: &E,
    ) -> Option<Cause> {
        // One landing pad for all of them: after a panic, the walk goes on behind its place.
        let walked = catch_unwind(AssertUnwindSafe(|| {
            for (index, step) in steps.iter().enumerate().skip(*next) {
                *next = index + 1;
                if step.entry.is_plain() || self.inner.admit(step, event).is_ok() {
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
        steps: &[Step<Callee<E>>],
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
            if let Some((failure, effect)) = self.inner.judge(entry.handler(), failure)
                && isolation.record(failure, effect).is_break()
            {
                break;
            }
            failed = self.call(steps, &mut next, event);
        }
        publishing.verdict()?;
        settle::<E>(isolation)
    }
}

impl Inner {
    /// Whether a guarded entry may be called now. `once` is spent by a call, not by a skip, so
    /// the predicate is asked first; and it is spent before the call.
    // Inlined, it would cost the loop over plain handlers half a nanosecond each.
    #[inline(never)]
    pub(crate) fn admit<E, C: Guarded<E>>(
        &self,
        step: &Step<C>,
        event: &E,
    ) -> Result<(), SkipReason> {
        ask_first(step, event)?;
        self.claim(step)
    }

    /// Claims the right to a call.
    pub(crate) fn claim<C>(&self, step: &Step<C>) -> Result<(), SkipReason> {
        step.entry.claim()?;
        if step.entry.is_once() {
            drop(self.table.remove(&step.entry));
        }
        Ok(())
    }
}

/// Whatever can be asked again: whether the entry is live, and its predicate.
pub(crate) fn ask_first<E, C: Guarded<E>>(step: &Step<C>, event: &E) -> Result<(), SkipReason> {
    step.entry.check()?;
    if step.callee.predicate().is_some_and(|when| !when(event)) {
        return Err(SkipReason::When);
    }
    Ok(())
}

#[inline]
pub(crate) fn settle<E>(isolation: Isolation<Failure>) -> Result<(), Error> {
    match isolation.outcome() {
        Outcome::Clean => Ok(()),
        Outcome::Bare(failure) => Err(Error::stopped(type_name::<E>(), failure)),
        Outcome::Group(failures) => Err(Error::handlers(type_name::<E>(), failures)),
    }
}
