//! What is reached from some events and handlers, edge by edge.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Starts;
use crate::graph::Wiring;

/// What has been reached so far. Subscriptions and cascades are indices into the whole graph.
pub(super) struct Reach<'a> {
    whole: &'a Wiring,
    /// How many steps from event to event are followed.
    limit: usize,
    events: BTreeSet<&'a str>,
    handlers: BTreeSet<&'a str>,
    subscriptions: BTreeSet<usize>,
    cascades: BTreeSet<usize>,
    /// Cascades by the event that they publish.
    causes: BTreeMap<&'a str, Vec<usize>>,
    /// The subscriptions of a handler, each with every event that gets through it.
    triggers: BTreeMap<&'a str, Vec<(usize, &'a str)>>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(whole: &'a Wiring, limit: Option<usize>) -> Self {
        let mut causes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, cascade) in whole.cascades.iter().enumerate() {
            causes.entry(&cascade.event).or_default().push(index);
        }
        let mut triggers: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
        for event in &whole.events {
            for &index in &event.handled_by {
                let handler = &whole.subscriptions[index].handler;
                triggers
                    .entry(handler)
                    .or_default()
                    .push((index, &event.id));
            }
        }
        Self {
            whole,
            limit: limit.unwrap_or(usize::MAX),
            events: BTreeSet::new(),
            handlers: BTreeSet::new(),
            subscriptions: BTreeSet::new(),
            cascades: BTreeSet::new(),
            causes,
            triggers,
        }
    }

    /// Adds what follows.
    pub(super) fn downstream(&mut self, starts: &'a Starts) {
        let mut walk = Walk::default();
        for event in &starts.events {
            walk.go_to(event, 0);
        }
        for handler in &starts.handlers {
            self.add_with_events(handler);
            self.follow(handler, 0, &mut walk);
        }
        while let Some((event, away)) = walk.next() {
            self.events.insert(event);
            let Some(event) = self.whole.event(event) else {
                continue;
            };
            for &index in &event.handled_by {
                self.subscriptions.insert(index);
                let handler = &self.whole.subscriptions[index].handler;
                self.handlers.insert(handler);
                self.follow(handler, away, &mut walk);
            }
        }
    }

    /// Adds what it comes from.
    pub(super) fn upstream(&mut self, starts: &'a Starts) {
        let mut walk = Walk::default();
        for event in &starts.events {
            walk.go_to(event, 0);
        }
        for handler in &starts.handlers {
            self.add_with_events(handler);
            for (index, event) in self
                .triggers
                .get(handler.as_str())
                .cloned()
                .unwrap_or_default()
            {
                self.subscriptions.insert(index);
                walk.go_to(event, 0);
            }
        }
        while let Some((event, away)) = walk.next() {
            self.events.insert(event);
            if away == self.limit {
                continue;
            }
            for cascade in self.causes.get(event).cloned().unwrap_or_default() {
                self.cascades.insert(cascade);
                let handler = self.whole.cascades[cascade].handler.as_str();
                self.handlers.insert(handler);
                for (index, event) in self.triggers.get(handler).cloned().unwrap_or_default() {
                    self.subscriptions.insert(index);
                    walk.go_to(event, away + 1);
                }
            }
        }
    }

    /// Adds a handler with the events that it subscribed to: without them it hangs in the air.
    fn add_with_events(&mut self, handler: &'a str) {
        self.handlers.insert(handler);
        for (index, subscription) in self.whole.subscriptions.iter().enumerate() {
            if subscription.handler == handler {
                self.subscriptions.insert(index);
            }
        }
    }

    fn follow(&mut self, handler: &str, away: usize, walk: &mut Walk<'a>) {
        if away >= self.limit {
            return;
        }
        let cascades = &self.whole.cascades;
        let first = cascades.partition_point(|cascade| cascade.handler.as_str() < handler);
        let own = cascades[first..]
            .iter()
            .take_while(|cascade| cascade.handler == handler);
        for (offset, cascade) in own.enumerate() {
            self.cascades.insert(first + offset);
            walk.go_to(&cascade.event, away + 1);
        }
    }

    pub(super) fn into_wiring(mut self) -> Wiring {
        for &index in &self.subscriptions {
            self.events.insert(&self.whole.subscriptions[index].event);
        }
        let whole = self.whole;
        let mut part = Wiring {
            schema: whole.schema.clone(),
            source: whole.source.clone(),
            scope: whole.scope.clone(),
            publish_coverage: whole.publish_coverage,
            subscribe_coverage: whole.subscribe_coverage,
            unresolved: whole.unresolved.clone(),
            problems: whole.problems.clone(),
            modules: whole.modules.clone(),
            ignores: whole.ignores.clone(),
            events: kept(&whole.events, |event| {
                self.events.contains(event.id.as_str())
            }),
            handlers: kept(&whole.handlers, |one| {
                self.handlers.contains(one.id.as_str())
            }),
            publishes: kept(&whole.publishes, |one| {
                self.events.contains(one.event.as_str())
            }),
            subscriptions: at(&whole.subscriptions, &self.subscriptions),
            cascades: at(&whole.cascades, &self.cascades),
        };
        part.finish();
        part
    }
}

/// Events to go to, nearest first, each once.
#[derive(Default)]
struct Walk<'a> {
    seen: BTreeSet<&'a str>,
    waiting: VecDeque<(&'a str, usize)>,
}

impl<'a> Walk<'a> {
    fn go_to(&mut self, event: &'a str, away: usize) {
        if self.seen.insert(event) {
            self.waiting.push_back((event, away));
        }
    }

    fn next(&mut self) -> Option<(&'a str, usize)> {
        self.waiting.pop_front()
    }
}

fn kept<T: Clone>(all: &[T], keep: impl Fn(&T) -> bool) -> Vec<T> {
    all.iter().filter(|one| keep(one)).cloned().collect()
}

fn at<T: Clone>(all: &[T], indices: &BTreeSet<usize>) -> Vec<T> {
    indices.iter().map(|&index| all[index].clone()).collect()
}
