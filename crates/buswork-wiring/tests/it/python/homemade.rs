//! Buses that a project wrote by hand.

use super::{assert_lines, edges};

/// All edges of a program with this bus, that is used by every one of them in the same way.
fn found(bus: &str) -> String {
    let uses = "
from events import OrderPlaced, InvoicePaid
from wires import Channel

channel = Channel()

def charge(order): ...
def thank(invoice): ...

channel.listen(OrderPlaced, charge)
channel.listen(InvoicePaid, thank)

def take():
    channel.tell(OrderPlaced())
";
    edges(&[
        ("events.py", super::EVENTS),
        ("wires.py", bus),
        ("shop.py", uses),
    ])
}

/// What is found of a bus that is understood, whatever the grade.
#[track_caller]
fn assert_is_a_bus(bus: &str) {
    let text = found(bus);
    let grades = [" certain", " inferred"];
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.split(" through ").next().unwrap())
        .map(|line| line.strip_suffix(" exact").unwrap_or(line))
        .map(|line| {
            let grade = grades.iter().find_map(|grade| line.strip_suffix(grade));
            grade.unwrap_or(line)
        })
        .collect();
    assert_eq!(
        lines,
        [
            "handle events.InvoicePaid by shop:thank",
            "handle events.OrderPlaced by shop:charge",
            "publish events.OrderPlaced by shop:take",
        ]
    );
}

#[test]
fn a_table_of_lists_is_a_bus() {
    assert_is_a_bus(
        "
from collections import defaultdict

class Channel:
    def __init__(self):
        self._table = defaultdict(list)

    def listen(self, kind, function):
        self._table[kind].append(function)

    def tell(self, event):
        for function in self._table[type(event)]:
            function(event)
",
    );
}

#[test]
fn a_table_with_setdefault_is_a_bus() {
    assert_is_a_bus(
        "
class Channel:
    def __init__(self):
        self._table = {}

    def listen(self, kind, function):
        self._table.setdefault(kind, []).append(function)

    def tell(self, event):
        for function in list(self._table.get(event.__class__, ())):
            function(event)
",
    );
}

#[test]
fn a_table_of_tables_is_a_bus() {
    assert_is_a_bus(
        "
class Channel:
    def __init__(self):
        self._listeners = {}
        self._count = 0

    def listen(self, kind, function):
        if kind not in self._listeners:
            self._listeners[kind] = {}
        self._count += 1
        self._listeners[kind][self._count] = function

    def tell(self, event):
        for function in self._listeners[type(event)].values():
            function(event)
",
    );
}

#[test]
fn a_loop_over_the_mro_is_a_bus() {
    assert_is_a_bus(
        "
class Channel:
    def __init__(self):
        self._table = {}

    def listen(self, kind, function):
        self._table.setdefault(kind, set()).add(function)

    def tell(self, event):
        for kind in type(event).__mro__:
            for function in self._table.get(kind, ()):
                function(event)
",
    );
}

#[test]
fn an_async_bus_is_a_bus() {
    assert_is_a_bus(
        "
import asyncio

class Channel:
    def __init__(self):
        self._table = {}

    def listen(self, kind, function):
        self._table.setdefault(kind, []).append(function)

    async def tell(self, event):
        calls = [function(event) for function in self._table[type(event)]]
        await asyncio.gather(*calls)
",
    );
}

#[test]
fn entries_with_a_priority_are_followed() {
    assert_is_a_bus(
        "
class Channel:
    def __init__(self):
        self._table = {}

    def listen(self, kind, function, priority=0):
        self._table.setdefault(kind, []).append((priority, function))

    def tell(self, event):
        for _, function in sorted(self._table[type(event)]):
            function(event)
",
    );
}

#[test]
fn a_helper_that_calls_the_handlers_is_followed() {
    assert_is_a_bus(
        "
class Channel:
    def __init__(self):
        self._table = {}

    def listen(self, kind, function):
        self._table.setdefault(kind, []).append(function)

    def tell(self, event):
        for function in self._table[type(event)]:
            self._call(function, event)

    def _call(self, function, event):
        function(event)
",
    );
}

#[test]
fn a_table_that_is_given_back_is_a_bus() {
    assert_is_a_bus(
        "
class Channel:
    def __init__(self):
        self._handlers = {}

    def listen(self, kind, function):
        self._handlers.setdefault(kind, []).append(function)

    def tell(self, event):
        for function in self.handlers_of(type(event)):
            function(event)

    def handlers_of(self, kind):
        return self._handlers.get(kind, [])
",
    );
}

