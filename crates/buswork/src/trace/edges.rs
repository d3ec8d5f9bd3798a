//! The distinct edges that were seen: what a rotated trace does not lose.

use std::collections::HashMap;
use std::hash::Hash;

use super::dispatch::{Delivery, Dispatch};
use super::json;
use super::names::{EventName, HandlerName, Site};
use crate::hash::KeyState;

/// How many distinct edges are kept.
const MOST: usize = 10_000;
/// How many stand in a line at most, so that no line is too long for a reader.
const A_LINE: usize = 100;

/// How often each pair was seen. In two steps, as a pair would have to be cloned to be looked up.
type Counts<A, B> = HashMap<A, HashMap<B, u64, KeyState>, KeyState>;

#[derive(Default)]
pub(super) struct Edges {
    publishes: Counts<EventName, Option<Site>>,
    deliveries: Counts<EventName, HandlerName>,
    cascades: Counts<HandlerName, EventName>,
    kept: usize,
    /// How many records had an edge for which there was no room.
    more: u64,
}

impl Edges {
    pub(super) fn event(&mut self, dispatch: &Dispatch) {
        let (event, room) = (&dispatch.event, (&mut self.kept, &mut self.more));
        count(&mut self.publishes, event, &dispatch.site, room);
        if let Some(handler) = dispatch.cause() {
            let room = (&mut self.kept, &mut self.more);
            count(&mut self.cascades, handler, event, room);
        }
    }

    pub(super) fn delivery(&mut self, dispatch: &Dispatch, delivery: &Delivery) {
        let (event, room) = (&dispatch.event, (&mut self.kept, &mut self.more));
        count(&mut self.deliveries, event, &delivery.handler, room);
    }

    /// Writes all of them, a hundred a line.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let publishes = pairs(&self.publishes).map(|(event, site, count)| {
            let site = site.as_ref().map_or(&b"null"[..], |site| site.json());
            edge(&[b"\"event\":", event.json(), b",\"site\":", site], count)
        });
        let deliveries = pairs(&self.deliveries).map(|(event, handler, count)| {
            edge(&[b"\"event\":", event.json(), b",", handler.json()], count)
        });
        let cascades = pairs(&self.cascades).map(|(handler, event, count)| {
            let (handler, event) = (handler.id_json(), event.json());
            edge(&[b"\"handler\":", handler, b",\"event\":", event], count)
        });
        let sections = [
            ("publishes", sorted(publishes)),
            ("deliveries", sorted(deliveries)),
            ("cascades", sorted(cascades)),
        ];
        for (section, edges) in &sections {
            for some in edges.chunks(A_LINE) {
                out.extend_from_slice(b"{\"type\":\"edges\",\"more\":");
                json::number(out, self.more);
                out.extend_from_slice(b",\"");
                out.extend_from_slice(section.as_bytes());
                out.extend_from_slice(b"\":[");
                out.extend_from_slice(&some.join(&b','));
                out.extend_from_slice(b"]}\n");
            }
        }
    }
}

fn edge(members: &[&[u8]], count: u64) -> Vec<u8> {
    let mut edge = b"{".to_vec();
    edge.extend_from_slice(&members.concat());
    edge.extend_from_slice(b",\"count\":");
    json::number(&mut edge, count);
    edge.push(b'}');
    edge
}

fn sorted(edges: impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let mut edges: Vec<Vec<u8>> = edges.collect();
    edges.sort_unstable();
    edges
}

fn pairs<A, B>(counts: &Counts<A, B>) -> impl Iterator<Item = (&A, &B, u64)> {
    let pairs = counts.iter();
    pairs.flat_map(|(one, others)| {
        others
            .iter()
            .map(move |(other, count)| (one, other, *count))
    })
}

fn count<A: Hash + Eq + Clone, B: Hash + Eq + Clone>(
    counts: &mut Counts<A, B>,
    one: &A,
    other: &B,
    (kept, more): (&mut usize, &mut u64),
) {
    if let Some(count) = counts.get_mut(one).and_then(|others| others.get_mut(other)) {
        *count += 1;
        return;
    }
    if *kept >= MOST {
        *more += 1;
        return;
    }
    *kept += 1;
    counts
        .entry(one.clone())
        .or_default()
        .insert(other.clone(), 1);
}
