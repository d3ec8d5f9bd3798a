//! Functions that stand between a program and its bus.

use super::{assert_lines, shop};

#[test]
fn the_caller_of_what_publishes_is_the_publisher() {
    let code = "
def send(event):
    print(event)
    bus.publish(event)

def take():
    send(OrderPlaced())

def settle():
    send(event=InvoicePaid())
";
    assert_lines(
        &shop(code),
        &[
            "publish events.InvoicePaid by shop:settle certain through shop:send:4",
            "publish events.OrderPlaced by shop:take certain through shop:send:4",
        ],
    );
}

#[test]
fn a_wrapper_around_a_wrapper_is_followed() {
    let code = "
class Channel:
    def send(self, event):
        bus.publish(event)

class Orders:
    def __init__(self):
        self.channel = Channel()

    def _send(self, event):
        self.channel.send(event)

    def take(self):
        self._send(OrderPlaced())
";
    assert_lines(
        &shop(code),
        &[
            "publish events.OrderPlaced by shop:Orders.take certain through shop:Orders._send:11 > shop:Channel.send:4",
        ],
    );
}

#[test]
fn a_wrapper_that_makes_the_event_is_the_publisher() {
    let code = "
def send(number):
    bus.publish(OrderPlaced())

def take():
    send(7)
";
    assert_lines(
        &shop(code),
        &["publish events.OrderPlaced by shop:send certain"],
    );
}

