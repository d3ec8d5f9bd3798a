//! Posted deliveries that wait for their turn: one line a handler, worked off in order, one at a
//! time, beside the lines of other handlers.
//!
//! Both languages post through this. It holds no lock and starts no thread: its owner does, who
//! asks it what to do next. Each delivery is for one *runner*, whoever is to call the handler: an
//! event loop, or the threads of a bus. A line moves from runner to runner as its deliveries do, so
//! that the order of a handler holds across them.

use std::collections::{HashMap, VecDeque};
use std::fmt;

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
    place: usize,
    number: u64,
}

/// The deliveries of one handler. It has its place among the lines as long as there are any.
struct Line<R, J> {
    name: u64,
    waiting: VecDeque<Waiting<R, J>>,
    running: Option<Running<R>>,
}

struct Waiting<R, J> {
    number: u64,
    runner: R,
    weight: usize,
    job: J,
}

/// The delivery in progress, or several that were taken at a time and have not all ended.
#[derive(Clone, Copy)]
struct Running<R> {
    number: u64,
    runner: R,
    weight: usize,
    /// How many were taken and have not ended.
    taken: usize,
}

impl<R: Copy, J> Line<R, J> {
    /// The runner of the first delivery of a line that is ready.
    fn first_runner(&self) -> Option<R> {
        match self.running {
            None => Some(self.waiting.front()?.runner),
            Some(_) => None,
        }
    }
}

/// The lines that are ready for a runner, by their places, in the order of their turns.
struct Ready<R> {
    runner: R,
    places: VecDeque<usize>,
}

/// Deliveries that are pending: waiting, or in progress. See the [module](self).
///
/// `R` names a runner, `J` is whatever the owner keeps of a delivery. A line is named by a number,
/// such as the [sequence](crate::entry::Entry::sequence) of its handler's entry.
pub struct Backlog<R, J> {
    /// Where each line that has deliveries stands in `lines`.
    places: HashMap<u64, usize, KeyState>,
    lines: Vec<Line<R, J>>,
    /// Places whose lines have none. Their queues are used again: a line that is worked off as fast
    /// as it is posted to comes and goes with each delivery.
    free: Vec<usize>,
    /// A handful at most: one for each loop that posts were made on.
    ready: Vec<Ready<R>>,
    next_number: u64,
    max_pending: usize,
    pending: usize,
    dropped: u64,
}

/// A queue that has grown beyond this is not kept for later.
const KEPT_CAPACITY: usize = 1_024;

impl<R: Copy + Eq, J> Backlog<R, J> {
    /// An empty backlog that has room for so many deliveries.
    pub fn new(max_pending: usize) -> Self {
        Self {
            places: HashMap::default(),
            lines: Vec::new(),
            free: Vec::new(),
            ready: Vec::new(),
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
    #[inline]
    pub fn push_as(&mut self, deliveries: usize, line: u64, runner: R, job: J) -> bool {
        let number = self.next_number;
        self.next_number += 1;
        self.pending += deliveries;
        let place = match self.places.get(&line) {
            Some(&place) => place,
            None => self.begin(line),
        };
        let line = &mut self.lines[place];
        let is_ready = line.running.is_none() && line.waiting.is_empty();
        line.waiting.push_back(Waiting {
            number,
            runner,
            weight: deliveries,
            job,
        });
        if is_ready {
            self.queue(place, runner);
        }
        is_ready
    }

    /// Takes a delivery for `runner`, of the line whose turn it is. Lines take turns.
    #[inline]
    pub fn take(&mut self, runner: R) -> Option<(Ticket, J)> {
        let ready = self.ready.iter_mut().find(|ready| ready.runner == runner)?;
        let place = ready.places.pop_front()?;
        let line = &mut self.lines[place];
        let first = line.waiting.pop_front()?;
        let Waiting { number, weight, .. } = first;
        line.running = Some(Running {
            number,
            runner,
            weight,
            taken: 1,
        });
        Some((Ticket { place, number }, first.job))
    }

    /// As [`take`](Self::take), but takes up to `most` deliveries of the line, to be made one after
    /// another, and puts them behind those in `into`. One ticket is for all of them. A job that stands
    /// for several deliveries is taken alone.
    pub fn take_some(&mut self, runner: R, most: usize, into: &mut Vec<J>) -> Option<Ticket> {
        let (ticket, first) = self.take(runner)?;
        into.push(first);
        let line = &mut self.lines[ticket.place];
        let running = line.running.as_mut()?;
        let is_next = |next: &Waiting<R, J>| next.runner == runner && next.weight == 1;
        while running.weight == running.taken
            && running.taken < most
            && line.waiting.front().is_some_and(is_next)
        {
            into.extend(line.waiting.pop_front().map(|next| next.job));
            running.taken += 1;
            running.weight += 1;
        }
        Some(ticket)
    }

    /// Notes that so many of those that were taken at a time have ended, and others have not.
    pub fn done_some(&mut self, ticket: Ticket, deliveries: usize) {
        let line = self.lines.get_mut(ticket.place);
        let running = line.and_then(|line| line.running.as_mut());
        if let Some(running) = running.filter(|running| running.number == ticket.number) {
            running.taken -= deliveries;
            running.weight -= deliveries;
            self.pending -= deliveries;
        }
    }

    /// Ends a delivery, or what is left of those that were taken with it, so that its line goes on.
    /// Returns the runner that has something new to do. Nothing happens for a delivery that was [abandoned](Self::abandon) meanwhile.
    #[inline]
    pub fn done(&mut self, ticket: Ticket) -> Option<R> {
        let line = self.lines.get_mut(ticket.place)?;
        let running = line
            .running
            .take_if(|running| running.number == ticket.number)?;
        self.pending -= running.weight;
        self.go_on(ticket.place)
    }

    /// Whether `runner` has something to do.
    #[inline]
    pub fn is_ready(&self, runner: R) -> bool {
        self.ready(runner) > 0
    }

    /// How many lines wait for `runner` to take their next delivery.
    #[inline]
    pub fn ready(&self, runner: R) -> usize {
        let mut ready = self.ready.iter();
        let ready = ready.find(|ready| ready.runner == runner);
        ready.map_or(0, |ready| ready.places.len())
    }

    /// The runners that have something to do.
    pub fn ready_runners(&self) -> Vec<R> {
        let ready = self.ready.iter().filter(|ready| !ready.places.is_empty());
        ready.map(|ready| ready.runner).collect()
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
            let fronts = self.lines.iter().enumerate();
            let oldest = fronts
                .filter_map(|(place, line)| Some((line.waiting.front()?.number, place)))
                .min();
            let Some((_, place)) = oldest else { break };
            let was_ready_for = self.lines[place].first_runner();
            let Some(oldest) = self.lines[place].waiting.pop_front() else {
                break;
            };
            dropped.push(oldest.job);
            self.pending -= oldest.weight;
            self.note_dropped(oldest.weight);
            let is_ready_for = self.lines[place].first_runner();
            if was_ready_for.is_some() && is_ready_for != was_ready_for {
                self.unqueue(place);
                self.go_on(place);
            }
        }
        dropped
    }

    /// Gives up what is pending for a runner that is gone. What waited is returned, and not counted
    /// as dropped; what was in progress is over. Returns also the runners that have something new
    /// to do now.
    pub fn abandon(&mut self, runner: R) -> (Vec<J>, Vec<R>) {
        self.ready.retain(|ready| ready.runner != runner);
        let (mut abandoned, mut woken) = (Vec::new(), Vec::new());
        for place in 0..self.lines.len() {
            let line = &mut self.lines[place];
            let was_first = line.first_runner() == Some(runner);
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
            }
            if running.is_some() || was_first {
                woken.extend(self.go_on(place));
            }
        }
        abandoned.sort_unstable_by_key(|(number, _)| *number);
        let abandoned = abandoned.into_iter().map(|(_, job)| job).collect();
        (abandoned, woken)
    }

