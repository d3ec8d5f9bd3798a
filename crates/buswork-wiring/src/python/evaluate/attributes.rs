//! Attributes: of modules, classes, objects and what is outside.

use rustc_hash::FxHashMap;
use std::rc::Rc;

use super::super::facts::{ExpressionKind, MODULE, Name, StatementKind};
use super::super::project::{ExpressionRef, ScopeRef};
use super::{Ancestor, Binding, Context, Evaluator, Fact, Value};
use crate::graph::Grade;

/// What the methods of a class assign to attributes of `self`, and add to them.
#[derive(Debug, Default)]
pub(crate) struct Assigned {
    /// By name, what is assigned, or the annotation.
    values: FxHashMap<String, Vec<Assignment>>,
    /// By name, what is appended: `self.events.append(x)`, `self.events += xs` (all of these).
    added: FxHashMap<String, Vec<Added>>,
}

#[derive(Debug, Clone, Copy)]
enum Assignment {
    Value(ExpressionRef),
    Annotation(ExpressionRef),
}

/// Classes below another that are asked for a method that it lacks.
const MOST_BELOW: usize = 12;

/// Something added to a collection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Added {
    One(ExpressionRef),
    All(ExpressionRef),
}

impl Evaluator<'_> {
    pub(super) fn attribute_of(
        &self,
        of: ExpressionRef,
        name: Name,
        at: ExpressionRef,
        context: &Context,
    ) -> Vec<Fact> {
        let facts = self.project.facts(at.file);
        let name = facts.text(name);
        let mut result = Vec::new();
        if let Some(found) = self.submodule(of, name) {
            return vec![found];
        }
        for fact in self.evaluate(of, context).iter() {
            let found = self.attribute(&fact.value, name, context);
            result.extend(found.iter().map(|found| found.at_most(fact.grade)));
        }
        result
    }

    /// `a.b` of `import a.b`.
    fn submodule(&self, of: ExpressionRef, name: &str) -> Option<Fact> {
        let facts = self.project.facts(of.file);
        let dotted = format!("{}.{name}", plain_path(facts, of.id)?);
        let first = dotted.split('.').next().unwrap_or_default();
        let first = self.project.name_in(of.file, first)?;
        let (_, bindings) = self.bindings(of, first)?;
        let is_imported = bindings.iter().any(|binding| match binding {
            Binding::Import {
                module,
                whole: false,
                ..
            } => module == &dotted || module.starts_with(&format!("{dotted}.")),
            _ => false,
        });
        if !is_imported {
            return None;
        }
        let found = self.project.import(of.file, 0, &dotted)?;
        Some(Fact::certain(Value::Module(found)))
    }

    /// What an attribute of a value may be.
    pub(crate) fn attribute(&self, of: &Value, name: &str, context: &Context) -> Vec<Fact> {
        match of {
            Value::Module(file) => self.member_of_module(*file, name),
            Value::Class(_) | Value::Made(..) | Value::Parameter(..)
                if matches!(name, "__name__" | "__qualname__") =>
            {
                vec![Fact::certain(Value::NameOf(Box::new(of.clone())))]
            }
            Value::Object(_) | Value::MadeObject(..) if name == "__class__" => {
                of.class().map(Fact::certain).into_iter().collect()
            }
            Value::Parameter(..) if name == "__class__" => vec![Fact::certain(of.clone())],
            Value::External(path) => {
                vec![Fact::certain(Value::External(
                    format!("{path}.{name}").into(),
                ))]
            }
            Value::ExternalObject(path, Some(made)) if &**path == "types.SimpleNamespace" => {
                let given = self.arguments(*made).named(name);
                let found = given.map(|given| self.evaluate(given, context));
                found.map(|found| found.to_vec()).unwrap_or_default()
            }
            Value::ExternalObject(path, _) => {
                vec![Fact::of(
                    Value::External(format!("{path}.{name}").into()),
                    Grade::Inferred,
                )]
            }
            Value::Class(class) => self.class_attribute(*class, name, context),
            Value::Member(class, member) if name == "value" => {
                let value = self.value_of_member(*class, member);
                vec![value.unwrap_or_else(|| Fact::certain(of.clone()))]
            }
            Value::Member(..) if name == "name" => vec![Fact::certain(of.clone())],
            Value::Object(class) | Value::Member(class, _) => {
                self.object_attribute(*class, name, context)
            }
            _ => Vec::new(),
        }
    }

    fn class_attribute(&self, class: ScopeRef, name: &str, context: &Context) -> Vec<Fact> {
        let Some((owner, bindings)) = self.member(class, name) else {
            let found = self.assigned_attribute(class, name, context);
            return found.unwrap_or_else(|| self.outside_attribute(class, name));
        };
        let context = context.within(Some(class));
        let mut result = Vec::new();
        for binding in &bindings {
            let found = self.bound(binding, &context);
            let is_plain_value = matches!(binding, Binding::Value(_) | Binding::Annotated { .. });
            if is_plain_value && self.is_enumeration(owner) {
                return vec![Fact::certain(Value::Member(owner, name.into()))];
            }
            result.extend(found);
        }
        // `only = None`, and `cls.only = cls()` in a method.
        if !result.iter().any(Fact::is_telling) {
            result.extend(
                self.assigned_attribute(class, name, &context)
                    .unwrap_or_default(),
            );
        }
        result
    }

    /// The text or number that a member of an enumeration is defined as.
    pub(crate) fn value_of_member(&self, class: ScopeRef, member: &str) -> Option<Fact> {
        let (_, bindings) = self.member(class, member)?;
        let [Binding::Value(value)] = bindings.as_slice() else {
            return None;
        };
        match self.evaluate(*value, &Context::default()).as_ref() {
            [fact] if matches!(fact.value, Value::Text(_) | Value::Literal(_)) => {
                Some(fact.clone())
            }
            [fact] => {
                let is_auto =
                    matches!(&fact.value, Value::ExternalObject(path, _) if &**path == "enum.auto");
                let is_lower = self.is_below(class, &["enum.StrEnum".to_owned()]);
                (is_auto && is_lower)
                    .then(|| Fact::certain(Value::Text(member.to_lowercase().into())))
            }
            _ => None,
        }
    }

    /// An attribute that a class has from an ancestor outside of the project.
    fn outside_attribute(&self, class: ScopeRef, name: &str) -> Vec<Fact> {
        let ancestors = self.ancestors(class);
        let outside = ancestors.iter().filter_map(|ancestor| match ancestor {
            Ancestor::Outside(path) if &**path != "builtins.object" => Some(path),
            _ => None,
        });
        let paths = outside.map(|path| Value::External(format!("{path}.{name}").into()));
        paths.map(|path| Fact::of(path, Grade::Inferred)).collect()
    }

    fn object_attribute(&self, class: ScopeRef, name: &str, context: &Context) -> Vec<Fact> {
        let inner = context.within(Some(class));
        let assigned = self.assigned_attribute(class, name, context);
        let is_assigned = assigned.is_some();
        let mut result = assigned.unwrap_or_default();
        if let Some((_, bindings)) = self.member(class, name) {
            for binding in &bindings {
                match binding {
                    Binding::Scope(method) if self.is_property(*method) => {
                        result.extend(self.returned(*method, &inner));
                    }
                    Binding::Annotated {
                        annotation,
                        value: Some(value),
                    } => {
                        let found = self.evaluate(*value, &inner);
                        let is_field = found.iter().all(|fact| {
                            matches!(fact.value, Value::ExternalObject(..) | Value::External(_))
                        });
                        if is_field {
                            result.extend(self.typed(*annotation, &inner));
                        } else {
                            result.extend(found.iter().cloned());
                        }
                    }
                    Binding::Annotated {
                        annotation,
                        value: None,
                    } => {
                        let found = self.typed(*annotation, &inner);
                        result.extend(found.iter().map(|fact| fact.at_most(Grade::Inferred)));
                    }
                    _ => result.extend(self.bound(binding, &inner)),
                }
            }
        }
        let telling: Vec<_> = result
            .iter()
            .filter(|fact| fact.is_telling())
            .cloned()
            .collect();
        if !telling.is_empty() {
            return telling;
        }
        if result.is_empty() && !is_assigned {
            let below = self.attribute_below(class, name);
            return if below.is_empty() {
                self.outside_attribute(class, name)
            } else {
                below
            };
        }
        result
    }

    /// A method that a class lacks, but classes below it have: what is known of the object is less
    /// than the code knows.
    fn attribute_below(&self, class: ScopeRef, name: &str) -> Vec<Fact> {
        let below = self.descendants(class);
        if below.len() > MOST_BELOW {
            return Vec::new();
        }
        let methods = below.into_iter().skip(1).filter_map(|class| {
            let scope = self.method(class, name)?;
            let this = Some(Box::new(class));
            Some(Fact::of(Value::Function { scope, this }, Grade::Possible))
        });
        methods.collect()
    }

    /// What methods assign to an attribute of `self` or `cls`; none if nothing does.
    fn assigned_attribute(
        &self,
        class: ScopeRef,
        name: &str,
        context: &Context,
    ) -> Option<Vec<Fact>> {
        let inner = context.within(Some(class));
        let mut result = None;
        for ancestor in self.ancestors(class).iter() {
            let Ancestor::Here(ancestor) = ancestor else {
                continue;
            };
            let assigned = self.assigned(*ancestor);
            for assignment in assigned.values.get(name).into_iter().flatten() {
                let found = match assignment {
                    Assignment::Value(value) => self.evaluate(*value, &inner).to_vec(),
                    Assignment::Annotation(annotation) => self.typed(*annotation, &inner),
                };
                let list: &mut Vec<Fact> = result.get_or_insert_default();
                list.extend(found.iter().map(|fact| fact.at_most(Grade::Inferred)));
            }
        }
        result
    }

    pub(crate) fn is_property(&self, method: ScopeRef) -> bool {
        let facts = self.project.facts(method.file);
        let decorators = facts.scope(method.id).decorators.iter();
        decorators
            .filter_map(|&id| facts.last_name(id))
            .any(|name| {
                matches!(
                    name,
                    "property" | "cached_property" | "setter" | "hybrid_property"
                )
            })
    }

    /// What is added to an attribute of objects of a class, by their own methods.
    pub(crate) fn added_to(&self, class: ScopeRef, name: &str) -> Vec<Added> {
        let mut result = Vec::new();
        for ancestor in self.ancestors(class).iter() {
            let Ancestor::Here(ancestor) = ancestor else {
                continue;
            };
            result.extend(
                self.assigned(*ancestor)
                    .added
                    .get(name)
                    .into_iter()
                    .flatten()
                    .copied(),
            );
        }
        result
    }

    /// What the methods in the body of a class do to attributes of `self` or `cls`.
    fn assigned(&self, class: ScopeRef) -> Rc<Assigned> {
        if let Some(found) = self.attributes.borrow().get(&class) {
            return found.clone();
        }
        let mut assigned = Assigned::default();
        for method in self.own_methods(class) {
            self.collect_assigned(method, &mut assigned);
        }
        let assigned = Rc::new(assigned);
        self.attributes.borrow_mut().insert(class, assigned.clone());
        assigned
    }

    fn collect_assigned(&self, method: ScopeRef, assigned: &mut Assigned) {
        let facts = self.project.facts(method.file);
        let scope = facts.scope(method.id);
        let Some(first) = scope.parameters.first() else {
            return;
        };
        let there = |id| ExpressionRef {
            file: method.file,
            id,
        };
        let class = facts.scope(scope.parent).name;
        let own = |target: u32| match facts.kind(target) {
            ExpressionKind::Attribute(of, name) => match facts.kind(*of) {
                ExpressionKind::Name(of) if *of == first.name || *of == class => {
                    Some(facts.text(*name).to_owned())
                }
                _ => None,
            },
            _ => None,
        };
        for statement in &scope.statements {
            match &statement.kind {
                StatementKind::Bind { target, value } | StatementKind::Enter { target, value } => {
                    if let Some(name) = own(*target) {
                        let value = Assignment::Value(there(*value));
                        assigned.values.entry(name).or_default().push(value);
                    }
                }
                StatementKind::Annotated {
                    target,
                    annotation,
                    value,
                } => {
                    if let Some(name) = own(*target) {
                        let list = assigned.values.entry(name).or_default();
                        list.extend(value.map(|value| Assignment::Value(there(value))));
                        list.push(Assignment::Annotation(there(*annotation)));
                    }
                }
                StatementKind::Augment { target, value } => {
                    if let Some(name) = own(*target) {
                        let list = assigned.added.entry(name).or_default();
                        list.push(Added::All(there(*value)));
                    }
                }
                _ => {}
            }
        }
        for &call in &scope.calls {
            let Some((collection, added)) = super::elements::addition(facts, method.file, call)
            else {
                continue;
            };
            if let Some(name) = own(collection) {
                assigned.added.entry(name).or_default().extend(added);
            }
        }
        // What a nested function does to the outer `self` counts as well.
        for &inner in &scope.within {
            let inner = ScopeRef {
                file: method.file,
                id: inner,
            };
            let inner_scope = facts.scope(inner.id);
            if inner_scope.is_function() && inner_scope.parent != MODULE {
                self.collect_nested(inner, first.name, assigned);
            }
        }
    }

    fn collect_nested(&self, function: ScopeRef, this: Name, assigned: &mut Assigned) {
        let facts = self.project.facts(function.file);
        let there = |id| ExpressionRef {
            file: function.file,
            id,
        };
        let own = |target: u32| match facts.kind(target) {
            ExpressionKind::Attribute(of, name) => {
                let is_own = matches!(facts.kind(*of), ExpressionKind::Name(of) if *of == this);
                is_own.then(|| facts.text(*name).to_owned())
            }
            _ => None,
        };
        for statement in &facts.scope(function.id).statements {
            let StatementKind::Bind { target, value } = statement.kind else {
                continue;
            };
            if let Some(name) = own(target) {
                let list = assigned.values.entry(name).or_default();
                list.push(Assignment::Value(there(value)));
            }
        }
        for &call in &facts.scope(function.id).calls {
            if let Some((collection, added)) = super::elements::addition(facts, function.file, call)
                && let Some(name) = own(collection)
            {
                assigned.added.entry(name).or_default().extend(added);
            }
        }
    }
}

/// `a.b.c` when it is names only.
fn plain_path(facts: &super::super::facts::Facts, id: u32) -> Option<String> {
    match facts.kind(id) {
        ExpressionKind::Name(name) => Some(facts.text(*name).to_owned()),
        ExpressionKind::Attribute(of, name) => {
            Some(format!("{}.{}", plain_path(facts, *of)?, facts.text(*name)))
        }
        _ => None,
    }
}
