//! Events of a class that the function around was given: `def forward_as(kind): def forward(event):
//! bus.publish(kind())`.

use std::rc::Rc;

use super::super::evaluate::{Context, Fact};
use super::super::facts::ExpressionKind;
use super::super::project::{ExpressionRef, ScopeRef};
use super::{Finder, Operand, Site};
use crate::graph::Grade;

/// Functions around functions that are gone through.
const MOST_MAKERS: usize = 4;

impl Finder<'_, '_> {
    /// Publishes what each call of the function around makes it publish. Says whether there is one.
    pub(super) fn publish_made_by_outer(&mut self, site: &Site) -> bool {
        let Operand::Expressions(list, _) = &site.event else {
            return false;
        };
        let mut is_resolved = false;
        for &at in list {
            let Some((outer, index)) = self.kind_from_outside(at) else {
                continue;
            };
            let Some(name) = self.parameter_name(outer, index) else {
                continue;
            };
            for (argument, closure) in self.given(outer, index, MOST_MAKERS) {
                let context = Context {
                    fixed: Some(Rc::new(vec![((outer, name), argument)])),
                    ..Context::default()
                };
                let found = self.evaluator.evaluate(at, &context);
                // A call in a loop makes several, of which it cannot be told which is meant.
                let grade = if found.len() > 1 {
                    Grade::Possible
                } else {
                    Grade::Inferred
                };
                for fact in found.iter() {
                    let fact = fact.at_most(grade);
                    is_resolved |= self.publish_closed_over(site, &fact, closure);
                }
            }
        }
        is_resolved
    }

    /// The parameter of a function around that an event is made by.
    fn kind_from_outside(&self, at: ExpressionRef) -> Option<(ScopeRef, usize)> {
        let file = at.file;
        let facts = self.evaluator.project.facts(file);
        let callee = match *facts.kind(at.id) {
            ExpressionKind::Call(callee, _) => callee,
            ExpressionKind::Await(value) => {
                return self.kind_from_outside(ExpressionRef { file, id: value });
            }
            _ => return None,
        };
        let parameter = self
            .evaluator
            .parameter_of(ExpressionRef { file, id: callee })?;
        let is_outer = self
            .evaluator
            .is_within(self.evaluator.scope_of(at), parameter.0);
        is_outer.then_some(parameter)
    }

    fn parameter_name(&self, function: ScopeRef, index: usize) -> Option<u32> {
        let facts = self.evaluator.project.facts(function.file);
        let parameters = &facts.scope(function.id).parameters;
        parameters.get(index).map(|parameter| parameter.name)
    }

    /// What is given for a parameter, each with the outermost call that gives it.
    fn given(
        &self,
        function: ScopeRef,
        index: usize,
        depth: usize,
    ) -> Vec<(ExpressionRef, ExpressionRef)> {
        let mut result = Vec::new();
        for caller in self.evaluator.callers(function).iter() {
            if caller.grade == Grade::Possible {
                continue;
            }
            let Some(argument) = self.evaluator.argument_for(caller, function, index) else {
                continue;
            };
            match self.evaluator.parameter_of(argument) {
                Some((outer, index)) if depth > 0 => {
                    result.extend(self.given(outer, index, depth - 1));
                }
                _ => result.push((argument, caller.call)),
            }
        }
        result
    }

    fn publish_closed_over(&mut self, site: &Site, fact: &Fact, closure: ExpressionRef) -> bool {
        let Some(event) = self.evaluator.published_event(fact, &site.adapter) else {
            return false;
        };
        self.add_publish(site, event, fact);
        if let Some(added) = self.found.publishes.last_mut() {
            added.closure = Some(closure);
        }
        true
    }
}
