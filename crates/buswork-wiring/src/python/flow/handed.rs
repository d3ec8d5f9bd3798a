//! Functions that are handed to others, which call them: each caller's own, not those of all.
//!
//! `retry(send)` comes to `send`, as `retry` calls what it gets, and not to what others give it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::super::evaluate::{Context, Fact, Value};
use super::super::facts::ScopeKind;
use super::super::project::{ExpressionRef, ScopeRef};
use super::{Called, Flow};
use crate::graph::Grade;

/// Functions that hand on what they get to others, and so on, that are gone through.
const DEEPEST: u32 = 24;

/// By function, the indices of the parameters that it calls, or hands to something that does.
#[derive(Default)]
pub(super) struct CalledParameters {
    known: RefCell<FxHashMap<ScopeRef, Rc<BTreeSet<usize>>>>,
    depth: Cell<u32>,
}

impl Flow<'_, '_> {
    /// Functions that a call hands to one that calls them.
    pub(super) fn handed_to(
        &self,
        function: ScopeRef,
        at: ExpressionRef,
        context: &Context,
        into: &mut Vec<Called>,
    ) {
        let indices = self.called_parameters(function);
        if indices.is_empty() || self.inside.contains(&function) {
            return;
        }
        let Some(caller) = self.evaluator.caller_at(at, function) else {
            return;
        };
        for &index in indices.iter() {
            for handed in self.evaluator.arguments_for(&caller, function, index) {
                self.run_handed(handed, at, context, into);
            }
        }
    }

    fn run_handed(
        &self,
        handed: ExpressionRef,
        at: ExpressionRef,
        context: &Context,
        into: &mut Vec<Called>,
    ) {
        // Whoever calls this hands it over.
        if self.evaluator.parameter_of(handed).is_some() {
            return;
        }
        for fact in self.evaluator.evaluate(handed, context).iter() {
            if let Value::Function { scope, this } = &fact.value {
                let this = this.as_deref().copied();
                into.push(Called::new(*scope, this, at, Grade::Inferred));
            }
        }
    }

    /// A call of a parameter: what is handed over is followed from where that is done, so what is
    /// left is its default, and objects by its annotation.
    pub(super) fn call_of_parameter(
        &self,
        (function, index): (ScopeRef, usize),
        found: &[Fact],
        at: ExpressionRef,
        into: &mut Vec<Called>,
    ) {
        let facts = self.evaluator.project.facts(function.file);
        let default = facts.scope(function.id).parameters[index].default;
        let default = default.map(|id| {
            let file = function.file;
            self.evaluator
                .evaluate(ExpressionRef { file, id }, &Context::default())
        });
        let is_default = |fact: &Fact| {
            let mut defaults = default.iter().flat_map(|found| found.iter());
            defaults.any(|default| default.value == fact.value)
        };
        let is_own = self.evaluator.scope_of(at) == function;
        for fact in found {
            let is_function = matches!(fact.value, Value::Function { .. });
            if is_function && is_own && !is_default(fact) {
                continue;
            }
            let first = into.len();
            self.call_of(fact, at, into);
            if is_function && !is_own {
                for called in &mut into[first..] {
                    called.outer = Some(function);
                }
            }
        }
    }

    fn called_parameters(&self, function: ScopeRef) -> Rc<BTreeSet<usize>> {
        if let Some(found) = self.parameters.known.borrow().get(&function) {
            return found.clone();
        }
        // Until it is known it calls none: that ends a circle.
        let none = Rc::new(BTreeSet::new());
        self.parameters
            .known
            .borrow_mut()
            .insert(function, none.clone());
        let facts = self.evaluator.project.facts(function.file);
        if facts.scope(function.id).parameters.is_empty() {
            return none;
        }
        let mut found = BTreeSet::new();
        let depth = &self.parameters.depth;
        if depth.get() >= DEEPEST {
            return none;
        }
        depth.set(depth.get() + 1);
        let mut scopes = vec![function.id];
        while let Some(id) = scopes.pop() {
            let scope = facts.scope(id);
            for &call in &scope.calls {
                let at = ExpressionRef {
                    file: function.file,
                    id: call,
                };
                self.note_called_parameters(function, at, &mut found);
            }
            let within = scope.within.iter().copied();
            scopes.extend(within.filter(|&id| facts.scope(id).kind != ScopeKind::Class));
        }
        depth.set(depth.get() - 1);
        let found = Rc::new(found);
        self.parameters
            .known
            .borrow_mut()
            .insert(function, found.clone());
        found
    }

    fn note_called_parameters(
        &self,
        function: ScopeRef,
        at: ExpressionRef,
        found: &mut BTreeSet<usize>,
    ) {
        let evaluator = self.evaluator;
        let mut note = |at: ExpressionRef| match evaluator.parameter_of(at) {
            Some((of, index)) if of == function => {
                found.insert(index);
            }
            _ => {}
        };
        let Some(callee) = evaluator.callee(at) else {
            return;
        };
        note(callee);
        if let Some((handed, _)) = evaluator.handed_on(at) {
            note(handed);
            self.handed_further(handed, at, &mut note);
        }
        self.handed_further(callee, at, &mut note);
    }

    /// What a call of a function of the project hands to one that calls it.
    fn handed_further(
        &self,
        function: ExpressionRef,
        at: ExpressionRef,
        note: &mut impl FnMut(ExpressionRef),
    ) {
        for fact in self
            .evaluator
            .evaluate(function, &Context::default())
            .iter()
        {
            let Value::Function { scope, .. } = fact.value else {
                continue;
            };
            let indices = self.called_parameters(scope);
            if indices.is_empty() {
                continue;
            }
            let Some(caller) = self.evaluator.caller_at(at, scope) else {
                continue;
            };
            for &index in indices.iter() {
                let handed = self.evaluator.arguments_for(&caller, scope, index);
                handed.into_iter().for_each(&mut *note);
            }
        }
    }
}
