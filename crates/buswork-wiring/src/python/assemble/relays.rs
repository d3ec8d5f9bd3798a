//! Signals that are connected to signals, as handlers that send.

use super::super::sites::{EventId, Relay, Sites};
use super::Assembly;
use crate::graph::{Cascade, Event, Grade, Handler, HandlerKind, Subscription};

impl Assembly<'_, '_> {
    /// Makes a handler of each signal that another is connected to: what it does is to be sent.
    pub(super) fn relays(&mut self, sites: &Sites) {
        for relay in &sites.relays {
            let heard = self.event(&relay.heard);
            let path = self.event(&relay.sent);
            let signal = self.event_details(&relay.sent, &path, &[]);
            let handler = handler_of(&signal, &relay.sent);
            self.subscription_of(relay, heard, &handler.id);
            self.wiring.cascades.push(Cascade {
                handler: handler.id.clone(),
                event: path,
                grade: relay.grade,
                path: vec![self.step(relay.site.at)],
                awaited: false,
            });
            let mut known = self.wiring.handlers.iter();
            if !known.any(|known| known.id == handler.id) {
                self.wiring.handlers.push(handler);
            }
        }
    }

    fn subscription_of(&mut self, relay: &Relay, event: String, handler: &str) {
        let at = relay.site.at;
        let scope = self.evaluator.scope_of(at);
        let reason = match relay.grade {
            Grade::Certain => "",
            _ => "followed along assignments, calls or annotations",
        };
        self.wiring.subscriptions.push(Subscription {
            event,
            handler: handler.to_owned(),
            function: self.evaluator.function_path(scope),
            module: self.evaluator.project.file(at.file).module.clone(),
            location: self.site_location(&relay.site),
            verb: relay.site.verb.clone(),
            adapter: relay.site.adapter.name.clone(),
            grade: relay.grade,
            reason: reason.to_owned(),
            options: Vec::new(),
            exact: false,
            never: self.reach.never(self.evaluator, scope),
            apart: String::new(),
        });
    }
}

/// A signal as a handler: `shop:Order.placed`.
fn handler_of(signal: &Event, id: &EventId) -> Handler {
    let name = match id {
        EventId::Signal(..) | EventId::Outside(_) => signal
            .id
            .strip_prefix(&signal.module)
            .map_or(&*signal.id, |rest| rest.trim_start_matches('.')),
        _ => &signal.id,
    };
    Handler {
        id: format!("{}:{name}", signal.module),
        name: name.to_owned(),
        module: signal.module.clone(),
        kind: HandlerKind::Object,
        location: signal.location.clone(),
        doc: String::new(),
        is_async: false,
        parameter: String::new(),
        annotation: String::new(),
        accepts: Vec::new(),
        misfit: String::new(),
        declares: None,
        mutates: Vec::new(),
        blocking: Vec::new(),
    }
}
