//! What is told of events and handlers besides their edges.

use super::{read, read_shop};
use buswork_wiring::graph::{Event, Handler, Wiring};

/// The only handler of a program.
fn handler_of(code: &str) -> Handler {
    let wiring = read_shop(code);
    let [handler] = wiring.handlers.as_slice() else {
        panic!("not one handler: {:?}", wiring.handlers);
    };
    handler.clone()
}

/// An event that `shop.py` defines and publishes.
fn event_of(code: &str) -> Event {
    let wiring = read_shop(&format!(
        "{code}\ndef run(event: Event):\n    bus.publish(event)\n"
    ));
    wiring.event("shop.Event").unwrap().clone()
}

#[test]
fn a_handler_that_cannot_take_one_event_is_a_misfit() {
    let cases = [
        ("def hear(): ...", "takes no argument"),
        ("def hear(one, two): ...", "needs 2 arguments"),
        ("def hear(event, *, bus): ...", "needs a keyword argument"),
        ("def hear(**options): ...", "takes no argument"),
        ("def hear(event): ...", ""),
        ("def hear(event, more=None): ...", ""),
        ("def hear(event, *, more=None): ...", ""),
        ("def hear(*events): ...", ""),
        ("async def hear(event, /): ...", ""),
    ];
    for (function, expected) in cases {
        let handler = handler_of(&format!("\n@bus.on(OrderPlaced)\n{function}\n"));
        assert_eq!(handler.misfit, expected, "{function}");
    }
}

#[test]
fn self_is_no_argument_of_a_handler() {
    let cases = [
        ("def hear(self): ...", "takes no argument"),
        ("def hear(self, event): ...", ""),
        ("@staticmethod\n    def hear(event): ...", ""),
        ("@classmethod\n    def hear(cls, event): ...", ""),
    ];
    for (method, expected) in cases {
        let code = format!(
            "\nclass Ear:\n    {method}\n\near = Ear()\nbus.subscribe(MailSent, ear.hear)\n"
        );
        assert_eq!(handler_of(&code).misfit, expected, "{method}");
    }
}

#[test]
fn a_partial_has_some_of_its_arguments() {
    let code = "
from functools import partial

def charge(percent, order): ...

bus.subscribe(OrderPlaced, partial(charge, 10))
";
    assert_eq!(handler_of(code).misfit, "");
}

#[test]
fn an_annotation_tells_what_a_handler_accepts() {
    let cases = [
        ("OrderPlaced", "events.OrderPlaced"),
        ("'OrderPlaced'", "events.OrderPlaced"),
        (
            "OrderPlaced | MailSent",
            "events.MailSent events.OrderPlaced",
        ),
        (
            "Union[MailSent, OrderPlaced]",
            "events.MailSent events.OrderPlaced",
        ),
        ("object", "*"),
        ("Any", ""),
    ];
    for (annotation, expected) in cases {
        let handler = handler_of(&format!(
            "\nfrom typing import Any, Union\n\n@bus.on(OrderPlaced)\ndef hear(event: {annotation}): ...\n"
        ));
        assert_eq!(
            handler.annotation.trim_matches('\''),
            annotation.trim_matches('\'')
        );
        assert_eq!(handler.accepts.join(" "), expected, "{annotation}");
        assert_eq!(handler.parameter, "event");
    }
}

#[test]
fn an_annotation_that_is_not_known_tells_nothing() {
    let code = "
from elsewhere import *

@bus.on(OrderPlaced)
def hear(event: Unknown): ...
";
    assert!(handler_of(code).accepts.is_empty());
}

#[test]
fn changes_of_the_event_are_told() {
    let code = "
@bus.on(OrderPlaced)
def hear(order):
    order.number = 7
    order.lines[0] = 'CD'
    order.count += 1
    other = order.count
    other = 8
    print(order)
";
    let handler = handler_of(code);
    let lines: Vec<u32> = handler.mutates.iter().map(|place| place.line).collect();
    assert_eq!(lines, [4, 5, 6]);
}

#[test]
fn so_are_those_by_another_name_and_by_name_of_the_attribute() {
    let code = "
@bus.on(OrderPlaced)
def hear(order):
    placed = order
    placed.number = 7
    setattr(order, 'number', 8)
    delattr(placed.lines, 'first')
    del order.number, placed.lines['first']
    other = order
    other = other.copy()
    other.number = 9
    setattr(other, 'number', 9)
";
    let handler = handler_of(code);
    let lines: Vec<u32> = handler.mutates.iter().map(|place| place.line).collect();
    assert_eq!(lines, [5, 6, 7, 8, 8]);
}

