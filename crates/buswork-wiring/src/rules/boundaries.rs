//! Events that cross a boundary.

use std::collections::BTreeSet;

use super::finding::{Finding, Severity};
use super::scene::Scene;
use super::{Example, Rule};
use crate::graph::{Event, EventKind, Grade, Subscription};
use crate::routes::{Right, Route};
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
that publish it. A handler of a base class hears the events of its subclasses, and whose they are counts.",
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
    for (index, event) in scene.wiring.events.iter().enumerate() {
        let owners = owners(scene, event);
        let mut told: Vec<&str> = Vec::new();
        for &route in scene.routes.to(index) {
            let subscription = &scene.wiring.subscriptions[route.subscription];
            if told.contains(&subscription.handler.as_str()) || is_told_there(scene, route) {
                continue;
            }
            let finding = crossed(scene, event, &owners, route);
            if finding.is_some() {
                told.push(&subscription.handler);
            }
            findings.extend(finding);
        }
    }
}

/// Whether it is told of what is subscribed to, which is another event: a wildcard, or a base class
/// that this handler may not hear either.
fn is_told_there(scene: &Scene<'_>, route: Route) -> bool {
    if route.right == Right::Own {
        return false;
    }
    let subscription = &scene.wiring.subscriptions[route.subscription];
    let Some(event) = scene.wiring.event(&subscription.event) else {
        return false;
    };
    route.right == Right::Wildcard
        || !foreign(scene, &owners(scene, event), subscription).is_empty()
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

/// The context of a handler.
fn own<'a>(scene: &'a Scene<'_>, subscription: &'a Subscription) -> Option<&'a str> {
    let handler = scene.wiring.handler(&subscription.handler);
    let module = handler.map_or(subscription.module.as_str(), |handler| &handler.module);
    scene.config.context_of(module)
}

/// Those of the owners whose events the handler may not hear.
fn foreign<'a>(
    scene: &Scene<'_>,
    owners: &BTreeSet<&'a str>,
    subscription: &Subscription,
) -> Vec<&'a str> {
    let Some(own) = own(scene, subscription) else {
        return Vec::new();
    };
    let hears = &scene.config.boundaries[own].hears;
    let may_hear =
        |owner: &str| owner == own || hears.iter().any(|name| name == "*" || name == owner);
    let foreign = owners.iter().copied();
    foreign.filter(|owner| !may_hear(owner)).collect()
}

fn crossed(
    scene: &Scene<'_>,
    event: &Event,
    owners: &BTreeSet<&str>,
    route: Route,
) -> Option<Finding> {
    let subscription = &scene.wiring.subscriptions[route.subscription];
    let foreign = foreign(scene, owners, subscription);
    if foreign.is_empty() {
        return None;
    }
    let own = own(scene, subscription)?;
    let quoted: Vec<String> = foreign
        .iter()
        .map(|name| format!("`{}`", printable(name)))
        .collect();
    let quoted = quoted.join(" and ");
    let name = scene.handler_name(&subscription.handler);
    let own = printable(own);
    let mut message = if event.kind == EventKind::Any {
        format!("{name} in `{own}` hears every event, those of {quoted} too")
    } else {
        format!(
            "{name} in `{own}` hears {} of {quoted}",
            scene.event_name(&event.id)
        )
    };
    if route.right != Right::Own {
        message = format!("{message}, as {}", scene.event_name(&subscription.event));
    }
    let severity = if route.right != Right::Own && route.grade == Grade::Possible {
        Severity::Info
    } else {
        Severity::Error
    };
    let fix = format!(
        "handle an event of `{own}`, or add {quoted} to `hears` of [tool.buswork.boundaries.{own}]"
    );
    let location = subscription.location.clone();
    let handler = scene.handler_location(&subscription.handler);
    let finding = Finding::new(&CROSSED, severity, location, message)
        .event(&event.id)
        .handler(&subscription.handler)
        .fix(fix)
        .anchor(event.location.as_ref())
        .anchor(handler);
    Some(finding)
}
