//! One posted event, and its deliveries.

use std::any::{Any, type_name};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{Arc, OnceLock};

use crate::bus::EventBus;
use crate::error::Error;
use crate::failure::{self, Failure, Panicked};
use crate::inner::{self, Inner};
use crate::middleware::Next;
use crate::plan::{Callee, Plan, Step, mind_unhandled, steps};
use crate::posting::job::{Deliver, Job, PASSAGE, Progress, Trying, TurnedAway, push};
use crate::posting::queue::{Asked, Refused};
use crate::posting::summons::Summons;
use crate::posting::workers::{State, Workers, is_worker};
use crate::trace::{self, Cause, Dispatch, Verb};

/// The line of the events that pass the layers, which they do one after another.
pub(crate) const LAYERS: u64 = u64::MAX;
/// A posted event, shared by its deliveries. It holds its bus, so that a bus whose handles are gone
/// still delivers.
pub(crate) struct Posted<E> {
    pub(super) bus: EventBus,
    pub(super) plan: Arc<Plan>,
    pub(super) event: Held<E>,
    pub(super) site: &'static Location<'static>,
    /// What the poster was doing, if the bus is traced.
    pub(super) cause: Option<Cause>,
    pub(super) dispatch: OnceLock<Arc<Dispatch>>,
}

/// An event, shared if it may have to outlive its deliveries, as a dead letter.
pub(super) enum Held<E> {
    Alone(E),
    Shared(Arc<E>),
}

impl<E> Held<E> {
    #[inline]
    pub(super) fn get(&self) -> &E {
        match self {
            Self::Alone(event) => event,
            Self::Shared(event) => event,
        }
    }
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

    pub(super) fn answer(
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

    /// What is wrong in the background goes to the log.
    pub(super) fn log(&self, who: &str, error: &Error) {
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

    fn is_over(&self, index: usize, has_begun: bool) -> bool {
        let entry = self.plan.entries().get(index);
        entry.is_none_or(|entry| entry.is_ended() && !(has_begun && entry.is_once()))
    }

    fn turn_away(&self, index: usize, is_dropped: bool) {
        self.end_unmade(index, is_dropped);
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

impl Inner {
    pub(crate) fn workers(&self) -> &Arc<Workers> {
        self.workers.get_or_init(|| Workers::new(self.limits))
    }
}
