//! The bus for Rust: the table with closures as handlers, keyed by the event's exact type.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::builder::{BusBuilder, SubscriptionBuilder};
use crate::causal::Publishing;
use crate::delivery::{SkipReason, Status};
use crate::entry::{Entry, Options};
use crate::error::{Cause, Error, Failure, Panicked};
use crate::handler::Handler;
use crate::isolation::{Effect, Isolation, Outcome};
use crate::observe::{Observer, Published};
use crate::report::{Delivery, Report};
use crate::subscription::Subscription;
use crate::sync::Arc;
use crate::table;

pub(crate) type Plan = table::Plan<TypeId, Subscriber, Compiled>;
type Table = table::Table<TypeId, Subscriber, Compiled>;
pub(crate) type Predicate<E> = Box<dyn Fn(&E) -> bool + Send + Sync>;

/// What a bus does with an event that nobody is subscribed to.
///
/// "Handled" means that somebody is subscribed, even if paused or kept off by a predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Unhandled {
    /// Nothing. The default.
    #[default]
    Ignore,
    /// A warning in the log (crate `log`).
    Warn,
    /// An error for which [`Error::is_unhandled`] holds.
    Raise,
}

/// What a handler's failure does. Other handlers run in any case, but under `Stop`.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum OnError {
    /// It is part of the [`Error`] that publish returns when all have run. The default.
    #[default]
    Raise,
    /// It is logged (crate `log`), and publish returns no error for it.
    Log,
    /// It ends the publish: the rest do not run.
    Stop,
    /// It is given to this function, and publish returns no error for it. A panic of the function
    /// is logged together with the failure.
    Call(Arc<dyn Fn(&Failure) + Send + Sync>),
}

impl fmt::Debug for OnError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Raise => "Raise",
            Self::Log => "Log",
            Self::Stop => "Stop",
            Self::Call(_) => "Call(..)",
        })
    }
}

/// The handler of an entry, with its event type erased.
pub(crate) struct Subscriber {
    /// An `Arc<Callee<E>>`; a plan downcasts it once, not every call.
    callee: Arc<dyn Any + Send + Sync>,
    pub(crate) name: Arc<str>,
    pub(crate) event: &'static str,
    pub(crate) location: &'static Location<'static>,
    on_error: Option<OnError>,
}

struct Callee<E> {
    handler: Box<dyn Handler<E>>,
    when: Option<Predicate<E>>,
}

/// What a plan keeps for its type: the handlers with their type known, and what was decided.
pub(crate) struct Compiled {
    /// A `Box<[Step<E>]>`.
    steps: Box<dyn Any + Send + Sync>,
    /// Whether the fast road has to look at one of the following first.
    is_special: bool,
    unhandled: Unhandled,
    observer: Option<Arc<dyn Observer>>,
}

struct Step<E> {
    entry: Arc<Entry<TypeId, Subscriber>>,
    callee: Arc<Callee<E>>,
}

/// What a bus is made of; its handles and its subscriptions share it.
pub(crate) struct Inner {
    pub(crate) table: Table,
    number: usize,
    max_depth: u32,
    on_error: OnError,
    unhandled: Unhandled,
    settings: std::sync::Mutex<Settings>,
}

/// What can be changed later. Each change evicts the plans that were compiled under the old one.
#[derive(Default)]
struct Settings {
    unhandled: HashMap<TypeId, Unhandled>,
    observer: Option<Arc<dyn Observer>>,
}

/// An event bus: publish an event, and every handler subscribed to its type runs.
///
/// A handle: clones share one bus, and it may be used from any thread at any time. No lock is held
/// while a handler runs. See the [crate's page](crate) for what is promised.
///
/// # Examples
/// ```
/// use buswork::EventBus;
///
/// struct OrderPlaced { order_id: String }
///
/// let bus = EventBus::new();
/// bus.subscribe(|order: &OrderPlaced| println!("a mail about {}", order.order_id));
/// bus.subscribe(|order: &OrderPlaced| println!("reserve for {}", order.order_id));
/// bus.publish(&OrderPlaced { order_id: "123".into() })?;
/// # Ok::<(), buswork::Error>(())
/// ```
#[derive(Clone)]
pub struct EventBus {
    inner: Arc<Inner>,
}

