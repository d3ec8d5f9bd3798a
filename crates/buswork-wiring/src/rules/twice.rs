//! Handlers subscribed twice.

use super::finding::{Finding, Severity};
use super::scene::Scene;
use super::{Example, Rule};
use crate::graph::{Grade, HandlerKind, Step, Subscription};

pub(super) static TWICE: Rule = Rule {
    code: "BW305",
    name: "subscribed-twice",
    severity: Severity::Warning,
    summary: "a handler is subscribed twice to one event, or to it and to its base class",
    explanation: "\
A handler that is subscribed twice runs twice: two receipts, two charges. It comes about when a \
decorator and a composition root both register it, or when a handler of a base class is subscribed \
to a subclass too. Where the two lines may be of different objects, on different buses, or in \
branches or programs that never run together, it is told as information.",
    fix: "keep one of the two",
    example: Example {
        bad: "\
@bus.on(OrderPlaced)
def send_receipt(event): ...

bus.subscribe(OrderPlaced, send_receipt)",
        good: "\
@bus.on(OrderPlaced)
def send_receipt(event): ...",
    },
};

pub(super) fn check(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    for index in 0..scene.wiring.events.len() {
        let event = &scene.wiring.events[index];
        let mut entries: Vec<&Subscription> = scene
            .live_routes(index)
            .map(|(_, subscription)| subscription)
            .collect();
        entries.sort_by(|a, b| {
            (&a.handler, a.event != event.id, &a.location).cmp(&(
                &b.handler,
                b.event != event.id,
                &b.location,
            ))
        });
        for entries in entries.chunk_by(|a, b| a.handler == b.handler) {
            let (first, rest) = (entries[0], &entries[1..]);
            // A pair of subscriptions to bases is told at the base, not at each of its subclasses.
            let again = rest.iter().find(|again| again.location != first.location);
            if let Some(again) = again.filter(|_| first.event == event.id) {
                findings.push(finding(scene, first, again));
            }
        }
    }
}

fn finding(scene: &Scene<'_>, first: &Subscription, again: &Subscription) -> Finding {
    let (severity, runs) = if is_sure(scene, first, again) {
        (Severity::Warning, "runs")
    } else {
        (Severity::Info, "may run")
    };
    let message = if first.event == again.event {
        format!(
            "{} is subscribed to {} twice, and {runs} twice",
            scene.handler_name(&first.handler),
            scene.event_name(&first.event),
        )
    } else {
        format!(
            "{} is subscribed to {} and to {}, and {runs} twice for the former",
            scene.handler_name(&first.handler),
            scene.event_name(&first.event),
            scene.event_name(&again.event),
        )
    };
    let steps = [first, again].map(|subscription| Step {
        function: subscription.function.clone(),
        location: subscription.location.clone(),
    });
    Finding::new(&TWICE, severity, again.location.clone(), message)
        .event(&first.event)
        .handler(&first.handler)
        .path(steps)
        .anchor(Some(&first.location))
        .anchor(scene.handler_location(&first.handler))
}

/// Whether both run in one program, on one handler: the same function subscribes both, in the same
/// branch and on the same bus, and the handler is not one of several objects.
fn is_sure(scene: &Scene<'_>, first: &Subscription, again: &Subscription) -> bool {
    let kind = scene
        .wiring
        .handler(&first.handler)
        .map(|handler| handler.kind);
    let is_one = matches!(kind, Some(HandlerKind::Function | HandlerKind::Nested));
    let are_certain = first.grade == Grade::Certain && again.grade == Grade::Certain;
    let run_together = first.function == again.function
        && first.adapter == again.adapter
        && first.apart == again.apart;
    is_one && are_certain && run_together
}
