//! Graphs built by hand, in few words.

use buswork_wiring::graph::{
    Cascade, Event, EventKind, Grade, Handler, HandlerKind, IgnoreComment, Location, Module,
    Publish, SiteKind, Step, Subscription, Unresolved, Wiring,
};

pub(crate) fn at(file: &str, line: u32) -> Location {
    Location {
        file: file.to_owned(),
        line,
    }
}

/// The file of a function or a module: `shop.orders:place` is in `shop/orders.py`.
pub(crate) fn file_of(function: &str) -> String {
    let module = function.split(':').next().unwrap_or_default();
    format!("{}.py", module.replace('.', "/"))
}

/// A graph that is added to, and finished by [`Wired::graph`].
pub(crate) struct Wired(pub(crate) Wiring);

impl Wired {
    pub(crate) fn new() -> Self {
        Self(Wiring::of_code())
    }

    /// A class, at line 10 of its module's file.
    pub(crate) fn event(self, id: &str, bases: &[&str]) -> Self {
        self.event_of(EventKind::Class, id, bases)
    }

    pub(crate) fn event_of(mut self, kind: EventKind, id: &str, bases: &[&str]) -> Self {
        let is_defined = matches!(kind, EventKind::Class | EventKind::Signal);
        let (module, name) = match id.rsplit_once('.') {
            Some(parts) if is_defined => parts,
            _ => ("", id),
        };
        self.0.events.push(Event {
            id: id.to_owned(),
            name: name.to_owned(),
            kind,
            module: module.to_owned(),
            location: is_defined.then(|| at(&file_of(module), 10)),
            doc: String::new(),
            fields: Vec::new(),
            bases: bases.iter().map(|&base| base.to_owned()).collect(),
            frozen: None,
            published_by: Vec::new(),
            handled_by: Vec::new(),
        });
        self
    }

    /// A publish that is certain, at this line of the function's file.
    pub(crate) fn publish(mut self, event: &str, function: &str, line: u32) -> Self {
        self.0.publishes.push(Publish {
            event: event.to_owned(),
            function: function.to_owned(),
            module: function.split(':').next().unwrap_or_default().to_owned(),
            location: at(&file_of(function), line),
            verb: "publish".to_owned(),
            adapter: "buswork".to_owned(),
            grade: Grade::Certain,
            reason: String::new(),
            through: Vec::new(),
            made_at: Vec::new(),
            awaited: false,
        });
        self
    }

    /// A function, at line 30 of its file, unless the graph has it.
    pub(crate) fn handler(mut self, id: &str) -> Self {
        if self.0.handlers.iter().any(|handler| handler.id == id) {
            return self;
        }
        let (module, name) = id.split_once(':').unwrap_or(("", id));
        let kind = if name.contains("<locals>") {
            HandlerKind::Nested
        } else if name.contains('.') {
            HandlerKind::Method
        } else {
            HandlerKind::Function
        };
        self.0.handlers.push(Handler {
            id: id.to_owned(),
            name: name.to_owned(),
            module: module.to_owned(),
            kind,
            location: Some(at(&file_of(id), 30)),
            doc: String::new(),
            is_async: false,
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

    /// A subscription that is certain, at line 29 of the handler's file, with the handler.
    pub(crate) fn subscribe(mut self, event: &str, handler: &str) -> Self {
        self = self.handler(handler);
        let module = handler.split(':').next().unwrap_or_default().to_owned();
        self.0.subscriptions.push(Subscription {
            event: event.to_owned(),
            handler: handler.to_owned(),
            function: format!("{module}:"),
            module,
            location: at(&file_of(handler), 29),
            verb: "on".to_owned(),
            adapter: "buswork".to_owned(),
            grade: Grade::Certain,
            reason: String::new(),
            options: Vec::new(),
            exact: false,
            never: String::new(),
            apart: String::new(),
        });
        self
    }

    /// A cascade that is certain, and its publish, at this line of the handler's file.
    pub(crate) fn cascade(mut self, handler: &str, event: &str, line: u32) -> Self {
        self = self.publish(event, handler, line);
        self.0.cascades.push(Cascade {
            handler: handler.to_owned(),
            event: event.to_owned(),
            grade: Grade::Certain,
            path: vec![Step {
                function: handler.to_owned(),
                location: at(&file_of(handler), line),
            }],
            awaited: false,
        });
        self
    }

    pub(crate) fn unresolved(mut self, site: SiteKind, function: &str, line: u32) -> Self {
        self.0.unresolved.push(Unresolved {
            site,
            function: function.to_owned(),
            location: at(&file_of(function), line),
            verb: "publish".to_owned(),
            adapter: "buswork".to_owned(),
            reason: "the event is a parameter that nobody passes".to_owned(),
        });
        self
    }

    pub(crate) fn ignore(mut self, file: &str, line: u32, code: &str, reason: &str) -> Self {
        self.0.ignores.push(IgnoreComment {
            location: at(file, line),
            codes: vec![code.to_owned()],
            reason: reason.to_owned(),
            about: None,
        });
        self
    }

    pub(crate) fn module(mut self, name: &str, reached: bool) -> Self {
        self.0.modules.push(Module {
            name: name.to_owned(),
            file: file_of(name),
            reached: Some(reached),
        });
        self
    }

    /// Changes what was added last.
    pub(crate) fn publish_with(mut self, change: impl FnOnce(&mut Publish)) -> Self {
        change(self.0.publishes.last_mut().unwrap());
        self
    }

    pub(crate) fn event_with(mut self, change: impl FnOnce(&mut Event)) -> Self {
        change(self.0.events.last_mut().unwrap());
        self
    }

    pub(crate) fn handler_with(mut self, change: impl FnOnce(&mut Handler)) -> Self {
        change(self.0.handlers.last_mut().unwrap());
        self
    }

    pub(crate) fn subscription_with(mut self, change: impl FnOnce(&mut Subscription)) -> Self {
        change(self.0.subscriptions.last_mut().unwrap());
        self
    }

    pub(crate) fn cascade_with(mut self, change: impl FnOnce(&mut Cascade)) -> Self {
        change(self.0.cascades.last_mut().unwrap());
        self
    }

    pub(crate) fn graph(mut self) -> Wiring {
        self.0.finish();
        self.0
    }
}

/// A shop: an order is placed, billed and confirmed; all is as it should be.
pub(crate) fn shop() -> Wired {
    Wired::new()
        .event("shop.events.Event", &[])
        .event("shop.events.OrderPlaced", &["shop.events.Event"])
        .event("shop.events.PaymentTaken", &["shop.events.Event"])
        .publish("shop.events.OrderPlaced", "shop.orders:place", 12)
        .subscribe("shop.events.OrderPlaced", "shop.billing:Billing.bill")
        .subscribe("shop.events.OrderPlaced", "shop.post:confirm")
        .subscribe("shop.events.PaymentTaken", "shop.post:thank")
        .subscribe("shop.events.Event", "shop.audit:log")
        .cascade("shop.billing:Billing.bill", "shop.events.PaymentTaken", 33)
}
