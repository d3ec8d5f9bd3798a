//! What a handler publishes in turn, itself or through what it calls.

use super::{assert_lines, edges, shop};

/// The cascades alone.
fn cascades(code: &str) -> Vec<String> {
    let found = shop(code);
    let cascades = found.lines().filter(|line| line.starts_with("cascade "));
    cascades.map(str::to_owned).collect()
}

#[test]
fn a_handler_publishes_itself() {
    let code = "
@bus.on(OrderPlaced)
def charge(order):
    bus.publish(InvoicePaid())
";
    assert_eq!(
        cascades(code),
        ["cascade shop:charge to events.InvoicePaid certain at shop:charge:4"]
    );
}

#[test]
fn calls_of_functions_are_followed() {
    let code = "
@bus.on(OrderPlaced)
def charge(order):
    settle(order)

def settle(order):
    finish(order)

def finish(order):
    bus.publish(InvoicePaid())
";
    assert_eq!(
        cascades(code),
        [
            "cascade shop:charge to events.InvoicePaid inferred at shop:charge:4 > shop:settle:7 > shop:finish:10"
        ]
    );
}

#[test]
fn calls_of_methods_are_followed() {
    let code = "
class Billing:
    @handles(OrderPlaced)
    def charge(self, order):
        self.settle(order)

    def settle(self, order):
        bus.publish(InvoicePaid())

bus.include(Billing())
";
    assert_eq!(
        cascades(code),
        [
            "cascade shop:Billing.charge to events.InvoicePaid inferred at shop:Billing.charge:5 > shop:Billing.settle:8"
        ]
    );
}

#[test]
fn typed_attributes_are_followed() {
    let code = "
class Mailer:
    def send(self):
        bus.publish(MailSent())

class Billing:
    def __init__(self, mailer: Mailer):
        self.mailer = mailer

    @handles(OrderPlaced)
    def charge(self, order):
        self.mailer.send()

bus.include(Billing(Mailer()))
";
    assert_eq!(
        cascades(code),
        [
            "cascade shop:Billing.charge to events.MailSent inferred at shop:Billing.charge:12 > shop:Mailer.send:4"
        ]
    );
}

#[test]
fn versions_in_subclasses_are_followed() {
    let code = "
class Mailer:
    def send(self): ...

class Post(Mailer):
    def send(self):
        bus.publish(MailSent())

def wire(mailer: Mailer):
    @bus.on(OrderPlaced)
    def confirm(order):
        mailer.send()
";
    assert_eq!(
        cascades(code),
        [
            "cascade shop:wire.<locals>.confirm to events.MailSent inferred at shop:wire.<locals>.confirm:12 > shop:Post.send:7"
        ]
    );
}

#[test]
fn another_subclass_is_not_followed() {
    let code = "
class Base:
    @handles(OrderPlaced)
    def charge(self, order):
        self.finish()

    def finish(self): ...

class Quiet(Base): ...

class Loud(Base):
    def finish(self):
        bus.publish(MailSent())

bus.include(Quiet())
";
    // An object of `Quiet` has the `finish` of `Base`.
    let found = cascades(code);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn lambdas_are_followed() {
    let code = "
@bus.on(OrderPlaced)
def charge(order):
    retry(lambda: bus.publish(InvoicePaid()))

def retry(work): ...
";
    let found = cascades(code);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("cascade shop:charge to events.InvoicePaid inferred"),
        "{found:?}"
    );
}

#[test]
fn what_is_handed_to_a_thread_is_followed() {
    let code = "
import threading

@bus.on(OrderPlaced)
def charge(order):
    threading.Thread(target=settle, args=(order,)).start()

def settle(order):
    bus.publish(InvoicePaid())
";
    assert_eq!(
        cascades(code),
        ["cascade shop:charge to events.InvoicePaid inferred at shop:charge:6 > shop:settle:9"]
    );
}

#[test]
fn a_constructor_is_followed() {
    let code = "
class Invoice:
    def __init__(self):
        bus.publish(InvoicePaid())

@bus.on(OrderPlaced)
def charge(order):
    Invoice()
";
    assert_eq!(
        cascades(code),
        [
            "cascade shop:charge to events.InvoicePaid inferred at shop:charge:8 > shop:Invoice.__init__:4"
        ]
    );
}

#[test]
fn a_publish_through_a_wrapper_ends_at_the_bus() {
    let code = "
def send(event):
    bus.publish(event)

@bus.on(OrderPlaced)
def charge(order):
    send(InvoicePaid())
";
    let found = cascades(code);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("cascade shop:charge to events.InvoicePaid certain at shop:charge:7"),
        "{found:?}"
    );
}

#[test]
fn calls_across_modules_are_followed() {
    let found = edges(&[
        ("events.py", super::EVENTS),
        (
            "wires.py",
            "from buswork import EventBus\nbus = EventBus()\n",
        ),
        (
            "billing.py",
            "
from wires import bus
from events import OrderPlaced
import mails

@bus.on(OrderPlaced)
def charge(order):
    mails.send()
",
        ),
        (
            "mails.py",
            "
from wires import bus
from events import MailSent

def send():
    bus.publish(MailSent())
",
        ),
    ]);
    assert_lines(
        &found,
        &[
            "cascade billing:charge to events.MailSent inferred at billing:charge:8 > mails:send:6",
            "handle events.OrderPlaced by billing:charge certain",
            "publish events.MailSent by mails:send certain",
        ],
    );
}

