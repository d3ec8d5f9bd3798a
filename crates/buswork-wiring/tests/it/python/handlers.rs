//! What a handler is.

use super::{assert_lines, read_shop, shop};
use buswork_wiring::graph::HandlerKind;

/// The kind of the only handler of a program.
fn kind_of(code: &str) -> (String, HandlerKind) {
    let wiring = read_shop(code);
    let [handler] = wiring.handlers.as_slice() else {
        panic!("not one handler: {:?}", wiring.handlers);
    };
    (handler.id.clone(), handler.kind)
}

#[test]
fn a_function_is_a_handler() {
    let code = "
def charge(order): ...

bus.subscribe(OrderPlaced, charge)
";
    let expected = ("shop:charge".to_owned(), HandlerKind::Function);
    assert_eq!(kind_of(code), expected);
}

#[test]
fn a_method_of_self_is_a_handler() {
    let code = "
class Billing:
    def __init__(self, bus):
        bus.subscribe(OrderPlaced, self.charge)

    def charge(self, order): ...

Billing(bus)
";
    let expected = ("shop:Billing.charge".to_owned(), HandlerKind::Method);
    assert_eq!(kind_of(code), expected);
}

#[test]
fn a_method_of_an_object_is_a_handler() {
    let code = "
class Billing:
    def charge(self, order): ...

    @staticmethod
    def log(order): ...

billing = Billing()
bus.subscribe(OrderPlaced, billing.charge)
bus.subscribe(MailSent, Billing.log)
";
    assert_lines(
        &shop(code),
        &[
            "handle events.MailSent by shop:Billing.log certain",
            "handle events.OrderPlaced by shop:Billing.charge certain",
        ],
    );
}

#[test]
fn a_method_of_a_parameter_is_a_handler() {
    let code = "
class Billing:
    def charge(self, order): ...

def wire(billing: Billing):
    bus.subscribe(OrderPlaced, billing.charge)

def wire_any(billing):
    bus.subscribe(InvoicePaid, billing.charge)

wire_any(Billing())
";
    let found = shop(code);
    assert!(!found.contains("unresolved"), "{found}");
    assert!(
        found.contains("handle events.InvoicePaid by shop:Billing.charge"),
        "{found}"
    );
    assert!(
        found.contains("handle events.OrderPlaced by shop:Billing.charge"),
        "{found}"
    );
}

#[test]
fn a_method_of_an_attribute_is_a_handler() {
    let code = "
class Billing:
    def charge(self, order): ...

class Shop:
    def __init__(self, billing: Billing):
        self.billing = billing
        bus.subscribe(OrderPlaced, self.billing.charge)

Shop(Billing())
";
    let found = shop(code);
    assert!(
        found.starts_with("handle events.OrderPlaced by shop:Billing.charge"),
        "{found}"
    );
}

#[test]
fn a_method_of_an_attribute_that_is_made_here_is_a_handler() {
    let code = "
class Billing:
    def charge(self, order): ...

class Shop:
    def __init__(self):
        self.billing = Billing()
        bus.subscribe(OrderPlaced, self.billing.charge)

Shop()
";
    let found = shop(code);
    assert!(
        found.starts_with("handle events.OrderPlaced by shop:Billing.charge"),
        "{found}"
    );
}

#[test]
fn a_function_within_a_function_is_a_handler() {
    let code = "
def wire():
    def charge(order): ...

    bus.subscribe(OrderPlaced, charge)
";
    let expected = ("shop:wire.<locals>.charge".to_owned(), HandlerKind::Nested);
    assert_eq!(kind_of(code), expected);
}

#[test]
fn a_decorated_function_within_a_function_is_a_handler() {
    let code = "
def wire():
    @bus.on(OrderPlaced)
    async def charge(order): ...
";
    let expected = ("shop:wire.<locals>.charge".to_owned(), HandlerKind::Nested);
    assert_eq!(kind_of(code), expected);
}

#[test]
fn a_lambda_is_a_handler() {
    let code = "
bus.subscribe(OrderPlaced, lambda order: print(order))
";
    let (id, kind) = kind_of(code);
    assert!(id.starts_with("shop:<lambda"), "{id}");
    assert_eq!(kind, HandlerKind::Lambda);
}

