//! Sites that could not be resolved.

use std::path::Path;

use super::finding::{Finding, Severity};
use super::scene::Scene;
use super::{Example, Rule};
use crate::graph::SiteKind;
use crate::text::printable;

pub(super) static UNRESOLVED: Rule = Rule {
    code: "BW005",
    name: "unresolved",
    severity: Severity::Info,
    summary: "a site publishes or subscribes something that cannot be told from the code",
    explanation: "\
The event or the handler of this site comes from data, from a plugin or along a way that the reader \
does not follow. It is listed, never hidden: as long as it is here, other rules cannot be sure that \
nobody publishes what this site may publish. Set its severity to \"error\" to keep a code base wholly \
readable.",
    fix: "name the event where it is published, or say what it publishes: `# wiring: publishes OrderPlaced`",
    example: Example {
        bad: "bus.publish(REGISTRY[message[\"kind\"]](**message))",
        good: "\
# wiring: publishes OrderPlaced, OrderCancelled
bus.publish(REGISTRY[message[\"kind\"]](**message))",
    },
};

pub(super) fn check(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    for site in &scene.wiring.unresolved {
        let what = match site.site {
            SiteKind::Publish => "cannot tell what is published here",
            SiteKind::Subscribe => "cannot tell what is subscribed here",
        };
        let message = format!(
            "{what} by `{}`: {}",
            printable(&site.verb),
            printable(&site.reason)
        );
        let extension = Path::new(&site.location.file).extension();
        let is_rust = extension.is_some_and(|extension| extension == "rs");
        let fix = match site.site {
            SiteKind::Subscribe => "name the event and the handler where they are subscribed",
            SiteKind::Publish if is_rust => "name the event where it is published",
            SiteKind::Publish => UNRESOLVED.fix,
        };
        let finding = Finding::new(&UNRESOLVED, Severity::Info, site.location.clone(), message)
            .function(&site.function)
            .fix(fix.to_owned())
            .mark(&site.verb);
        findings.push(finding);
    }
}
