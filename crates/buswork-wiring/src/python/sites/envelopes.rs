//! Events in envelopes: `bus.publish(Event(Kind.PLACED, order))`, where the bus looks up what the
//! envelope says, and not its class.

use super::super::evaluate::{Context, Fact, Value};
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
            let inside = match (&fact.value, fact.made) {
                (Value::Object(class), Some(made)) => self.inside(*class, made, name),
                _ => None,
            };
            match inside {
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
        let is_name = |fact: &&Fact| {
            matches!(
                fact.value,
                Value::Text(_)
                    | Value::Template(_)
                    | Value::Member(..)
                    | Value::Class(_)
                    | Value::Parameter(..)
            )
        };
        Some(found.iter().filter(is_name).cloned().collect())
    }
}