impl EventBus {
    /// A bus with the defaults: failures are returned together, unheard events are ignored,
    /// publishes may be nested 100 deep.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A bus with other settings.
    pub fn builder() -> BusBuilder {
        BusBuilder::default()
    }

    pub(crate) fn with(max_depth: u32, on_error: OnError, unhandled: Unhandled) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (table, settings) = (Table::new(), std::sync::Mutex::default());
        let inner = Inner {
            table,
            number,
            max_depth,
            on_error,
            unhandled,
            settings,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Subscribes a handler to its event type, which routing compares exactly.
    #[track_caller]
    pub fn subscribe<E: Any, H: Handler<E>>(&self, handler: H) -> Subscription {
        self.on::<E>().subscribe(handler)
    }

    /// Starts a subscription with options.
    ///
    /// # Examples
    /// ```
    /// use buswork::EventBus;
    ///
    /// struct OrderPlaced { amount: f64 }
    ///
    /// let bus = EventBus::new();
    /// bus.on::<OrderPlaced>()
    ///     .priority(10)
    ///     .when(|order| order.amount > 1000.0)
    ///     .named("fraud")
    ///     .subscribe(|order: &OrderPlaced| println!("look at {}", order.amount));
    /// bus.publish(&OrderPlaced { amount: 5000.0 })?;
    /// # Ok::<(), buswork::Error>(())
    /// ```
    pub fn on<E: Any>(&self) -> SubscriptionBuilder<'_, E> {
        SubscriptionBuilder::new(self)
    }

    /// Adds what [`SubscriptionBuilder`] has put together.
    pub(crate) fn add<E: Any>(&self, new: NewSubscription<E>) -> Subscription {
        let NewSubscription {
            handler,
            when,
            name,
            on_error,
            options,
            location,
        } = new;
        let subscriber = Subscriber {
            callee: Arc::new(Callee { handler, when }),
            name,
            event: type_name::<E>(),
            location,
            on_error,
        };
        let keys = Box::new([TypeId::of::<E>()]);
        match self.inner.table.subscribe(keys, options, false, subscriber) {
            Ok((entry, removed)) => {
                drop(removed);
                self.subscription(&entry)
            }
            Err((table::NameTaken, subscriber)) => panic!(
                "a subscription named {:?} is on this bus already: cancel it first, or choose another name (at {location})",
                subscriber.name
            ),
        }
    }

    /// Runs every handler of the event's type, one after another, before it returns.
    ///
    /// # Errors
    /// When handlers failed (after all have run), when nobody is subscribed and the bus minds, and
    /// when publishes are nested too deep. A recursion error is never collected: every enclosing
    /// publish returns it at once.
    #[inline]
    #[track_caller]
    pub fn publish<E: Any>(&self, event: &E) -> Result<(), Error> {
        let site = Location::caller();
        self.inner
            .table
            .with_plan(&TypeId::of::<E>(), |plan| match plan {
                Some(plan) => self.run(plan, event, site),
                None => self.run_anew(event, site),
            })
    }

    /// Publishes, and reports what came of each delivery instead of returning handlers' failures.
    ///
    /// # Errors
    /// Never for handlers: only when nobody is subscribed and the bus minds, and when publishes
    /// are nested too deep.
    #[track_caller]
    pub fn deliver<E: Any>(&self, event: &E) -> Result<Report, Error> {
        let site = Location::caller();
        let plan = self.plan::<E>();
        let publishing = self.enter::<E>()?;
        mind_unhandled::<E>(&plan, site)?;
        let (report, _) = self.walk(&plan, event, site, &publishing)?;
        Ok(report)
    }

