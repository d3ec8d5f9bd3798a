//! What one handler's failure does to the others and to the publisher, decided here for both
//! languages.
//!
//! Every handler runs, whatever the others do; failures are collected, and reported together when
//! all have run. Under the policy "stop" the first failure ends the walk and goes to the publisher
//! bare, as in a plain loop; a failure that was collected before is not lost: both go as a group.

use std::ops::ControlFlow;

/// What a failure does, once the owner has read its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It waits for the others and is reported with them.
    Collect,
    /// It ends the walk.
    Stop,
}

/// The failures of one publish. Allocates nothing until there is one.
#[derive(Debug)]
pub struct Isolation<F> {
    /// Each with its place in the call order.
    failures: Vec<(usize, F)>,
    /// The place of the delivery that is looked at.
    place: usize,
    stopped: bool,
}

/// How a publish ended, as far as its handlers are concerned.
#[derive(Debug)]
pub enum Outcome<F> {
    /// No failure is left to report.
    Clean,
    /// One failure, to be reported bare, since its policy was "stop".
    Bare(F),
    /// Failures to be reported as a group, in call order.
    Group(Vec<F>),
}

impl<F> Isolation<F> {
    /// No failure yet.
    #[inline]
    pub const fn new() -> Self {
        Self {
            failures: Vec::new(),
            place: 0,
            stopped: false,
        }
    }

    /// Says which place in the call order failures have that are recorded from now on. Whoever goes through
    /// the handlers in order need not say it.
    #[inline]
    pub fn at(&mut self, place: usize) -> &mut Self {
        self.place = place;
        self
    }

    /// Notes a failure, and says whether the walk goes on.
    pub fn record(&mut self, failure: F, effect: Effect) -> ControlFlow<()> {
        self.failures.push((self.place, failure));
        if effect == Effect::Stop {
            self.stopped = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// The failures so far; for an interrupt, which takes their place.
    pub fn into_collected(mut self) -> Vec<F> {
        self.failures.sort_by_key(|(place, _)| *place);
        self.failures
            .into_iter()
            .map(|(_, failure)| failure)
            .collect()
    }

    /// What is to be reported.
    #[inline]
    pub fn outcome(mut self) -> Outcome<F> {
        if self.failures.is_empty() {
            return Outcome::Clean;
        }
        if self.stopped && self.failures.len() == 1 {
            let bare = self.failures.pop();
            return bare.map_or(Outcome::Clean, |(_, failure)| Outcome::Bare(failure));
        }
        Outcome::Group(self.into_collected())
    }
}

impl<F> Default for Isolation<F> {
    fn default() -> Self {
        Self::new()
    }
}
