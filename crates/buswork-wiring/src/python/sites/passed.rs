//! Functions that pass all that they get on to the bus: `def publish(*events, **options):
//! bus.publish(*events, **options)`.

use super::super::facts::{Argument, ExpressionKind, ParameterKind};
use super::super::project::{ExpressionRef, ScopeRef};
use super::verbs::Match;
use super::wrappers::MOST_WRAPPERS;
use super::{Finder, Site};
use crate::graph::Grade;

impl Finder<'_, '_> {
    /// Takes the calls of such a function for calls of the bus. Says whether there are any.
    pub(super) fn start_passed_on(
        &mut self,
        found: &Match,
        site: &Site,
        callee: ExpressionRef,
    ) -> bool {
        let Some(function) = self.passes_all_on(site.at) else {
            return false;
        };
        if site.through.len() >= MOST_WRAPPERS {
            return false;
        }
        self.found.inside.insert(function);
        let through = self.through(site, function);
        let is_method = self.evaluator.class_of_method(function).is_some();
        let mut is_followed = false;
        for caller in self.evaluator.callers(function).iter() {
            if caller.grade == Grade::Possible || caller.bound != is_method {
                continue;
            }
            is_followed = true;
            let arguments = self.evaluator.arguments_of(caller);
            self.start_match(found, caller.call, callee, &arguments, None, &through);
        }
        is_followed
    }

    /// The function around a call that hands it all of its own arguments, as they are.
    fn passes_all_on(&self, call: ExpressionRef) -> Option<ScopeRef> {
        let facts = self.evaluator.project.facts(call.file);
        let ExpressionKind::Call(_, arguments) = facts.kind(call.id) else {
            return None;
        };
        let function = self.evaluator.scope_of(call);
        let parameters = &facts.scope(function.id).parameters;
        let is_method = self.evaluator.class_of_method(function).is_some();
        let own = parameters.get(usize::from(is_method)..)?;
        let is_only_rest = own
            .iter()
            .all(|one| matches!(one.kind, ParameterKind::Rest | ParameterKind::KeywordRest));
        let is_passed = |argument: &Argument| {
            let (value, kind) = match *argument {
                Argument::Star(value) => (value, ParameterKind::Rest),
                Argument::DoubleStar(value) => (value, ParameterKind::KeywordRest),
                _ => return false,
            };
            matches!(facts.kind(value), ExpressionKind::Name(name)
                if own.iter().any(|one| one.name == *name && one.kind == kind))
        };
        (is_only_rest && arguments.iter().all(is_passed)).then_some(function)
    }
}
