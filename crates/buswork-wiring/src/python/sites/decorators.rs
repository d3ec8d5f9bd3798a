//! Subscriptions that give a decorator, and what that is put on.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::evaluate::Binding;
use super::super::facts::{ExpressionKind, StatementKind};
use super::super::project::{ExpressionRef, ScopeRef};
use super::operands::parameter_in;
use super::{Finder, Operand, Site};

/// Stands for a handler that is no parameter: what a call gives is put on it.
const NO_PARAMETER: usize = usize::MAX;

impl Finder<'_, '_> {
    /// A subscription without a handler is a decorator: this finds what it is put on.
    pub(super) fn apply(&mut self, site: Site) {
        let applied = self.applied(site.at);
        if applied.is_empty() && self.apply_where_called(&site) {
            return;
        }
        if applied.is_empty() {
            let reason = "gives a decorator that nothing seen here applies".to_owned();
            self.found.unresolved.push((site, reason));
            return;
        }
        for handler in applied {
            let mut site = site.clone();
            site.handler = Some(handler);
            self.pending.push(site);
        }
    }

    /// Goes on at the calls of a function that gives a decorator of the bus back: `def on(event):
    /// return bus.on(event)`. Says whether there are any.
    fn apply_where_called(&mut self, site: &Site) -> bool {
        let scope = self.evaluator.scope_of(site.at);
        let facts = self.evaluator.project.facts(site.at.file);
        let gives_it = |kind: &StatementKind| matches!(kind, StatementKind::Return(value) if *value == site.at.id);
        let mut statements = facts.scope(scope.id).statements.iter();
        if !statements.any(|statement| gives_it(&statement.kind)) {
            return false;
        }
        let events = self.values(&site.event, site);
        let event = parameter_in(&events).filter(|(function, _)| *function == scope);
        self.subscribers(site, scope, event, Some((scope, NO_PARAMETER)))
    }

    /// What the decorator that a call gives is put on: functions, or what it is called with.
    fn applied(&mut self, call: ExpressionRef) -> Vec<Operand> {
        let mut result = Vec::new();
        let decorated = self.decorated(call.file);
        let facts = self.evaluator.project.facts(call.file);
        if let Some(&scope) = decorated.get(&call.id) {
            result.push(Operand::Scope(scope));
        }
        let scope = facts.scope(facts.expression(call.id).scope);
        for &other in &scope.calls {
            let ExpressionKind::Call(callee, _) = facts.kind(other) else {
                continue;
            };
            let is_applied = *callee == call.id || self.is_bound_to(call.file, *callee, call);
            let arguments = self.evaluator.arguments(ExpressionRef {
                file: call.file,
                id: other,
            });
            if is_applied && let Some(handler) = arguments.positional(0) {
                result.push(Operand::one(handler));
            }
        }
        for (&decorator, &scope) in decorated.iter() {
            if self.is_bound_to(call.file, decorator, call) {
                result.push(Operand::Scope(scope));
            }
        }
        result
    }

    fn is_bound_to(&self, file: u32, id: u32, call: ExpressionRef) -> bool {
        let facts = self.evaluator.project.facts(file);
        let ExpressionKind::Name(name) = facts.kind(id) else {
            return false;
        };
        let Some((_, bindings)) = self.evaluator.bindings(ExpressionRef { file, id }, *name) else {
            return false;
        };
        bindings
            .iter()
            .any(|binding| matches!(binding, Binding::Value(value) if *value == call))
    }

    fn decorated(&mut self, file: u32) -> Rc<BTreeMap<u32, ScopeRef>> {
        let facts = self.evaluator.project.facts(file);
        let entry = self.decorated.entry(file).or_insert_with(|| {
            let mut map = BTreeMap::new();
            for (id, scope) in (0..).zip(&facts.scopes) {
                for &decorator in &scope.decorators {
                    map.insert(decorator, ScopeRef { file, id });
                }
            }
            Rc::new(map)
        });
        entry.clone()
    }
}
