//! The async bus for Rust: a publish is a future, in which the futures of the handlers are polled.

mod chained;
mod handler;
mod handling;
mod middleware;
#[cfg(feature = "tokio")]
mod post;
mod publish;
mod regulated;
mod running;
#[cfg(feature = "tokio")]
mod tasks;
mod topics;
mod turns;

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::panic::Location;

use crate::builder::{BusBuilder, SubscriptionBuilder};
use crate::error::Error;
use crate::handler::Handler;
use crate::inner::Inner;
use crate::observe::Observer;
use crate::plan::Plan;
use crate::report::Report;
use crate::subscription::Subscription;
use crate::sync::Arc;
use crate::unhandled::Unhandled;

pub use handler::AsyncHandler;
pub use middleware::{AsyncMiddleware, AsyncNext, SharedEvent};
pub use regulated::TimedOut;
pub(crate) use turns::Turns;

use handler::{AsyncCallee, Call};
pub(crate) use middleware::AsyncLayers;
use publish::Publish;
#[cfg(feature = "tokio")]
pub(crate) use tasks::Background;

/// An event bus whose handlers are asynchronous: they wait at the same time.
///
/// A handler gets an `Arc` of the event, and returns a future. A publish is a future too: nothing runs
/// until it is awaited, and it ends when every handler has. No task is spawned and no runtime is
/// needed, so it runs wherever it is awaited; and a handler that computes for long holds up the others,
/// as it would in any task.
///
/// A handle: clones share one bus, and it may be used from any thread at any time.
///
/// # Ordering
/// Handlers are started high priority first, then in order of subscription; each runs to its first wait
/// before the next is started. After that there is no order among them. Sync handlers, by
/// [`subscribe_sync`](Self::subscribe_sync), run to their end at their place.
///
/// # Errors
/// As on [`EventBus`](crate::EventBus). Under [`OnError::Stop`](crate::OnError::Stop) a failure drops
/// the futures of the handlers that are still running.
///
/// # Cancellation
/// Dropping the future of a publish drops the futures of its handlers, wherever they wait. Nothing is
/// left behind, and what they had not done is not done.
///
/// # Re-entrancy
/// As on `EventBus`. What a handler publishes and awaits is nested in its publish, as often as it waits
/// in between. What it spawns is not: that begins a chain of its own. A cycle that fans out and waits
/// is ended when more than 4,096 of its publishes are in progress at one depth.
///
/// # Not there
/// `post` needs the feature `tokio`. Middleware is [`AsyncMiddleware`].
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use buswork::AsyncEventBus;
///
/// struct OrderPlaced { order_id: String }
///
/// # async fn send_mail(_: &str) -> Result<(), std::io::Error> { Ok(()) }
/// # async fn run() -> Result<(), buswork::Error> {
/// let bus = AsyncEventBus::new();
/// bus.subscribe(async |order: Arc<OrderPlaced>| send_mail(&order.order_id).await);
/// bus.subscribe_sync(|order: &OrderPlaced| println!("one more: {}", order.order_id));
/// bus.publish(OrderPlaced { order_id: "123".into() }).await?;
/// # Ok(())
/// # }
/// # block_on(run()).unwrap();
/// # fn block_on<F: Future>(future: F) -> F::Output {
/// #     let mut future = std::pin::pin!(future);
/// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// #     loop {
/// #         if let std::task::Poll::Ready(done) = future.as_mut().poll(&mut context) {
/// #             return done;
/// #         }
/// #     }
/// # }
/// ```
#[derive(Clone)]
pub struct AsyncEventBus {
    pub(crate) inner: Arc<Inner>,
}

impl AsyncEventBus {
    /// A bus with the defaults, which are those of [`EventBus::new`](crate::EventBus::new).
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A bus with other settings.
    pub fn builder() -> BusBuilder<Self> {
        BusBuilder::default()
    }

    /// Subscribes a handler to its event type, which routing compares exactly.
    #[track_caller]
    pub fn subscribe<E: Any + Send + Sync, H: AsyncHandler<E>>(&self, handler: H) -> Subscription {
        self.on::<E>().subscribe(handler)
    }

    /// Subscribes a handler that does not wait for anything, as on the sync bus. It is called in its
    /// turn and runs to its end; what it does meanwhile holds up the others.
    #[track_caller]
    pub fn subscribe_sync<E: Any + Send + Sync, H: Handler<E>>(&self, handler: H) -> Subscription {
        self.on::<E>().subscribe_sync(handler)
    }

