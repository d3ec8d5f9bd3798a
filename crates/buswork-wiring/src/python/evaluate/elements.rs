//! Collections: what is in them, and what is put into them later.

use super::super::facts::{Argument, ExpressionKind, Facts, ParameterKind, StatementKind};
use super::super::project::{ExpressionRef, FileId, ScopeRef};
use super::attributes::Added;
use super::values::distinct;
use super::{Context, Evaluator, Fact, Found, Value};
use crate::graph::Grade;

impl Evaluator<'_> {
    /// What comes out when an expression is iterated over, or something is taken from it.
    pub(crate) fn elements(&self, of: ExpressionRef, context: &Context) -> Found {
        // `names.extend(names)`: a collection that is put into itself.
        let key = (of, context.clone());
        if !self.gathering.borrow_mut().insert(key.clone()) {
            self.cut();
            return Found::default();
        }
        if !self.enter() {
            self.gathering.borrow_mut().remove(&key);
            return Found::default();
        }
        let found = self.gather(of, context);
        self.leave();
        self.gathering.borrow_mut().remove(&key);
        found
    }

    fn gather(&self, of: ExpressionRef, context: &Context) -> Found {
        let mut result = Vec::new();
        for fact in self.evaluate(of, context).iter() {
            let found = self.elements_of(&fact.value, context);
            result.extend(found.iter().map(|found| found.at_most(fact.grade)));
        }
        for added in self.added(of, context) {
            let found = match added {
                Added::One(value) => self.evaluate(value, context),
                Added::All(value) => self.elements(value, context),
            };
            result.extend(found.iter().map(|fact| fact.at_most(Grade::Inferred)));
        }
        distinct(result).into()
    }

    pub(crate) fn elements_of(&self, value: &Value, context: &Context) -> Vec<Fact> {
        match value {
            Value::Elements(found) => found.to_vec(),
            Value::Display(at, inner) => self.displayed(*at, inner),
            // One of `*events`: whatever a caller gives.
            Value::Parameter(function, index) if self.is_rest(*function, *index) => {
                vec![Fact::of(value.clone(), Grade::Inferred)]
            }
            Value::Class(class) if self.is_enumeration(*class) => {
                let facts = self.project.facts(class.file);
                let statements = facts.scope(class.id).statements.iter();
                let members = statements.filter_map(|statement| match &statement.kind {
                    StatementKind::Bind { target, .. } => facts.last_name(*target),
                    _ => None,
                });
                members
                    .map(|name| Fact::certain(Value::Member(*class, name.into())))
                    .collect()
            }
            Value::Object(class) => {
                let Some(method) = self.method(*class, "__iter__") else {
                    return Vec::new();
                };
                let inner = context.within(Some(*class));
                let found = self.returned(method, &inner);
                found
                    .iter()
                    .flat_map(|fact| match &fact.value {
                        Value::Object(_) => Vec::new(),
                        other => self.elements_of(other, &inner),
                    })
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// `these + those`, where one of them at least is a collection.
    pub(super) fn added_together(
        &self,
        left: ExpressionRef,
        right: ExpressionRef,
        context: &Context,
    ) -> Option<Fact> {
        let is_collection = |side: ExpressionRef| {
            let found = self.evaluate(side, context);
            found
                .iter()
                .any(|fact| matches!(fact.value, Value::Display(..) | Value::Elements(_)))
        };
        if !is_collection(left) && !is_collection(right) {
            return None;
        }
        let mut found = self.elements(left, context).to_vec();
        found.extend(self.elements(right, context).iter().cloned());
        let elements = Value::Elements(distinct(found).into());
        Some(Fact::of(elements, Grade::Inferred))
    }

    fn is_rest(&self, function: ScopeRef, index: usize) -> bool {
        let facts = self.project.facts(function.file);
        facts.scope(function.id).parameters[index].kind == ParameterKind::Rest
    }

    fn displayed(&self, at: ExpressionRef, context: &Context) -> Vec<Fact> {
        let facts = self.project.facts(at.file);
        let there = |id| ExpressionRef { file: at.file, id };
        match facts.kind(at.id) {
            ExpressionKind::Sequence(parts) => parts
                .iter()
                .flat_map(|&part| match facts.kind(part) {
                    ExpressionKind::Starred(inner) => {
                        self.elements(there(*inner), context).to_vec()
                    }
                    _ => self.evaluate(there(part), context).to_vec(),
                })
                .collect(),
            ExpressionKind::Mapping(items) => items
                .iter()
                .filter_map(|(key, _)| *key)
                .flat_map(|key| self.evaluate(there(key), context).to_vec())
                .collect(),
            ExpressionKind::Comprehension(element) => {
                self.evaluate(there(*element), context).to_vec()
            }
            ExpressionKind::MappingComprehension(key, _) => {
                self.evaluate(there(*key), context).to_vec()
            }
            _ => Vec::new(),
        }
    }

    /// What is added to a collection after it was made.
    fn added(&self, of: ExpressionRef, context: &Context) -> Vec<Added> {
        let facts = self.project.facts(of.file);
        match facts.kind(of.id) {
            ExpressionKind::Name(name) => {
                let Some((scope, _)) = self.bindings(of, *name) else {
                    return Vec::new();
                };
                let there = self.project.facts(scope.file).scope(scope.id);
                let mut result = Vec::new();
                for &call in &there.calls {
                    let Some((collection, added)) = addition(facts, scope.file, call) else {
                        continue;
                    };
                    if matches!(facts.kind(collection), ExpressionKind::Name(found) if found == name)
                    {
                        result.extend(added);
                    }
                }
                for statement in &there.statements {
                    if let StatementKind::Augment { target, value } = statement.kind
                        && matches!(facts.kind(target), ExpressionKind::Name(found) if found == name)
                    {
                        result.push(Added::All(ExpressionRef {
                            file: scope.file,
                            id: value,
                        }));
                    }
                }
                result
            }
            ExpressionKind::Attribute(object, name) => {
                let name = facts.text(*name);
                let object = ExpressionRef {
                    file: of.file,
                    id: *object,
                };
                let found = self.evaluate(object, context);
                let classes = found.iter().filter_map(|fact| match fact.value {
                    Value::Object(class) | Value::Class(class) => Some(class),
                    _ => None,
                });
                classes
                    .flat_map(|class| self.added_to(class, name))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// The `part`th of each element: `b` of `for a, b in pairs`.
    pub(super) fn part(&self, elements: &Found, part: usize) -> Vec<Fact> {
        let mut result = Vec::new();
        for fact in elements.iter() {
            let Value::Display(at, inner) = &fact.value else {
                if let Value::Elements(found) = &fact.value {
                    result.extend(found.iter().cloned());
                }
                continue;
            };
            let facts = self.project.facts(at.file);
            if let ExpressionKind::Sequence(parts) = facts.kind(at.id)
                && let Some(&id) = parts.get(part)
            {
                let found = self.evaluate(ExpressionRef { file: at.file, id }, inner);
                result.extend(found.iter().cloned());
            }
        }
        result
    }

    /// The `part`th of a tuple that is taken apart: `b` of `a, b = pair`.
    pub(super) fn part_of_display(&self, found: &Found, part: usize) -> Vec<Fact> {
        let mut result = Vec::new();
        for fact in found.iter() {
            let Value::Display(at, inner) = &fact.value else {
                continue;
            };
            let facts = self.project.facts(at.file);
            let ExpressionKind::Sequence(parts) = facts.kind(at.id) else {
                continue;
            };
            let is_starred = |id: &&u32| matches!(facts.kind(**id), ExpressionKind::Starred(_));
            if parts.iter().take(part + 1).any(|id| is_starred(&id)) {
                continue;
            }
            if let Some(&id) = parts.get(part) {
                let found = self.evaluate(ExpressionRef { file: at.file, id }, inner);
                result.extend(found.iter().map(|found| found.at_most(fact.grade)));
            }
        }
        result
    }

    /// `table[key]` and `table.get(key)`: the item of a known key, else all.
    pub(crate) fn item(
        &self,
        of: ExpressionRef,
        key: ExpressionRef,
        context: &Context,
    ) -> Vec<Fact> {
        let wanted = self.evaluate(key, context);
        let is_known = |fact: &Fact| {
            fact.is_telling()
                && !matches!(
                    fact.value,
                    Value::External(_) | Value::ExternalObject(..) | Value::NameOf(_)
                )
        };
        let is_told = !wanted.is_empty() && wanted.iter().all(is_known);
        let mut result = Vec::new();
        for fact in self.evaluate(of, context).iter() {
            let Value::Display(at, inner) = &fact.value else {
                result.extend(self.elements_of(&fact.value, context));
                continue;
            };
            let facts = self.project.facts(at.file);
            let there = |id| ExpressionRef { file: at.file, id };
            match facts.kind(at.id) {
                ExpressionKind::Mapping(items) => {
                    let is_one = is_told || items.len() == 1;
                    let grade = if is_one {
                        Grade::Inferred
                    } else {
                        Grade::Possible
                    };
                    for &(item_key, value) in items {
                        let keys = item_key.map(|key| self.evaluate(there(key), inner));
                        let fits = keys.is_none_or(|keys| {
                            !is_told
                                || keys.iter().any(|key| {
                                    wanted.iter().any(|wanted| wanted.value == key.value)
                                })
                        });
                        if fits {
                            let found = self.evaluate(there(value), inner);
                            result.extend(found.iter().map(|fact| fact.at_most(grade)));
                        }
                    }
                }
                ExpressionKind::MappingComprehension(_, value) => {
                    result.extend(self.evaluate(there(*value), inner).iter().cloned());
                }
                ExpressionKind::Sequence(_) | ExpressionKind::Comprehension(_) => {
                    let found = self.displayed(*at, inner);
                    result.extend(found.iter().map(|fact| fact.at_most(Grade::Inferred)));
                }
                _ => {}
            }
        }
        if result.is_empty() {
            let found = self.elements(of, context);
            result.extend(found.iter().map(|fact| fact.at_most(Grade::Inferred)));
        }
        result
    }

    /// Keys and values of mappings that are written down.
    pub(crate) fn pairs(
        &self,
        of: ExpressionRef,
        context: &Context,
    ) -> Vec<(Option<ExpressionRef>, ExpressionRef, Context)> {
        let mut result = Vec::new();
        for fact in self.evaluate(of, context).iter() {
            let Value::Display(at, inner) = &fact.value else {
                continue;
            };
            let facts = self.project.facts(at.file);
            let there = |id| ExpressionRef { file: at.file, id };
            match facts.kind(at.id) {
                ExpressionKind::Mapping(items) => {
                    for &(key, value) in items {
                        result.push((key.map(there), there(value), (**inner).clone()));
                    }
                }
                ExpressionKind::MappingComprehension(key, value) => {
                    result.push((Some(there(*key)), there(*value), (**inner).clone()));
                }
                _ => {}
            }
        }
        result
    }

    /// The scope and name of the variable that an expression is.
    pub(crate) fn variable(&self, at: ExpressionRef) -> Option<(ScopeRef, u32)> {
        let ExpressionKind::Name(name) = self.project.facts(at.file).kind(at.id) else {
            return None;
        };
        let (scope, _) = self.bindings(at, *name)?;
        Some((scope, *name))
    }
}

/// The collection that a call adds to, and what: `events.append(x)`, `queue.put(x)`.
pub(super) fn addition(facts: &Facts, file: FileId, call: u32) -> Option<(u32, Vec<Added>)> {
    let ExpressionKind::Call(function, arguments) = facts.kind(call) else {
        return None;
    };
    let ExpressionKind::Attribute(collection, name) = facts.kind(*function) else {
        return None;
    };
    let values = arguments.iter().filter_map(|argument| match argument {
        Argument::Positional(value) => Some(ExpressionRef { file, id: *value }),
        _ => None,
    });
    let values: Vec<_> = match facts.text(*name) {
        "append" | "add" | "appendleft" | "put" | "put_nowait" | "push" => {
            values.take(1).map(Added::One).collect()
        }
        "insert" => values.skip(1).take(1).map(Added::One).collect(),
        "extend" | "update" | "extendleft" => values.take(1).map(Added::All).collect(),
        _ => return None,
    };
    Some((*collection, values))
}
