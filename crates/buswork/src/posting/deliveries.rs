//! One posted event, and its deliveries.

use std::any::{Any, TypeId, type_name};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::bus::EventBus;
use crate::causal::Publishing;
use crate::dead_letters::{Dead, DeadLettered, FailedAttempt, Redeliver};
use crate::delivery::SkipReason;
use crate::entry::Entry;
use crate::error::Error;
use crate::failure::{self, Failure, Panicked};
use crate::inner::{self, Inner};
use crate::middleware::Next;
use crate::plan::{Callee, Plan, Step, Subscriber, mind_unhandled, steps};
use crate::policed::{Policed, may_try_again, now};
use crate::policy::{Refusal, Trial, WhenFull};
use crate::posting::queue::{Asked, Refused};
use crate::posting::summons::Summons;
use crate::posting::workers::{State, Workers, is_worker};
use crate::report::Delivery;
use crate::rounds::Tried;
use crate::trace::{self, Cause, Dispatch, InProgress, Outcome, Verb};

/// The line of the events that pass the layers, which they do one after another.
pub(crate) const LAYERS: u64 = u64::MAX;
/// Stands for the passage through the layers, where an index names a handler.
const PASSAGE: u32 = u32::MAX;

/// A posted event, shared by its deliveries. It holds its bus, so that a bus whose handles are gone
/// still delivers.
pub(crate) struct Posted<E> {
    bus: EventBus,
    plan: Arc<Plan>,
    event: Held<E>,
    site: &'static Location<'static>,
    /// What the poster was doing, if the bus is traced.
    cause: Option<Cause>,
    dispatch: OnceLock<Arc<Dispatch>>,
}

/// An event, shared if it may have to outlive its deliveries, as a dead letter.
enum Held<E> {
    Alone(E),
    Shared(Arc<E>),
}

impl<E> Held<E> {
    #[inline]
    fn get(&self) -> &E {
        match self {
            Self::Alone(event) => event,
            Self::Shared(event) => event,
        }
    }
}

/// How far a delivery has got that was taken.
enum Progress {
    Ended,
    /// It is to be tried again, after a wait.
    Rests(Box<Trying>, Duration),
    /// It may not begin yet: its line is held for so long.
    Waits(Duration),
}

/// What is left to do with a delivery that has not ended.
#[derive(Clone, Copy)]
pub(crate) enum Later {
    /// It rests for so long, and is taken again.
    Rests(Duration),
    /// It is put back, and its line is held for so long.
    Waits(Duration),
}

/// A delivery between two attempts.
struct Trying {
    trial: Trial,
    attempts: Vec<FailedAttempt>,
    last: Failure,
}

/// After how long one that may not begin looks again, where nobody can say when it may: other
/// deliveries of its handler, which are no posts, have to end first.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// One delivery: which handler of its plan, or the passage through the layers.
pub(crate) struct Job {
    posted: Arc<dyn Deliver>,
    index: u32,
    trying: Option<Box<Trying>>,
}

impl Job {
    fn new<E: Any + Send + Sync>(posted: Arc<Posted<E>>, index: u32) -> Self {
        Self {
            posted,
            index,
            trying: None,
        }
    }

    /// Makes the delivery, or an attempt of it. Returns nothing when it has ended.
    pub(crate) fn run(mut self) -> Option<(Self, Later)> {
        if self.index == PASSAGE {
            self.posted.pass();
            return None;
        }
        let trying = self.trying.take();
        match self.posted.deliver(self.index as usize, trying) {
            Progress::Ended => None,
            Progress::Rests(trying, after) => {
                self.trying = Some(trying);
                Some((self, Later::Rests(after)))
            }
            Progress::Waits(wait) => Some((self, Later::Waits(wait))),
        }
    }
}

trait Deliver: Send + Sync {
    /// Calls a handler, for the first time or again.
    fn deliver(&self, index: usize, trying: Option<Box<Trying>>) -> Progress;
    /// Ends a delivery for which the limit of its handler has no room.
    fn turn_away(&self, index: usize, is_dropped: bool);
    /// Leads the event through the layers, which may let it through to the queue.
    fn pass(self: Arc<Self>);
}

