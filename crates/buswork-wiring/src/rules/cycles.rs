//! Events that lead back to themselves.

use super::finding::{Finding, Severity};
use super::hops::{Hop, Hops, way};
use super::scene::Scene;
use super::{Example, Rule};
use crate::graph::Grade;
use crate::text::counted;

pub(super) static CYCLE: Rule = Rule {
    code: "BW101",
    name: "cycle",
    severity: Severity::Error,
    summary: "an event leads to itself, over its handlers and what they publish",
    explanation: "\
A handler publishes an event whose handlers publish, perhaps some hops later, the first event again. \
Unless a condition ends it, this goes round until the recursion limit, or for ever if it goes through \
a queue; and the condition is in one file while the cycle is in several, so nobody sees both. A cycle \
of edges that are certain is an error, as is an event that its own handler publishes; one that needs \
an inferred edge is a warning. Of many cycles that share events, the shortest through each event is \
told.",
    fix: "break it where the news ends: let one handler decide and call a function, or publish an event \
of another meaning that the first handler does not hear",
    example: Example {
        bad: "\
@bus.on(StockChanged)
def reprice(event):
    bus.publish(PriceChanged(event.sku))

@bus.on(PriceChanged)
def restock(event):
    bus.publish(StockChanged(event.sku))",
        good: "\
@bus.on(StockChanged)
def reprice(event):
    bus.publish(PriceChanged(event.sku))

@bus.on(PriceChanged)
def plan_restock(event):
    purchasing.plan(event.sku)          # the stock changes when the goods arrive",
    },
};

pub(super) fn check(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    let mut is_told = vec![false; scene.wiring.events.len()];
    for grade in [Grade::Certain, Grade::Inferred, Grade::Possible] {
        let hops = Hops::of(scene, grade);
        let knots = hops.knots();
        let mut sizes = vec![0_usize; hops.events()];
        for &knot in &knots {
            sizes[knot] += 1;
        }
        for event in 0..hops.events() {
            for hop in hops.from(event) {
                if hop.to == event && hop.grade == grade {
                    findings.push(finding(scene, &[*hop], grade, 1));
                }
            }
            let size = sizes[knots[event]];
            if is_told[event] || size == 1 {
                continue;
            }
            let in_knot = |hop: &Hop<'_>| knots[hop.to] == knots[event] && hop.to != hop.from;
            let Some(cycle) = hops.shortest(event, |reached| reached == event, in_knot) else {
                continue;
            };
            for hop in &cycle {
                is_told[hop.from] = true;
            }
            findings.push(finding(scene, &cycle, grade, size));
        }
    }
}

fn finding(scene: &Scene<'_>, cycle: &[Hop<'_>], grade: Grade, knot: usize) -> Finding {
    let severity = match grade {
        Grade::Certain => Severity::Error,
        Grade::Inferred if cycle.len() == 1 => Severity::Error,
        Grade::Inferred => Severity::Warning,
        Grade::Possible => Severity::Info,
    };
    let location = scene.cascade_location(cycle[0].cascade);
    let mut finding = Finding::new(
        &CYCLE,
        severity,
        location,
        message(scene, cycle, grade, knot),
    );
    for hop in cycle {
        let event = &scene.wiring.events[hop.from];
        finding = finding
            .event(&event.id)
            .handler(&hop.cascade.handler)
            .path(hop.cascade.path.iter().cloned())
            .anchor(event.location.as_ref())
            .anchor(scene.handler_location(&hop.cascade.handler));
    }
    finding
}

fn message(scene: &Scene<'_>, cycle: &[Hop<'_>], grade: Grade, knot: usize) -> String {
    let name = |event: usize| scene.event_name(&scene.wiring.events[event].id);
    let handler = |hop: &Hop<'_>| scene.handler_name(&hop.cascade.handler);
    let sure = match grade {
        Grade::Certain => "",
        Grade::Inferred => " (inferred)",
        Grade::Possible => " (possibly)",
    };
    if let [hop] = cycle {
        let event = name(hop.from);
        return format!(
            "{event} is published again by its own handler {}{sure}",
            handler(hop)
        );
    }
    let first = &scene.wiring.events[cycle[0].from].id;
    let way = way(scene, first, cycle);
    let mut message = format!("{} leads back to itself{sure}: {way}", name(cycle[0].from));
    if knot > cycle.len() {
        let events = counted(knot, "event", "events");
        message = format!("{message}; it is part of a knot of {events}");
    }
    message
}
