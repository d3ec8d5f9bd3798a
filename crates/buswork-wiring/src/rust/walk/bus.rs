//! The verbs of the bus.

use std::rc::Rc;

use syn::{Expr, Lit};

use super::calls::Calling;
use super::{PUBLISHING, SUBSCRIBING, VERBS, Walker, text_of};
use crate::rust::facts::{Guess, How, Options, PublishSite, SubscribeSite, Topic, Value};
use crate::rust::types::{Ty, last};

/// Which bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sync,
    Async,
}

/// Options of a subscription, by the verb → the name in the graph.
const OPTIONS: [(&str, &str); 5] = [
    ("priority", "priority"),
    ("named", "name"),
    ("when", "when"),
    ("once", "once"),
    ("on_error", "on_error"),
];

const BUILDER: &str = "buswork::SubscriptionBuilder";

/// Which bus a type is, without looking through pointers.
pub(super) fn bus_at(ty: &Ty) -> Option<Kind> {
    let Ty::Ext(path, _) = ty else { return None };
    match (path.starts_with("buswork::"), last(path)) {
        (true, "EventBus") => Some(Kind::Sync),
        (true, "AsyncEventBus") => Some(Kind::Async),
        _ => None,
    }
}

impl Walker<'_, '_> {
    /// A call of a method of the bus, of a builder of it, or of what may be one.
    pub(super) fn by_bus(
        &mut self,
        calling: &Calling<'_>,
        written: &Expr,
        receiver: &Value,
    ) -> Option<Value> {
        let types = Rc::clone(&self.types);
        for ty in self.program.derefs(&receiver.ty) {
            if let Some(kind) = bus_at(&ty) {
                return self.on_bus(kind, calling, Guess::default());
            }
            match ty.outer() {
                Some(("SubscriptionBuilder", _)) => return self.on_builder(calling, receiver, &ty),
                Some(("BusBuilder", parts)) => {
                    let bus = parts.first().cloned().unwrap_or_default();
                    let ty = if calling.name == "build" { bus } else { ty };
                    self.all(calling.inputs.iter().copied());
                    return Some(Value::named(ty));
                }
                _ => {}
            }
            if !self
                .program
                .methods_of(&ty, &calling.name, &types)
                .is_empty()
            {
                return None;
            }
        }
        let is_unknown = matches!(
            receiver.ty.bare(),
            Ty::Unknown | Ty::Param(_) | Ty::Bounds(_)
        );
        // Asked before its text, which is as long as the chain of calls before it.
        let verb = calling.name.as_str();
        let is_verb = verb == "on" || VERBS.contains(&verb);
        if !is_unknown || !is_verb || !self.knows_bus() {
            return None;
        }
        let name = text_of(written);
        let is_named = last_word(&name).to_lowercase().contains("bus");
        let reason = format!("`{name}` is taken for a bus, for its type is not known");
        self.by_guess(
            calling,
            Guess {
                reason,
                needs_event: !is_named,
            },
        )
    }

    /// What may be a bus: it is one if it is called so, or if the event is one elsewhere.
    fn by_guess(&mut self, calling: &Calling<'_>, guess: Guess) -> Option<Value> {
        let is_named = !guess.needs_event;
        let verb = calling.name.as_str();
        let expected = if verb.ends_with("_to") { 2 } else { 1 };
        let is_event_named = matches!(calling.turbofish.first(), Some(Ty::Own(..)));
        let is_verb = PUBLISHING.contains(&verb) || SUBSCRIBING.contains(&verb);
        if verb == "on" && calling.inputs.is_empty() && is_event_named {
            return self.on_bus(Kind::Sync, calling, guess);
        }
        if !is_verb || calling.inputs.len() != expected {
            return None;
        }
        let is_closure = matches!(calling.inputs.first(), Some(Expr::Closure(_)));
        if SUBSCRIBING.contains(&verb) && !is_named && !is_closure {
            return None;
        }
        let node = self.current;
        let value = self.on_bus(Kind::Sync, calling, guess);
        let site = self.nodes[node].publishes.last();
        if PUBLISHING.contains(&verb)
            && !is_named
            && site.is_some_and(|site| !matches!(site.event, Ty::Own(..)))
        {
            self.nodes[node].publishes.pop();
        }
        value
    }

    /// A call of a method of the bus; none if it is of no interest.
    pub(super) fn on_bus(
        &mut self,
        kind: Kind,
        calling: &Calling<'_>,
        guess: Guess,
    ) -> Option<Value> {
        let verb = calling.name.as_str();
        if PUBLISHING.contains(&verb) {
            return self.publish(kind, calling, guess);
        }
        let options = Options {
            guess,
            ..Options::default()
        };
        match (verb, &calling.inputs[..]) {
            ("on", []) => Some(builder(kind, calling, options)),
            ("topic", [topic]) => {
                let topic = Some(self.topic(topic));
                let value = builder(kind, calling, Options { topic, ..options });
                let ty = Ty::ext("Result", vec![value.ty.clone()]);
                Some(value.with(ty))
            }
            ("subscribe" | "subscribe_sync", [handler]) => {
                let event = calling.turbofish.first().cloned().unwrap_or_default();
                Some(self.subscribe(kind, calling, handler, event, Rc::new(options)))
            }
            _ => None,
        }
    }

