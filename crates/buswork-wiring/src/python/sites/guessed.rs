//! Buses that are known by the names of their methods only: classes that have one to subscribe and
//! one to publish, and calls on objects of which nothing is known.

use std::collections::BTreeSet;
use std::rc::Rc;

use rustc_hash::FxHashSet;

use super::super::conventional::{Says, is_bus_name, is_handler_name, only_subscribes, says};
use super::super::evaluate::{Context, Fact, Value};
use super::super::facts::{ExpressionKind, NOTHING, ParameterKind, ScopeKind, StatementKind};
use super::super::homemade::KeyOf;
use super::super::parse::speaks_of_handlers;
use super::super::project::{ExpressionRef, ScopeRef};
use super::{EventId, Finder, Operand, Protocol, Site};
use crate::adapters::Key;
use crate::graph::{Grade, SiteKind};

/// A method that subscribes or publishes by its name, with the indices of its parameters.
struct Method {
    function: ScopeRef,
    says: Says,
    event: usize,
    handler: Option<usize>,
}

impl Finder<'_, '_> {
    pub(super) fn by_name_protocol() -> Rc<Protocol> {
        Self::by_name(false)
    }

    fn by_name(bases: bool) -> Rc<Protocol> {
        Rc::new(Protocol {
            name: "by name".to_owned(),
            events: Key::Any,
            bases,
            any: vec!["*".to_owned()],
            external: Vec::new(),
            named: Vec::new(),
            key: KeyOf::Itself,
        })
    }

    /// Classes of the project with a method that subscribes and one that publishes.
    pub(super) fn start_named_classes(&mut self) {
        let project = self.evaluator.project;
        let [exact, loose] = [false, true].map(Self::by_name);
        for (file, read) in (0..).zip(&project.files) {
            let mut names = read.summary.functions.iter().filter_map(says);
            let first = names.next();
            if first.is_none() || !names.any(|other| Some(other) != first) {
                continue;
            }
            for (id, scope) in (0..).zip(&project.facts(file).scopes) {
                if scope.kind == ScopeKind::Class {
                    let class = ScopeRef { file, id };
                    let protocol = if self.evaluator.asks_for_bases(class) {
                        &loose
                    } else {
                        &exact
                    };
                    self.start_named_class(class, protocol);
                }
            }
        }
    }

    fn start_named_class(&mut self, class: ScopeRef, protocol: &Rc<Protocol>) {
        let own = self.evaluator.own_methods(class);
        if own.iter().any(|method| self.found.inside.contains(method)) {
            return;
        }
        let methods: Vec<_> = own
            .into_iter()
            .filter_map(|method| self.named(method))
            .collect();
        let has = |wanted: Says| methods.iter().any(|method| method.says == wanted);
        if !has(Says::Publishes) || !has(Says::Subscribes) {
            return;
        }
        for method in methods {
            self.found.inside.insert(method.function);
            let at = ExpressionRef {
                file: class.file,
                id: 0,
            };
            let name = self.evaluator.name_of(method.function);
            let kind = match method.says {
                Says::Publishes => SiteKind::Publish,
                Says::Subscribes => SiteKind::Subscribe,
            };
            let mut site = Site::new(kind, at, &name, protocol);
            site.grade = Grade::Inferred;
            site.line = Some(self.evaluator.line_of_scope(method.function));
            let event = (method.function, method.event);
            match (method.says, method.handler) {
                (Says::Publishes, _) => {
                    self.callers_of(&site, method.function, method.event, protocol);
                }
                (Says::Subscribes, Some(handler)) => {
                    let handler = (method.function, handler);
                    self.subscribers(&site, method.function, Some(event), Some(handler));
                }
                (Says::Subscribes, None) => self.decorators(&site, event),
            }
        }
    }

