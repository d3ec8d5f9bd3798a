//! From a subscribing site to its events and handlers.

use super::super::evaluate::{Fact, Value};
use super::super::facts::ScopeKind;
use super::super::project::ScopeRef;
use super::operands::{classes_by_name, parameter_in};
use super::{EventId, Finder, FoundSubscription, HandlerId, Operand, Site};
use crate::adapters::Key;
use crate::graph::Grade;

impl Finder<'_, '_> {
    /// Works a subscribing site out.
    pub(super) fn subscribe(&mut self, site: &Site) {
        for row in self.rows(site) {
            let before = self.found.subscriptions.len();
            for class in self.versions(&row) {
                self.subscribe_version(&row, class);
            }
            let is_resolved = self.found.subscriptions.len() > before;
            let unresolved = self.found.unresolved.len();
            self.subscribe_row(&row);
            if is_resolved {
                self.found.unresolved.truncate(unresolved);
            }
        }
    }

    /// What a site subscribes where its object is of a class below, and that is something else.
    fn subscribe_version(&mut self, site: &Site, class: ScopeRef) {
        let version = site.as_of(class);
        let Some(operand) = version.handler.clone() else {
            return;
        };
        let events = self.values(&version.event, &version);
        for handler_fact in self.values(&operand, &version) {
            let Some((handler, of)) = self.evaluator.handler(&handler_fact) else {
                continue;
            };
            let handler_fact = handler_fact.at_most(Grade::Inferred);
            for fact in &events {
                if let Some(event) = self.evaluator.subscribed_event(fact, &site.adapter) {
                    self.add_subscription(&version, &event, fact, &handler, &handler_fact, of);
                }
            }
        }
    }

    fn subscribe_row(&mut self, site: &Site) {
        let Some(handler_operand) = site.handler.clone() else {
            return;
        };
        if let Operand::Expressions(_, context) = &handler_operand
            && self.relay(site, context)
        {
            return;
        }
        let events = self.values(&site.event, site);
        let (site, events) = classes_by_name(site.clone(), events);
        let site = &site;
        let handlers = self.values(&handler_operand, site);
        let event_parameter = parameter_in(&events);
        let handler_parameter = parameter_in(&handlers);
        if let Some(function) = self.wrapper(event_parameter, handler_parameter)
            && self.subscribers(site, function, event_parameter, handler_parameter)
        {
            return;
        }
        let mut resolved: Vec<_> = handlers
            .iter()
            .filter_map(|fact| Some((fact.clone(), self.evaluator.handler(fact)?)))
            .collect();
        if let (Operand::Expressions(list, context), true, None) =
            (&handler_operand, resolved.is_empty(), handler_parameter)
        {
            // `warehouse.reserve` of a parameter: by its annotation, or by what callers hand over.
            let found = list
                .iter()
                .flat_map(|&at| self.evaluator.evaluate(at, context).to_vec());
            resolved.extend(found.filter_map(|fact| {
                let handler = self.evaluator.handler(&fact)?;
                Some((fact, handler))
            }));
        }
        if let Operand::Expressions(list, context) = &handler_operand {
            let is_plain = resolved
                .iter()
                .any(|(_, (id, _))| id.function().is_some_and(|scope| !self.is_anonymous(scope)));
            if !is_plain {
                let wrapped = list
                    .iter()
                    .flat_map(|&at| self.evaluator.wrapped(at, context));
                let wrapped: Vec<_> = wrapped
                    .filter_map(|fact| Some((fact.clone(), self.evaluator.handler(&fact)?)))
                    .collect();
                if !wrapped.is_empty() {
                    resolved = wrapped;
                }
            }
        }
        let events = if events
            .iter()
            .all(|fact| matches!(fact.value, Value::Parameter(..)))
        {
            self.annotated(&site.event)
        } else {
            events
        };
        let mut is_resolved = false;
        let mut has_event = false;
        for fact in &events {
            let Some(event) = self.evaluator.subscribed_event(fact, &site.adapter) else {
                continue;
            };
            has_event = true;
            for (handler_fact, (handler, of)) in &resolved {
                is_resolved = true;
                self.add_subscription(site, &event, fact, handler, handler_fact, *of);
            }
        }
        if !is_resolved && site.grade != Grade::Possible {
            let reason = if has_event {
                self.reason(&handler_operand, handler_parameter)
            } else {
                self.reason(&site.event, event_parameter)
            };
            self.found
                .unresolved
                .push((site.clone(), reason.replace("with an event", "with any")));
        }
    }

    /// A lambda, or a function within another that is not the handler itself but one made for it.
    fn is_anonymous(&self, scope: ScopeRef) -> bool {
        let facts = self.evaluator.project.facts(scope.file);
        let here = facts.scope(scope.id);
        here.kind == ScopeKind::Lambda || facts.scope(here.parent).is_function()
    }

    fn add_subscription(
        &mut self,
        site: &Site,
        event: &EventId,
        event_fact: &Fact,
        handler: &HandlerId,
        handler_fact: &Fact,
        of: Option<ScopeRef>,
    ) {
        let event_grade = match event_fact.grade {
            Grade::Inferred if site.adapter.events == Key::Signal => Grade::Certain,
            grade => grade,
        };
        let grade = event_grade.max(handler_fact.grade).max(site.grade);
        let reason = match grade {
            Grade::Certain => String::new(),
            _ if matches!(event, EventId::Template(_)) => {
                "its name has parts known at run time only".to_owned()
            }
            _ if site.grade != Grade::Certain => {
                "its receiver is taken for a bus by its name".to_owned()
            }
            _ => "followed along assignments, calls or annotations".to_owned(),
        };
        self.found.subscriptions.push(FoundSubscription {
            site: site.clone(),
            event: event.clone(),
            handler: handler.clone(),
            grade,
            reason,
            of,
            partial: handler_fact
                .made
                .filter(|_| !matches!(handler, HandlerId::Closure(..))),
        });
    }
}
