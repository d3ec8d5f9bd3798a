//! Which subscriptions get an event, and by what right: its own, that of a base class, a wildcard, or
//! a pattern.
//!
//! [`Event::handled_by`](crate::graph::Event::handled_by) lists them too; here each comes with its
//! right and its grade, and templates and topics are matched with what they can stand for.

use rustc_hash::FxHashMap;

use crate::graph::{Event, EventKind, Grade, Subscription, Wiring};
use crate::pattern::{templates_meet, topics_meet};

/// By what right a subscription gets an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// It is subscribed to just this event.
    Own,
    /// It is subscribed to a base class.
    Base,
    /// It is subscribed to a pattern or a template that this event can match.
    Pattern,
    /// It is subscribed to everything.
    Wildcard,
}

/// A subscription that gets an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Index into [`Wiring::subscriptions`].
    pub subscription: usize,
    /// By what right.
    pub right: Right,
    /// How sure.
    pub grade: Grade,
}

/// The routes of every event of a graph.
#[derive(Debug)]
pub struct Routes(Vec<Vec<Route>>);

impl Routes {
    /// Works them out.
    pub fn of(wiring: &Wiring) -> Self {
        let subscribed = Subscribed::of(wiring);
        Self(
            wiring
                .events
                .iter()
                .map(|event| subscribed.routes_to(event))
                .collect(),
        )
    }

    /// The routes of the event with this index in [`Wiring::events`], sorted by subscription.
    pub fn to(&self, event: usize) -> &[Route] {
        &self.0[event]
    }
}

struct Subscribed<'a> {
    wiring: &'a Wiring,
    by_event: FxHashMap<&'a str, Vec<usize>>,
    /// Subscribed events that can stand for others.
    loose: Vec<&'a Event>,
    /// Subscribed events that are names or topics.
    named: Vec<&'a Event>,
}

impl<'a> Subscribed<'a> {
    fn of(wiring: &'a Wiring) -> Self {
        let mut by_event: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
        for (index, subscription) in wiring.subscriptions.iter().enumerate() {
            by_event.entry(&subscription.event).or_default().push(index);
        }
        let events = || {
            wiring
                .events
                .iter()
                .filter(|event| by_event.contains_key(&*event.id))
        };
        let loose = events().filter(|event| is_loose(event)).collect();
        let named = events().filter(|event| is_named(event)).collect();
        Self {
            wiring,
            by_event,
            loose,
            named,
        }
    }

    fn routes_to(&self, event: &Event) -> Vec<Route> {
        let mut routes = Vec::new();
        self.add(&mut routes, &event.id, Right::Own, Grade::Certain);
        for base in &event.bases {
            self.add(&mut routes, base, Right::Base, Grade::Certain);
        }
        let candidates = if is_template(event) {
            &self.named
        } else {
            &self.loose
        };
        for other in candidates.iter().filter(|other| other.id != event.id) {
            if names_meet(other, event) {
                let unsure = is_template(other) || is_template(event);
                let grade = if unsure {
                    Grade::Possible
                } else {
                    Grade::Certain
                };
                self.add(&mut routes, &other.id, Right::Pattern, grade);
            }
        }
        for other in self.loose.iter().filter(|other| other.id != event.id) {
            if other.kind == EventKind::Any && is_everything_for(other, event) {
                self.add(&mut routes, &other.id, Right::Wildcard, Grade::Certain);
            }
        }
        if event.kind == EventKind::Topic {
            routes.retain(|route| !self.is_of_classes(route));
        }
        routes.sort_by_key(|route| (route.subscription, route.right));
        routes.dedup_by_key(|route| route.subscription);
        routes
    }

    /// Whether this is our `object`, however the reader has called it.
    fn is_of_classes(&self, route: &Route) -> bool {
        let is_ours = self.wiring.subscriptions[route.subscription].adapter == "buswork";
        is_ours && route.right == Right::Wildcard
    }

    fn add(&self, routes: &mut Vec<Route>, event: &str, right: Right, at_best: Grade) {
        for &index in self.by_event.get(event).into_iter().flatten() {
            let subscription = &self.wiring.subscriptions[index];
            if right == Right::Own || !subscription.exact {
                let grade = subscription.grade.max(at_best);
                routes.push(Route {
                    subscription: index,
                    right,
                    grade,
                });
            }
        }
    }
}

/// Whether both can stand for the same name.
pub(crate) fn names_meet(left: &Event, right: &Event) -> bool {
    if !is_named(left) || !is_named(right) {
        return false;
    }
    match (left.kind, right.kind) {
        (EventKind::Topic, EventKind::Name) | (EventKind::Name, EventKind::Topic) => false,
        (EventKind::Topic, _) | (_, EventKind::Topic) => topics_meet(&left.id, &right.id),
        _ => templates_meet(&left.id, &right.id),
    }
}

fn is_everything_for(wildcard: &Event, event: &Event) -> bool {
    // `object` is every class, while a topic goes to topic handlers only.
    let classes_only = wildcard.id == "object" || wildcard.id.ends_with(".object");
    !classes_only || event.kind == EventKind::Class
}

fn is_named(event: &Event) -> bool {
    matches!(
        event.kind,
        EventKind::Name | EventKind::Topic | EventKind::Template
    )
}

fn is_template(event: &Event) -> bool {
    event.kind == EventKind::Template || (event.kind == EventKind::Topic && event.id.contains("{}"))
}

fn is_loose(event: &Event) -> bool {
    match event.kind {
        EventKind::Any | EventKind::Template => true,
        EventKind::Topic => event.id.contains(['*', '{']),
        EventKind::Class | EventKind::Name | EventKind::Signal => false,
    }
}

/// Why a subscription never comes about: what the reader found, or that no entry point imports its
/// module; none if it does.
pub fn never(wiring: &Wiring, subscription: &Subscription) -> Option<String> {
    if !subscription.never.is_empty() {
        return Some(subscription.never.clone());
    }
    let module = wiring
        .modules
        .binary_search_by(|module| module.name.as_str().cmp(&subscription.module))
        .ok()?;
    let is_unreached = wiring.modules[module].reached == Some(false);
    is_unreached.then(|| format!("no entry point imports `{}`", subscription.module))
}
