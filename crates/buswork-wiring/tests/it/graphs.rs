//! Graphs made by hand: what a reader would have found.

use buswork_wiring::graph::{
    Cascade, Coverage, Event, EventKind, Grade, Handler, HandlerKind, Location, Problem, Publish,
    SiteKind, Step, Subscription, Unresolved, Wiring,
};

pub(crate) mod nasty;
pub(crate) mod shop;

/// A graph, edge by edge.
pub(crate) struct Draft(Wiring);

impl Draft {
    pub(crate) fn new() -> Self {
        Self(Wiring::of_code())
    }

    pub(crate) fn event(self, id: &str, at: &str) -> Self {
        self.event_of(EventKind::Class, id, at, &[])
    }

    pub(crate) fn event_of(mut self, kind: EventKind, id: &str, at: &str, bases: &[&str]) -> Self {
        let (module, name) = match kind {
            EventKind::Class => id.rsplit_once('.').unwrap_or(("", id)),
            _ => ("", id),
        };
        self.0.events.push(Event {
            id: id.to_owned(),
            name: name.to_owned(),
            kind,
            module: module.to_owned(),
            location: (!at.is_empty()).then(|| place(at)),
            doc: String::new(),
            fields: Vec::new(),
            bases: bases.iter().map(|&base| base.to_owned()).collect(),
            frozen: None,
            published_by: Vec::new(),
            handled_by: Vec::new(),
        });
        self
    }

    pub(crate) fn handler(mut self, id: &str, at: &str, is_async: bool) -> Self {
        let (module, name) = id.split_once(':').unwrap();
        self.0.handlers.push(Handler {
            id: id.to_owned(),
            name: name.to_owned(),
            module: module.to_owned(),
            kind: HandlerKind::Function,
            location: Some(place(at)),
            doc: String::new(),
            is_async,
            parameter: "event".to_owned(),
            annotation: String::new(),
            accepts: Vec::new(),
            misfit: String::new(),
            declares: None,
            mutates: Vec::new(),
            blocking: Vec::new(),
        });
        self
    }

    pub(crate) fn publish(mut self, function: &str, event: &str, at: &str, grade: Grade) -> Self {
        self.0.publishes.push(Publish {
            event: event.to_owned(),
            function: function.to_owned(),
            module: function.split_once(':').unwrap().0.to_owned(),
            location: place(at),
            verb: "publish".to_owned(),
            adapter: "buswork".to_owned(),
            grade,
            reason: String::new(),
            through: Vec::new(),
            made_at: Vec::new(),
            awaited: false,
        });
        self.0.publish_coverage.count(Some(grade));
        self
    }

    pub(crate) fn subscribe(
        mut self,
        event: &str,
        handler: &str,
        verb: &str,
        at: &str,
        grade: Grade,
    ) -> Self {
        let module = handler.split_once(':').unwrap().0;
        self.0.subscriptions.push(Subscription {
            event: event.to_owned(),
            handler: handler.to_owned(),
            function: format!("{module}:"),
            module: module.to_owned(),
            location: place(at),
            verb: verb.to_owned(),
            adapter: "buswork".to_owned(),
            grade,
            reason: String::new(),
            options: Vec::new(),
            exact: false,
            never: String::new(),
            apart: String::new(),
        });
        self.0.subscribe_coverage.count(Some(grade));
        self
    }

    /// What the subscription added last is like otherwise.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Subscription)) -> Self {
        change(self.0.subscriptions.last_mut().unwrap());
        self
    }

    /// The path is written `function@place`.
    pub(crate) fn cascade(
        mut self,
        handler: &str,
        event: &str,
        grade: Grade,
        path: &[&str],
    ) -> Self {
        let step = |step: &&str| {
            let (function, at) = step.split_once('@').unwrap();
            Step {
                function: function.to_owned(),
                location: place(at),
            }
        };
        self.0.cascades.push(Cascade {
            handler: handler.to_owned(),
            event: event.to_owned(),
            grade,
            path: path.iter().map(step).collect(),
            awaited: false,
        });
        self
    }

    pub(crate) fn unresolved(mut self, site: SiteKind, verb: &str, at: &str, reason: &str) -> Self {
        self.0.unresolved.push(Unresolved {
            site,
            function: "somewhere:".to_owned(),
            location: place(at),
            verb: verb.to_owned(),
            adapter: "buswork".to_owned(),
            reason: reason.to_owned(),
        });
        let coverage: &mut Coverage = match site {
            SiteKind::Publish => &mut self.0.publish_coverage,
            SiteKind::Subscribe => &mut self.0.subscribe_coverage,
        };
        coverage.count(None);
        self
    }

    pub(crate) fn problem(mut self, file: &str, line: u32, message: &str) -> Self {
        let (file, message) = (file.to_owned(), message.to_owned());
        self.0.problems.push(Problem {
            file,
            line,
            message,
        });
        self
    }

    pub(crate) fn finish(mut self) -> Wiring {
        self.0.finish();
        self.0
    }
}

/// `shop/orders.py:12` as a place.
pub(crate) fn place(text: &str) -> Location {
    let (file, line) = text.rsplit_once(':').unwrap();
    Location {
        file: file.to_owned(),
        line: line.parse().unwrap(),
    }
}
