//! How the key of a look-up is made from the event: from its class, from the bases of that, or from an
//! attribute.

use super::super::evaluate::{Binding, Context, Evaluator, Value};
use super::super::facts::{Argument, Expression, ExpressionKind, ParameterKind};
use super::super::project::{ExpressionRef, ScopeRef};
use super::KeyOf;

impl Evaluator<'_> {
    /// The parameter that a key is made from, and how.
    pub(super) fn keyed_by(
        &self,
        key: ExpressionRef,
        depth: u32,
    ) -> Option<(ScopeRef, usize, KeyOf)> {
        if depth > 6 {
            return None;
        }
        let facts = self.project.facts(key.file);
        let there = |id| ExpressionRef { file: key.file, id };
        match facts.kind(key.id) {
            ExpressionKind::Name(name) => {
                if let Some((function, index)) = self.parameter_of(key) {
                    let scope = self.project.facts(function.file).scope(function.id);
                    let is_plain = scope.parameters[index].kind == ParameterKind::Plain;
                    let is_self = index == 0
                        && self.class_of_method(function).is_some()
                        && !self.is_static(function);
                    return (is_plain && !is_self).then_some((function, index, KeyOf::Itself));
                }
                let (_, bindings) = self.bindings(key, *name)?;
                bindings.iter().find_map(|binding| match binding {
                    Binding::Value(value) => self
                        .keyed_by(*value, depth + 1)
                        .or_else(|| self.put_aside(*value)),
                    Binding::Element { iterable, .. } => {
                        let (function, index, of) = self.keyed_by(*iterable, depth + 1)?;
                        // The classes of `type(event).__mro__`; not the elements of a collection.
                        (of != KeyOf::Itself).then_some((function, index, of))
                    }
                    _ => None,
                })
            }
            ExpressionKind::Call(callee, arguments) => {
                if let ExpressionKind::Attribute(of, name) = facts.kind(*callee)
                    && matches!(facts.text(*name), "mro" | "lower" | "upper" | "strip")
                {
                    return self.keyed_by(there(*of), depth + 1);
                }
                let [Argument::Positional(argument)] = arguments.as_slice() else {
                    return None;
                };
                let (function, index, inner) = self.keyed_by(there(*argument), depth + 1)?;
                let is_type = facts.last_name(*callee) == Some("type");
                Some((function, index, if is_type { KeyOf::Class } else { inner }))
            }
            ExpressionKind::Attribute(of, name) => {
                let (function, index, inner) = self.keyed_by(there(*of), depth + 1)?;
                Some(match facts.text(*name) {
                    "__class__" => (function, index, KeyOf::Class),
                    "__mro__" | "__name__" | "__qualname__" => (function, index, inner),
                    "value" | "name" if inner == KeyOf::Class => (function, index, inner),
                    name => (function, index, KeyOf::Attribute(name.to_owned())),
                })
            }
            // `type(event).__mro__[:-1]`.
            ExpressionKind::Subscript(of, _) => {
                let found = self.keyed_by(there(*of), depth + 1)?;
                (found.2 == KeyOf::Class).then_some(found)
            }
            _ => None,
        }
    }

    /// The parameter that something taken from a queue was: `event = self.queue.pop(0)` behind
    /// `self.queue = [event]`.
    fn put_aside(&self, call: ExpressionRef) -> Option<(ScopeRef, usize, KeyOf)> {
        let facts = self.project.facts(call.file);
        let ExpressionKind::Call(callee, _) = facts.kind(call.id) else {
            return None;
        };
        let takes = matches!(facts.kind(*callee), ExpressionKind::Attribute(_, name)
            if matches!(facts.text(*name), "pop" | "popleft" | "get" | "get_nowait"));
        if !takes {
            return None;
        }
        let context = Context {
            parameters: true,
            ..Context::default()
        };
        self.evaluate(call, &context)
            .iter()
            .find_map(|fact| match fact.value {
                Value::Parameter(function, index) => Some((function, index, KeyOf::Itself)),
                _ => None,
            })
    }

    /// The call by which the event that a key is made from comes out of a queue.
    pub(super) fn taken_from_queue(&self, key: ExpressionRef, depth: u32) -> Option<ExpressionRef> {
        if depth > 6 || self.parameter_of(key).is_some() {
            return None;
        }
        let facts = self.project.facts(key.file);
        let inner = match facts.kind(key.id) {
            ExpressionKind::Name(name) => {
                let (_, bindings) = self.bindings(key, *name)?;
                return bindings.iter().find_map(|binding| match binding {
                    Binding::Value(value) if self.put_aside(*value).is_some() => Some(*value),
                    Binding::Value(value) => self.taken_from_queue(*value, depth + 1),
                    _ => None,
                });
            }
            ExpressionKind::Attribute(of, _) => *of,
            ExpressionKind::Call(_, arguments) => match arguments.first()? {
                Argument::Positional(first) => *first,
                _ => return None,
            },
            _ => return None,
        };
        let inner = ExpressionRef {
            file: key.file,
            id: inner,
        };
        self.taken_from_queue(inner, depth + 1)
    }

    /// Whether the methods of a class ask whether something is of a class that they get or have
    /// kept, or go through the bases of one: `isinstance(event, kind)`.
    pub(crate) fn asks_for_bases(&self, class: ScopeRef) -> bool {
        self.own_methods(class).into_iter().any(|method| {
            let facts = self.project.facts(method.file);
            let there = |id| ExpressionRef {
                file: method.file,
                id,
            };
            let asks = facts.scope(method.id).calls.iter().any(|&call| {
                let name = facts.last_name(call);
                let asked = self.arguments(there(call)).positional(1);
                matches!(name, Some("mro" | "getmro"))
                    || matches!(name, Some("isinstance" | "issubclass"))
                        && asked.is_some_and(|asked| {
                            let found = self.evaluate(asked, &Context::default());
                            !found
                                .iter()
                                .any(|fact| matches!(fact.value, Value::External(_)))
                        })
            });
            let in_method = |one: &&Expression| one.scope == method.id;
            asks || facts.expressions.iter().filter(in_method).any(|one| {
                matches!(one.kind, ExpressionKind::Attribute(_, name) if facts.text(name) == "__mro__")
            })
        })
    }

    /// Whether a key goes through the bases of a class: `type(event).__mro__`.
    pub(super) fn looks_up_bases(&self, key: ExpressionRef, depth: u32) -> bool {
        if depth > 6 {
            return false;
        }
        let facts = self.project.facts(key.file);
        let there = |id| ExpressionRef { file: key.file, id };
        match facts.kind(key.id) {
            ExpressionKind::Name(name) => {
                let Some((_, bindings)) = self.bindings(key, *name) else {
                    return false;
                };
                bindings.iter().any(|binding| match binding {
                    Binding::Value(value)
                    | Binding::Element {
                        iterable: value, ..
                    } => self.looks_up_bases(*value, depth + 1),
                    _ => false,
                })
            }
            ExpressionKind::Attribute(of, name) => {
                matches!(facts.text(*name), "__mro__" | "mro" | "__bases__")
                    || self.looks_up_bases(there(*of), depth + 1)
            }
            ExpressionKind::Call(callee, arguments) => {
                facts.last_name(*callee) == Some("getmro")
                    || self.looks_up_bases(there(*callee), depth + 1)
                    || arguments.iter().any(|argument| match argument {
                        Argument::Positional(value) => {
                            self.looks_up_bases(there(*value), depth + 1)
                        }
                        _ => false,
                    })
            }
            ExpressionKind::Subscript(of, _) => self.looks_up_bases(there(*of), depth + 1),
            _ => false,
        }
    }
}
