//! What can handle an event in Rust: a closure, a function, or a value that implements
//! [`Handler`].

use std::error::Error;

/// Any error, as a handler returns it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Handles events of type `E`.
///
/// Every `Fn(&E)` and `Fn(&E) -> Result<(), E2>` is one. Implement it for a value that carries
/// state or dependencies; keep what it changes behind atomics or a lock, since any thread may
/// publish.
///
/// An `async` closure is not a handler of the sync bus, and does not compile as one:
///
/// ```compile_fail
/// # use buswork::EventBus;
/// # struct OrderPlaced;
/// EventBus::new().subscribe(async |_: &OrderPlaced| {});
/// ```
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use buswork::{BoxError, EventBus, Handler};
///
/// struct OrderPlaced { cents: u64 }
///
/// #[derive(Default)]
/// struct Revenue { cents: AtomicU64 }
///
/// impl Handler<OrderPlaced> for Revenue {
///     fn handle(&self, order: &OrderPlaced) -> Result<(), BoxError> {
///         self.cents.fetch_add(order.cents, Ordering::Relaxed);
///         Ok(())
///     }
/// }
///
/// let bus = EventBus::new();
/// bus.subscribe(Revenue::default());
/// bus.publish(&OrderPlaced { cents: 4999 })?;
/// # Ok::<(), buswork::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle `{E}`",
    label = "not a handler of `{E}`",
    note = "a handler is a `Fn(&{E})`, a `Fn(&{E}) -> Result<(), impl Into<BoxError>>`, or implements `Handler<{E}>`; write the type of a closure's argument out: `|event: &{E}| ...`"
)]
pub trait Handler<E: ?Sized>: Send + Sync + 'static {
    /// Handles one event.
    ///
    /// # Errors
    /// Whatever went wrong. It is reported to the publisher and does not keep other handlers from
    /// running. A panic is reported likewise.
    fn handle(&self, event: &E) -> Result<(), BoxError>;
}

impl<E, F, R> Handler<E> for F
where
    E: ?Sized,
    F: Fn(&E) -> R + Send + Sync + 'static,
    R: Outcome,
{
    #[inline]
    fn handle(&self, event: &E) -> Result<(), BoxError> {
        self(event).into_result()
    }
}

/// What a handler that is a closure may return: nothing, or a `Result<(), E>`. Sealed.
#[diagnostic::on_unimplemented(
    message = "a handler returns nothing or a `Result<(), E>`, not `{Self}`",
    note = "the sync bus runs handlers to their end and uses no other result; a future would never be polled"
)]
pub trait Outcome: sealed::Sealed {
    #[doc(hidden)]
    fn into_result(self) -> Result<(), BoxError>;
}

impl Outcome for () {
    #[inline]
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> Outcome for Result<(), E> {
    #[inline]
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl<E> Sealed for Result<(), E> {}
}
