//! A large graph, drawn module by module.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::MOST_NODES;
use super::chart::{Chart, Shape};
use crate::graph::{Grade, Wiring};
use crate::render::names::Names;

/// Events that go from one module to another, each with the surest of its ways.
type Traffic<'a> = BTreeMap<(String, String), BTreeMap<&'a str, Grade>>;

/// Draws the modules, or the packages that hold them, whichever are few enough. `nodes` is how many
/// there would be otherwise.
pub(super) fn draw(wiring: &Wiring, nodes: usize, chart: &mut Chart) {
    let (traffic, depth) = folded(wiring);
    let (kept, left_out) = busiest(&traffic);
    let by = if depth == usize::MAX {
        "module"
    } else {
        "package"
    };
    let mut note = format!("{nodes} events, handlers and publishers, folded by {by}");
    if left_out > 0 {
        let _ = write!(note, "; {left_out} quiet ones are left out");
    }
    chart.node("note", Shape::Note, &note);
    for module in &kept {
        let label = if module.is_empty() {
            "(no module)"
        } else {
            module
        };
        chart.node(&format!("m {module}"), Shape::Module, label);
    }
    let names = Names::of(wiring);
    for ((from, to), events) in &traffic {
        let grade = events.values().min().copied().unwrap_or(Grade::Possible);
        let label = match events.keys().next() {
            Some(only) if events.len() == 1 => names.event(only).to_owned(),
            _ => format!("{} events", events.len()),
        };
        chart.edge(&format!("m {from}"), &format!("m {to}"), grade, &label);
    }
}

/// The traffic between modules, or between packages of the greatest depth at which there are few
/// enough.
fn folded(wiring: &Wiring) -> (Traffic<'_>, usize) {
    let modules = wiring.handlers.iter().map(|handler| &handler.module);
    let deepest = modules
        .chain(wiring.publishes.iter().map(|publish| &publish.module))
        .map(|module| segments(module).count())
        .max()
        .unwrap_or(1);
    for depth in (1..=deepest).rev() {
        let traffic = traffic(wiring, depth);
        if ends(&traffic).len() < MOST_NODES {
            return (traffic, if depth == deepest { usize::MAX } else { depth });
        }
    }
    (traffic(wiring, 1), 1)
}

fn traffic(wiring: &Wiring, depth: usize) -> Traffic<'_> {
    let mut traffic = Traffic::new();
    for event in &wiring.events {
        for publish in event
            .published_by
            .iter()
            .map(|&index| &wiring.publishes[index])
        {
            for subscription in event.handled_by.iter().map(|&at| &wiring.subscriptions[at]) {
                let known = wiring.handler(&subscription.handler);
                let module = known.map_or(&subscription.module, |handler| &handler.module);
                let ends = (package(&publish.module, depth), package(module, depth));
                let grade = publish.grade.max(subscription.grade);
                let events = traffic.entry(ends).or_default();
                let surest = events.entry(event.id.as_str()).or_insert(grade);
                *surest = grade.min(*surest);
            }
        }
    }
    traffic
}

fn ends<'a>(traffic: &'a Traffic<'_>) -> BTreeSet<&'a str> {
    traffic
        .keys()
        .flat_map(|(from, to)| [from.as_str(), to.as_str()])
        .collect()
}

/// As many modules as can be drawn beside the note, those with the most events first, and how many
/// are left out.
fn busiest<'a>(traffic: &'a Traffic<'_>) -> (BTreeSet<&'a str>, usize) {
    let mut events: BTreeMap<&str, usize> = BTreeMap::new();
    for ((from, to), between) in traffic {
        *events.entry(from).or_default() += between.len();
        *events.entry(to).or_default() += between.len();
    }
    let mut sorted: Vec<(&str, usize)> = events.into_iter().collect();
    sorted.sort_by_key(|&(module, number)| (std::cmp::Reverse(number), module));
    let left_out = sorted.len().saturating_sub(MOST_NODES - 1);
    (
        sorted
            .into_iter()
            .take(MOST_NODES - 1)
            .map(|(module, _)| module)
            .collect(),
        left_out,
    )
}

fn package(module: &str, depth: usize) -> String {
    segments(module).take(depth).collect::<Vec<_>>().join(".")
}

/// The parts of a module's name, in Python's or Rust's spelling.
fn segments(module: &str) -> impl Iterator<Item = &str> {
    module
        .split(['.', ':'])
        .filter(|segment| !segment.is_empty())
}
