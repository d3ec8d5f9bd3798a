//! What is said to nobody, waited for in vain, or neither.

use super::finding::{Finding, Severity};
use super::scene::Scene;
use super::{Example, Rule};
use crate::graph::{Event, EventKind, Grade, Location, Publish, Step, Subscription};
use crate::text::counted;

pub(super) static UNHANDLED: Rule = Rule {
    code: "BW001",
    name: "unhandled",
    severity: Severity::Warning,
    summary: "an event is published, but nobody handles it",
    explanation: "\
Publishing to nobody is silent: the publisher believes that something follows, and nothing does. \
Often the handler was renamed, moved or never registered, and no type check or test of the publisher \
can see it. A wildcard counts as a handler. Events that another program or a plugin handles look the \
same from here; name them in `external`, or set `library = true` for a library whose public events \
are its face.",
    fix: "subscribe a handler, stop publishing it, or name it in `external` if it is handled elsewhere",
    example: Example {
        bad: "\
bus.subscribe(OrderPlaced, send_receipt)
bus.publish(OrderPlacd(order))          # another class: send_receipt never runs",
        good: "\
bus.subscribe(OrderPlaced, send_receipt)
bus.publish(OrderPlaced(order))",
    },
};

pub(super) static DEAD_HANDLER: Rule = Rule {
    code: "BW002",
    name: "dead-handler",
    severity: Severity::Error,
    summary: "a handler waits for an event that nobody publishes",
    explanation: "\
The handler looks alive: it is registered, it may even be tested, by calling it. But nothing ever \
publishes its event, so what it does never happens in production. This is how an enforcement step \
gets lost when its publisher is refactored away. It is an error only if no site is left unresolved \
that may publish the event; otherwise it is told as information. Events that come from a package which \
was not read, such as a signal of an ORM, are left alone: the package publishes them.",
    fix: "publish the event where it happens, or delete the handler",
    example: Example {
        bad: "\
@bus.on(PaymentRefused)
def lock_account(event): ...            # nothing publishes PaymentRefused",
        good: "\
def charge(order):
    if not gateway.charge(order):
        bus.publish(PaymentRefused(order.user))",
    },
};

pub(super) static NEVER_USED: Rule = Rule {
    code: "BW003",
    name: "never-used",
    severity: Severity::Warning,
    summary: "an event is neither published nor handled",
    explanation: "\
An event class that nobody publishes and nobody handles tells readers of a thing that does not happen \
here. A search for unused names does not find it, as the class is imported, exported and perhaps \
listed somewhere. Classes that are only bases of other events are left alone.",
    fix: "delete it, or publish it where it happens",
    example: Example {
        bad: "\
class OrderPlaced(Event): ...
class OrderPostponed(Event): ...        # left over from a plan of 2022",
        good: "class OrderPlaced(Event): ...",
    },
};

pub(super) fn check(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    for (index, event) in scene.wiring.events.iter().enumerate() {
        if event.kind == EventKind::Any || scene.is_for_others(event) {
            continue;
        }
        let is_handled = !scene.routes.to(index).is_empty();
        match (scene.is_published(event), is_handled) {
            (true, _) => findings.extend(unhandled(scene, index, event)),
            (false, false) => findings.extend(never_used(scene, event)),
            (false, true) => {}
        }
    }
    for event in &scene.wiring.events {
        let is_spared = event.kind == EventKind::Any || scene.is_for_others(event);
        if !is_spared && !event.is_from_outside() {
            dead_handlers(scene, event, findings);
        }
    }
}

fn unhandled(scene: &Scene<'_>, index: usize, event: &Event) -> Option<Finding> {
    if scene.live_routes(index).next().is_some() {
        return None;
    }
    let publishes: Vec<&Publish> = scene.publishes(event).collect();
    let foremost = publishes.iter().min_by_key(|publish| publish.grade)?;
    let is_sure = foremost.grade == Grade::Certain;
    let may_be_a_handled_subclass = !is_sure
        && scene
            .descendants(&event.id)
            .any(|descendant| scene.live_routes(descendant).next().is_some());
    if may_be_a_handled_subclass {
        return None;
    }
    let unresolved = scene.unresolved_hearing(foremost);
    let severity = if is_sure && (unresolved == 0 || !scene.routes.to(index).is_empty()) {
        Severity::Warning
    } else {
        Severity::Info
    };
    let message = format!(
        "{} {}, but {}",
        scene.event_name(&event.id),
        how_published(&publishes, foremost),
        why_unhandled(scene, index, unresolved),
    );
    let finding = Finding::new(&UNHANDLED, severity, foremost.location.clone(), message)
        .event(&event.id)
        .anchor(event.location.as_ref())
        .path(publishes.iter().map(|publish| Step {
            function: publish.function.clone(),
            location: publish.location.clone(),
        }));
    Some(finding)
}

