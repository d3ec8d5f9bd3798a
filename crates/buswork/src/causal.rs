//! The causal chain of the Rust buses: one a thread. A publish of the async bus is in it while it is
//! polled, and so are those that its handlers await, whose polls happen within.

use crate::chain::{Chain, Entered};
use crate::error::{Error, Limit};
use crate::sync::Arc;

thread_local! {
    static CHAIN: Chain<&'static str, Refusal> = const { Chain::new() };
}

/// The event types that go round, and what they ran into. One word, as each publish makes room for
/// one.
#[derive(Clone)]
struct Refusal(Arc<(Vec<&'static str>, Limit)>);

impl Refusal {
    #[cold]
    fn new(cycle: Vec<&'static str>, limit: Limit) -> Self {
        Self(Arc::new((cycle, limit)))
    }
}

impl From<Refusal> for Error {
    #[cold]
    fn from(refusal: Refusal) -> Self {
        let (cycle, limit) = &*refusal.0;
        Self::recursion(cycle.clone(), *limit)
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
#[expect(
    clippy::unused_self,
    reason = "only a publish in progress has a verdict or a depth"
)]
impl Publishing {
    #[inline]
    pub(crate) fn enter(bus: usize, event: &'static str, max_depth: u32) -> Result<Self, Error> {
        let refusal = |cycle| Refusal::new(cycle, Limit::Depth(max_depth));
        let entered = CHAIN.with(|chain| chain.enter(bus, event, max_depth, refusal))?;
        Ok(Self(entered))
    }

    /// The error, if a publish nested in this one went too deep.
    #[inline]
    pub(crate) fn verdict(&self) -> Result<(), Error> {
        verdict()
    }

    #[inline]
    pub(crate) fn depth(&self) -> u32 {
        CHAIN.with(Chain::depth)
    }

    /// Refuses this publish, whose depth is crowded, if it is one of a cycle.
    #[cold]
    pub(crate) fn refuse_in_cycle(&self, crowd: u32) {
        CHAIN.with(|chain| {
            if chain.goes_round() {
                let depth = chain.depth();
                let limit = Limit::Crowd { crowd, depth };
                chain.trip(|cycle| Refusal::new(cycle, limit));
            }
        });
    }
}

/// Whether a publish nested in those in progress on this thread went too deep.
#[inline]
pub(crate) fn is_refused() -> bool {
    CHAIN.with(Chain::is_tripped)
}

/// The error, if a publish nested in those in progress on this thread went too deep.
#[inline]
pub(crate) fn verdict() -> Result<(), Error> {
    Ok(CHAIN.with(Chain::verdict)?)
}

impl Drop for Publishing {
    #[inline]
    fn drop(&mut self) {
        CHAIN.with(|chain| chain.leave(self.0));
    }
}
