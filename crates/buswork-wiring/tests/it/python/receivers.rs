//! What is known to be a bus, and what is only taken for one.

use super::{assert_lines, edges, shop};

/// All edges of a file that has no bus but what it makes.
fn found(code: &str) -> String {
    edges(&[("events.py", super::EVENTS), ("shop.py", code)])
}

const CERTAIN: &[&str] = &["publish events.OrderPlaced by shop:Orders.take certain"];

#[test]
fn an_annotated_parameter_is_a_bus() {
    let code = "
from buswork import EventBus
from events import OrderPlaced

def take(channel: EventBus):
    channel.publish(OrderPlaced())

def try_to_take(channel: 'EventBus | None' = None):
    if channel:
        channel.publish(OrderPlaced())
";
    assert_lines(
        &found(code),
        &[
            "publish events.OrderPlaced by shop:take certain",
            "publish events.OrderPlaced by shop:try_to_take certain",
        ],
    );
}

#[test]
fn an_attribute_that_a_constructor_is_given_is_a_bus() {
    let code = "
from buswork import EventBus
from events import OrderPlaced

class Orders:
    def __init__(self, channel: EventBus):
        self._channel = channel

    def take(self):
        self._channel.publish(OrderPlaced())
";
    assert_lines(&found(code), CERTAIN);
}

#[test]
fn an_attribute_that_a_constructor_makes_is_a_bus() {
    let code = "
import buswork
from events import OrderPlaced

class Orders:
    def __init__(self, channel=None):
        self.channel = channel or buswork.EventBus()

    def take(self):
        self.channel.publish(OrderPlaced())
";
    assert_lines(&found(code), CERTAIN);
}

#[test]
fn an_annotated_attribute_is_a_bus() {
    let code = "
from dataclasses import dataclass
from buswork import AsyncEventBus
from events import OrderPlaced

@dataclass
class Orders:
    channel: AsyncEventBus

    async def take(self):
        await self.channel.publish(OrderPlaced())
";
    assert_lines(&found(code), CERTAIN);
}

#[test]
fn an_attribute_of_a_base_is_a_bus() {
    let code = "
from buswork import EventBus
from events import OrderPlaced

class Service:
    def __init__(self, channel: EventBus):
        self.channel = channel

class Orders(Service):
    def take(self):
        self.channel.publish(OrderPlaced())
";
    assert_lines(&found(code), CERTAIN);
}

#[test]
fn a_factory_gives_a_bus() {
    let code = "
from functools import lru_cache
from buswork import EventBus
from events import OrderPlaced

@lru_cache
def get_channel():
    return EventBus()

def take():
    get_channel().publish(OrderPlaced())
";
    assert_lines(
        &found(code),
        &["publish events.OrderPlaced by shop:take certain"],
    );
}

#[test]
fn a_parameter_is_what_callers_hand_over() {
    let code = "
from buswork import EventBus
from events import OrderPlaced

def take(channel):
    channel.publish(OrderPlaced())

take(EventBus())
";
    let text = found(code);
    assert!(
        text.contains("publish events.OrderPlaced by shop:take"),
        "{text}"
    );
}

#[test]
fn a_subclass_of_the_bus_is_a_bus() {
    let code = "
from buswork import EventBus
from events import OrderPlaced

class Channel(EventBus):
    def take(self):
        self.publish(OrderPlaced())

def take(channel: Channel):
    channel.publish(OrderPlaced())
";
    assert_lines(
        &found(code),
        &[
            "publish events.OrderPlaced by shop:Channel.take certain",
            "publish events.OrderPlaced by shop:take certain",
        ],
    );
}

#[test]
fn a_name_alone_is_inferred() {
    let code = "
import buswork
from events import OrderPlaced

def take(bus, event_bus):
    bus.publish(OrderPlaced())
    event_bus.post(OrderPlaced())

def charge(order): ...

def wire(self):
    self.bus.subscribe(OrderPlaced, charge)
";
    assert_lines(
        &found(code),
        &[
            "handle events.OrderPlaced by shop:charge inferred",
            "publish events.OrderPlaced by shop:take inferred",
            "publish events.OrderPlaced by shop:take inferred",
        ],
    );
}

#[test]
fn what_is_known_to_be_something_else_is_no_bus() {
    let code = "
class Newspaper:
    def publish(self, page): ...

def print_it(bus: Newspaper, page):
    bus.publish(OrderPlaced())

Newspaper().publish(MailSent())
";
    assert_lines(&shop(code), &[]);
}

#[test]
fn a_bus_of_another_module_is_a_bus() {
    let text = edges(&[
        ("events.py", super::EVENTS),
        (
            "wires.py",
            "from buswork import EventBus\nchannel = EventBus()\n",
        ),
        (
            "shop.py",
            "
import wires
from events import OrderPlaced

def take():
    wires.channel.publish(OrderPlaced())
",
        ),
    ]);
    assert_eq!(text, "publish events.OrderPlaced by shop:take certain");
}

#[test]
fn a_collection_of_handlers_is_spoken_to_like_a_bus() {
    let code = "
from buswork import Handlers
from events import OrderPlaced

handlers = Handlers()

@handlers.on(OrderPlaced)
def charge(order): ...
";
    assert_lines(
        &found(code),
        &["handle events.OrderPlaced by shop:charge certain"],
    );
}

#[test]
fn a_bus_with_a_block_is_a_bus() {
    let code = "
from buswork import AsyncEventBus, EventBus
from events import MailSent, OrderPlaced

def take():
    with EventBus() as channel:
        channel.publish(OrderPlaced())

async def send():
    async with AsyncEventBus() as channel:
        await channel.publish(MailSent())
";
    assert_lines(
        &found(code),
        &[
            "publish events.MailSent by shop:send certain",
            "publish events.OrderPlaced by shop:take certain",
        ],
    );
}

#[test]
fn a_property_gives_a_bus() {
    let code = "
class Orders:
    @property
    def channel(self) -> EventBus:
        return self._channel

    @property
    def other(self):
        return bus

    def take(self):
        self.channel.publish(OrderPlaced())
        self.other.publish(MailSent())
";
    assert_lines(
        &shop(code),
        &[
            "publish events.MailSent by shop:Orders.take certain",
            "publish events.OrderPlaced by shop:Orders.take certain",
        ],
    );
}

#[test]
fn an_annotation_may_be_wrapped() {
    let code = "
from typing import Annotated, Optional

type Channel = EventBus

def take(one: Annotated[EventBus, 'shop'], two: Optional[EventBus], three: Channel):
    one.publish(OrderPlaced())
    two.publish(InvoicePaid())
    three.publish(MailSent())
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

#[test]
fn a_global_that_a_function_assigns_is_a_bus() {
    let code = "
from buswork import EventBus
from events import OrderPlaced

channel = None

def start():
    global channel
    channel = EventBus()

def take():
    channel.publish(OrderPlaced())
";
    assert_lines(
        &found(code),
        &["publish events.OrderPlaced by shop:take certain"],
    );
}

#[test]
fn a_nonlocal_that_a_function_assigns_is_a_bus() {
    let code = "
from buswork import EventBus
from events import OrderPlaced

def office():
    channel = None

    def start():
        nonlocal channel
        channel = EventBus()

    def take():
        channel.publish(OrderPlaced())
";
    assert_lines(
        &found(code),
        &["publish events.OrderPlaced by shop:office.<locals>.take certain"],
    );
}
