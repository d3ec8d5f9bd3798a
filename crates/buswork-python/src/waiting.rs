//! Those who wait for a slot of a handler's limit on an event loop, in order.

use std::collections::VecDeque;

use buswork::policy::{Limit, WhenFull};
use pyo3::prelude::*;

use crate::calling::Invoke;
use crate::exception;
use crate::policed::Policed;

/// Those who wait for a slot of one handler's limit. As long as there are any, a new delivery goes behind
/// them. They are known by the numbers of their coming, which begin with 1.
#[derive(Default)]
pub(crate) struct Waiting {
    waiters: VecDeque<Waiter>,
    /// Those that were woken and have not come yet; with whether they are posted.
    coming: Vec<(u64, bool)>,
    /// How many have come, ever.
    came: u64,
    /// How many of all are direct.
    direct: usize,
    /// What wakes those that rest between two attempts, and wait for no slot.
    resting: Vec<(u64, Py<PyAny>)>,
}

/// The number of one that has never come to those who wait for a slot.
const NOBODY: u64 = 0;

pub(crate) struct Waiter {
    came: u64,
    is_posted: bool,
    /// What wakes it, called once; there is none before its coroutine has begun, which looks by itself.
    wake: Option<Py<PyAny>>,
}

impl Waiting {
    pub(crate) fn count(&self) -> usize {
        self.waiters.len() + self.coming.len()
    }

    /// Whether one more direct delivery may wait.
    pub(crate) fn has_room(&self, policed: &Policed) -> bool {
        let limit = policed.regulator.policy().concurrency();
        let room = limit.and_then(Limit::room);
        room.is_none_or(|room| self.direct < room)
    }

    /// One more waits. Returns its number.
    pub(crate) fn join(&mut self, is_posted: bool) -> u64 {
        self.came += 1;
        self.direct += usize::from(!is_posted);
        self.waiters.push_back(Waiter {
            came: self.came,
            is_posted,
            wake: None,
        });
        self.came
    }

    fn place(&self, came: u64) -> Result<usize, usize> {
        self.waiters.binary_search_by_key(&came, |each| each.came)
    }

    /// Whether one waits, or was woken and has not come.
    pub(crate) fn is_known(&self, came: u64) -> bool {
        self.place(came).is_ok() || self.coming.iter().any(|(each, _)| *each == came)
    }

    /// Has one woken by `wake`: a new one, if it was not dropped, or one that was woken in vain and has its
    /// place again. Says whether it waits.
    pub(crate) fn wait(&mut self, came: u64, wake: Py<PyAny>, is_new: bool) -> bool {
        match self.place(came) {
            Ok(place) => self.waiters[place].wake = Some(wake),
            Err(place) => {
                let woken = self.coming.iter().position(|(each, _)| *each == came);
                let Some(woken) = woken.filter(|_| !is_new) else {
                    return false;
                };
                let (_, is_posted) = self.coming.swap_remove(woken);
                let waiter = Waiter {
                    came,
                    is_posted,
                    wake: Some(wake),
                };
                self.waiters.insert(place, waiter);
            }
        }
        true
    }

    /// One waits no more. What is returned must not be dropped under the lock.
    pub(crate) fn leave(&mut self, came: u64) -> Option<Waiter> {
        if let Ok(place) = self.place(came) {
            let left = self.waiters.remove(place);
            self.note_left(left.as_ref().is_none_or(|left| left.is_posted));
            return left;
        }
        let woken = self.coming.iter().position(|(each, _)| *each == came)?;
        let (_, is_posted) = self.coming.swap_remove(woken);
        self.note_left(is_posted);
        None
    }

    fn note_left(&mut self, is_posted: bool) {
        self.direct -= usize::from(!is_posted);
    }

    /// Whether nobody is before this one: it is the first of those that wait, and nobody was woken who has
    /// not come.
    pub(crate) fn is_next(&self, came: u64) -> bool {
        let is_first = self.waiters.front().is_some_and(|first| first.came == came);
        is_first && self.coming.is_empty()
    }

    /// Takes out the direct one that waits longest, to be dropped.
    pub(crate) fn take_oldest(&mut self) -> Option<Waiter> {
        let place = self.waiters.iter().position(|each| !each.is_posted)?;
        self.note_left(false);
        self.waiters.remove(place)
    }

    /// Takes out what wakes each, all of which are coming from now on.
    fn call_all(&mut self) -> Vec<(u64, Py<PyAny>)> {
        let mut calls = Vec::new();
        for waiter in std::mem::take(&mut self.waiters) {
            match waiter.wake {
                None => self.waiters.push_back(waiter),
                Some(wake) => {
                    self.coming.push((waiter.came, waiter.is_posted));
                    calls.push((waiter.came, wake));
                }
            }
        }
        calls
    }

    /// Rests until its next attempt, `wake` being what ends that before.
    pub(crate) fn rest(&mut self, wake: Py<PyAny>) {
        self.resting.push((NOBODY, wake));
    }

    /// Rests no more. What is returned must not be dropped under the lock.
    pub(crate) fn stop_resting(&mut self, wake: &Bound<'_, PyAny>) -> Option<Py<PyAny>> {
        let mut resting = self.resting.iter();
        let place = resting.position(|(_, one)| one.is(wake))?;
        Some(self.resting.swap_remove(place).1)
    }

    /// Takes out what wakes the one that waits longest, which is coming from now on.
    fn call_next(&mut self) -> Option<(u64, Py<PyAny>)> {
        let first = self.waiters.front_mut()?;
        let (came, is_posted) = (first.came, first.is_posted);
        let wake = first.wake.take()?;
        self.waiters.pop_front();
        self.coming.push((came, is_posted));
        Some((came, wake))
    }
}

impl Policed {
    /// Whether the limit of the handler drops what waits longest, for what is new.
    pub(crate) fn drops_old(&self) -> bool {
        let limit = self.regulator.policy().concurrency();
        limit.is_some_and(|limit| limit.overflow() == WhenFull::DropOld)
    }

    /// Wakes the one that waits longest for a slot, if one does.
    pub(crate) fn wake_next(&self, py: Python<'_>) {
        loop {
            let next = self.waiting().call_next();
            let Some((came, wake)) = next else { return };
            match wake.bind(py).invoke0() {
                Ok(_) => return,
                // Its loop is closed, so it will never come.
                Err(error) if exception::is_isolated(py, &error) => {
                    self.waiting().leave(came);
                }
                Err(error) => exception::defer(py, error),
            }
        }
    }

    /// Wakes all who wait for a slot or for their next attempt.
    pub(crate) fn wake_all(&self, py: Python<'_>) {
        let mut wakes = self.waiting().call_all();
        wakes.append(&mut self.waiting().resting);
        for (came, wake) in wakes {
            match wake.bind(py).invoke0() {
                Ok(_) => {}
                Err(error) if exception::is_isolated(py, &error) => {
                    self.waiting().leave(came);
                }
                Err(error) => exception::defer(py, error),
            }
        }
    }

    /// Tells one that was taken out that it is dropped.
    pub(crate) fn drop_waiter(&self, py: Python<'_>, waiter: &Waiter) {
        self.regulator.figures().note_dropped();
        let Some(wake) = &waiter.wake else { return };
        if let Err(error) = wake.bind(py).invoke1((true,)) {
            exception::defer(py, error);
        }
    }
}