#[test]
fn a_name_that_is_given_to_something_else_is_not_the_event() {
    for other in [
        "for event in event.lines:\n        event.done = True",
        "with open('x') as event:\n        event.x = 1",
        "try: send()\n    except Problem as event:\n        event.x = 1",
        "import event\n    event.x = 1",
        "import event.part\n    event.x = 1",
        "from parts import event\n    event.x = 1",
        "def event(): ...\n    event.x = 1",
        "match event.lines:\n        case [event]:\n            event.x = 3",
        "if (event := event.copy()):\n        event.x = 3",
        "event, other = event.copy(), 1\n    event.x = 3",
    ] {
        let code = format!("\n@bus.on(OrderPlaced)\ndef hear(event):\n    {other}\n");
        assert!(handler_of(&code).mutates.is_empty(), "{other}");
    }
}

#[test]
fn a_copy_may_be_changed() {
    let code = "
from copy import copy

@bus.on(OrderPlaced)
def hear(order):
    order = copy(order)
    order.number = 7
";
    assert!(handler_of(code).mutates.is_empty());
}

#[test]
fn calls_that_block_an_async_handler_are_told_with_the_way_there() {
    let code = "
import time
import requests

@bus.on(OrderPlaced)
async def charge(order):
    time.sleep(1)
    settle(order)

def settle(order):
    requests.post('https://example.org')
";
    let handler = handler_of(code);
    let blocking: Vec<_> = handler
        .blocking
        .iter()
        .map(|one| format!("{}{}", one.call, super::steps(" at", &one.path)))
        .collect();
    assert_eq!(
        blocking,
        [
            "time.sleep  at shop:charge:7",
            "requests.post  at shop:charge:8 > shop:settle:11",
        ]
    );
}

#[test]
fn a_sync_handler_may_block() {
    let code = "
import time

@bus.on(OrderPlaced)
def charge(order):
    time.sleep(1)
";
    assert!(handler_of(code).blocking.is_empty());
}

#[test]
fn what_is_handed_to_a_thread_does_not_block() {
    let code = "
import asyncio
import time

@bus.on(OrderPlaced)
async def charge(order):
    await asyncio.to_thread(time.sleep, 1)
";
    assert!(handler_of(code).blocking.is_empty());
}

#[test]
fn a_function_that_is_handed_to_a_thread_does_not_block() {
    let code = "
import asyncio
import time

@bus.on(OrderPlaced)
async def charge(order):
    await asyncio.to_thread(settle)

def settle():
    time.sleep(1)
";
    assert!(handler_of(code).blocking.is_empty());
}

#[test]
fn a_class_may_be_frozen() {
    let cases = [
        ("@dataclass(frozen=True)\nclass Event: ...", Some(true)),
        ("@dataclass\nclass Event: ...", Some(false)),
        ("@dataclass(slots=True)\nclass Event: ...", Some(false)),
        ("class Event(NamedTuple): ...", Some(true)),
        ("@attrs.frozen\nclass Event: ...", Some(true)),
        ("@attrs.define\nclass Event: ...", Some(false)),
        ("class Event(BaseModel, frozen=True): ...", Some(true)),
        ("class Event: ...", None),
    ];
    for (class, expected) in cases {
        let event = event_of(&format!(
            "\nimport attrs\nfrom dataclasses import dataclass\nfrom typing import NamedTuple\n\
             from pydantic import BaseModel\n\n{class}\n"
        ));
        assert_eq!(event.frozen, expected, "{class}");
    }
}

#[test]
fn an_event_has_the_fields_of_its_bases_first() {
    let event = event_of(
        "
from dataclasses import dataclass
from typing import ClassVar

@dataclass
class Base:
    number: int

@dataclass
class Event(Base):
    '''A customer has
    bought CDs.

    Nothing is paid yet.
    '''
    kind: ClassVar[str] = 'event'
    lines: list[str]
",
    );
    let fields: Vec<_> = event
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.annotation.as_str()))
        .collect();
    assert_eq!(fields, [("number", "int"), ("lines", "list[str]")]);
    assert_eq!(event.doc, "A customer has bought CDs.");
    assert_eq!(event.location.unwrap().line, 10);
}

#[test]
fn a_plain_class_has_what_its_constructor_takes() {
    let event = event_of(
        "
class Event:
    def __init__(self, number: int, *, note=''):
        self.number = number
",
    );
    let fields: Vec<_> = event
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.annotation.as_str()))
        .collect();
    assert_eq!(fields, [("number", "int"), ("note", "")]);
}

