//! What an event is named by.

use std::collections::BTreeSet;

use super::{assert_lines, edges, read_shop, shop};
use buswork_wiring::graph::EventKind;

#[test]
fn a_class_is_published_and_subscribed() {
    let code = "
def charge(order): ...

bus.subscribe(OrderPlaced, charge)

def take():
    bus.publish(OrderPlaced())
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
fn all_verbs_of_the_bus_publish() {
    let code = "
async def take():
    bus.publish(OrderPlaced())
    await bus.deliver(event=InvoicePaid())
    bus.post(MailSent())
";
    assert_lines(
        &shop(code),
        &[
            "publish events.InvoicePaid by shop:take certain",
            "publish events.MailSent by shop:take certain",
            "publish events.OrderPlaced by shop:take certain",
        ],
    );
}

/// All edges of a program with an emitter whose events are names.
fn named(code: &str) -> String {
    edges(&[(
        "shop.py",
        &format!("from pyee.base import EventEmitter; emitter = EventEmitter()\n{code}"),
    )])
}

#[test]
fn a_string_is_an_event() {
    let code = "
def charge(order): ...

emitter.on('order placed', charge)

def take():
    emitter.emit('order placed', 7)
";
    assert_lines(
        &named(code),
        &[
            "handle order placed by shop:charge certain",
            "publish order placed by shop:take certain",
        ],
    );
}

#[test]
fn a_constant_is_the_string_that_it_holds() {
    let code = "
PLACED = 'order placed'

class Names:
    PAID = 'invoice ' + 'paid'

@emitter.on(Names.PAID)
def thank(invoice): ...

def take():
    emitter.emit(PLACED)
    emitter.emit(Names.PAID)
";
    assert_lines(
        &named(code),
        &[
            "handle invoice paid by shop:thank certain",
            "publish invoice paid by shop:take certain",
            "publish order placed by shop:take certain",
        ],
    );
}

#[test]
fn a_member_of_an_enumeration_is_an_event() {
    let code = "
from enum import Enum

class Event(Enum):
    PLACED = 'placed'
    PAID = 'paid'

@emitter.on(Event.PLACED)
def charge(event): ...

def take():
    emitter.emit(Event.PLACED)
    emitter.emit(Event.PAID)
";
    assert_lines(
        &named(code),
        &[
            "handle Event.PLACED by shop:charge certain",
            "publish Event.PAID by shop:take certain",
            "publish Event.PLACED by shop:take certain",
        ],
    );
}

#[test]
fn a_member_is_the_same_as_its_value_in_an_enumeration_of_strings() {
    let code = "
from enum import StrEnum

class Event(StrEnum):
    PLACED = 'placed'

@emitter.on('placed')
def charge(event): ...

emitter.emit(Event.PLACED)
emitter.emit(Event.PLACED.value)
";
    let found = named(code);
    let events: BTreeSet<&str> = found
        .lines()
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(events.len(), 1, "{found}");
}

#[test]
fn a_member_that_is_numbered_by_itself_is_its_name_in_small_letters() {
    let code = "
from enum import StrEnum, auto

class Event(StrEnum):
    PLACED = auto()

@emitter.on('placed')
def charge(event): ...

emitter.emit(Event.PLACED)
";
    let found = named(code);
    assert!(
        found
            .lines()
            .all(|line| line.split(' ').nth(1) == Some("placed")),
        "{found}"
    );
}

#[test]
fn a_string_with_parts_is_a_template() {
    let code = "
def take(country, number):
    bus.publish(f'orders.{country}.placed')
    bus.publish('orders.{}.paid'.format(country))
    bus.publish('orders.%s.sent' % country)
    bus.publish('orders.' + country)
";
    let wiring = read_shop(code);
    let found: Vec<_> = wiring
        .events
        .iter()
        .map(|event| (event.id.as_str(), event.kind))
        .collect();
    assert_eq!(
        found,
        [
            ("orders.{}", EventKind::Template),
            ("orders.{}.paid", EventKind::Template),
            ("orders.{}.placed", EventKind::Template),
            ("orders.{}.sent", EventKind::Template),
        ]
    );
    assert_eq!(wiring.publish_coverage.possible, 4);
}

#[test]
fn parts_that_are_known_are_filled_in() {
    let code = "
PREFIX = 'orders'

def take():
    bus.publish(f'{PREFIX}.placed')
";
    assert_lines(&shop(code), &["publish orders.placed by shop:take certain"]);
}

#[test]
fn all_ways_to_fill_a_text_are_known() {
    let code = "
PREFIX = 'orders'
COUNTRY = 'eu'

def take(country):
    bus.publish('%s.paid' % PREFIX)
    bus.publish('{}.{}.sent'.format(PREFIX, COUNTRY))
    bus.publish(f'{PREFIX}.{country}.placed')
    bus.publish(f'{PREFIX!r}.lost')
";
    assert_lines(
        &shop(code),
        &[
            "publish orders.eu.sent by shop:take certain",
            "publish orders.paid by shop:take certain",
            "publish orders.{}.placed by shop:take possible",
            "publish {}.lost by shop:take possible",
        ],
    );
}

#[test]
fn a_part_that_subclasses_say_is_not_that_of_the_base() {
    let code = "
class Report:
    kind = ''

    def close(self):
        name = f'{self.kind}.closed'
        bus.publish(name)

class OrderReport(Report):
    kind = 'order'
";
    assert_lines(
        &shop(code),
        &[
            "publish order.closed by shop:Report.close inferred",
            "publish {}.closed by shop:Report.close possible",
        ],
    );
}

#[test]
fn one_of_two_events_is_possible() {
    let code = "
def settle(paid):
    bus.publish(InvoicePaid() if paid else MailSent())
    bus.publish((OrderPlaced if paid else MailSent)())
";
    assert_lines(
        &shop(code),
        &[
            "publish events.InvoicePaid by shop:settle possible",
            "publish events.MailSent by shop:settle possible",
            "publish events.MailSent by shop:settle possible",
            "publish events.OrderPlaced by shop:settle possible",
        ],
    );
}

#[test]
fn several_types_are_subscribed_at_once() {
    let code = "
@bus.on(OrderPlaced, InvoicePaid)
def count(event): ...

@bus.on(OrderPlaced | MailSent)
def log(event: OrderPlaced | MailSent): ...
";
    assert_lines(
        &shop(code),
        &[
            "handle events.InvoicePaid by shop:count certain",
            "handle events.MailSent by shop:log certain",
            "handle events.OrderPlaced by shop:count certain",
            "handle events.OrderPlaced by shop:log certain",
        ],
    );
}

#[test]
fn a_topic_gets_the_handlers_of_patterns_that_match_it() {
    let code = "
@bus.on('orders.*.placed')
def count(event): ...

bus.publish(OrderPlaced(), topic='orders.eu.placed')
";
    let wiring = read_shop(code);
    let topic = wiring.event("orders.eu.placed").unwrap();
    assert_eq!(topic.kind, EventKind::Topic);
    let handlers: Vec<_> = topic
        .handled_by
        .iter()
        .map(|&index| wiring.subscriptions[index].handler.as_str())
        .collect();
    assert_eq!(handlers, ["shop:count"]);
}

#[test]
fn a_named_tuple_by_call_is_a_class() {
    let code = "
from collections import namedtuple

ParcelSent = namedtuple('ParcelSent', 'number')

@bus.on(ParcelSent)
def track(parcel): ...

bus.publish(ParcelSent(7))
";
    assert_lines(
        &shop(code),
        &[
            "handle shop.ParcelSent by shop:track certain",
            "publish shop.ParcelSent by shop: certain",
        ],
    );
}

#[test]
fn a_mapping_is_no_list_of_names() {
    let code = "
bus.publish({'number': 7})
";
    let found = shop(code);
    assert!(!found.contains("publish number"), "{found}");
}

#[test]
fn names_in_a_simple_namespace_are_their_texts() {
    let code = "
from types import SimpleNamespace
from pyee import EventEmitter

class Page(EventEmitter):
    Events = SimpleNamespace(Load='load', Closed='close')

    def __init__(self, client: EventEmitter):
        client.on('loaded', lambda event: self.emit(Page.Events.Load))
        self.on(self.Events.Closed, self.leave)

    def close(self):
        self.emit(Page.Events.Closed)

    def leave(self): ...
";
    assert_lines(
        &edges(&[("page.py", code)]),
        &[
            "cascade page:Page.__init__.<locals>.<lambda> to load certain at page:Page.__init__.<locals>.<lambda>:9",
            "handle close by page:Page.leave certain",
            "handle loaded by page:Page.__init__.<locals>.<lambda> certain",
            "publish close by page:Page.close certain",
            "publish load by page:Page.__init__.<locals>.<lambda> certain",
        ],
    );
}