#[test]
fn a_partial_is_what_it_is_made_of() {
    let code = "
from functools import partial

def charge(percent, order): ...

bus.subscribe(OrderPlaced, partial(charge, 10))
";
    assert_lines(
        &shop(code),
        &["handle events.OrderPlaced by shop:charge certain"],
    );
}

#[test]
fn what_wraps_a_handler_is_looked_through() {
    let code = "
import functools

def logged(function):
    @functools.wraps(function)
    def inner(event):
        return function(event)
    return inner

def charge(order): ...

bus.subscribe(OrderPlaced, logged(charge))
";
    let found = shop(code);
    assert!(
        found.contains("handle events.OrderPlaced by shop:charge"),
        "{found}"
    );
}

#[test]
fn a_lambda_that_calls_a_handler_is_looked_through() {
    let code = "
def wire(depends):
    def inject(handler):
        return lambda event: handler(event, depends)
    bus.subscribe(OrderPlaced, inject(charge))

def charge(order, depends): ...
";
    let found = shop(code);
    assert!(
        found.contains("handle events.OrderPlaced by shop:charge"),
        "{found}"
    );
}

#[test]
fn a_loop_over_a_table_keeps_its_rows() {
    let code = "
def charge(order): ...
def pack(order): ...
def thank(invoice): ...

HANDLERS = {
    OrderPlaced: [charge, pack],
    InvoicePaid: [thank],
}

for event, handlers in HANDLERS.items():
    for handler in handlers:
        bus.subscribe(event, handler)
";
    let found = shop(code);
    let pairs: Vec<&str> = found
        .lines()
        .map(|line| line.rsplit_once(' ').unwrap().0)
        .collect();
    assert_eq!(
        pairs,
        [
            "handle events.InvoicePaid by shop:thank",
            "handle events.OrderPlaced by shop:charge",
            "handle events.OrderPlaced by shop:pack",
        ]
    );
}

#[test]
fn a_loop_over_pairs_keeps_its_rows() {
    let code = "
class Billing:
    def __init__(self):
        for event, handler in [
            (OrderPlaced, self.charge),
            (InvoicePaid, self.thank),
        ]:
            bus.subscribe(event, handler)

    def charge(self, order): ...
    def thank(self, invoice): ...

Billing()
";
    let found = shop(code);
    let pairs: Vec<&str> = found
        .lines()
        .map(|line| line.rsplit_once(' ').unwrap().0)
        .collect();
    assert_eq!(
        pairs,
        [
            "handle events.InvoicePaid by shop:Billing.thank",
            "handle events.OrderPlaced by shop:Billing.charge",
        ]
    );
}

#[test]
fn a_loop_over_events_has_one_handler() {
    let code = "
def count(event): ...

for event in (OrderPlaced, InvoicePaid):
    bus.subscribe(event, count)
";
    let found = shop(code);
    let pairs: Vec<&str> = found
        .lines()
        .map(|line| line.rsplit_once(' ').unwrap().0)
        .collect();
    assert_eq!(
        pairs,
        [
            "handle events.InvoicePaid by shop:count",
            "handle events.OrderPlaced by shop:count",
        ]
    );
}

#[test]
fn an_alias_of_a_bound_method_speaks_to_the_bus() {
    let code = "
listen = bus.subscribe
send = bus.publish

def charge(order): ...

listen(OrderPlaced, charge)

def take():
    send(OrderPlaced())
";
    assert_lines(
        &shop(code),
        &[
            "handle events.OrderPlaced by shop:charge certain",
            "publish events.OrderPlaced by shop:take certain",
        ],
    );
}

#[test]
fn an_object_that_can_be_called_is_a_handler() {
    let code = "
class Charge:
    def __init__(self, percent):
        self.percent = percent

    def __call__(self, order): ...

bus.subscribe(OrderPlaced, Charge(10))
";
    let expected = ("shop:Charge.__call__".to_owned(), HandlerKind::Object);
    assert_eq!(kind_of(code), expected);
}