#[test]
fn a_wrapper_that_is_given_the_class_makes_the_event() {
    let code = "
def send(kind, **fields):
    bus.publish(kind(**fields))

def take():
    send(OrderPlaced, number=7)
";
    let found = shop(code);
    assert!(
        found.starts_with("publish events.OrderPlaced by shop:"),
        "{found}"
    );
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[test]
fn the_caller_of_what_subscribes_names_the_handler() {
    let code = "
def listen(event, handler):
    bus.subscribe(event, handler)

def charge(order): ...
def thank(invoice): ...

listen(OrderPlaced, charge)
listen(handler=thank, event=InvoicePaid)
";
    assert_lines(
        &shop(code),
        &[
            "handle events.InvoicePaid by shop:thank certain",
            "handle events.OrderPlaced by shop:charge certain",
        ],
    );
}

#[test]
fn a_wrapper_may_know_the_event() {
    let code = "
def on_placed(handler):
    bus.subscribe(OrderPlaced, handler)

def charge(order): ...

on_placed(charge)

@on_placed
def pack(order): ...
";
    assert_lines(
        &shop(code),
        &[
            "handle events.OrderPlaced by shop:charge certain",
            "handle events.OrderPlaced by shop:pack certain",
        ],
    );
}

#[test]
fn a_factory_of_decorators_subscribes() {
    let code = "
def listens(event):
    def decorator(handler):
        bus.subscribe(event, handler)
        return handler
    return decorator

@listens(OrderPlaced)
def charge(order): ...

@listens(InvoicePaid)
def thank(invoice): ...
";
    assert_lines(
        &shop(code),
        &[
            "handle events.InvoicePaid by shop:thank certain",
            "handle events.OrderPlaced by shop:charge certain",
        ],
    );
}

#[test]
fn a_subclass_tells_its_base_the_event() {
    let code = "
class Watch:
    def __init__(self, event):
        bus.subscribe(event, self.handle)

    def handle(self, event): ...

class OrderWatch(Watch):
    def __init__(self):
        super().__init__(OrderPlaced)

    def handle(self, event): ...

class MailWatch(Watch):
    def __init__(self):
        super().__init__(MailSent)

    def handle(self, event): ...

OrderWatch()
MailWatch()
";
    assert_lines(
        &shop(code),
        &[
            "handle events.MailSent by shop:MailWatch.handle certain",
            "handle events.OrderPlaced by shop:OrderWatch.handle certain",
        ],
    );
}

#[test]
fn a_wrapper_that_is_a_subclass_of_the_bus_is_followed() {
    let code = "
class Channel(EventBus):
    def publish(self, event):
        print(event)
        super().publish(event)

channel = Channel()

def take():
    channel.publish(OrderPlaced())
";
    let found = shop(code);
    let published: Vec<&str> = found
        .lines()
        .filter(|line| line.starts_with("publish "))
        .collect();
    assert_eq!(published.len(), 1, "{found}");
    assert!(
        published[0].starts_with("publish events.OrderPlaced by shop:take certain"),
        "{found}"
    );
    assert!(!found.contains("unresolved"), "{found}");
}

#[test]
fn events_handed_on_one_by_one_are_followed() {
    let code = "
def send_all(*events):
    for event in events:
        bus.publish(event)

def take():
    send_all(OrderPlaced(), MailSent())
";
    let found = shop(code);
    assert!(
        found.contains("publish events.MailSent by shop:"),
        "{found}"
    );
    assert!(
        found.contains("publish events.OrderPlaced by shop:"),
        "{found}"
    );
}

#[test]
fn a_list_that_is_handed_over_is_followed() {
    let code = "
def send_all(events):
    for event in events:
        bus.publish(event)

def take():
    send_all([OrderPlaced(), MailSent()])
";
    let found = shop(code);
    assert!(
        found.contains("publish events.MailSent by shop:"),
        "{found}"
    );
    assert!(
        found.contains("publish events.OrderPlaced by shop:"),
        "{found}"
    );
}

#[test]
fn a_method_of_a_class_stands_between() {
    let code = "
class Channel:
    @classmethod
    def send(cls, event):
        bus.publish(event)

    @staticmethod
    def post(event):
        bus.post(event)

def take():
    Channel.send(OrderPlaced())
    Channel.post(MailSent())
";
    assert_lines(
        &shop(code),
        &[
            "publish events.MailSent by shop:take certain through shop:Channel.post:9",
            "publish events.OrderPlaced by shop:take certain through shop:Channel.send:5",
        ],
    );
}

#[test]
fn the_bus_may_be_handed_over_with_the_event() {
    let code = "
def emit(channel, event):
    channel.publish(event)

def take():
    emit(bus, OrderPlaced())
";
    assert_lines(
        &shop(code),
        &["publish events.OrderPlaced by shop:take certain through shop:emit:3"],
    );
}

#[test]
fn a_subclass_hands_its_event_to_the_constructor_of_its_base() {
    let code = "
class Job:
    def __init__(self, event):
        self.event = event

    def run(self):
        bus.publish(self.event)

class Placing(Job):
    def __init__(self):
        super().__init__(OrderPlaced())

Placing().run()
";
    let found = shop(code);
    assert!(
        found.starts_with("publish events.OrderPlaced by shop:Placing.__init__ certain"),
        "{found}"
    );
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[test]
fn the_name_of_a_class_stands_for_it() {
    let code = "
from pyee import EventEmitter

class Channel:
    def __init__(self):
        self.emitter = EventEmitter()

    def on(self, kind, function):
        self.emitter.on(kind.__name__, function)

    def send(self, event):
        self.emitter.emit(type(event).__name__, event)

def charge(order): ...

channel = Channel()
channel.on(OrderPlaced, charge)

def take():
    channel.send(OrderPlaced())
";
    assert_lines(
        &shop(code),
        &[
            "handle events.OrderPlaced by shop:charge certain exact",
            "publish events.OrderPlaced by shop:take certain through shop:Channel.send:12",
        ],
    );
}

#[test]
fn a_port_leads_to_its_adapter() {
    let code = "
from abc import ABC, abstractmethod

class Publisher(ABC):
    @abstractmethod
    def send(self, event): ...

class BusPublisher(Publisher):
    def send(self, event):
        bus.publish(event)

def take(publisher: Publisher):
    publisher.send(OrderPlaced())
";
    let found = shop(code);
    assert!(
        found.starts_with("publish events.OrderPlaced by shop:take"),
        "{found}"
    );
    assert!(!found.contains("unresolved"), "{found}");
}

#[test]
fn a_subclass_names_the_event_in_an_attribute() {
    let code = "
class Watch:
    event = None

    def __init__(self):
        bus.subscribe(self.event, self.hear)

    def hear(self, event): ...

class OrderWatch(Watch):
    event = OrderPlaced

class MailWatch(Watch):
    event = MailSent

    def hear(self, event): ...

OrderWatch()
MailWatch()
";
    let found = shop(code);
    assert!(
        found.contains("handle events.MailSent by shop:MailWatch.hear"),
        "{found}"
    );
    assert!(
        found.contains("handle events.OrderPlaced by shop:Watch.hear"),
        "{found}"
    );
}

#[test]
fn routes_that_are_put_aside_are_subscribed_later() {
    let code = "
class Router:
    def __init__(self):
        self.routes = []

    def route(self, event):
        def decorator(handler):
            self.routes.append((event, handler))
            return handler
        return decorator

    def install(self):
        for event, handler in self.routes:
            bus.subscribe(event, handler)

router = Router()

@router.route(OrderPlaced)
def charge(order): ...

router.install()
";
    let found = shop(code);
    assert!(
        found.contains("handle events.OrderPlaced by shop:charge"),
        "{found}"
    );
}

#[test]
fn a_lambda_may_stand_between() {
    let code = "
send = lambda event: bus.publish(event)

def take():
    send(OrderPlaced())
";
    let found = shop(code);
    assert!(
        found.starts_with("publish events.OrderPlaced by shop:take"),
        "{found}"
    );
}

#[test]
fn a_publish_may_be_handed_to_a_loop() {
    let code = "
import threading

def take(loop):
    loop.call_soon(bus.publish, OrderPlaced())
    threading.Thread(target=bus.publish, args=(MailSent(),)).start()
";
    let found = shop(code);
    assert!(
        found.contains("publish events.MailSent by shop:take"),
        "{found}"
    );
    assert!(
        found.contains("publish events.OrderPlaced by shop:take"),
        "{found}"
    );
}

#[test]
fn a_wrapper_may_be_handed_to_a_thread() {
    let code = "
from threading import Thread

class Office:
    def announce(self, event):
        bus.publish(event)

    def take(self, pool):
        pool.submit(self.announce, OrderPlaced())
        Thread(target=self.announce, args=[MailSent()]).start()
";
    assert_lines(
        &shop(code),
        &[
            "publish events.MailSent by shop:Office.take certain through shop:Office.announce:6",
            "publish events.OrderPlaced by shop:Office.take certain through shop:Office.announce:6",
        ],
    );
}

#[test]
fn a_subclass_publishes_what_it_names() {
    let code = "
class Report:
    kind = None

    def close(self):
        bus.publish(self.kind())

class OrderReport(Report):
    kind = OrderPlaced

class MailReport(Report):
    kind = MailSent

    def __init__(self):
        super().__init__()

@bus.on(InvoicePaid)
def settle(invoice):
    MailReport().close()
";
    let found = shop(code);
    assert_lines(
        &found,
        &[
            "cascade shop:settle to events.MailSent inferred at shop:settle:19 > shop:Report.close:6",
            "handle events.InvoicePaid by shop:settle certain",
            "publish events.MailSent by shop:Report.close inferred",
            "publish events.OrderPlaced by shop:Report.close inferred",
        ],
    );
}

#[test]
fn a_method_that_is_implemented_here_is_no_port() {
    let code = "
class Publisher:
    def send(self, event):
        print(event)

class BusPublisher(Publisher):
    def send(self, event):
        bus.publish(event)

def take(publisher: Publisher):
    publisher.send(OrderPlaced())
";
    let found = shop(code);
    assert!(!found.contains("publish events.OrderPlaced"), "{found}");
}

#[test]
fn a_function_that_gives_a_decorator_of_the_bus_back() {
    let code = "
def on(event):
    return bus.on(event)

class Wires:
    def placed(self):
        return bus.on(OrderPlaced)

wires = Wires()

@on(InvoicePaid)
def send(event): ...

@wires.placed()
def charge(event): ...
";
    assert_lines(
        &shop(code),
        &[
            "handle events.InvoicePaid by shop:send certain",
            "handle events.OrderPlaced by shop:charge certain",
        ],
    );
}

#[test]
fn a_wrapper_that_wraps_the_handler_too() {
    let code = "
def logged(handler):
    def call(event):
        print(event)
        handler(event)
    return call

def listen(event, handler):
    bus.subscribe(event, logged(handler))

def send(event): ...

def charge(event): ...

listen(InvoicePaid, send)
listen(OrderPlaced, charge)
";
    assert_lines(
        &shop(code),
        &[
            "handle events.InvoicePaid by shop:send inferred",
            "handle events.OrderPlaced by shop:charge inferred",
        ],
    );
}

#[test]
fn a_function_that_passes_all_of_its_arguments_on() {
    let code = "
class Wires:
    def on(self, *events, **options):
        return bus.on(*events, **options)

    def send(self, *events):
        bus.publish(*events)

def send(*events):
    wires.send(*events)

wires = Wires()

@wires.on(OrderPlaced, priority=3)
def charge(event):
    send(InvoicePaid())

wires.send(OrderPlaced())
";
    assert_lines(
        &shop(code),
        &[
            "cascade shop:charge to events.InvoicePaid certain at shop:charge:16",
            "handle events.OrderPlaced by shop:charge certain",
            "publish events.InvoicePaid by shop:charge certain through shop:send:10 > shop:Wires.send:7",
            "publish events.OrderPlaced by shop: certain through shop:Wires.send:7",
        ],
    );
}
