//! What a name is bound to, where it is used.

use super::super::facts::{
    ExpressionId, ExpressionKind, Facts, MODULE, Name, ParameterKind, ScopeKind, StatementKind,
};
use super::super::project::{ExpressionRef, FileId, ScopeRef};
use super::builtins::is_builtin;
use super::{Context, Evaluator, Fact, Value};
use crate::graph::Grade;

/// Something that binds a name.
#[derive(Debug, Clone)]
pub(crate) enum Binding {
    /// `def` or `class`.
    Scope(ScopeRef),
    /// `name = value`.
    Value(ExpressionRef),
    /// `name: annotation = value`.
    Annotated {
        annotation: ExpressionRef,
        value: Option<ExpressionRef>,
    },
    /// A loop variable: what is iterated over, and which part of each element.
    Element {
        iterable: ExpressionRef,
        part: Option<usize>,
    },
    /// `with value as name`.
    Entered(ExpressionRef),
    /// `import a.b` or `import a.b as c`.
    Import {
        file: FileId,
        module: String,
        whole: bool,
    },
    /// `from a import b`.
    From {
        file: FileId,
        level: u32,
        module: String,
        name: String,
    },
    /// A parameter.
    Parameter(ScopeRef, usize),
    /// `isinstance(name, class)` holds.
    Narrowed(ExpressionRef),
    /// Something that cannot be told.
    Blank,
}

