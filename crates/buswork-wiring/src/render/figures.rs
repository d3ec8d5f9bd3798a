//! How much there is, and how much of the truth that is.

use std::collections::{BTreeMap, BTreeSet};

use super::paint::Role;
use super::text::{Cell, count, write_aligned};
use crate::graph::{Coverage, Event, Problem, SiteKind, Wiring};
use crate::routes::never;

/// What can be counted in a graph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Events.
    pub events: usize,
    /// Handlers.
    pub handlers: usize,
    /// Events that are published, and that no handler gets.
    pub unhandled: usize,
    /// Handlers of events that nobody publishes.
    pub dead: usize,
    /// Groups of events that lead to one another, or one to itself.
    pub cycles: usize,
}

impl Figures {
    /// Counts.
    pub fn of(wiring: &Wiring) -> Self {
        let fed: BTreeSet<&str> = wiring
            .events
            .iter()
            .filter(|event| !event.published_by.is_empty() || event.is_from_outside())
            .flat_map(|event| live(wiring, event))
            .collect();
        let unhandled =
            |event: &&Event| !event.published_by.is_empty() && live(wiring, event).next().is_none();
        Self {
            events: wiring.events.len(),
            handlers: wiring.handlers.len(),
            unhandled: wiring.events.iter().filter(unhandled).count(),
            dead: wiring
                .handlers
                .iter()
                .filter(|one| !fed.contains(one.id.as_str()))
                .count(),
            cycles: cycles(wiring),
        }
    }
}

/// The lines that end every form for people: the coverage, the figures, and the sites and files
/// that were not resolved or read.
pub(super) fn write_footer(out: &mut String, drawn: &Wiring, whole: Option<&Wiring>, colour: bool) {
    // How much was resolved, and what was not, is never a matter of the part that was drawn.
    let all = whole.unwrap_or(drawn);
    let mut lines = coverage(all);
    lines.push(figures(Figures::of(all)));
    if let Some(all) = whole {
        lines.push(share(drawn, all));
    }
    let lines: Vec<Vec<Cell>> = lines
        .into_iter()
        .map(|line| vec![Cell::new(line, Role::Plain)])
        .collect();
    write_aligned(out, &lines, colour);
    write_unresolved(out, all, colour);
    write_problems(out, all, colour);
}

fn share(drawn: &Wiring, all: &Wiring) -> String {
    format!(
        "of these, {} of {} and {} of {} are shown",
        drawn.events.len(),
        count(all.events.len(), "event"),
        drawn.handlers.len(),
        count(all.handlers.len(), "handler"),
    )
}

/// `publish sites 104: 93 certain, 10 inferred, 1 unresolved`, and the same for subscribe sites.
pub fn coverage(wiring: &Wiring) -> Vec<String> {
    if wiring.source == "bus" {
        return vec!["subscriptions of a running bus: who publishes is not known to it".to_owned()];
    }
    vec![
        format!("publish sites {}", of_sites(wiring.publish_coverage)),
        format!("subscribe sites {}", of_sites(wiring.subscribe_coverage)),
    ]
}

fn of_sites(coverage: Coverage) -> String {
    let mut parts = vec![format!("{} certain", coverage.certain)];
    for (number, grade) in [
        (coverage.inferred, "inferred"),
        (coverage.possible, "possible"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {grade}"));
        }
    }
    parts.push(format!("{} unresolved", coverage.unresolved));
    format!("{}: {}", coverage.sites, parts.join(", "))
}

fn figures(figures: Figures) -> String {
    format!(
        "{} · {} · {} unhandled · {} dead · {}",
        count(figures.events, "event"),
        count(figures.handlers, "handler"),
        figures.unhandled,
        figures.dead,
        count(figures.cycles, "cycle"),
    )
}

