//! Who waits for a slot of a handler's limit, in order.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::sync::{MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::regulated::is_held;
use crate::policed::{Policed, time};
use crate::policy::{Limit, Next, Refusal, Trial, WhenFull};
use crate::sync::Arc;

/// Those who wait, in order. Whoever begins, or is refused, leaves them under the same lock, lest somebody
/// else drop it then.
#[derive(Default)]
pub(crate) struct Turns {
    waiting: VecDeque<Waiting>,
    next: u64,
}

struct Waiting {
    number: u64,
    waker: Waker,
    /// It has its room in the line of its handler, and takes none from direct deliveries.
    is_posted: bool,
}

impl Turns {
    /// The place of one that waits. One that has none any more was dropped.
    fn place(&self, number: u64) -> Option<usize> {
        self.waiting.iter().position(|one| one.number == number)
    }

    /// How many direct deliveries wait.
    fn direct(&self) -> usize {
        self.waiting.iter().filter(|one| !one.is_posted).count()
    }

    /// Takes out the direct delivery that waits longest.
    fn drop_oldest(&mut self) -> Option<Waiting> {
        let oldest = self.waiting.iter().position(|one| !one.is_posted)?;
        self.waiting.remove(oldest)
    }
}

/// How the wait for a turn has ended.
pub(crate) enum Turned {
    Begun(Slot),
    Dropped,
    Refused(Refusal),
}

/// The slot of a delivery, until it ends. Then whoever waits longest is woken.
pub(crate) struct Slot {
    trial: Option<Trial>,
    policed: Arc<Policed>,
}

impl Slot {
    /// What tells its regulator from others.
    pub(crate) fn key(&self) -> usize {
        key(&self.policed)
    }

    pub(crate) fn succeeded(mut self) {
        if let Some(trial) = self.trial.take() {
            trial.succeeded();
        }
    }

    /// Notes a failed attempt, and says what follows.
    pub(crate) fn failed(
        &mut self,
        name: &str,
        error: &(dyn StdError + Send + Sync + 'static),
    ) -> Next {
        match &mut self.trial {
            Some(trial) => self.policed.failed(trial, name, error, time()),
            None => Next::Final { opens: false },
        }
    }

    /// Ends it badly.
    pub(crate) fn fail(mut self) {
        if let Some(mut trial) = self.trial.take() {
            trial.fail(time());
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        drop(self.trial.take());
        self.policed.wake_next();
    }
}

fn key(policed: &Arc<Policed>) -> usize {
    Arc::as_ptr(policed).addr()
}

/// One who waits for its turn. When it is dropped, it leaves its place to others.
struct Place {
    policed: Arc<Policed>,
    number: Option<u64>,
}

impl Place {
    /// Leaves those that wait. The others are told where nothing is locked.
    fn leave(&mut self, mut turns: MutexGuard<'_, Turns>) {
        let Some(number) = self.number.take() else {
            return;
        };
        let place = turns.place(number);
        let own = place.and_then(|place| turns.waiting.remove(place));
        drop(turns);
        drop(own);
        if self.policed.regulator.has_slot() {
            self.policed.wake_next();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.number.is_some() {
            let policed = Arc::clone(&self.policed);
            self.leave(policed.turns());
        }
    }
}

/// Waits for the turn of a delivery, behind those that wait already.
pub(crate) fn turn(policed: &Arc<Policed>, is_posted: bool) -> impl Future<Output = Turned> + Send {
    let mut place = Place {
        policed: Arc::clone(policed),
        number: None,
    };
    std::future::poll_fn(move |context| {
        // Wakers are foreign code: cloned before the lock, and dropped after it.
        let waker = context.waker().clone();
        let policed = Arc::clone(&place.policed);
        let mut turns = policed.turns();
        let own = place.number.map(|number| turns.place(number));
        if own == Some(None) {
            place.leave(turns);
            return Poll::Ready(Turned::Dropped);
        }
        let own = own.flatten();
        if own == Some(0) || turns.waiting.is_empty() {
            match policed.regulator.begin(time()) {
                Ok(trial) => {
                    let slot = Slot {
                        trial: Some(trial),
                        policed: Arc::clone(&policed),
                    };
                    place.leave(turns);
                    return Poll::Ready(Turned::Begun(slot));
                }
                Err(Refusal::Full) => {}
                Err(refusal) => {
                    place.leave(turns);
                    return Poll::Ready(Turned::Refused(refusal));
                }
            }
        }
        if let Some(own) = own {
            let old = std::mem::replace(&mut turns.waiting[own].waker, waker);
            drop(turns);
            drop(old);
            return Poll::Pending;
        }
        if is_held(key(&policed)) {
            drop(turns);
            return Poll::Ready(Turned::Refused(Refusal::Full));
        }
        let limit = policed.regulator.policy().concurrency();
        let room = limit.and_then(Limit::room);
        let mut dropped = None;
        if !is_posted && room.is_some_and(|room| turns.direct() >= room) {
            let drops_old = limit.is_some_and(|limit| limit.overflow() == WhenFull::DropOld);
            dropped = drops_old.then(|| turns.drop_oldest()).flatten();
            if dropped.is_none() {
                drop(turns);
                return Poll::Ready(Turned::Refused(Refusal::Full));
            }
        }
        let number = turns.next;
        turns.next += 1;
        turns.waiting.push_back(Waiting {
            number,
            waker,
            is_posted,
        });
        drop(turns);
        place.number = Some(number);
        if let Some(oldest) = dropped {
            policed.regulator.figures().note_dropped();
            oldest.waker.wake();
        }
        Poll::Pending
    })
}

impl Policed {
    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits longest for a slot.
    fn wake_next(&self) {
        let first = self.turns().waiting.front().map(|one| one.waker.clone());
        if let Some(waker) = first {
            waker.wake();
        }
    }
}
