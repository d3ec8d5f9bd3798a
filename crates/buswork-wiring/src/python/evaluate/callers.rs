//! Who calls a function, and what is handed over for its parameters.

use std::rc::Rc;

use super::super::conventional::{is_bus_name, says};
use super::super::facts::{ExpressionKind, ScopeKind, StatementKind};
use super::super::project::{ExpressionRef, ScopeRef};
use super::values::distinct;
use super::{Binding, Context, Evaluator, Fact, Value};
use crate::graph::Grade;

/// More call sites than this of one name are not gone through.
const MOST_CALLERS: usize = 4_000;

/// A name that is called in more files than this says nothing about a parameter.
const MOST_FILES: usize = 24;

/// A method with more namesakes than this is not found by its name alone.
const MOST_NAMESAKES: usize = 2;

/// A call of a function, found by its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) call: ExpressionRef,
    /// Whether the call was followed to the function; else only the name is the same.
    pub(crate) grade: Grade,
    /// Whether the function's first parameter is filled by what it is bound to.
    pub(crate) bound: bool,
    /// Whether something else is asked to make the call.
    pub(crate) is_handed_on: bool,
    /// Whether the call is one of a method above, which is left open there.
    pub(crate) is_by_port: bool,
}

impl Evaluator<'_> {
    /// What callers hand over for a parameter.
    pub(super) fn handed_over_by_callers(&self, function: ScopeRef, index: usize) -> Vec<Fact> {
        let name = self.name_of(function);
        let called = match self.class_of_method(function) {
            Some(class) if name == "__init__" => self.name_of(class),
            _ => name,
        };
        if self.project.calling(&called).len() > MOST_FILES {
            return Vec::new();
        }
        let mut result = Vec::new();
        for caller in self.callers(function).iter() {
            let Some(argument) = self.argument_for(caller, function, index) else {
                continue;
            };
            let grade = caller.grade.max(Grade::Inferred);
            let found = self.evaluate(argument, &Context::default());
            result.extend(
                found
                    .iter()
                    .filter(|fact| fact.is_telling())
                    .map(|f| f.at_most(grade)),
            );
        }
        distinct(result)
    }

    /// The calls of a function in the project.
    pub(crate) fn callers(&self, function: ScopeRef) -> Rc<[Caller]> {
        if let Some(found) = self.callers.borrow().get(&function) {
            return found.clone();
        }
        if let Some(found) = self.provisional_callers.borrow().get(&function) {
            self.cut();
            return found.clone();
        }
        // Until they are known there are none: that ends a circle.
        self.provisional_callers
            .borrow_mut()
            .insert(function, Vec::new().into());
        let cuts = self.cuts.get();
        let is_outermost = self.depth.get() == 0;
        let found: Rc<[Caller]> = self.find_callers(function).into();
        if self.cuts.get() == cuts || is_outermost {
            self.callers.borrow_mut().insert(function, found.clone());
        } else {
            self.provisional_callers
                .borrow_mut()
                .insert(function, found.clone());
        }
        found
    }

    fn find_callers(&self, function: ScopeRef) -> Vec<Caller> {
        let facts = self.project.facts(function.file);
        let scope = facts.scope(function.id);
        if !scope.is_function() {
            return Vec::new();
        }
        let class = self.class_of_method(function);
        let bound_to = match scope.kind {
            ScopeKind::Lambda => self.name_of_lambda(function),
            _ => Some(facts.text(scope.name).to_owned()),
        };
        let Some(own) = bound_to.as_deref() else {
            return Vec::new();
        };
        let mut names: Vec<String> = vec![own.to_owned()];
        if own == "__init__"
            && let Some(class) = class
        {
            let below = self.descendants(class);
            names = below.iter().map(|class| self.name_of(*class)).collect();
            names.push("__init__".to_owned());
        }
        let mut candidates = Vec::new();
        for name in &names {
            for &file in self.project.calling(name) {
                candidates.extend(self.project.calls_of(file, name));
            }
        }
        if candidates.len() > MOST_CALLERS {
            return Vec::new();
        }
        let is_only = self.project.count_named(own) <= MOST_NAMESAKES;
        let callers = candidates.into_iter();
        callers
            .filter_map(|call| self.caller(call, function, class, is_only))
            .collect()
    }

    /// A call as one of a function, if it is.
    pub(crate) fn caller_at(&self, call: ExpressionRef, function: ScopeRef) -> Option<Caller> {
        self.caller(call, function, self.class_of_method(function), false)
    }

    /// The name that a lambda is bound to: `send = lambda event: bus.publish(event)`.
    fn name_of_lambda(&self, function: ScopeRef) -> Option<String> {
        let facts = self.project.facts(function.file);
        let outer = facts.scope(facts.scope(function.id).parent);
        outer.statements.iter().find_map(|statement| match statement.kind {
            StatementKind::Bind { target, value }
            | StatementKind::Annotated {
                target,
                value: Some(value),
                ..
            } => {
                let is_it = matches!(facts.kind(value), ExpressionKind::Lambda(id) if *id == function.id);
                is_it.then(|| facts.last_name(target).map(str::to_owned))?
            }
            _ => None,
        })
    }

    fn caller(
        &self,
        call: ExpressionRef,
        function: ScopeRef,
        class: Option<ScopeRef>,
        is_only: bool,
    ) -> Option<Caller> {
        let callee = self.callee(call)?;
        let Some((handed, _)) = self.handed_on(call) else {
            return self.caller_by(callee, call, function, class, is_only);
        };
        let found = self.caller_by(handed, call, function, class, false);
        let found = found.map(|found| Caller {
            is_handed_on: true,
            ..found
        });
        found.or_else(|| self.caller_by(callee, call, function, class, false))
    }

    fn caller_by(
        &self,
        callee: ExpressionRef,
        call: ExpressionRef,
        function: ScopeRef,
        class: Option<ScopeRef>,
        is_only: bool,
    ) -> Option<Caller> {
        let found = self.evaluate(callee, &Context::default());
        let is_static = self.is_static(function);
        for fact in found.iter() {
            match &fact.value {
                Value::Function { scope, .. } if *scope == function => {
                    let bound = class.is_some() && !is_static && self.is_bound(callee, function);
                    return Some(Caller {
                        call,
                        grade: fact.grade,
                        bound,
                        is_handed_on: false,
                        is_by_port: false,
                    });
                }
                // A port: what the class below makes of it is what runs.
                Value::Function { scope, .. }
                    if class.is_some_and(|class| self.is_made_good(*scope, function, class)) =>
                {
                    return Some(Caller {
                        call,
                        grade: fact.grade,
                        bound: !is_static,
                        is_handed_on: false,
                        is_by_port: true,
                    });
                }
                Value::Class(built)
                    if class.is_some() && self.method(*built, "__init__") == Some(function) =>
                {
                    return Some(Caller {
                        call,
                        grade: fact.grade,
                        bound: true,
                        is_handed_on: false,
                        is_by_port: false,
                    });
                }
                _ => {}
            }
        }
        let is_known = found.iter().any(Fact::is_telling);
        let facts = self.project.facts(callee.file);
        let is_method_call = match facts.kind(callee.id) {
            // `button.connect(…)`: a name that buses share with everything is not enough.
            ExpressionKind::Attribute(of, name) => {
                says(facts.text(*name)).is_none() || facts.last_name(*of).is_some_and(is_bus_name)
            }
            _ => false,
        };
        (!is_known && is_only && class.is_some() && is_method_call).then_some(Caller {
            call,
            grade: Grade::Possible,
            bound: !is_static,
            is_handed_on: false,
            is_by_port: false,
        })
    }

    /// Whether a method does what another one of a class above leaves open.
    fn is_made_good(&self, port: ScopeRef, method: ScopeRef, class: ScopeRef) -> bool {
        let above = self.class_of_method(port);
        port != method
            && above.is_some_and(|above| above != class && self.is_subclass(class, above))
            && self.is_left_open(port)
            && self.name_of(port) == self.name_of(method)
    }

    /// Whether a method does nothing but say that classes below will.
    fn is_left_open(&self, method: ScopeRef) -> bool {
        let facts = self.project.facts(method.file);
        let scope = facts.scope(method.id);
        let mut decorators = scope.decorators.iter();
        if decorators.any(|&id| facts.last_name(id) == Some("abstractmethod")) {
            return true;
        }
        scope
            .statements
            .iter()
            .all(|statement| match statement.kind {
                StatementKind::Evaluate(value) => {
                    matches!(facts.kind(value), ExpressionKind::Text(_))
                        || facts.last_name(value) == Some("NotImplementedError")
                }
                StatementKind::Return(value) => facts.last_name(value) == Some("NotImplemented"),
                _ => false,
            })
    }

    pub(crate) fn is_static(&self, function: ScopeRef) -> bool {
        let facts = self.project.facts(function.file);
        let decorators = facts.scope(function.id).decorators.iter();
        decorators
            .filter_map(|&id| facts.last_name(id))
            .any(|name| name == "staticmethod")
    }

    /// Whether a callee is a method of an object, not `Class.method` with the object handed over.
    fn is_bound(&self, callee: ExpressionRef, function: ScopeRef) -> bool {
        let facts = self.project.facts(callee.file);
        let of = match facts.kind(callee.id) {
            ExpressionKind::Attribute(of, _) => ExpressionRef {
                file: callee.file,
                id: *of,
            },
            // `register = self.register_listener`.
            ExpressionKind::Name(name) => {
                let Some((_, bindings)) = self.bindings(callee, *name) else {
                    return false;
                };
                return bindings.iter().any(|binding| match binding {
                    Binding::Value(value) => self.is_bound(*value, function),
                    _ => false,
                });
            }
            _ => return false,
        };
        let found = self.evaluate(of, &Context::default());
        let is_of_class = !found.is_empty()
            && found
                .iter()
                .all(|fact| matches!(fact.value, Value::Class(_)));
        let scope = self.project.facts(function.file);
        let decorators = scope.scope(function.id).decorators.iter();
        let is_class_method = decorators
            .filter_map(|&id| scope.last_name(id))
            .any(|name| name == "classmethod");
        !is_of_class || is_class_method
    }
}
