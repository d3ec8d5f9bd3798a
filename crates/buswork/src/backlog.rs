//! Posted deliveries that wait for their turn: one line a handler, worked off in order, one at a
//! time, beside the lines of other handlers.
//!
//! Both languages post through this. It holds no lock and starts no thread: its owner does, who
//! asks it what to do next. Each delivery is for one *runner*, whoever is to call the handler: an
//! event loop, or the threads of a bus. A line moves from runner to runner as its deliveries do, so
//! that the order of a handler holds across them.
//!
//! A delivery that has failed and is to be tried again *rests*: it stays in progress, and is taken once
//! more when its time has come. A line whose handler is left in peace is *held*: what waits in it is not
//! taken. Neither keeps a runner from the other lines. The time is passed in, as a duration since
//! whatever moment the owner counts from.

mod line;
mod resting;
mod rests;

use std::collections::{HashMap, VecDeque};
use std::fmt;

use crate::hash::KeyState;
use line::{Line, Running, Waiting};
use rests::{Rested, Rests};

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

/// What a runner may take.
struct Ready<R, J> {
    runner: R,
    /// Deliveries that go on. They are in progress already, whatever their lines say.
    rested: VecDeque<Rested<R, J>>,
    /// The lines whose next delivery is for it, by their places, in the order of their turns.
    places: VecDeque<usize>,
}

impl<R, J> Ready<R, J> {
    fn of(runner: R) -> Self {
        Self {
            runner,
            rested: VecDeque::new(),
            places: VecDeque::new(),
        }
    }

