//! Posting on the async bus: events whose handlers run later, in tasks of a tokio runtime.

use std::any::{Any, type_name};
use std::panic::Location;
use std::time::Duration;

use tokio::runtime::Handle;

use super::AsyncEventBus;
use super::handler::{AsyncCallee, BoxFuture};
use super::publish::{Publish, Target};
use super::running::Ended;
use super::tasks::Job;
use crate::causal;
use crate::error::Error;
use crate::plan::{Plan, mind_unhandled};
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
        let tasks = Arc::clone(inner.background.tasks(inner.limits));
        let posted = Posted {
            bus: self.clone(),
            plan,
            event,
            site,
            cause,
            dispatch,
        };
        let jobs = if has_layers {
            vec![(LAYERS, posted.passage(runtime.clone()))]
        } else {
            posted.jobs()
        };
        let weight = if has_layers { asked.deliveries } else { 1 };
        let pushed = tasks.queue.post(&asked, |state| {
            for (line, job) in jobs {
                state.backlog.push_as(weight, line, (), job);
            }
        });
        match pushed {
            Ok(_) => {
                tasks.start(&runtime);
                Ok(())
            }
            Err(Refused::Full) => Err(Error::queue_full(
                type_name::<E>(),
                inner.limits.max_pending,
            )),
            Err(Refused::Closed) => Err(Error::closed(type_name::<E>())),
        }
    }
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
    /// A delivery a handler, with the handler's line.
    fn jobs(&self) -> Vec<(u64, Job)> {
        let entries = self.plan.entries().iter().enumerate();
        let jobs = entries.map(|(place, entry)| {
            let publish = self.publish(Target::Handler(place));
            let job: Job = Box::new(move || Box::pin(async { log_failures(publish.await) }));
            (entry.sequence(), job)
        });
        jobs.collect()
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
            let jobs = self.jobs();
            let mut state = tasks.queue.lock();
            for (line, job) in jobs {
                state.backlog.push(line, (), job);
            }
            drop(state);
            tasks.start(&runtime);
        });
        let publish = publish.to(Target::Queue(push));
        Box::new(move || -> BoxFuture<()> {
            Box::pin(async move {
                if let Err(error) = publish.await.result {
                    log::error!("the middleware of {event} posted at {site}: {error}");
                }
            })
        })
    }

    fn publish(&self, target: Target) -> Publish<E> {
        Publish::new(&self.bus, Arc::clone(&self.event), self.site)
            .on_plan(Arc::clone(&self.plan))
            .of_dispatch(self.dispatch.clone())
            .to(target)
    }
}

/// What nobody is told otherwise goes to the log.
fn log_failures(ended: Ended) {
    let Err(error) = ended.result else { return };
    for failure in error.failures() {
        log::error!("{failure}");
    }
    if !error.is_handlers() {
        log::error!("a posted delivery: {error}");
    }
}
