//! What calls give of things that are not part of the project: Python's own, and those of packages.

use super::super::facts::{ExpressionKind, ScopeKind};
use super::super::project::ExpressionRef;
use super::{Ancestor, Context, Evaluator, Fact, Value};
use crate::graph::Grade;

impl Evaluator<'_> {
    /// Something taken from a collection: `events.pop(0)`, `queue.get()`, `table.get(key)`, `next(x)`.
    pub(super) fn taken(
        &self,
        callee: ExpressionRef,
        call: ExpressionRef,
        context: &Context,
    ) -> Option<Vec<Fact>> {
        let facts = self.project.facts(callee.file);
        let ExpressionKind::Attribute(of, name) = facts.kind(callee.id) else {
            return None;
        };
        let of = ExpressionRef {
            file: callee.file,
            id: *of,
        };
        let arguments = self.arguments(call);
        match facts.text(*name) {
            "pop" | "popleft" | "get_nowait" | "popitem" => {
                let found = self.elements(of, context);
                (!found.is_empty()).then(|| found.to_vec())
            }
            "get" | "setdefault" => {
                let mut found = match arguments.positional(0) {
                    Some(key) => self.item(of, key, context),
                    None => self.elements(of, context).to_vec(),
                };
                if found.is_empty() {
                    return None;
                }
                if let Some(default) = arguments.positional(1) {
                    found.extend(self.evaluate(default, context).iter().cloned());
                }
                Some(found)
            }
            "copy" | "union" => {
                let found = self.evaluate(of, context);
                let is_collection = found
                    .iter()
                    .any(|fact| matches!(fact.value, Value::Display(..) | Value::Elements(_)));
                is_collection.then(|| found.to_vec())
            }
            "values" => {
                let pairs = self.pairs(of, context);
                let found = pairs
                    .iter()
                    .flat_map(|(_, value, inner)| self.evaluate(*value, inner).to_vec());
                let found: Vec<_> = found.collect();
                (!found.is_empty()).then(|| vec![Fact::certain(Value::Elements(found.into()))])
            }
            "keys" => {
                let found = self.elements(of, context);
                (!found.is_empty()).then(|| vec![Fact::certain(Value::Elements(found))])
            }
            _ => None,
        }
    }

    /// What the call of something outside gives: known functions hand on what they get, classes are
    /// built, and of the rest only the name is kept.
    pub(super) fn call_of_external(
        &self,
        path: &str,
        at: ExpressionRef,
        context: &Context,
    ) -> Vec<Fact> {
        let arguments = self.arguments(at);
        let first = arguments.positional(0);
        let handed = |value: Option<ExpressionRef>| {
            value
                .map(|value| self.evaluate(value, context).to_vec())
                .unwrap_or_default()
        };
        match path {
            "functools.partial" => {
                let mut found = handed(first);
                for fact in &mut found {
                    if matches!(fact.value, Value::Function { .. }) {
                        fact.made = Some(at);
                    }
                }
                found
            }
            "functools.partialmethod"
            | "copy.copy"
            | "copy.deepcopy"
            | "dataclasses.replace"
            | "attr.evolve"
            | "attrs.evolve"
            | "weakref.ref"
            | "weakref.proxy"
            | "weakref.WeakMethod"
            | "asyncio.create_task"
            | "asyncio.ensure_future"
            | "asyncio.wait_for"
            | "asyncio.shield"
            | "builtins.iter"
            | "types.MethodType"
            | "functools.lru_cache"
            | "functools.cache"
            | "inspect.unwrap" => handed(first),
            "typing.cast" | "typing_extensions.cast" => first
                .map(|class| self.typed(class, context))
                .unwrap_or_default(),
            "builtins.list" | "builtins.tuple" | "builtins.set" | "builtins.sorted"
            | "builtins.reversed" | "builtins.frozenset" | "collections.deque" => {
                let found = first
                    .map(|first| self.elements(first, context))
                    .unwrap_or_default();
                vec![Fact::certain(Value::Elements(found))]
            }
            "builtins.next" | "builtins.max" | "builtins.min" | "random.choice" => first
                .map(|first| self.elements(first, context).to_vec())
                .unwrap_or_default(),
            "builtins.filter" => {
                let second = arguments.positional(1);
                let found = second
                    .map(|second| self.elements(second, context))
                    .unwrap_or_default();
                vec![Fact::certain(Value::Elements(found))]
            }
            "itertools.chain" => {
                let all = arguments.all();
                let found = all
                    .iter()
                    .flat_map(|&part| self.elements(part, context).to_vec());
                vec![Fact::certain(Value::Elements(
                    found.collect::<Vec<_>>().into(),
                ))]
            }
            "builtins.super" => self.super_object(at, context),
            "builtins.type" => {
                let found = handed(first);
                let classes = found.iter().filter_map(|fact| match &fact.value {
                    Value::Parameter(..) => Some(fact.clone()),
                    Value::Object(_) | Value::MadeObject(..) => {
                        Some(Fact::of(fact.value.class()?, fact.grade))
                    }
                    _ => None,
                });
                classes.collect()
            }
            "builtins.getattr" => self.named_attribute(at, context),
            _ if makes_a_class(path) && self.arguments(at).has_no_bases() => {
                vec![Fact::certain(Value::Made(path.into(), at))]
            }
            _ => {
                let mut fact = Fact::certain(Value::ExternalObject(path.into(), Some(at)));
                fact.made = Some(at);
                vec![fact]
            }
        }
    }

    /// `super()`: an object of the next class above.
    fn super_object(&self, at: ExpressionRef, context: &Context) -> Vec<Fact> {
        let _ = context;
        let mut scope = self.scope_of(at);
        let facts = self.project.facts(at.file);
        while facts.scope(scope.id).kind != ScopeKind::Class {
            if scope.id == facts.scope(scope.id).parent {
                return Vec::new();
            }
            scope.id = facts.scope(scope.id).parent;
        }
        let above = self.ancestors(scope);
        let above = above.get(1).map(|ancestor| match ancestor {
            Ancestor::Here(class) => Value::Object(*class),
            Ancestor::Outside(path) => Value::ExternalObject(path.clone(), None),
        });
        above.map(Fact::certain).into_iter().collect()
    }

    /// `getattr(object, "name")`.
    fn named_attribute(&self, at: ExpressionRef, context: &Context) -> Vec<Fact> {
        let arguments = self.arguments(at);
        let (Some(object), Some(name)) = (arguments.positional(0), arguments.positional(1)) else {
            return Vec::new();
        };
        let mut result = Vec::new();
        for name in self.evaluate(name, context).iter() {
            let Value::Text(name) = &name.value else {
                continue;
            };
            for fact in self.evaluate(object, context).iter() {
                let found = self.attribute(&fact.value, name, context);
                result.extend(found.iter().map(|fact| fact.at_most(Grade::Inferred)));
            }
        }
        result
    }
}

/// Functions that give a class by the name of what they get.
fn makes_a_class(path: &str) -> bool {
    matches!(
        path,
        "collections.namedtuple"
            | "typing.NamedTuple"
            | "dataclasses.make_dataclass"
            | "pydantic.create_model"
            | "attr.make_class"
            | "attrs.make_class"
            | "msgspec.defstruct"
    )
}
