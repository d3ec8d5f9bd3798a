//! Signals that are connected to signals: `clicked.connect(order.placed)`,
//! `clicked.connect(order.placed.emit)`.

use super::super::evaluate::{Context, Value};
use super::super::facts::ExpressionKind;
use super::super::project::ExpressionRef;
use super::{EventId, Finder, Operand, Site};
use crate::adapters::{Key, Place, Special};
use crate::graph::{Grade, SiteKind};

/// A signal that is sent whenever another is.
#[derive(Debug, Clone)]
pub(crate) struct Relay {
    pub(crate) site: Site,
    pub(crate) heard: EventId,
    pub(crate) sent: EventId,
    pub(crate) grade: Grade,
}

impl Finder<'_, '_> {
    /// Takes a site for one that connects a signal to a signal. Says whether it is.
    pub(super) fn relay(&mut self, site: &Site, context: &Context) -> bool {
        let Some(Operand::Expressions(list, _)) = &site.handler else {
            return false;
        };
        if site.adapter.events != Key::Signal {
            return false;
        }
        let mut sent: Vec<(EventId, Grade)> = Vec::new();
        for &at in list {
            let object = self.sending(at);
            for fact in self
                .evaluator
                .evaluate(object.unwrap_or(at), context)
                .iter()
            {
                if (object.is_some() || self.is_signal(&fact.value))
                    && let Some(event) = self.evaluator.published_event(fact, &site.adapter)
                {
                    sent.push((event, fact.grade));
                }
            }
            if object.is_none() && !sent.is_empty() {
                self.sends_later(site, at);
            }
        }
        for heard in self.values(&site.event, site) {
            let Some(event) = self.evaluator.subscribed_event(&heard, &site.adapter) else {
                continue;
            };
            for (sent, grade) in &sent {
                self.found.relays.push(Relay {
                    site: site.clone(),
                    heard: event.clone(),
                    sent: sent.clone(),
                    grade: (*grade).max(heard.grade).max(site.grade),
                });
            }
        }
        !sent.is_empty()
    }

    /// A signal that is handed over itself is sent, as if its `emit` were.
    fn sends_later(&mut self, site: &Site, signal: ExpressionRef) {
        let mut sends = Site::new(SiteKind::Publish, site.at, &site.verb, &site.adapter);
        sends.event = Operand::one(signal);
        sends.grade = Grade::Inferred;
        sends.later = true;
        self.pending.push(sends);
    }

    /// The signal whose method to send it an expression is: `order.placed` of `order.placed.emit`.
    pub(super) fn sending(&self, method: ExpressionRef) -> Option<ExpressionRef> {
        let ExpressionKind::Attribute(of, _) =
            *self.evaluator.project.facts(method.file).kind(method.id)
        else {
            return None;
        };
        let found = self.match_callee(method)?;
        let adapter = &self.adapters[found.adapter];
        let is_sent = found.kind == SiteKind::Publish
            && adapter.events == Key::Signal
            && adapter.publish[found.verb].event == Place::Special(Special::Receiver);
        let file = method.file;
        is_sent.then_some(ExpressionRef { file, id: of })
    }

    fn is_signal(&self, value: &Value) -> bool {
        let Value::ExternalObject(path, Some(_)) = value else {
            return false;
        };
        let mut adapters = self.adapters.iter();
        adapters.any(|adapter| {
            adapter.events == Key::Signal && adapter.buses.iter().any(|bus| **bus == **path)
        })
    }
}
