//! The backlog against a dull reference: random programs, and after each step the same answers.

use std::collections::BTreeSet;

use buswork::backlog::{Backlog, Ticket};

use crate::random::Random;

const LINES: u64 = 5;
const RUNNERS: u64 = 3;

/// A delivery, as the reference keeps it.
#[derive(Debug, Clone, PartialEq)]
struct Delivery {
    number: u64,
    line: u64,
    runner: u64,
    weight: usize,
    is_running: bool,
}

/// All deliveries in one list, the oldest first.
#[derive(Debug, Default)]
struct Dull {
    deliveries: Vec<Delivery>,
    max_pending: usize,
    dropped: u64,
}

impl Dull {
    fn pending(&self) -> usize {
        self.deliveries.iter().map(|each| each.weight).sum()
    }

    fn has_room(&self, deliveries: usize) -> bool {
        self.deliveries.is_empty() || self.pending() + deliveries <= self.max_pending
    }

    /// The deliveries that may be taken: the first of each line that is not in progress.
    fn ready(&self) -> Vec<&Delivery> {
        let mut seen = BTreeSet::new();
        let fronts = self.deliveries.iter().filter(|each| seen.insert(each.line));
        fronts.filter(|each| !each.is_running).collect()
    }

    fn ready_lines(&self, runner: u64) -> usize {
        let ready = self.ready();
        ready.iter().filter(|each| each.runner == runner).count()
    }

    fn place(&self, number: u64) -> Option<usize> {
        self.deliveries
            .iter()
            .position(|each| each.number == number)
    }

    /// Takes the first of a line, and others behind it.
    fn take(&mut self, runner: u64, most: usize, numbers: &[u64]) {
        let ready = self.ready();
        let first = ready.iter().find(|each| each.number == numbers[0]);
        let first = first.map(|each| (each.line, each.runner, each.weight));
        let (line, own, weight) = first.expect("it is ready");
        assert_eq!(own, runner);
        let own = self.deliveries.iter().filter(|each| each.line == line);
        let together = own.take_while(|each| each.runner == runner && each.weight == 1);
        let most = if weight == 1 { most } else { 1 };
        let expected: Vec<_> = together.take(most).map(|each| each.number).collect();
        assert!(
            weight > 1 || expected == numbers,
            "{expected:?} {numbers:?}"
        );
        assert!(numbers.len() <= most);
        for number in numbers {
            let place = self.place(*number).expect("it is pending");
            self.deliveries[place].is_running = true;
        }
    }

    /// Ends a delivery, and says of which line.
    fn remove(&mut self, number: u64) -> Option<u64> {
        let place = self.place(number)?;
        Some(self.deliveries.remove(place).line)
    }

    fn make_room(&mut self, deliveries: usize) -> Vec<u64> {
        let mut dropped = Vec::new();
        while !self.has_room(deliveries) {
            let oldest = self.deliveries.iter().position(|each| !each.is_running);
            let Some(oldest) = oldest else { break };
            let oldest = self.deliveries.remove(oldest);
            self.dropped += oldest.weight as u64;
            dropped.push(oldest.number);
        }
        dropped
    }

    fn abandon(&mut self, runner: u64) -> Vec<u64> {
        let (gone, stay): (Vec<_>, _) = self
            .deliveries
            .drain(..)
            .partition(|each| each.runner == runner);
        self.deliveries = stay;
        waiting(&gone)
    }

    fn clear(&mut self) -> Vec<u64> {
        waiting(&std::mem::take(&mut self.deliveries))
    }
}

fn waiting(deliveries: &[Delivery]) -> Vec<u64> {
    let waiting = deliveries.iter().filter(|each| !each.is_running);
    waiting.map(|each| each.number).collect()
}

/// Both, the deliveries that were taken and not settled, and the runners that were woken.
struct Program {
    random: Random,
    backlog: Backlog<u64, u64>,
    dull: Dull,
    taken: Vec<(Ticket, Vec<u64>)>,
    awake: BTreeSet<u64>,
    next: u64,
    delivered: Vec<u64>,
    given_up: Vec<u64>,
}

