//! Lines that are wide, held or dropped from, and deliveries that rest: random programs, and what must
//! hold after each step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use buswork::backlog::{Backlog, Ticket};

use crate::random::Random;

const RUNNERS: u64 = 2;
/// How many deliveries of each line are in progress at once.
const WIDTHS: [usize; 4] = [1, 1, 2, 3];

#[derive(Clone, Copy, PartialEq, Debug)]
enum Where {
    Waiting,
    Taken,
    /// In progress, until then.
    Resting(u64),
    Gone,
}

struct Job {
    line: usize,
    runner: u64,
    place: Where,
}

struct Program {
    random: Random,
    backlog: Backlog<u64, usize>,
    jobs: Vec<Job>,
    taken: Vec<(Ticket, usize)>,
    /// Until when each line is held, or for ever.
    holds: BTreeMap<usize, Option<u64>>,
    awake: BTreeSet<u64>,
    now: u64,
}

impl Program {
    fn step(&mut self) {
        match self.random.below(16) {
            0..5 => self.push(),
            5..9 => self.take(),
            9..11 => self.done(),
            11 => self.rest(),
            12 => self.hold(),
            13 => self.let_go(),
            14 => self.drop_oldest(),
            _ => self.wait(),
        }
        self.check();
    }

    fn push(&mut self) {
        let (line, runner) = (self.random.index(WIDTHS.len()), self.random.below(RUNNERS));
        let job = self.jobs.len();
        let place = Where::Waiting;
        self.jobs.push(Job {
            line,
            runner,
            place,
        });
        if self
            .backlog
            .push_alone(WIDTHS[line], line as u64, runner, job)
        {
            self.awake.insert(runner);
        }
    }

    fn take(&mut self) {
        let runner = self.random.below(RUNNERS);
        if !self.awake.contains(&runner) {
            return;
        }
        let Some((ticket, job)) = self.backlog.take(runner) else {
            self.awake.remove(&runner);
            return;
        };
        let line = self.jobs[job].line;
        assert_eq!(self.jobs[job].runner, runner);
        if self.jobs[job].place == Where::Waiting {
            let first = self.waiting(line).next();
            assert_eq!(first, Some(job), "out of order");
            assert!(self.in_progress(line) < WIDTHS[line]);
            assert!(!self.holds.contains_key(&line), "held");
        } else {
            assert!(matches!(self.jobs[job].place, Where::Resting(until) if until <= self.now));
        }
        self.jobs[job].place = Where::Taken;
        self.taken.push((ticket, job));
    }

    fn some_taken(&mut self) -> Option<(Ticket, usize)> {
        let count = self.taken.len();
        (count > 0).then(|| self.taken.swap_remove(self.random.index(count)))
    }

    fn done(&mut self) {
        let Some((ticket, job)) = self.some_taken() else {
            return;
        };
        self.jobs[job].place = Where::Gone;
        self.awake.extend(self.backlog.done(ticket));
        self.forget_empty(self.jobs[job].line);
    }

    fn rest(&mut self) {
        let Some((ticket, job)) = self.some_taken() else {
            return;
        };
        let until = self.now + self.random.below(5);
        self.jobs[job].place = Where::Resting(until);
        let given_back = self.backlog.rest(ticket, job, Duration::from_secs(until));
        assert_eq!(given_back, None);
    }

    fn hold(&mut self) {
        let Some((ticket, job)) = self.some_taken() else {
            return;
        };
        let until = (self.random.below(3) > 0).then(|| self.now + self.random.below(5));
        self.jobs[job].place = Where::Waiting;
        self.holds.insert(self.jobs[job].line, until);
        let moment = until.map(Duration::from_secs);
        assert_eq!(self.backlog.hold(ticket, job, moment), None);
    }

    fn let_go(&mut self) {
        let line = self.random.index(WIDTHS.len());
        self.holds.remove(&line);
        if self.random.below(2) == 0 {
            return self.rouse(line);
        }
        self.awake.extend(self.backlog.let_go(line as u64));
    }

    fn rouse(&mut self, line: usize) {
        for job in self.jobs.iter_mut().filter(|job| job.line == line) {
            if let Where::Resting(until) = &mut job.place {
                *until = self.now.min(*until);
            }
        }
        self.awake.extend(self.backlog.rouse(line as u64));
    }

    fn drop_oldest(&mut self) {
        let line = self.random.index(WIDTHS.len());
        let oldest = self.waiting(line).next();
        assert_eq!(self.backlog.drop_oldest(line as u64), oldest);
        if let Some(oldest) = oldest {
            self.jobs[oldest].place = Where::Gone;
        }
        self.awake.extend(self.backlog.ready_runners());
        self.forget_empty(line);
    }

