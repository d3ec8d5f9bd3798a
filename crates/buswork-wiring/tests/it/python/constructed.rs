//! Events that are made, and whose way to a bus is not seen.

use super::{assert_lines, shop};

/// What is said to be made, of a program that subscribes `charge` and `thank`.
fn constructed(code: &str) -> Vec<String> {
    let handlers = "
@bus.on(OrderPlaced)
def charge(order): ...

@bus.on(InvoicePaid)
def thank(invoice): ...
";
    let found = shop(&format!("{handlers}{code}"));
    let made = found.lines().filter(|line| line.starts_with("construct "));
    made.map(str::to_owned).collect()
}

#[test]
fn an_event_that_is_put_aside_is_probably_published() {
    let code = "
class Order:
    def __init__(self):
        self.events = []

    def place(self):
        self.events.append(OrderPlaced())
";
    assert_eq!(
        constructed(code),
        ["construct events.OrderPlaced by shop:Order.place inferred"]
    );
}

#[test]
fn an_event_that_is_recorded_is_probably_published() {
    let code = "
from framework import Aggregate

class Order(Aggregate):
    def place(self):
        self.record_event(OrderPlaced())
";
    assert_eq!(
        constructed(code),
        ["construct events.OrderPlaced by shop:Order.place inferred"]
    );
}

#[test]
fn what_else_is_recorded_is_an_event_too() {
    let code = "
class Order:
    def record_event(self, event):
        self.events = [event]

    def place(self):
        self.record_event(OrderPlaced())

    def send(self):
        self.record_event(MailSent())
";
    assert_eq!(
        constructed(code),
        [
            "construct events.MailSent by shop:Order.send inferred",
            "construct events.OrderPlaced by shop:Order.place inferred",
        ]
    );
}

#[test]
fn an_event_that_is_given_back_is_possibly_published() {
    let code = "
def place():
    return [OrderPlaced()]

def settle():
    yield InvoicePaid()
";
    assert_eq!(
        constructed(code),
        [
            "construct events.InvoicePaid by shop:settle possible",
            "construct events.OrderPlaced by shop:place possible",
        ]
    );
}

#[test]
fn a_variable_on_the_way_is_followed() {
    let code = "
class Order:
    def place(self):
        event = OrderPlaced()
        self.events.append(event)
";
    assert_eq!(
        constructed(code),
        ["construct events.OrderPlaced by shop:Order.place inferred"]
    );
}

#[test]
fn an_event_that_is_handed_to_its_handler_is_not_published() {
    let code = "
def test_charge():
    charge(OrderPlaced())
    order = OrderPlaced()
    charge(order)
";
    assert_eq!(constructed(code), [""; 0]);
}

#[test]
fn an_event_that_is_only_looked_at_is_not_published() {
    let code = "
def test_repr():
    order = OrderPlaced()
    print(order)
    assert str(order) == 'an order'
    assert isinstance(order, OrderPlaced)
    OrderPlaced()
";
    assert_eq!(constructed(code), [""; 0]);
}

#[test]
fn an_event_that_was_seen_entering_a_bus_is_not_told_twice() {
    let code = "
def take():
    events = []
    events.append(OrderPlaced())
    for event in events:
        bus.publish(event)
    later = InvoicePaid()
    bus.publish(later)
";
    assert_eq!(constructed(code), [""; 0]);
}

#[test]
fn a_class_that_nobody_knows_as_an_event_is_left_alone() {
    let code = "
class Line: ...

def place(lines):
    lines.append(Line())
    lines.append(MailSent())
";
    assert_eq!(constructed(code), [""; 0]);
}

#[test]
fn a_handler_that_puts_an_event_aside_causes_it() {
    let code = "
@bus.on(OrderPlaced)
def charge(order):
    order.events.append(InvoicePaid())

@bus.on(InvoicePaid)
def thank(invoice): ...

bus.publish(OrderPlaced())
";
    assert_lines(
        &shop(code),
        &[
            "cascade shop:charge to events.InvoicePaid inferred at shop:charge:4",
            "construct events.InvoicePaid by shop:charge inferred",
            "handle events.InvoicePaid by shop:thank certain",
            "handle events.OrderPlaced by shop:charge certain",
            "publish events.OrderPlaced by shop: certain",
        ],
    );
}