    /// Starts a subscription with options.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use buswork::AsyncEventBus;
    ///
    /// struct OrderPlaced { amount: f64 }
    ///
    /// let bus = AsyncEventBus::new();
    /// bus.on::<OrderPlaced>()
    ///     .when(|order| order.amount > 1000.0)
    ///     .named("fraud")
    ///     .subscribe(async |order: Arc<OrderPlaced>| println!("look at {}", order.amount));
    /// assert_eq!(bus.handlers::<OrderPlaced>()[0].name(), "fraud");
    /// ```
    pub fn on<E: Any + Send + Sync>(&self) -> SubscriptionBuilder<'_, E, Self> {
        SubscriptionBuilder::new(&self.inner, None)
    }

    /// Runs every handler of the event's type, and waits for all of them.
    ///
    /// The future holds the bus, and may be spawned or kept. Nothing runs before it is polled.
    ///
    /// # Errors
    /// When handlers failed (after all have ended), when nobody is subscribed and the bus minds, and
    /// when publishes are nested too deep. A recursion error is never collected: every enclosing
    /// publish returns it at once.
    #[track_caller]
    pub fn publish<E: Any + Send + Sync>(
        &self,
        event: E,
    ) -> impl Future<Output = Result<(), Error>> + Send + use<E> {
        self.publish_shared(Arc::new(event))
    }

    /// [`publish`](Self::publish), of an event that is shared already.
    ///
    /// # Errors
    /// As `publish`.
    #[track_caller]
    pub fn publish_shared<E: Any + Send + Sync>(
        &self,
        event: Arc<E>,
    ) -> impl Future<Output = Result<(), Error>> + Send + use<E> {
        let publish = Publish::new(self, event, Location::caller());
        async { publish.await.result }
    }

    /// Publishes, and reports what came of each delivery instead of returning handlers' failures.
    ///
    /// # Errors
    /// Never for handlers: only when nobody is subscribed and the bus minds, and when publishes
    /// are nested too deep.
    #[track_caller]
    pub fn deliver<E: Any + Send + Sync>(
        &self,
        event: E,
    ) -> impl Future<Output = Result<Report, Error>> + Send + use<E> {
        self.deliver_shared(Arc::new(event))
    }

    /// [`deliver`](Self::deliver), of an event that is shared already.
    ///
    /// # Errors
    /// As `deliver`.
    #[track_caller]
    pub fn deliver_shared<E: Any + Send + Sync>(
        &self,
        event: Arc<E>,
    ) -> impl Future<Output = Result<Report, Error>> + Send + use<E> {
        let publish = Publish::new(self, event, Location::caller()).reported();
        async { publish.await.into_report(type_name::<E>()) }
    }

    /// The subscriptions of an event type, in call order.
    pub fn handlers<E: Any + Send + Sync>(&self) -> Vec<Subscription> {
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

    fn plan<E: Any + Send + Sync>(&self) -> Arc<Plan> {
        self.inner.plan::<E, AsyncCallee<E>>()
    }
}

impl BusBuilder<AsyncEventBus> {
    /// The bus.
    pub fn build(self) -> AsyncEventBus {
        AsyncEventBus {
            inner: Inner::new(self),
        }
    }
}

impl<E: Any + Send + Sync> SubscriptionBuilder<'_, E, AsyncEventBus> {
    /// Subscribes the handler.
    ///
    /// # Panics
    /// When the given name is taken on this bus. When its policy has a timeout, a backoff or dead letters of
    /// direct deliveries: they need feature `tokio`.
    #[track_caller]
    pub fn subscribe<H: AsyncHandler<E>>(self, handler: H) -> Subscription {
        self.check_for_tokio(type_name::<H>());
        let call = Call::Async(Arc::new(handler));
        self.add(type_name::<H>(), Location::caller(), |when| AsyncCallee {
            call,
            when,
        })
    }

    /// Subscribes a handler that does not wait for anything, as on the sync bus.
    ///
    /// # Panics
    /// As [`subscribe`](Self::subscribe); and when its policy has a timeout, since nothing can stop it.
    #[track_caller]
    pub fn subscribe_sync<H: Handler<E>>(self, handler: H) -> Subscription {
        self.check_for_tokio(type_name::<H>());
        self.check_for_timeout(type_name::<H>());
        let call = Call::Sync(Box::new(handler));
        self.add(type_name::<H>(), Location::caller(), |when| AsyncCallee {
            call,
            when,
        })
    }
}

impl Default for AsyncEventBus {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for AsyncEventBus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subscriptions = self.inner.table.len();
        write!(formatter, "AsyncEventBus({subscriptions} subscriptions)")
    }
}
