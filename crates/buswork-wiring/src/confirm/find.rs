//! The edges of the graph that an edge of the run time is.

use super::ObservedPublish;
use super::same::{Names, is_file};
use crate::graph::{Event, EventKind, Location, Publish, Wiring};
use crate::pattern::{templates_meet, topics_meet};
use crate::routes::Routes;

pub(super) struct Finder<'a> {
    wiring: &'a Wiring,
    routes: Routes,
    events: Names,
    handlers: Names,
}

impl<'a> Finder<'a> {
    pub(super) fn of(wiring: &'a Wiring) -> Self {
        Self {
            wiring,
            routes: Routes::of(wiring),
            events: Names::of(wiring.events.iter().map(|event| event.id.as_str())),
            handlers: Names::of(wiring.handlers.iter().map(|handler| handler.id.as_str())),
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

    /// The subscriptions that bring this event to this handler.
    pub(super) fn subscriptions(&self, event: &str, handler: &str) -> Vec<usize> {
        let handlers = self.handlers.same_as(handler);
        let is_handler = |id: &str| {
            handlers
                .iter()
                .any(|&index| self.wiring.handlers[index].id == id)
        };
        let mut found = Vec::new();
        let events = self.events(event);
        for event in &events {
            let index = self
                .wiring
                .events
                .partition_point(|other| other.id < event.id);
            for route in self.routes.to(index) {
                if is_handler(&self.wiring.subscriptions[route.subscription].handler) {
                    found.push(route.subscription);
                }
            }
        }
        if events.is_empty() {
            // An event that the code read does not define can still get to a wildcard.
            found.extend(
                self.wildcards()
                    .filter(|&index| is_handler(&self.wiring.subscriptions[index].handler)),
            );
        }
        found.sort_unstable();
        found.dedup();
        found
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

    /// The cascades from this handler to this event.
    pub(super) fn cascades(&self, handler: &str, event: &str) -> Vec<usize> {
        let handlers = self.handlers.same_as(handler);
        let events = self.events(event);
        (0..self.wiring.cascades.len())
            .filter(|&index| {
                let cascade = &self.wiring.cascades[index];
                let is_handler = |&index: &usize| self.wiring.handlers[index].id == cascade.handler;
                handlers.iter().any(is_handler)
                    && events.iter().any(|event| event.id == cascade.event)
            })
            .collect()
    }
}

fn is_line(publish: &Publish, seen: &ObservedPublish) -> bool {
    let is_it = |place: &Location| place.line == seen.line && is_file(&seen.file, &place.file);
    is_it(&publish.location) || publish.through.iter().any(|step| is_it(&step.location))
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
