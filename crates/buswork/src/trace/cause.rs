//! What a publish came of: the handler that runs while it is made.
//!
//! On the buses for Rust it is known to the thread, and to a future of a handler while that is
//! polled. Glue for another language keeps a [`Cause`] where its language keeps such things.

use std::cell::RefCell;

use super::id::Id;
use super::names::HandlerName;

thread_local! {
    static CURRENT: RefCell<Option<Cause>> = const { RefCell::new(None) };
}

/// A delivery, as the cause of what its handler publishes.
#[derive(Debug, Clone)]
pub struct Cause {
    pub(super) event: Id,
    pub(super) correlation: Id,
    pub(super) handler: HandlerName,
    pub(super) subscription: u64,
}

impl Cause {
    /// Of what this thread publishes now, if it runs a handler of a bus that is traced.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.with_borrow(Clone::clone)
    }
}

/// This thread runs a handler, until this is dropped.
pub(crate) struct Inside(Option<Cause>);

impl Inside {
    pub(crate) fn of(cause: Cause) -> Self {
        Self(CURRENT.with_borrow_mut(|current| current.replace(cause)))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let outer = self.0.take();
        CURRENT.with_borrow_mut(|current| *current = outer);
    }
}
