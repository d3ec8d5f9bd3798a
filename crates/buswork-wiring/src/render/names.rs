//! What to call events, handlers and functions where people read.

use std::collections::BTreeSet;

use crate::graph::Wiring;

/// Short names, where they are clear: two things of one name are called by their ids.
pub(super) struct Names<'a> {
    wiring: &'a Wiring,
    shared_events: BTreeSet<&'a str>,
    shared_handlers: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn of(wiring: &'a Wiring) -> Self {
        Self {
            wiring,
            shared_events: shared(wiring.events.iter().map(|event| event.name.as_str())),
            shared_handlers: shared(wiring.handlers.iter().map(|handler| handler.name.as_str())),
        }
    }

    pub(super) fn event(&self, id: &'a str) -> &'a str {
        let name = self.wiring.event(id).map(|event| event.name.as_str());
        name.filter(|name| !self.shared_events.contains(name) && !name.is_empty())
            .unwrap_or(id)
    }

    pub(super) fn handler(&self, id: &'a str) -> &'a str {
        let name = self.wiring.handler(id).map(|handler| handler.name.as_str());
        name.filter(|name| !self.shared_handlers.contains(name) && !name.is_empty())
            .unwrap_or(id)
    }
}

/// `place_order` of `shop.orders:place_order`, of `shop::orders:place_order` too; a module itself
/// by its name.
pub(super) fn function(id: &str) -> &str {
    let is_colon = |at: usize| id.as_bytes().get(at) == Some(&b':');
    // Modules of Rust have pairs of colons in their names.
    let alone = |at: &usize| is_colon(*at) && !is_colon(at + 1) && (*at == 0 || !is_colon(at - 1));
    match (0..id.len())
        .find(alone)
        .map(|at| (&id[..at], &id[at + 1..]))
    {
        Some((module, "")) => module,
        Some((_, name)) => name,
        None => id,
    }
}

fn shared<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    names.filter(|name| !seen.insert(*name)).collect()
}