    /// Goes on at the calls of a method that gives a decorator for an event.
    fn decorators(&mut self, site: &Site, (function, event): (ScopeRef, usize)) {
        for caller in self.evaluator.callers(function).iter() {
            let Some(argument) = self.evaluator.argument_for(caller, function, event) else {
                continue;
            };
            let mut next = site.clone();
            next.at = caller.call;
            next.line = None;
            next.event = Operand::one(argument);
            self.apply(next);
        }
    }

    /// A method that speaks of events by its name, and has the parameters for it.
    fn named(&self, function: ScopeRef) -> Option<Method> {
        let says = says(&self.evaluator.name_of(function))?;
        let facts = self.evaluator.project.facts(function.file);
        let scope = facts.scope(function.id);
        let skip = usize::from(!self.evaluator.is_static(function));
        let plain = scope.parameters.iter().enumerate().skip(skip);
        let plain: Vec<_> = plain
            .filter(|(_, parameter)| parameter.kind == ParameterKind::Plain)
            .map(|(index, parameter)| (index, facts.text(parameter.name)))
            .collect();
        let handler = plain
            .iter()
            .find(|(_, name)| is_handler_name(name))
            .map(|(index, _)| *index);
        let event = plain
            .iter()
            .find(|(_, name)| !is_handler_name(name))
            .map(|(index, _)| *index)?;
        // One that takes no handler gives a decorator, if it gives anything.
        let gives = scope.statements.iter().any(
            |statement| matches!(statement.kind, StatementKind::Return(value) if value != NOTHING),
        );
        if says == Says::Subscribes && handler.is_none() && !(gives && plain.len() == 1) {
            return None;
        }
        let handler = handler.filter(|_| says == Says::Subscribes);
        Some(Method {
            function,
            says,
            event,
            handler,
        })
    }

    /// Calls on something unknown that look like subscribing: an event and a function, by a name that
    /// says so.
    pub(super) fn start_unknown(&mut self) {
        let project = self.evaluator.project;
        let protocol = Self::by_name_protocol();
        let taken = self.taken();
        for (file, read) in (0..).zip(&project.files) {
            let mut called = read.summary.called.iter();
            if !called.any(|called| called.rsplit('.').next().is_some_and(only_subscribes)) {
                continue;
            }
            let facts = project.facts(file);
            for &call in facts.scopes.iter().flat_map(|scope| &scope.calls) {
                let at = ExpressionRef { file, id: call };
                if !taken.contains(&at)
                    && let Some(site) = self.unknown_subscription(at, &protocol)
                {
                    self.pending.push(site);
                }
            }
        }
    }

    fn taken(&self) -> FxHashSet<ExpressionRef> {
        let published = self.found.publishes.iter().map(|one| one.site.at);
        let subscribed = self.found.subscriptions.iter().map(|one| one.site.at);
        let unresolved = self.found.unresolved.iter().map(|(site, _)| site.at);
        published.chain(subscribed).chain(unresolved).collect()
    }

    fn unknown_subscription(&self, at: ExpressionRef, protocol: &Rc<Protocol>) -> Option<Site> {
        let name = self.unknown_method(at, only_subscribes)?;
        let arguments = self.evaluator.arguments(at);
        let (event, handler) = (arguments.positional(0)?, arguments.positional(1)?);
        let handlers = self.evaluator.evaluate(handler, &Context::default());
        let takes_class = name.contains('_');
        let is_handler = handlers.iter().any(|fact| match fact.value {
            Value::Function { .. } => true,
            Value::Class(_) => takes_class && self.evaluator.handler(fact).is_some(),
            _ => false,
        });
        let events = self.evaluator.evaluate(event, &Context::default());
        // A name may be the key of any registry; a class with a handler is told by both.
        let by_name = !speaks_of_handlers(name)
            || name.contains("listener")
            || name.contains("Listener")
            || self
                .receiver_name(at)
                .is_some_and(|receiver| is_bus_name(&receiver));
        let is_event = events.iter().any(|fact| match fact.value {
            Value::Class(_) | Value::Made(..) => true,
            Value::Text(_) | Value::Template(_) | Value::Member(..) => by_name,
            _ => false,
        });
        if !is_handler || !is_event {
            return None;
        }
        let mut site = Site::new(SiteKind::Subscribe, at, name, protocol);
        site.grade = Grade::Inferred;
        site.event = Operand::one(event);
        site.handler = Some(Operand::one(handler));
        Some(site)
    }

