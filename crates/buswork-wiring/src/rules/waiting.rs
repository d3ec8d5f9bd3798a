//! Handlers that wait for themselves.

use rustc_hash::FxHashSet;

use super::finding::{Finding, Severity};
use super::hops::{Hop, Hops, way};
use super::scene::Scene;
use super::{Example, Rule};
use crate::graph::{Cascade, Grade};

pub(super) static WAITS_FOR_ITSELF: Rule = Rule {
    code: "BW202",
    name: "waits-for-itself",
    severity: Severity::Warning,
    summary: "a handler awaits an event that leads back to the same handler",
    explanation: "\
The handler publishes an event and awaits until it is handled; what follows from that event runs the \
handler again. On a bus that handles one event at a time, or one delivery of a handler at a time, the \
second run waits for the first, and the first for the second: nothing moves any more, with no error \
to see. On other buses it is a recursion. If not every hop on the way is awaited it is told as \
information, for buses whose events are done only when what they set off is done. Of handlers that \
wait for each other in a ring, one is told.",
    fix: "post the event instead of awaiting it, or break the cycle",
    example: Example {
        bad: "\
@bus.on(CartChanged)
async def reprice(event):
    await bus.publish(DiscountApplied(event.cart))   # whose handler publishes CartChanged",
        good: "\
@bus.on(CartChanged)
async def reprice(event):
    bus.post(DiscountApplied(event.cart))",
    },
};

pub(super) fn check(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    let hops = Hops::of(scene, Grade::Possible);
    let knots = hops.knots();
    // What is awaited leads back to its handler only within a knot.
    let awaited: Vec<Hop<'_>> = (0..hops.events())
        .flat_map(|event| hops.from(event))
        .filter(|hop| hop.cascade.awaited && knots[hop.from] == knots[hop.to])
        .copied()
        .collect();
    let mut told: FxHashSet<&str> = FxHashSet::default();
    for is_sure in [true, false] {
        for hop in &awaited {
            if told.contains(hop.cascade.handler.as_str()) {
                continue;
            }
            let is_allowed = |next: &Hop<'_>| {
                knots[next.to] == knots[hop.to] && (!is_sure || is_sure_to_wait(next))
            };
            if is_sure && !is_sure_to_wait(hop) {
                continue;
            }
            let Some(way) = way_back(scene, &hops, hop, is_allowed) else {
                continue;
            };
            told.insert(&hop.cascade.handler);
            told.extend(way.iter().map(|hop| hop.cascade.handler.as_str()));
            findings.push(finding(scene, hop.cascade, &way, is_sure));
        }
    }
}

fn is_sure_to_wait(hop: &Hop<'_>) -> bool {
    hop.cascade.awaited && hop.grade <= Grade::Inferred
}

/// The hops from what a handler awaits to what the same handler gets; none if it gets that itself.
fn way_back<'a>(
    scene: &Scene<'_>,
    hops: &Hops<'a>,
    awaited: &Hop<'a>,
    is_allowed: impl Fn(&Hop<'a>) -> bool,
) -> Option<Vec<Hop<'a>>> {
    let gets = |event: usize| {
        let mut routes = scene.live_routes(event);
        routes.any(|(_, entry)| entry.handler == awaited.cascade.handler)
    };
    if gets(awaited.to) {
        return Some(Vec::new());
    }
    hops.shortest(awaited.to, gets, is_allowed)
}

fn finding(scene: &Scene<'_>, cascade: &Cascade, hops: &[Hop<'_>], is_sure: bool) -> Finding {
    let severity = if is_sure {
        Severity::Warning
    } else {
        Severity::Info
    };
    let handler = scene.handler_name(&cascade.handler);
    let way = way(scene, &cascade.event, hops);
    let message = format!("{handler} awaits {way}, which runs {handler} again");
    let location = scene.cascade_location(cascade);
    let steps = hops.iter().flat_map(|hop| hop.cascade.path.iter().cloned());
    Finding::new(&WAITS_FOR_ITSELF, severity, location, message)
        .event(&cascade.event)
        .handler(&cascade.handler)
        .path(cascade.path.iter().cloned().chain(steps))
        .anchor(scene.handler_location(&cascade.handler))
}
