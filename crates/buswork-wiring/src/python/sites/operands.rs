//! What the events and handlers of a site may be, and why that could not be told.

use std::rc::Rc;

use super::super::evaluate::{Context, Fact, Value};
use super::super::facts::ExpressionKind;
use super::super::project::{ExpressionRef, ScopeRef};
use super::{Finder, Operand, Site};

impl Finder<'_, '_> {
    /// The values of an operand, with parameters as themselves.
    pub(super) fn values(&self, operand: &Operand, site: &Site) -> Vec<Fact> {
        match operand {
            Operand::Expressions(list, context) => {
                let context = Context {
                    parameters: true,
                    ..context.clone()
                };
                let found = list.iter().flat_map(|&at| self.values_of(at, &context));
                found.collect()
            }
            Operand::Scope(scope) => {
                vec![Fact::certain(Value::Function {
                    scope: *scope,
                    this: None,
                })]
            }
            Operand::Method(scope, class) => {
                vec![Fact::certain(Value::Function {
                    scope: *scope,
                    this: Some(Box::new(*class)),
                })]
            }
            Operand::Name(name) => vec![Fact::certain(Value::Text(name.clone()))],
            Operand::Annotation => match &site.handler {
                Some(Operand::Scope(scope)) => self.annotation_of(*scope),
                _ => Vec::new(),
            },
        }
    }

    fn values_of(&self, at: ExpressionRef, context: &Context) -> Vec<Fact> {
        let found = self.evaluator.evaluate(at, context);
        // `subscribe(A | B, handler)` is both, a tuple or list of types as well.
        let mut result = Vec::new();
        for fact in found.iter() {
            match &fact.value {
                Value::Form(form) => {
                    let typed = self.evaluator.typed(*form, context);
                    result.extend(typed.into_iter().filter_map(|fact| {
                        let value = fact.value.class()?;
                        Some(Fact { value, ..fact })
                    }));
                }
                // What is handed over is the mapping, not its keys.
                Value::Display(at, _) if self.is_mapping(*at) => result.push(fact.clone()),
                Value::Display(..) | Value::Elements(_) => {
                    result.extend(self.evaluator.elements_of(&fact.value, context));
                }
                _ => result.push(fact.clone()),
            }
        }
        result
    }

    fn is_mapping(&self, at: ExpressionRef) -> bool {
        matches!(
            self.evaluator.project.facts(at.file).kind(at.id),
            ExpressionKind::Mapping(_) | ExpressionKind::MappingComprehension(..)
        )
    }

    /// The type that a handler's first own parameter is annotated with.
    fn annotation_of(&self, function: ScopeRef) -> Vec<Fact> {
        let facts = self.evaluator.project.facts(function.file);
        let scope = facts.scope(function.id);
        let is_method = self.evaluator.class_of_method(function).is_some();
        let parameter = scope.parameters.get(usize::from(is_method));
        let Some(annotation) = parameter.and_then(|parameter| parameter.annotation) else {
            return Vec::new();
        };
        let at = ExpressionRef {
            file: function.file,
            id: annotation,
        };
        let typed = self.evaluator.typed(at, &Context::default());
        let classes = typed.into_iter().filter_map(|fact| {
            let value = fact.value.class()?;
            Some(Fact { value, ..fact })
        });
        classes.collect()
    }

    /// The values of an operand by annotations, when nobody calls the function around.
    pub(super) fn annotated(&self, operand: &Operand) -> Vec<Fact> {
        let Operand::Expressions(list, context) = operand else {
            return Vec::new();
        };
        let found = list
            .iter()
            .flat_map(|&at| self.evaluator.evaluate(at, context).to_vec());
        found.filter(Fact::is_telling).collect()
    }

    pub(super) fn reason(&self, operand: &Operand, handed_on: Option<(ScopeRef, usize)>) -> String {
        if let Some((function, index)) = handed_on {
            let facts = self.evaluator.project.facts(function.file);
            let scope = facts.scope(function.id);
            let name = facts.text(scope.parameters[index].name);
            return format!(
                "hands on `{name}` of `{}`, and nothing that was read calls it with an event",
                scope.qualname
            );
        }
        let Operand::Expressions(list, _) = operand else {
            return "nothing tells which event it is".to_owned();
        };
        let facts = |at: &ExpressionRef| self.evaluator.project.facts(at.file);
        let text = list.first().and_then(|at| facts(at).dotted(at.id));
        match text {
            Some(text) => format!("what `{text}` is could not be told"),
            None => "the event is worked out at run time".to_owned(),
        }
    }
}

pub(super) fn parameter_in(found: &[Fact]) -> Option<(ScopeRef, usize)> {
    found.iter().find_map(|fact| match fact.value {
        Value::Parameter(function, index) => Some((function, index)),
        _ => None,
    })
}

/// Where the name of a class stands for it, the class, and a site that goes by classes.
pub(super) fn classes_by_name(mut site: Site, found: Vec<Fact>) -> (Site, Vec<Fact>) {
    let is_name = |fact: &Fact| matches!(fact.value, Value::NameOf(_));
    if !found.iter().any(is_name) {
        return (site, found);
    }
    site.adapter = Rc::new(site.adapter.by_name_of_class());
    let classes = found.into_iter().map(|fact| match fact.value {
        Value::NameOf(class) => Fact {
            value: *class,
            ..fact
        },
        _ => fact,
    });
    (site, classes.collect())
}
