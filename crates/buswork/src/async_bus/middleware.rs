//! Layers of the async bus.

use std::any::{Any, type_name};
use std::fmt;
use std::panic::Location;

use super::AsyncEventBus;
use super::handler::BoxFuture;
use crate::error::Error;
use crate::settings::Special;
use crate::sync::Arc;

/// A layer around every publish of an async bus, whatever the type of its event.
///
/// Every `Fn(SharedEvent, AsyncNext) -> impl Future<Output = Result<(), Error>> + Send` is one. All else is
/// as with [`Middleware`](crate::Middleware): it awaits [`AsyncNext::run`] to let the event
/// through, or does not, and nothing is delivered.
///
/// # Examples
/// ```
/// use buswork::{AsyncEventBus, AsyncNext, Error, SharedEvent};
///
/// struct OrderPlaced { amount: f64 }
///
/// let bus = AsyncEventBus::new();
/// bus.add_middleware(async |event: SharedEvent, next: AsyncNext| {
///     match event.downcast_ref::<OrderPlaced>() {
///         Some(order) if order.amount < 0.0 => Err(Error::refused("the amount is negative")),
///         _ => next.run().await,
///     }
/// });
/// ```
pub trait AsyncMiddleware: Send + Sync + 'static {
    /// Handles one publish.
    ///
    /// # Errors
    /// What the publisher is to be told: the result of `next`, or a refusal.
    fn handle(
        &self,
        event: SharedEvent,
        next: AsyncNext,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

impl<F, R> AsyncMiddleware for F
where
    F: Fn(SharedEvent, AsyncNext) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), Error>> + Send,
{
    async fn handle(&self, event: SharedEvent, next: AsyncNext) -> Result<(), Error> {
        self(event, next).await
    }
}

/// A layer whose type is forgotten.
pub(crate) trait AsyncLayer: Send + Sync {
    fn pass(self: Arc<Self>, event: SharedEvent, next: AsyncNext) -> BoxFuture<Result<(), Error>>;
}

impl<L: AsyncMiddleware> AsyncLayer for L {
    fn pass(self: Arc<Self>, event: SharedEvent, next: AsyncNext) -> BoxFuture<Result<(), Error>> {
        Box::pin(async move { self.handle(event, next).await })
    }
}

/// The first one is outermost.
pub(crate) type AsyncLayers = Arc<[Arc<dyn AsyncLayer>]>;

/// An event of any type, as a layer of the async bus sees it. Cheap to clone.
#[derive(Clone)]
pub struct SharedEvent {
    event: Arc<dyn Any + Send + Sync>,
    event_type: &'static str,
    topic: Option<Arc<str>>,
    site: &'static Location<'static>,
}

impl SharedEvent {
    pub(crate) fn new<E: Any + Send + Sync>(
        event: Arc<E>,
        special: &Special,
        site: &'static Location<'static>,
    ) -> Self {
        Self {
            event,
            event_type: type_name::<E>(),
            topic: special.topic.as_deref().map(Into::into),
            site,
        }
    }

    /// The event, if it is of type `E`.
    pub fn downcast_ref<E: Any>(&self) -> Option<&E> {
        self.event.downcast_ref()
    }

    /// Whether it is of type `E`.
    pub fn is<E: Any>(&self) -> bool {
        self.event.is::<E>()
    }

    /// The name of its type.
    pub fn event_type(&self) -> &'static str {
        self.event_type
    }

    /// The topic that it was published to, if any.
    pub fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// Where it was published.
    pub fn site(&self) -> &'static Location<'static> {
        self.site
    }
}

impl fmt::Debug for SharedEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SharedEvent")
            .field("event_type", &self.event_type)
            .field("topic", &self.topic)
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

/// The layers behind one, and the handlers behind them.
#[must_use = "the event is delivered only if `run` is awaited"]
pub struct AsyncNext {
    layers: AsyncLayers,
    /// How many of them have been passed.
    passed: usize,
    event: SharedEvent,
    innermost: Innermost,
}

type Innermost = Box<dyn FnOnce() -> BoxFuture<Result<(), Error>> + Send>;

impl AsyncNext {
    pub(crate) fn new(
        layers: AsyncLayers,
        event: SharedEvent,
        innermost: impl FnOnce() -> BoxFuture<Result<(), Error>> + Send + 'static,
    ) -> Self {
        Self {
            layers,
            passed: 0,
            event,
            innermost: Box::new(innermost),
        }
    }

    /// Lets the event through, and ends when all behind this layer have.
    ///
    /// # Errors
    /// Those that the publish returns. On [`deliver`](AsyncEventBus::deliver), too, failures of
    /// handlers are told here.
    pub async fn run(mut self) -> Result<(), Error> {
        let Some(layer) = self.layers.get(self.passed) else {
            return (self.innermost)().await;
        };
        let layer = Arc::clone(layer);
        self.passed += 1;
        layer.pass(self.event.clone(), self).await
    }
}

impl fmt::Debug for AsyncNext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AsyncNext")
            .field("layers", &(self.layers.len() - self.passed))
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}

impl AsyncEventBus {
    /// Adds a layer around every publish of this bus, inside of those that were added before.
    pub fn add_middleware(&self, layer: impl AsyncMiddleware) {
        let layer: Arc<dyn AsyncLayer> = Arc::new(layer);
        self.inner.change(|settings| {
            let layers = settings.async_layers.iter().cloned();
            let layers = layers.chain([layer]).collect();
            std::mem::replace(&mut settings.async_layers, layers)
        });
    }
}
