//! What the rules look at: the graph, the configuration, and what several rules ask of them.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::config::Config;
use crate::graph::{
    Cascade, Event, Grade, Location, Publish, SiteKind, Subscription, Unresolved, Wiring,
};
use crate::routes::{Route, Routes, names_meet, never};
use crate::text::printable;

pub(super) struct Scene<'a> {
    pub(super) wiring: &'a Wiring,
    pub(super) config: &'a Config,
    pub(super) routes: Routes,
    /// For each subscription, why it never comes about.
    pub(super) never: Vec<Option<String>>,
    indices: FxHashMap<&'a str, usize>,
    /// Adapters that a publish and a subscription of one event are of.
    talking: FxHashSet<(&'a str, &'a str)>,
    /// Adapters of subscriptions that are among those.
    heard: FxHashSet<&'a str>,
    declared: FxHashSet<&'a str>,
}

impl<'a> Scene<'a> {
    pub(super) fn of(wiring: &'a Wiring, config: &'a Config) -> Self {
        let mut scene = Self {
            wiring,
            config,
            routes: Routes::of(wiring),
            never: wiring
                .subscriptions
                .iter()
                .map(|entry| never(wiring, entry))
                .collect(),
            indices: wiring
                .events
                .iter()
                .enumerate()
                .map(|(index, event)| (event.id.as_str(), index))
                .collect(),
            talking: FxHashSet::default(),
            heard: FxHashSet::default(),
            declared: wiring
                .handlers
                .iter()
                .filter_map(|handler| handler.declares.as_ref())
                .flatten()
                .map(String::as_str)
                .collect(),
        };
        scene.learn_adapters();
        scene
    }

    fn learn_adapters(&mut self) {
        for (index, event) in self.wiring.events.iter().enumerate() {
            for &publish in &event.published_by {
                let publishes = self.wiring.publishes[publish].adapter.as_str();
                for route in self.routes.to(index) {
                    let hears = self.wiring.subscriptions[route.subscription]
                        .adapter
                        .as_str();
                    self.talking.insert((publishes, hears));
                    self.heard.insert(hears);
                }
            }
        }
    }

    pub(super) fn index_of(&self, event: &str) -> Option<usize> {
        self.indices.get(event).copied()
    }

    /// The places that publish just this event.
    pub(super) fn publishes(&self, event: &Event) -> impl Iterator<Item = &'a Publish> {
        let wiring = self.wiring;
        event
            .published_by
            .clone()
            .into_iter()
            .map(move |index| &wiring.publishes[index])
    }

    /// The subscriptions that get the event, without those that never come about.
    pub(super) fn live_routes(
        &self,
        event: usize,
    ) -> impl Iterator<Item = (Route, &'a Subscription)> {
        self.routes
            .to(event)
            .iter()
            .filter(|route| self.never[route.subscription].is_none())
            .map(|&route| (route, &self.wiring.subscriptions[route.subscription]))
    }

    /// Whether anything publishes just this event, by the code or by a declaration.
    pub(super) fn is_published(&self, event: &Event) -> bool {
        !event.published_by.is_empty() || self.declared.contains(event.id.as_str())
    }

    /// Whether an event is published that may, but need not, be this one: by its base class, where
    /// it is not certain that just the base is meant.
    pub(super) fn may_be_published_as_base(&self, event: &Event) -> bool {
        event
            .bases
            .iter()
            .filter_map(|base| self.wiring.event(base))
            .any(|base| {
                self.publishes(base)
                    .any(|publish| publish.grade != Grade::Certain)
            })
    }

    /// The events that are subclasses of this one.
    pub(super) fn descendants(&self, id: &str) -> impl Iterator<Item = usize> {
        self.wiring
            .events
            .iter()
            .enumerate()
            .filter(move |(_, event)| event.bases.iter().any(|base| base == id))
            .map(|(index, _)| index)
    }

    /// Whether another event stands for the same name, such as a template.
    pub(super) fn is_published_as_pattern(&self, event: &Event) -> bool {
        self.wiring
            .events
            .iter()
            .any(|other| !other.published_by.is_empty() && names_meet(other, event))
    }

    /// How many unresolved sites may publish what this subscription waits for: those of an adapter
    /// that its own adapter hears, or of any, if it hears none.
    pub(super) fn unresolved_for(&self, subscription: &Subscription) -> usize {
        let hears = subscription.adapter.as_str();
        self.unresolved(SiteKind::Publish)
            .filter(|site| {
                site.adapter == hears
                    || !self.heard.contains(hears)
                    || self.talking.contains(&(site.adapter.as_str(), hears))
            })
            .count()
    }

    /// How many unresolved sites may subscribe to what this publishes, by the same measure.
    pub(super) fn unresolved_hearing(&self, publish: &Publish) -> usize {
        let says = publish.adapter.as_str();
        let is_heard = self.talking.iter().any(|(other, _)| *other == says);
        self.unresolved(SiteKind::Subscribe)
            .filter(|site| {
                site.adapter == says
                    || !is_heard
                    || self.talking.contains(&(says, site.adapter.as_str()))
            })
            .count()
    }

    pub(super) fn unresolved(&self, kind: SiteKind) -> impl Iterator<Item = &'a Unresolved> {
        self.wiring
            .unresolved
            .iter()
            .filter(move |site| site.site == kind)
    }

    /// Whether this event is for others to publish or handle: the code read is a library, and no
    /// part of the event's name is private.
    pub(super) fn is_for_others(&self, event: &Event) -> bool {
        let is_public = !event.id.split('.').any(|part| part.starts_with('_'));
        self.config.is_external(event) || (self.config.library && is_public)
    }

    /// What people call an event, safe to print.
    pub(super) fn event_name(&self, id: &str) -> String {
        let name = self
            .wiring
            .event(id)
            .map_or(id, |event| event.name.as_str());
        printable(name).into_owned()
    }

    /// What people call a handler, safe to print.
    pub(super) fn handler_name(&self, id: &str) -> String {
        let name = self
            .wiring
            .handler(id)
            .map_or(id, |handler| handler.name.as_str());
        printable(name).into_owned()
    }

    pub(super) fn event_location(&self, id: &str) -> Option<&'a Location> {
        self.wiring
            .event(id)
            .and_then(|event| event.location.as_ref())
    }

    pub(super) fn handler_location(&self, id: &str) -> Option<&'a Location> {
        self.wiring
            .handler(id)
            .and_then(|handler| handler.location.as_ref())
    }

    /// Where a handler publishes in turn; where it is defined, if that is not known.
    pub(super) fn cascade_location(&self, cascade: &Cascade) -> Location {
        cascade
            .path
            .last()
            .map(|step| &step.location)
            .or_else(|| self.handler_location(&cascade.handler))
            .cloned()
            .unwrap_or_else(|| Location {
                file: String::new(),
                line: 0,
            })
    }
}
