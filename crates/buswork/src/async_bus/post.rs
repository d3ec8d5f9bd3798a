//! Posting on the async bus: events whose handlers run later, in tasks of a tokio runtime.

use std::any::{Any, TypeId, type_name};
use std::panic::Location;
use std::time::Duration;

use tokio::runtime::Handle;

use super::AsyncEventBus;
use super::handler::{AsyncCallee, BoxFuture};
use super::publish::{Publish, Target};
use super::tasks::{Job, State};
use crate::causal;
use crate::dead_letters::{Dead, DeadLettered, FailedAttempt, Redeliver};
use crate::entry::Entry;
use crate::error::Error;
use crate::failure::{self, Failure};
use crate::inner::{self, Inner};
use crate::plan::{Plan, Subscriber, mind_unhandled};
use crate::policed::{Policed, time};
use crate::policy::{Limit, Refusal, WhenFull};
use crate::posting::{Asked, LAYERS, Refused, is_worker};
use crate::sync::Arc;
use crate::trace::{Cause, Dispatch, Verb};

impl AsyncEventBus {
    /// Says which runtime delivers what is posted outside of one. Posts inside a runtime are delivered
    /// there.
    pub fn bind(&self, runtime: Handle) {
        self.inner.background.bind(runtime);
    }

    /// Runs every handler of the event's type later, in tasks of the current runtime, or else of the
    /// one that was [bound](Self::bind). Feature `tokio`.
    ///
    /// All is as on [`EventBus::post`](crate::EventBus::post): events reach each handler in order, one at
    /// a time, beside other handlers; failures go to [`OnError`](crate::OnError). A handler that waits
    /// holds up its own events only. When the runtime is shut down, a delivery in progress is dropped at
    /// the place where it waits; what had not begun is delivered by the next runtime that posts or
    /// drains.
    ///
    /// # Errors
    /// As on `EventBus::post`; a full queue blocks threads outside of a runtime, and is an error inside
    /// one. And when there is [no runtime](Error::is_no_runtime).
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use buswork::AsyncEventBus;
    ///
    /// struct OrderPlaced { order_id: String }
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # runtime.block_on(async {
    /// let bus = AsyncEventBus::new();
    /// bus.subscribe(async |order: Arc<OrderPlaced>| println!("a mail about {}", order.order_id));
    /// bus.post(OrderPlaced { order_id: "123".into() })?;
    /// bus.drain(None).await?;
    /// # Ok::<(), buswork::Error>(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn post<E: Any + Send + Sync>(&self, event: E) -> Result<(), Error> {
        let plan = self.inner.plan::<E, AsyncCallee<E>>();
        self.post_on(plan, Arc::new(event), Location::caller())
    }

    /// [`post`](Self::post), to a topic.
    ///
    /// # Errors
    /// As `post`, and when the topic is [malformed](Error::is_malformed_topic).
    #[track_caller]
    pub fn post_to<E: Any + Send + Sync>(&self, topic: &str, event: E) -> Result<(), Error> {
        let site = Location::caller();
        self.post_on(self.plan_of_topic::<E>(topic)?, Arc::new(event), site)
    }

    /// Waits until no posted delivery is pending, at one moment at least.
    ///
    /// # Panics
    /// With a timeout, outside of a runtime, or in one whose time is not enabled.
    ///
    /// # Errors
    /// When the time [is up](Error::is_timeout): the error names the handlers with what is left. And
    /// [inside a handler](Error::is_inside_handler) of this bus, which would wait for itself.
    pub async fn drain(&self, timeout: Option<Duration>) -> Result<(), Error> {
        self.drain_as("drain", timeout).await
    }

    /// Takes no more posts, and drains. Handlers that run meanwhile may still post. Publishes are not
    /// concerned, neither now nor later; but traces in files end.
    ///
    /// # Errors
    /// As [`drain`](Self::drain). When the time is up, what is left is worked off in the background, and
    /// the bus stays closed.
    ///
    /// # Panics
    /// As `drain`.
    pub async fn close(&self, timeout: Option<Duration>) -> Result<(), Error> {
        if causal::is_inside(self.inner.number) {
            return Err(Error::inside_handler("close"));
        }
        let tasks = self.inner.background.tasks(self.inner.limits);
        tasks.queue.lock().close();
        self.drain_as("close", timeout).await?;
        self.inner.end_traces();
        Ok(())
    }

    /// How many posted deliveries are waiting or in progress.
    pub fn pending(&self) -> usize {
        let tasks = self.inner.background.get();
        tasks.map_or(0, |tasks| tasks.queue.lock().backlog.pending())
    }

    /// How many deliveries were dropped for want of room, ever.
    pub fn dropped(&self) -> u64 {
        let tasks = self.inner.background.get();
        tasks.map_or(0, |tasks| tasks.queue.lock().backlog.dropped())
    }

    async fn drain_as(&self, verb: &'static str, timeout: Option<Duration>) -> Result<(), Error> {
        if causal::is_inside(self.inner.number) {
            return Err(Error::inside_handler(verb));
        }
        let Some(tasks) = self.inner.background.get() else {
            return Ok(());
        };
        if let Some(runtime) = self.inner.background.runtime() {
            tasks.start(&runtime);
        }
        let Some(time) = timeout else {
            tasks.quiet().await;
            return Ok(());
        };
        let in_time = tokio::time::timeout(time, tasks.quiet()).await;
        in_time.map_err(|_| {
            let lines = tasks.queue.lock().backlog.lines();
            self.inner.timeout(verb, timeout, lines)
        })
    }

    fn post_on<E: Any + Send + Sync>(
        &self,
        plan: Arc<Plan>,
        event: Arc<E>,
        site: &'static Location<'static>,
    ) -> Result<(), Error> {
        let inner = &self.inner;
        let special = &plan.extra().special;
        let has_layers = !special.async_layers.is_empty();
        special.record(&*event, site, true);
        if special.is_muted {
            return Ok(());
        }
        let cause = special.traced.as_ref().and_then(|_| Cause::current());
        let traced = special.traced.as_ref().filter(|_| !has_layers);
        let dispatch = traced.map(|traced| traced.publish(Verb::Post, site, cause.clone()));
        mind_unhandled::<E>(&plan, site)?;
        let Some(runtime) = inner.background.runtime() else {
            return Err(Error::no_runtime(type_name::<E>()));
        };
        if !has_layers {
            special.tell_published::<E>(site);
        }
        let may_wait = Handle::try_current().is_err() && !is_worker();
        let asked = Asked::new(plan.entries().len(), has_layers, inner.number, may_wait);
        let posted = Posted {
            bus: self.clone(),
            plan,
            event,
            site,
            cause,
            dispatch,
        };
        let (lined, weight) = if has_layers {
            let passage = posted.passage(runtime.clone());
            (vec![Lined::plain(LAYERS, passage)], asked.deliveries)
        } else {
            (posted.jobs(), 1)
        };
        enqueue::<E>(inner, &asked, lined, weight, &runtime)
    }
}

