//! Posted deliveries to handlers with policies: attempts, and what is left of those that fail to their
//! end.

use std::any::{Any, TypeId, type_name};
use std::panic::Location;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::bus::EventBus;
use crate::causal::Publishing;
use crate::dead_letters::{Dead, DeadLettered, FailedAttempt, Redeliver};
use crate::delivery::SkipReason;
use crate::error::Error;
use crate::failure::Failure;
use crate::inner::Inner;
use crate::plan::{Callee, Plan, Step, steps};
use crate::policed::{Policed, may_try_again, now};
use crate::policy::Refusal;
use crate::posting::deliveries::{Held, Posted};
use crate::posting::job::{Job, Progress, Trying, push};
use crate::posting::queue::Asked;
use crate::posting::workers::is_worker;
use crate::report::Delivery;
use crate::rounds::Tried;
use crate::trace::{Cause, InProgress, Outcome, Verb};

/// After how long one that may not begin looks again, where nobody can say when it may: other
/// deliveries of its handler, which are no posts, have to end first.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

impl<E: Any + Send + Sync> Posted<E> {
    /// One attempt of a delivery to a handler with a policy.
    pub(super) fn deliver_policed(
        &self,
        step: &Step<Callee<E>>,
        policed: &Arc<Policed>,
        trying: Option<Box<Trying>>,
        publishing: &Publishing,
    ) -> Progress {
        let (trial, mut attempts) = match trying {
            None => (None, Vec::new()),
            Some(trying) if may_try_again(&step.entry) => (Some(trying.trial), trying.attempts),
            // It was cancelled or paused meanwhile. The failure stands.
            Some(mut trying) => {
                trying.trial.fail(now());
                self.bury(step, policed, &trying.last, trying.attempts);
                self.bus
                    .inner
                    .judge_posted(step.entry.handler(), &trying.last);
                return Progress::Ended;
            }
        };
        let dispatch = self.dispatch.get();
        let event = self.event.get();
        let (delivery, again) = match self
            .bus
            .try_once(step, policed, event, self.site, dispatch, trial)
        {
            Tried::Ended(delivery) => (delivery, None),
            Tried::Again(delivery, trial, after) => (delivery, Some((trial, after))),
            Tried::Refused(Refusal::Open { until }) => {
                return Progress::Waits(until.saturating_sub(now()));
            }
            Tried::Refused(_) => return Progress::Waits(LOOK_AGAIN),
        };
        if let Some(failure) = &delivery.failure {
            attempts.push(FailedAttempt::new(failure.error()));
        }
        let subscriber = step.entry.handler();
        if let Err(error) = publishing.verdict() {
            self.log(&subscriber.name, &error);
            return Progress::Ended;
        }
        if let (Some((trial, after)), Some(failure)) = (again, &delivery.failure) {
            let trying = Trying {
                trial,
                attempts,
                last: failure.clone(),
            };
            return Progress::Rests(Box::new(trying), after);
        }
        let special = &self.plan.extra().special;
        if let Some(observer) = &special.observer {
            observer.delivered(special.published::<E>(self.site), &delivery);
        }
        if let Some(failure) = &delivery.failure {
            self.bury(step, policed, failure, attempts);
            self.bus.inner.judge_posted(subscriber, failure);
        }
        Progress::Ended
    }

    /// Keeps a delivery that has failed to its end, if its policy wants that.
    fn bury(
        &self,
        step: &Step<Callee<E>>,
        policed: &Policed,
        failure: &Failure,
        attempts: Vec<FailedAttempt>,
    ) {
        let is_wanted = policed.regulator.policy().dead_letters() != Some(false);
        let is_about_one = TypeId::of::<E>() == TypeId::of::<DeadLettered>();
        let Held::Shared(event) = &self.event else {
            return;
        };
        if !is_wanted || is_about_one {
            return;
        }
        policed.regulator.figures().note_dead_lettered();
        let event = Arc::clone(event);
        let told = self.bus.inner.keep_dead_letter(Dead {
            failure,
            topic: self.plan.extra().special.topic.as_deref(),
            sequence: step.entry.sequence(),
            attempts,
            event: Arc::new(Kept { event }),
        });
        let is_wanted = !self.bus.handlers::<DeadLettered>().is_empty();
        if is_wanted && let Err(error) = self.bus.post(told) {
            log::error!("nobody was told of a dead letter: {error}");
        }
    }