    /// The name of the method that is called on something of which nothing is known, or that comes
    /// from a package that no adapter knows; if the name is one that is wanted, which is asked first.
    fn unknown_method(&self, at: ExpressionRef, is_wanted: fn(&str) -> bool) -> Option<&str> {
        let callee = self.evaluator.callee(at)?;
        let facts = self.evaluator.project.facts(callee.file);
        let ExpressionKind::Attribute(_, name) = facts.kind(callee.id) else {
            return None;
        };
        let name = facts.text(*name);
        if !is_wanted(name) {
            return None;
        }
        let found = self.evaluator.evaluate(callee, &Context::default());
        let is_ours = found.iter().any(|fact| {
            matches!(
                fact.value,
                Value::Function { .. } | Value::Class(_) | Value::Object(_)
            )
        });
        (!is_ours).then_some(name)
    }

    /// Calls on something unknown that look like publishing an event that somebody subscribes to.
    pub(super) fn start_unknown_publishes(&mut self) {
        let events = self
            .found
            .subscriptions
            .iter()
            .map(|subscription| subscription.event.clone());
        let known: BTreeSet<EventId> = events.collect();
        if known.is_empty() {
            return;
        }
        let project = self.evaluator.project;
        let protocol = Self::by_name_protocol();
        let taken = self.taken();
        for (file, read) in (0..).zip(&project.files) {
            let mut called = read.summary.called.iter();
            let publishes =
                |called: &str| called.rsplit('.').next().and_then(says) == Some(Says::Publishes);
            if !called.any(publishes) {
                continue;
            }
            let facts = project.facts(file);
            for &call in facts.scopes.iter().flat_map(|scope| &scope.calls) {
                let at = ExpressionRef { file, id: call };
                if !taken.contains(&at)
                    && let Some(site) = self.unknown_publish(at, &known, &protocol)
                {
                    self.pending.push(site);
                }
            }
        }
    }

    fn unknown_publish(
        &self,
        at: ExpressionRef,
        known: &BTreeSet<EventId>,
        protocol: &Rc<Protocol>,
    ) -> Option<Site> {
        let name = self.unknown_method(at, |name| says(name) == Some(Says::Publishes))?;
        let event = self.evaluator.arguments(at).positional(0)?;
        let found = self.evaluator.evaluate(event, &Context::default());
        let is_known = |fact: &Fact| {
            match fact.value {
            Value::Object(class) => known.iter().any(|event| {
                matches!(event, EventId::Class(known) if self.evaluator.is_subclass(class, *known))
            }),
            Value::MadeObject(_, call) => known.contains(&self.evaluator.class_made_by(call)),
            Value::Text(_) | Value::Member(..) => {
                let receiver = self.receiver_name(at).unwrap_or_default();
                let event = self.evaluator.published_event(fact, protocol);
                event.is_some_and(|event| known.contains(&event))
                    && (is_bus_name(&receiver) || name == "emit")
            }
            _ => false,
        }
        };
        if !found.iter().any(is_known) {
            return None;
        }
        let mut site = Site::new(SiteKind::Publish, at, name, protocol);
        site.grade = Grade::Inferred;
        site.event = Operand::one(event);
        Some(site)
    }

    fn receiver_name(&self, at: ExpressionRef) -> Option<String> {
        let callee = self.evaluator.callee(at)?;
        let facts = self.evaluator.project.facts(callee.file);
        let ExpressionKind::Attribute(of, _) = facts.kind(callee.id) else {
            return None;
        };
        facts.last_name(*of).map(str::to_owned)
    }
}