#[test]
fn the_inside_of_a_bus_is_no_consequence() {
    let code = "
class Bus:
    def __init__(self):
        self.handlers = {}

    def subscribe(self, event, handler):
        self.handlers.setdefault(event, []).append(handler)

    def publish(self, event):
        for handler in self.handlers.get(type(event), []):
            handler(event)

own = Bus()

def charge(order):
    own.publish(InvoicePaid())

def thank(invoice):
    bus.publish(MailSent())

own.subscribe(OrderPlaced, charge)
own.subscribe(InvoicePaid, thank)
own.publish(OrderPlaced())
";
    assert_eq!(
        cascades(code),
        [
            "cascade shop:charge to events.InvoicePaid certain at shop:charge:16",
            "cascade shop:thank to events.MailSent certain at shop:thank:19",
        ]
    );
}

#[test]
fn a_circle_of_calls_ends() {
    let code = "
@bus.on(OrderPlaced)
def charge(order):
    again(order)

def again(order):
    charge(order)
    bus.publish(OrderPlaced())
";
    assert_eq!(
        cascades(code),
        ["cascade shop:charge to events.OrderPlaced inferred at shop:charge:4 > shop:again:8"]
    );
}

#[test]
fn a_function_that_is_only_defined_is_not_followed() {
    let code = "
@bus.on(OrderPlaced)
def charge(order):
    def never():
        bus.publish(InvoicePaid())
";
    assert_eq!(cascades(code), [""; 0]);
}

#[test]
fn a_nested_function_that_is_called_is_followed() {
    let code = "
@bus.on(OrderPlaced)
def charge(order):
    def settle():
        bus.publish(InvoicePaid())
    settle()
";
    assert_eq!(
        cascades(code),
        [
            "cascade shop:charge to events.InvoicePaid inferred at shop:charge:6 > shop:charge.<locals>.settle:5"
        ]
    );
}

#[test]
fn tasks_are_followed() {
    let code = "
import asyncio

@bus.on(OrderPlaced)
async def charge(order):
    asyncio.create_task(settle())
    await asyncio.gather(confirm())

async def settle():
    bus.publish(InvoicePaid())

async def confirm():
    await bus.publish(MailSent())
";
    assert_eq!(
        cascades(code),
        [
            "cascade shop:charge to events.InvoicePaid inferred at shop:charge:6 > shop:settle:10",
            "cascade shop:charge to events.MailSent inferred at shop:charge:7 > shop:confirm:13",
        ]
    );
}

#[test]
fn a_callback_in_an_attribute_is_followed() {
    let code = "
class Timer:
    def __init__(self, callback):
        self.callback = callback

    def fire(self):
        self.callback()

def done():
    bus.publish(MailSent())

timer = Timer(done)

@bus.on(OrderPlaced)
def charge(order):
    timer.fire()
";
    assert_eq!(
        cascades(code),
        [
            "cascade shop:charge to events.MailSent inferred at shop:charge:16 > shop:Timer.fire:7 > shop:done:10"
        ]
    );
}

#[test]
fn the_only_method_of_a_name_is_possible() {
    let code = "
@bus.on(OrderPlaced)
def charge(order):
    order.shop.send_the_mail()

class Mailer:
    def send_the_mail(self):
        bus.publish(MailSent())
";
    assert_eq!(
        cascades(code),
        [
            "cascade shop:charge to events.MailSent possible at shop:charge:4 > shop:Mailer.send_the_mail:8"
        ]
    );
}

#[test]
fn a_context_manager_is_followed() {
    let code = "
from contextlib import contextmanager

@contextmanager
def noted():
    yield
    bus.publish(MailSent())

@bus.on(OrderPlaced)
def charge(order):
    with noted():
        print(order)
";
    assert_eq!(
        cascades(code),
        ["cascade shop:charge to events.MailSent inferred at shop:charge:11 > shop:noted:7"]
    );
}

#[test]
fn a_property_is_followed() {
    let code = "
class Invoice:
    @property
    def paid(self):
        bus.publish(InvoicePaid())
        return True

@bus.on(OrderPlaced)
def charge(order):
    print(Invoice().paid)
";
    assert_eq!(
        cascades(code),
        [
            "cascade shop:charge to events.InvoicePaid inferred at shop:charge:10 > shop:Invoice.paid:5"
        ]
    );
}

#[test]
fn a_decorator_around_the_handler_is_followed() {
    let code = "
from functools import wraps

def confirmed(function):
    @wraps(function)
    def inner(event):
        function(event)
        bus.publish(MailSent())
    return inner

@bus.on(OrderPlaced)
@confirmed
def charge(order): ...
";
    let found = cascades(code);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("cascade shop:charge to events.MailSent"),
        "{found:?}"
    );
}