/// Puts deliveries into their lines, and has them worked off.
fn enqueue<E>(
    inner: &Arc<Inner>,
    asked: &Asked,
    lined: Vec<Lined>,
    weight: usize,
    runtime: &Handle,
) -> Result<(), Error> {
    let tasks = Arc::clone(inner.background.tasks(inner.limits));
    let pushed = tasks.queue.post(asked, |state| push(state, lined, weight));
    match pushed {
        Ok(away) => {
            tasks.start(runtime);
            away.into_iter().flatten().for_each(TurnedAway::tell);
            Ok(())
        }
        Err(Refused::Full) => {
            let most = inner.limits.max_pending;
            Err(Error::queue_full(type_name::<E>(), most))
        }
        Err(Refused::Closed) => Err(Error::closed(type_name::<E>())),
    }
}

/// Ends a delivery for which there is no room.
type Refuse = Box<dyn FnOnce() + Send>;

/// A delivery and its line.
struct Lined {
    line: u64,
    job: Job,
    /// For a handler with a policy: that, and what is done with a delivery that its limit has no room for.
    policed: Option<(Arc<Policed>, Refuse)>,
}

impl Lined {
    fn plain(line: u64, job: Job) -> Self {
        Self {
            line,
            job,
            policed: None,
        }
    }
}

