//! Questions and answers over events.

use super::finding::{Finding, Severity};
use super::scene::Scene;
use super::{Example, Rule};
use crate::graph::{Event, Publish};

pub(super) static CONVERSATION: Rule = Rule {
    code: "BW301",
    name: "request-response",
    severity: Severity::Info,
    summary: "a question is asked and answered over events",
    explanation: "\
One side publishes `PriceRequested` and hears `PriceCompleted`; the other hears the first and publishes \
the second. That is a call, taken apart: the asker needs an answer, so it depends on the other side \
all the same, but now without a return value, a stack, a timeout or an error that reaches it, and with \
two asks at once it must find out which answer is whose. Told from the names and from who publishes \
what, so it may be mistaken.",
    fix: "call it, through an interface if the two shall not know each other; keep events for what has happened",
    example: Example {
        bad: "\
bus.subscribe(PriceCompleted, self.on_price)
bus.publish(PriceRequested(sku))",
        good: "price = self.prices.of(sku)",
    },
};

/// How names begin or end that ask, and those that answer.
const ASKS: [&str; 5] = ["Requested", "Request", "Asked", "Query", "Command"];
const ANSWERS: [&str; 10] = [
    "Completed",
    "Response",
    "Reply",
    "Replied",
    "Answered",
    "Finished",
    "Result",
    "Succeeded",
    "Failed",
    "Done",
];

pub(super) fn check(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    for (index, event) in scene.wiring.events.iter().enumerate() {
        let Some(subject) = subject(&event.name, &ASKS) else {
            continue;
        };
        let answers: Vec<&Event> = scene
            .live_routes(index)
            .flat_map(|(_, entry)| scene.wiring.cascades_of(&entry.handler))
            .filter_map(|cascade| scene.wiring.event(&cascade.event))
            .filter(|answer| self::subject(&answer.name, &ANSWERS).as_deref() == Some(&*subject))
            .collect();
        for publish in scene.publishes(event) {
            let answer = answers.iter().find_map(|answer| {
                hears_itself(scene, publish, answer).map(|handler| (*answer, handler))
            });
            if let Some((answer, handler)) = answer {
                findings.push(finding(scene, publish, answer, handler));
                break;
            }
        }
    }
}

/// What a name is about, without the part that asks or answers: `price` of `PriceRequested`, of
/// `RequestPrice` and of `price_requested`.
fn subject(name: &str, parts: &[&str]) -> Option<String> {
    let plain = |text: &str| text.replace(['_', '-', '.', ' '], "").to_lowercase();
    let name = plain(name.strip_suffix("Event").unwrap_or(name));
    parts.iter().find_map(|part| {
        let part = plain(part);
        let rest = name
            .strip_suffix(&part)
            .or_else(|| name.strip_prefix(&part))?;
        (!rest.is_empty()).then(|| rest.to_owned())
    })
}

/// A handler of the answer that belongs to the asker: nested in the asking function, or a method of
/// the same class.
fn hears_itself<'a>(scene: &Scene<'a>, publish: &Publish, answer: &Event) -> Option<&'a str> {
    let index = scene.index_of(&answer.id)?;
    let owner = publish.function.rsplit_once('.').map(|(owner, _)| owner);
    let is_own = |handler: &str| {
        let is_nested = handler
            .strip_prefix(publish.function.as_str())
            .is_some_and(|rest| rest.starts_with('.'));
        let has_class = owner.is_some_and(|owner| owner.contains(':'));
        is_nested || (has_class && handler.rsplit_once('.').map(|(owner, _)| owner) == owner)
    };
    let mut handlers = scene
        .live_routes(index)
        .map(|(_, entry)| entry.handler.as_str());
    handlers.find(|handler| is_own(handler))
}

fn finding(scene: &Scene<'_>, publish: &Publish, answer: &Event, handler: &str) -> Finding {
    let message = format!(
        "{} asks and {} answers: {} hears what its own side asked for",
        scene.event_name(&publish.event),
        scene.event_name(&answer.id),
        scene.handler_name(handler),
    );
    Finding::new(
        &CONVERSATION,
        Severity::Info,
        publish.location.clone(),
        message,
    )
    .event(&publish.event)
    .event(&answer.id)
    .handler(handler)
    .function(&publish.function)
    .anchor(scene.event_location(&publish.event))
}