    /// Gives up everything, and returns what waited, the oldest first.
    pub fn clear(&mut self) -> Vec<J> {
        let lines = std::mem::take(&mut self.lines);
        self.places = HashMap::default();
        self.free = Vec::new();
        self.ready = Vec::new();
        self.pending = 0;
        let mut waiting: Vec<_> = lines.into_iter().flat_map(|line| line.waiting).collect();
        waiting.sort_unstable_by_key(|waiting| waiting.number);
        waiting.into_iter().map(|waiting| waiting.job).collect()
    }

    /// The lines with what is pending in each: how many wait, and whether one is in progress.
    pub fn lines(&self) -> Vec<(u64, usize, bool)> {
        let lines = self.lines.iter();
        let mut lines: Vec<_> = lines
            .map(|line| {
                let taken = line.running.map(|running| running.taken);
                let behind = taken.unwrap_or_default().saturating_sub(1);
                (line.name, line.waiting.len() + behind, taken.is_some())
            })
            .filter(|&(_, waiting, is_running)| waiting > 0 || is_running)
            .collect();
        lines.sort_unstable();
        lines
    }

    /// Finds a place for a line.
    fn begin(&mut self, name: u64) -> usize {
        let place = self.free.pop().unwrap_or(self.lines.len());
        if place == self.lines.len() {
            self.lines.push(Line {
                name,
                waiting: VecDeque::new(),
                running: None,
            });
        } else {
            self.lines[place].name = name;
        }
        self.places.insert(name, place);
        place
    }

    /// Brings a line that is not in progress to its next delivery, or to its end.
    fn go_on(&mut self, place: usize) -> Option<R> {
        let line = &mut self.lines[place];
        if let Some(first) = line.waiting.front() {
            let runner = first.runner;
            self.queue(place, runner);
            return Some(runner);
        }
        if line.waiting.capacity() > KEPT_CAPACITY {
            line.waiting = VecDeque::new();
        }
        if self.places.remove(&line.name).is_some() {
            self.free.push(place);
        }
        None
    }

    /// Puts a line that is ready behind the others of its runner.
    fn queue(&mut self, place: usize, runner: R) {
        if let Some(ready) = self.ready.iter_mut().find(|ready| ready.runner == runner) {
            ready.places.push_back(place);
            return;
        }
        // Runners come and go: those without lines are forgotten.
        self.ready.retain(|ready| !ready.places.is_empty());
        self.ready.push(Ready {
            runner,
            places: VecDeque::from([place]),
        });
    }

    fn unqueue(&mut self, place: usize) {
        for ready in &mut self.ready {
            ready.places.retain(|other| *other != place);
        }
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