fn write_unresolved(out: &mut String, wiring: &Wiring, colour: bool) {
    if wiring.unresolved.is_empty() {
        return;
    }
    let mut lines = vec![vec![Cell::new("unresolved:", Role::Heading)]];
    lines.extend(wiring.unresolved.iter().map(|site| {
        let kind = match site.site {
            SiteKind::Publish => "publishes",
            SiteKind::Subscribe => "subscribes",
        };
        vec![
            Cell::new(format!("  {}", site.location), Role::Plain),
            Cell::new(format!("{kind} by `{}`", site.verb), Role::Faint),
            Cell::new(&site.reason, Role::Doubt),
        ]
    }));
    out.push('\n');
    write_aligned(out, &lines, colour);
}

fn write_problems(out: &mut String, wiring: &Wiring, colour: bool) {
    let problems = || wiring.problems.iter();
    let lost: Vec<&Problem> = problems().filter(|problem| problem.is_loss()).collect();
    let others: Vec<&Problem> = problems().filter(|problem| !problem.is_loss()).collect();
    for (heading, some) in [("not read:", lost), ("read all the same:", others)] {
        if !some.is_empty() {
            write_list(out, heading, &some, colour);
        }
    }
}

fn write_list(out: &mut String, heading: &str, problems: &[&Problem], colour: bool) {
    let mut lines = vec![vec![Cell::new(heading, Role::Heading)]];
    lines.extend(problems.iter().map(|problem| {
        let place = match problem.line {
            0 => problem.file.clone(),
            line => format!("{}:{line}", problem.file),
        };
        vec![
            Cell::new(format!("  {place}"), Role::Plain),
            Cell::new(&problem.message, Role::Wrong),
        ]
    }));
    out.push('\n');
    write_aligned(out, &lines, colour);
}

/// Ids of the handlers that get the event, but for those whose subscription never comes about.
fn live<'a>(wiring: &'a Wiring, event: &'a Event) -> impl Iterator<Item = &'a str> {
    let subscriptions = event
        .handled_by
        .iter()
        .map(|&index| &wiring.subscriptions[index]);
    subscriptions
        .filter(|one| never(wiring, one).is_none())
        .map(|one| one.handler.as_str())
}

/// How many groups of events lead to one another: the strongly connected components with a cycle in
/// them, found by walking forwards for an order, and backwards in it (Kosaraju).
fn cycles(wiring: &Wiring) -> usize {
    let numbers: BTreeMap<&str, usize> = wiring
        .events
        .iter()
        .enumerate()
        .map(|(number, event)| (event.id.as_str(), number))
        .collect();
    let mut forwards = vec![Vec::new(); wiring.events.len()];
    let mut backwards = vec![Vec::new(); wiring.events.len()];
    for (from, event) in wiring.events.iter().enumerate() {
        for cascade in live(wiring, event).flat_map(|handler| wiring.cascades_of(handler)) {
            let Some(&to) = numbers.get(cascade.event.as_str()) else {
                continue;
            };
            forwards[from].push(to);
            backwards[to].push(from);
        }
    }
    let mut seen = vec![false; forwards.len()];
    let mut order = Vec::new();
    for start in 0..forwards.len() {
        walk(start, &forwards, &mut seen, &mut order);
    }
    let mut seen = vec![false; forwards.len()];
    let mut found = 0;
    for start in order.into_iter().rev() {
        let mut group = Vec::new();
        walk(start, &backwards, &mut seen, &mut group);
        found +=
            usize::from(group.len() > 1 || (group.len() == 1 && forwards[start].contains(&start)));
    }
    found
}

/// Adds all that is reached from `start` and not seen yet to `left`, in the order in which it is
/// left for good.
fn walk(start: usize, edges: &[Vec<usize>], seen: &mut [bool], left: &mut Vec<usize>) {
    if std::mem::replace(&mut seen[start], true) {
        return;
    }
    let mut path = vec![(start, 0)];
    while let Some((node, next)) = path.last_mut() {
        match edges[*node].get(*next) {
            None => {
                left.push(*node);
                path.pop();
            }
            Some(&to) => {
                *next += 1;
                if !std::mem::replace(&mut seen[to], true) {
                    path.push((to, 0));
                }
            }
        }
    }
}
