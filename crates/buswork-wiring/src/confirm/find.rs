//! The edges of the graph that an edge of the run time is.

use super::same::{Names, is_file};
use super::{ObservedCascade, ObservedDelivery, ObservedPublish};
use crate::graph::{Event, EventKind, Location, Publish, Subscription, Wiring};
use crate::pattern::{templates_meet, topics_meet};
use crate::routes::Routes;

pub(super) struct Finder<'a> {
    wiring: &'a Wiring,
    routes: Routes,
    events: Names,
    /// Ids of all handlers, of those too that are not in the code.
    handlers: Vec<&'a str>,
    handler_names: Names,
}

impl<'a> Finder<'a> {
    pub(super) fn of(wiring: &'a Wiring) -> Self {
        let defined = wiring.handlers.iter().map(|handler| handler.id.as_str());
        let subscribed = wiring.subscriptions.iter();
        let subscribed = subscribed.map(|entry| entry.handler.as_str());
        let mut handlers: Vec<&str> = defined.chain(subscribed).collect();
        handlers.sort_unstable();
        handlers.dedup();
        Self {
            wiring,
            routes: Routes::of(wiring),
            events: Names::of(wiring.events.iter().map(|event| event.id.as_str())),
            handler_names: Names::of(handlers.iter().copied()),
            handlers,
        }
    }

    /// The events of the graph that this one is: itself, or a template or a topic that can stand for
    /// it.
    fn events(&self, seen: &str) -> Vec<&'a Event> {
        let events = &self.wiring.events;
        let found = self.events.same_as(seen);
        if !found.is_empty() {
            return found.into_iter().map(|index| &events[index]).collect();
        }
        let is_it = |event: &&Event| match event.kind {
            EventKind::Template => templates_meet(&event.id, seen),
            EventKind::Topic => topics_meet(&event.id, seen),
            _ => false,
        };
        events.iter().filter(is_it).collect()
    }

    /// The places of the graph that published this: those of the very line, else the nearest of the
    /// function.
    pub(super) fn publishes(&self, seen: &ObservedPublish) -> Vec<usize> {
        let mut places: Vec<usize> = self
            .events(&seen.event)
            .iter()
            .flat_map(|event| event.published_by.iter().copied())
            .collect();
        places.sort_unstable();
        if places.is_empty() {
            return self.topics_published(seen);
        }
        let publish = |index: usize| &self.wiring.publishes[index];
        let exact: Vec<usize> = places
            .iter()
            .copied()
            .filter(|&index| is_line(publish(index), seen))
            .collect();
        if !exact.is_empty() {
            return exact;
        }
        places.retain(|&index| is_function(publish(index), seen));
        let off = |index: &usize| publish(*index).location.line.abs_diff(seen.line);
        let Some(least) = places.iter().map(off).min() else {
            return places;
        };
        if seen.line > 0 {
            // Of a wrapper, through which several places go, none is nearer than the others.
            places.retain(|index| off(index) == least || !is_own_function(publish(*index), seen));
        }
        places
    }

    /// The topics that are published at this very line.
    fn topics_published(&self, seen: &ObservedPublish) -> Vec<usize> {
        let publishes = &self.wiring.publishes;
        (0..publishes.len())
            .filter(|&index| is_line(&publishes[index], seen))
            .filter(|&index| self.is_named_by_topic(&publishes[index].event))
            .collect()
    }

    /// The subscriptions that bring this event to this handler.
    pub(super) fn subscriptions(&self, seen: &ObservedDelivery) -> Vec<usize> {
        let mut ways = self.ways(&seen.event);
        for subscribed in &seen.subscribed {
            ways.extend(self.ways_as(subscribed));
        }
        ways.sort_unstable();
        ways.dedup();
        let (handlers, location) = (self.handlers(&seen.handler), seen.location.as_ref());
        let entry = |index: &usize| &self.wiring.subscriptions[*index];
        let named: Vec<usize> = ways
            .iter()
            .copied()
            .filter(|index| handlers.contains(&entry(index).handler.as_str()))
            .filter(|index| self.can_be(&entry(index).handler, &seen.handler, location))
            .collect();
        let Some(location) = location else {
            return named;
        };
        // Lambdas of one function have one name, and in Rust a name may be any text.
        let candidates = if named.is_empty() { &ways } else { &named };
        let here: Vec<usize> = candidates
            .iter()
            .copied()
            .filter(|index| self.stands_at(entry(index), location))
            .collect();
        if here.is_empty() { named } else { here }
    }

    /// The subscriptions that get this event; those of wildcards, if the code that was read does not
    /// define it.
    fn ways(&self, event: &str) -> Vec<usize> {
        let events = self.events(event);
        if events.is_empty() {
            return self.wildcards().collect();
        }
        let routes = events.iter().flat_map(|event| {
            let index = self
                .wiring
                .events
                .partition_point(|other| other.id < event.id);
            self.routes.to(index)
        });
        routes.map(|route| route.subscription).collect()
    }

    /// The subscriptions to this very event: a base class, say, of one that is made at run time.
    fn ways_as(&self, subscribed: &str) -> Vec<usize> {
        if subscribed == "builtins.object" {
            return self.wildcards().collect();
        }
        let events = self.events(subscribed);
        let is_it = |index: &usize| {
            let event = &self.wiring.subscriptions[*index].event;
            events.iter().any(|known| known.id == *event)
        };
        (0..self.wiring.subscriptions.len()).filter(is_it).collect()
    }

    /// Ids of the handlers that this name can mean. An object that can be called is called by its
    /// class at run time.
    fn handlers(&self, seen: &str) -> Vec<&'a str> {
        let mut found = self.handler_names.same_as(seen);
        if found.is_empty() {
            found = self.handler_names.same_as(&format!("{seen}.__call__"));
        }
        found
            .into_iter()
            .map(|index| self.handlers[index])
            .collect()
    }

    /// Any script is `__main__`: its file tells which.
    fn can_be(&self, handler: &str, seen: &str, location: Option<&Location>) -> bool {
        let known = self.wiring.handler(handler);
        let known = known.and_then(|handler| handler.location.as_ref());
        match (known, location) {
            (Some(known), Some(location)) if seen.starts_with("__main__:") => {
                is_file(&location.file, &known.file)
            }
            _ => true,
        }
    }

    /// Whether this is where it is subscribed, or where its handler begins. Python has a function
    /// begin with its decorators.
    fn stands_at(&self, entry: &Subscription, location: &Location) -> bool {
        let handler = self.wiring.handler(&entry.handler);
        let places = handler.and_then(|handler| handler.location.as_ref());
        places
            .into_iter()
            .chain([&entry.location])
            .any(|place| place.line == location.line && is_file(&location.file, &place.file))
    }

    fn wildcards(&self) -> impl Iterator<Item = usize> {
        let is_any = |event: &str| {
            self.wiring
                .event(event)
                .is_some_and(|event| event.kind == EventKind::Any)
        };
        (0..self.wiring.subscriptions.len())
            .filter(move |&index| is_any(&self.wiring.subscriptions[index].event))
    }

    /// The cascades from this handler to this event, or to what the code calls by a topic: there, a
    /// place of the path that was seen to publish tells that it is the one.
    pub(super) fn cascades(&self, seen: &ObservedCascade, sites: &[ObservedPublish]) -> Vec<usize> {
        let handlers = self.causes(seen);
        let (wiring, events) = (self.wiring, self.events(&seen.event));
        let of_handler = |index: &usize| {
            let cascade = &wiring.cascades[*index];
            handlers.contains(&cascade.handler.as_str())
        };
        let ours: Vec<usize> = (0..wiring.cascades.len()).filter(of_handler).collect();
        let is_event = |index: &usize| {
            let cascade = &wiring.cascades[*index];
            events.iter().any(|event| event.id == cascade.event)
        };
        let named: Vec<usize> = ours.iter().copied().filter(is_event).collect();
        if !named.is_empty() {
            return named;
        }
        let was_seen = |index: &usize| {
            let cascade = &wiring.cascades[*index];
            let end = cascade.path.last().map(|step| &step.location);
            self.is_named_by_topic(&cascade.event)
                && end.is_some_and(|end| {
                    let mut sites = sites.iter().filter(|site| site.event == seen.event);
                    sites.any(|site| is_place(end, site))
                })
        };
        ours.into_iter().filter(was_seen).collect()
    }

    /// Ids of the handlers that published it: by the name, or else by the place.
    fn causes(&self, seen: &ObservedCascade) -> Vec<&'a str> {
        let location = seen.location.as_ref();
        let mut named = self.handlers(&seen.cause_handler);
        named.retain(|handler| self.can_be(handler, &seen.cause_handler, location));
        let Some(location) = location.filter(|_| named.len() != 1) else {
            return named;
        };
        let entries = self.wiring.subscriptions.iter();
        let here: Vec<&str> = entries
            .filter(|entry| self.stands_at(entry, location))
            .map(|entry| entry.handler.as_str())
            .filter(|handler| named.is_empty() || named.contains(handler))
            .collect();
        if here.is_empty() { named } else { here }
    }

    /// Whether the run time knows this event by another name: by the class of what is published to
    /// a topic.
    fn is_named_by_topic(&self, event: &str) -> bool {
        let event = self.wiring.event(event);
        event.is_some_and(|event| matches!(event.kind, EventKind::Topic | EventKind::Template))
    }
}