#[test]
fn a_table_of_names_is_a_bus() {
    let code = "
_listeners = {}

def listen(name, function):
    _listeners.setdefault(name, []).append(function)

def tell(name, *arguments):
    for function in _listeners.get(name, []):
        function(*arguments)

def charge(order): ...

listen('order placed', charge)

def take():
    tell('order placed', 7)
";
    assert_lines(
        &edges(&[("shop.py", code)]),
        &[
            "handle order placed by shop:charge certain",
            "publish order placed by shop:take certain through shop:tell:8",
        ],
    );
}

#[test]
fn a_table_that_is_written_down_is_a_bus() {
    let code = "
from events import OrderPlaced, InvoicePaid

def charge(order): ...
def pack(order): ...
def thank(invoice): ...

HANDLERS = {
    OrderPlaced: [charge, pack],
    InvoicePaid: [thank],
}

def tell(event):
    for handler in HANDLERS[type(event)]:
        handler(event)

def take():
    tell(OrderPlaced())
";
    let text = edges(&[("events.py", super::EVENTS), ("shop.py", code)]);
    let starts: Vec<String> = text
        .lines()
        .map(|line| line.split(' ').take(4).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        starts,
        [
            "handle events.InvoicePaid by shop:thank",
            "handle events.OrderPlaced by shop:charge",
            "handle events.OrderPlaced by shop:pack",
            "publish events.OrderPlaced by shop:take",
        ]
    );
}

#[test]
fn what_a_handler_gives_back_may_be_a_list_of_events() {
    let code = "
from events import OrderPlaced, InvoicePaid

class Channel:
    def __init__(self):
        self.queue = []
        self.handlers = {OrderPlaced: [charge]}

    def handle(self, event):
        self.queue = [event]
        while self.queue:
            event = self.queue.pop(0)
            for handler in self.handlers[type(event)]:
                self.queue.extend(handler(event))

def charge(order):
    return [InvoicePaid()]

Channel().handle(OrderPlaced())
";
    let text = edges(&[("events.py", super::EVENTS), ("shop.py", code)]);
    assert!(
        text.contains("cascade shop:charge to events.InvoicePaid"),
        "{text}"
    );
    assert!(
        text.contains("handle events.OrderPlaced by shop:charge"),
        "{text}"
    );
    assert!(
        text.contains("publish events.OrderPlaced by shop:"),
        "{text}"
    );
}

#[test]
fn a_queue_between_two_methods_is_followed() {
    let code = "
from events import OrderPlaced, InvoicePaid

def charge(order):
    return [InvoicePaid()]

def thank(invoice):
    return []

class Channel:
    def __init__(self):
        self.queue = []
        self.handlers = {OrderPlaced: [charge], InvoicePaid: [thank]}

    def handle(self, event):
        self.queue = [event]
        while self.queue:
            self.handle_one(self.queue.pop(0))

    def handle_one(self, event):
        for handler in self.handlers[type(event)]:
            self.queue.extend(handler(event))

Channel().handle(OrderPlaced())
";
    let text = edges(&[("events.py", super::EVENTS), ("shop.py", code)]);
    let starts: Vec<String> = text
        .lines()
        .map(|line| line.split(' ').take(4).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        starts,
        [
            "cascade shop:charge to events.InvoicePaid",
            "handle events.InvoicePaid by shop:thank",
            "handle events.OrderPlaced by shop:charge",
            "publish events.InvoicePaid by shop:charge",
            "publish events.OrderPlaced by shop:",
        ]
    );
}

#[test]
fn a_method_that_decorates_subscribes() {
    let code = "
from events import OrderPlaced, MailSent

class Channel:
    def __init__(self):
        self._table = {}

    def on(self, kind):
        def decorator(function):
            self._table.setdefault(kind, []).append(function)
            return function
        return decorator

    def emit(self, event):
        for function in self._table.get(type(event), []):
            function(event)

channel = Channel()

@channel.on(OrderPlaced)
def charge(order):
    channel.emit(MailSent())
";
    assert_lines(
        &edges(&[("events.py", super::EVENTS), ("shop.py", code)]),
        &[
            "cascade shop:charge to events.MailSent certain at shop:charge:22",
            "handle events.OrderPlaced by shop:charge certain exact",
            "publish events.MailSent by shop:charge certain through shop:Channel.emit:15",
        ],
    );
}