#[test]
fn a_class_with_marks_is_handed_to_the_bus() {
    let code = "
class Billing:
    @handles(OrderPlaced, priority=10)
    def charge(self, order): ...

    @handles(InvoicePaid)
    async def thank(self, invoice): ...

    def other(self): ...

bus.include(Billing())
";
    assert_lines(
        &shop(code),
        &[
            "handle events.InvoicePaid by shop:Billing.thank certain",
            "handle events.OrderPlaced by shop:Billing.charge certain",
        ],
    );
    let wiring = read_shop(code);
    let asynchronous: Vec<_> = wiring
        .handlers
        .iter()
        .filter(|one| one.is_async)
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(asynchronous, ["Billing.thank"]);
    let options = &wiring.subscriptions[1].options;
    assert_eq!(options, &[("priority".to_owned(), "10".to_owned())]);
}

#[test]
fn an_annotation_names_the_event_of_a_bare_decorator() {
    let code = "
@bus.on
def charge(order: OrderPlaced): ...
";
    assert_lines(
        &shop(code),
        &["handle events.OrderPlaced by shop:charge certain"],
    );
}

#[test]
fn one_of_two_handlers_is_possible() {
    let code = "
def charge(order): ...
def pretend(order): ...

def wire(really):
    bus.subscribe(OrderPlaced, charge if really else pretend)
";
    assert_lines(
        &shop(code),
        &[
            "handle events.OrderPlaced by shop:charge possible",
            "handle events.OrderPlaced by shop:pretend possible",
        ],
    );
}

#[test]
fn a_function_of_a_package_is_a_handler_outside() {
    let code = "
import logging

bus.subscribe(OrderPlaced, logging.info)
";
    let expected = ("logging:info".to_owned(), HandlerKind::External);
    assert_eq!(kind_of(code), expected);
}

#[test]
fn an_alias_may_be_imported() {
    let ways = "
from buswork import EventBus

bus = EventBus()
send = bus.publish
";
    let shop = "
from events import OrderPlaced
from ways import send as tell

def take():
    tell(OrderPlaced())
";
    assert_lines(
        &super::edges(&[
            ("events.py", super::EVENTS),
            ("ways.py", ways),
            ("shop.py", shop),
        ]),
        &["publish events.OrderPlaced by shop:take certain"],
    );
}

#[test]
fn registrations_that_need_not_meet_are_told_apart() {
    let code = "
import sys

def hear(order): ...

def branches():
    if sys.platform == 'win32':
        bus.subscribe(OrderPlaced, hear)
    else:
        bus.subscribe(OrderPlaced, hear)

def ends():
    bus.subscribe(OrderPlaced, hear)
    bus.unsubscribe(OrderPlaced, hear)
    bus.subscribe(OrderPlaced, hear)

def enters():
    with bus.subscribe(OrderPlaced, hear):
        pass
    with bus.subscribe(OrderPlaced, hear) as again:
        pass

def tries():
    try:
        bus.subscribe(OrderPlaced, hear)
    except ImportError:
        bus.subscribe(OrderPlaced, hear)

def several(first: EventBus, second: EventBus):
    first.subscribe(OrderPlaced, hear)
    second.subscribe(OrderPlaced, hear)

def twice():
    bus.subscribe(OrderPlaced, hear)
    bus.subscribe(OrderPlaced, hear)
";
    let wiring = super::read_shop(code);
    let apart = |function: &str| -> Vec<&str> {
        let all = wiring.subscriptions.iter();
        let own = all.filter(|one| one.function == format!("shop:{function}"));
        own.map(|one| one.apart.as_str()).collect()
    };
    assert_eq!(apart("branches"), ["branch 1", "branch 2"]);
    assert_eq!(apart("ends"), ["", "after 1 ended"]);
    assert_eq!(apart("enters"), ["with, line 18", "with, line 20"]);
    assert_eq!(apart("tries"), ["", "branch 1"]);
    assert_eq!(apart("several"), ["on `first`", "on `second`"]);
    assert_eq!(apart("twice"), ["", ""]);
}
