//! From where an event is made to where it is published.

use super::{assert_lines, shop};

#[test]
fn a_variable_is_followed() {
    let code = "
def take():
    order = OrderPlaced()
    order.number = 7
    bus.publish(order)
";
    assert_lines(
        &shop(code),
        &["publish events.OrderPlaced by shop:take inferred"],
    );
}

#[test]
fn each_branch_gives_its_event() {
    let code = "
def settle(paid):
    if paid:
        event = InvoicePaid()
    else:
        event = MailSent()
    bus.publish(event)
";
    let found = shop(code);
    let events: Vec<&str> = found
        .lines()
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(events, ["events.InvoicePaid", "events.MailSent"]);
}

#[test]
fn a_variable_that_is_bound_anew_holds_the_last() {
    let code = "
def take():
    event = OrderPlaced()
    bus.publish(event)
    event = MailSent()
    bus.publish(event)
";
    assert_lines(
        &shop(code),
        &[
            "publish events.MailSent by shop:take inferred",
            "publish events.OrderPlaced by shop:take inferred",
        ],
    );
}

#[test]
fn a_factory_gives_what_it_returns() {
    let code = "
def placed(number):
    return OrderPlaced()

def take():
    bus.publish(placed(7))
";
    assert_lines(
        &shop(code),
        &["publish events.OrderPlaced by shop:take inferred"],
    );
}

#[test]
fn a_class_method_makes_its_class() {
    let code = "
class Event:
    @classmethod
    def of(cls, row):
        return cls(row)

class ParcelSent(Event): ...

def send(row):
    bus.publish(ParcelSent.of(row))
";
    assert_lines(
        &shop(code),
        &["publish shop.ParcelSent by shop:send inferred"],
    );
}

#[test]
fn an_annotated_return_tells_the_event() {
    let code = "
import json

def parse(line) -> OrderPlaced:
    return json.loads(line)

def take(line):
    bus.publish(parse(line))
";
    assert_lines(
        &shop(code),
        &["publish events.OrderPlaced by shop:take inferred"],
    );
}

#[test]
fn a_generator_gives_what_it_yields() {
    let code = "
def settle():
    yield InvoicePaid()
    yield from mails()

def mails():
    yield MailSent()

def run():
    for event in settle():
        bus.publish(event)
";
    let found = shop(code);
    let events: Vec<&str> = found
        .lines()
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(events, ["events.InvoicePaid", "events.MailSent"]);
}

#[test]
fn a_list_that_is_added_to_gives_its_events() {
    let code = "
def take():
    events = [OrderPlaced()]
    events.append(InvoicePaid())
    events.extend([MailSent()])
    for event in events:
        bus.publish(event)
";
    let found = shop(code);
    let events: Vec<&str> = found
        .lines()
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(
        events,
        [
            "events.InvoicePaid",
            "events.MailSent",
            "events.OrderPlaced"
        ]
    );
}

#[test]
fn a_queue_gives_what_is_put_into_it() {
    let code = "
import queue

class Office:
    def __init__(self):
        self.queue = queue.Queue()

    def take(self):
        self.queue.put(OrderPlaced())

    def run(self):
        while True:
            event = self.queue.get()
            bus.publish(event)
";
    let found = shop(code);
    assert!(found.contains("publish events.OrderPlaced"), "{found}");
    assert!(!found.contains("unresolved"), "{found}");
}

#[test]
fn isinstance_tells_which_event_it_is() {
    let code = "
def forward(event):
    if isinstance(event, OrderPlaced):
        bus.publish(event)
";
    assert_lines(
        &shop(code),
        &["publish events.OrderPlaced by shop:forward inferred"],
    );
}

#[test]
fn match_tells_which_event_it_is() {
    let code = "
def forward(event):
    match event:
        case OrderPlaced() as order:
            bus.publish(order)
        case InvoicePaid(number=7):
            bus.publish(event)
";
    assert_lines(
        &shop(code),
        &[
            "publish events.InvoicePaid by shop:forward inferred",
            "publish events.OrderPlaced by shop:forward inferred",
        ],
    );
}

#[test]
fn isinstance_narrows_what_a_loop_goes_over() {
    let code = "
def forward(events):
    for event in events:
        if isinstance(event, (OrderPlaced, InvoicePaid)):
            bus.publish(event)
";
    assert_lines(
        &shop(code),
        &[
            "publish events.InvoicePaid by shop:forward inferred",
            "publish events.OrderPlaced by shop:forward inferred",
        ],
    );
}

#[test]
fn an_annotated_return_without_a_body_tells_the_event() {
    let code = "
from typing import Protocol

class Reader(Protocol):
    def read(self) -> OrderPlaced: ...

def take(reader: Reader):
    bus.publish(reader.read())
";
    assert_lines(
        &shop(code),
        &["publish events.OrderPlaced by shop:take inferred"],
    );
}

#[test]
fn an_annotation_of_a_parameter_tells_the_event() {
    let code = "
from collections.abc import Iterable

def forward(order: OrderPlaced):
    bus.publish(order)

def forward_all(orders: Iterable[InvoicePaid]):
    for order in orders:
        bus.publish(order)
";
    assert_lines(
        &shop(code),
        &[
            "publish events.InvoicePaid by shop:forward_all inferred",
            "publish events.OrderPlaced by shop:forward inferred",
        ],
    );
}