    fn len(&self) -> usize {
        self.rested.len() + self.places.len()
    }
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
    ready: Vec<Ready<R, J>>,
    rests: Rests<R, J>,
    next_number: u64,
    next_hold: u64,
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
            rests: Rests::new(),
            next_number: 0,
            next_hold: 0,
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
        let place = self.place(line);
        self.push_at(place, runner, job, deliveries, false)
    }

    /// As [`push`](Self::push), for a line of which up to `width` deliveries are in progress at once.
    /// It is taken alone, so that it may [rest](Self::rest) or [be held](Self::hold).
    pub fn push_alone(&mut self, width: usize, line: u64, runner: R, job: J) -> bool {
        let place = self.place(line);
        self.lines[place].width = width;
        self.push_at(place, runner, job, 1, true)
    }

    #[inline]
    fn push_at(&mut self, place: usize, runner: R, job: J, weight: usize, is_alone: bool) -> bool {
        let number = self.next_number;
        self.next_number += 1;
        self.pending += weight;
        self.lines[place].waiting.push_back(Waiting {
            number,
            runner,
            weight,
            is_alone,
            job,
        });
        self.queue_if_ready_for(runner, place)
    }

    /// Takes a delivery for `runner`, of the line whose turn it is. Lines take turns. One that has
    /// rested has the ticket that it had before.
    #[inline]
    pub fn take(&mut self, runner: R) -> Option<(Ticket, J)> {
        let ready = self.ready.iter_mut().find(|ready| ready.runner == runner)?;
        if let Some(rested) = ready.rested.pop_front() {
            let Rested { place, number, .. } = rested;
            return Some((Ticket { place, number }, rested.job));
        }
        let place = ready.places.pop_front()?;
        let line = &mut self.lines[place];
        line.is_queued = false;
        let first = line.waiting.pop_front()?;
        let Waiting { number, weight, .. } = first;
        line.running.push(Running {
            number,
            runner,
            weight,
            taken: 1,
        });
        if line.width > 1 {
            self.queue_if_ready_for(runner, place);
        }
        Some((Ticket { place, number }, first.job))
    }

    /// As [`take`](Self::take), but takes up to `most` deliveries of the line, to be made one after
    /// another, and puts them behind those in `into`. One ticket is for all of them. A job that stands
    /// for several deliveries, or was [pushed alone](Self::push_alone), is taken alone.
    pub fn take_some(&mut self, runner: R, most: usize, into: &mut Vec<J>) -> Option<Ticket> {
        let (ticket, first) = self.take(runner)?;
        into.push(first);
        let line = &mut self.lines[ticket.place];
        let is_next =
            |next: &Waiting<R, J>| next.runner == runner && next.weight == 1 && !next.is_alone;
        if line.width > 1 || !line.waiting.front().is_some_and(is_next) {
            return Some(ticket);
        }
        let running = line.running.last_mut()?;
        while running.number == ticket.number
            && running.weight == running.taken
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
        if let Some(running) = line.and_then(|line| line.running(ticket.number)) {
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
        let running = line.end(ticket.number)?;
        self.pending -= running.weight;
        self.go_on(ticket.place)
    }

    /// How many deliveries of a line wait for their turn or are in progress.
    pub fn pending_in(&self, line: u64) -> usize {
        let place = self.places.get(&line);
        place.map_or(0, |&place| {
            let line = &self.lines[place];
            let in_progress = line.running.iter().map(|running| running.taken);
            line.waiting.len() + in_progress.sum::<usize>()
        })
    }

    /// How many deliveries of a line wait for their turn.
    pub fn waiting(&self, line: u64) -> usize {
        let place = self.places.get(&line);
        place.map_or(0, |&place| self.lines[place].waiting.len())
    }

    /// Takes out the oldest delivery of a line that waits, and counts it as dropped.
    ///
    /// What follows in the line may be for another runner, who is not told: see
    /// [`make_room`](Self::make_room).
    pub fn drop_oldest(&mut self, line: u64) -> Option<J> {
        let place = *self.places.get(&line)?;
        let oldest = self.lines[place].waiting.pop_front()?;
        self.pending -= oldest.weight;
        self.note_dropped(oldest.weight);
        self.unqueue(place);
        self.go_on(place);
        Some(oldest.job)
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
        ready.map_or(0, Ready::len)
    }

    /// The runners that have something to do.
    pub fn ready_runners(&self) -> Vec<R> {
        let ready = self.ready.iter().filter(|ready| ready.len() > 0);
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
            let was_ready_for = self.lines[place].next_runner();
            let Some(oldest) = self.lines[place].waiting.pop_front() else {
                break;
            };
            dropped.push(oldest.job);
            self.pending -= oldest.weight;
            self.note_dropped(oldest.weight);
            if self.lines[place].next_runner() != was_ready_for {
                self.unqueue(place);
            }
            self.go_on(place);
        }
        dropped
    }

    /// Gives up what is pending for a runner that is gone. What waited is returned, and not counted
    /// as dropped; what was in progress is over. Returns also the runners that have something new
    /// to do now.
    pub fn abandon(&mut self, runner: R) -> (Vec<J>, Vec<R>) {
        let mut woken = Vec::new();
        let mut abandoned = self.rests.abandon(runner);
        for place in 0..self.lines.len() {
            let was_ready_for = self.lines[place].next_runner();
            let (weight, gone) = self.lines[place].abandon(runner);
            self.pending -= weight;
            abandoned.extend(gone);
            if weight == 0 {
                continue;
            }
            if self.lines[place].next_runner() != was_ready_for {
                self.unqueue(place);
            }
            woken.extend(self.go_on(place));
        }
        for ready in self.ready.extract_if(.., |ready| ready.runner == runner) {
            let rested = ready.rested.into_iter();
            abandoned.extend(rested.map(|each| (each.number, each.job)));
        }
        abandoned.sort_unstable_by_key(|(number, _)| *number);
        let abandoned = abandoned.into_iter().map(|(_, job)| job).collect();
        (abandoned, woken)
    }

    /// Gives up everything, and returns what waited, the oldest first.
    pub fn clear(&mut self) -> Vec<J> {
        let mut all = self.rests.clear();
        for line in std::mem::take(&mut self.lines) {
            all.extend(line.waiting.into_iter().map(|each| (each.number, each.job)));
        }
        for ready in std::mem::take(&mut self.ready) {
            all.extend(ready.rested.into_iter().map(|each| (each.number, each.job)));
        }
        self.places = HashMap::default();
        self.free = Vec::new();
        self.pending = 0;
        all.sort_unstable_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, job)| job).collect()
    }

    /// The lines with what is pending in each: how many wait, and whether one is in progress.
    pub fn lines(&self) -> Vec<(u64, usize, bool)> {
        let lines = self.lines.iter();
        let mut lines: Vec<_> = lines
            .map(|line| {
                let in_progress = line.running.iter();
                let behind: usize = in_progress.map(|running| running.taken - 1).sum();
                let is_running = !line.running.is_empty();
                (line.name, line.waiting.len() + behind, is_running)
            })
            .filter(|&(_, waiting, is_running)| waiting > 0 || is_running)
            .collect();
        lines.sort_unstable();
        lines
    }

    /// The place of a line, which it is given if it has none.
    #[inline]
    fn place(&mut self, name: u64) -> usize {
        match self.places.get(&name) {
            Some(&place) => place,
            None => self.begin(name),
        }
    }

    fn begin(&mut self, name: u64) -> usize {
        let place = self.free.pop().unwrap_or(self.lines.len());
        if place == self.lines.len() {
            self.lines.push(Line::new());
        }
        self.lines[place].name = name;
        self.places.insert(name, place);
        place
    }

    /// Brings a line to its next delivery, or to its end. Returns the runner that has something new
    /// to do.
    #[inline]
    fn go_on(&mut self, place: usize) -> Option<R> {
        let line = &mut self.lines[place];
        if !line.is_empty() {
            return self.queue_if_ready(place);
        }
        if line.waiting.capacity() > KEPT_CAPACITY {
            line.waiting = VecDeque::new();
        }
        line.width = 1;
        line.hold = None;
        if self.places.remove(&line.name).is_some() {
            self.free.push(place);
        }
        None
    }

    /// Puts a line that is ready behind the others of its runner, unless it stands there. Returns its
    /// runner then.
    #[inline]
    fn queue_if_ready(&mut self, place: usize) -> Option<R> {
        let line = &mut self.lines[place];
        if line.is_queued {
            return None;
        }
        let runner = line.next_runner()?;
        line.is_queued = true;
        self.ready_for(runner).places.push_back(place);
        Some(runner)
    }

    /// The same, if the next delivery is for `runner`. Another one would have to be told: it gets its turn
    /// when a delivery of the line ends.
    #[inline]
    fn queue_if_ready_for(&mut self, runner: R, place: usize) -> bool {
        self.lines[place].next_runner() == Some(runner) && self.queue_if_ready(place).is_some()
    }

    #[inline]
    fn ready_for(&mut self, runner: R) -> &mut Ready<R, J> {
        let known = self.ready.iter().position(|ready| ready.runner == runner);
        let place = known.unwrap_or_else(|| {
            // Runners come and go: those without anything to do are forgotten.
            self.ready.retain(|ready| ready.len() > 0);
            self.ready.push(Ready::of(runner));
            self.ready.len() - 1
        });
        &mut self.ready[place]
    }

    fn unqueue_unless_ready(&mut self, place: usize) {
        if self.lines[place].next_runner().is_none() {
            self.unqueue(place);
        }
    }

    fn unqueue(&mut self, place: usize) {
        if std::mem::take(&mut self.lines[place].is_queued) {
            for ready in &mut self.ready {
                ready.places.retain(|other| *other != place);
            }
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
