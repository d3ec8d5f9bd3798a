//! The bus for Rust: the table with closures as handlers, keyed by the event's exact type.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::builder::{BusBuilder, SubscriptionBuilder};
use crate::dispatch::mind_unhandled;
use crate::entry::{Entry, Options};
use crate::error::Error;
use crate::handler::Handler;
use crate::observe::Observer;
use crate::policy::{OnError, Unhandled};
use crate::report::Report;
use crate::subscription::Subscription;
use crate::sync::Arc;
use crate::table;

pub(crate) type Plan = table::Plan<TypeId, Subscriber, Compiled>;
type Table = table::Table<TypeId, Subscriber, Compiled>;
pub(crate) type Predicate<E> = Box<dyn Fn(&E) -> bool + Send + Sync>;

/// The handler of an entry, with its event type erased.
pub(crate) struct Subscriber {
    /// An `Arc<Callee<E>>`; a plan downcasts it once, not every call.
    callee: Arc<dyn Any + Send + Sync>,
    pub(crate) name: Arc<str>,
    pub(crate) event: &'static str,
    pub(crate) location: &'static Location<'static>,
    pub(crate) on_error: Option<OnError>,
}

pub(crate) struct Callee<E> {
    pub(crate) handler: Box<dyn Handler<E>>,
    pub(crate) when: Option<Predicate<E>>,
}

/// What a plan keeps for its type: the handlers with their type known, and what was decided.
pub(crate) struct Compiled {
    /// A `Box<[Step<E>]>`.
    pub(crate) steps: Box<dyn Any + Send + Sync>,
    /// Whether the fast road has to look at one of the following first.
    pub(crate) is_special: bool,
    pub(crate) unhandled: Unhandled,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

pub(crate) struct Step<E> {
    pub(crate) entry: Arc<Entry<TypeId, Subscriber>>,
    pub(crate) callee: Arc<Callee<E>>,
}

/// What a bus is made of; its handles and its subscriptions share it.
pub(crate) struct Inner {
    pub(crate) table: Table,
    pub(crate) number: usize,
    pub(crate) max_depth: u32,
    pub(crate) on_error: OnError,
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
    pub(crate) inner: Arc<Inner>,
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

    pub(crate) fn subscription(&self, entry: &Arc<Entry<TypeId, Subscriber>>) -> Subscription {
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
    pub(crate) fn compile<E: Any>(&self) -> Arc<Plan> {
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
