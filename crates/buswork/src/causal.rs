//! The causal chain of the Rust bus: one a thread.

use crate::chain::{Chain, Entered};
use crate::error::Error;

thread_local! {
    static CHAIN: Chain<&'static str, Refusal> = const { Chain::new() };
}

/// The event types that go round, and how deep they were nested.
#[derive(Clone)]
struct Refusal {
    cycle: Vec<&'static str>,
    max_depth: u32,
}

impl From<Refusal> for Error {
    #[cold]
    fn from(refusal: Refusal) -> Self {
        Self::recursion(refusal.cycle, refusal.max_depth)
    }
}

/// Whether this thread is inside a publish or a posted delivery of that bus.
pub(crate) fn is_inside(bus: usize) -> bool {
    CHAIN.with(|chain| chain.is_inside(bus))
}

/// A publish in progress; dropping it leaves the chain.
pub(crate) struct Publishing(Entered);

// Each of these looks the thread's chain up anew, which costs less than running the handlers inside
// of `with` would, as that keeps everything in memory.
impl Publishing {
    #[inline]
    pub(crate) fn enter(bus: usize, event: &'static str, max_depth: u32) -> Result<Self, Error> {
        let refusal = |cycle| Refusal { cycle, max_depth };
        let entered = CHAIN.with(|chain| chain.enter(bus, event, max_depth, refusal))?;
        Ok(Self(entered))
    }

    /// The error, if a publish nested in this one went too deep.
    #[inline]
    #[expect(
        clippy::unused_self,
        reason = "only a publish in progress has a verdict"
    )]
    pub(crate) fn verdict(&self) -> Result<(), Error> {
        Ok(CHAIN.with(Chain::verdict)?)
    }
}

impl Drop for Publishing {
    #[inline]
    fn drop(&mut self) {
        CHAIN.with(|chain| chain.leave(self.0));
    }
}