/// A delivery for which the limit of its handler had no room.
enum TurnedAway {
    Dropped(Arc<Policed>, Job),
    Refused(Refuse),
}

impl TurnedAway {
    /// Counts it, and tells whoever is to know.
    fn tell(self) {
        match self {
            Self::Dropped(policed, job) => {
                policed.regulator.figures().note_dropped();
                drop(job);
            }
            Self::Refused(refuse) => refuse(),
        }
    }
}

/// Puts deliveries into their lines. Returns those that the limits of their handlers have no room for.
fn push(state: &mut State, lined: Vec<Lined>, weight: usize) -> Vec<TurnedAway> {
    let mut away = Vec::new();
    for Lined { line, job, policed } in lined {
        let Some((policed, refuse)) = policed else {
            state.backlog.push_as(weight, line, (), job);
            continue;
        };
        let limit = policed.regulator.policy().concurrency();
        let width = limit.map_or(1, Limit::concurrency);
        let most = limit.and_then(Limit::room);
        let most = most.map_or(usize::MAX, |room| room.saturating_add(width));
        if state.backlog.pending_in(line) >= most {
            let overflow = limit.map(Limit::overflow).unwrap_or_default();
            if overflow == WhenFull::Raise {
                away.push(TurnedAway::Refused(refuse));
                continue;
            }
            let drops_old = overflow == WhenFull::DropOld;
            let oldest = drops_old.then(|| state.backlog.drop_oldest(line)).flatten();
            let Some(oldest) = oldest else {
                state.backlog.note_dropped(1);
                away.push(TurnedAway::Dropped(policed, job));
                continue;
            };
            away.push(TurnedAway::Dropped(Arc::clone(&policed), oldest));
        }
        state.backlog.push_alone(width, line, (), job);
    }
    away
}

/// A posted event. It holds its bus, so that a bus whose handles are gone still delivers.
struct Posted<E> {
    bus: AsyncEventBus,
    plan: Arc<Plan>,
    event: Arc<E>,
    site: &'static Location<'static>,
    /// What the poster was doing, if the bus is traced.
    cause: Option<Cause>,
    dispatch: Option<Arc<Dispatch>>,
}

impl<E: Any + Send + Sync> Posted<E> {
    /// A delivery a handler.
    fn jobs(&self) -> Vec<Lined> {
        (0..self.plan.entries().len())
            .map(|place| self.job(place))
            .collect()
    }

    fn job(&self, place: usize) -> Lined {
        let entry = &self.plan.entries()[place];
        let line = entry.sequence();
        let Some(policed) = &entry.handler().policed else {
            let publish = self.publish(Target::Handler(place));
            let job = Box::new(move || log_failures(publish));
            return Lined::plain(line, Job::Plain(job));
        };
        let (bus, event, site) = (self.bus.clone(), Arc::clone(&self.event), self.site);
        let (plan, own) = (Arc::clone(&self.plan), Arc::clone(policed));
        let refuse = move || {
            let entry = &plan.entries()[place];
            let Some(refused) = own.refuse(Refusal::Full, time()) else {
                return;
            };
            let cause = failure::Cause::Returned(Box::new(refused));
            let failure = inner::failure(entry.handler(), site, cause);
            bus.bury(&plan, entry, &event, &failure, Vec::new());
            bus.inner.judge_posted(entry.handler(), &failure);
        };
        let again = Self {
            bus: self.bus.clone(),
            plan: Arc::clone(&self.plan),
            event: Arc::clone(&self.event),
            site,
            cause: None,
            dispatch: self.dispatch.clone(),
        };
        let start = move |begun| {
            let publish = again.publish(Target::Handler(place));
            log_failures(publish.begins(begun))
        };
        Lined {
            line,
            job: Job::Policed(Box::new(start)),
            policed: Some((Arc::clone(policed), Box::new(refuse))),
        }
    }