#[test]
fn a_walrus_binds() {
    let code = "
def take():
    if (order := OrderPlaced()):
        bus.publish(order)
";
    assert_lines(
        &shop(code),
        &["publish events.OrderPlaced by shop:take inferred"],
    );
}

#[test]
fn a_copy_is_of_the_same_class() {
    let code = "
from dataclasses import replace

def take():
    order = OrderPlaced()
    bus.publish(replace(order, number=8))
";
    assert_lines(
        &shop(code),
        &["publish events.OrderPlaced by shop:take inferred"],
    );
}

#[test]
fn unpacked_values_keep_their_places() {
    let code = "
def take():
    order, mail = OrderPlaced(), MailSent()
    bus.publish(mail)
";
    let found = shop(code);
    let published: Vec<&str> = found
        .lines()
        .filter(|line| line.starts_with("publish "))
        .collect();
    assert_eq!(published, ["publish events.MailSent by shop:take inferred"]);
}

#[test]
fn an_event_that_is_awaited_is_followed() {
    let code = "
async def make():
    return OrderPlaced()

async def make_more():
    yield MailSent()

async def take():
    bus.publish(await make())
    async for event in make_more():
        bus.publish(event)
";
    assert_lines(
        &shop(code),
        &[
            "publish events.MailSent by shop:take inferred",
            "publish events.OrderPlaced by shop:take inferred",
        ],
    );
}

#[test]
fn an_attribute_that_holds_an_event_is_followed() {
    let code = "
class Orders:
    def __init__(self):
        self.last = OrderPlaced()
        self.pending = []

    def send(self):
        self.pending.append(MailSent())

    def flush(self):
        bus.publish(self.last)
        for event in self.pending:
            bus.publish(event)
";
    assert_lines(
        &shop(code),
        &[
            "publish events.MailSent by shop:Orders.flush inferred",
            "publish events.OrderPlaced by shop:Orders.flush inferred",
        ],
    );
}

#[test]
fn what_a_try_may_leave_is_followed() {
    let code = "
def take():
    event = None
    try:
        event = OrderPlaced()
    except ValueError:
        event = MailSent()
    finally:
        if event is not None:
            bus.publish(event)
";
    assert_lines(
        &shop(code),
        &[
            "publish events.MailSent by shop:take inferred",
            "publish events.OrderPlaced by shop:take inferred",
        ],
    );
}

#[test]
fn a_part_of_what_is_returned_is_followed() {
    let code = "
def make():
    return OrderPlaced(), 7

def take():
    order, number = make()
    bus.publish(order)
";
    assert_lines(
        &shop(code),
        &["publish events.OrderPlaced by shop:take inferred"],
    );
}

#[test]
fn a_class_out_of_a_table_is_one_of_several() {
    let code = "
KINDS = {'order': OrderPlaced, 'mail': MailSent}

def replay(name):
    bus.publish(KINDS[name]())
";
    let found = shop(code);
    assert!(
        found.contains("publish events.MailSent by shop:replay possible"),
        "{found}"
    );
    assert!(
        found.contains("publish events.OrderPlaced by shop:replay possible"),
        "{found}"
    );
}

#[test]
fn a_class_out_of_a_table_by_a_known_key_is_the_one() {
    let code = "
KINDS = {'order': OrderPlaced, 'mail': MailSent}

def replay():
    bus.publish(KINDS['order']())
";
    assert_lines(
        &shop(code),
        &["publish events.OrderPlaced by shop:replay inferred"],
    );
}

#[test]
fn parts_behind_a_rest_are_not_told() {
    let code = "
def make():
    return OrderPlaced(), 7, MailSent()

def take():
    first, *rest, last = make()
    bus.publish(first)
    bus.publish(last)
";
    assert_lines(
        &shop(code),
        &[
            "publish events.OrderPlaced by shop:take inferred",
            "unresolved publish at shop.py:8: what `last` is could not be told",
        ],
    );
}

#[test]
fn the_default_of_a_parameter_is_published_by_the_function() {
    let code = "
def take(event=OrderPlaced()):
    bus.publish(event)
";
    assert_lines(
        &shop(code),
        &["publish events.OrderPlaced by shop:take inferred"],
    );
}

#[test]
fn a_call_that_gives_nothing_publishes_the_default() {
    let code = "
def send(event=OrderPlaced()):
    bus.publish(event)

def take():
    send()
    send(MailSent())

def settle(events):
    send(*events)
";
    assert_lines(
        &shop(code),
        &[
            "publish events.MailSent by shop:take certain through shop:send:3",
            "publish events.OrderPlaced by shop:take certain through shop:send:3",
        ],
    );
}

#[test]
fn lists_that_are_added_together_are_followed() {
    let code = "
def take():
    events = [OrderPlaced()]
    events = events + [MailSent()]
    for event in events:
        bus.publish(event)
";
    assert_lines(
        &shop(code),
        &[
            "publish events.MailSent by shop:take inferred",
            "publish events.OrderPlaced by shop:take inferred",
        ],
    );
}