    fn publish(&mut self, kind: Kind, calling: &Calling<'_>, guess: Guess) -> Option<Value> {
        let verb = calling.name.as_str();
        let (topic, event) = match calling.inputs[..] {
            [event] => (None, event),
            [topic, event] => (Some(topic), event),
            _ => return None,
        };
        let topic = topic.map(|topic| self.topic(topic));
        let wanted = calling
            .turbofish
            .first()
            .filter(|ty| !ty.is_unknown())
            .cloned();
        let value = self.value(event);
        let given = match (kind, verb) {
            (_, "publish_shared" | "deliver_shared") => value.ty.pointee(),
            (_, "post" | "post_to") | (Kind::Async, _) => Some(value.ty.clone()),
            (Kind::Sync, _) => Some(match &value.ty {
                Ty::Ref(target) => (**target).clone(),
                other => other.clone(),
            }),
        };
        let is_named = wanted.is_some();
        let awaited = !self.detached && !verb.starts_with("post");
        self.node().publishes.push(PublishSite {
            verb: verb.to_owned(),
            line: calling.line,
            event: wanted.or(given).unwrap_or_default(),
            how: if is_named { How::Named } else { value.how },
            made: value.made,
            from: value.from,
            topic,
            guess,
            awaited,
            text: text_of(event),
        });
        let result = Ty::ext("Result", vec![Ty::Tuple(Rc::default())]);
        let is_future = kind == Kind::Async && !verb.starts_with("post");
        Some(Value::named(if is_future {
            Ty::ext("Future", vec![result])
        } else {
            result
        }))
    }

    fn subscribe(
        &mut self,
        kind: Kind,
        calling: &Calling<'_>,
        handler: &Expr,
        event: Ty,
        options: Rc<Options>,
    ) -> Value {
        let is_async = kind == Kind::Async && calling.name == "subscribe";
        let input = match (&event, is_async) {
            (Ty::Unknown, _) => Ty::Unknown,
            (event, true) => Ty::ext("Arc", vec![event.clone()]),
            (event, false) => event.clone().reference(),
        };
        let value = match handler {
            Expr::Closure(closure) => self.closure(closure, &[input]),
            other => self.value(other),
        };
        self.node().subscribes.push(SubscribeSite {
            verb: calling.name.clone(),
            line: calling.line,
            event,
            handler: value.ty,
            how: value.how,
            from: value.from,
            options,
            is_async,
            text: text_of(handler),
        });
        Value::named(Ty::ext("buswork::Subscription", Vec::new()))
    }

    /// A call of a method of what `on` and `topic` give.
    fn on_builder(&mut self, calling: &Calling<'_>, receiver: &Value, ty: &Ty) -> Option<Value> {
        let (_, parts) = ty.outer()?;
        let event = parts.first().cloned().unwrap_or_default();
        let kind = match parts.get(1) {
            Some(Ty::Tuple(_)) => Kind::Async,
            _ => Kind::Sync,
        };
        let options = receiver.options.clone().unwrap_or_default();
        if SUBSCRIBING.contains(&calling.name.as_str())
            && let [handler] = calling.inputs[..]
        {
            return Some(self.subscribe(kind, calling, handler, event, options));
        }
        let (_, name) = OPTIONS.iter().find(|(verb, _)| *verb == calling.name)?;
        for input in &calling.inputs {
            self.value_for(
                input,
                Some(&Ty::Call([event.clone().reference()].into(), Rc::default())),
            );
        }
        let given = calling
            .inputs
            .first()
            .map_or_else(|| "true".to_owned(), |input| text_of(*input));
        let mut options = (*options).clone();
        options.given.push(((*name).to_owned(), given));
        Some(Value {
            options: Some(Rc::new(options)),
            ..Value::named(ty.clone())
        })
    }

    fn topic(&mut self, written: &Expr) -> Topic {
        self.value(written);
        self.topic_of(written, 0)
    }

    fn topic_of(&mut self, written: &Expr, depth: usize) -> Topic {
        match written {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Topic::Text(text.value()),
                _ => Topic::Unknown,
            },
            Expr::Reference(inner) => self.topic_of(&inner.expr, depth),
            Expr::Macro(call) if call.mac.path.is_ident("format") => template(&call.mac.tokens),
            Expr::Path(path) if depth < 4 => match self.named(path) {
                super::paths::Named::Static(index) => {
                    let value = self.program.statics[index].value;
                    value.map_or(Topic::Unknown, |value| self.topic_of(value, depth + 1))
                }
                _ => Topic::Unknown,
            },
            _ => Topic::Unknown,
        }
    }
}

/// What `on::<E>()` gives. The second part of its type says which bus it is of.
fn builder(kind: Kind, calling: &Calling<'_>, options: Options) -> Value {
    let event = calling.turbofish.first().cloned().unwrap_or_default();
    let bus = match kind {
        Kind::Sync => Ty::Unknown,
        Kind::Async => Ty::Tuple(Rc::default()),
    };
    let options = Some(Rc::new(options));
    Value {
        options,
        ..Value::named(Ty::ext(BUILDER, vec![event, bus]))
    }
}

/// `format!("orders.{region}.placed")` → `orders.{}.placed`.
fn template(tokens: &proc_macro2::TokenStream) -> Topic {
    let Some(first) = tokens.clone().into_iter().next() else {
        return Topic::Unknown;
    };
    let Ok(literal) = syn::parse2::<syn::LitStr>(first.into()) else {
        return Topic::Unknown;
    };
    let mut text = String::new();
    let mut inside = false;
    for character in literal.value().chars() {
        match character {
            '{' => {
                inside = true;
                text.push_str("{}");
            }
            '}' => inside = false,
            other if !inside => text.push(other),
            _ => {}
        }
    }
    Topic::Template(text)
}

/// The last word of an expression: `self.event_bus` → `event_bus`.
fn last_word(text: &str) -> &str {
    let text = text.trim_end_matches("()");
    text.rsplit(|character: char| !character.is_alphanumeric() && character != '_')
        .next()
        .unwrap_or(text)
}
