//! Calls: what they give.

use super::super::facts::{ExpressionKind, NOTHING, StatementKind, Yield};
use super::super::project::{ExpressionRef, ScopeRef};
use super::values::distinct;
use super::{Caller, Context, Evaluator, Fact, Value};
use crate::graph::Grade;

impl Evaluator<'_> {
    /// What a call gives.
    pub(super) fn call(&self, at: ExpressionRef, context: &Context) -> Vec<Fact> {
        let Some(callee) = self.callee(at) else {
            return Vec::new();
        };
        if let Some(found) = self.taken(callee, at, context) {
            return found;
        }
        if let Some(found) = self.text_method(callee, at, context) {
            return vec![found];
        }
        if let Some(found) = self.made_by_new(callee, at, context) {
            return found;
        }
        let mut result = Vec::new();
        for fact in self.evaluate(callee, context).iter() {
            let found = match &fact.value {
                Value::Class(class) => {
                    let mut built = Fact::certain(Value::Object(*class));
                    built.made = Some(at);
                    vec![built]
                }
                Value::Function { scope, this } => {
                    self.call_of_function(*scope, this.as_deref().copied(), at, context)
                }
                Value::External(path) => self.call_of_external(path, at, context),
                Value::Made(path, call) => {
                    let mut built = Fact::certain(Value::MadeObject(path.clone(), *call));
                    built.made = Some(at);
                    vec![built]
                }
                Value::Object(class) => match self.method(*class, "__call__") {
                    Some(method) => self.call_of_function(method, Some(*class), at, context),
                    None => Vec::new(),
                },
                _ => Vec::new(),
            };
            result.extend(found.iter().map(|found| found.at_most(fact.grade)));
        }
        result
    }

    /// `super().__new__(cls)`, `object.__new__(cls)`.
    fn made_by_new(
        &self,
        callee: ExpressionRef,
        call: ExpressionRef,
        context: &Context,
    ) -> Option<Vec<Fact>> {
        let facts = self.project.facts(callee.file);
        let ExpressionKind::Attribute(_, name) = facts.kind(callee.id) else {
            return None;
        };
        if facts.text(*name) != "__new__" {
            return None;
        }
        let class = self.arguments(call).positional(0)?;
        let found = self.evaluate(class, context);
        let made = found.iter().filter_map(|fact| match fact.value {
            Value::Class(class) => Some(Fact {
                made: Some(call),
                ..Fact::of(Value::Object(class), fact.grade)
            }),
            _ => None,
        });
        Some(made.collect())
    }

    /// What a function gives in this call: where it hands on a parameter, what this call puts in.
    fn call_of_function(
        &self,
        function: ScopeRef,
        this: Option<ScopeRef>,
        call: ExpressionRef,
        context: &Context,
    ) -> Vec<Fact> {
        let caller = Caller {
            call,
            grade: Grade::Inferred,
            bound: this.is_some(),
            is_handed_on: false,
            is_by_port: false,
        };
        let mut result = Vec::new();
        for fact in self.returned(function, &context.within(this)) {
            let handed = match fact.value {
                Value::Parameter(of, index) if of == function => {
                    self.argument_for(&caller, function, index)
                }
                _ => None,
            };
            match handed {
                Some(argument) => result.extend(self.evaluate(argument, context).iter().cloned()),
                None if self.is_made_in(&fact, function) => result.push(Fact {
                    made: Some(call),
                    ..fact
                }),
                None => result.push(fact),
            }
        }
        result
            .iter()
            .map(|fact| fact.at_most(Grade::Inferred))
            .collect()
    }

    /// Whether what a function gives is a function of its own, which closes over its parameters.
    fn is_made_in(&self, fact: &Fact, function: ScopeRef) -> bool {
        let Value::Function { scope, .. } = fact.value else {
            return false;
        };
        match fact.made {
            None => self.is_within(scope, function),
            Some(made) => self.scope_of(made) == function && !self.is_partial(made),
        }
    }

    /// Whether a call is one of `functools.partial`.
    pub(crate) fn is_partial(&self, call: ExpressionRef) -> bool {
        let Some(callee) = self.callee(call) else {
            return false;
        };
        let found = self.evaluate(callee, &Context::default());
        found.iter().any(
            |fact| matches!(&fact.value, Value::External(path) if &**path == "functools.partial"),
        )
    }

    /// What a function gives: what it returns, what it yields, or what its annotation says.
    pub(crate) fn returned(&self, function: ScopeRef, context: &Context) -> Vec<Fact> {
        let facts = self.project.facts(function.file);
        let scope = facts.scope(function.id);
        let there = |id| ExpressionRef {
            file: function.file,
            id,
        };
        let annotated = || {
            let found = scope
                .returns
                .map(|returns| self.typed(there(returns), context));
            found.unwrap_or_default()
        };
        if !scope.yields.is_empty() {
            let mut elements = Vec::new();
            for give in &scope.yields {
                elements.extend(match give {
                    Yield::One(NOTHING) => Vec::new(),
                    Yield::One(value) => self.evaluate(there(*value), context).to_vec(),
                    Yield::Each(value) => self.elements(there(*value), context).to_vec(),
                });
            }
            if elements.iter().any(Fact::is_telling) {
                return vec![Fact::certain(Value::Elements(distinct(elements).into()))];
            }
            return annotated();
        }
        let mut result = Vec::new();
        for statement in &scope.statements {
            if let StatementKind::Return(value) = statement.kind {
                result.extend(self.evaluate(there(value), context).iter().cloned());
            }
        }
        // What comes from outside tells less than an annotation that names a class of the project.
        let is_outside = |fact: &Fact| {
            matches!(fact.value, Value::ExternalObject(..) | Value::External(_))
                || !fact.is_telling()
        };
        if result.iter().any(|fact| !is_outside(fact)) {
            return distinct(result);
        }
        let annotated = annotated();
        let is_better = annotated.iter().any(|fact| !is_outside(fact));
        if is_better || !result.iter().any(Fact::is_telling) && !annotated.is_empty() {
            return annotated;
        }
        distinct(result)
    }

    /// What `with value as name` gives.
    pub(super) fn entered(&self, value: ExpressionRef, context: &Context) -> Vec<Fact> {
        let mut result = Vec::new();
        for fact in self.evaluate(value, context).iter() {
            let Value::Object(class) = fact.value else {
                // A generator made to a context manager gives what it yields.
                match &fact.value {
                    Value::Elements(found) => result.extend(found.iter().cloned()),
                    _ => result.push(fact.clone()),
                }
                continue;
            };
            let method = self
                .method(class, "__enter__")
                .or_else(|| self.method(class, "__aenter__"));
            let inner = context.within(Some(class));
            let found = method
                .map(|method| self.returned(method, &inner))
                .unwrap_or_default();
            if found.iter().any(Fact::is_telling) {
                result.extend(found);
            } else {
                result.push(fact.clone());
            }
        }
        result
    }
}
