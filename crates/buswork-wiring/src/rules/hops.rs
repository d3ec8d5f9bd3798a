//! The graph from event to event: each hop is a handler that gets the one and publishes the other.

use std::collections::VecDeque;
use std::fmt::Write as _;

use super::scene::Scene;
use crate::graph::{Cascade, Grade};

#[derive(Clone, Copy)]
pub(super) struct Hop<'a> {
    /// Index of the event that is handled.
    pub(super) from: usize,
    /// Index of the event that is published in turn.
    pub(super) to: usize,
    pub(super) cascade: &'a Cascade,
    /// That of the weaker of the two edges.
    pub(super) grade: Grade,
}

pub(super) struct Hops<'a> {
    hops: Vec<Hop<'a>>,
    /// For each event, where its hops begin in `hops`; one more at the end.
    starts: Vec<usize>,
}

impl<'a> Hops<'a> {
    /// The hops of handlers that are registered, those of no more than this grade.
    pub(super) fn of(scene: &Scene<'a>, at_worst: Grade) -> Self {
        let mut hops = Vec::new();
        let mut starts = Vec::with_capacity(scene.wiring.events.len() + 1);
        for from in 0..scene.wiring.events.len() {
            starts.push(hops.len());
            for (handler, routed) in handlers(scene, from) {
                for cascade in scene.wiring.cascades_of(handler) {
                    let grade = routed.max(cascade.grade);
                    let to = scene.index_of(&cascade.event);
                    if let Some(to) = to.filter(|_| grade <= at_worst) {
                        hops.push(Hop {
                            from,
                            to,
                            cascade,
                            grade,
                        });
                    }
                }
            }
        }
        starts.push(hops.len());
        Self { hops, starts }
    }

    pub(super) fn from(&self, event: usize) -> &[Hop<'a>] {
        &self.hops[self.starts[event]..self.starts[event + 1]]
    }

    pub(super) fn events(&self) -> usize {
        self.starts.len() - 1
    }

    /// The shortest way from an event to one that is wanted, over hops that are allowed; at least one
    /// hop long.
    pub(super) fn shortest(
        &self,
        from: usize,
        is_wanted: impl Fn(usize) -> bool,
        is_allowed: impl Fn(&Hop<'a>) -> bool,
    ) -> Option<Vec<Hop<'a>>> {
        let mut reached_by: Vec<Option<Hop<'a>>> = vec![None; self.events()];
        let mut waiting = VecDeque::from([from]);
        while let Some(event) = waiting.pop_front() {
            for hop in self.from(event).iter().filter(|hop| is_allowed(hop)) {
                if reached_by[hop.to].is_some() {
                    continue;
                }
                reached_by[hop.to] = Some(*hop);
                if is_wanted(hop.to) {
                    return Some(way_back(&reached_by, from, hop.to));
                }
                waiting.push_back(hop.to);
            }
        }
        None
    }

    /// For each event, the number of its knot: the events that lead to it and that it leads to.
    /// A knot has a higher number than those that it leads to.
    pub(super) fn knots(&self) -> Vec<usize> {
        Knots::of(self).knot
    }
}

/// More hops than this are counted, not named.
const NAMED: usize = 12;

/// `OrderPlaced → bill → PaymentTaken`: an event, and the hops from there.
pub(super) fn way(scene: &Scene<'_>, event: &str, hops: &[Hop<'_>]) -> String {
    let mut way = scene.event_name(event);
    for hop in hops.iter().take(NAMED) {
        let handler = scene.handler_name(&hop.cascade.handler);
        let _ = write!(
            way,
            " → {handler} → {}",
            scene.event_name(&hop.cascade.event)
        );
    }
    if let Some(left) = hops.len().checked_sub(NAMED).filter(|left| *left > 0) {
        let _ = write!(way, " → … {left} handlers more");
    }
    way
}

/// The handlers of an event, each once, with the best grade of its subscriptions.
fn handlers<'a>(scene: &Scene<'a>, event: usize) -> Vec<(&'a str, Grade)> {
    let mut handlers: Vec<(&str, Grade)> = scene
        .live_routes(event)
        .map(|(route, subscription)| (subscription.handler.as_str(), route.grade))
        .collect();
    handlers.sort_unstable();
    handlers.dedup_by_key(|(handler, _)| *handler);
    handlers
}

fn way_back<'a>(reached_by: &[Option<Hop<'a>>], from: usize, to: usize) -> Vec<Hop<'a>> {
    let mut way = Vec::new();
    let mut event = to;
    while let Some(hop) = reached_by[event] {
        way.push(hop);
        event = hop.from;
        if event == from {
            break;
        }
    }
    way.reverse();
    way
}

/// Tarjan's algorithm, with its own stack, as a cascade may be deeper than ours.
struct Knots {
    order: Vec<usize>,
    lowest: Vec<usize>,
    is_open: Vec<bool>,
    open: Vec<usize>,
    knot: Vec<usize>,
    visited: usize,
    closed: usize,
}

const UNSEEN: usize = usize::MAX;

impl Knots {
    fn of(hops: &Hops<'_>) -> Self {
        let count = hops.events();
        let mut knots = Self {
            order: vec![UNSEEN; count],
            lowest: vec![0; count],
            is_open: vec![false; count],
            open: Vec::new(),
            knot: vec![0; count],
            visited: 0,
            closed: 0,
        };
        for event in 0..count {
            if knots.order[event] == UNSEEN {
                knots.visit(hops, event);
            }
        }
        knots
    }

    fn visit(&mut self, hops: &Hops<'_>, root: usize) {
        let mut stack = vec![(root, 0)];
        self.enter(root);
        while let Some((event, next)) = stack.last_mut() {
            let event = *event;
            if let Some(hop) = hops.from(event).get(*next) {
                *next += 1;
                if self.order[hop.to] == UNSEEN {
                    self.enter(hop.to);
                    stack.push((hop.to, 0));
                } else if self.is_open[hop.to] {
                    self.lowest[event] = self.lowest[event].min(self.order[hop.to]);
                }
                continue;
            }
            stack.pop();
            if let Some(&(above, _)) = stack.last() {
                self.lowest[above] = self.lowest[above].min(self.lowest[event]);
            }
            if self.lowest[event] == self.order[event] {
                self.close(event);
            }
        }
    }

    fn enter(&mut self, event: usize) {
        self.order[event] = self.visited;
        self.lowest[event] = self.visited;
        self.visited += 1;
        self.open.push(event);
        self.is_open[event] = true;
    }

    fn close(&mut self, root: usize) {
        while let Some(event) = self.open.pop() {
            self.is_open[event] = false;
            self.knot[event] = self.closed;
            if event == root {
                break;
            }
        }
        self.closed += 1;
    }
}
