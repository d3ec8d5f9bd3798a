//! The builders: options of a subscription, and settings of a bus.

use std::any::{Any, type_name};
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::OnceLock;

use crate::backlog::Overflow;
use crate::bus::EventBus;
use crate::entry::Options;
use crate::handler::Handler;
use crate::inner::{Inner, Limits};
use crate::on_error::OnError;
use crate::plan::{Callee, Predicate, Subscriber};
use crate::subscription::Subscription;
use crate::sync::Arc;
use crate::topic::Pattern;
use crate::unhandled::Unhandled;

/// Options of a subscription to `E` on a bus of kind `B`, from [`EventBus::on`],
/// [`AsyncEventBus::on`](crate::AsyncEventBus::on), and their `topic`.
#[must_use = "nothing is subscribed before `subscribe`"]
pub struct SubscriptionBuilder<'bus, E, B = EventBus> {
    pub(crate) bus: &'bus Arc<Inner>,
    kind: PhantomData<fn() -> B>,
    pattern: Option<Pattern>,
    options: Options,
    when: Option<Predicate<E>>,
    on_error: Option<OnError>,
}

impl<'bus, E: Any, B> SubscriptionBuilder<'bus, E, B> {
    pub(crate) fn new(bus: &'bus Arc<Inner>, pattern: Option<Pattern>) -> Self {
        Self {
            bus,
            kind: PhantomData,
            pattern,
            options: Options::default(),
            when: None,
            on_error: None,
        }
    }

    /// High runs first; equal ones run in order of subscription. 0 unless set.
    pub fn priority(mut self, priority: i64) -> Self {
        self.options.priority = priority;
        self
    }

    /// Only events for which `predicate` holds. Its panic is a failure of the handler.
    pub fn when(mut self, predicate: impl Fn(&E) -> bool + Send + Sync + 'static) -> Self {
        self.options.guarded = true;
        self.when = Some(Box::new(predicate));
        self
    }

    /// A name for reports and errors, unique on its bus.
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// Ends with the first call. The call is spent before the handler runs, so exactly one is
    /// made, whatever publishes nested or in other threads do.
    pub fn once(mut self) -> Self {
        self.options.once = true;
        self
    }

    /// What a failure of this handler does, instead of what the bus says.
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = Some(on_error);
        self
    }

    /// Adds a subscription whose bus calls what `callee` makes of the predicate.
    pub(crate) fn add<C: Any + Send + Sync>(
        self,
        handler: &'static str,
        location: &'static Location<'static>,
        callee: impl FnOnce(Option<Predicate<E>>) -> C,
    ) -> Subscription {
        let name = self.options.name.clone();
        let subscriber = Subscriber {
            callee: Arc::new(callee(self.when)),
            name: name.unwrap_or_else(|| handler.into()),
            event: type_name::<E>(),
            location,
            on_error: self.on_error,
            pattern: self.pattern,
            traced_name: OnceLock::new(),
        };
        self.bus.add::<E>(subscriber, self.options)
    }
}

impl<E: Any> SubscriptionBuilder<'_, E> {
    /// Subscribes the handler.
    ///
    /// # Panics
    /// When the given name is taken on this bus.
    #[track_caller]
    pub fn subscribe<H: Handler<E>>(self, handler: H) -> Subscription {
        let handler = Box::new(handler);
        self.add(type_name::<H>(), Location::caller(), |when| Callee {
            handler,
            when,
        })
    }
}

impl<E, B> fmt::Debug for SubscriptionBuilder<'_, E, B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SubscriptionBuilder")
            .field("event", &type_name::<E>())
            .field("pattern", &self.pattern)
            .field("options", &self.options)
            .field("on_error", &self.on_error)
            .finish_non_exhaustive()
    }
}

/// Settings of a bus of kind `B`, from [`EventBus::builder`] and [`AsyncEventBus::builder`](crate::AsyncEventBus::builder).
///
/// # Examples
/// ```
/// use buswork::{EventBus, Unhandled};
///
/// struct Nobody;
///
/// let bus = EventBus::builder().unhandled(Unhandled::Raise).max_depth(50).build();
/// assert!(bus.publish(&Nobody).unwrap_err().is_unhandled());
/// ```
#[derive(Debug, Clone)]
#[must_use = "no bus is made before `build`"]
pub struct BusBuilder<B = EventBus> {
    kind: PhantomData<fn() -> B>,
    pub(crate) max_depth: u32,
    pub(crate) on_error: OnError,
    pub(crate) unhandled: Unhandled,
    pub(crate) limits: Limits,
}

impl<B> BusBuilder<B> {
    /// How deep publishes may be nested in one causal chain. 100 unless set.
    pub fn max_depth(mut self, max_depth: u32) -> Self {
        self.max_depth = max_depth;
        self
    }

    /// What a handler's failure does, unless its subscription says otherwise.
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// What happens to events that nobody is subscribed to.
    pub fn unhandled(mut self, unhandled: Unhandled) -> Self {
        self.unhandled = unhandled;
        self
    }

    /// How many posted deliveries may be pending, waiting or in progress. 10,000 unless set.
    pub fn max_pending(mut self, max_pending: usize) -> Self {
        self.limits.max_pending = max_pending;
        self
    }

    /// What a post does when there is no room for its deliveries. It waits unless this is set.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.limits.overflow = overflow;
        self
    }
}

impl BusBuilder {
    /// The bus.
    pub fn build(self) -> EventBus {
        EventBus {
            inner: Inner::new(self),
        }
    }
}

impl<B> Default for BusBuilder<B> {
    fn default() -> Self {
        Self {
            kind: PhantomData,
            max_depth: 100,
            on_error: OnError::default(),
            unhandled: Unhandled::default(),
            limits: Limits {
                max_pending: 10_000,
                overflow: Overflow::Wait,
            },
        }
    }
}