    /// The passage through the layers, which may let the event through to the handlers' lines.
    fn passage(mut self, runtime: Handle) -> Job {
        let (event, site) = (type_name::<E>(), self.site);
        let publish = self.publish(Target::Handlers);
        let push = Box::new(move || {
            let tasks = Arc::clone(self.bus.inner.background.tasks(self.bus.inner.limits));
            let special = &self.plan.extra().special;
            let cause = self.cause.take();
            let traced = special.traced.as_ref();
            self.dispatch = traced.map(|traced| traced.publish(Verb::Post, site, cause));
            special.tell_published::<E>(site);
            let lined = self.jobs();
            let mut state = tasks.queue.lock();
            let away = push(&mut state, lined, 1);
            drop(state);
            tasks.start(&runtime);
            away.into_iter().for_each(TurnedAway::tell);
        });
        let publish = publish.to(Target::Queue(push));
        Job::Plain(Box::new(move || -> BoxFuture<()> {
            Box::pin(async move {
                if let Err(error) = publish.await.result {
                    log::error!("the middleware of {event} posted at {site}: {error}");
                }
            })
        }))
    }

    fn publish(&self, target: Target) -> Publish<E> {
        Publish::new(&self.bus, Arc::clone(&self.event), self.site)
            .on_plan(Arc::clone(&self.plan))
            .of_dispatch(self.dispatch.clone())
            .to(target)
    }
}

/// The event of a dead letter. It holds neither bus nor handler.
struct Kept<E> {
    event: Arc<E>,
}

impl AsyncEventBus {
    /// Keeps a delivery that has failed to its end, unless its policy does not want that. Says whether it did.
    pub(crate) fn bury<E: Any + Send + Sync>(
        &self,
        plan: &Plan,
        entry: &Entry<TypeId, Subscriber>,
        event: &Arc<E>,
        failure: &Failure,
        mut attempts: Vec<FailedAttempt>,
    ) -> bool {
        let Some(policed) = entry.handler().policed.as_ref() else {
            return false;
        };
        let is_wanted = policed.regulator.policy().dead_letters() != Some(false);
        let is_about_one = TypeId::of::<E>() == TypeId::of::<DeadLettered>();
        if !is_wanted || is_about_one {
            return false;
        }
        if attempts.is_empty() {
            attempts.push(FailedAttempt::new(failure.error()));
        }
        policed.regulator.figures().note_dead_lettered();
        let event = Arc::clone(event);
        let told = self.inner.keep_dead_letter(Dead {
            failure,
            topic: plan.extra().special.topic.as_deref(),
            sequence: entry.sequence(),
            attempts,
            event: Arc::new(Kept { event }),
        });
        let is_wanted = !self.handlers::<DeadLettered>().is_empty();
        if is_wanted && let Err(error) = self.post(told) {
            log::error!("nobody was told of a dead letter: {error}");
        }
        true
    }
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
            None => inner.plan::<E, AsyncCallee<E>>(),
            Some(topic) => inner.plan_of_topic::<E, AsyncCallee<E>>(topic)?,
        };
        let mut entries = plan.entries().iter();
        let Some(place) = entries.position(|entry| entry.sequence() == sequence) else {
            return Err(Error::subscription_ended(type_name::<E>()));
        };
        let Some(runtime) = inner.background.runtime() else {
            return Err(Error::no_runtime(type_name::<E>()));
        };
        let traced = plan.extra().special.traced.as_ref();
        let posted = Posted {
            bus: AsyncEventBus {
                inner: Arc::clone(inner),
            },
            dispatch: traced.map(|traced| traced.publish(Verb::Post, site, Cause::current())),
            plan,
            event: Arc::clone(&self.event),
            site,
            cause: None,
        };
        let may_wait = Handle::try_current().is_err() && !is_worker();
        // It was let in once, and needs no room: it must not get lost for want of it.
        let asked = Asked::new(0, false, inner.number, may_wait);
        enqueue::<E>(inner, &asked, vec![posted.job(place)], 1, &runtime)
    }
}

/// Runs a delivery. What nobody is told otherwise goes to the log.
fn log_failures<E: Any + Send + Sync>(publish: Publish<E>) -> BoxFuture<()> {
    Box::pin(async {
        let Err(error) = publish.await.result else {
            return;
        };
        for failure in error.failures() {
            log::error!("{failure}");
        }
        if !error.is_handlers() {
            log::error!("a posted delivery: {error}");
        }
    })
}
