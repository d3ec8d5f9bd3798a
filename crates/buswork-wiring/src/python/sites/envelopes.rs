//! Events in envelopes: `bus.publish(Event(Kind.PLACED, order))`, where the bus looks up what the
//! envelope says, and not its class.

use super::super::evaluate::{Binding, Context, Fact, Value};
use super::super::homemade::KeyOf;
use super::super::project::{ExpressionRef, ScopeRef};
use super::{Finder, Protocol};

impl Finder<'_, '_> {
    /// What is published, with each envelope that is made in sight as what it says.
    pub(super) fn opened(&self, found: Vec<Fact>, protocol: &Protocol) -> Vec<Fact> {
        let KeyOf::Attribute(name) = &protocol.key else {
            return found;
        };
        let opened = found.into_iter().flat_map(|fact| {
            let Value::Object(class) = fact.value else {
                return vec![fact];
            };
            let given = fact.made.and_then(|made| self.inside(class, made, name));
            match given.or_else(|| self.said_by_class(class, name)) {
                Some(inside) => inside.iter().map(|one| one.at_most(fact.grade)).collect(),
                None => vec![fact],
            }
        });
        opened.collect()
    }

    /// What the call that makes an object gives for one of its fields; none if it gives nothing.
    fn inside(&self, class: ScopeRef, made: ExpressionRef, field: &str) -> Option<Vec<Fact>> {
        let arguments = self.evaluator.arguments(made);
        let given = arguments.named(field).or_else(|| {
            let index = self.evaluator.field_index(class, field)?;
            arguments.positional(index)
        })?;
        let context = Context {
            parameters: true,
            ..Context::default()
        };
        let found = self.evaluator.evaluate(given, &context);
        let is_told =
            |fact: &&Fact| is_name(&fact.value) || matches!(fact.value, Value::Parameter(..));
        Some(found.iter().filter(is_told).cloned().collect())
    }

    /// What all objects of a class have in a field: what stands in its body, or what its constructor
    /// hands to that of its base. None if neither tells.
    fn said_by_class(&self, class: ScopeRef, field: &str) -> Option<Vec<Fact>> {
        let bindings = self.evaluator.member(class, field).map(|(_, found)| found);
        let values = bindings.into_iter().flatten();
        let values = values.filter_map(|binding| match binding {
            Binding::Value(value) => Some(value),
            Binding::Annotated { value, .. } => value,
            _ => None,
        });
        let handed = self.handed_to_base(class, field);
        let found = values.chain(handed).flat_map(|value| {
            let found = self.evaluator.evaluate(value, &Context::default());
            found.to_vec()
        });
        let found: Vec<Fact> = found.filter(|fact| is_name(&fact.value)).collect();
        (!found.is_empty()).then_some(found)
    }

    /// `Kind.PLACED` of `super().__init__(Kind.PLACED)` in the constructor of a class.
    fn handed_to_base(&self, class: ScopeRef, field: &str) -> Option<ExpressionRef> {
        let own = self.evaluator.method(class, "__init__")?;
        let file = own.file;
        let facts = self.evaluator.project.facts(file);
        let mut calls = facts.scope(own.id).calls.iter();
        calls.find_map(|&id| {
            let call = ExpressionRef { file, id };
            let callee = self.evaluator.callee(call)?;
            let found = self.evaluator.evaluate(callee, &Context::default());
            let base = found.iter().find_map(|fact| match fact.value {
                Value::Function { scope, .. } if self.evaluator.name_of(scope) == "__init__" => {
                    Some(scope)
                }
                _ => None,
            })?;
            let facts = self.evaluator.project.facts(base.file);
            let mut parameters = facts.scope(base.id).parameters.iter();
            let index = parameters.position(|one| facts.text(one.name) == field)?;
            let gives = self.evaluator.caller_at(call, base)?;
            self.evaluator.argument_for(&gives, base, index)
        })
    }
}

/// Whether something is a name that events go by.
fn is_name(value: &Value) -> bool {
    matches!(
        value,
        Value::Text(_) | Value::Template(_) | Value::Member(..) | Value::Class(_)
    )
}