impl Evaluator<'_> {
    pub(super) fn name(&self, at: ExpressionRef, name: Name, context: &Context) -> Vec<Fact> {
        let Some((scope, bindings)) = self.bindings(at, name) else {
            return self.builtin(at, name);
        };
        if let Some(fixed) = &context.fixed
            && let Some((_, value)) = fixed.iter().find(|(key, _)| *key == (scope, name))
        {
            return self.evaluate(*value, context).to_vec();
        }
        let mut result = Vec::new();
        for binding in &bindings {
            if !matches!(binding, Binding::Narrowed(_)) {
                result.extend(self.bound(binding, context));
            }
        }
        let narrowed = bindings.iter().rev().find_map(|binding| match binding {
            Binding::Narrowed(class) => Some(*class),
            _ => None,
        });
        match narrowed {
            Some(class) => self.narrowed(result, class, context),
            None => result,
        }
    }

    /// What is left of a variable's values where it is known to be an object of a class.
    fn narrowed(&self, found: Vec<Fact>, class: ExpressionRef, context: &Context) -> Vec<Fact> {
        let allowed = self.typed(class, context);
        let classes: Vec<_> = allowed
            .iter()
            .filter_map(|fact| match fact.value {
                Value::Object(class) => Some(class),
                _ => None,
            })
            .collect();
        let mut result = Vec::new();
        for fact in found {
            match fact.value {
                Value::Object(is) if classes.iter().any(|class| self.is_subclass(is, *class)) => {
                    result.push(fact);
                }
                Value::Parameter(..) if context.parameters => result.push(fact),
                _ => {}
            }
        }
        if result.is_empty() {
            result.extend(allowed.iter().map(|fact| fact.at_most(Grade::Inferred)));
        }
        result
    }

    /// Names that are always there.
    fn builtin(&self, at: ExpressionRef, name: Name) -> Vec<Fact> {
        let facts = self.project.facts(at.file);
        if let Some(found) = self.starred(at.file, facts.text(name)) {
            return found;
        }
        let name = facts.text(name);
        if !is_builtin(name) {
            return Vec::new();
        }
        vec![Fact::certain(Value::External(
            format!("builtins.{name}").into(),
        ))]
    }

    /// A name that comes by `from … import *`.
    fn starred(&self, file: FileId, name: &str) -> Option<Vec<Fact>> {
        let facts = self.project.facts(file);
        let module = facts.scope(MODULE);
        for &star in self.project.stars(file).iter().rev() {
            let StatementKind::Star { level, module } = &module.statements[star as usize].kind
            else {
                continue;
            };
            let Some(other) = self.project.import(file, *level, facts.text(*module)) else {
                continue;
            };
            if other == file {
                continue;
            }
            let key = (other, name.to_owned());
            if !self.starring.borrow_mut().insert(key.clone()) {
                self.cut();
                continue;
            }
            let found = self.member_of_module(other, name);
            self.starring.borrow_mut().remove(&key);
            if !found.is_empty() {
                return Some(found);
            }
        }
        None
    }

    /// The bindings that a use of a name may mean, and the scope that they stand in.
    pub(crate) fn bindings(
        &self,
        at: ExpressionRef,
        name: Name,
    ) -> Option<(ScopeRef, Vec<Binding>)> {
        let facts = self.project.facts(at.file);
        let expression = facts.expression(at.id);
        let mut scope = ScopeRef {
            file: at.file,
            id: expression.scope,
        };
        let mut before = Some(expression.at);
        let mut is_first = true;
        let mut runs_later = false;
        loop {
            let here = facts.scope(scope.id);
            let is_visible = is_first || here.kind != ScopeKind::Class;
            if is_visible && !here.outer.contains(&name) {
                let found = self.bindings_in(scope, name, before);
                if !found.is_empty() {
                    return Some((scope, found));
                }
            }
            if scope.id == MODULE {
                return None;
            }
            // A nested function runs later: what it sees of the outside is how that ends. A class
            // body runs where it stands.
            runs_later |= here.is_function();
            before = (!runs_later).then_some(here.at);
            is_first = false;
            scope.id = here.parent;
        }
    }

    /// The bindings of a name in one scope: those that may hold before a statement, or at the end.
    pub(crate) fn bindings_in(
        &self,
        scope: ScopeRef,
        name: Name,
        before: Option<u32>,
    ) -> Vec<Binding> {
        let facts = self.project.facts(scope.file);
        let here = facts.scope(scope.id);
        let all = self.project.binding_statements(scope, name);
        let end = before.map_or(all.len(), |before| all.partition_point(|&at| at < before));
        let use_block = match before {
            Some(at) => here
                .statements
                .get(at as usize)
                .map_or(0, |statement| statement.block),
            None => 0,
        };
        let mut found = Vec::new();
        let mut is_settled = false;
        for &at in all[..end].iter().rev() {
            let statement = &here.statements[at as usize];
            if matches!(statement.kind, StatementKind::Narrow { .. })
                && !Facts::holds(here, statement.block, use_block)
            {
                continue;
            }
            let Some(binding) = self.binding(scope, &statement.kind, name) else {
                continue;
            };
            let is_narrowing = matches!(binding, Binding::Narrowed(_));
            found.push(binding);
            if is_narrowing {
                continue;
            }
            if Facts::holds(here, statement.block, use_block) {
                is_settled = true;
                break;
            }
        }
        if !is_settled && let Some(parameter) = self.parameter_named(scope, name) {
            found.push(Binding::Parameter(scope, parameter));
        } else if found.is_empty() && end < all.len() && here.is_function() {
            // A loop may come round again with what is bound further down.
            let later = all[end..].iter();
            let later = later.map(|&at| &here.statements[at as usize].kind);
            found.extend(
                later
                    .filter_map(|kind| self.binding(scope, kind, name))
                    .take(2),
            );
        }
        found.reverse();
        for &(inner, at) in self.project.bound_within(scope, name) {
            let statement = &facts.scope(inner).statements[at as usize];
            let inner = ScopeRef {
                file: scope.file,
                id: inner,
            };
            found.extend(self.binding(inner, &statement.kind, name));
        }
        found
    }

    pub(crate) fn parameter_named(&self, scope: ScopeRef, name: Name) -> Option<usize> {
        let parameters = &self.project.facts(scope.file).scope(scope.id).parameters;
        parameters
            .iter()
            .position(|parameter| parameter.name == name)
    }

    fn binding(&self, scope: ScopeRef, kind: &StatementKind, name: Name) -> Option<Binding> {
        let facts = self.project.facts(scope.file);
        let there = |id| ExpressionRef {
            file: scope.file,
            id,
        };
        Some(match kind {
            StatementKind::Import { module, alias } => Binding::Import {
                file: scope.file,
                module: facts.text(*module).to_owned(),
                whole: alias.is_some(),
            },
            StatementKind::From {
                level,
                module,
                name,
                ..
            } => Binding::From {
                file: scope.file,
                level: *level,
                module: facts.text(*module).to_owned(),
                name: facts.text(*name).to_owned(),
            },
            StatementKind::Bind { value, .. } => Binding::Value(there(*value)),
            StatementKind::Annotated {
                annotation, value, ..
            } => Binding::Annotated {
                annotation: there(*annotation),
                value: value.map(there),
            },
            StatementKind::Each { target, iterable } => Binding::Element {
                iterable: there(*iterable),
                part: part_of(facts, *target, name),
            },
            StatementKind::Enter { value, .. } => Binding::Entered(there(*value)),
            StatementKind::Define(id) => Binding::Scope(ScopeRef {
                file: scope.file,
                id: *id,
            }),
            StatementKind::Narrow { class, .. } => Binding::Narrowed(there(*class)),
            StatementKind::Blank { .. } => Binding::Blank,
            // `+=` adds to what was bound before.
            _ => return None,
        })
    }

    /// The values of a binding.
    pub(crate) fn bound(&self, binding: &Binding, context: &Context) -> Vec<Fact> {
        match binding {
            Binding::Scope(scope) => vec![self.defined(*scope, context)],
            Binding::Value(value) => self.evaluate(*value, context).to_vec(),
            Binding::Annotated { annotation, value } => {
                let found = value.map(|value| self.evaluate(value, context).to_vec());
                let found = found.unwrap_or_default();
                let is_told = found
                    .iter()
                    .any(|fact| !matches!(fact.value, Value::Parameter(..)));
                if is_told {
                    found
                } else {
                    self.typed(*annotation, context)
                }
            }
            Binding::Element { iterable, part } => {
                let elements = self.elements(*iterable, context);
                let facts = match part {
                    None => elements.to_vec(),
                    Some(part) => self.part(&elements, *part),
                };
                facts
                    .iter()
                    .map(|fact| fact.at_most(Grade::Inferred))
                    .collect()
            }
            Binding::Entered(value) => self.entered(*value, context),
            Binding::Import {
                file,
                module,
                whole,
            } => self.imported(*file, module, *whole),
            Binding::From {
                file,
                level,
                module,
                name,
            } => self.imported_from(*file, *level, module, name),
            Binding::Parameter(function, index) => self.parameter(*function, *index, context),
            Binding::Narrowed(class) => {
                let found = self.typed(*class, context);
                found
                    .iter()
                    .map(|fact| fact.at_most(Grade::Inferred))
                    .collect()
            }
            Binding::Blank => Vec::new(),
        }
    }

    /// A function or class by its definition.
    pub(crate) fn defined(&self, scope: ScopeRef, context: &Context) -> Fact {
        let kind = self.project.facts(scope.file).scope(scope.id).kind;
        Fact::certain(match kind {
            ScopeKind::Class => Value::Class(scope),
            _ => Value::Function {
                scope,
                this: context.this.map(Box::new),
            },
        })
    }

    fn imported(&self, file: FileId, module: &str, whole: bool) -> Vec<Fact> {
        let bound = if whole {
            module
        } else {
            module.split('.').next().unwrap_or_default()
        };
        match self.project.import(file, 0, bound) {
            Some(found) => vec![Fact::certain(Value::Module(found))],
            None => vec![Fact::certain(Value::External(bound.into()))],
        }
    }

    fn imported_from(&self, file: FileId, level: u32, module: &str, name: &str) -> Vec<Fact> {
        if let Some(found) = self.project.import(file, level, module) {
            // A package's own name goes before a module in it, unless it is that very import.
            if found != file {
                let members = self.member_of_module(found, name);
                if !members.is_empty() {
                    return members;
                }
            }
        }
        let join = if module.is_empty() { "" } else { "." };
        let inner = format!("{module}{join}{name}");
        if let Some(found) = self.project.import(file, level, &inner) {
            return vec![Fact::certain(Value::Module(found))];
        }
        if level > 0 || self.project.import(file, level, module).is_some() {
            return Vec::new();
        }
        vec![Fact::certain(Value::External(inner.into()))]
    }

    /// What a module's name means from outside.
    pub(crate) fn member_of_module(&self, file: FileId, name: &str) -> Vec<Fact> {
        let scope = ScopeRef { file, id: MODULE };
        let context = Context::default();
        let mut result = Vec::new();
        if let Some(name) = self.project.name_in(file, name) {
            for binding in self.bindings_in(scope, name, None) {
                // Modules that import from each other in a circle would ask for ever.
                if self.enter() {
                    result.extend(self.bound(&binding, &context));
                    self.leave();
                }
            }
        }
        if result.is_empty() {
            result.extend(self.starred(file, name).unwrap_or_default());
        }
        if result.is_empty() {
            let module = &self.project.file(file).module;
            let inner = format!("{module}.{name}");
            if let Some(found) = self.project.import(file, 0, &inner)
                && self.project.file(found).module == inner
            {
                result.push(Fact::certain(Value::Module(found)));
            }
        }
        result
    }

    /// The parameter that an expression is, when it is nothing else.
    pub(crate) fn parameter_of(&self, at: ExpressionRef) -> Option<(ScopeRef, usize)> {
        let facts = self.project.facts(at.file);
        let name = match facts.kind(at.id) {
            ExpressionKind::Name(name) => *name,
            ExpressionKind::Await(value) | ExpressionKind::Starred(value) => {
                return self.parameter_of(ExpressionRef {
                    file: at.file,
                    id: *value,
                });
            }
            _ => return None,
        };
        let (_, bindings) = self.bindings(at, name)?;
        bindings.iter().find_map(|binding| match binding {
            Binding::Parameter(function, index) => Some((*function, *index)),
            _ => None,
        })
    }

    /// What is known of a parameter.
    fn parameter(&self, function: ScopeRef, index: usize, context: &Context) -> Vec<Fact> {
        let facts = self.project.facts(function.file);
        let scope = facts.scope(function.id);
        let parameter = scope.parameters[index];
        if index == 0
            && let Some(found) = self.receiver(function, context)
        {
            return vec![found];
        }
        if context.parameters {
            return vec![Fact::of(Value::Parameter(function, index), Grade::Inferred)];
        }
        let rest = matches!(
            parameter.kind,
            ParameterKind::Rest | ParameterKind::KeywordRest
        );
        let there = |id| ExpressionRef {
            file: function.file,
            id,
        };
        if let Some(annotation) = parameter.annotation {
            let found = self.typed(there(annotation), context);
            let found: Vec<_> = found
                .iter()
                .map(|fact| fact.at_most(Grade::Inferred))
                .collect();
            if rest {
                let elements = Value::Elements(found.into());
                return vec![Fact::of(elements, Grade::Inferred)];
            }
            if found.iter().any(super::values::Fact::is_telling) {
                return found;
            }
        }
        if rest {
            return vec![Fact::of(Value::Parameter(function, index), Grade::Inferred)];
        }
        let mut result = Vec::new();
        if let Some(default) = parameter.default {
            let found = self.evaluate(there(default), &Context::default());
            result.extend(found.iter().map(|fact| fact.at_most(Grade::Inferred)));
        }
        result.extend(self.handed_over_by_callers(function, index));
        if result.is_empty() {
            result.push(Fact::of(Value::Parameter(function, index), Grade::Inferred));
        }
        result
    }

    /// The first parameter of a method: the object, or the class.
    fn receiver(&self, function: ScopeRef, context: &Context) -> Option<Fact> {
        let facts = self.project.facts(function.file);
        let scope = facts.scope(function.id);
        let class = ScopeRef {
            file: function.file,
            id: scope.parent,
        };
        if scope.kind != ScopeKind::Function || facts.scope(class.id).kind != ScopeKind::Class {
            return None;
        }
        let decorators = scope
            .decorators
            .iter()
            .filter_map(|&id| facts.last_name(id));
        let mut is_class_method = matches!(
            facts.text(scope.name),
            "__new__" | "__init_subclass__" | "__class_getitem__"
        );
        for decorator in decorators {
            match decorator {
                "staticmethod" => return None,
                "classmethod" => is_class_method = true,
                _ => {}
            }
        }
        let class = match context.this {
            Some(this) if self.is_subclass(this, class) => this,
            _ => class,
        };
        Some(Fact::certain(if is_class_method {
            Value::Class(class)
        } else {
            Value::Object(class)
        }))
    }
}

/// Which part of each element a name in a loop's target is: `b` of `for a, b in …` is 1.
fn part_of(facts: &Facts, target: ExpressionId, name: Name) -> Option<usize> {
    let ExpressionKind::Sequence(parts) = facts.kind(target) else {
        return None;
    };
    parts
        .iter()
        .position(|&part| facts.names_in_target(part).contains(&name))
}

impl Fact {
    /// Whether it says more than that there is something.
    pub(crate) fn is_telling(&self) -> bool {
        match &self.value {
            Value::Parameter(..) => false,
            Value::NameOf(class) => !matches!(**class, Value::Parameter(..)),
            Value::ExternalObject(path, None) => {
                !matches!(&**path, "typing.Any" | "builtins.object")
            }
            _ => true,
        }
    }
}
