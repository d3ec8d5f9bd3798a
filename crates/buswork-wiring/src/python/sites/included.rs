//! Objects that are handed to a bus for their marks: `bus.include(Billing())`. They tell which method
//! a mark stands for, as a method that overrides a marked one keeps the mark.

use std::collections::BTreeSet;

use super::super::evaluate::{Binding, Context, Fact, Value};
use super::super::facts::ExpressionKind;
use super::super::project::{ExpressionRef, ScopeRef};
use super::Finder;
use crate::adapters::Adapter;

/// What the buses of an adapter include.
#[derive(Debug, Default)]
pub(super) struct Included {
    /// The classes of the objects.
    pub(super) classes: BTreeSet<ScopeRef>,
    /// Whether these are all, as every call was understood.
    pub(super) is_whole: bool,
}

impl Finder<'_, '_> {
    pub(super) fn included(&self, adapter: &Adapter) -> Included {
        let project = self.evaluator.project;
        let mut included = Included {
            is_whole: !adapter.include.is_empty(),
            ..Included::default()
        };
        for method in &adapter.include {
            for &file in project.calling(method) {
                for call in project.calls_of(file, method) {
                    if self.may_include(call, adapter, method) {
                        self.include(call, &mut included);
                    }
                }
            }
        }
        included
    }

    /// Whether a call is one of a bus, or of something of which nothing is known.
    fn may_include(&self, call: ExpressionRef, adapter: &Adapter, method: &str) -> bool {
        let Some(callee) = self.evaluator.callee(call) else {
            return false;
        };
        let found = self.evaluator.evaluate(callee, &Context::default());
        let is_it = |fact: &Fact| match &fact.value {
            Value::External(path) => path.rsplit_once('.').is_some_and(|(class, last)| {
                last == method && adapter.buses.iter().any(|bus| bus == class)
            }),
            Value::Function { this, .. } => this
                .as_deref()
                .is_some_and(|class| self.evaluator.is_below(*class, &adapter.buses)),
            _ => false,
        };
        found.iter().any(is_it) || !found.iter().any(Fact::is_telling)
    }

    fn include(&self, call: ExpressionRef, included: &mut Included) {
        let Some(object) = self.evaluator.arguments(call).positional(0) else {
            included.is_whole = false;
            return;
        };
        for fact in self.evaluator.evaluate(object, &Context::default()).iter() {
            let Value::Object(class) = fact.value else {
                continue;
            };
            if fact.made.is_some() {
                included.classes.insert(class);
            } else {
                included.classes.extend(self.evaluator.descendants(class));
            }
        }
        included.is_whole &= self.is_made_in_sight(object, 0);
    }

    /// Whether all that an expression may be is made where it can be seen: by a call of a class, or
    /// the same by a variable.
    fn is_made_in_sight(&self, at: ExpressionRef, depth: u32) -> bool {
        match self.evaluator.project.facts(at.file).kind(at.id) {
            ExpressionKind::Call(..) => {
                let found = self.evaluator.evaluate(at, &Context::default());
                !found.is_empty() && found.iter().all(|fact| fact.made == Some(at))
            }
            ExpressionKind::Name(name) if depth < 4 => {
                let Some((_, bindings)) = self.evaluator.bindings(at, *name) else {
                    return false;
                };
                bindings.iter().all(|binding| match binding {
                    Binding::Value(value) => self.is_made_in_sight(*value, depth + 1),
                    _ => false,
                })
            }
            _ => false,
        }
    }
}