#[test]
fn a_table_of_the_class_is_a_bus() {
    assert_is_a_bus(
        "
class Channel:
    table = {}

    @classmethod
    def listen(cls, kind, function):
        if kind not in cls.table:
            cls.table[kind] = []
        cls.table[kind].append(function)

    @classmethod
    def tell(cls, event):
        for function in cls.table[type(event)]:
            function(event)
",
    );
}

#[test]
fn a_bus_of_commands_has_one_handler_each() {
    assert_is_a_bus(
        "
class Channel:
    def __init__(self):
        self._handlers = {}

    def listen(self, command, handler):
        self._handlers[command] = handler

    def tell(self, command):
        return self._handlers[type(command)](command)
",
    );
}

#[test]
fn an_attribute_of_the_event_may_be_the_key() {
    let code = "
class Event:
    def __init__(self, name):
        self.name = name

class Channel:
    def __init__(self):
        self.table = {}

    def listen(self, name, function):
        self.table.setdefault(name, []).append(function)

    def tell(self, event):
        for function in self.table.get(event.name, []):
            function(event)

def charge(event): ...

channel = Channel()
channel.listen('order placed', charge)
channel.tell(Event('order placed'))
";
    assert_lines(
        &edges(&[("shop.py", code)]),
        &[
            "handle order placed by shop:charge certain",
            "publish order placed by shop: certain through shop:Channel.tell:14",
        ],
    );
}

#[test]
fn the_way_through_a_bus_by_name_has_a_place() {
    let code = "
from events import OrderPlaced

class Channel:
    def __init__(self):
        self.pairs = []

    def on(self, kind, function):
        self.pairs.append((kind, function))

    def emit(self, event):
        for kind, function in self.pairs:
            if isinstance(event, kind):
                function(event)

def charge(order): ...

channel = Channel()
channel.on(OrderPlaced, charge)
channel.emit(OrderPlaced())
";
    let text = edges(&[("events.py", super::EVENTS), ("shop.py", code)]);
    assert!(
        text.contains("publish events.OrderPlaced by shop: inferred"),
        "{text}"
    );
    assert!(!text.contains("Channel.emit:0"), "{text}");
}

#[test]
fn handlers_may_be_kept_by_the_names_of_classes() {
    let code = "
from collections import defaultdict
from events import OrderPlaced

class Channel:
    def __init__(self):
        self.handlers = defaultdict(list)

    def on(self, kind, function):
        self.handlers[kind.__name__].append(function)

    def emit(self, event):
        for handler in self.handlers[event.__class__.__name__]:
            handler(event)

def charge(order): ...

channel = Channel()
channel.on(OrderPlaced, charge)
channel.emit(OrderPlaced())
";
    let text = edges(&[("events.py", super::EVENTS), ("shop.py", code)]);
    assert_lines(
        &text,
        &[
            "handle events.OrderPlaced by shop:charge certain exact",
            "publish events.OrderPlaced by shop: certain through shop:Channel.emit:13",
        ],
    );
}

/// A bus that looks the handlers of `Rushed` up by this code, with handlers of its base.
fn looked_up_by(code: &str) -> String {
    let shop = format!(
        "
import inspect
from collections import defaultdict
from events import OrderPlaced

class Rushed(OrderPlaced): ...

class Channel:
    def __init__(self):
        self.handlers = defaultdict(list)

    def on(self, kind, function):
        self.handlers[kind].append(function)

    def emit(self, event):
{code}

def charge(order): ...

channel = Channel()
channel.on(OrderPlaced, charge)
channel.emit(Rushed())
"
    );
    edges(&[("events.py", super::EVENTS), ("shop.py", &shop)])
}

#[test]
fn a_bus_that_looks_up_by_the_class_keeps_subclasses_out() {
    for key in ["type(event)", "event.__class__", "type(event).__name__"] {
        let text = looked_up_by(&format!(
            "        for handler in self.handlers[{key}]:\n            handler(event)"
        ));
        assert!(
            text.contains("handle events.OrderPlaced by shop:charge certain exact"),
            "{key}: {text}"
        );
    }
}

