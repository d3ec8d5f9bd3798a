//! The causal chain of the Rust bus: one a thread, and what happens when it gets too deep.
//!
//! A recursion error has to end every enclosing publish at once, or a fan-out of two would go on
//! for 2^100 calls. A handler may well drop the error of its nested publish (`let _ = ...`), or
//! panic with it; so the chain itself remembers: until its outermost publish has returned, each
//! further publish in it is refused, and each enclosing one returns the recursion error.

use std::cell::{Cell, RefCell};

use crate::chain::Chain;
use crate::error::Error;

thread_local! {
    static CHAIN: Chain<&'static str> = const { Chain::new() };
    static IS_TRIPPED: Cell<bool> = const { Cell::new(false) };
    static TRIPPED_BY: RefCell<Option<(Vec<&'static str>, u32)>> = const { RefCell::new(None) };
}

/// A publish in progress; dropping it leaves the chain.
pub(crate) struct Publishing(());

impl Publishing {
    #[inline]
    pub(crate) fn enter(bus: usize, event: &'static str, max_depth: u32) -> Result<Self, Error> {
        if IS_TRIPPED.get() {
            return Err(recursion());
        }
        match CHAIN.with(|chain| chain.enter(bus, event, max_depth)) {
            Ok(()) => Ok(Self(())),
            Err(cycle) => {
                // A limit of zero refuses even the outermost publish: no chain to unwind then.
                if CHAIN.with(Chain::is_empty) {
                    return Err(Error::recursion(cycle, max_depth));
                }
                TRIPPED_BY.set(Some((cycle, max_depth)));
                IS_TRIPPED.set(true);
                Err(recursion())
            }
        }
    }

    /// Whether a publish nested in this one went too deep.
    #[inline]
    #[expect(
        clippy::unused_self,
        reason = "only a publish in progress has a verdict"
    )]
    pub(crate) fn verdict(&self) -> Result<(), Error> {
        if IS_TRIPPED.get() {
            Err(recursion())
        } else {
            Ok(())
        }
    }
}

impl Drop for Publishing {
    #[inline]
    fn drop(&mut self) {
        CHAIN.with(Chain::leave);
        if IS_TRIPPED.get() {
            settle();
        }
    }
}

/// Ends the refusal when the outermost publish has been left.
#[cold]
fn settle() {
    if CHAIN.with(Chain::is_empty) {
        IS_TRIPPED.set(false);
        TRIPPED_BY.set(None);
    }
}

#[cold]
fn recursion() -> Error {
    let (cycle, max_depth) = TRIPPED_BY.with_borrow(|tripped| tripped.clone().unwrap_or_default());
    Error::recursion(cycle, max_depth)
}
