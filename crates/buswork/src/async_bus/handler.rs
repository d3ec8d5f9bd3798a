//! What can handle an event on the async bus.

use std::pin::Pin;

use crate::handler::{BoxError, Handler, Outcome};
use crate::plan::{Guarded, Predicate};
use crate::sync::Arc;

/// A future of any type.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Handles events of type `E`, and may wait for something meanwhile.
///
/// Every `Fn(Arc<E>) -> F` is one, where `F` is a future of nothing or of a `Result<(), E2>`, that may be
/// sent to other threads; so is an async closure that needs no reference into itself. Implement it
/// for a value that carries state or dependencies:
///
/// ```
/// use std::sync::Arc;
/// use buswork::{AsyncEventBus, AsyncHandler, BoxError};
///
/// struct OrderPlaced { order_id: String }
///
/// struct Mailer { from: String }
///
/// impl AsyncHandler<OrderPlaced> for Mailer {
///     async fn handle(&self, order: Arc<OrderPlaced>) -> Result<(), BoxError> {
///         println!("a mail from {} about {}", self.from, order.order_id);
///         Ok(())
///     }
/// }
///
/// let bus = AsyncEventBus::new();
/// bus.subscribe(Mailer { from: "shop@example.org".into() });
/// ```
///
/// A closure that owns something hands a clone of it to each future:
///
/// ```
/// # use std::sync::{Arc, Mutex};
/// # struct OrderPlaced { order_id: String }
/// # let bus = buswork::AsyncEventBus::new();
/// let seen = Arc::new(Mutex::new(Vec::new()));
/// bus.subscribe(move |order: Arc<OrderPlaced>| {
///     let seen = Arc::clone(&seen);
///     async move { seen.lock().unwrap().push(order.order_id.clone()) }
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle `{E}` on an async bus",
    label = "not an async handler of `{E}`",
    note = "an async handler is a `Fn(Arc<{E}>) -> impl Future<Output = ()> + Send` (or of a `Result<(), impl Into<BoxError>>`), or implements `AsyncHandler<{E}>`; for a `Fn(&{E})` use `subscribe_sync`"
)]
pub trait AsyncHandler<E>: Send + Sync + 'static {
    /// Handles one event.
    ///
    /// # Errors
    /// Whatever went wrong. It is reported to the publisher and does not keep other handlers from
    /// running. A panic is reported likewise.
    fn handle(&self, event: Arc<E>) -> impl Future<Output = Result<(), BoxError>> + Send;
}

impl<E, F, R> AsyncHandler<E> for F
where
    F: Fn(Arc<E>) -> R + Send + Sync + 'static,
    R: Future<Output: Outcome> + Send,
    E: Send + Sync,
{
    async fn handle(&self, event: Arc<E>) -> Result<(), BoxError> {
        self(event).await.into_result()
    }
}

/// What the async bus calls.
pub(crate) struct AsyncCallee<E> {
    pub(crate) call: Call<E>,
    pub(crate) when: Option<Predicate<E>>,
}

pub(crate) enum Call<E> {
    Sync(Box<dyn Handler<E>>),
    Async(Arc<dyn Start<E>>),
}

impl<E> Guarded<E> for AsyncCallee<E> {
    fn predicate(&self) -> Option<&Predicate<E>> {
        self.when.as_ref()
    }
}

/// An [`AsyncHandler`] whose type is forgotten. Its futures hold it.
pub(crate) trait Start<E>: Send + Sync {
    fn start(self: Arc<Self>, event: Arc<E>) -> BoxFuture<Result<(), BoxError>>;
}

impl<E: Send + Sync + 'static, H: AsyncHandler<E>> Start<E> for H {
    fn start(self: Arc<Self>, event: Arc<E>) -> BoxFuture<Result<(), BoxError>> {
        Box::pin(async move { self.handle(event).await })
    }
}
