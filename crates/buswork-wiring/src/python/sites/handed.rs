//! Methods of a bus that are not called where they stand, but handed to something that was not read.

use super::super::evaluate::{Context, Value};
use super::super::facts::{Argument, ExpressionKind};
use super::super::project::ExpressionRef;
use super::calls::is_named;
use super::verbs::Verbs;
use super::{Finder, Operand, Site};
use crate::graph::{Grade, SiteKind};

/// Packages whose functions ask what they get, and do not call it.
const ASKING: &[&str] = &[
    "builtins",
    "functools",
    "inspect",
    "mock",
    "pytest",
    "typing",
    "typing_extensions",
    "unittest",
    "weakref",
];

impl Finder<'_, '_> {
    /// The arguments of a call that are methods of a bus: what they will be called with is not known.
    pub(super) fn start_handed_on(&mut self, call: ExpressionRef, verbs: &Verbs<'_>) {
        let facts = self.evaluator.project.facts(call.file);
        let ExpressionKind::Call(_, arguments) = facts.kind(call.id) else {
            return;
        };
        for argument in arguments {
            let (Argument::Positional(id) | Argument::Named(_, id)) = *argument else {
                continue;
            };
            let is_method = matches!(facts.kind(id), ExpressionKind::Attribute(..));
            if is_method && is_named(facts, id, verbs) && self.is_handed_to_others(call) {
                let file = call.file;
                self.handed_on(call, ExpressionRef { file, id });
            }
        }
    }

    /// Whether what is called was not read: a function of the project is followed to what it calls.
    fn is_handed_to_others(&self, call: ExpressionRef) -> bool {
        let Some(callee) = self.evaluator.callee(call) else {
            return false;
        };
        let found = self.evaluator.evaluate(callee, &Context::default());
        found.iter().all(|fact| match &fact.value {
            Value::External(path) => {
                let root = path.split('.').next().unwrap_or_default();
                !ASKING.contains(&root)
            }
            _ => false,
        })
    }

    fn handed_on(&mut self, call: ExpressionRef, method: ExpressionRef) {
        let Some(found) = self.match_callee(method) else {
            return;
        };
        let facts = self.evaluator.project.facts(method.file);
        if found.grade != Grade::Certain {
            return;
        }
        let verb = facts.last_name(method.id).unwrap_or_default();
        let mut site = Site::new(found.kind, call, verb, &self.protocols[found.adapter]);
        site.later = true;
        if let Some(signal) = self.sending(method) {
            site.event = Operand::one(signal);
            site.grade = Grade::Inferred;
            return self.pending.push(site);
        }
        site.event = Operand::one(method);
        site.handler = (found.kind == SiteKind::Subscribe).then(|| Operand::one(method));
        let written = facts.dotted(method.id).unwrap_or_default();
        let reason = format!("`{written}` is handed on, and what calls it was not read");
        self.found.unresolved.push((site, reason));
    }
}
