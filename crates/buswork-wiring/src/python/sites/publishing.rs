//! From a publishing site to its events.

use super::super::evaluate::{Caller, Context, Fact, Value};
use super::super::facts::ExpressionKind;
use super::super::project::{ExpressionRef, ScopeRef};
use super::operands::classes_by_name;
use super::subclasses::is_new;
use super::{EventId, Finder, FoundPublish, Operand, Protocol, Site};
use crate::adapters::Key;
use crate::graph::Grade;

impl Finder<'_, '_> {
    /// Works a publishing site out.
    pub(super) fn publish(&mut self, site: Site) {
        if let Some(topic) = site.topic {
            return self.publish_to_topic(&site, topic);
        }
        let found = self.values(&site.event, &site);
        let (site, found) = classes_by_name(site, found);
        let found = self.opened(found, &site.adapter);
        let mut is_resolved = false;
        let mut handed_on = None;
        for fact in &found {
            if let Value::Parameter(function, index) = fact.value {
                handed_on = Some((function, index));
                is_resolved |= self.callers_of(&site, function, index, &site.adapter.clone());
                continue;
            }
            if let Some(event) = self.evaluator.published_event(fact, &site.adapter) {
                is_resolved = true;
                self.add_publish(&site, event, fact);
            }
        }
        for class in self.versions(&site) {
            let version = site.as_of(class);
            for fact in self.values(&version.event, &version) {
                if is_new(&fact, &found)
                    && let Some(event) = self.evaluator.published_event(&fact, &site.adapter)
                {
                    is_resolved = true;
                    self.add_publish(&version, event, &fact.at_most(Grade::Inferred));
                }
            }
        }
        if is_resolved || self.publish_made_by_outer(&site) {
            return;
        }
        for fact in self.annotated(&site.event) {
            if self.is_any_of_several(&fact) {
                continue;
            }
            if let Some(event) = self.evaluator.published_event(&fact, &site.adapter) {
                is_resolved = true;
                self.add_publish(&site, event, &fact.at_most(Grade::Inferred));
            }
        }
        if !is_resolved && site.grade != Grade::Possible {
            let reason = self.reason(&site.event, handed_on);
            self.found.unresolved.push((site, reason));
        }
    }

    fn publish_to_topic(&mut self, site: &Site, topic: ExpressionRef) {
        let found = self.evaluator.evaluate(topic, &Context::default());
        let mut is_resolved = false;
        for fact in found.iter() {
            let event = match &fact.value {
                Value::Text(text) => EventId::Topic(text.clone()),
                Value::Template(text) => EventId::Template(text.clone()),
                _ => continue,
            };
            is_resolved = true;
            self.add_publish(site, event, fact);
        }
        if !is_resolved {
            let reason = "its topic is not written down where it could be found".to_owned();
            self.found.unresolved.push((site.clone(), reason));
        }
    }

    pub(super) fn add_publish(&mut self, site: &Site, event: EventId, fact: &Fact) {
        let is_made_here = match &site.event {
            Operand::Expressions(list, _) => fact
                .made
                .is_none_or(|made| list.iter().any(|&at| self.strip(at) == made)),
            _ => true,
        };
        let is_object = matches!(
            fact.value,
            Value::Object(_) | Value::ExternalObject(..) | Value::MadeObject(..)
        );
        let is_signal = site.adapter.events == Key::Signal;
        let mut grade = fact.grade.max(site.grade);
        let mut reason = String::new();
        if is_signal {
            grade = site.grade.max(match fact.grade {
                Grade::Possible => Grade::Possible,
                _ => Grade::Certain,
            });
        } else if is_object && (!is_made_here || fact.made.is_none()) {
            grade = grade.max(Grade::Inferred);
        }
        if grade != Grade::Certain {
            reason = match (&event, fact.made) {
                (EventId::Template(_), _) => "its name has parts known at run time only".to_owned(),
                _ if site.grade != Grade::Certain => {
                    "its receiver is taken for a bus by its name".to_owned()
                }
                (_, Some(_)) => "the event is made elsewhere, and followed here".to_owned(),
                _ => "the event is followed by an annotation or an assignment".to_owned(),
            };
        }
        let made = fact.made.filter(|_| !is_made_here && is_object);
        self.found.publishes.push(FoundPublish {
            site: site.clone(),
            event,
            grade,
            reason,
            made,
            closure: None,
        });
    }

    fn strip(&self, at: ExpressionRef) -> ExpressionRef {
        match self.evaluator.project.facts(at.file).kind(at.id) {
            ExpressionKind::Await(value) => self.strip(ExpressionRef {
                file: at.file,
                id: *value,
            }),
            _ => at,
        }
    }

    /// The event that a parameter is where a call gives nothing for it.
    pub(super) fn default_event(
        &self,
        caller: &Caller,
        function: ScopeRef,
        index: usize,
        protocol: &Protocol,
    ) -> Option<ExpressionRef> {
        if self.evaluator.arguments_of(caller).has_star() {
            return None;
        }
        let facts = self.evaluator.project.facts(function.file);
        let id = facts.scope(function.id).parameters.get(index)?.default?;
        let at = ExpressionRef {
            file: function.file,
            id,
        };
        let found = self.evaluator.evaluate(at, &Context::default());
        let is_event = |fact: &Fact| self.evaluator.published_event(fact, protocol).is_some();
        found.iter().any(is_event).then_some(at)
    }

    /// Whether all that is known of an event is that its class is one of those below a base.
    fn is_any_of_several(&self, fact: &Fact) -> bool {
        match fact.value {
            Value::Object(class) if fact.made.is_none() => {
                self.evaluator.descendants(class).len() > 1
            }
            _ => false,
        }
    }
}
