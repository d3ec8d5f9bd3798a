//! Subscriptions by the name of a class, to a bus that goes by these names.

use std::collections::BTreeMap;

use super::{EventId, Finder};
use crate::graph::Grade;

impl Finder<'_, '_> {
    /// Makes `bus.on("OrderPlaced", …)` a subscription to the class of that name, if there is just one
    /// that the bus has to do with.
    pub(super) fn join_names_with_classes(&mut self) {
        let speak = self.adapters.iter().filter(|adapter| adapter.class_names);
        let adapters: Vec<String> = speak.map(|adapter| adapter.name.clone()).collect();
        for adapter in adapters {
            let classes = self.classes_of(&adapter);
            for found in &mut self.found.subscriptions {
                if found.site.adapter.name != adapter {
                    continue;
                }
                let EventId::Name(name) = &found.event else {
                    continue;
                };
                if let Some([class]) = classes.get(&**name).map(Vec::as_slice) {
                    found.event = class.clone();
                    found.grade = found.grade.max(Grade::Inferred);
                    "its event is named by the name of a class".clone_into(&mut found.reason);
                }
            }
        }
    }

    /// The classes that are published or subscribed to by one adapter, by their names.
    fn classes_of(&self, adapter: &str) -> BTreeMap<String, Vec<EventId>> {
        let published = { self.found.publishes.iter() }.map(|one| (&one.site, &one.event));
        let subscribed = { self.found.subscriptions.iter() }.map(|one| (&one.site, &one.event));
        let mut classes: BTreeMap<String, Vec<EventId>> = BTreeMap::new();
        for (site, event) in published.chain(subscribed) {
            let name = match event {
                EventId::Class(class) => self.evaluator.name_of(*class),
                EventId::Outside(path) => path.rsplit('.').next().unwrap_or_default().to_owned(),
                _ => continue,
            };
            let known = classes.entry(name).or_default();
            if site.adapter.name == adapter && !known.contains(event) {
                known.push(event.clone());
            }
        }
        classes
    }
}
