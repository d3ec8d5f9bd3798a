//! Policies as pure state machines, on a clock that the tests turn.

use std::sync::Arc;
use std::time::Duration;

use buswork::policy::{
    Breaker, BreakerState, Limit, Next, Policy, Refusal, Regulator, Retry, Trial,
};

use crate::random::Random;

const SECOND: Duration = Duration::from_secs(1);

fn regulator(policy: Policy) -> Arc<Regulator> {
    Arc::new(Regulator::new(policy))
}

fn fail(mut trial: Trial, now: Duration) -> bool {
    match trial.failed(now, true, 0.0) {
        Next::Final { opens } => opens,
        next => panic!("{next:?} where there is no retry"),
    }
}

#[test]
fn a_pause_doubles_up_to_the_longest_and_jitter_only_lengthens_it() {
    let retry = Retry::new(10)
        .backoff(SECOND)
        .max_backoff(10 * SECOND)
        .jitter(0.5);
    let bare: Vec<_> = (1..10).map(|failed| retry.pause(failed, 0.0)).collect();
    let seconds = [1, 2, 4, 8, 10, 10, 10, 10, 10].map(|pause| Some(pause * SECOND));
    assert_eq!(bare, seconds);
    let mut random = Random::new(1);
    for failed in 1..10 {
        let draw = f64::from(u32::try_from(random.below(1001)).unwrap()) / 1000.0;
        let (bare, drawn) = (retry.pause(failed, 0.0), retry.pause(failed, draw));
        assert!(drawn >= bare && drawn <= bare.map(|pause| pause * 3 / 2));
    }
    assert_eq!(retry.pause(10, 0.0), None);
}

#[test]
fn a_pause_never_overflows() {
    let retry = Retry::new(u32::MAX).backoff(Duration::MAX).jitter(1.0);
    assert_eq!(retry.pause(u32::MAX - 1, 1.0), Some(Duration::MAX));
}

#[test]
fn a_delivery_is_tried_as_often_as_it_says_and_counts_once() {
    let regulator = regulator(Policy::new().retry(Retry::new(3).backoff(SECOND).jitter(0.0)));
    let mut trial = regulator.begin(Duration::ZERO).unwrap();
    let again = |after| Next::Again { after };
    assert_eq!(trial.failed(Duration::ZERO, true, 0.0), again(SECOND));
    assert_eq!(trial.failed(SECOND, true, 0.0), again(2 * SECOND));
    let last = trial.failed(3 * SECOND, true, 0.0);
    assert_eq!(last, Next::Final { opens: false });
    let stats = regulator.stats(3 * SECOND);
    assert_eq!((stats.failed, stats.retried, stats.delivered), (1, 2, 0));
    assert_eq!(stats.in_progress, 0);
}

#[test]
fn what_is_not_worth_retrying_is_not_retried() {
    let regulator = regulator(Policy::new().retry(Retry::new(3)));
    let mut trial = regulator.begin(Duration::ZERO).unwrap();
    let next = trial.failed(Duration::ZERO, false, 0.0);
    assert_eq!(next, Next::Final { opens: false });
}

#[test]
fn a_handler_that_fails_for_an_hour_is_probed_twice_a_minute() {
    let policy = Policy::new().breaker(Breaker::new(5).pause(30 * SECOND));
    let regulator = regulator(policy);
    let mut timeline = Vec::new();
    let mut known = BreakerState::Closed;
    // An event a second. The handler is back after an hour.
    for now in (0..3_700).map(|second| second * SECOND) {
        if let Ok(trial) = regulator.begin(now) {
            if now < 3_600 * SECOND {
                fail(trial, now);
            } else {
                trial.succeeded();
            }
        }
        let after = regulator.stats(now).breaker.unwrap();
        if after != known {
            timeline.push((now.as_secs(), after));
            known = after;
        }
    }
    assert_eq!(
        timeline,
        [(4, BreakerState::Open), (3_604, BreakerState::Closed)]
    );
    let stats = regulator.stats(3_700 * SECOND);
    // Five that opened it, and a probe each 30 seconds.
    assert_eq!(stats.failed, 5 + 119);
    assert_eq!(stats.delivered, 96);
}

