//! Handlers that wait for themselves.

use super::finding::{Finding, Severity};
use super::hops::{Hop, Hops};
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
information, for buses whose events are done only when what they set off is done.",
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
    if !scene.wiring.cascades.iter().any(|cascade| cascade.awaited) {
        return;
    }
    let hops = Hops::of(scene, Grade::Possible);
    for cascade in scene
        .wiring
        .cascades
        .iter()
        .filter(|cascade| cascade.awaited)
    {
        findings.extend(waits_for_itself(scene, &hops, cascade));
    }
}

fn waits_for_itself(scene: &Scene<'_>, hops: &Hops<'_>, cascade: &Cascade) -> Option<Finding> {
    let published = scene.index_of(&cascade.event)?;
    let gets = |event: usize| {
        scene
            .live_routes(event)
            .any(|(_, entry)| entry.handler == cascade.handler)
    };
    let way = |is_allowed: &dyn Fn(&Hop<'_>) -> bool| {
        if gets(published) {
            return Some(Vec::new());
        }
        hops.shortest(published, gets, is_allowed)
    };
    let sure = |hop: &Hop<'_>| hop.cascade.awaited && hop.grade <= Grade::Inferred;
    let (hops, is_sure) = match way(&sure) {
        Some(hops) => (hops, cascade.grade <= Grade::Inferred),
        None => (way(&|_| true)?, false),
    };
    Some(finding(scene, cascade, &hops, is_sure))
}

fn finding(scene: &Scene<'_>, cascade: &Cascade, hops: &[Hop<'_>], is_sure: bool) -> Finding {
    let severity = if is_sure {
        Severity::Warning
    } else {
        Severity::Info
    };
    let handler = scene.handler_name(&cascade.handler);
    let mut way = scene.event_name(&cascade.event);
    for hop in hops {
        let next = scene.event_name(&hop.cascade.event);
        way = format!(
            "{way} → {} → {next}",
            scene.handler_name(&hop.cascade.handler)
        );
    }
    let message = format!("{handler} awaits {way}, which runs {handler} again");
    let location = scene.cascade_location(cascade);
    let steps = hops.iter().flat_map(|hop| hop.cascade.path.iter().cloned());
    Finding::new(&WAITS_FOR_ITSELF, severity, location, message)
        .event(&cascade.event)
        .handler(&cascade.handler)
        .path(cascade.path.iter().cloned().chain(steps))
        .anchor(scene.handler_location(&cascade.handler))
}
