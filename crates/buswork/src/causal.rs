//! The causal chain of the Rust bus: one a thread, and what happens when it gets too deep.
//!
//! A recursion error has to end every enclosing publish at once, or a fan-out of two would go on
//! for 2^100 calls. A handler may well drop the error of its nested publish (`let _ = ...`), or
//! panic with it; so the chain itself remembers: until its outermost publish has returned, each
//! further publish in it is refused, and each enclosing one returns the recursion error.

use std::cell::{Cell, RefCell};

use crate::chain::{Chain, Nesting};
use crate::error::Error;

thread_local! {
    static CAUSAL: Causal = const { Causal::new() };
}

/// A thread's chain, and what it remembers of a recursion that it refused.
struct Causal {
    chain: Chain<&'static str>,
    is_tripped: Cell<bool>,
    tripped_by: RefCell<Option<(Vec<&'static str>, u32)>>,
}

/// A publish in progress; dropping it leaves the chain.
pub(crate) struct Publishing(Nesting);

// Each of these looks the thread's chain up anew, which costs less than running the handlers inside
// of `with` would, as that keeps everything in memory.
impl Publishing {
    #[inline]
    pub(crate) fn enter(bus: usize, event: &'static str, max_depth: u32) -> Result<Self, Error> {
        CAUSAL.with(|causal| {
            if causal.is_tripped.get() {
                return Err(causal.recursion());
            }
            causal
                .chain
                .enter(bus, event, max_depth)
                .map(Self)
                .map_err(|cycle| causal.trip(cycle, max_depth))
        })
    }

    /// Whether a publish nested in this one went too deep.
    #[inline]
    #[expect(
        clippy::unused_self,
        reason = "only a publish in progress has a verdict"
    )]
    pub(crate) fn verdict(&self) -> Result<(), Error> {
        CAUSAL.with(|causal| {
            if causal.is_tripped.get() {
                Err(causal.recursion())
            } else {
                Ok(())
            }
        })
    }
}

impl Drop for Publishing {
    #[inline]
    fn drop(&mut self) {
        CAUSAL.with(|causal| {
            causal.chain.leave(self.0);
            if causal.is_tripped.get() {
                causal.settle();
            }
        });
    }
}

impl Causal {
    const fn new() -> Self {
        Self {
            chain: Chain::new(),
            is_tripped: Cell::new(false),
            tripped_by: RefCell::new(None),
        }
    }

    #[cold]
    fn trip(&self, cycle: Vec<&'static str>, max_depth: u32) -> Error {
        // A limit of zero refuses even the outermost publish: no chain to unwind then.
        if self.chain.is_empty() {
            return Error::recursion(cycle, max_depth);
        }
        self.tripped_by.replace(Some((cycle, max_depth)));
        self.is_tripped.set(true);
        self.recursion()
    }

    /// Ends the refusal when the outermost publish has been left.
    #[cold]
    fn settle(&self) {
        if self.chain.is_empty() {
            self.is_tripped.set(false);
            self.tripped_by.replace(None);
        }
    }

    #[cold]
    fn recursion(&self) -> Error {
        let tripped_by = self.tripped_by.borrow().clone();
        let (cycle, max_depth) = tripped_by.unwrap_or_default();
        Error::recursion(cycle, max_depth)
    }
}