impl Program {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let max_pending = 1 + random.index(12);
        let dull = Dull {
            max_pending,
            ..Dull::default()
        };
        Self {
            random,
            backlog: Backlog::new(max_pending),
            dull,
            taken: Vec::new(),
            awake: BTreeSet::new(),
            next: 0,
            delivered: Vec::new(),
            given_up: Vec::new(),
        }
    }

    fn step(&mut self) {
        match self.random.below(20) {
            0..8 => self.push(),
            8..12 => self.take(),
            12..17 => self.done(),
            17 => self.make_room(),
            18 => self.abandon(),
            _ if self.random.below(10) == 0 => self.clear(),
            _ => self.done_again(),
        }
        self.compare();
    }

    fn push(&mut self) {
        let weight = 1 + self.random.index(9).saturating_sub(6);
        let room = self.dull.has_room(weight);
        assert_eq!(self.backlog.has_room(weight), room);
        if !room {
            self.backlog.note_dropped(weight);
            self.dull.dropped += weight as u64;
            return;
        }
        let (line, runner) = (self.random.below(LINES), self.random.below(RUNNERS));
        let number = self.next;
        self.next += 1;
        self.dull.deliveries.push(Delivery {
            number,
            line,
            runner,
            weight,
            is_running: false,
        });
        let is_ready = if weight == 1 {
            self.backlog.push(line, runner, number)
        } else {
            self.backlog.push_as(weight, line, runner, number)
        };
        let first = self.dull.ready().iter().any(|each| each.number == number);
        assert_eq!(is_ready, first);
        if is_ready {
            self.awake.insert(runner);
        }
    }

    /// A runner that was woken takes one; it sleeps when there is none.
    fn take(&mut self) {
        let runner = self.random.below(RUNNERS);
        if self.awake.contains(&runner) {
            self.take_for(runner);
        }
    }

    fn take_for(&mut self, runner: u64) -> bool {
        let most = 1 + self.random.index(4);
        let mut numbers = Vec::new();
        let ticket = if most == 1 {
            let taken = self.backlog.take(runner);
            numbers.extend(taken.as_ref().map(|(_, number)| *number));
            taken.map(|(ticket, _)| ticket)
        } else {
            self.backlog.take_some(runner, most, &mut numbers)
        };
        let Some(ticket) = ticket else {
            self.awake.remove(&runner);
            return false;
        };
        self.dull.take(runner, most, &numbers);
        self.taken.push((ticket, numbers));
        true
    }

    fn done(&mut self) {
        if self.taken.is_empty() {
            return;
        }
        let place = self.random.index(self.taken.len());
        let (ticket, numbers) = &mut self.taken[place];
        let some = self.random.index(numbers.len());
        let is_pending = self.dull.place(numbers[0]).is_some();
        if some > 0 && is_pending && self.random.index(2) == 0 {
            self.backlog.done_some(*ticket, some);
            for number in numbers.drain(..some) {
                self.dull.remove(number);
                self.delivered.push(number);
            }
        } else {
            self.settle(place);
        }
    }

    fn settle(&mut self, place: usize) {
        let (ticket, numbers) = self.taken.swap_remove(place);
        let next = self.backlog.done(ticket);
        let lines = numbers
            .iter()
            .filter_map(|number| self.dull.remove(*number));
        let line = lines.last();
        self.delivered.extend(&numbers);
        let Some(line) = line else {
            assert_eq!(next, None, "it was abandoned");
            return;
        };
        let follower = self.dull.deliveries.iter().find(|each| each.line == line);
        assert_eq!(next, follower.map(|each| each.runner));
        self.awake.extend(next);
    }

    /// A ticket that was settled once is worth nothing any more.
    fn done_again(&mut self) {
        if let Some((ticket, _)) = self.taken.first() {
            let ticket = *ticket;
            self.settle(0);
            let before = self.backlog.pending();
            assert_eq!(self.backlog.done(ticket), None);
            assert_eq!(self.backlog.pending(), before);
        }
    }

    fn make_room(&mut self) {
        let deliveries = 1 + self.random.index(4);
        let dropped = self.backlog.make_room(deliveries);
        assert_eq!(dropped, self.dull.make_room(deliveries));
        self.given_up.extend(dropped);
        self.awake.extend(self.backlog.ready_runners());
    }

    fn abandon(&mut self) {
        let runner = self.random.below(RUNNERS);
        let before: Vec<_> = self.dull.ready().into_iter().cloned().collect();
        let (jobs, woken) = self.backlog.abandon(runner);
        assert_eq!(jobs, self.dull.abandon(runner));
        let after = self.dull.ready();
        let fresh = after.iter().filter(|each| !before.contains(each));
        let fresh: BTreeSet<_> = fresh.map(|each| each.runner).collect();
        assert_eq!(woken.iter().copied().collect::<BTreeSet<_>>(), fresh);
        self.given_up.extend(jobs);
        self.awake.extend(woken);
    }

    fn clear(&mut self) {
        let jobs = self.backlog.clear();
        assert_eq!(jobs, self.dull.clear());
        self.given_up.extend(jobs);
    }

    fn compare(&self) {
        assert_eq!(self.backlog.pending(), self.dull.pending());
        assert_eq!(self.backlog.dropped(), self.dull.dropped);
        for runner in 0..RUNNERS {
            let ready = self.dull.ready_lines(runner);
            assert_eq!(self.backlog.ready(runner), ready);
            assert_eq!(self.backlog.is_ready(runner), ready > 0);
            // Whoever has something to do was told so, and has not gone to sleep since.
            assert!(ready == 0 || self.awake.contains(&runner), "{runner}");
        }
        for (line, waiting, is_running) in self.backlog.lines() {
            let own = self.dull.deliveries.iter().filter(|each| each.line == line);
            let (running, idle): (Vec<_>, Vec<_>) = own.partition(|each| each.is_running);
            let behind = running.len().saturating_sub(1);
            assert_eq!(idle.len() + behind, waiting);
            assert_eq!(!running.is_empty(), is_running);
        }
    }

    /// Works off what is left, woken runners only.
    fn finish(&mut self) {
        loop {
            let took =
                (0..RUNNERS).any(|runner| self.awake.contains(&runner) && self.take_for(runner));
            if !took && self.taken.is_empty() {
                break;
            }
            self.done();
            self.compare();
        }
        assert_eq!(self.backlog.pending(), 0);
        assert!(self.backlog.lines().is_empty());
        let mut all = [&self.delivered[..], &self.given_up[..]].concat();
        all.sort_unstable();
        assert_eq!(all, (0..self.next).collect::<Vec<_>>(), "lost, or twice");
    }
}

#[test]
fn it_does_as_the_dull_reference_says() {
    for seed in 0..400 {
        let mut program = Program::new(seed);
        for _ in 0..300 {
            program.step();
        }
        program.finish();
    }
}

#[test]
fn an_event_with_more_handlers_than_there_is_room_is_let_in_alone() {
    let mut backlog = Backlog::new(2);
    assert!(backlog.has_room(5));
    backlog.push(1, (), "a");
    assert!(!backlog.has_room(5) && backlog.has_room(1));
}

#[test]
fn lines_take_turns() {
    let mut backlog = Backlog::new(10);
    for job in ["a1", "a2", "a3"] {
        backlog.push(1, (), job);
    }
    for job in ["b1", "b2"] {
        backlog.push(2, (), job);
    }
    let order: Vec<_> = std::iter::from_fn(|| {
        let (ticket, job) = backlog.take(())?;
        backlog.done(ticket);
        Some(job)
    })
    .collect();
    assert_eq!(order, ["a1", "b1", "a2", "b2", "a3"]);
}
