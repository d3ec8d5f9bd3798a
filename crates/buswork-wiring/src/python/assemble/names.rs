//! The ids of events and handlers.

use std::collections::BTreeMap;

use super::super::sites::{EventId, HandlerId, Sites};
use super::Assembly;

impl Assembly<'_, '_> {
    /// Gives a number to each but the first of several handlers of one name, in the order in which
    /// they stand in the code: lambdas, functions called `_`, what a function makes that is called
    /// twice. What handles nothing is not counted, so that another `key=lambda …` renames no handler.
    pub(super) fn tell_apart(&mut self, sites: &Sites) {
        let mut named: BTreeMap<String, Vec<&HandlerId>> = BTreeMap::new();
        for found in &sites.subscriptions {
            if let Some(scope) = found.handler.function() {
                let path = self.evaluator.plain_path_of(scope);
                named.entry(path).or_default().push(&found.handler);
            }
        }
        for handlers in named.values_mut() {
            handlers.sort_by_key(|handler| match handler {
                HandlerId::Closure(scope, made) => (Some(*scope), Some(*made)),
                other => (other.function(), None),
            });
            handlers.dedup();
            for (ordinal, handler) in (1..).zip(handlers).skip(1) {
                self.ordinals.insert((*handler).clone(), ordinal);
                if let HandlerId::Function(scope) = handler {
                    self.evaluator.tell_apart(*scope, ordinal);
                }
            }
        }
    }

    /// The id of an event; from now on it is part of the graph.
    pub(super) fn event(&mut self, event: &EventId) -> String {
        if let Some(known) = self.events.get(event) {
            return known.clone();
        }
        let path = match event {
            EventId::Class(class) => self.evaluator.dotted_path_of(*class),
            EventId::Outside(path) | EventId::Signal(path, _) | EventId::Made(path, _) => {
                path.to_string()
            }
            EventId::Name(text) | EventId::Template(text) | EventId::Topic(text) => {
                text.to_string()
            }
            EventId::Any => "*".to_owned(),
        };
        self.events.insert(event.clone(), path.clone());
        path
    }

    pub(super) fn handler_id(&self, handler: &HandlerId) -> String {
        match handler {
            HandlerId::Function(scope) => self.evaluator.path_of(*scope),
            HandlerId::Closure(scope, _) => {
                let path = self.evaluator.plain_path_of(*scope);
                match self.ordinals.get(handler) {
                    Some(ordinal) => format!("{path}#{ordinal}"),
                    None => path,
                }
            }
            HandlerId::Outside(path) => match path.rsplit_once('.') {
                Some((module, name)) => format!("{module}:{name}"),
                None => path.to_string(),
            },
        }
    }
}
