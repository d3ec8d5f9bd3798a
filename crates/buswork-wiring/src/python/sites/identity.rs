//! Which event a value is, and which handler.

use std::rc::Rc;

use super::super::evaluate::{Ancestor, Binding, Context, Evaluator, Fact, Value};
use super::super::facts::{ExpressionKind, ScopeKind, StatementKind};
use super::super::homemade::KeyOf;
use super::super::project::{ExpressionRef, ScopeRef};
use super::verbs::own_path;
use super::{HandlerId, Protocol};
use crate::adapters::Key;
use crate::graph::Grade;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum EventId {
    Class(ScopeRef),
    /// A class or a signal outside of the project, by its dotted path.
    Outside(Rc<str>),
    Name(Rc<str>),
    Template(Rc<str>),
    /// A class that a call makes: its path, and the call.
    Made(Rc<str>, ExpressionRef),
    /// A signal object: its path, and where it is made.
    Signal(Rc<str>, ExpressionRef),
    Topic(Rc<str>),
    /// Every event.
    Any,
}

impl Evaluator<'_> {
    /// The event that a published value is.
    pub(super) fn published_event(&self, fact: &Fact, protocol: &Protocol) -> Option<EventId> {
        if protocol.events == Key::Signal {
            return self.signal(fact, protocol);
        }
        match &fact.value {
            Value::Object(class) => self.event_of_object(*class, protocol),
            Value::ExternalObject(path, _) if protocol.events != Key::Name => {
                is_class_path(path).then(|| EventId::Outside(path.clone()))
            }
            Value::MadeObject(_, call) | Value::Made(_, call) if protocol.events != Key::Name => {
                Some(self.class_made_by(*call))
            }
            // A bus that is asked for a class: `bus.publish(OrderPlaced, payload)`.
            Value::Class(class) if protocol.events != Key::Name => Some(EventId::Class(*class)),
            other => self.named_event(other, protocol),
        }
    }

    /// The class of an object, unless it is an envelope.
    fn event_of_object(&self, class: ScopeRef, protocol: &Protocol) -> Option<EventId> {
        if protocol.events == Key::Name {
            return None;
        }
        match &protocol.key {
            // What the envelope is for could not be told, and the class of all of them is not it.
            KeyOf::Attribute(name) if self.field_index(class, name).is_some() => None,
            _ => Some(EventId::Class(class)),
        }
    }

    pub(super) fn field_index(&self, class: ScopeRef, field: &str) -> Option<usize> {
        if let Some(method) = self.method(class, "__init__") {
            let facts = self.project.facts(method.file);
            let parameters = facts.scope(method.id).parameters.iter().skip(1);
            return { parameters }.position(|parameter| facts.text(parameter.name) == field);
        }
        let facts = self.project.facts(class.file);
        let fields =
            facts
                .scope(class.id)
                .statements
                .iter()
                .filter_map(|statement| match statement.kind {
                    StatementKind::Annotated { target, .. } => facts.last_name(target),
                    _ => None,
                });
        { fields }.position(|name| name == field)
    }

    /// The event that a value names when something subscribes to it.
    pub(super) fn subscribed_event(&self, fact: &Fact, protocol: &Protocol) -> Option<EventId> {
        if protocol.events == Key::Signal {
            return self.signal(fact, protocol);
        }
        match &fact.value {
            Value::Class(class) if self.is_exception(*class) && protocol.name != "buswork" => None,
            Value::Class(class) if protocol.events != Key::Name => Some(EventId::Class(*class)),
            Value::Made(_, call) if protocol.events != Key::Name => Some(self.class_made_by(*call)),
            Value::External(path) if &**path == "builtins.object" && protocol.bases => {
                Some(EventId::Any)
            }
            Value::External(path) if protocol.events != Key::Name => {
                is_class_path(path).then(|| EventId::Outside(path.clone()))
            }
            other => self.named_event(other, protocol),
        }
    }

    /// Exceptions have handlers that are no handlers of events.
    fn is_exception(&self, class: ScopeRef) -> bool {
        self.ancestors(class).iter().any(|ancestor| match ancestor {
            Ancestor::Outside(path) => {
                path.ends_with("Exception") || path.ends_with("Error") || path.ends_with("Warning")
            }
            Ancestor::Here(_) => false,
        })
    }

    fn named_event(&self, value: &Value, protocol: &Protocol) -> Option<EventId> {
        if protocol.events == Key::Class {
            return None;
        }
        match value {
            Value::Text(text) if protocol.any.iter().any(|any| **any == **text) => {
                Some(EventId::Any)
            }
            Value::Text(text) if protocol.name == "buswork" => Some(EventId::Topic(text.clone())),
            Value::Text(text) | Value::Literal(text) => Some(EventId::Name(text.clone())),
            Value::Template(text) => Some(EventId::Template(text.clone())),
            Value::Member(class, name) if self.is_enumeration_of_texts(*class) => {
                let found = self.value_of_member(*class, name);
                match found.map(|fact| fact.value) {
                    Some(Value::Text(text)) => Some(EventId::Name(text)),
                    _ => Some(EventId::Name(
                        format!("{}.{name}", self.name_of(*class)).into(),
                    )),
                }
            }
            Value::Member(class, name) => {
                let path = format!("{}.{name}", self.name_of(*class));
                Some(EventId::Name(path.into()))
            }
            _ => None,
        }
    }

    /// The signal that a receiver is.
    fn signal(&self, fact: &Fact, protocol: &Protocol) -> Option<EventId> {
        match &fact.value {
            Value::External(path) => {
                let own = own_path(path, &protocol.external);
                Some(EventId::Outside(
                    own.map_or_else(|| path.clone(), Into::into),
                ))
            }
            Value::ExternalObject(path, Some(call))
                if protocol.named.contains(&path.to_string()) =>
            {
                Some(self.signal_made_by(self.first_of_name(*call, &protocol.named)))
            }
            Value::ExternalObject(_, Some(call)) => Some(self.signal_made_by(*call)),
            Value::Object(_) => fact.made.map(|call| self.signal_made_by(call)),
            _ => None,
        }
    }

    /// `placed = Signal()` is `module.placed`; `signal("placed")` that no name holds is `placed`.
    fn signal_made_by(&self, call: ExpressionRef) -> EventId {
        if let Some(path) = self.path_bound_to(call) {
            return EventId::Signal(path.into(), call);
        }
        let first = self.arguments(call).positional(0);
        let found = first.map(|first| self.evaluate(first, &Context::default()));
        let text = found
            .as_ref()
            .and_then(|found| found.first())
            .map(|fact| fact.value.clone());
        match text {
            Some(Value::Text(text)) => EventId::Name(text),
            Some(Value::Template(text)) => EventId::Template(text),
            _ => {
                let path = format!(
                    "{}:{}",
                    self.path_of(self.scope_of(call)),
                    self.line_of(call)
                );
                EventId::Signal(path.into(), call)
            }
        }
    }

    /// `ParcelSent = namedtuple("ParcelSent", "number")` is `module.ParcelSent`.
    pub(crate) fn class_made_by(&self, call: ExpressionRef) -> EventId {
        let path = self.path_bound_to(call).unwrap_or_else(|| {
            format!(
                "{}:{}",
                self.path_of(self.scope_of(call)),
                self.line_of(call)
            )
        });
        EventId::Made(path.into(), call)
    }

    /// The dotted path of the module's or class's name that an expression is bound to.
    pub(super) fn path_bound_to(&self, at: ExpressionRef) -> Option<String> {
        let name = self.name_bound_to(at)?;
        let scope = self.scope_of(at);
        match self.kind_of(scope) {
            ScopeKind::Module | ScopeKind::Class => {
                let path = self.dotted_path_of(scope);
                let path = path.trim_end_matches('.');
                Some(if path.is_empty() {
                    name
                } else {
                    format!("{path}.{name}")
                })
            }
            ScopeKind::Function | ScopeKind::Lambda => {
                let class = self.class_of_method(scope)?;
                let facts = self.project.facts(at.file);
                let statement = facts
                    .scope(scope.id)
                    .statements
                    .get(facts.expression(at.id).at as usize)?;
                let StatementKind::Bind { target, .. } = statement.kind else {
                    return None;
                };
                matches!(facts.kind(target), ExpressionKind::Attribute(..))
                    .then(|| format!("{}.{name}", self.dotted_path_of(class)))
            }
        }
    }

    /// The last name that the statement around an expression binds it to.
    pub(crate) fn name_bound_to(&self, at: ExpressionRef) -> Option<String> {
        let facts = self.project.facts(at.file);
        let expression = facts.expression(at.id);
        let statement = facts
            .scope(expression.scope)
            .statements
            .get(expression.at as usize)?;
        let (StatementKind::Bind {
            target,
            value: bound,
        }
        | StatementKind::Annotated {
            target,
            value: Some(bound),
            ..
        }) = statement.kind
        else {
            return None;
        };
        let is_it = bound == at.id
            || matches!(facts.kind(bound), ExpressionKind::Call(_, list) if list.len() == 1);
        is_it
            .then(|| facts.last_name(target).map(str::to_owned))
            .flatten()
    }

    /// The handler that a value is.
    pub(super) fn handler(&self, fact: &Fact) -> Option<(HandlerId, Option<ScopeRef>)> {
        match &fact.value {
            Value::Function { scope, this } => {
                let closure = fact.made.filter(|made| !self.is_partial(*made));
                let id = match closure {
                    Some(made) => HandlerId::Closure(*scope, made),
                    None => HandlerId::Function(*scope),
                };
                Some((id, this.as_deref().copied()))
            }
            // An object that is called or handed the event; or its class, of which one is made then.
            Value::Object(class) | Value::Class(class) => {
                let method = HANDLING.iter().find_map(|name| self.method(*class, name))?;
                Some((HandlerId::Function(method), Some(*class)))
            }
            Value::External(path) if !path.starts_with("builtins.") || is_known_callable(path) => {
                Some((HandlerId::Outside(path.clone()), None))
            }
            Value::ExternalObject(path, Some(_)) if is_class_path(path) => {
                Some((HandlerId::Outside(path.clone()), None))
            }
            _ => None,
        }
    }

    /// What a wrapper around a handler was made with: `Job(handler)`, `inject(handler, mailer)`.
    pub(super) fn wrapped(&self, at: ExpressionRef, context: &Context) -> Vec<Fact> {
        let facts = self.project.facts(at.file);
        let at = match facts.kind(at.id) {
            ExpressionKind::Name(name) => {
                let bound = self.bindings(at, *name).and_then(|(_, bindings)| {
                    bindings.iter().find_map(|binding| match binding {
                        Binding::Value(value) => Some(*value),
                        _ => None,
                    })
                });
                bound.unwrap_or(at)
            }
            _ => at,
        };
        let arguments = self.arguments(at);
        let handed = arguments.all().into_iter();
        let handed = handed.chain(arguments.keywords().into_iter().map(|(_, value)| value));
        let functions = handed.flat_map(|argument| {
            let found = self.evaluate(argument, context);
            let functions: Vec<_> = found
                .iter()
                .filter(|fact| matches!(fact.value, Value::Function { .. }))
                .map(|fact| fact.at_most(Grade::Inferred))
                .collect();
            functions
        });
        functions.collect()
    }
}

/// Methods by which an object handles an event, when it is an object that is subscribed.
const HANDLING: &[&str] = &[
    "__call__",
    "handle",
    "handle_event",
    "on_event",
    "execute",
    "process",
    "notify",
    "update",
];

/// Whether something outside is a class that may be an event; `int` and `str` are not, nor what
/// `typing` has.
fn is_class_path(path: &str) -> bool {
    let root = path.split('.').next().unwrap_or_default();
    let last = path
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .trim_start_matches('_');
    last.starts_with(char::is_uppercase)
        && !matches!(
            root,
            "builtins" | "typing" | "typing_extensions" | "collections"
        )
}

fn is_known_callable(path: &str) -> bool {
    matches!(path, "builtins.print")
}
