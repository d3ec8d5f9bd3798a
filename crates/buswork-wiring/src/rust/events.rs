//! Events as they stand in the graph.

use std::collections::{BTreeMap, BTreeSet};

use syn::Attribute;

use super::declare::text_of;
use super::facts::Topic;
use super::items::{Program, TypeKind};
use super::types::{Ty, last};
use crate::graph::{Event, EventKind, Field, Location};
use crate::sources::Source;

/// Events by their ids.
#[derive(Default)]
pub(super) struct Events {
    list: BTreeMap<String, Event>,
    /// Topics and patterns, with the types that are sent there.
    topics: BTreeMap<String, BTreeSet<String>>,
}

impl Events {
    /// The id of an event, which is added if it is new; none for a topic that is not known.
    pub(super) fn id(
        &mut self,
        program: &Program<'_>,
        sources: &[Source],
        ty: &Ty,
        topic: Option<&Topic>,
    ) -> Option<String> {
        let (id, kind) = match topic {
            None => (program.show(ty), EventKind::Class),
            Some(Topic::Text(text)) => (text.clone(), EventKind::Topic),
            Some(Topic::Template(text)) => (text.clone(), EventKind::Template),
            Some(Topic::Unknown) => return None,
        };
        if topic.is_some() {
            self.topics
                .entry(id.clone())
                .or_default()
                .insert(program.show(ty));
        }
        if !self.list.contains_key(&id) {
            let mut event = described(program, sources, ty);
            if kind != EventKind::Class {
                event.name.clone_from(&id);
                event.module = String::new();
            }
            (event.id, event.kind) = (id.clone(), kind);
            self.list.insert(id.clone(), event);
        }
        Some(id)
    }

    /// Whether an event of this type is known.
    pub(super) fn knows(&self, program: &Program<'_>, ty: &Ty) -> bool {
        self.list.contains_key(&program.show(ty))
    }

    /// All of them. A topic's bases are the patterns that match it, for events of its types.
    pub(super) fn into_list(mut self) -> Vec<Event> {
        let patterns: Vec<String> = self
            .topics
            .keys()
            .filter(|topic| topic.contains('*'))
            .cloned()
            .collect();
        for (topic, types) in &self.topics {
            let matching = patterns.iter().filter(|pattern| {
                *pattern != topic
                    && matches(pattern, topic)
                    && !self.topics[*pattern].is_disjoint(types)
            });
            let bases = matching.cloned().collect();
            if let Some(event) = self.list.get_mut(topic) {
                event.bases = bases;
            }
        }
        self.list.into_values().collect()
    }
}

/// Whether a pattern matches a topic, or may match a template.
fn matches(pattern: &str, topic: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('.').collect();
    let topic: Vec<&str> = topic.split('.').collect();
    // reached[n]: the pattern so far matches the first n segments.
    let mut reached = vec![false; topic.len() + 1];
    reached[0] = true;
    for part in pattern {
        let mut next = vec![false; topic.len() + 1];
        for place in 0..=topic.len() {
            next[place] = match (part, place) {
                ("**", 0) => reached[0],
                ("**", _) => reached[place] || next[place - 1],
                (_, 0) => false,
                (part, _) => {
                    let segment = topic[place - 1];
                    let fits = part == "*" || part == segment || segment.contains("{}");
                    reached[place - 1] && fits
                }
            };
        }
        reached = next;
    }
    reached[topic.len()]
}

fn described(program: &Program<'_>, sources: &[Source], ty: &Ty) -> Event {
    let shown = program.show(ty);
    let mut event = Event {
        name: last(shown.split('<').next().unwrap_or(&shown)).to_owned(),
        module: shown
            .rsplit_once("::")
            .map(|(module, _)| module.to_owned())
            .unwrap_or_default(),
        id: shown,
        kind: EventKind::Class,
        location: None,
        doc: String::new(),
        fields: Vec::new(),
        bases: Vec::new(),
        // Handlers get a shared reference.
        frozen: Some(true),
        published_by: Vec::new(),
        handled_by: Vec::new(),
    };
    let Ty::Own(index, _) = ty else { return event };
    let item = &program.types[*index];
    let module = &program.modules[item.module];
    event.module.clone_from(&module.name);
    event.location = Some(Location {
        file: sources[module.source].file.clone(),
        line: item.line,
    });
    event.doc = doc(item.attributes);
    if let TypeKind::Struct(fields) = item.kind {
        event.fields = fields
            .iter()
            .enumerate()
            .map(|(place, field)| Field {
                name: field
                    .ident
                    .as_ref()
                    .map_or(place.to_string(), ToString::to_string),
                annotation: written(&field.ty),
            })
            .collect();
    }
    event
}

/// A type as written.
pub(super) fn written(ty: &syn::Type) -> String {
    use syn::spanned::Spanned;
    let text = ty.span().source_text().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first paragraph of the doc comment.
pub(super) fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"))
        .filter_map(text_of)
        .flat_map(|text| {
            text.split('\n')
                .map(|line| line.trim().to_owned())
                .collect::<Vec<_>>()
        });
    let first: Vec<String> = lines
        .skip_while(String::is_empty)
        .take_while(|line| !line.is_empty())
        .collect();
    first.join(" ")
}