#[test]
fn a_singleton_is_followed() {
    let code = "
class Mailer:
    only = None

    @classmethod
    def get(cls):
        if cls.only is None:
            cls.only = cls()
        return cls.only

    def send(self):
        bus.publish(MailSent())

@bus.on(OrderPlaced)
def charge(order):
    Mailer.get().send()
";
    assert_eq!(
        cascades(code),
        ["cascade shop:charge to events.MailSent inferred at shop:charge:16 > shop:Mailer.send:12"]
    );
}

#[test]
fn a_singleton_that_new_makes_is_followed() {
    let code = "
class Mailer:
    only = None

    def __new__(cls):
        if Mailer.only is None:
            Mailer.only = super().__new__(cls)
        return Mailer.only

    def send(self):
        bus.publish(MailSent())

@bus.on(OrderPlaced)
def charge(order):
    Mailer.only.send()
";
    let found = cascades(code);
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn what_others_hand_over_is_not_followed() {
    let code = "
from threading import Thread

def retry(work):
    Thread(target=run, args=(work,)).start()

def run(job):
    job()

def send():
    bus.publish(MailSent())

def settle():
    bus.publish(InvoicePaid())

def other():
    retry(settle)

@bus.on(OrderPlaced)
def charge(order):
    retry(send)
";
    let found = cascades(code);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("cascade shop:charge to events.MailSent"),
        "{found:?}"
    );
}

#[test]
fn a_property_that_is_read_is_not_set() {
    let code = "
class Invoice:
    @property
    def paid(self):
        return True

    @paid.setter
    def paid(self, paid):
        bus.publish(InvoicePaid())

@bus.on(OrderPlaced)
def charge(order):
    print(Invoice().paid)

@bus.on(MailSent)
def settle(mail):
    Invoice().paid = True
";
    let found = cascades(code);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("cascade shop:settle to events.InvoicePaid"),
        "{found:?}"
    );
}

#[test]
fn another_function_under_the_same_decorator_is_not_followed() {
    let code = "
def confirmed(function):
    def inner(event):
        function(event)
    return inner

def send(event):
    bus.publish(MailSent())

other = confirmed(send)

@bus.on(OrderPlaced)
@confirmed
def charge(order): ...
";
    let found = cascades(code);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn lambdas_of_one_name_are_handlers_of_their_own() {
    let code = "
bus.subscribe(OrderPlaced, lambda e: bus.publish(InvoicePaid()))
names = sorted([], key=lambda e: e.name)
bus.subscribe(InvoicePaid, lambda e: bus.publish(MailSent()))
bus.subscribe(MailSent, lambda e: print(e))
bus.publish(OrderPlaced())
";
    assert_lines(
        &shop(code),
        &[
            "cascade shop:<lambda> to events.InvoicePaid certain at shop:<lambda>:2",
            "cascade shop:<lambda>#2 to events.MailSent certain at shop:<lambda>#2:4",
            "handle events.InvoicePaid by shop:<lambda>#2 certain",
            "handle events.MailSent by shop:<lambda>#3 certain",
            "handle events.OrderPlaced by shop:<lambda> certain",
            "publish events.InvoicePaid by shop:<lambda> certain",
            "publish events.MailSent by shop:<lambda>#2 certain",
            "publish events.OrderPlaced by shop: certain",
        ],
    );
}

#[test]
fn functions_of_one_name_are_handlers_of_their_own() {
    let code = "
@bus.on(OrderPlaced)
def _(event): bus.publish(InvoicePaid())

@bus.on(InvoicePaid)
def _(event): bus.publish(MailSent())
";
    let found = shop(code);
    assert!(found.contains("handle events.OrderPlaced by shop:_ certain"));
    assert!(found.contains("handle events.InvoicePaid by shop:_#2 certain"));
    assert!(found.contains("cascade shop:_ to events.InvoicePaid certain"));
    assert!(found.contains("cascade shop:_#2 to events.MailSent certain"));
    assert_eq!(found.matches("cascade").count(), 2, "{found}");
}

#[test]
fn a_function_that_another_makes_publishes_what_that_was_given() {
    let code = "
def forward_as(kind):
    def forward(event):
        bus.publish(kind())
    return forward

def twice(kind):
    return forward_as(kind)

bus.subscribe(OrderPlaced, forward_as(InvoicePaid))
bus.subscribe(InvoicePaid, twice(MailSent))
";
    assert_lines(
        &shop(code),
        &[
            "cascade shop:forward_as.<locals>.forward to events.InvoicePaid inferred \
             at shop:forward_as.<locals>.forward:4",
            "cascade shop:forward_as.<locals>.forward#2 to events.MailSent inferred \
             at shop:forward_as.<locals>.forward:4",
            "handle events.InvoicePaid by shop:forward_as.<locals>.forward#2 inferred",
            "handle events.OrderPlaced by shop:forward_as.<locals>.forward inferred",
            "publish events.InvoicePaid by shop:forward_as.<locals>.forward inferred",
            "publish events.MailSent by shop:forward_as.<locals>.forward inferred",
        ],
    );
}