#[test]
fn a_bus_that_looks_up_by_the_bases_takes_subclasses() {
    for bases in [
        "type(event).__mro__",
        "type(event).mro()",
        "event.__class__.__mro__[:-1]",
        "inspect.getmro(type(event))",
    ] {
        let text = looked_up_by(&format!(
            "        for kind in {bases}:\n            for handler in self.handlers[kind]:\n                handler(event)"
        ));
        assert!(
            text.contains("handle events.OrderPlaced by shop:charge certain\n"),
            "{bases}: {text}"
        );
    }
    let text = looked_up_by(
        "        for kind, handlers in self.handlers.items():
            if isinstance(event, kind):
                for handler in handlers:
                    handler(event)",
    );
    assert!(
        text.contains("handle events.OrderPlaced by shop:charge inferred\n"),
        "{text}"
    );
}

#[test]
fn handlers_may_be_kept_with_their_arguments() {
    let code = "
class Button:
    def __init__(self):
        self.callbacks = {'pressed': []}

    def register(self, event, callback, *args):
        entry = (callback, args)
        self.callbacks[event].append(entry)

    def handle(self, event):
        for callback, args in self.callbacks[event]:
            callback(*args)

def ring(): ...

button = Button()
button.register('pressed', ring)
button.handle('pressed')
";
    assert_lines(
        &edges(&[("shop.py", code)]),
        &[
            "handle pressed by shop:ring certain",
            "publish pressed by shop: certain through shop:Button.handle:11",
        ],
    );
}

const ENVELOPES: &str = "
from enum import Enum

class Kind(Enum):
    PLACED = 'placed'
    PAID = 'paid'
    SENT = 'sent'

class Event:
    def __init__(self, kind, **parts):
        self.__dict__ = parts
        self.kind = kind

class Bus:
    def __init__(self):
        self._late = {}
        self._early = {}

    def add_listener(self, kind, listener, late=False):
        (self._late if late else self._early)[kind].append(listener)

    def publish_event(self, event):
        for listener in self._early[event.kind]:
            if listener(event):
                break
        for listener in self._late[event.kind]:
            listener(event)

bus = Bus()
";

#[test]
fn an_event_in_an_envelope_is_what_the_envelope_says() {
    let shop = "
from bus import bus, Event, Kind

def charge(event):
    bus.publish_event(Event(Kind.PAID, order=event.order))

def send(event): ...

def tell(kind):
    bus.publish_event(Event(kind))

def pass_on(event: Event):
    bus.publish_event(event)

bus.add_listener(Kind.PLACED, charge)
bus.add_listener(Kind.PAID, send, late=True)
bus.publish_event(Event(Kind.PLACED, order='123'))
tell(Kind.SENT)
";
    assert_lines(
        &edges(&[("bus.py", ENVELOPES), ("shop.py", shop)]),
        &[
            "cascade shop:charge to Kind.PAID certain at shop:charge:5",
            "handle Kind.PAID by shop:send certain",
            "handle Kind.PLACED by shop:charge certain",
            "publish Kind.PAID by shop:charge certain through bus:Bus.publish_event:23",
            "publish Kind.PLACED by shop: certain through bus:Bus.publish_event:23",
            "publish Kind.SENT by shop: certain through shop:tell:10 > bus:Bus.publish_event:23",
            "unresolved publish at shop.py:13: hands on `event` of `pass_on`, and nothing that was \
             read calls it with an event",
        ],
    );
}

#[test]
fn an_envelope_of_a_class_of_its_own_says_what_its_class_says() {
    let shop = "
from bus import bus, Event, Kind

class Paid(Event):
    def __init__(self, order):
        super().__init__(Kind.PAID, order=order)

class Sent(Event):
    kind = Kind.SENT

    def __init__(self): ...

def charge(event):
    bus.publish_event(Paid(event.order))

def send(event):
    bus.publish_event(Sent())

bus.add_listener(Kind.PLACED, charge)
bus.add_listener(Kind.PAID, send)
";
    assert_lines(
        &edges(&[("bus.py", ENVELOPES), ("shop.py", shop)]),
        &[
            "cascade shop:charge to Kind.PAID certain at shop:charge:14",
            "cascade shop:send to Kind.SENT certain at shop:send:17",
            "handle Kind.PAID by shop:send certain",
            "handle Kind.PLACED by shop:charge certain",
            "publish Kind.PAID by shop:charge certain through bus:Bus.publish_event:23",
            "publish Kind.SENT by shop:send certain through bus:Bus.publish_event:23",
        ],
    );
}
