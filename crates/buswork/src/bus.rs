//! The bus for Rust: the table with closures as handlers, keyed by the event's exact type.

use std::any::{Any, TypeId};
use std::fmt;
use std::panic::Location;

use crate::builder::{BusBuilder, SubscriptionBuilder};
use crate::error::Error;
use crate::handler::Handler;
use crate::inner::Inner;
use crate::middleware::Middleware;
use crate::observe::Observer;
use crate::plan::{Callee, Plan};
use crate::report::Report;
use crate::subscription::Subscription;
use crate::sync::Arc;
use crate::unhandled::Unhandled;

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
        SubscriptionBuilder::new(&self.inner, None)
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
        self.run_for_report(&self.plan::<E>(), event, site)
    }

    /// The subscriptions of an event type, in call order.
    pub fn handlers<E: Any>(&self) -> Vec<Subscription> {
        self.inner.subscriptions(&self.plan::<E>())
    }

    /// Cancels every subscription.
    pub fn clear(&self) {
        self.inner.clear();
    }

    /// Says what happens to events of this type that nobody is subscribed to, on topics too.
    pub fn set_unhandled<E: Any>(&self, unhandled: Unhandled) {
        let key = TypeId::of::<E>();
        self.inner.settings().unhandled.insert(key, unhandled);
        self.inner.evict::<E>();
    }

    /// Sets, or with `None` takes away, the observer of this bus.
    pub fn observe(&self, observer: Option<Arc<dyn Observer>>) {
        self.inner
            .change(|settings| std::mem::replace(&mut settings.observer, observer));
    }

    /// Adds a layer around every publish of this bus, inside of those that were added before.
    pub fn add_middleware(&self, layer: impl Middleware) {
        let layer: Arc<dyn Middleware> = Arc::new(layer);
        self.inner.change(|settings| {
            let layers = settings.layers.iter().cloned().chain([layer]).collect();
            std::mem::replace(&mut settings.layers, layers)
        });
    }

    fn plan<E: Any>(&self) -> Arc<Plan> {
        self.inner.plan::<E, Callee<E>>()
    }
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