    /// The subscriptions of an event type, in call order.
    pub fn handlers<E: Any>(&self) -> Vec<Subscription> {
        self.plan::<E>()
            .entries()
            .iter()
            .map(|entry| self.subscription(entry))
            .collect()
    }

    /// Cancels every subscription.
    pub fn clear(&self) {
        let removed = self.inner.table.clear();
        for entry in removed.entries() {
            entry.cancel();
        }
    }

    /// Says what happens to events of this type that nobody is subscribed to.
    pub fn set_unhandled<E: Any>(&self, unhandled: Unhandled) {
        self.inner
            .settings()
            .unhandled
            .insert(TypeId::of::<E>(), unhandled);
        drop(self.inner.table.evict(&TypeId::of::<E>()));
    }

    /// Sets, or with `None` takes away, the observer of this bus.
    pub fn observe(&self, observer: Option<Arc<dyn Observer>>) {
        let old = std::mem::replace(&mut self.inner.settings().observer, observer);
        drop(self.inner.table.evict_all());
        drop(old);
    }

    fn subscription(&self, entry: &Arc<Entry<TypeId, Subscriber>>) -> Subscription {
        Subscription {
            entry: Arc::clone(entry),
            bus: Arc::downgrade(&self.inner),
        }
    }

    fn plan<E: Any>(&self) -> Arc<Plan> {
        self.inner
            .table
            .plan(&TypeId::of::<E>())
            .unwrap_or_else(|| self.compile::<E>())
    }

    #[cold]
    fn compile<E: Any>(&self) -> Arc<Plan> {
        let key = TypeId::of::<E>();
        let gathered = self.inner.table.gather(&key, &[key], |_| false);
        let Ok(arranged) = gathered.arrange(|_| Ok::<_, std::convert::Infallible>(false));
        let steps: Box<[Step<E>]> = arranged
            .entries()
            .iter()
            .filter_map(|entry| {
                let callee = Arc::clone(&entry.handler().callee)
                    .downcast::<Callee<E>>()
                    .ok()?;
                Some(Step {
                    entry: Arc::clone(entry),
                    callee,
                })
            })
            .collect();
        let settings = self.inner.settings();
        let unhandled = settings.unhandled.get(&key).copied();
        let unhandled = unhandled.unwrap_or(self.inner.unhandled);
        let is_minded = steps.is_empty() && unhandled != Unhandled::Ignore;
        let compiled = Compiled {
            steps: Box::new(steps),
            is_special: is_minded || settings.observer.is_some(),
            unhandled,
            observer: settings.observer.clone(),
        };
        drop(settings);
        self.inner.table.install(key, &[key], arranged, compiled)
    }

    /// A publish whose plan is not compiled yet.
    #[cold]
    #[inline(never)]
    fn run_anew<E: Any>(&self, event: &E, site: &'static Location<'static>) -> Result<(), Error> {
        self.run(&self.compile::<E>(), event, site)
    }

    /// The fast road of a publish: no report, no clock, nothing allocated while nothing fails.
    #[expect(clippy::inline_always, reason = "20 instructions a publish otherwise")]
    #[inline(always)]
    fn run<E: Any>(
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
    fn enter<E>(&self) -> Result<Publishing, Error> {
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
    fn walk<E: Any>(
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

fn mind_unhandled<E: Any>(plan: &Plan, site: &'static Location<'static>) -> Result<(), Error> {
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

impl Inner {
    fn settings(&self) -> std::sync::MutexGuard<'_, Settings> {
        self.settings
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What [`SubscriptionBuilder`] has put together.
pub(crate) struct NewSubscription<E> {
    pub(crate) handler: Box<dyn Handler<E>>,
    pub(crate) when: Option<Predicate<E>>,
    pub(crate) name: Arc<str>,
    pub(crate) on_error: Option<OnError>,
    pub(crate) options: Options,
    pub(crate) location: &'static Location<'static>,
}

impl Default for EventBus {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for EventBus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "EventBus({} subscriptions)",
            self.inner.table.len()
        )
    }
}
