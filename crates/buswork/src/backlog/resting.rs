//! How deliveries and lines rest, and come back.

use std::time::Duration;

use super::line::Waiting;
use super::rests::{Rested, What};
use super::{Backlog, Ticket};

impl<R: Copy + Eq, J> Backlog<R, J> {
    /// Lets a delivery rest that was [pushed alone](Self::push_alone) and taken: it stays in progress,
    /// and can be taken again from `until` on. Returns the job, if the delivery was
    /// [abandoned](Self::abandon) meanwhile.
    pub fn rest(&mut self, ticket: Ticket, job: J, until: Duration) -> Option<J> {
        let line = self.lines.get_mut(ticket.place);
        let Some(running) = line.and_then(|line| line.running(ticket.number)) else {
            return Some(job);
        };
        let rested = Rested {
            place: ticket.place,
            number: ticket.number,
            runner: running.runner,
            job,
        };
        self.rests.add(until, What::Delivery(rested));
        None
    }

    /// Puts a delivery back that was [pushed alone](Self::push_alone) and taken, to the front of its
    /// line, and holds the line: what waits in it is not taken, until that time, or if there is none
    /// until it is [let go](Self::let_go). Returns the job, if the delivery was [abandoned](Self::abandon)
    /// meanwhile.
    pub fn hold(&mut self, ticket: Ticket, job: J, until: Option<Duration>) -> Option<J> {
        let given_back = self.return_to_line(ticket, job);
        if given_back.is_some() {
            return given_back;
        }
        let number = self.next_hold;
        self.next_hold += 1;
        self.lines[ticket.place].hold = Some(number);
        if let Some(until) = until {
            let place = ticket.place;
            self.rests.add(until, What::Hold { place, number });
        }
        self.unqueue_unless_ready(ticket.place);
        None
    }

    /// Puts a delivery back as [`hold`](Self::hold) does, and holds nothing: it can be taken again. Returns
    /// the job, if the delivery was [abandoned](Self::abandon) meanwhile.
    pub fn put_back(&mut self, ticket: Ticket, job: J) -> Option<J> {
        let given_back = self.return_to_line(ticket, job);
        if given_back.is_none() {
            self.queue_if_ready(ticket.place);
        }
        given_back
    }

    /// Puts a delivery that was taken alone among those that wait.
    fn return_to_line(&mut self, ticket: Ticket, job: J) -> Option<J> {
        let line = self.lines.get_mut(ticket.place);
        let Some((line, running)) =
            line.and_then(|line| line.end(ticket.number).map(|running| (line, running)))
        else {
            return Some(job);
        };
        // Of several that are put back, the oldest comes first again.
        let behind = |other: &Waiting<R, J>| other.number > ticket.number;
        let place = line.waiting.iter().position(behind);
        let waiting = Waiting {
            number: ticket.number,
            runner: running.runner,
            weight: running.weight,
            is_alone: true,
            job,
        };
        let place = place.unwrap_or(line.waiting.len());
        line.waiting.insert(place, waiting);
        None
    }

    /// Ends the hold of a line. Returns the runner that has something new to do.
    pub fn let_go(&mut self, line: u64) -> Option<R> {
        let place = *self.places.get(&line)?;
        self.lines[place].hold.take()?;
        self.queue_if_ready(place)
    }

    /// Brings back what rests of a line before its time, and ends the hold of the line: its handler is gone,
    /// say. Returns the runners that have something new to do, each as often as it has.
    pub fn rouse(&mut self, line: u64) -> Vec<R> {
        let Some(&place) = self.places.get(&line) else {
            return Vec::new();
        };
        let mut woken = Vec::new();
        for rested in self.rests.take_line(place) {
            woken.push(rested.runner);
            self.ready_for(rested.runner).rested.push_back(rested);
        }
        woken.extend(self.let_go(line));
        woken
    }

    /// Brings back what has rested by now: deliveries and lines. Returns the runners that have something
    /// new to do, each as often as it has.
    pub fn wake(&mut self, now: Duration) -> Vec<R> {
        let mut woken = Vec::new();
        while let Some(rest) = self.rests.take(now) {
            match rest {
                What::Delivery(rested) => {
                    woken.push(rested.runner);
                    self.ready_for(rested.runner).rested.push_back(rested);
                }
                // It may have been let go before, and held again.
                What::Hold { place, number } if self.lines[place].hold == Some(number) => {
                    self.lines[place].hold = None;
                    woken.extend(self.queue_if_ready(place));
                }
                What::Hold { .. } => {}
            }
        }
        woken
    }

    /// When the next delivery or line has rested, if any does.
    #[inline]
    pub fn next_wake(&self) -> Option<Duration> {
        self.rests.next()
    }
}
