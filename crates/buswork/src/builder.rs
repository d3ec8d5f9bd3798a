//! The builders: options of a subscription, and settings of a bus.

use std::any::{Any, type_name};
use std::error::Error as StdError;
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
use crate::policed::{Policed, RetryIf};
use crate::policy::{Policy, Retry};
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
    policy: Option<Policy>,
    retry_if: Option<RetryIf>,
    is_only_posted: bool,
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
            policy: None,
            retry_if: None,
            is_only_posted: false,
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

    /// What a delivery may take, and what is done when it fails, instead of what the bus says. See
    /// [`policy`](crate::policy).
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Which errors are worth another attempt, where the policy has some left. All are unless this is set;
    /// a panic is an error like any other. A panic of the predicate is logged, and means no.
    pub fn retry_if(
        mut self,
        is_worth_it: impl Fn(&(dyn StdError + Send + Sync + 'static)) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.retry_if = Some(Arc::new(is_worth_it));
        self
    }

    /// The policy at work, if there is one or the bus keeps figures of all.
    fn policed(&mut self) -> Option<Arc<Policed>> {
        let policy = self.policy.take().or_else(|| self.bus.policy.clone());
        let policy = policy.filter(|policy| !policy.is_empty());
        if policy.is_none() && self.bus.stats == StatsKept::None {
            return None;
        }
        let policed = Policed::new(policy.unwrap_or_default(), self.retry_if.take());
        if self.bus.stats == StatsKept::Latency {
            policed.regulator.figures().measure_latency();
        }
        self.options.guarded = true;
        Some(policed)
    }

    /// Adds a subscription whose bus calls what `callee` makes of the predicate.
    pub(crate) fn add<C: Any + Send + Sync>(
        mut self,
        handler: &'static str,
        location: &'static Location<'static>,
        callee: impl FnOnce(Option<Predicate<E>>) -> C,
    ) -> Subscription {
        let policed = self.policed();
        let name = self.options.name.clone();
        let subscriber = Subscriber {
            callee: Arc::new(callee(self.when)),
            name: name.unwrap_or_else(|| handler.into()),
            event: type_name::<E>(),
            location,
            on_error: self.on_error,
            pattern: self.pattern,
            policed,
            is_only_posted: self.is_only_posted,
            traced_name: OnceLock::new(),
        };
        self.bus.add::<E>(subscriber, self.options)
    }
}

impl<E: Any> SubscriptionBuilder<'_, E> {
    /// Only events that are posted: a publish passes the handler by. It may wait between attempts then.
    pub fn only_posted(mut self) -> Self {
        self.is_only_posted = true;
        self
    }

    /// Subscribes the handler.
    ///
    /// # Panics
    /// When the given name is taken on this bus. When its policy has a timeout, since nothing can stop the
    /// thread that runs it; or a backoff, for which a publish would have to wait, or dead letters, for which
    /// it would have to keep its event, and it takes not [only posted events](Self::only_posted).
    #[track_caller]
    pub fn subscribe<H: Handler<E>>(self, handler: H) -> Subscription {
        self.check_for_timeout(type_name::<H>());
        self.check_for_backoff(type_name::<H>());
        self.check_for_dead_letters(type_name::<H>());
        let handler = Box::new(handler);
        self.add(type_name::<H>(), Location::caller(), |when| Callee {
            handler,
            when,
        })
    }
}

impl<E, B> SubscriptionBuilder<'_, E, B> {
    fn wanted(&self) -> Option<&Policy> {
        self.policy.as_ref().or(self.bus.policy.as_ref())
    }

    /// Refuses a timeout of a handler that nothing can stop.
    #[track_caller]
    pub(crate) fn check_for_timeout(&self, handler: &str) {
        let timeout = self.wanted().and_then(Policy::timeout_of_attempt);
        assert!(
            timeout.is_none(),
            "a timeout cannot be kept for {handler}: nothing can stop the thread that runs it. Make it an async handler of an AsyncEventBus, or let it give up by itself"
        );
    }

    /// Refuses a backoff for which a publish would have to wait.
    #[track_caller]
    fn check_for_backoff(&self, handler: &str) {
        let waits = self
            .wanted()
            .and_then(Policy::retries)
            .is_some_and(Retry::waits);
        assert!(
            self.is_only_posted || !waits,
            "publish would have to wait for the backoff of {handler}: make it `.only_posted()`, or leave the backoff out, and attempts follow one another at once"
        );
    }

    /// Refuses to keep direct deliveries, whose events are borrowed.
    #[track_caller]
    fn check_for_dead_letters(&self, handler: &str) {
        let keeps = self.wanted().and_then(Policy::dead_letters) == Some(true);
        assert!(
            self.is_only_posted || !keeps,
            "an event that is published by reference cannot be kept as a dead letter of {handler}: make it `.only_posted()`, or leave `dead_letter` out, and posted deliveries alone are kept"
        );
    }

    /// Refuses what needs a clock or a post, where there is none.
    #[track_caller]
    pub(crate) fn check_for_tokio(&self, handler: &str) {
        let Some(policy) = self.wanted().filter(|_| !cfg!(feature = "tokio")) else {
            return;
        };
        let waits = policy.retries().is_some_and(Retry::waits);
        assert!(
            !waits && policy.timeout_of_attempt().is_none(),
            "the timeout or backoff of {handler} needs a clock: enable feature `tokio`"
        );
        assert!(
            policy.dead_letters() != Some(true),
            "the dead letters of {handler} would have to be posted anew: enable feature `tokio`"
        );
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
    pub(crate) policy: Option<Policy>,
    pub(crate) stats: StatsKept,
    pub(crate) max_dead_letters: usize,
}

/// Which figures are kept of handlers without a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum StatsKept {
    #[default]
    None,
    Counts,
    /// And how long calls take.
    Latency,
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

    /// The policy of handlers that have none of their own.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Keeps figures of all handlers, and not only of those with a policy.
    pub fn stats(mut self) -> Self {
        self.stats = StatsKept::Counts;
        self
    }

    /// The same, and how long calls take.
    pub fn latency(mut self) -> Self {
        self.stats = StatsKept::Latency;
        self
    }

    /// How many dead letters are kept at most. 1,000 unless set.
    pub fn max_dead_letters(mut self, letters: usize) -> Self {
        self.max_dead_letters = letters;
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
            policy: None,
            stats: StatsKept::None,
            max_dead_letters: 1_000,
        }
    }
}
