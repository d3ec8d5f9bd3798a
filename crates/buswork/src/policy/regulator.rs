//! A policy at work for one handler.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::breaker::{Machine, Pass, Refused};
use super::{Figures, Policy, Stats};
use crate::sync::{Arc, Mutex, lock};

/// The policy of one handler and its state, shared by all its deliveries. See the
/// [module](super).
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use buswork::policy::{Next, Policy, Regulator, Retry};
///
/// let retry = Retry::new(2).backoff(Duration::from_secs(1)).jitter(0.0);
/// let regulator = Arc::new(Regulator::new(Policy::new().retry(retry)));
/// let mut now = Duration::ZERO;
///
/// let mut trial = regulator.begin(now).expect("nothing refuses");
/// // The handler was called, and failed:
/// let Next::Again { after } = trial.failed(now, true, 0.5) else { unreachable!() };
/// now += after;
/// // It was called again, and did not:
/// trial.succeeded();
/// assert_eq!((regulator.stats(now).delivered, regulator.stats(now).retried), (1, 1));
/// ```
#[derive(Debug)]
pub struct Regulator {
    policy: Policy,
    breaker: Option<Mutex<Machine>>,
    in_progress: AtomicUsize,
    /// Grows when those in progress are forgotten.
    epoch: AtomicUsize,
    figures: Figures,
}

/// Why a delivery may not begin now. Nothing is counted: it may be tried again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// As many deliveries are in progress as the limit lets through.
    Full,
    /// The breaker is open until then.
    Open {
        /// When the next one may probe.
        until: Duration,
    },
    /// The breaker is half open, and the delivery that probes has not ended.
    Probing,
}

/// What follows from a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// Another attempt, after a wait.
    Again {
        /// How long to wait; often not at all.
        after: Duration,
    },
    /// None. The delivery has failed.
    Final {
        /// Whether this has opened the breaker.
        opens: bool,
    },
}

impl Regulator {
    /// A regulator in its first state.
    pub fn new(policy: Policy) -> Self {
        let machine = || Mutex::new(Machine::new());
        Self {
            breaker: policy.circuit_breaker().map(|_| machine()),
            policy,
            in_progress: AtomicUsize::new(0),
            epoch: AtomicUsize::new(0),
            figures: Figures::default(),
        }
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The counts of the deliveries.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// The figures at this moment.
    pub fn stats(&self, now: Duration) -> Stats {
        let mut stats = self.figures.read();
        stats.in_progress = self.in_progress.load(Ordering::Acquire);
        let breaker = self.breaker.as_ref();
        stats.breaker = breaker.map(|machine| lock(machine).state(now));
        stats
    }

    /// Asks whether a delivery may begin now. It takes a slot of the limit with it, until its trial
    /// ends.
    ///
    /// # Errors
    /// The reason, when it may not.
    pub fn begin(self: &Arc<Self>, now: Duration) -> Result<Trial, Refusal> {
        self.take_slot()?;
        let admitted = match &self.breaker {
            None => Ok(None),
            Some(machine) => lock(machine).admit(now).map(Some),
        };
        let pass = admitted.map_err(|refused| {
            self.leave_slot();
            match refused {
                Refused::Until(until) => Refusal::Open { until },
                Refused::Probing => Refusal::Probing,
            }
        })?;
        Ok(Trial {
            regulator: Arc::clone(self),
            epoch: self.epoch.load(Ordering::Acquire),
            failed: 0,
            pass,
            is_over: false,
        })
    }

    /// Forgets the deliveries in progress, as in a forked child, where those of other threads never end. A
    /// probe among them counts as abandoned. What ends all the same counts, but frees no slot.
    pub fn forget_those_in_progress(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.in_progress.store(0, Ordering::Release);
        if let Some(machine) = &self.breaker {
            lock(machine).forget_probe();
        }
    }

    /// Whether a delivery would find a slot now.
    pub fn has_slot(&self) -> bool {
        let limit = self.policy.concurrency();
        limit.is_none_or(|limit| self.in_progress.load(Ordering::Acquire) < limit.concurrency())
    }

    fn take_slot(&self) -> Result<(), Refusal> {
        let Some(limit) = self.policy.concurrency() else {
            self.in_progress.fetch_add(1, Ordering::AcqRel);
            return Ok(());
        };
        let one_more = |taken| (taken < limit.concurrency()).then_some(taken + 1);
        self.in_progress
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .map_or(Err(Refusal::Full), |_| Ok(()))
    }

    fn leave_slot(&self) {
        self.in_progress.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One delivery, from its first attempt to its end. One that is dropped before its end counts as
/// abandoned: its slot is free again, and the breaker learns nothing.
#[derive(Debug)]
#[must_use = "a trial that is dropped is abandoned"]
pub struct Trial {
    regulator: Arc<Regulator>,
    epoch: usize,
    /// How many attempts have failed.
    failed: u32,
    pass: Option<Pass>,
    is_over: bool,
}

impl Trial {
    /// Whose delivery it is.
    pub fn regulator(&self) -> &Arc<Regulator> {
        &self.regulator
    }

    /// How many attempts have failed.
    pub fn failed_attempts(&self) -> u32 {
        self.failed
    }

    /// Ends it well.
    #[inline]
    pub fn succeeded(mut self) {
        self.regulator.figures.note_delivered();
        if let (Some(machine), Some(pass)) = (&self.regulator.breaker, self.pass) {
            lock(machine).succeeded(pass);
        }
        self.is_over = true;
        self.leave_slot();
    }

    /// Notes a failed attempt, and says what follows. With [`Next::Final`] the delivery has ended.
    ///
    /// `is_worth_retrying` is what the owner says of the error; `draw` is random, from 0 to 1.
    pub fn failed(&mut self, now: Duration, is_worth_retrying: bool, draw: f64) -> Next {
        self.failed += 1;
        let retry = self
            .regulator
            .policy
            .retries()
            .filter(|_| is_worth_retrying);
        let pause = retry.and_then(|retry| retry.pause(self.failed, draw));
        if let Some(after) = pause {
            self.regulator.figures.note_retried();
            return Next::Again { after };
        }
        Next::Final {
            opens: self.fail(now),
        }
    }

    /// Ends it badly, whatever attempts are left. Says whether this has opened the breaker.
    pub fn fail(&mut self, now: Duration) -> bool {
        if std::mem::replace(&mut self.is_over, true) {
            return false;
        }
        let regulator = &self.regulator;
        regulator.figures.note_failed();
        let opens = match (
            &regulator.breaker,
            self.pass,
            regulator.policy.circuit_breaker(),
        ) {
            (Some(machine), Some(pass), Some(breaker)) => lock(machine).failed(pass, breaker, now),
            _ => false,
        };
        self.leave_slot();
        opens
    }
}

impl Trial {
    /// Nothing happens when those in progress were forgotten meanwhile, and this with them.
    fn leave_slot(&self) {
        if self.epoch == self.regulator.epoch.load(Ordering::Acquire) {
            self.regulator.leave_slot();
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        if let (Some(machine), Some(pass)) = (&self.regulator.breaker, self.pass) {
            lock(machine).abandoned(pass);
        }
        self.leave_slot();
    }
}
