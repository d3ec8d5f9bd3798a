//! Sites in a method whose subclasses say what is meant: `bus.subscribe(self.event, self.hear)` in a
//! base class, with an `event` in each class below.

use super::super::evaluate::{Binding, Context, Fact, Value};
use super::super::facts::{Argument, ExpressionId, ExpressionKind};
use super::super::project::{ExpressionRef, ScopeRef};
use super::{Finder, Operand, Site};

/// Classes below another that are asked what they say.
const MOST_BELOW: usize = 24;
/// Expressions within expressions that are gone through.
const MOST_DEPTH: u32 = 12;

impl Finder<'_, '_> {
    /// The classes below that of a site's method for which the site means something else.
    pub(super) fn versions(&self, site: &Site) -> Vec<ScopeRef> {
        let scope = self.evaluator.scope_of(site.at);
        let Some(class) = self.evaluator.class_of_method(scope) else {
            return Vec::new();
        };
        let operands: Vec<&Operand> = std::iter::once(&site.event).chain(&site.handler).collect();
        if !operands
            .iter()
            .any(|operand| self.asks_receiver(operand, scope))
        {
            return Vec::new();
        }
        let below = self.evaluator.descendants(class);
        if below.len() > MOST_BELOW {
            return Vec::new();
        }
        let name = self.evaluator.name_of(scope);
        let below = below.into_iter().skip(1).filter(|&below| {
            self.comes_to(below, scope, &name)
                && operands.iter().any(|operand| {
                    let own = self.values(&as_of(operand, below), site);
                    own.iter()
                        .any(|fact| is_new(fact, &self.values(operand, site)))
                })
        });
        below.collect()
    }

    /// Whether a method of a class is that one, or calls it by `super()`.
    fn comes_to(&self, class: ScopeRef, method: ScopeRef, name: &str) -> bool {
        let Some(own) = self.evaluator.method(class, name) else {
            return false;
        };
        let facts = self.evaluator.project.facts(own.file);
        let is_super = |call: &ExpressionId| match facts.kind(*call) {
            ExpressionKind::Call(callee, _) => match facts.kind(*callee) {
                ExpressionKind::Attribute(of, method) => {
                    facts.text(*method) == name && facts.last_name(*of) == Some("super")
                }
                _ => false,
            },
            _ => false,
        };
        own == method || facts.scope(own.id).calls.iter().any(is_super)
    }

    /// Whether an operand asks the object of a method, or its class, for something.
    fn asks_receiver(&self, operand: &Operand, method: ScopeRef) -> bool {
        let Operand::Expressions(list, context) = operand else {
            return false;
        };
        let facts = self.evaluator.project.facts(method.file);
        let Some(receiver) = facts.scope(method.id).parameters.first() else {
            return false;
        };
        let is_plain = context.this.is_none() && context.fixed.is_none();
        is_plain
            && list
                .iter()
                .any(|at| at.file == method.file && self.asks(*at, receiver.name, 0))
    }

    /// Whether an expression, or what a variable in it is bound to, asks a receiver of this name.
    fn asks(&self, at: ExpressionRef, receiver: u32, depth: u32) -> bool {
        if depth > MOST_DEPTH {
            return false;
        }
        let facts = self.evaluator.project.facts(at.file);
        let asks = |id: ExpressionId| {
            let file = at.file;
            self.asks(ExpressionRef { file, id }, receiver, depth + 1)
        };
        match facts.kind(at.id) {
            ExpressionKind::Name(name) if *name != receiver => {
                let Some((_, bindings)) = self.evaluator.bindings(at, *name) else {
                    return false;
                };
                bindings.iter().any(|binding| match binding {
                    Binding::Value(value) => self.asks(*value, receiver, depth + 1),
                    _ => false,
                })
            }
            ExpressionKind::Attribute(of, _) => {
                matches!(facts.kind(*of), ExpressionKind::Name(name) if *name == receiver)
                    || asks(*of)
            }
            ExpressionKind::Call(callee, arguments) => {
                asks(*callee)
                    || arguments.iter().any(|argument| match argument {
                        Argument::Positional(value) | Argument::Named(_, value) => asks(*value),
                        Argument::Star(_) | Argument::DoubleStar(_) => false,
                    })
            }
            ExpressionKind::Template(_, parts)
            | ExpressionKind::Sequence(parts)
            | ExpressionKind::Either(parts) => parts.iter().any(|&part| asks(part)),
            ExpressionKind::Both(left, right) | ExpressionKind::Subscript(left, right) => {
                asks(*left) || asks(*right)
            }
            ExpressionKind::Await(value)
            | ExpressionKind::Starred(value)
            | ExpressionKind::Assign(_, value) => asks(*value),
            _ => false,
        }
    }
}

impl Site {
    /// The same, where the object is of a class below.
    pub(super) fn as_of(&self, class: ScopeRef) -> Self {
        Self {
            event: as_of(&self.event, class),
            handler: self.handler.as_ref().map(|handler| as_of(handler, class)),
            ..self.clone()
        }
    }
}

fn as_of(operand: &Operand, class: ScopeRef) -> Operand {
    match operand {
        Operand::Expressions(list, context) => {
            let context = Context {
                this: Some(class),
                ..context.clone()
            };
            Operand::Expressions(list.clone(), context)
        }
        other => other.clone(),
    }
}

/// Whether something is not among what was found already, and says more than that it is handed over.
pub(super) fn is_new(fact: &Fact, known: &[Fact]) -> bool {
    let is_same = |other: &Fact| match (&fact.value, &other.value) {
        (Value::Function { scope: one, .. }, Value::Function { scope: other, .. }) => one == other,
        (one, other) => one == other,
    };
    fact.is_telling() && !known.iter().any(is_same)
}
