//! A circuit breaker: a handler that fails again and again is left in peace for a while.
//!
//! The pattern is Michael Nygard's (Release It!, 2007, "Circuit Breaker").

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// When a handler is left in peace, and for how long.
///
/// It is closed at first: deliveries go through. So many failures within the window open it: nothing
/// goes through for the time of the pause. Then it is half open: one delivery goes through, to probe. If
/// that goes well it is closed again, and what has failed before is forgotten; if not, it is open for
/// another pause.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use buswork::policy::Breaker;
///
/// let breaker = Breaker::new(5).window(Duration::from_mins(1)).pause(Duration::from_secs(30));
/// assert_eq!(breaker.to_string(), "5 in 60s, pause 30s");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    window: Duration,
    pause: Duration,
}

impl Breaker {
    /// How far failures may lie apart where nothing is said.
    pub const WINDOW: Duration = Duration::from_mins(1);
    /// How long it is open where nothing is said.
    pub const PAUSE: Duration = Duration::from_secs(30);

    /// Opens with so many failures.
    ///
    /// # Panics
    /// When it is to open with none.
    pub fn new(failures: u32) -> Self {
        assert!(failures > 0, "a breaker opens with at least 1 failure");
        Self {
            failures,
            window: Self::WINDOW,
            pause: Self::PAUSE,
        }
    }

    /// How far apart the first and the last of these failures may be.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// How long it is open.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// How many failures open it.
    pub const fn failures(&self) -> u32 {
        self.failures
    }
}

impl fmt::Display for Breaker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            failures,
            window,
            pause,
        } = self;
        write!(formatter, "{failures} in {window:?}, pause {pause:?}")
    }
}

/// What a breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerState {
    /// All deliveries.
    Closed,
    /// None.
    Open,
    /// One, to probe.
    HalfOpen,
}

impl BreakerState {
    /// The state in words, the same in both languages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The right to one delivery. What a delivery says counts only in the period in which it was let
/// through: one that began before the breaker opened must not close it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pass {
    period: u64,
}

/// Why nothing goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Until(Duration),
    /// The probe is in progress.
    Probing,
}

/// A breaker at work.
#[derive(Debug)]
pub(super) struct Machine {
    state: State,
    /// Counts the changes of the state.
    period: u64,
}

#[derive(Debug)]
enum State {
    /// When deliveries failed, the oldest first.
    Closed(VecDeque<Duration>),
    Open {
        until: Duration,
    },
    /// A probe is in progress.
    HalfOpen,
}

impl Machine {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Closed(VecDeque::new()),
            period: 0,
        }
    }

    pub(super) fn admit(&mut self, now: Duration) -> Result<Pass, Refused> {
        match self.state {
            State::Closed(_) => {}
            State::Open { until } if now < until => return Err(Refused::Until(until)),
            State::Open { .. } => self.enter(State::HalfOpen),
            State::HalfOpen => return Err(Refused::Probing),
        }
        Ok(Pass {
            period: self.period,
        })
    }

    pub(super) fn succeeded(&mut self, pass: Pass) {
        if pass.period == self.period && matches!(self.state, State::HalfOpen) {
            self.enter(State::Closed(VecDeque::new()));
        }
    }

    /// Notes a failure. Says whether it has opened the breaker.
    pub(super) fn failed(&mut self, pass: Pass, breaker: &Breaker, now: Duration) -> bool {
        if pass.period != self.period {
            return false;
        }
        let opens = match &mut self.state {
            State::Closed(failures) => {
                failures.push_back(now);
                let earliest = now.saturating_sub(breaker.window);
                while failures.front().is_some_and(|&first| first < earliest) {
                    failures.pop_front();
                }
                failures.len() >= breaker.failures as usize
            }
            State::HalfOpen => true,
            State::Open { .. } => false,
        };
        if opens {
            let until = now.saturating_add(breaker.pause);
            self.enter(State::Open { until });
        }
        opens
    }

    /// Takes back the right of a delivery of which nothing is known: it was cancelled, say. Another one
    /// may probe at once.
    pub(super) fn abandoned(&mut self, pass: Pass) {
        if pass.period == self.period {
            self.forget_probe();
        }
    }

    /// Takes back the right of whoever probes.
    pub(super) fn forget_probe(&mut self) {
        if matches!(self.state, State::HalfOpen) {
            self.enter(State::Open {
                until: Duration::ZERO,
            });
        }
    }

    /// What it lets through. One whose pause is over is half open, though nobody has asked yet.
    pub(super) fn state(&self, now: Duration) -> BreakerState {
        match self.state {
            State::Closed(_) => BreakerState::Closed,
            State::Open { until } if now < until => BreakerState::Open,
            State::Open { .. } | State::HalfOpen => BreakerState::HalfOpen,
        }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.period += 1;
    }
}
