//! What an annotation says of a value.

use std::rc::Rc;

use super::super::facts::ExpressionKind;
use super::super::project::ExpressionRef;
use super::{Context, Evaluator, Fact, Value};

impl Evaluator<'_> {
    /// The values that an annotation allows: `A` allows objects of `A`, `type[A]` the class `A`,
    /// `Iterable[A]` something with such elements.
    pub(crate) fn typed(&self, annotation: ExpressionRef, context: &Context) -> Vec<Fact> {
        let facts = self.project.facts(annotation.file);
        let there = |id| ExpressionRef {
            file: annotation.file,
            id,
        };
        match facts.kind(annotation.id) {
            ExpressionKind::Both(left, right) => {
                let mut result = self.typed(there(*left), context);
                result.extend(self.typed(there(*right), context));
                result
            }
            // A tuple in `isinstance`.
            ExpressionKind::Sequence(parts) => parts
                .iter()
                .flat_map(|&part| self.typed(there(part), context))
                .collect(),
            ExpressionKind::Subscript(of, key) => {
                self.parametrized(there(*of), there(*key), context)
            }
            ExpressionKind::Name(_) | ExpressionKind::Attribute(..) => {
                let found = self.evaluate(annotation, context);
                found
                    .iter()
                    .flat_map(|fact| self.instance(fact, context))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// An object of the type that a value is.
    fn instance(&self, fact: &Fact, context: &Context) -> Vec<Fact> {
        let value = match &fact.value {
            Value::Class(class) => Value::Object(*class),
            Value::Made(path, call) => Value::MadeObject(path.clone(), *call),
            Value::External(path) => match &**path {
                "typing.Self" | "typing_extensions.Self" => match context.this {
                    Some(this) => Value::Object(this),
                    None => return Vec::new(),
                },
                _ => Value::ExternalObject(path.clone(), None),
            },
            // The name of `Message = Union[Command, Event]`.
            Value::Form(form) => return self.typed(*form, context),
            // `T = TypeVar("T", bound=Event)`, `Id = NewType("Id", str)`.
            Value::ExternalObject(path, Some(call))
                if path.ends_with("TypeVar") || path.ends_with("NewType") =>
            {
                return self.bound_of(*call, context);
            }
            _ => return Vec::new(),
        };
        vec![Fact {
            value,
            grade: fact.grade,
            made: None,
        }]
    }

    fn bound_of(&self, call: ExpressionRef, context: &Context) -> Vec<Fact> {
        let arguments = self.arguments(call);
        let bound = arguments.named("bound").or_else(|| arguments.positional(1));
        bound
            .map(|bound| self.typed(bound, context))
            .unwrap_or_default()
    }

    fn parametrized(&self, of: ExpressionRef, key: ExpressionRef, context: &Context) -> Vec<Fact> {
        let facts = self.project.facts(of.file);
        let keys: Vec<_> = match facts.kind(key.id) {
            ExpressionKind::Sequence(parts) => parts
                .iter()
                .map(|&id| ExpressionRef { file: of.file, id })
                .collect(),
            _ => vec![key],
        };
        let all = |keys: &[ExpressionRef]| -> Vec<Fact> {
            keys.iter()
                .flat_map(|&key| self.typed(key, context))
                .collect()
        };
        let name = facts.last_name(of.id).unwrap_or_default();
        match name {
            "Optional" | "Union" => all(&keys),
            "Annotated"
            | "ClassVar"
            | "Final"
            | "Required"
            | "NotRequired"
            | "ReadOnly"
            | "InitVar"
            | "Awaitable"
            | "ContextManager"
            | "AbstractContextManager"
            | "AsyncContextManager"
            | "AbstractAsyncContextManager"
            | "Task"
            | "Future" => all(&keys[..keys.len().min(1)]),
            "Coroutine" => all(&keys[keys.len().min(2)..]),
            "Literal" => keys
                .iter()
                .flat_map(|&key| self.evaluate(key, context).to_vec())
                .collect(),
            "type" | "Type" => {
                let found = all(&keys);
                let classes = found.into_iter().filter_map(|fact| {
                    let value = fact.value.class()?;
                    Some(Fact { value, ..fact })
                });
                classes.collect()
            }
            "list" | "List" | "set" | "Set" | "frozenset" | "FrozenSet" | "Sequence"
            | "MutableSequence" | "Iterable" | "Iterator" | "Collection" | "AbstractSet"
            | "AsyncIterator" | "AsyncIterable" | "Generator" | "AsyncGenerator" | "deque"
            | "Deque" | "Queue" | "Reversible" | "KeysView" | "ValuesView" => {
                let elements: Rc<[Fact]> = all(&keys[..keys.len().min(1)]).into();
                vec![Fact::certain(Value::Elements(elements))]
            }
            "tuple" | "Tuple" => vec![Fact::certain(Value::Elements(all(&keys).into()))],
            _ => {
                let found = self.evaluate(of, context);
                found
                    .iter()
                    .flat_map(|fact| self.instance(fact, context))
                    .collect()
            }
        }
    }

    /// The class that a form such as `Generic[T]` is made from.
    pub(super) fn generic(&self, form: ExpressionRef) -> Option<Rc<str>> {
        let facts = self.project.facts(form.file);
        let ExpressionKind::Subscript(of, _) = facts.kind(form.id) else {
            return None;
        };
        let of = ExpressionRef {
            file: form.file,
            id: *of,
        };
        self.evaluate(of, &Context::default())
            .iter()
            .find_map(|fact| match &fact.value {
                Value::External(path) => Some(path.clone()),
                _ => None,
            })
    }

    /// The classes that an annotation names, for comparing them with events.
    pub(crate) fn classes_in(&self, annotation: ExpressionRef) -> Vec<Value> {
        let found = self.typed(annotation, &Context::default());
        found.into_iter().map(|fact| fact.value).collect()
    }
}
