//! Cascades that go too deep, and events that fan out too wide.

use super::finding::{Finding, Severity};
use super::hops::{Hop, Hops, way};
use super::scene::Scene;
use super::{Example, Rule};
use crate::graph::{EventKind, Grade};
use crate::text::counted;

/// How many handlers deep a cascade may go, if the project does not say.
const MAX_DEPTH: usize = 5;
/// How many handlers an event may have, if the project does not say.
const MAX_FAN_OUT: usize = 15;

pub(super) static DEEP: Rule = Rule {
    code: "BW102",
    name: "deep-cascade",
    severity: Severity::Info,
    summary: "an event sets off a long chain of events, or a great many handlers",
    explanation: "\
One publish runs handlers that publish in turn, and so on. Each hop is reasonable; together they do \
work that no reader of the first line expects, in one call, with one stack, and with every failure of \
the chain raised at its beginning. The limits are `max-depth` (5 handlers) and `max-fan-out` (15). A \
limit that the project sets itself is a warning, the built-in one is information. The handlers of \
several events in a cycle count once, as the cycle is told by BW101.",
    fix: "let one handler at the head carry the process through, or post the later part in the background",
    example: Example {
        bad: "OrderPlaced → reserve → StockReserved → charge → PaymentTaken → pack → ParcelPacked → …",
        good: "\
@bus.on(OrderPlaced)
def fulfil(event):                      # the process can be read in one place
    reserve(event.order)
    charge(event.order)
    pack(event.order)
    bus.post(OrderFulfilled(event.order))",
    },
};

pub(super) fn check(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    deep(scene, findings);
    wide(scene, findings);
}

fn deep(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    let limit = scene.config.max_depth.unwrap_or(MAX_DEPTH);
    let hops = Hops::of(scene, Grade::Possible);
    let chains = Chains::of(&hops);
    for event in 0..hops.events() {
        let depth = chains.depth[event];
        if depth > limit && chains.is_head[event] {
            findings.push(deep_finding(scene, &chains.chain(event), depth, limit));
        }
    }
}

/// The longest chain from each event, over hops that leave its knot.
struct Chains<'a> {
    depth: Vec<usize>,
    next: Vec<Option<Hop<'a>>>,
    is_head: Vec<bool>,
}

impl<'a> Chains<'a> {
    fn of(hops: &Hops<'a>) -> Self {
        let knots = hops.knots();
        let count = hops.events();
        let mut chains = Self {
            depth: vec![0; count],
            next: vec![None; count],
            is_head: vec![true; count],
        };
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|&event| knots[event]);
        for event in order {
            for hop in hops.from(event) {
                if knots[hop.to] == knots[event] {
                    continue;
                }
                chains.is_head[hop.to] = false;
                let depth = chains.depth[hop.to] + 1;
                if depth > chains.depth[event] {
                    chains.depth[event] = depth;
                    chains.next[event] = Some(*hop);
                }
            }
        }
        chains
    }

    fn chain(&self, event: usize) -> Vec<Hop<'a>> {
        std::iter::successors(self.next[event], |hop| self.next[hop.to]).collect()
    }
}

fn deep_finding(scene: &Scene<'_>, chain: &[Hop<'_>], depth: usize, limit: usize) -> Finding {
    let head = &scene.wiring.events[chain[0].from];
    let way = way(scene, &head.id, chain);
    let message = format!(
        "{} sets off a chain {depth} handlers deep (the limit is {limit}): {way}",
        scene.event_name(&head.id),
    );
    let first = scene
        .publishes(head)
        .next()
        .map(|publish| &publish.location);
    let location = first.or(head.location.as_ref()).cloned();
    let location = location.unwrap_or_else(|| scene.cascade_location(chain[0].cascade));
    let severity = severity(scene.config.max_depth);
    let mut finding = Finding::new(&DEEP, severity, location, message)
        .event(&head.id)
        .anchor(head.location.as_ref())
        .mark("deep");
    for hop in chain {
        finding = finding
            .handler(&hop.cascade.handler)
            .path(hop.cascade.path.iter().cloned());
    }
    finding
}

fn wide(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    let limit = scene.config.max_fan_out.unwrap_or(MAX_FAN_OUT);
    for (index, event) in scene.wiring.events.iter().enumerate() {
        if event.kind == EventKind::Any || event.published_by.is_empty() {
            continue;
        }
        let mut handlers: Vec<&str> = scene
            .live_routes(index)
            .map(|(_, entry)| entry.handler.as_str())
            .collect();
        handlers.sort_unstable();
        handlers.dedup();
        if handlers.len() <= limit {
            continue;
        }
        let message = format!(
            "{} runs {} (the limit is {limit})",
            scene.event_name(&event.id),
            counted(handlers.len(), "handler", "handlers"),
        );
        let first = scene
            .publishes(event)
            .next()
            .map(|publish| &publish.location);
        let Some(location) = event.location.as_ref().or(first) else {
            continue;
        };
        let severity = severity(scene.config.max_fan_out);
        let finding = Finding::new(&DEEP, severity, location.clone(), message)
            .event(&event.id)
            .mark("wide")
            .anchor(first);
        findings.push(finding);
    }
}

fn severity(asked: Option<usize>) -> Severity {
    if asked.is_some() {
        Severity::Warning
    } else {
        Severity::Info
    }
}
