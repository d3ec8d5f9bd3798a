//! Calls that block the loop.

use super::finding::{Finding, Severity};
use super::scene::Scene;
use super::{Example, Rule};
use crate::text::{counted, printable};

pub(super) static BLOCKING: Rule = Rule {
    code: "BW201",
    name: "blocking-call",
    severity: Severity::Warning,
    summary: "an async handler calls something that blocks, itself or through what it calls",
    explanation: "\
While an async handler sleeps, reads a file or waits for an answer in a blocking call, nothing else \
on its loop runs: not the other handlers of the event, not the other requests of the program. A \
linter sees such a call in the async function itself; most are some calls away, in a function that \
was written for synchronous code. The way to it is told.",
    fix: "await the async form of the call, or move it off the loop: `await asyncio.to_thread(call)`",
    example: Example {
        bad: "\
@bus.on(OrderPlaced)
async def notify(event):
    send_mail(event.user)               # calls smtplib, which waits for the server",
        good: "\
@bus.on(OrderPlaced)
async def notify(event):
    await asyncio.to_thread(send_mail, event.user)",
    },
};

pub(super) fn check(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    for handler in &scene.wiring.handlers {
        for blocking in &handler.blocking {
            let Some(call) = blocking.path.last() else {
                continue;
            };
            let through = match blocking.path.len() - 1 {
                0 => String::new(),
                calls => format!(", {} away", counted(calls, "call", "calls")),
            };
            let message = format!(
                "async handler {} blocks its loop in `{}`{through}",
                scene.handler_name(&handler.id),
                printable(&blocking.call),
            );
            let first = blocking.path.first().map(|step| &step.location);
            let location = call.location.clone();
            let finding = Finding::new(&BLOCKING, Severity::Warning, location, message)
                .handler(&handler.id)
                .path(blocking.path.iter().cloned())
                .mark(&blocking.call)
                .anchor(first)
                .anchor(handler.location.as_ref());
            findings.push(finding);
        }
    }
}