#[test]
fn failures_that_lie_further_apart_than_the_window_do_not_open_a_breaker() {
    let breaker = Breaker::new(3).window(10 * SECOND);
    let regulator = regulator(Policy::new().breaker(breaker));
    for now in [0, 6, 12, 18, 24].map(|second| second * SECOND) {
        assert!(!fail(regulator.begin(now).unwrap(), now));
    }
    let now = 25 * SECOND;
    assert!(fail(regulator.begin(now).unwrap(), now));
}

#[test]
fn one_delivery_probes_and_the_others_wait_for_what_it_says() {
    let breaker = Breaker::new(1).pause(SECOND);
    let regulator = regulator(Policy::new().breaker(breaker));
    assert!(fail(
        regulator.begin(Duration::ZERO).unwrap(),
        Duration::ZERO
    ));
    let until = SECOND;
    let refused = regulator.begin(SECOND / 2).unwrap_err();
    assert_eq!(refused, Refusal::Open { until });
    let probe = regulator.begin(SECOND).unwrap();
    assert_eq!(regulator.begin(SECOND).unwrap_err(), Refusal::Probing);
    // Cancelled: nothing is known, and another one may probe at once.
    drop(probe);
    let probe = regulator.begin(SECOND).unwrap();
    probe.succeeded();
    assert!(regulator.begin(SECOND).is_ok());
}

#[test]
fn what_began_before_a_breaker_opened_neither_closes_it_nor_keeps_it_open() {
    let breaker = Breaker::new(2).pause(SECOND);
    let regulator = regulator(Policy::new().breaker(breaker));
    let early: Vec<_> = (0..4)
        .map(|_| regulator.begin(Duration::ZERO).unwrap())
        .collect();
    let mut early = early.into_iter();
    let mut next = || early.next().unwrap();
    assert!(!fail(next(), Duration::ZERO));
    assert!(fail(next(), Duration::ZERO));
    next().succeeded();
    let probe = regulator.begin(SECOND).unwrap();
    assert!(!fail(next(), SECOND));
    let state = regulator.stats(SECOND).breaker;
    assert_eq!(state, Some(BreakerState::HalfOpen));
    probe.succeeded();
    assert_eq!(regulator.stats(SECOND).breaker, Some(BreakerState::Closed));
}

#[test]
fn a_retried_delivery_that_ends_well_is_no_failure_to_the_breaker() {
    let policy = Policy::new().retry(Retry::new(2)).breaker(Breaker::new(1));
    let regulator = regulator(policy);
    let mut trial = regulator.begin(Duration::ZERO).unwrap();
    let after = Duration::ZERO;
    assert_eq!(trial.failed(after, true, 0.0), Next::Again { after });
    trial.succeeded();
    let state = regulator.stats(Duration::ZERO).breaker;
    assert_eq!(state, Some(BreakerState::Closed));
}

#[test]
fn a_slot_is_free_again_however_a_delivery_ends() {
    let regulator = regulator(Policy::new().limit(Limit::new(2)));
    let begin = || regulator.begin(Duration::ZERO);
    let (first, second) = (begin().unwrap(), begin().unwrap());
    assert_eq!(begin().unwrap_err(), Refusal::Full);
    first.succeeded();
    assert!(!fail(begin().unwrap(), Duration::ZERO));
    drop(second);
    assert_eq!(regulator.stats(Duration::ZERO).in_progress, 0);
}

#[test]
fn a_slot_that_the_breaker_refuses_is_free_again() {
    let policy = Policy::new().limit(Limit::new(1)).breaker(Breaker::new(1));
    let regulator = regulator(policy);
    fail(regulator.begin(Duration::ZERO).unwrap(), Duration::ZERO);
    for _ in 0..3 {
        let refused = regulator.begin(SECOND).unwrap_err();
        assert!(matches!(refused, Refusal::Open { .. }));
    }
    assert!(regulator.has_slot());
}