    fn wait(&mut self) {
        self.now += self.random.below(4);
        self.holds
            .retain(|_, until| until.is_none_or(|until| until > self.now));
        let woken = self.backlog.wake(Duration::from_secs(self.now));
        self.awake.extend(woken);
    }

    /// A line without deliveries is forgotten, and so is that it is held.
    fn forget_empty(&mut self, line: usize) {
        if !self.pending().any(|job| job.line == line) {
            self.holds.remove(&line);
        }
    }

    fn pending(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|job| job.place != Where::Gone)
    }

    fn waiting(&self, line: usize) -> impl Iterator<Item = usize> {
        let jobs = self.jobs.iter().enumerate();
        jobs.filter(move |(_, job)| job.line == line && job.place == Where::Waiting)
            .map(|(number, _)| number)
    }

    fn in_progress(&self, line: usize) -> usize {
        let own = self.pending().filter(|job| job.line == line);
        own.filter(|job| job.place != Where::Waiting).count()
    }

    fn check(&self) {
        assert_eq!(self.backlog.pending(), self.pending().count());
        let mut ready = [0; 2];
        let mut possible = ready;
        for (line, width) in WIDTHS.iter().enumerate() {
            assert_eq!(
                self.backlog.waiting(line as u64),
                self.waiting(line).count()
            );
            let may_begin = self.in_progress(line) < *width && !self.holds.contains_key(&line);
            if let Some(first) = self.waiting(line).next().filter(|_| may_begin) {
                // Behind another runner's delivery, one gets its turn when that ends.
                let others = self.pending().filter(|job| job.line == line);
                let runner = self.jobs[first].runner;
                let mut others = others.filter(|job| job.place != Where::Waiting);
                if others.any(|job| job.runner != runner) {
                    possible[usize::try_from(runner).unwrap()] += 1;
                    continue;
                }
                ready[usize::try_from(self.jobs[first].runner).unwrap()] += 1;
            }
        }
        for runner in 0..RUNNERS {
            let found = self.backlog.ready(runner);
            // What has rested is ready from the next look at the clock on.
            let resting = self.pending().filter(|job| job.runner == runner);
            let rested = resting.filter(|job| matches!(job.place, Where::Resting(_)));
            let place = usize::try_from(runner).unwrap();
            let most = ready[place] + possible[place] + rested.count();
            assert!(found >= ready[place] && found <= most);
            assert!(
                found == 0 || self.awake.contains(&runner),
                "nobody was told"
            );
        }
    }

    fn finish(&mut self) {
        for _ in 0..10_000 {
            if self.pending().next().is_none() {
                return;
            }
            self.wait();
            for line in 0..WIDTHS.len() {
                self.holds.remove(&line);
                self.awake.extend(self.backlog.let_go(line as u64));
            }
            self.take();
            self.done();
            self.check();
        }
        panic!("something was never ready");
    }
}

#[test]
fn nothing_is_lost_out_of_order_or_too_much_at_once() {
    for seed in 0..300 {
        let mut program = Program {
            random: Random::new(seed),
            backlog: Backlog::new(usize::MAX),
            jobs: Vec::new(),
            taken: Vec::new(),
            holds: BTreeMap::new(),
            awake: BTreeSet::new(),
            now: 0,
        };
        for _ in 0..200 {
            program.step();
        }
        program.finish();
    }
}

#[test]
fn what_rests_is_given_up_with_its_runner() {
    let mut backlog = Backlog::new(10);
    for job in ["rests", "has rested", "waits"] {
        backlog.push_alone(2, 1, 7, job);
    }
    for moment in [9, 1] {
        let (ticket, job) = backlog.take(7).unwrap();
        let until = Duration::from_secs(moment);
        assert_eq!(backlog.rest(ticket, job, until), None);
    }
    assert_eq!(backlog.next_wake(), Some(Duration::from_secs(1)));
    assert_eq!(backlog.wake(Duration::from_secs(1)), [7]);
    let (jobs, woken) = backlog.abandon(7);
    assert_eq!(jobs, ["rests", "has rested", "waits"]);
    assert!(woken.is_empty() && backlog.pending() == 0);
    assert_eq!(backlog.next_wake(), None);
}

#[test]
fn a_delivery_that_was_abandoned_can_neither_rest_nor_be_held() {
    let mut backlog = Backlog::new(10);
    backlog.push_alone(1, 1, 7, "job");
    let (ticket, job) = backlog.take(7).unwrap();
    let _ = backlog.abandon(7);
    assert_eq!(backlog.rest(ticket, job, Duration::ZERO), Some("job"));
    assert_eq!(backlog.hold(ticket, job, None), Some("job"));
}
