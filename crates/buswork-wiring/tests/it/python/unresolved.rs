//! Sites that cannot be told: each is listed with its place and the reason.

use super::{assert_lines, read_shop, shop};

#[test]
fn an_event_that_is_worked_out_at_run_time() {
    let code = "
import json
import events

def replay(line):
    record = json.loads(line)
    kind = getattr(events, record['kind'])
    bus.publish(kind(**record))
";
    assert_lines(
        &shop(code),
        &["unresolved publish at shop.py:8: what `kind()` is could not be told"],
    );
}

#[test]
fn an_event_from_a_table() {
    let code = "
def replay(kinds, name):
    bus.publish(kinds[name]())
";
    let found = shop(code);
    assert!(
        found.starts_with("unresolved publish at shop.py:3: "),
        "{found}"
    );
    assert_eq!(found.lines().count(), 1);
}

#[test]
fn a_parameter_that_nobody_hands_over() {
    let code = "
def forward(event):
    bus.publish(event)
";
    assert_lines(
        &shop(code),
        &[
            "unresolved publish at shop.py:3: hands on `event` of `forward`, and nothing that was read calls it with an event",
        ],
    );
}

#[test]
fn a_handler_that_nobody_hands_over() {
    let code = "
def listen(handler):
    bus.subscribe(OrderPlaced, handler)
";
    assert_lines(
        &shop(code),
        &[
            "unresolved subscribe at shop.py:3: hands on `handler` of `listen`, and nothing that was read calls it with any",
        ],
    );
}

#[test]
fn a_handler_that_is_found_at_run_time() {
    let code = "
import plugins

for name in plugins.names():
    bus.subscribe(OrderPlaced, getattr(plugins, name))
";
    let found = shop(code);
    assert!(
        found.starts_with("unresolved subscribe at shop.py:5: "),
        "{found}"
    );
    assert_eq!(found.lines().count(), 1);
}

#[test]
fn an_event_to_subscribe_to_that_is_found_at_run_time() {
    let code = "
import json

def count(event): ...

bus.subscribe(json.loads('{}'), count)
";
    let found = shop(code);
    assert!(
        found.starts_with("unresolved subscribe at shop.py:6: "),
        "{found}"
    );
    assert_eq!(found.lines().count(), 1);
}

#[test]
fn a_caller_of_a_wrapper_that_cannot_be_told() {
    let code = "
import json

def send(event):
    bus.publish(event)

def take():
    send(OrderPlaced())

def replay(line):
    send(json.loads(line))
";
    assert_lines(
        &shop(code),
        &[
            "publish events.OrderPlaced by shop:take certain through shop:send:5",
            "unresolved publish at shop.py:11: what `json.loads()` is could not be told",
        ],
    );
}

#[test]
fn a_topic_that_is_worked_out() {
    let code = "
def take(order):
    bus.publish(OrderPlaced(), topic=order.topic())
";
    assert_lines(
        &shop(code),
        &["unresolved publish at shop.py:3: its topic is not written down where it could be found"],
    );
}

#[test]
fn a_base_with_subclasses_is_any_of_several() {
    let code = "
class Event: ...
class Left(Event): ...
class Right(Event): ...

def forward(event: Event):
    bus.publish(event)
";
    let found = shop(code);
    assert!(
        found.starts_with("unresolved publish at shop.py:7: "),
        "{found}"
    );
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[test]
fn a_comment_tells_what_cannot_be_told() {
    let code = "
def forward(event):
    bus.publish(event)  # wiring: publishes OrderPlaced, MailSent
";
    assert_lines(
        &shop(code),
        &[
            "publish events.MailSent by shop:forward inferred",
            "publish events.OrderPlaced by shop:forward inferred",
        ],
    );
}

#[test]
fn sites_are_counted_once_under_their_weakest_edge() {
    let wiring = read_shop(
        "
def take(really, event):
    bus.publish(OrderPlaced())
    bus.publish(InvoicePaid() if really else MailSent())
    mail = MailSent()
    bus.publish(mail)
    bus.publish(event)
",
    );
    let coverage = wiring.publish_coverage;
    assert_eq!(
        [
            coverage.sites,
            coverage.certain,
            coverage.inferred,
            coverage.possible,
            coverage.unresolved,
        ],
        [4, 1, 1, 1, 1]
    );
}

#[test]
fn a_call_of_something_else_is_no_site() {
    let code = "
import requests

class Channel:
    def publish(self, text): ...

def take(queue, channel: Channel, session: requests.Session):
    queue.publish('x')
    channel.publish('x')
    session.post('https://example.org')
    requests.post('https://example.org')
";
    assert_lines(&shop(code), &[]);
}

#[test]
fn arguments_that_are_not_written_down() {
    let code = "
def on(events, **options): return bus.on(*events, **options)

def send(events): bus.publish(*events)

@on([OrderPlaced])
def charge(event): ...

send([OrderPlaced()])
";
    let found = shop(code);
    let reason = "its arguments are not written down here";
    assert!(
        found.contains(&format!("unresolved subscribe at shop.py:2: {reason}")),
        "{found}"
    );
    assert!(
        found.contains(&format!("unresolved publish at shop.py:4: {reason}")),
        "{found}"
    );
}

#[test]
fn a_method_of_the_bus_that_is_handed_to_what_was_not_read() {
    let code = "
from workers import pool

pool.register(bus.publish)
pool.register(on_done=bus.subscribe)
print(bus.publish, callable(bus.publish))

def run(publish):
    publish(OrderPlaced())

run(bus.publish)
";
    assert_lines(
        &shop(code),
        &[
            "publish events.OrderPlaced by shop:run certain",
            "unresolved publish at shop.py:4: `bus.publish` is handed on, and what calls it was not read",
            "unresolved subscribe at shop.py:5: `bus.subscribe` is handed on, and what calls it was not read",
        ],
    );
}
