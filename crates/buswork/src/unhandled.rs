//! What the user can say about events that nobody is subscribed to.

/// What a bus does with an event that nobody is subscribed to.
///
/// "Handled" means that somebody is subscribed, even if paused or kept off by a predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Unhandled {
    /// Nothing. The default.
    #[default]
    Ignore,
    /// A warning in the log (crate `log`).
    Warn,
    /// An error for which [`Error::is_unhandled`](crate::Error::is_unhandled) holds.
    Raise,
}