fn is_line(publish: &Publish, seen: &ObservedPublish) -> bool {
    let mut through = publish.through.iter().map(|step| &step.location);
    is_place(&publish.location, seen) || through.any(|place| is_place(place, seen))
}

fn is_place(place: &Location, seen: &ObservedPublish) -> bool {
    place.line == seen.line && is_file(&seen.file, &place.file)
}

fn is_function(publish: &Publish, seen: &ObservedPublish) -> bool {
    let through = publish
        .through
        .iter()
        .map(|step| (&step.function, &step.location.file));
    let mut functions = through.chain([(&publish.function, &publish.location.file)]);
    functions.any(|(function, file)| is_same_function(function, file, seen))
}

fn is_own_function(publish: &Publish, seen: &ObservedPublish) -> bool {
    is_same_function(&publish.function, &publish.location.file, seen)
}

/// The file tells apart functions of one name in modules that are called differently.
fn is_same_function(function: &str, file: &str, seen: &ObservedPublish) -> bool {
    if seen.function.is_empty() {
        return false;
    }
    let is_main = seen.function.starts_with("__main__:");
    if is_main && !seen.file.is_empty() && !is_file(&seen.file, file) {
        return false;
    }
    // The code of a module itself has no name here, and is called `<module>` by the run time.
    let module_itself = seen.function.strip_suffix(":<module>");
    if let (Some(name), Some(_)) = (function.strip_suffix(':'), module_itself) {
        return module_itself == Some(name) || is_file(&seen.file, file);
    }
    !Names::of(std::iter::once(function))
        .same_as(&seen.function)
        .is_empty()
}