impl<E: Any + Send + Sync> Posted<E> {
    /// Puts the deliveries of an event into the queue of its bus.
    pub(crate) fn post(
        bus: &EventBus,
        plan: Arc<Plan>,
        event: E,
        site: &'static Location<'static>,
    ) -> Result<(), Error> {
        let inner = &bus.inner;
        let special = &plan.extra().special;
        let has_layers = !special.layers.is_empty();
        special.record(&event, site, true);
        if special.is_muted {
            return Ok(());
        }
        let cause = special.traced.as_ref().and_then(|_| Cause::current());
        let dispatch = OnceLock::new();
        if let Some(traced) = special.traced.as_ref().filter(|_| !has_layers) {
            let _ = dispatch.set(traced.publish(Verb::Post, site, cause.clone()));
        }
        mind_unhandled::<E>(&plan, site)?;
        if !has_layers {
            special.tell_published::<E>(site);
        }
        let may_wait = !is_worker();
        let asked = Asked::new(plan.entries().len(), has_layers, inner.number, may_wait);
        let workers = Arc::clone(inner.workers());
        // The deliveries own what is posted, and not this thread: it is dropped by the last of them,
        // where nothing is locked.
        let pushed = if asked.deliveries == 0 {
            workers
                .queue
                .post(&asked, |_| (Summons::Nobody, Vec::new()))
        } else {
            let is_policed = plan
                .entries()
                .iter()
                .any(|entry| entry.handler().policed.is_some());
            let event = if is_policed {
                Held::Shared(Arc::new(event))
            } else {
                Held::Alone(event)
            };
            let posted = Arc::new(Self {
                bus: bus.clone(),
                plan,
                event,
                site,
                cause,
                dispatch,
            });
            workers.queue.post(&asked, move |state| {
                let away = if has_layers {
                    let job = Job::new(posted, PASSAGE);
                    state.backlog.push_as(asked.deliveries, LAYERS, (), job);
                    Vec::new()
                } else {
                    posted.push(state)
                };
                let ready = state.backlog.ready(());
                (state.staff.summon(ready), away)
            })
        };
        Self::answer(bus, &workers, pushed)
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
        let asked = Asked::new(1, false, inner.number, !is_worker());
        let workers = Arc::clone(inner.workers());
        let pushed = workers.queue.post(&asked, move |state| {
            let away = push(state, &entry, Job::new(posted, index));
            let ready = state.backlog.ready(());
            (state.staff.summon(ready), away.into_iter().collect())
        });
        Self::answer(bus, &workers, pushed)
    }

    fn answer(
        bus: &EventBus,
        workers: &Arc<Workers>,
        pushed: Result<Option<(Summons, Vec<TurnedAway>)>, Refused>,
    ) -> Result<(), Error> {
        match pushed {
            Ok(None) => Ok(()),
            Ok(Some((summons, away))) => {
                workers.act(summons);
                away.into_iter().for_each(TurnedAway::tell);
                Ok(())
            }
            Err(Refused::Full) => {
                let most = bus.inner.limits.max_pending;
                Err(Error::queue_full(type_name::<E>(), most))
            }
            Err(Refused::Closed) => Err(Error::closed(type_name::<E>())),
        }
    }

    /// Puts a delivery a handler into the handlers' lines.
    /// Returns those for which there is no room.
    fn push(self: Arc<Self>, state: &mut State) -> Vec<TurnedAway> {
        let plan = Arc::clone(&self.plan);
        let mut away = Vec::new();
        let Some((last, others)) = plan.entries().split_last() else {
            return away;
        };
        let mut index = 0;
        for entry in others {
            away.extend(push(state, entry, Job::new(Arc::clone(&self), index)));
            index += 1;
        }
        away.extend(push(state, last, Job::new(self, index)));
        away
    }

    fn call(&self, step: &Step<Callee<E>>) -> Option<Failure> {
        let inner = &self.bus.inner;
        let called = catch_unwind(AssertUnwindSafe(|| {
            if step.entry.is_plain() || inner.admit(step, self.event.get()).is_ok() {
                step.callee.handler.handle(self.event.get())?;
            }
            Ok(())
        }));
        let cause = match called {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => failure::Cause::Returned(error),
            Err(payload) => failure::Cause::Panicked(Panicked::new(&*payload)),
        };
        Some(inner::failure(step.entry.handler(), self.site, cause))
    }

    /// The same, shown to an observer, and to the traces.
    fn call_observed(&self, step: &Step<Callee<E>>) -> Option<Failure> {
        let special = &self.plan.extra().special;
        let delivery = trace::deliver(self.dispatch.get(), &step.entry, || {
            self.bus.attempt(step, self.event.get(), self.site)
        });
        if let Some(observer) = &special.observer {
            observer.delivered(special.published::<E>(self.site), &delivery);
        }
        delivery.failure
    }

