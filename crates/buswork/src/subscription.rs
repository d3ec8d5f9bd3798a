//! The handle of a subscription, and the guard that ends it on drop.

use std::any::TypeId;
use std::fmt;
use std::panic::Location;
use std::sync::Weak;

use crate::entry::Entry;
use crate::inner::Inner;
use crate::plan::Subscriber;
use crate::sync::Arc;
use crate::topic::Pattern;

/// A handler subscribed to a type, as a handle. Dropping it does nothing; take a
/// [`guard`](Self::guard) to end the subscription with a scope.
///
/// # Examples
/// ```
/// use buswork::EventBus;
///
/// struct Tick;
///
/// let bus = EventBus::new();
/// let subscription = bus.subscribe(|_: &Tick| {});
/// subscription.pause();
/// assert!(!subscription.is_active());
/// subscription.resume();
/// subscription.cancel();
/// assert!(bus.handlers::<Tick>().is_empty());
/// ```
#[derive(Clone)]
pub struct Subscription {
    pub(crate) entry: Arc<Entry<TypeId, Subscriber>>,
    pub(crate) bus: Weak<Inner>,
}

impl Subscription {
    /// Ends it. The handler is not called again, not even by a publish that is under way, except
    /// where another thread had called it already.
    pub fn cancel(&self) {
        if !self.entry.cancel() {
            return;
        }
        if let Some(bus) = self.bus.upgrade() {
            drop(bus.table.remove(&self.entry));
            bus.rouse(&self.entry);
        }
    }

    /// Keeps the handler from being called until [`resume`](Self::resume). Counts at once, also
    /// for a publish that is under way.
    pub fn pause(&self) {
        self.entry.pause();
    }

    /// Ends a pause. What was published meanwhile is not delivered late.
    pub fn resume(&self) {
        self.entry.resume();
    }

    /// Whether the handler would be called: neither paused, nor cancelled, nor spent.
    pub fn is_active(&self) -> bool {
        self.entry.is_active()
    }

    /// The given name, or the handler's type name.
    pub fn name(&self) -> &str {
        &self.entry.handler().name
    }

    /// The type name of the events.
    pub fn event_type(&self) -> &'static str {
        self.entry.handler().event
    }

    /// The pattern of its topics, if it is subscribed to topics.
    pub fn pattern(&self) -> Option<&str> {
        self.entry.handler().pattern.as_ref().map(Pattern::as_str)
    }

    /// High runs first.
    pub fn priority(&self) -> i64 {
        self.entry.priority()
    }

    /// Where it was subscribed.
    pub fn location(&self) -> &'static Location<'static> {
        self.entry.handler().location
    }

    /// A guard that cancels it when dropped.
    pub fn guard(self) -> SubscriptionGuard {
        SubscriptionGuard { subscription: self }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Subscription({} on {} at {}{})",
            self.name(),
            self.event_type(),
            self.location(),
            if self.is_active() { "" } else { ", not active" }
        )
    }
}

/// Cancels its subscription when dropped. From [`Subscription::guard`].
///
/// # Examples
/// ```
/// use buswork::EventBus;
///
/// struct Tick;
///
/// let bus = EventBus::new();
/// {
///     let _guard = bus.subscribe(|_: &Tick| {}).guard();
///     assert_eq!(bus.handlers::<Tick>().len(), 1);
/// }
/// assert!(bus.handlers::<Tick>().is_empty());
/// ```
#[derive(Debug)]
#[must_use = "dropping the guard cancels the subscription"]
pub struct SubscriptionGuard {
    subscription: Subscription,
}

impl SubscriptionGuard {
    /// The guarded subscription.
    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }
}

impl Drop for SubscriptionGuard {
    fn drop(&mut self) {
        self.subscription.cancel();
    }
}
