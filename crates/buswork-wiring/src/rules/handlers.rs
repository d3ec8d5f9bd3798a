//! Handlers that change their event, or cannot take it.

use super::finding::{Finding, Severity};
use super::scene::Scene;
use super::{Example, Rule};
use crate::graph::{Event, EventKind, Grade, Handler, Location, Step, Subscription};
use crate::text::{counted, printable};

pub(super) static MUTATES: Rule = Rule {
    code: "BW303",
    name: "mutates-event",
    severity: Severity::Warning,
    summary: "a handler changes the event that it got",
    explanation: "\
All handlers of an event get the same object. A handler that changes it makes the others depend on \
their order: those before see the old value, those after the new one, and async handlers see either. \
An event says what happened, and that does not change. Frozen data classes keep it so.",
    fix: "make the event frozen, and work on a copy: `dataclasses.replace(event, …)`; or publish an event \
of its own with what was worked out",
    example: Example {
        bad: "\
@bus.on(OrderPlaced)
def apply_discount(event):
    event.amount *= 0.9                 # is the receipt before or after this?",
        good: "\
@dataclass(frozen=True)
class OrderPlaced:
    amount: float

@bus.on(OrderPlaced)
def apply_discount(event):
    bus.publish(OrderDiscounted(event.order_id, event.amount * 0.9))",
    },
};

pub(super) static MISFIT: Rule = Rule {
    code: "BW304",
    name: "misfit",
    severity: Severity::Error,
    summary: "a handler cannot take the event that it is subscribed to",
    explanation: "\
The handler takes no argument, needs more than one, or is annotated with a class that the event is not \
an instance of. It fails when the event comes, which may be long after, and in production. An \
annotation with a base class fits; one with a subclass does not, as other instances come too.",
    fix: "subscribe it to the event that it is written for, or mend its parameters",
    example: Example {
        bad: "\
@bus.on(OrderPlaced)
def send_receipt(event: OrderCancelled): ...",
        good: "\
@bus.on(OrderPlaced)
def send_receipt(event: OrderPlaced): ...",
    },
};

pub(super) fn check(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    for handler in &scene.wiring.handlers {
        findings.extend(mutates(scene, handler));
        findings.extend(cannot_be_called(scene, handler));
    }
    for subscription in &scene.wiring.subscriptions {
        findings.extend(wrong_annotation(scene, subscription));
    }
}

fn mutates(scene: &Scene<'_>, handler: &Handler) -> Option<Finding> {
    let location = handler.mutates.first()?;
    let mut heard = Vec::new();
    let mut others = 0;
    for (index, event) in scene.wiring.events.iter().enumerate() {
        let handlers: Vec<&str> = scene
            .live_routes(index)
            .map(|(_, entry)| entry.handler.as_str())
            .collect();
        if handlers.contains(&handler.id.as_str()) {
            heard.push(event);
            others = others.max(
                handlers
                    .iter()
                    .filter(|other| **other != handler.id)
                    .count(),
            );
        }
    }
    let message = format!(
        "{} changes the event that it got{}",
        scene.handler_name(&handler.id),
        consequence(&heard, others)
    );
    let mut finding = Finding::new(&MUTATES, Severity::Warning, location.clone(), message)
        .handler(&handler.id)
        .path(
            handler
                .mutates
                .iter()
                .map(|location| step(handler, location)),
        )
        .anchor(handler.location.as_ref());
    for event in heard {
        finding = finding.event(&event.id);
    }
    Some(finding)
}

fn consequence(heard: &[&Event], others: usize) -> String {
    if !heard.is_empty() && heard.iter().all(|event| event.frozen == Some(true)) {
        return ", which is frozen: this raises".to_owned();
    }
    match others {
        0 => String::new(),
        1 => ", which another handler gets too".to_owned(),
        _ => format!(
            ", which {} get too",
            counted(others, "other handler", "other handlers")
        ),
    }
}

fn step(handler: &Handler, location: &Location) -> Step {
    Step {
        function: handler.id.clone(),
        location: location.clone(),
    }
}

fn cannot_be_called(scene: &Scene<'_>, handler: &Handler) -> Option<Finding> {
    let is_heard = |entry: &&Subscription| entry.handler == handler.id;
    let subscription = scene.wiring.subscriptions.iter().find(is_heard)?;
    if handler.misfit.is_empty() {
        return None;
    }
    let message = format!(
        "{} is subscribed to {}, but {}",
        scene.handler_name(&handler.id),
        scene.event_name(&subscription.event),
        printable(&handler.misfit),
    );
    let location = handler.location.as_ref().unwrap_or(&subscription.location);
    let severity = severity(subscription.grade);
    let finding = Finding::new(&MISFIT, severity, location.clone(), message)
        .event(&subscription.event)
        .handler(&handler.id)
        .anchor(Some(&subscription.location));
    Some(finding)
}

fn wrong_annotation(scene: &Scene<'_>, subscription: &Subscription) -> Option<Finding> {
    let handler = scene.wiring.handler(&subscription.handler)?;
    let event = scene.wiring.event(&subscription.event)?;
    // Of a class that was not read the bases are not known, so any annotation may fit.
    event.location.as_ref()?;
    let fits = |accepted: &String| {
        *accepted == event.id
            || event.bases.contains(accepted)
            || scene
                .wiring
                .event(accepted)
                .is_none_or(|other| other.kind != EventKind::Class)
    };
    let is_judged = event.kind == EventKind::Class && handler.misfit.is_empty();
    if !is_judged || handler.accepts.is_empty() || handler.accepts.iter().any(fits) {
        return None;
    }
    let is_narrower = handler.accepts.iter().any(|accepted| {
        scene
            .wiring
            .event(accepted)
            .is_some_and(|other| other.bases.contains(&event.id))
    });
    let more = if is_narrower {
        " only, and gets its other instances too"
    } else {
        ""
    };
    let message = format!(
        "{} is subscribed to {}, but is written for {}{more}",
        scene.handler_name(&handler.id),
        scene.event_name(&event.id),
        printable(&handler.annotation),
    );
    let severity = severity(subscription.grade);
    let finding = Finding::new(&MISFIT, severity, subscription.location.clone(), message)
        .event(&event.id)
        .handler(&handler.id)
        .anchor(handler.location.as_ref());
    Some(finding)
}

fn severity(grade: Grade) -> Severity {
    match grade {
        Grade::Certain => Severity::Error,
        Grade::Inferred => Severity::Warning,
        Grade::Possible => Severity::Info,
    }
}