    /// One attempt of a delivery to a handler with a policy.
    fn deliver_policed(
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

    /// What is wrong in the background goes to the log.
    fn log(&self, who: &str, error: &Error) {
        let (event, site) = (type_name::<E>(), self.site);
        log::error!("{who} of {event} posted at {site}: {error}");
    }
}

impl<E: Any + Send + Sync> Deliver for Posted<E> {
    fn deliver(&self, index: usize, trying: Option<Box<Trying>>) -> Progress {
        let Some(step) = steps::<Callee<E>>(&self.plan).get(index) else {
            return Progress::Ended;
        };
        let subscriber = step.entry.handler();
        let publishing = match self.bus.inner.enter::<E>() {
            Ok(publishing) => publishing,
            Err(error) => {
                self.log(&subscriber.name, &error);
                return Progress::Ended;
            }
        };
        if let Some(policed) = &subscriber.policed {
            return self.deliver_policed(step, policed, trying, &publishing);
        }
        let is_observed = self.plan.extra().special.observer.is_some();
        let failed = if is_observed || self.dispatch.get().is_some() {
            self.call_observed(step)
        } else {
            self.call(step)
        };
        match (publishing.verdict(), failed) {
            (Err(error), _) => self.log(&subscriber.name, &error),
            (Ok(()), Some(failure)) => self.bus.inner.judge_posted(subscriber, &failure),
            (Ok(()), None) => {}
        }
        Progress::Ended
    }

    fn turn_away(&self, index: usize, is_dropped: bool) {
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

    fn pass(self: Arc<Self>) {
        let special = &self.plan.extra().special;
        let publishing = match self.bus.inner.enter::<E>() {
            Ok(publishing) => publishing,
            Err(error) => return self.log("the middleware", &error),
        };
        let mut innermost = || {
            if let Some(traced) = &special.traced {
                let (site, cause) = (self.site, self.cause.clone());
                self.dispatch
                    .get_or_init(|| traced.publish(Verb::Post, site, cause));
            }
            special.tell_published::<E>(self.site);
            let workers = self.bus.inner.workers();
            let mut state = workers.queue.lock();
            let away = Arc::clone(&self).push(&mut state);
            let ready = state.backlog.ready(());
            let summons = state.staff.summon(ready);
            drop(state);
            workers.act(summons);
            away.into_iter().for_each(TurnedAway::tell);
            Ok(())
        };
        let seen = special.event(self.event.get(), self.site);
        let passed = Next::new(&special.layers, seen, &mut innermost).run();
        if let Err(error) = publishing.verdict().and(passed) {
            self.log("the middleware", &error);
        }
    }
}

/// A delivery for which the limit of its handler had no room.
struct TurnedAway {
    job: Job,
    is_dropped: bool,
}

impl TurnedAway {
    /// Counts it, and tells whoever is to know.
    #[cold]
    fn tell(self) {
        self.job
            .posted
            .turn_away(self.job.index as usize, self.is_dropped);
    }
}

/// Puts a delivery into the line of its handler. Returns one that its limit has no room for.
fn push(state: &mut State, entry: &Entry<TypeId, Subscriber>, job: Job) -> Option<TurnedAway> {
    let line = entry.sequence();
    let Some(policed) = &entry.handler().policed else {
        state.backlog.push(line, (), job);
        return None;
    };
    let Some(limit) = policed.regulator.policy().concurrency() else {
        state.backlog.push_alone(1, line, (), job);
        return None;
    };
    let width = limit.concurrency();
    let most = limit
        .room()
        .map_or(usize::MAX, |room| room.saturating_add(width));
    let mut away = None;
    if state.backlog.pending_in(line) >= most {
        let drops_old = limit.overflow() == WhenFull::DropOld;
        let oldest = drops_old.then(|| state.backlog.drop_oldest(line)).flatten();
        let is_dropped = limit.overflow() != WhenFull::Raise;
        let Some(oldest) = oldest else {
            state.backlog.note_dropped(usize::from(is_dropped));
            return Some(TurnedAway { job, is_dropped });
        };
        away = Some(TurnedAway {
            job: oldest,
            is_dropped,
        });
    }
    state.backlog.push_alone(width, line, (), job);
    away
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

impl Inner {
    pub(crate) fn workers(&self) -> &Arc<Workers> {
        self.workers.get_or_init(|| Workers::new(self.limits))
    }
}
