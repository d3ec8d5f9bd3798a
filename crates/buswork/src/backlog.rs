//! Posted deliveries that wait for their turn: one line a handler, worked off in order, one at a
//! time, beside the lines of other handlers.
//!
//! Both languages post through this. It holds no lock and starts no thread: its owner does, who
//! asks it what to do next. Each delivery is for one *runner*, whoever is to call the handler: an
//! event loop, or the threads of a bus. A line moves from runner to runner as its deliveries do, so
//! that the order of a handler holds across them.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::Hash;

use crate::hash::KeyState;

/// What a post does when [`max_pending`](Backlog::new) deliveries are pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// It waits until there is room. The default.
    #[default]
    Wait,
    /// It fails.
    Raise,
    /// The new deliveries are dropped, and counted.
    DropNew,
    /// The oldest deliveries that wait are dropped, and counted.
    DropOld,
}

impl Overflow {
    /// The policy that a word says: `"wait"`, `"raise"`, `"drop_new"`, `"drop_old"`.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "wait" => Some(Self::Wait),
            "raise" => Some(Self::Raise),
            "drop_new" => Some(Self::DropNew),
            "drop_old" => Some(Self::DropOld),
            _ => None,
        }
    }
}

/// A delivery that was taken, to be settled with [`Backlog::done`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a line goes on when its delivery is done"]
pub struct Ticket {
    line: u64,
    number: u64,
}

struct Line<R, J> {
    waiting: VecDeque<Waiting<R, J>>,
    running: Option<Running<R>>,
}

struct Waiting<R, J> {
    number: u64,
    runner: R,
    weight: usize,
    job: J,
}

/// The delivery in progress.
#[derive(Clone, Copy)]
struct Running<R> {
    number: u64,
    runner: R,
    weight: usize,
}

/// Deliveries that are pending: waiting, or in progress. See the [module](self).
///
/// `R` names a runner, `J` is whatever the owner keeps of a delivery. A line is named by a number,
/// such as the [sequence](crate::entry::Entry::sequence) of its handler's entry.
pub struct Backlog<R, J> {
    lines: HashMap<u64, Line<R, J>, KeyState>,
    /// Lines that are not in progress and have deliveries, by the runner of their first one.
    ready: HashMap<R, VecDeque<u64>, KeyState>,
    /// Emptied queues, to be used again: a line that is worked off as fast as it is posted to
    /// comes and goes with each delivery.
    spare: Vec<VecDeque<Waiting<R, J>>>,
    next_number: u64,
    max_pending: usize,
    pending: usize,
    dropped: u64,
}

const SPARE: usize = 16;

impl<R: Copy + Eq + Hash, J> Backlog<R, J> {
    /// An empty backlog that has room for so many deliveries.
    pub fn new(max_pending: usize) -> Self {
        Self {
            lines: HashMap::default(),
            ready: HashMap::default(),
            spare: Vec::new(),
            next_number: 0,
            max_pending,
            pending: 0,
            dropped: 0,
        }
    }

    /// Changes how many deliveries there is room for. Those that are pending stay.
    pub fn set_max_pending(&mut self, max_pending: usize) {
        self.max_pending = max_pending;
    }

    /// How many deliveries there is room for.
    pub fn max_pending(&self) -> usize {
        self.max_pending
    }

    /// Whether the deliveries of one event may be added. An event with more handlers than there is
    /// room for is let in alone.
    #[inline]
    pub fn has_room(&self, deliveries: usize) -> bool {
        self.pending + deliveries <= self.max_pending || self.pending == 0
    }

    /// Adds a delivery to the end of a line. Says whether its runner has something new to do.
    #[inline]
    pub fn push(&mut self, line: u64, runner: R, job: J) -> bool {
        self.push_as(1, line, runner, job)
    }

    /// As [`push`](Self::push), for a job that stands for so many deliveries: those of one event
    /// that passes the middleware first, say.
    pub fn push_as(&mut self, deliveries: usize, line: u64, runner: R, job: J) -> bool {
        let number = self.next_number;
        self.next_number += 1;
        self.pending += deliveries;
        let spare = &mut self.spare;
        let place = self.lines.entry(line).or_insert_with(|| Line {
            waiting: spare.pop().unwrap_or_default(),
            running: None,
        });
        let is_ready = place.running.is_none() && place.waiting.is_empty();
        place.waiting.push_back(Waiting {
            number,
            runner,
            weight: deliveries,
            job,
        });
        if is_ready {
            self.ready.entry(runner).or_default().push_back(line);
        }
        is_ready
    }

    /// Takes a delivery for `runner`, of the line whose turn it is. Lines take turns.
    pub fn take(&mut self, runner: R) -> Option<(Ticket, J)> {
        let number = self.ready.get_mut(&runner)?.pop_front()?;
        let line = self.lines.get_mut(&number)?;
        let first = line.waiting.pop_front()?;
        line.running = Some(Running {
            number: first.number,
            runner,
            weight: first.weight,
        });
        let ticket = Ticket {
            line: number,
            number: first.number,
        };
        Some((ticket, first.job))
    }

    /// Ends a delivery, so that its line goes on. Returns the runner that has something new to do.
    /// Nothing happens for a delivery that was [abandoned](Self::abandon) meanwhile.
    pub fn done(&mut self, ticket: Ticket) -> Option<R> {
        let line = self.lines.get_mut(&ticket.line)?;
        let running = line
            .running
            .take_if(|running| running.number == ticket.number)?;
        self.pending -= running.weight;
        self.go_on(ticket.line)
    }

