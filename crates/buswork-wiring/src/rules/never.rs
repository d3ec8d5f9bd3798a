//! Registrations that never run.

use super::finding::{Finding, Severity};
use super::scene::Scene;
use super::{Example, Rule};
use crate::text::printable;

pub(super) static NEVER_RUNS: Rule = Rule {
    code: "BW004",
    name: "never-registered",
    severity: Severity::Error,
    summary: "a handler is registered in code that never runs",
    explanation: "\
The line that subscribes the handler is there, and nothing ever runs it: its module is imported from \
no entry point, or the class that subscribes in its constructor is never built. Everything reads well, \
tests that import the module pass, and in production the handler is not there. The import that makes \
a decorator run looks unused, so a tidying tool may have taken it away.",
    fix: "import the module, or build the class, where the program is put together; else delete it",
    example: Example {
        bad: "\
# shop/main.py
bus.publish(OrderPlaced(order))         # shop/receipts.py has @bus.on(OrderPlaced)",
        good: "\
# shop/main.py
from shop import receipts
bus.include(receipts.handlers)
bus.publish(OrderPlaced(order))",
    },
};

pub(super) fn check(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    for (subscription, never) in scene.wiring.subscriptions.iter().zip(&scene.never) {
        let Some(never) = never else { continue };
        let message = format!(
            "{} is never subscribed to {}: {}",
            scene.handler_name(&subscription.handler),
            scene.event_name(&subscription.event),
            printable(never),
        );
        let location = subscription.location.clone();
        let finding = Finding::new(&NEVER_RUNS, Severity::Error, location, message)
            .event(&subscription.event)
            .handler(&subscription.handler)
            .anchor(scene.handler_location(&subscription.handler));
        findings.push(finding);
    }
}