    /// Ends a delivery for which the limit of its handler has no room.
    pub(super) fn end_unmade(&self, index: usize, is_dropped: bool) {
        let Some(step) = steps::<Callee<E>>(&self.plan).get(index) else {
            return;
        };
        let subscriber = step.entry.handler();
        let Some(policed) = &subscriber.policed else {
            return;
        };
        let delivery = if is_dropped {
            policed.regulator.figures().note_dropped();
            Delivery::skipped(self.bus.inner.subscription(&step.entry), SkipReason::Limit)
        } else {
            self.bus.refused(step, policed, Refusal::Full, self.site)
        };
        if let Some(mut progress) = InProgress::of(self.dispatch.get(), &step.entry) {
            progress.end(match &delivery.failure {
                Some(_) => Outcome::Failed("Refused".into()),
                None => Outcome::Skipped(SkipReason::Limit),
            });
        }
        let special = &self.plan.extra().special;
        if let Some(observer) = &special.observer {
            observer.delivered(special.published::<E>(self.site), &delivery);
        }
        if let Some(failure) = &delivery.failure {
            self.bury(
                step,
                policed,
                failure,
                vec![FailedAttempt::new(failure.error())],
            );
            self.bus.inner.judge_posted(subscriber, failure);
        }
    }

    /// Puts one delivery of an event that was posted before into its line.
    fn post_anew(
        bus: &EventBus,
        plan: Arc<Plan>,
        event: Arc<E>,
        site: &'static Location<'static>,
        index: u32,
    ) -> Result<(), Error> {
        let inner = &bus.inner;
        let traced = plan.extra().special.traced.as_ref();
        let dispatch = OnceLock::new();
        if let Some(traced) = traced {
            let _ = dispatch.set(traced.publish(Verb::Post, site, Cause::current()));
        }
        let entry = Arc::clone(&plan.entries()[index as usize]);
        let posted = Arc::new(Self {
            bus: bus.clone(),
            plan,
            event: Held::Shared(event),
            site,
            cause: None,
            dispatch,
        });
        // It was let in once, and needs no room: it must not get lost for want of it.
        let asked = Asked::new(0, false, inner.number, !is_worker());
        let workers = Arc::clone(inner.workers());
        let pushed = workers.queue.post(&asked, move |state| {
            let away = push(state, &entry, Job::new(posted, index));
            let ready = state.backlog.ready(());
            (state.staff.summon(ready), away.into_iter().collect())
        });
        Self::answer(bus, &workers, pushed)
    }
}

/// The event of a dead letter. It holds neither bus nor handler.
struct Kept<E> {
    event: Arc<E>,
}

impl<E: Any + Send + Sync> Redeliver for Kept<E> {
    fn redeliver(
        self: Arc<Self>,
        inner: &Arc<Inner>,
        topic: Option<&str>,
        sequence: u64,
        site: &'static Location<'static>,
    ) -> Result<(), Error> {
        let plan = match topic {
            None => inner.plan::<E, Callee<E>>(),
            Some(topic) => inner.plan_of_topic::<E, Callee<E>>(topic)?,
        };
        let mut entries = plan.entries().iter();
        let index = entries.position(|entry| entry.sequence() == sequence);
        let Some(index) = index.and_then(|index| u32::try_from(index).ok()) else {
            return Err(Error::subscription_ended(type_name::<E>()));
        };
        let bus = EventBus {
            inner: Arc::clone(inner),
        };
        Posted::post_anew(&bus, plan, Arc::clone(&self.event), site, index)
    }
}
