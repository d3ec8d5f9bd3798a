//! Handlers that a decorator marks with an attribute, and that a loader finds by it: where a site
//! subscribes what it found by reflection, the marks tell what that is.

use std::rc::Rc;

use super::super::evaluate::{Context, Value};
use super::super::facts::{ExpressionKind, ScopeKind, StatementKind};
use super::super::homemade::is_event_name;
use super::super::parse::speaks_of_handlers;
use super::super::project::{ExpressionRef, ScopeRef};
use super::{Finder, Operand, Site};
use crate::graph::{Grade, SiteKind, Step};

/// A decorator that marks: `def on(event): def mark(f): f.event = event; return f; return mark`.
struct Mark {
    decorator: ScopeRef,
    /// The parameter that it takes down.
    event: usize,
    attribute: String,
}

impl Finder<'_, '_> {
    /// Resolves sites that subscribe by reflection, by the marks that their file reads.
    pub(super) fn start_reflected(&mut self) {
        let is_open = |site: &Site| site.kind == SiteKind::Subscribe;
        if !self.found.unresolved.iter().any(|(site, _)| is_open(site)) {
            return;
        }
        let marks = self.marks();
        if marks.is_empty() {
            return;
        }
        let unresolved = std::mem::take(&mut self.found.unresolved);
        for (site, reason) in unresolved {
            let mark = is_open(&site).then(|| {
                marks
                    .iter()
                    .find(|mark| self.reads(site.at.file, &mark.attribute))
            });
            let is_resolved = mark
                .flatten()
                .is_some_and(|mark| self.subscribe_marked(&site, mark));
            if !is_resolved {
                self.found.unresolved.push((site, reason));
            }
        }
    }

    fn marks(&self) -> Vec<Mark> {
        let project = self.evaluator.project;
        let mut marks: Vec<Mark> = Vec::new();
        for (file, read) in (0..).zip(&project.files) {
            if !read.summary.has_marks {
                continue;
            }
            let facts = project.facts(file);
            for (id, scope) in (0..).zip(&facts.scopes) {
                let outer = facts.scope(scope.parent);
                if scope.kind != ScopeKind::Function || !outer.is_function() {
                    continue;
                }
                marks.extend(self.mark_in(ScopeRef { file, id }));
            }
        }
        // Decorators mark for many reasons: those count that speak of events or handlers.
        marks.retain(|mark| {
            let name = mark.attribute.as_str();
            !name.contains("command") && (is_event_name(name) || speaks_of_handlers(name))
        });
        marks
    }

    fn mark_in(&self, inner: ScopeRef) -> Option<Mark> {
        let facts = self.evaluator.project.facts(inner.file);
        let scope = facts.scope(inner.id);
        let first = scope.parameters.first()?;
        scope.statements.iter().find_map(|statement| {
            let StatementKind::Bind { target, value } = statement.kind else {
                return None;
            };
            let ExpressionKind::Attribute(of, attribute) = facts.kind(target) else {
                return None;
            };
            let is_marked =
                matches!(facts.kind(*of), ExpressionKind::Name(name) if *name == first.name);
            let at = ExpressionRef {
                file: inner.file,
                id: value,
            };
            let (decorator, event) = self.parameter_within(at)?;
            let is_outer = decorator.id == scope.parent && decorator.file == inner.file;
            let attribute = facts.text(*attribute).to_owned();
            (is_marked && is_outer).then_some(Mark {
                decorator,
                event,
                attribute,
            })
        })
    }

    /// The parameter that an expression is, or that a name was bound to before it was changed
    /// (`if isinstance(names, str): names = [names]`).
    fn parameter_within(&self, at: ExpressionRef) -> Option<(ScopeRef, usize)> {
        if let Some(found) = self.evaluator.parameter_of(at) {
            return Some(found);
        }
        let (scope, name) = self.evaluator.variable(at)?;
        Some((scope, self.evaluator.parameter_named(scope, name)?))
    }

    /// Whether a file looks at an attribute of this name: `method.events`, `getattr(f, "events")`.
    fn reads(&self, file: u32, attribute: &str) -> bool {
        let facts = self.evaluator.project.facts(file);
        facts.expressions.iter().any(|one| match one.kind {
            ExpressionKind::Attribute(_, name) | ExpressionKind::Text(name) => {
                facts.text(name) == attribute
            }
            _ => false,
        })
    }

