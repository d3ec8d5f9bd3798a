//! What runs without a call that is written down: properties that are read or set, and what
//! decorators put in the place of functions.

use std::cell::RefCell;
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::evaluate::{Binding, Context, Value};
use super::super::facts::{ExpressionId, ExpressionKind, Facts, ScopeId, StatementKind};
use super::super::project::{ExpressionRef, FileId, ScopeRef};
use super::{Called, Flow};
use crate::graph::Grade;

/// A property with more namesakes than this is not looked for.
const MOST_NAMESAKES: usize = 8;

/// By file and scope, attributes that have the name of a property.
#[derive(Default)]
pub(super) struct Attributes(RefCell<FxHashMap<FileId, Rc<ByScope>>>);

type ByScope = FxHashMap<ScopeId, Vec<Used>>;

/// An attribute, and whether it is assigned to.
#[derive(Clone, Copy)]
struct Used {
    id: ExpressionId,
    is_set: bool,
}

impl Flow<'_, '_> {
    /// The methods of properties that a function reads or sets.
    pub(super) fn properties_used(
        &self,
        function: ScopeRef,
        context: &Context,
        into: &mut Vec<Called>,
    ) {
        let used = self.attributes_used(function.file);
        let facts = self.evaluator.project.facts(function.file);
        let there = |id| ExpressionRef {
            file: function.file,
            id,
        };
        for used in used.get(&function.id).into_iter().flatten() {
            let ExpressionKind::Attribute(of, name) = facts.kind(used.id) else {
                continue;
            };
            for fact in self.evaluator.evaluate(there(*of), context).iter() {
                let Value::Object(class) = fact.value else {
                    continue;
                };
                if let Some(method) = self.accessor(class, facts.text(*name), used.is_set) {
                    into.push(Called::new(method, Some(class), there(used.id), fact.grade));
                }
            }
        }
    }

    /// The method by which a property is read, or set.
    fn accessor(&self, class: ScopeRef, name: &str, is_set: bool) -> Option<ScopeRef> {
        let (_, bindings) = self.evaluator.member(class, name)?;
        bindings.iter().find_map(|binding| match binding {
            Binding::Scope(method) if self.evaluator.is_property(*method) => {
                let facts = self.evaluator.project.facts(method.file);
                let mut decorators = facts.scope(method.id).decorators.iter();
                let is_setter = decorators.any(|&id| facts.last_name(id) == Some("setter"));
                (is_setter == is_set).then_some(*method)
            }
            _ => None,
        })
    }

    fn attributes_used(&self, file: FileId) -> Rc<ByScope> {
        if let Some(found) = self.attributes.0.borrow().get(&file) {
            return found.clone();
        }
        let facts = self.evaluator.project.facts(file);
        let targets = targets(facts);
        let mut known: FxHashMap<u32, bool> = FxHashMap::default();
        let mut found = ByScope::default();
        for (id, expression) in (0..).zip(&facts.expressions) {
            let ExpressionKind::Attribute(_, name) = expression.kind else {
                continue;
            };
            let is_property = known
                .entry(name)
                .or_insert_with(|| self.is_name_of_property(facts.text(name)));
            if *is_property {
                let is_set = targets.contains(&id);
                let used = found.entry(expression.scope).or_default();
                used.push(Used { id, is_set });
            }
        }
        let found = Rc::new(found);
        self.attributes.0.borrow_mut().insert(file, found.clone());
        found
    }

    fn is_name_of_property(&self, name: &str) -> bool {
        let named = self.evaluator.project.functions_named(name, MOST_NAMESAKES);
        named
            .into_iter()
            .any(|function| self.evaluator.is_property(function))
    }

    /// What the decorators of a function put in its place: functions within them, which run when it
    /// is called.
    pub(super) fn decorated(&self, function: ScopeRef) -> Vec<Called> {
        let facts = self.evaluator.project.facts(function.file);
        let mut result = Vec::new();
        for &id in &facts.scope(function.id).decorators {
            let at = ExpressionRef {
                file: function.file,
                id,
            };
            for fact in self.evaluator.evaluate(at, &Context::default()).iter() {
                let Value::Function { scope, .. } = fact.value else {
                    continue;
                };
                for given in self.evaluator.returned(scope, &Context::default()) {
                    let Value::Function { scope: inner, .. } = given.value else {
                        continue;
                    };
                    if self.evaluator.is_within(inner, scope) {
                        result.push(Called {
                            replaces: true,
                            ..Called::new(inner, None, at, Grade::Inferred)
                        });
                    }
                }
            }
        }
        result
    }
}

/// Expressions that are assigned to.
fn targets(facts: &Facts) -> FxHashSet<ExpressionId> {
    let statements = facts.scopes.iter().flat_map(|scope| &scope.statements);
    let targets = statements.filter_map(|statement| match statement.kind {
        StatementKind::Bind { target, .. } | StatementKind::Augment { target, .. } => Some(target),
        _ => None,
    });
    targets.collect()
}
