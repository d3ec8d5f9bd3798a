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
use crate::posting::queue::{Asked, Refused};
use crate::posting::summons::Summons;
use crate::posting::workers::{State, Workers, is_worker};
use crate::trace::{self, Cause, Dispatch, Verb};

/// The line of the events that pass the layers, which they do one after another.
pub(crate) const LAYERS: u64 = u64::MAX;
/// Stands for the passage through the layers, where an index names a handler.
const PASSAGE: u32 = u32::MAX;

/// A posted event, shared by its deliveries. It holds its bus, so that a bus whose handles are gone
/// still delivers.
pub(crate) struct Posted<E> {
    bus: EventBus,
    plan: Arc<Plan>,
    event: E,
    site: &'static Location<'static>,
    /// What the poster was doing, if the bus is traced.
    cause: Option<Cause>,
    dispatch: OnceLock<Arc<Dispatch>>,
}

/// One delivery: which handler of its plan, or the passage through the layers.
pub(crate) struct Job {
    posted: Arc<dyn Deliver>,
    index: u32,
}

impl Job {
    fn new<E: Any + Send + Sync>(posted: Arc<Posted<E>>, index: u32) -> Self {
        Self { posted, index }
    }

    pub(crate) fn run(self) {
        if self.index == PASSAGE {
            self.posted.pass();
        } else {
            self.posted.deliver(self.index as usize);
        }
    }
}

trait Deliver: Send + Sync {
    /// Calls a handler.
    fn deliver(&self, index: usize);
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
            workers.queue.post(&asked, |_| Summons::Nobody)
        } else {
            let posted = Arc::new(Self {
                bus: bus.clone(),
                plan,
                event,
                site,
                cause,
                dispatch,
            });
            workers.queue.post(&asked, move |state| {
                if has_layers {
                    let job = Job::new(posted, PASSAGE);
                    state.backlog.push_as(asked.deliveries, LAYERS, (), job);
                } else {
                    posted.push(state);
                }
                let ready = state.backlog.ready(());
                state.staff.summon(ready)
            })
        };
        match pushed {
            Ok(None) => Ok(()),
            Ok(Some(summons)) => {
                workers.act(summons);
                Ok(())
            }
            Err(Refused::Full) => Err(Error::queue_full(
                type_name::<E>(),
                inner.limits.max_pending,
            )),
            Err(Refused::Closed) => Err(Error::closed(type_name::<E>())),
        }
    }

    /// Puts a delivery a handler into the handlers' lines.
    fn push(self: Arc<Self>, state: &mut State) {
        let plan = Arc::clone(&self.plan);
        let Some((last, others)) = plan.entries().split_last() else {
            return;
        };
        let mut index = 0;
        for entry in others {
            let job = Job::new(Arc::clone(&self), index);
            state.backlog.push(entry.sequence(), (), job);
            index += 1;
        }
        state
            .backlog
            .push(last.sequence(), (), Job::new(self, index));
    }

    fn call(&self, step: &Step<Callee<E>>) -> Option<Failure> {
        let inner = &self.bus.inner;
        let called = catch_unwind(AssertUnwindSafe(|| {
            if step.entry.is_plain() || inner.admit(step, &self.event).is_ok() {
                step.callee.handler.handle(&self.event)?;
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
            self.bus.attempt(step, &self.event, self.site)
        });
        if let Some(observer) = &special.observer {
            observer.delivered(special.published::<E>(self.site), &delivery);
        }
        delivery.failure
    }

    /// What is wrong in the background goes to the log.
    fn log(&self, who: &str, error: &Error) {
        let (event, site) = (type_name::<E>(), self.site);
        log::error!("{who} of {event} posted at {site}: {error}");
    }
}

impl<E: Any + Send + Sync> Deliver for Posted<E> {
    fn deliver(&self, index: usize) {
        let Some(step) = steps::<Callee<E>>(&self.plan).get(index) else {
            return;
        };
        let subscriber = step.entry.handler();
        let publishing = match self.bus.inner.enter::<E>() {
            Ok(publishing) => publishing,
            Err(error) => return self.log(&subscriber.name, &error),
        };
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
            Arc::clone(&self).push(&mut state);
            let ready = state.backlog.ready(());
            let summons = state.staff.summon(ready);
            drop(state);
            workers.act(summons);
            Ok(())
        };
        let seen = special.event(&self.event, self.site);
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
