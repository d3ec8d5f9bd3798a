//! Declarations that have drifted from the code.

use super::finding::{Finding, Severity};
use super::scene::Scene;
use super::{Example, Rule};
use crate::graph::{Cascade, Grade, Handler, Location, SiteKind};
use crate::text::counted;

pub(super) static DRIFTED: Rule = Rule {
    code: "BW307",
    name: "declaration-drifted",
    severity: Severity::Error,
    summary: "a handler declares to publish other events than it does",
    explanation: "\
`@handles(OrderPlaced, publishes=[StockReserved])` tells readers, and the reader of the code, what \
follows. A declaration that nobody checks drifts: an event is added in the body and not above it, or \
the other way round, and from then on the declaration misleads. Both directions are told. An event \
that is declared and not found is information only, if a site in the handler could not be resolved.",
    fix: "make the declaration say what the code does, or the code do what it declares",
    example: Example {
        bad: "\
@handles(OrderPlaced, publishes=[StockReserved])
def reserve(self, event):
    self.bus.publish(StockShort(event.order))",
        good: "\
@handles(OrderPlaced, publishes=[StockReserved, StockShort])
def reserve(self, event):
    taken = self.warehouse.take(event.order)
    self.bus.publish(StockReserved(event.order) if taken else StockShort(event.order))",
    },
};

pub(super) fn check(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    for handler in &scene.wiring.handlers {
        let Some(declared) = &handler.declares else {
            continue;
        };
        let cascades: Vec<&Cascade> = scene.wiring.cascades_of(&handler.id).collect();
        for event in declared {
            if !cascades
                .iter()
                .any(|cascade| is_same(scene, event, &cascade.event))
            {
                findings.extend(not_published(scene, handler, event));
            }
        }
        for cascade in cascades {
            let is_declared = declared
                .iter()
                .any(|event| is_same(scene, event, &cascade.event));
            if !is_declared && cascade.grade != Grade::Possible {
                findings.push(not_declared(scene, handler, cascade));
            }
        }
    }
}

/// Whether the declared event is the published one, or a base class of it.
fn is_same(scene: &Scene<'_>, declared: &str, published: &str) -> bool {
    declared == published
        || scene
            .wiring
            .event(published)
            .is_some_and(|event| event.bases.iter().any(|base| base == declared))
}

fn not_published(scene: &Scene<'_>, handler: &Handler, event: &str) -> Option<Finding> {
    let location: &Location = handler.location.as_ref()?;
    let unresolved = scene
        .unresolved(SiteKind::Publish)
        .filter(|site| site.function == handler.id)
        .count();
    let severity = if unresolved == 0 {
        Severity::Error
    } else {
        Severity::Info
    };
    let mut message = format!(
        "{} declares to publish {}, but does not",
        scene.handler_name(&handler.id),
        scene.event_name(event),
    );
    if unresolved > 0 {
        let sites = counted(unresolved, "site", "sites");
        message = format!("{message}, as far as can be seen ({sites} could not be resolved)");
    }
    let finding = Finding::new(&DRIFTED, severity, location.clone(), message)
        .event(event)
        .handler(&handler.id)
        .mark("declared");
    Some(finding)
}

fn not_declared(scene: &Scene<'_>, handler: &Handler, cascade: &Cascade) -> Finding {
    let severity = if cascade.grade == Grade::Certain {
        Severity::Error
    } else {
        Severity::Warning
    };
    let message = format!(
        "{} publishes {}, but does not declare it",
        scene.handler_name(&handler.id),
        scene.event_name(&cascade.event),
    );
    Finding::new(&DRIFTED, severity, scene.cascade_location(cascade), message)
        .event(&cascade.event)
        .handler(&handler.id)
        .path(cascade.path.iter().cloned())
        .anchor(handler.location.as_ref())
        .mark("undeclared")
}