fn how_published(publishes: &[&Publish], foremost: &Publish) -> String {
    let how = match (foremost.grade, foremost.verb.as_str()) {
        (_, "construct") => "is made here, and probably published",
        (Grade::Certain, _) => "is published",
        (Grade::Inferred, _) => "seems to be published",
        (Grade::Possible, _) => "may be published",
    };
    if publishes.len() == 1 {
        return how.to_owned();
    }
    format!("{how} in {} places", publishes.len())
}

fn why_unhandled(scene: &Scene<'_>, index: usize, unresolved: usize) -> String {
    if let Some(route) = scene.routes.to(index).first() {
        let never = scene.never[route.subscription]
            .as_deref()
            .unwrap_or_default();
        return format!(
            "its only {} never registered: {}",
            if scene.routes.to(index).len() == 1 {
                "handler is"
            } else {
                "handlers are"
            },
            crate::text::printable(never)
        );
    }
    match unresolved {
        0 => "nobody handles it".to_owned(),
        unresolved => format!(
            "nobody was found to handle it ({} could not be resolved)",
            counted(unresolved, "subscription", "subscriptions")
        ),
    }
}

fn never_used(scene: &Scene<'_>, event: &Event) -> Option<Finding> {
    let location = event.location.as_ref()?;
    let is_declared_thing = matches!(event.kind, EventKind::Class | EventKind::Signal);
    if !is_declared_thing || scene.descendants(&event.id).next().is_some() {
        return None;
    }
    let unresolved = scene.wiring.unresolved.len();
    let is_sure = unresolved == 0 && !scene.may_be_published_as_base(event);
    let severity = if is_sure {
        Severity::Warning
    } else {
        Severity::Info
    };
    let mut message = format!(
        "{} is neither published nor handled",
        scene.event_name(&event.id)
    );
    if unresolved > 0 {
        let sites = counted(unresolved, "site", "sites");
        message = format!("{message}, as far as can be seen ({sites} could not be resolved)");
    }
    Some(Finding::new(&NEVER_USED, severity, location.clone(), message).event(&event.id))
}

fn dead_handlers(scene: &Scene<'_>, event: &Event, findings: &mut Vec<Finding>) {
    let mut told: Vec<&str> = Vec::new();
    let first = scene
        .wiring
        .subscriptions
        .partition_point(|entry| entry.event < event.id);
    let own = scene.wiring.subscriptions.iter().enumerate().skip(first);
    for (index, subscription) in own.take_while(|(_, entry)| entry.event == event.id) {
        let is_told = told.contains(&subscription.handler.as_str());
        if is_told || scene.never[index].is_some() || is_fed(scene, event, subscription) {
            continue;
        }
        told.push(&subscription.handler);
        findings.push(dead_handler(scene, event, subscription));
    }
}

/// Whether anything that is published gets to this subscription.
fn is_fed(scene: &Scene<'_>, event: &Event, subscription: &Subscription) -> bool {
    if scene.is_published(event) || scene.is_published_as_pattern(event) {
        return true;
    }
    let takes = |other: &Event| scene.is_published(other) || scene.config.is_external(other);
    !subscription.exact
        && scene
            .descendants(&event.id)
            .any(|other| takes(&scene.wiring.events[other]))
}

fn dead_handler(scene: &Scene<'_>, event: &Event, subscription: &Subscription) -> Finding {
    let unresolved = scene.unresolved_for(subscription);
    let as_base = scene.may_be_published_as_base(event);
    let is_sure = unresolved == 0 && !as_base && subscription.grade == Grade::Certain;
    let name = scene.event_name(&event.id);
    let doubt = if unresolved > 0 {
        let sites = counted(unresolved, "publish site", "publish sites");
        format!(", as far as can be seen ({sites} could not be resolved)")
    } else if as_base {
        ", unless it is meant where its base class is published".to_owned()
    } else {
        String::new()
    };
    let message = format!(
        "{} waits for {name}, which nobody publishes{doubt}",
        scene.handler_name(&subscription.handler),
    );
    let severity = match (is_sure, subscription.grade) {
        (true, _) => Severity::Error,
        (false, Grade::Inferred) if unresolved == 0 && !as_base => Severity::Warning,
        (false, _) => Severity::Info,
    };
    let location: &Location = &subscription.location;
    Finding::new(&DEAD_HANDLER, severity, location.clone(), message)
        .event(&event.id)
        .handler(&subscription.handler)
        .anchor(event.location.as_ref())
        .anchor(scene.handler_location(&subscription.handler))
}
