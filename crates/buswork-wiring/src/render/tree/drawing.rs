//! The lines of a tree, as they come about.

use std::collections::{BTreeMap, BTreeSet};

use super::{DEEPEST, TreeOptions};
use crate::graph::{Cascade, Event, Location, Subscription, Wiring};
use crate::render::Marker;
use crate::render::names::Names;
use crate::render::paint::Role;
use crate::render::text::{Cell, count, write_aligned};
use crate::routes::{Route, Routes};

/// A tree that is being drawn.
pub(super) struct Drawing<'a> {
    pub(super) wiring: &'a Wiring,
    /// The same, or what it is a part of.
    whole: &'a Wiring,
    pub(super) options: &'a TreeOptions<'a>,
    pub(super) names: Names<'a>,
    routes: Routes,
    /// Cascades by the event that they publish.
    pub(super) causes: BTreeMap<&'a str, Vec<&'a Cascade>>,
    /// The events that a handler gets, each with the subscription by which it does.
    pub(super) triggers: BTreeMap<&'a str, Vec<(&'a Event, &'a Subscription)>>,
    markers: BTreeMap<&'a str, Vec<&'a Marker>>,
    /// Events whose branches were drawn.
    drawn: BTreeSet<&'a str>,
    /// Events on the way from the root to here.
    way: Vec<&'a str>,
    /// The lines below the root.
    lines: Vec<Vec<Cell>>,
    out: String,
}

/// How the line of an event goes on.
pub(super) enum Branch {
    /// Its branches are drawn beneath.
    Drawn,
    /// Not again: why.
    Cut(&'static str),
}

impl<'a> Drawing<'a> {
    pub(super) fn new(wiring: &'a Wiring, options: &'a TreeOptions<'a>) -> Self {
        let mut causes: BTreeMap<&str, Vec<&Cascade>> = BTreeMap::new();
        for cascade in &wiring.cascades {
            causes.entry(&cascade.event).or_default().push(cascade);
        }
        let mut triggers: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for event in &wiring.events {
            for &index in &event.handled_by {
                let subscription = &wiring.subscriptions[index];
                triggers
                    .entry(&subscription.handler)
                    .or_default()
                    .push((event, subscription));
            }
        }
        let mut markers: BTreeMap<&str, Vec<&Marker>> = BTreeMap::new();
        for marker in options.markers {
            markers.entry(&marker.id).or_default().push(marker);
        }
        Self {
            wiring,
            whole: options.whole.unwrap_or(wiring),
            options,
            names: Names::of(options.whole.unwrap_or(wiring)),
            causes,
            triggers,
            routes: Routes::of(wiring),
            markers,
            drawn: BTreeSet::new(),
            way: Vec::new(),
            lines: Vec::new(),
            out: String::new(),
        }
    }

    /// Draws these events: first those that a tree can begin with, then those that the first did
    /// not lead to, which go round in circles.
    pub(super) fn roots(&mut self, ids: &[&'a str]) {
        for begins in [true, false] {
            for &id in ids {
                let Some(event) = self.wiring.event(id) else {
                    continue;
                };
                let fits = !begins || self.is_beginning(event);
                if fits && !self.drawn.contains(id) {
                    self.root(event);
                }
            }
        }
    }

    fn is_beginning(&self, event: &Event) -> bool {
        if !self.options.invert {
            return !self.causes.contains_key(event.id.as_str());
        }
        let handlers = event
            .handled_by
            .iter()
            .map(|&at| &self.wiring.subscriptions[at].handler);
        handlers
            .flat_map(|handler| self.wiring.cascades_of(handler))
            .next()
            .is_none()
    }

    /// Draws one event and all below it.
    fn root(&mut self, event: &'a Event) {
        let id = event.id.as_str();
        let head = vec![
            Cell::new(self.names.event(id), Role::Event),
            Cell::new(place(event.location.as_ref()), Role::Faint),
            Cell::new(
                self.sites(self.whole.event(id).unwrap_or(event)),
                Role::Plain,
            )
            .and(self.remarks(id, &[]), Role::Wrong),
        ];
        write_aligned(&mut self.out, &[head], self.options.colour);
        self.drawn.insert(id);
        self.way.push(id);
        if self.options.invert {
            self.causes_of(event, "", 0);
        } else {
            self.follow(event, "", 0);
        }
        self.way.pop();
        write_aligned(&mut self.out, &self.lines, self.options.colour);
        self.lines.clear();
        self.out.push('\n');
    }

    fn sites(&self, event: &Event) -> String {
        let handlers = match event.handled_by.len() {
            0 => "no handler".to_owned(),
            number => count(number, "handler"),
        };
        if self.wiring.source == "bus" {
            return handlers;
        }
        let sites = match event.published_by.len() {
            0 => "no publish site".to_owned(),
            number => count(number, "publish site"),
        };
        format!("{sites} · {handlers}")
    }

    /// The ways of an event to its handlers: what [`Event::handled_by`] lists, with grades.
    pub(super) fn routes_of(&self, event: &Event) -> Vec<Route> {
        let index = self
            .wiring
            .events
            .binary_search_by(|one| one.id.cmp(&event.id));
        index
            .map(|index| self.routes.to(index).to_vec())
            .unwrap_or_default()
    }

    /// Whether anybody handles the event, drawn or not.
    pub(super) fn is_handled(&self, id: &str) -> bool {
        self.whole
            .event(id)
            .is_some_and(|event| !event.handled_by.is_empty())
    }

    /// What is wrong with an event or handler, to stand at the end of its line. With `beside`, only
    /// what concerns one of these events.
    pub(super) fn remarks(&self, id: &str, beside: &[&str]) -> String {
        let concerns = |marker: &&&Marker| {
            beside.is_empty()
                || marker.events.is_empty()
                || marker
                    .events
                    .iter()
                    .any(|event| beside.contains(&event.as_str()))
        };
        let remarks = self.markers.get(id).into_iter().flatten();
        let texts: BTreeSet<&str> = remarks
            .filter(concerns)
            .map(|marker| marker.text.as_str())
            .collect();
        let all = texts.into_iter();
        all.fold(String::new(), |all, text| all + "   ! " + text)
    }

    pub(super) fn line(&mut self, cells: Vec<Cell>) {
        self.lines.push(cells);
    }

    /// Whether the branches of this event are to be drawn here. If so, it is on the way from then
    /// on, until [`leave`](Self::leave).
    pub(super) fn enter(&mut self, id: &'a str, has_branches: bool) -> Branch {
        if self.way.contains(&id) {
            return Branch::Cut("↻");
        }
        if !self.drawn.insert(id) && has_branches {
            return Branch::Cut("(*)");
        }
        self.way.push(id);
        Branch::Drawn
    }

    pub(super) fn leave(&mut self) {
        self.way.pop();
    }

    /// Whether events at this distance from the root are only named.
    pub(super) fn is_too_deep(&self, away: usize) -> bool {
        away >= self.options.depth.unwrap_or(DEEPEST).min(DEEPEST)
    }

    pub(super) fn into_text(self) -> String {
        self.out
    }
}

/// A place, or nothing where there is none.
pub(super) fn place(location: Option<&Location>) -> String {
    location.map_or(String::new(), Location::to_string)
}

/// The lines that lead to a branch, and those that lead on below it.
pub(super) fn lead(prefix: &str, is_last: bool) -> (String, String) {
    if is_last {
        (format!("{prefix}└─"), format!("{prefix}   "))
    } else {
        (format!("{prefix}├─"), format!("{prefix}│  "))
    }
}
