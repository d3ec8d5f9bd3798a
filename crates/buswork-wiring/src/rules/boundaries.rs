//! Events that cross a boundary.

use std::collections::BTreeSet;

use super::finding::{Finding, Severity};
use super::scene::Scene;
use super::{Example, Rule};
use crate::graph::{Event, EventKind, Subscription};
use crate::text::printable;

pub(super) static CROSSED: Rule = Rule {
    code: "BW306",
    name: "boundary-crossed",
    severity: Severity::Error,
    summary: "a handler hears an event of a context that its own context may not hear",
    explanation: "\
`[tool.buswork.boundaries]` divides the program into bounded contexts, and says which may hear whose \
events. A bus makes it easy to listen to anything from anywhere, without an import that a reviewer or \
an import linter would see; so contexts grow together unseen. An event belongs to the context of the \
module that defines it; if that is in none, as a module of events that all share, to the contexts \
that publish it.",
    fix: "handle an event of a context that may be heard, or add it to `hears` if that is what is meant",
    example: Example {
        bad: "\
[tool.buswork.boundaries.billing]
modules = [\"shop.billing.*\"]            # and shop.billing handles ordering's OrderPlaced",
        good: "\
[tool.buswork.boundaries.billing]
modules = [\"shop.billing.*\"]
hears = [\"ordering\"]",
    },
};

pub(super) fn check(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    if scene.config.boundaries.is_empty() {
        return;
    }
    for event in &scene.wiring.events {
        let owners = owners(scene, event);
        let first = scene
            .wiring
            .subscriptions
            .partition_point(|entry| entry.event < event.id);
        let own = scene.wiring.subscriptions[first..].iter();
        let mut told: Vec<&str> = Vec::new();
        for subscription in own.take_while(|entry| entry.event == event.id) {
            if told.contains(&subscription.handler.as_str()) {
                continue;
            }
            let finding = crossed(scene, event, &owners, subscription);
            if finding.is_some() {
                told.push(&subscription.handler);
            }
            findings.extend(finding);
        }
    }
}

/// The contexts whose event this is; all of them for a wildcard.
fn owners<'a>(scene: &'a Scene<'_>, event: &Event) -> BTreeSet<&'a str> {
    if event.kind == EventKind::Any {
        return scene.config.boundaries.keys().map(String::as_str).collect();
    }
    if let Some(context) = scene.config.context_of(&event.module) {
        return BTreeSet::from([context]);
    }
    scene
        .publishes(event)
        .filter_map(|publish| scene.config.context_of(&publish.module))
        .collect()
}

fn crossed(
    scene: &Scene<'_>,
    event: &Event,
    owners: &BTreeSet<&str>,
    subscription: &Subscription,
) -> Option<Finding> {
    let handler = scene.wiring.handler(&subscription.handler);
    let module = handler.map_or(subscription.module.as_str(), |handler| &handler.module);
    let own = scene.config.context_of(module)?;
    let hears = &scene.config.boundaries[own].hears;
    let may_hear =
        |owner: &str| owner == own || hears.iter().any(|name| name == "*" || name == owner);
    let foreign: Vec<&str> = owners
        .iter()
        .copied()
        .filter(|owner| !may_hear(owner))
        .collect();
    if foreign.is_empty() {
        return None;
    }
    let quoted: Vec<String> = foreign
        .iter()
        .map(|name| format!("`{}`", printable(name)))
        .collect();
    let quoted = quoted.join(" and ");
    let name = scene.handler_name(&subscription.handler);
    let own = printable(own);
    let message = if event.kind == EventKind::Any {
        format!("{name} in `{own}` hears every event, those of {quoted} too")
    } else {
        format!(
            "{name} in `{own}` hears {} of {quoted}",
            scene.event_name(&event.id)
        )
    };
    let fix = format!(
        "handle an event of `{own}`, or add {quoted} to `hears` of [tool.buswork.boundaries.{own}]"
    );
    let location = subscription.location.clone();
    let finding = Finding::new(&CROSSED, Severity::Error, location, message)
        .event(&event.id)
        .handler(&subscription.handler)
        .fix(fix)
        .anchor(event.location.as_ref())
        .anchor(handler.and_then(|handler| handler.location.as_ref()));
    Some(finding)
}
