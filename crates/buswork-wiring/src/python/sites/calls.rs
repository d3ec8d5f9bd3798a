//! Calls and decorators that an adapter knows: here sites begin.

use super::super::evaluate::{Arguments, Context};
use super::super::facts::{ExpressionKind, Facts};
use super::super::project::{ExpressionRef, ScopeRef};
use super::verbs::{Match, Verbs};
use super::{Finder, Operand, Site};
use crate::adapters::{Place, Special, Verb};
use crate::graph::{SiteKind, Step};

/// Names of names of a verb that are looked for.
const MOST_ALIASES: usize = 3;

impl Finder<'_, '_> {
    /// Calls and decorators that speak to a bus of an adapter.
    pub(super) fn start_adapters(&mut self) {
        let project = self.evaluator.project;
        let mut known = Verbs::of(self.adapters.iter());
        // Other names of verbs, and those of such names: `send = bus.publish`.
        for _ in 0..MOST_ALIASES {
            let mut has_more = false;
            for file in self.calling(&known) {
                has_more |= known.learn(project.aliases(file));
            }
            if !has_more {
                break;
            }
        }
        for file in self.calling(&known) {
            self.start_file(file, &known);
        }
    }

    /// Files in which something is called by the name of a verb.
    fn calling(&self, known: &Verbs<'_>) -> Vec<u32> {
        let mut files = Vec::new();
        for (file, read) in (0..).zip(&self.evaluator.project.files) {
            let mut called = read.summary.called.iter().map(|called| {
                called
                    .split_once('.')
                    .map_or((None, called), |(of, name)| (Some(of), name))
            });
            if called.any(|(receiver, name)| known.may_be(receiver, name)) {
                files.push(file);
            }
        }
        files
    }

    fn start_file(&mut self, file: u32, verbs: &Verbs<'_>) {
        let facts = self.evaluator.project.facts(file);
        for scope in &facts.scopes {
            for &call in &scope.calls {
                let ExpressionKind::Call(callee, _) = facts.kind(call) else {
                    continue;
                };
                let at = ExpressionRef { file, id: call };
                if is_named(facts, *callee, verbs) {
                    self.start_call(at);
                }
                if let Some((handed, arguments)) = self.evaluator.handed_on(at)
                    && is_named(facts, handed.id, verbs)
                    && let Some(found) = self.match_callee(handed)
                {
                    self.start_match(&found, at, handed, &arguments, None, &[]);
                } else {
                    self.start_handed_on(at, verbs);
                }
            }
        }
        for (id, scope) in (0..).zip(&facts.scopes) {
            for &decorator in &scope.decorators {
                let is_bare = !matches!(facts.kind(decorator), ExpressionKind::Call(..));
                if is_bare && is_named(facts, decorator, verbs) {
                    let at = ExpressionRef {
                        file,
                        id: decorator,
                    };
                    self.start_bare_decorator(at, ScopeRef { file, id });
                }
            }
        }
    }

    fn start_call(&mut self, at: ExpressionRef) {
        let Some(callee) = self.evaluator.callee(at) else {
            return;
        };
        let Some(found) = self.match_callee(callee) else {
            return;
        };
        let arguments = self.evaluator.arguments(at);
        self.start_match(&found, at, callee, &arguments, None, &[]);
    }

    /// `@signal.connect`, `@bus.handler`: the decorator is the method itself.
    fn start_bare_decorator(&mut self, at: ExpressionRef, scope: ScopeRef) {
        let Some(found) = self.match_callee(at) else {
            return;
        };
        if found.kind == SiteKind::Subscribe {
            let arguments = self.evaluator.arguments(at);
            self.start_match(&found, at, at, &arguments, Some(scope), &[]);
        }
    }

    pub(super) fn start_match(
        &mut self,
        found: &Match,
        at: ExpressionRef,
        callee: ExpressionRef,
        arguments: &Arguments<'_>,
        bare: Option<ScopeRef>,
        through: &[Step],
    ) {
        let adapter = &self.adapters[found.adapter];
        let verb = match found.kind {
            SiteKind::Publish => &adapter.publish[found.verb],
            SiteKind::Subscribe => &adapter.subscribe[found.verb],
        };
        let written = self
            .evaluator
            .project
            .facts(callee.file)
            .last_name(callee.id);
        let name = match verb.call.rsplit('.').next() {
            Some("*") | None => written.unwrap_or_default(),
            Some(name) => name,
        };
        let mut site = Site::new(found.kind, at, name, &self.protocols[found.adapter]);
        site.grade = found.grade;
        site.through = through.to_vec();
        let Some(event) = self.operand_of_event(verb, arguments, callee) else {
            if bare.is_some() {
                site.event = Operand::Annotation;
                site.handler = bare.map(Operand::Scope);
                self.pending.push(site);
            } else if arguments.has_star() && !self.start_passed_on(found, &site, callee) {
                let reason = "its arguments are not written down here".to_owned();
                self.found.unresolved.push((site, reason));
            }
            return;
        };
        site.event = event;
        if let Some(topic) = verb
            .topic_keyword
            .as_deref()
            .and_then(|name| arguments.named(name))
        {
            site.topic = Some(topic);
        }
        if found.kind == SiteKind::Publish {
            self.pending.push(site);
            return;
        }
        let taken = [
            verb.event_keyword.as_deref(),
            verb.handler_keyword.as_deref(),
        ];
        site.options = arguments
            .keywords()
            .into_iter()
            .filter(|(name, _)| !taken.contains(&Some(name)))
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        if let Some(scope) = bare {
            site.handler = Some(Operand::Scope(scope));
            self.pending.push(site);
            return;
        }
        let handed = match verb.handler {
            Some(Place::Argument(index)) => arguments.positional(index),
            _ => None,
        };
        let handed =
            handed.or_else(|| arguments.named(verb.handler_keyword.as_deref().unwrap_or("")));
        match handed {
            Some(handler) => {
                site.handler = Some(Operand::one(handler));
                self.pending.push(site);
            }
            None => self.apply(site),
        }
    }

    /// Where a verb's event stands in a call.
    fn operand_of_event(
        &self,
        verb: &Verb,
        arguments: &Arguments<'_>,
        callee: ExpressionRef,
    ) -> Option<Operand> {
        let keyword = verb
            .event_keyword
            .as_deref()
            .and_then(|name| arguments.named(name));
        match verb.event {
            Place::Argument(index) => arguments.positional(index).or(keyword).map(Operand::one),
            Place::Special(Special::All) => {
                let all = arguments.all();
                (!all.is_empty()).then(|| Operand::Expressions(all, Context::default()))
            }
            Place::Special(Special::Receiver) => {
                let facts = self.evaluator.project.facts(callee.file);
                match facts.kind(callee.id) {
                    ExpressionKind::Attribute(of, _) => Some(Operand::one(ExpressionRef {
                        file: callee.file,
                        id: *of,
                    })),
                    _ => None,
                }
            }
            Place::Special(Special::Method) => {
                let facts = self.evaluator.project.facts(callee.file);
                facts
                    .last_name(callee.id)
                    .map(|name| Operand::Name(name.into()))
            }
            Place::Special(_) => Some(Operand::Annotation),
        }
    }
}

pub(super) fn is_named(facts: &Facts, id: u32, verbs: &Verbs<'_>) -> bool {
    match facts.kind(id) {
        ExpressionKind::Name(name) => verbs.may_be(None, facts.text(*name)),
        ExpressionKind::Attribute(of, name) => {
            verbs.may_be(facts.last_name(*of), facts.text(*name))
        }
        _ => false,
    }
}
