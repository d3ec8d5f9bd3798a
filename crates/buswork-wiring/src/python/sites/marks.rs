//! Methods that are handlers by a mark or by their name.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::super::evaluate::{Ancestor, Context, Fact, Value};
use super::super::facts::ScopeKind;
use super::super::project::{ExpressionRef, ScopeRef};
use super::included::Included;
use super::{EventId, Finder, FoundSubscription, HandlerId, Operand, Site};
use crate::adapters::{Convention, Place, Special, Verb};
use crate::graph::{Grade, SiteKind};

impl Finder<'_, '_> {
    /// `@handles(OrderPlaced)` on methods, and methods called `on_OrderPlaced`.
    pub(super) fn start_marks(&mut self) {
        for index in 0..self.adapters.len() {
            let adapter = &self.adapters[index];
            for verb in &adapter.marks {
                match verb.event {
                    Place::Special(Special::Decorated) => self.start_named_mark(index, verb),
                    _ => self.start_mark(index, verb),
                }
            }
            for convention in &adapter.conventions {
                self.start_convention(index, convention);
            }
        }
    }

    fn start_mark(&mut self, index: usize, verb: &Verb) {
        let name = verb.call.rsplit('.').next().unwrap_or_default();
        let project = self.evaluator.project;
        let included = self.included(&self.adapters[index]);
        for &file in project.calling(name) {
            let facts = project.facts(file);
            for (id, scope) in (0..).zip(&facts.scopes) {
                if scope.kind != ScopeKind::Function {
                    continue;
                }
                for &decorator in &scope.decorators {
                    let at = ExpressionRef {
                        file,
                        id: decorator,
                    };
                    if self.is_mark(at, &verb.call) {
                        self.mark(index, verb, at, ScopeRef { file, id }, &included);
                    }
                }
            }
        }
    }

    /// Marks made by a call, which name the event by the function under them:
    /// `hookimpl = HookimplMarker("shop")`.
    fn start_named_mark(&mut self, index: usize, verb: &Verb) {
        let project = self.evaluator.project;
        let maker = verb.call.rsplit('.').next().unwrap_or_default();
        let mut names = BTreeSet::new();
        for &file in project.calling(maker) {
            let made = project.calls_of(file, maker);
            names.extend(
                made.into_iter()
                    .filter_map(|at| self.evaluator.name_bound_to(at)),
            );
        }
        for name in names {
            for &file in project.calling(&name) {
                let facts = project.facts(file);
                for (id, scope) in (0..).zip(&facts.scopes) {
                    for &decorator in &scope.decorators {
                        let at = ExpressionRef {
                            file,
                            id: decorator,
                        };
                        if facts.last_name(decorator) == Some(&name)
                            && self.is_made_by(at, &verb.call)
                        {
                            let function = ScopeRef { file, id };
                            self.named_mark(index, verb, &name, at, function);
                        }
                    }
                }
            }
        }
    }

    fn is_made_by(&self, decorator: ExpressionRef, path: &str) -> bool {
        let mark = self.evaluator.callee(decorator).unwrap_or(decorator);
        let found = self.evaluator.evaluate(mark, &Context::default());
        found
            .iter()
            .any(|fact| matches!(&fact.value, Value::ExternalObject(maker, _) if **maker == *path))
    }

    fn named_mark(
        &mut self,
        index: usize,
        verb: &Verb,
        name: &str,
        at: ExpressionRef,
        function: ScopeRef,
    ) {
        let mut site = Site::new(SiteKind::Subscribe, at, name, &self.protocols[index]);
        let keyword = verb.event_keyword.as_deref().unwrap_or_default();
        site.event = match self.evaluator.arguments(at).named(keyword) {
            Some(given) => Operand::one(given),
            None => Operand::Name(self.evaluator.name_of(function).into()),
        };
        site.handler = Some(Operand::Scope(function));
        self.pending.push(site);
    }

    fn is_mark(&self, decorator: ExpressionRef, path: &str) -> bool {
        let Some(callee) = self.evaluator.callee(decorator) else {
            return false;
        };
        let found = self.evaluator.evaluate(callee, &Context::default());
        found.iter().any(|fact| match &fact.value {
            Value::External(found) => &**found == path,
            Value::Function { scope, .. } => self.evaluator.dotted_path_of(*scope) == path,
            _ => false,
        })
    }