    fn subscribe_marked(&mut self, site: &Site, mark: &Mark) -> bool {
        let decorator = mark.decorator;
        let mut is_resolved = false;
        for caller in self.evaluator.callers(decorator).iter() {
            let Some(scope) = self.evaluator.decorated_by(caller.call) else {
                continue;
            };
            let Some(event) = self.evaluator.argument_for(caller, decorator, mark.event) else {
                continue;
            };
            let mut marked = site.clone();
            marked.at = caller.call;
            marked.verb = self.evaluator.name_of(decorator);
            marked.adapter = Rc::clone(&site.adapter);
            marked.event = Operand::Expressions(vec![event], Context::default());
            marked.handler = Some(Operand::Scope(scope));
            marked.grade = Grade::Inferred;
            marked.through = vec![Step {
                function: self
                    .evaluator
                    .function_path(self.evaluator.scope_of(site.at)),
                location: self.location(site.at),
            }];
            is_resolved = true;
            self.pending.push(marked);
        }
        is_resolved
    }

    /// Subscriptions that a container is told: `bind(Handler[OrderPlaced], to=Provider(Confirm))`.
    pub(super) fn start_containers(&mut self) {
        let project = self.evaluator.project;
        let protocol = Self::by_name_protocol();
        for (file, read) in (0..).zip(&project.files) {
            if !read.summary.has_handler_types {
                continue;
            }
            let facts = project.facts(file);
            for &call in facts.scopes.iter().flat_map(|scope| &scope.calls) {
                let at = ExpressionRef { file, id: call };
                if let Some((event, handler)) = self.told(at) {
                    let name = facts.last_name(call).unwrap_or_default();
                    let mut site = Site::new(SiteKind::Subscribe, at, name, &protocol);
                    site.grade = Grade::Inferred;
                    site.event = Operand::one(event);
                    site.handler = Some(handler);
                    self.pending.push(site);
                }
            }
        }
    }

    /// The event and the handler of a call with a type of handler and a handler in it.
    fn told(&self, at: ExpressionRef) -> Option<(ExpressionRef, Operand)> {
        let arguments = self.evaluator.arguments(at);
        let named = arguments.keywords().into_iter().map(|(_, value)| value);
        let all: Vec<_> = arguments.all().into_iter().chain(named).collect();
        let event = all
            .iter()
            .find_map(|&argument| self.typed_handler(argument))?;
        let handler = all
            .iter()
            .find_map(|&argument| self.handler_class(argument))?;
        Some((event, handler))
    }

    /// The event of `Handler[OrderPlaced]`.
    fn typed_handler(&self, at: ExpressionRef) -> Option<ExpressionRef> {
        let facts = self.evaluator.project.facts(at.file);
        let ExpressionKind::Subscript(of, key) = facts.kind(at.id) else {
            return None;
        };
        let speaks = super::super::parse::speaks_of_handlers(facts.last_name(*of)?);
        let event = ExpressionRef {
            file: at.file,
            id: *key,
        };
        let found = self.evaluator.evaluate(event, &Context::default());
        let is_class = found
            .iter()
            .any(|fact| matches!(fact.value, Value::Class(_)));
        (speaks && is_class).then_some(event)
    }

    /// A class of handlers, as it is or within a call: `Provider(Confirm)`.
    fn handler_class(&self, at: ExpressionRef) -> Option<Operand> {
        let found = self.evaluator.evaluate(at, &Context::default());
        let is_handler = found.iter().any(|fact| {
            matches!(fact.value, Value::Class(_) | Value::Function { .. })
                && self.evaluator.handler(fact).is_some()
        });
        if is_handler {
            return Some(Operand::one(at));
        }
        let arguments = self.evaluator.arguments(at);
        arguments.all().into_iter().find_map(|argument| {
            let found = self.evaluator.evaluate(argument, &Context::default());
            let is_handler = found.iter().any(|fact| {
                matches!(fact.value, Value::Class(_)) && self.evaluator.handler(fact).is_some()
            });
            is_handler.then(|| Operand::one(argument))
        })
    }
}
