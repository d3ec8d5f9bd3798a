//! Classes below classes: which handlers an event gets, and which methods an object has.

use super::{assert_lines, read_shop, shop};
use buswork_wiring::graph::Wiring;

/// The handlers that an event gets.
fn handled_by(wiring: &Wiring, event: &str) -> Vec<String> {
    let event = wiring.event(event).unwrap();
    let subscriptions = event.handled_by.iter();
    let mut handlers: Vec<_> = subscriptions
        .map(|&index| wiring.subscriptions[index].handler.clone())
        .collect();
    handlers.sort();
    handlers
}

#[test]
fn an_event_gets_the_handlers_of_its_bases() {
    let wiring = read_shop(
        "
class Rushed(OrderPlaced): ...
class VeryRushed(Rushed): ...

@bus.on(OrderPlaced)
def charge(order): ...

@bus.on(VeryRushed)
def hurry(order): ...

bus.publish(VeryRushed())
bus.publish(Rushed())
",
    );
    assert_eq!(
        wiring.event("shop.VeryRushed").unwrap().bases,
        ["shop.Rushed", "events.OrderPlaced"]
    );
    assert_eq!(
        handled_by(&wiring, "shop.VeryRushed"),
        ["shop:charge", "shop:hurry"]
    );
    assert_eq!(handled_by(&wiring, "shop.Rushed"), ["shop:charge"]);
}

#[test]
fn an_exact_handler_is_kept_from_subclasses() {
    let wiring = read_shop(
        "
class Rushed(OrderPlaced): ...

@bus.on(OrderPlaced, exact=True)
def charge(order): ...

bus.publish(Rushed())
",
    );
    assert!(wiring.subscriptions[0].exact);
    assert!(handled_by(&wiring, "shop.Rushed").is_empty());
}

#[test]
fn object_is_every_event() {
    let wiring = read_shop(
        "
@bus.on(object)
def log(event): ...

bus.publish(OrderPlaced())
bus.publish(MailSent())
",
    );
    assert_eq!(wiring.subscriptions[0].event, "*");
    assert_eq!(handled_by(&wiring, "events.OrderPlaced"), ["shop:log"]);
    assert_eq!(handled_by(&wiring, "events.MailSent"), ["shop:log"]);
}

#[test]
fn a_base_between_two_modules_is_followed() {
    let wiring = super::read(&[
        ("bases.py", "class Event: ...\nclass Audited: ...\n"),
        (
            "events.py",
            "import bases\n\nclass OrderPlaced(bases.Event, bases.Audited): ...\n",
        ),
        (
            "shop.py",
            "
from buswork import EventBus
from bases import Audited
from events import OrderPlaced

bus = EventBus()

@bus.on(Audited)
def audit(event): ...

bus.publish(OrderPlaced())
",
        ),
    ]);
    assert_eq!(handled_by(&wiring, "events.OrderPlaced"), ["shop:audit"]);
}

#[test]
fn handlers_are_inherited_with_their_marks() {
    let code = "
class Base:
    @handles(OrderPlaced)
    def charge(self, order): ...

class Billing(Base): ...

bus.include(Billing())
";
    assert_lines(
        &shop(code),
        &["handle events.OrderPlaced by shop:Base.charge certain"],
    );
}

#[test]
fn a_method_of_a_subclass_is_the_handler() {
    let code = "
class Base:
    def __init__(self):
        bus.subscribe(OrderPlaced, self.charge)

    def charge(self, order):
        self.pay()

    def pay(self): ...

class Billing(Base):
    def pay(self):
        bus.publish(InvoicePaid())

Billing()
";
    assert_lines(
        &shop(code),
        &[
            "cascade shop:Base.charge to events.InvoicePaid inferred at shop:Base.charge:7 > shop:Billing.pay:13",
            "handle events.OrderPlaced by shop:Base.charge certain",
            "publish events.InvoicePaid by shop:Billing.pay certain",
        ],
    );
}

#[test]
fn a_subclass_of_something_outside_is_an_event() {
    let code = "
from pydantic import BaseModel

class ParcelSent(BaseModel):
    number: int

bus.publish(ParcelSent(number=1))
";
    assert_lines(&shop(code), &["publish shop.ParcelSent by shop: certain"]);
}

#[test]
fn a_circle_of_bases_is_survived() {
    let code = "
class Left(Right): ...
class Right(Left): ...

bus.publish(Left())
";
    assert_lines(&shop(code), &["publish shop.Left by shop: certain"]);
}

#[test]
fn a_method_that_overrides_a_marked_one_keeps_the_mark() {
    let code = "
class Base:
    @handles(OrderPlaced)
    def charge(self, order): ...

class Billing(Base):
    def charge(self, order):
        bus.publish(InvoicePaid())

bus.include(Billing())
";
    assert_lines(
        &shop(code),
        &[
            "cascade shop:Billing.charge to events.InvoicePaid certain at shop:Billing.charge:8",
            "handle events.OrderPlaced by shop:Billing.charge certain",
            "publish events.InvoicePaid by shop:Billing.charge certain",
        ],
    );
}

#[test]
fn a_marked_method_may_override_a_marked_one() {
    let code = "
class Base:
    @handles(OrderPlaced)
    def charge(self, order):
        bus.publish(InvoicePaid())

class Billing(Base):
    @handles(OrderPlaced)
    def charge(self, order):
        super().charge(order)

bus.include(Billing())
";
    let found = shop(code);
    assert!(
        found.contains(
            "cascade shop:Billing.charge to events.InvoicePaid inferred at shop:Billing.charge:10 > shop:Base.charge:5"
        ),
        "{found}"
    );
    assert!(
        found.contains("handle events.OrderPlaced by shop:Billing.charge certain"),
        "{found}"
    );
}
