//! Keeps a future in the causal chain of its thread whenever it is polled.
//!
//! There is nothing like a thread's stack for a chain of futures, but polls nest: a publish that a
//! handler awaits is polled within the poll of the handler's own publish, however often both have
//! waited before. So each publish enters the chain at each of its polls, and finds those around it
//! there.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use crate::causal::Publishing;
use crate::sync::Arc;

/// How many publishes of one chain, in a cycle, may be in progress at one depth.
const CROWD: u32 = 4_096;

thread_local! {
    /// What the publishes of the chain share that is being polled, if any is. The outermost one makes
    /// do without; the first nested one makes it.
    static CURRENT: RefCell<Option<Shared>> = const { RefCell::new(None) };
}

type Shared = Option<Arc<Crowd>>;

/// How many publishes of one chain are in progress, by their depth.
///
/// Handlers that wait before they publish run side by side, so a cycle with a fan-out of two would
/// have 2^100 publishes in progress before any were 100 deep.
#[derive(Default)]
struct Crowd {
    counts: Mutex<Vec<u32>>,
}

impl Crowd {
    /// Counts one more, or one less, and says how many there are then.
    fn count(&self, depth: u32, more: bool) -> u32 {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let place = depth as usize;
        if counts.len() <= place {
            counts.resize(place + 1, 0);
        }
        let count = &mut counts[place];
        *count = if more {
            *count + 1
        } else {
            count.saturating_sub(1)
        };
        *count
    }
}

/// A publish's place in the crowd of its chain. Dropping it gives the place up.
#[derive(Default)]
pub(crate) struct Place {
    crowd: Option<Arc<Crowd>>,
    /// Where it is counted, if it is nested.
    depth: Option<u32>,
    is_taken: bool,
}

impl Place {
    /// Polls something in this place, and within `publishing`.
    #[inline]
    pub(crate) fn poll<R>(&mut self, publishing: &Publishing, poll: impl FnOnce() -> R) -> R {
        if !self.is_taken {
            self.is_taken = true;
            self.take(publishing);
        }
        let _current = Current::set(self);
        poll()
    }

    fn take(&mut self, publishing: &Publishing) {
        let shared = |current: &RefCell<Option<Shared>>| {
            let mut current = current.borrow_mut();
            Some(Arc::clone(current.as_mut()?.get_or_insert_default()))
        };
        let Some(crowd) = CURRENT.with(shared) else {
            return;
        };
        let depth = publishing.depth();
        if crowd.count(depth, true) > CROWD {
            publishing.refuse_in_cycle(CROWD);
        }
        self.depth = Some(depth);
        self.crowd = Some(crowd);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let (Some(crowd), Some(depth)) = (&self.crowd, self.depth) {
            crowd.count(depth, false);
        }
    }
}

/// Makes a publish's crowd the current one. The outermost publish finds in it, afterwards, the one that
/// the first nested publish made.
struct Current<'a> {
    place: &'a mut Place,
    outer: Option<Shared>,
}

impl<'a> Current<'a> {
    #[inline]
    fn set(place: &'a mut Place) -> Self {
        let own = place.crowd.take();
        let outer = CURRENT.with(|current| current.replace(Some(own)));
        Self { place, outer }
    }
}

impl Drop for Current<'_> {
    #[inline]
    fn drop(&mut self) {
        let outer = self.outer.take();
        self.place.crowd = CURRENT.with(|current| current.replace(outer)).flatten();
    }
}
