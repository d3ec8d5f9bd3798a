//! The distinct edges that were seen: what a rotated trace does not lose.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hash};

use super::dispatch::{Delivery, Dispatch};
use super::json;
use super::names::{EventName, HandlerName, Site};
use crate::hash::KeyHasher;

/// How many distinct edges are kept.
const MOST: usize = 10_000;
/// How many stand in a line at most, so that no line is too long for a reader.
const A_LINE: usize = 100;

type Counts<K> = HashMap<K, u64, BuildHasherDefault<KeyHasher>>;

#[derive(Default)]
pub(super) struct Edges {
    publishes: Counts<(EventName, Option<Site>)>,
    deliveries: Counts<(EventName, HandlerName)>,
    cascades: Counts<(HandlerName, EventName)>,
    kept: usize,
    /// How many records had an edge for which there was no room.
    more: u64,
}

impl Edges {
    pub(super) fn event(&mut self, dispatch: &Dispatch) {
        let event = &dispatch.event;
        let room = (&mut self.kept, &mut self.more);
        count(
            &mut self.publishes,
            (event.clone(), dispatch.site.clone()),
            room,
        );
        if let Some(handler) = dispatch.cause() {
            let room = (&mut self.kept, &mut self.more);
            count(&mut self.cascades, (handler.clone(), event.clone()), room);
        }
    }

    pub(super) fn delivery(&mut self, dispatch: &Dispatch, delivery: &Delivery) {
        let edge = (dispatch.event.clone(), delivery.handler.clone());
        count(&mut self.deliveries, edge, (&mut self.kept, &mut self.more));
    }

    /// Writes all of them, a hundred a line.
    pub(super) fn write(&self, out: &mut String) {
        let publishes = self.publishes.iter().map(|((event, site), count)| {
            let site = site.as_ref().map_or("null", |site| site.json());
            format!(
                "{{\"event\":{},\"site\":{site},\"count\":{count}}}",
                event.json()
            )
        });
        let deliveries = self.deliveries.iter().map(|((event, handler), count)| {
            format!(
                "{{\"event\":{},{},\"count\":{count}}}",
                event.json(),
                handler.json()
            )
        });
        let cascades = self.cascades.iter().map(|((handler, event), count)| {
            let (handler, event) = (handler.id_json(), event.json());
            format!("{{\"handler\":{handler},\"event\":{event},\"count\":{count}}}")
        });
        let sections = [
            ("publishes", sorted(publishes)),
            ("deliveries", sorted(deliveries)),
            ("cascades", sorted(cascades)),
        ];
        for (section, edges) in &sections {
            for some in edges.chunks(A_LINE) {
                out.push_str("{\"type\":\"edges\",\"more\":");
                json::number(out, self.more);
                out.push_str(",\"");
                out.push_str(section);
                out.push_str("\":[");
                out.push_str(&some.join(","));
                out.push_str("]}\n");
            }
        }
    }
}

fn sorted(edges: impl Iterator<Item = String>) -> Vec<String> {
    let mut edges: Vec<String> = edges.collect();
    edges.sort_unstable();
    edges
}

fn count<K: Hash + Eq>(counts: &mut Counts<K>, edge: K, (kept, more): (&mut usize, &mut u64)) {
    match counts.entry(edge) {
        Entry::Occupied(mut known) => *known.get_mut() += 1,
        Entry::Vacant(_) if *kept >= MOST => *more += 1,
        Entry::Vacant(free) => {
            *kept += 1;
            free.insert(1);
        }
    }
}
