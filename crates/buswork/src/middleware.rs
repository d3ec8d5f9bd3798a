//! Layers between the publisher and the handlers: each wraps a whole publish, not a delivery.

use std::any::Any;
use std::fmt;
use std::panic::Location;

use crate::error::Error;
use crate::observe::Published;
use crate::sync::Arc;

/// A layer around every publish of a bus, whatever the type of its event.
///
/// Every `Fn(EventRef<'_>, Next<'_>) -> Result<(), Error>` is one. It calls [`Next::run`] to let the
/// event through, and has the publish's result then, to look at or to change. If it does not call
/// it, nothing is delivered: return [`Error::refused`] to tell the publisher so.
///
/// Layers run on the publisher's thread, inside its publish: what a layer publishes is nested in it.
/// Those of a posted event run before its deliveries, in the background, in order of posts; what
/// handlers fail with later is nothing they see, and their own errors are logged. A panic goes
/// through to the publisher.
///
/// # Examples
/// ```
/// use buswork::{Error, EventBus, EventRef, Next};
///
/// struct OrderPlaced { amount: f64 }
///
/// let bus = EventBus::new();
/// bus.add_middleware(|event: EventRef<'_>, next: Next<'_>| {
///     println!("-> {}", event.event_type());
///     let result = next.run();
///     println!("<- {}", event.event_type());
///     result
/// });
/// bus.add_middleware(|event: EventRef<'_>, next: Next<'_>| {
///     match event.downcast_ref::<OrderPlaced>() {
///         Some(order) if order.amount < 0.0 => Err(Error::refused("the amount is negative")),
///         _ => next.run(),
///     }
/// });
/// bus.subscribe(|order: &OrderPlaced| assert!(order.amount >= 0.0));
/// bus.publish(&OrderPlaced { amount: 5.0 })?;
/// assert!(bus.publish(&OrderPlaced { amount: -5.0 }).unwrap_err().is_refused());
/// # Ok::<(), buswork::Error>(())
/// ```
pub trait Middleware: Send + Sync + 'static {
    /// Handles one publish.
    ///
    /// # Errors
    /// What the publisher is to be told: the result of `next`, or a refusal.
    fn handle(&self, event: EventRef<'_>, next: Next<'_>) -> Result<(), Error>;
}

impl<F> Middleware for F
where
    F: Fn(EventRef<'_>, Next<'_>) -> Result<(), Error> + Send + Sync + 'static,
{
    fn handle(&self, event: EventRef<'_>, next: Next<'_>) -> Result<(), Error> {
        self(event, next)
    }
}

/// An event of any type, as a layer sees it.
#[derive(Clone, Copy)]
pub struct EventRef<'a> {
    event: &'a dyn Any,
    published: Published<'a>,
}

impl<'a> EventRef<'a> {
    pub(crate) fn new(event: &'a dyn Any, published: Published<'a>) -> Self {
        Self { event, published }
    }

    /// The event, if it is of type `E`.
    pub fn downcast_ref<E: Any>(&self) -> Option<&'a E> {
        self.event.downcast_ref()
    }

    /// Whether it is of type `E`.
    pub fn is<E: Any>(&self) -> bool {
        self.event.is::<E>()
    }

    /// The name of its type.
    pub fn event_type(&self) -> &'static str {
        self.published.event_type
    }

    /// The topic that it was published to, if any.
    pub fn topic(&self) -> Option<&'a str> {
        self.published.topic
    }

    /// Where it was published.
    pub fn site(&self) -> &'static Location<'static> {
        self.published.site
    }
}

impl fmt::Debug for EventRef<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.published.fmt(formatter)
    }
}

/// The layers behind one, and the handlers behind them.
#[must_use = "the event is delivered only if `run` is called"]
pub struct Next<'a> {
    layers: &'a [Arc<dyn Middleware>],
    event: EventRef<'a>,
    innermost: &'a mut dyn FnMut() -> Result<(), Error>,
}

impl<'a> Next<'a> {
    pub(crate) fn new(
        layers: &'a [Arc<dyn Middleware>],
        event: EventRef<'a>,
        innermost: &'a mut dyn FnMut() -> Result<(), Error>,
    ) -> Self {
        Self {
            layers,
            event,
            innermost,
        }
    }

    /// Lets the event through, and returns when all behind this layer have run.
    ///
    /// # Errors
    /// Those that the publish returns. On [`deliver`](crate::EventBus::deliver), too, failures of
    /// handlers are told here.
    pub fn run(self) -> Result<(), Error> {
        let Some((outermost, layers)) = self.layers.split_first() else {
            return (self.innermost)();
        };
        let event = self.event;
        outermost.handle(event, Next { layers, ..self })
    }
}

impl fmt::Debug for Next<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Next")
            .field("layers", &self.layers.len())
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}
