//! The graph as a flow chart in Mermaid's language, which GitHub and others draw in a page of text.
//!
//! A solid arrow is certain, a dashed one inferred, a dotted one possible. Nobody can read a chart
//! of more than 40 nodes, so that a larger graph is drawn module by module, and says so.

mod chart;
mod modules;

use std::collections::BTreeSet;

use self::chart::{Chart, Shape};
use super::names::{Names, function};
use crate::graph::Wiring;
use crate::routes::{Right, Routes, never};

/// The most nodes that are drawn.
pub const MOST_NODES: usize = 40;

/// The graph as a flow chart of at most [`MOST_NODES`] nodes.
pub fn mermaid(wiring: &Wiring) -> String {
    let publishers = publishers(wiring);
    let nodes = wiring.events.len() + wiring.handlers.len() + publishers.len();
    let mut chart = Chart::default();
    if nodes > MOST_NODES {
        modules::draw(wiring, nodes, &mut chart);
    } else {
        draw(wiring, &publishers, &mut chart);
    }
    chart.into_text(&super::figures::coverage(wiring))
}

fn draw<'a>(wiring: &'a Wiring, publishers: &BTreeSet<&'a str>, chart: &mut Chart) {
    let names = Names::of(wiring);
    for id in publishers {
        chart.node(&key('f', id), Shape::Function, function(id));
    }
    for event in &wiring.events {
        chart.node(&key('e', &event.id), Shape::Event, names.event(&event.id));
    }
    for handler in &wiring.handlers {
        chart.node(
            &key('h', &handler.id),
            Shape::Handler,
            names.handler(&handler.id),
        );
    }
    for publish in &wiring.publishes {
        let from = key('f', &publish.function);
        chart.edge(&from, &key('e', &publish.event), publish.grade, "");
    }
    for subscription in &wiring.subscriptions {
        let label = if never(wiring, subscription).is_some() {
            "never"
        } else {
            ""
        };
        let to = key('h', &subscription.handler);
        chart.edge(
            &key('e', &subscription.event),
            &to,
            subscription.grade,
            label,
        );
    }
    for cascade in &wiring.cascades {
        let from = key('h', &cascade.handler);
        chart.edge(&from, &key('e', &cascade.event), cascade.grade, "");
    }
    let routes = Routes::of(wiring);
    for (index, event) in wiring.events.iter().enumerate() {
        for route in routes.to(index) {
            let broader = key('e', &wiring.subscriptions[route.subscription].event);
            match route.right {
                Right::Own => {}
                Right::Base => chart.broader(&key('e', &event.id), &broader, "is a"),
                Right::Pattern | Right::Wildcard => {
                    chart.broader(&key('e', &event.id), &broader, "matches");
                }
            }
        }
    }
}

/// Functions that publish otherwise than on behalf of a handler. What a handler publishes is drawn
/// from the handler.
fn publishers(wiring: &Wiring) -> BTreeSet<&str> {
    let ends: BTreeSet<_> = wiring
        .cascades
        .iter()
        .filter_map(|cascade| {
            cascade
                .path
                .last()
                .map(|step| (&cascade.event, &step.location))
        })
        .collect();
    let plain = wiring
        .publishes
        .iter()
        .filter(|one| !ends.contains(&(&one.event, &one.location)));
    plain.map(|publish| publish.function.as_str()).collect()
}

/// What a node is known by while the chart is drawn.
fn key(kind: char, id: &str) -> String {
    format!("{kind} {id}")
}
