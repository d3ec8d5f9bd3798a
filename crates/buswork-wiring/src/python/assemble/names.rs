//! The ids of events and handlers.

use super::super::sites::{EventId, HandlerId};
use super::Assembly;

impl Assembly<'_, '_> {
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
            HandlerId::Outside(path) => match path.rsplit_once('.') {
                Some((module, name)) => format!("{module}:{name}"),
                None => path.to_string(),
            },
        }
    }
}