    fn mark(
        &mut self,
        index: usize,
        verb: &Verb,
        at: ExpressionRef,
        method: ScopeRef,
        included: &Included,
    ) {
        let name = verb.call.rsplit('.').next().unwrap_or_default();
        let mut site = Site::new(SiteKind::Subscribe, at, name, &self.protocols[index]);
        let arguments = self.evaluator.arguments(at);
        site.event = Operand::Expressions(arguments.all(), Context::default());
        site.handler = Some(Operand::Scope(method));
        site.options = arguments
            .keywords()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let Some(class) = self.evaluator.class_of_method(method) else {
            if included.is_whole
                && self.evaluator.kind_of(self.evaluator.scope_of(at)) == ScopeKind::Module
            {
                "it is no method, and only objects are included".clone_into(&mut site.never);
            }
            return self.pending.push(site);
        };
        let below: Vec<_> = included
            .classes
            .iter()
            .copied()
            .filter(|&below| self.evaluator.is_subclass(below, class))
            .collect();
        if below.is_empty() {
            if included.is_whole {
                site.never = format!("nothing includes a `{}`", self.evaluator.name_of(class));
            }
            return self.pending.push(site);
        }
        for class in below {
            if let Some(version) = self.marked_version(method, class, &verb.call) {
                let mut site = site.clone();
                site.handler = Some(Operand::Method(version, class));
                self.pending.push(site);
            }
        }
    }

    /// The method that a mark stands for in objects of a class: the marked one, or the one that
    /// overrides it; none where that has marks of its own.
    fn marked_version(&self, method: ScopeRef, class: ScopeRef, path: &str) -> Option<ScopeRef> {
        let name = self.evaluator.name_of(method);
        let version = self.evaluator.method(class, &name)?;
        for ancestor in self.evaluator.ancestors(class).iter() {
            let Ancestor::Here(ancestor) = ancestor else {
                continue;
            };
            let own = self.evaluator.own_methods(*ancestor).into_iter();
            for own in own.filter(|&own| self.evaluator.name_of(own) == name) {
                if own == method {
                    return Some(version);
                }
                if self.has_mark(own, path) {
                    return None;
                }
            }
        }
        None
    }

    fn has_mark(&self, method: ScopeRef, path: &str) -> bool {
        let facts = self.evaluator.project.facts(method.file);
        let mut decorators = facts.scope(method.id).decorators.iter();
        decorators.any(|&id| {
            let file = method.file;
            self.is_mark(ExpressionRef { file, id }, path)
        })
    }

    fn start_convention(&mut self, index: usize, convention: &Convention) {
        let Some((before, after)) = convention.method.split_once("{event}") else {
            return;
        };
        let mut classes: Vec<ScopeRef> = Vec::new();
        for path in &convention.classes {
            let name = path.rsplit('.').next().unwrap_or_default();
            for class in self.evaluator.project.classes_on(name) {
                if self.evaluator.is_below(class, &convention.classes) {
                    classes.extend(self.evaluator.descendants(class));
                }
            }
        }
        classes.sort_unstable();
        classes.dedup();
        for class in classes {
            for method in self.evaluator.own_methods(class) {
                let name = self.evaluator.name_of(method);
                let Some(event) = name
                    .strip_prefix(before)
                    .and_then(|name| name.strip_suffix(after))
                else {
                    continue;
                };
                self.by_convention(index, class, method, event);
            }
        }
    }

    fn by_convention(&mut self, index: usize, class: ScopeRef, method: ScopeRef, event: &str) {
        let project = self.evaluator.project;
        let facts = project.facts(method.file);
        let at = ExpressionRef {
            file: method.file,
            id: 0,
        };
        let protocol = Rc::clone(&self.protocols[index]);
        let known = project.name_in(method.file, event);
        let found: Vec<Fact> = match known {
            Some(_) => self.evaluator.member_of_module(method.file, event),
            None => Vec::new(),
        };
        let ids: Vec<_> = found
            .iter()
            .filter_map(|fact| self.evaluator.subscribed_event(fact, &protocol))
            .collect();
        let ids = if ids.is_empty() {
            vec![EventId::Name(event.into())]
        } else {
            ids
        };
        let line = facts.scope(method.id).line;
        for id in ids {
            let mut site = Site::new(SiteKind::Subscribe, at, "convention", &protocol);
            site.handler = Some(Operand::Scope(method));
            site.through.clear();
            site.line = Some(line);
            self.found.subscriptions.push(FoundSubscription {
                site,
                event: id,
                handler: HandlerId::Function(method),
                grade: Grade::Inferred,
                reason: "its name says which event it handles".to_owned(),
                of: Some(class),
                partial: None,
            });
        }
    }
}