    /// Whether `runner` has something to do.
    #[inline]
    pub fn is_ready(&self, runner: R) -> bool {
        self.ready(runner) > 0
    }

    /// How many lines wait for `runner` to take their next delivery.
    #[inline]
    pub fn ready(&self, runner: R) -> usize {
        self.ready.get(&runner).map_or(0, VecDeque::len)
    }

    /// The runners that have something to do, in no order.
    pub fn ready_runners(&self) -> Vec<R> {
        let ready = self.ready.iter();
        let ready = ready.filter(|(_, lines)| !lines.is_empty());
        ready.map(|(runner, _)| *runner).collect()
    }

    /// How many deliveries are waiting or in progress.
    #[inline]
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// How many were dropped, ever.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Counts deliveries that were not even added.
    pub fn note_dropped(&mut self, deliveries: usize) {
        self.dropped += deliveries as u64;
    }

    /// Takes out the oldest deliveries that wait until there is room for so many more, or none
    /// waits any longer. They are counted as dropped.
    ///
    /// What follows in a line may be for another runner than what was dropped, who is not told:
    /// where there are several, wake the [`ready_runners`](Self::ready_runners) afterwards.
    pub fn make_room(&mut self, deliveries: usize) -> Vec<J> {
        let mut dropped = Vec::new();
        while !self.has_room(deliveries) {
            let fronts = self.lines.iter();
            let oldest = fronts
                .filter_map(|(line, state)| Some((state.waiting.front()?.number, *line)))
                .min();
            let Some((_, line)) = oldest else { break };
            let runner = self.first_runner(line);
            let front = self.lines.get_mut(&line);
            let Some(oldest) = front.and_then(|line| line.waiting.pop_front()) else {
                break;
            };
            dropped.push(oldest.job);
            self.pending -= oldest.weight;
            self.note_dropped(oldest.weight);
            self.requeue(line, runner);
        }
        dropped
    }

    /// Gives up what is pending for a runner that is gone. What waited is returned, and not counted
    /// as dropped; what was in progress is over. Returns also the runners that have something new
    /// to do now.
    pub fn abandon(&mut self, runner: R) -> (Vec<J>, Vec<R>) {
        self.ready.remove(&runner);
        let mut lines: Vec<u64> = self.lines.keys().copied().collect();
        lines.sort_unstable();
        let (mut abandoned, mut woken) = (Vec::new(), Vec::new());
        for number in lines {
            let was_first = self.first_runner(number);
            let Some(line) = self.lines.get_mut(&number) else {
                continue;
            };
            for waiting in std::mem::take(&mut line.waiting) {
                if waiting.runner == runner {
                    self.pending -= waiting.weight;
                    abandoned.push((waiting.number, waiting.job));
                } else {
                    line.waiting.push_back(waiting);
                }
            }
            let running = line.running.take_if(|running| running.runner == runner);
            if let Some(running) = running {
                self.pending -= running.weight;
                woken.extend(self.go_on(number));
            } else if was_first == Some(runner) {
                woken.extend(self.go_on(number));
            }
        }
        abandoned.sort_unstable_by_key(|(number, _)| *number);
        let abandoned = abandoned.into_iter().map(|(_, job)| job).collect();
        (abandoned, woken)
    }

    /// Gives up everything, and returns what waited, the oldest first.
    pub fn clear(&mut self) -> Vec<J> {
        let lines = std::mem::take(&mut self.lines);
        self.ready = HashMap::default();
        self.pending = 0;
        let waiting = lines.into_values().flat_map(|line| line.waiting);
        let mut waiting: Vec<_> = waiting.collect();
        waiting.sort_unstable_by_key(|waiting| waiting.number);
        waiting.into_iter().map(|waiting| waiting.job).collect()
    }

    /// The lines with what is pending in each: how many wait, and whether one is in progress.
    pub fn lines(&self) -> Vec<(u64, usize, bool)> {
        let lines = self.lines.iter();
        let mut lines: Vec<_> = lines
            .map(|(number, line)| (*number, line.waiting.len(), line.running.is_some()))
            .collect();
        lines.sort_unstable();
        lines
    }

    /// The runner of the first delivery of a line that is ready.
    fn first_runner(&self, line: u64) -> Option<R> {
        let line = self.lines.get(&line)?;
        match line.running {
            None => Some(line.waiting.front()?.runner),
            Some(_) => None,
        }
    }

    /// Brings a line that is not in progress to its next delivery, or to its end.
    fn go_on(&mut self, number: u64) -> Option<R> {
        let line = self.lines.get_mut(&number)?;
        let Some(first) = line.waiting.front() else {
            let line = self.lines.remove(&number)?;
            if self.spare.len() < SPARE && line.waiting.capacity() <= 1_024 {
                self.spare.push(line.waiting);
            }
            return None;
        };
        let runner = first.runner;
        self.ready.entry(runner).or_default().push_back(number);
        Some(runner)
    }

    /// After the first delivery of a line was dropped: it may be another runner's turn now.
    fn requeue(&mut self, line: u64, was: Option<R>) {
        let Some(was) = was else { return };
        let next = self.first_runner(line);
        if next == Some(was) {
            return;
        }
        if let Some(ready) = self.ready.get_mut(&was) {
            ready.retain(|other| *other != line);
        }
        self.go_on(line);
    }
}

impl<R, J> fmt::Debug for Backlog<R, J> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Backlog")
            .field("pending", &self.pending)
            .field("max_pending", &self.max_pending)
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}
