//! What an event comes from: the handlers that publish it, the events that they get, and so on up
//! to the code that is no handler.

use super::downstream::{grade, through};
use super::drawing::{Branch, Drawing, lead, place};
use crate::graph::{Cascade, Event, Publish, Subscription};
use crate::render::paint::Role;
use crate::render::text::Cell;

impl<'a> Drawing<'a> {
    /// Draws what publishes an event, beneath it.
    pub(super) fn causes_of(&mut self, event: &'a Event, prefix: &str, away: usize) {
        let cascades = self
            .causes
            .get(event.id.as_str())
            .cloned()
            .unwrap_or_default();
        let sites = self.plain_sites(event, &cascades);
        let all = sites.len() + cascades.len();
        for (number, publish) in sites.iter().enumerate() {
            let (here, _) = lead(prefix, number + 1 == all);
            self.publisher(publish, &here);
        }
        for (number, cascade) in cascades.iter().enumerate() {
            let (here, below) = lead(prefix, sites.len() + number + 1 == all);
            self.cause(cascade, &here, &below, away);
        }
    }

    /// The places that publish the event, but for those that one of these handlers comes to.
    fn plain_sites(&self, event: &Event, cascades: &[&Cascade]) -> Vec<&'a Publish> {
        let ends = |publish: &Publish| {
            let mut ends = cascades.iter().filter_map(|cascade| cascade.path.last());
            ends.any(|step| step.location == publish.location)
        };
        let wiring = self.wiring;
        let sites = event
            .published_by
            .iter()
            .map(|&index| &wiring.publishes[index]);
        sites.filter(|publish| !ends(publish)).collect()
    }

    /// A handler that publishes the event, and the events that it gets.
    fn cause(&mut self, cascade: &'a Cascade, here: &str, below: &str, away: usize) {
        let id = cascade.handler.as_str();
        let triggers = self.triggers.get(id).cloned().unwrap_or_default();
        let mut name =
            Cell::new(format!("{here}◀ "), Role::Faint).and(self.names.handler(id), Role::Plain);
        if !triggers.is_empty() && self.is_too_deep(away) {
            let events: Vec<&str> = triggers
                .iter()
                .map(|(event, _)| self.names.event(&event.id))
                .collect();
            name = name
                .and(" ◀─ ", Role::Faint)
                .and(events.join(", "), Role::Event);
        }
        let at = cascade.path.last().map(|step| &step.location);
        self.line(vec![
            name,
            Cell::new(place(at), Role::Faint),
            Cell::default(),
            self.seen_cascade(
                grade(cascade.grade).and(through(cascade), Role::Faint),
                cascade,
            )
            .and(self.remarks(id, &[]), Role::Wrong),
        ]);
        if self.is_too_deep(away) {
            return;
        }
        for (number, (event, subscription)) in triggers.iter().enumerate() {
            let (here, below) = lead(below, number + 1 == triggers.len());
            self.trigger(event, subscription, &here, &below, away + 1);
        }
    }

    /// An event that a handler gets, and what it comes from.
    fn trigger(
        &mut self,
        event: &'a Event,
        subscription: &'a Subscription,
        here: &str,
        below: &str,
        away: usize,
    ) {
        let id = event.id.as_str();
        let branch = self.enter(id, !event.published_by.is_empty());
        let mut name =
            Cell::new(format!("{here} "), Role::Faint).and(self.names.event(id), Role::Event);
        if let Branch::Cut(why) = branch {
            name = name.and(format!(" {why}"), Role::Faint);
        }
        let mut how = self.seen_subscription(grade(subscription.grade), subscription);
        if event.published_by.is_empty() {
            how = how.and("  no publish site", Role::Doubt);
        }
        self.line(vec![
            name,
            Cell::new(place(event.location.as_ref()), Role::Faint),
            Cell::default(),
            how.and(self.remarks(id, &[]), Role::Wrong),
        ]);
        if let Branch::Drawn = branch {
            self.causes_of(event, below, away);
            self.leave();
        }
    }
}