#[test]
fn those_in_progress_can_be_forgotten_and_free_no_slot_when_they_end() {
    let policy = Policy::new().limit(Limit::new(1)).breaker(Breaker::new(1));
    let regulator = regulator(policy);
    fail(regulator.begin(Duration::ZERO).unwrap(), Duration::ZERO);
    let now = 60 * SECOND;
    let probe = regulator.begin(now).unwrap();
    regulator.forget_those_in_progress();
    let other = regulator.begin(now).unwrap();
    probe.succeeded();
    assert_eq!(regulator.stats(now).in_progress, 1);
    assert_eq!(regulator.begin(now).unwrap_err(), Refusal::Full);
    other.succeeded();
    assert_eq!(regulator.stats(now).in_progress, 0);
    assert_eq!(regulator.stats(now).breaker, Some(BreakerState::Closed));
}

/// The rules of a breaker and a limit, said as plainly as possible: everything that ever happened is
/// kept, and each question is answered from that.
#[derive(Default)]
struct Dull {
    /// When it opened, and when a probe closed it.
    opened: Option<Duration>,
    failures: Vec<Duration>,
    /// The deliveries in progress, and whether each probes.
    running: Vec<(u64, bool)>,
    /// Those that began in this period.
    current: Vec<u64>,
}

const FAILURES: usize = 3;
const WINDOW: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_secs(7);
const CONCURRENCY: usize = 4;

impl Dull {
    fn begin(&mut self, id: u64, now: Duration) -> bool {
        let probing = self.running.iter().any(|(_, probes)| *probes);
        let may = match self.opened {
            None => true,
            Some(opened) => now >= opened + PAUSE && !probing,
        };
        if self.running.len() >= CONCURRENCY || !may {
            return false;
        }
        if self.opened.is_some() {
            self.current.clear();
        }
        self.running.push((id, self.opened.is_some()));
        self.current.push(id);
        true
    }

    fn end(&mut self, id: u64, now: Duration, went: Went) {
        let place = self.running.iter().position(|(one, _)| *one == id).unwrap();
        let (_, probes) = self.running.remove(place);
        if !self.current.contains(&id) {
            return;
        }
        match (went, probes) {
            (Went::Well, true) => {
                self.opened = None;
                self.failures.clear();
                self.current.clear();
            }
            (Went::Badly, true) => self.open(now),
            (Went::Nowhere, true) => self.opened = Some(Duration::ZERO),
            (Went::Badly, false) => {
                self.failures.push(now);
                let recent = |&&at: &&Duration| at + WINDOW >= now;
                if self.failures.iter().filter(recent).count() >= FAILURES {
                    self.open(now);
                }
            }
            (Went::Well | Went::Nowhere, false) => {}
        }
    }

    fn open(&mut self, now: Duration) {
        self.opened = Some(now);
        self.failures.clear();
        self.current.clear();
    }
}

#[derive(Clone, Copy)]
enum Went {
    Well,
    Badly,
    Nowhere,
}

#[test]
fn random_deliveries_meet_the_same_answers_as_those_of_a_dull_reference() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let breaker = Breaker::new(FAILURES.try_into().unwrap());
        let breaker = breaker.window(WINDOW).pause(PAUSE);
        let policy = Policy::new()
            .breaker(breaker)
            .limit(Limit::new(CONCURRENCY));
        let regulator = regulator(policy);
        let mut dull = Dull::default();
        let mut trials: Vec<(u64, Trial)> = Vec::new();
        let mut now = 100 * SECOND;
        for id in 0..300 {
            now += Duration::from_secs(random.below(4));
            if random.below(2) == 0 || trials.is_empty() {
                let began = regulator.begin(now);
                assert_eq!(began.is_ok(), dull.begin(id, now), "seed {seed}, {id}");
                trials.extend(began.ok().map(|trial| (id, trial)));
                continue;
            }
            let (ended, trial) = trials.remove(random.index(trials.len()));
            let went = [Went::Well, Went::Badly, Went::Badly, Went::Nowhere][random.index(4)];
            match went {
                Went::Well => trial.succeeded(),
                Went::Badly => drop(fail(trial, now)),
                Went::Nowhere => drop(trial),
            }
            dull.end(ended, now, went);
            let in_progress = regulator.stats(now).in_progress;
            assert_eq!(in_progress, dull.running.len(), "seed {seed}, {id}");
        }
    }
}