#[test]
fn a_handler_declares_what_it_publishes() {
    let by_decorator = "
class Billing:
    @handles(OrderPlaced, publishes=[InvoicePaid, MailSent])
    def charge(self, order): ...

bus.include(Billing())
";
    let none = "
@bus.on(OrderPlaced)
def charge(order): ...
";
    let declared = Some(vec![
        "events.InvoicePaid".to_owned(),
        "events.MailSent".to_owned(),
    ]);
    assert_eq!(handler_of(by_decorator).declares, declared);
    assert_eq!(handler_of(none).declares, None);
}

#[test]
fn a_handler_declares_to_publish_nothing() {
    let code = "
class Billing:
    @handles(OrderPlaced, publishes=[])
    def charge(self, order): ...

bus.include(Billing())
";
    assert_eq!(handler_of(code).declares, Some(Vec::new()));
}

#[test]
fn what_a_comment_says_is_published_is_an_edge_where_no_publish_is_seen() {
    let code = "
@bus.on(OrderPlaced)
def charge(order):
    # wiring: publishes InvoicePaid
    getattr(bus, 'publish')(InvoicePaid)
    bus.publish(MailSent())  # noqa: E501 # wiring: publishes MailSent
";
    assert_eq!(handler_of(code).declares, None);
    super::assert_lines(
        &super::shop(code),
        &[
            "cascade shop:charge to events.InvoicePaid inferred at shop:charge:5",
            "cascade shop:charge to events.MailSent certain at shop:charge:6",
            "handle events.OrderPlaced by shop:charge certain",
            "publish events.InvoicePaid by shop:charge inferred",
            "publish events.MailSent by shop:charge certain",
        ],
    );
}

/// The comments that ask to overlook a rule: line, codes, reason.
fn ignores(wiring: &Wiring) -> Vec<String> {
    let ignores = wiring.ignores.iter();
    ignores
        .map(|one| {
            let (line, codes) = (one.location.line, one.codes.join("+"));
            format!("{line} {codes} {}", one.reason)
        })
        .collect()
}

#[test]
fn comments_that_ask_to_overlook_a_rule_are_kept() {
    let wiring = read(&[(
        "shop.py",
        "
from buswork import EventBus  # buswork: ignore[BW001] heard elsewhere
# buswork: ignore[BW001, BW005]: both
# buswork: ignore
print('# buswork: ignore[BW002] a text')
# buswork: mind[BW003]
",
    )]);
    assert_eq!(
        ignores(&wiring),
        ["2 BW001 heard elsewhere", "3 BW001+BW005 both", "4  "]
    );
}

#[test]
fn a_comment_that_asks_to_overlook_may_stand_behind_another() {
    let wiring = read(&[(
        "shop.py",
        "
import this  # noqa: E501 # buswork: ignore[BW001] see #7
import that  # type: ignore[attr] # why # buswork: ignore[BW002] as well
",
    )]);
    assert_eq!(ignores(&wiring), ["2 BW001 see #7", "3 BW002 as well"]);
}

#[test]
fn it_speaks_of_a_statement_with_its_lines_and_decorators() {
    let wiring = read(&[(
        "shop.py",
        "
# buswork: ignore[BW001] stacked
# buswork: ignore[BW002] stacked
# and something else
send(
    OrderPlaced(),  # buswork: ignore[BW003] within
    # buswork: ignore[BW004] within, alone
    True,
)

# buswork: ignore[BW005] of nothing

@on(A)  # buswork: ignore[BW301] at a decorator
@on(
    B,
)
async def hear(
    event,  # buswork: ignore[BW302] in a head
):
    pass  # buswork: ignore[BW303] in a body
",
    )]);
    let about = wiring.ignores.iter().map(|ignore| {
        let about = ignore.about.unwrap();
        let (line, first, last, definition) =
            (about.line, about.first, about.last, about.definition);
        format!(
            "{} of {line}, {first} to {last}, {definition}",
            ignore.codes[0]
        )
    });
    assert_eq!(
        about.collect::<Vec<_>>(),
        [
            "BW001 of 5, 5 to 9, 0",
            "BW002 of 5, 5 to 9, 0",
            "BW003 of 6, 5 to 9, 0",
            "BW004 of 8, 5 to 9, 0",
            "BW005 of 11, 11 to 11, 0",
            "BW301 of 13, 13 to 19, 17",
            "BW302 of 17, 13 to 19, 17",
            "BW303 of 20, 20 to 20, 0",
        ]
    );
}

#[test]
fn a_doc_of_a_handler_is_its_first_paragraph() {
    let handler = handler_of(
        "
@bus.on(OrderPlaced)
def charge(order):
    \"\"\"Charges the
    customer.

    Twice.
    \"\"\"
",
    );
    assert_eq!(handler.doc, "Charges the customer.");
    assert_eq!(handler.location.unwrap().to_string(), "shop.py:3");
}
