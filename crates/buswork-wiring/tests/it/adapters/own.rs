//! What an adapter of one's own can say.

use buswork_wiring::config::Config;

use super::{edges, read};

fn read_with(adapter: &str, code: &str) -> Vec<String> {
    let config = Config::parse("buswork.toml", adapter).unwrap();
    edges(&read(&[("shop.py", code)], &config))
}

#[test]
fn methods_are_handlers_by_their_name() {
    let adapter = r#"
        [[adapter]]
        name = "watchdogs"
        buses = ["kennel.Bus"]
        publish = [{ call = "dispatch" }]
        conventions = [{ classes = ["kennel.Watchdog"], method = "on_{event}" }]
    "#;
    let code = "
from kennel import Bus, Watchdog

class TabClosed: ...

class Crashes(Watchdog):
    def on_TabClosed(self, event): ...
    def helper(self): ...

bus = Bus()
bus.dispatch(TabClosed())
Crashes()
";
    assert_eq!(
        read_with(adapter, code),
        [
            "shop: -dispatch-> shop.TabClosed",
            "shop.TabClosed -convention-> shop:Crashes.on_TabClosed [inferred]",
        ]
    );
}

#[test]
fn the_annotation_of_a_handler_names_its_event() {
    let adapter = r#"
        [[adapter]]
        name = "mediator"
        buses = ["mediator.Mediator"]
        publish = [{ call = "send" }]
        subscribe = [{ call = "handler", event = "annotation", handler = "decorated" }]
    "#;
    let code = "
from mediator import Mediator

class OrderPlaced: ...

mediator = Mediator()

@mediator.handler
def charge(order: OrderPlaced): ...

mediator.send(OrderPlaced())
";
    assert_eq!(
        read_with(adapter, code),
        [
            "shop: -send-> shop.OrderPlaced",
            "shop.OrderPlaced -handler-> shop:charge"
        ]
    );
}

#[test]
fn marks_subscribe_what_is_handed_to_a_bus() {
    let adapter = r#"
        [[adapter]]
        name = "corp"
        buses = ["corp.Bus"]
        publish = [{ call = "raise_event", event-keyword = "event" }]
        marks = [{ call = "corp.listens", event = "all" }]
    "#;
    let code = "
from corp import Bus, listens

class A: ...
class B: ...

class Both:
    @listens(A, B)
    def hear(self, event): ...

bus = Bus()
bus.register(Both())
bus.raise_event(event=A())
";
    assert_eq!(
        read_with(adapter, code),
        [
            "shop: -raise_event-> shop.A",
            "shop.A -listens-> shop:Both.hear",
            "shop.B -listens-> shop:Both.hear",
        ]
    );
}

#[test]
fn the_projects_own_adapters_and_no_presets() {
    let code = "
from blinker import signal

order_placed = signal('order-placed')
order_placed.send()
";
    assert_eq!(read_with("", code), ["shop: -send-> shop.order_placed"]);
    assert_eq!(read_with("presets = []", code), [""; 0]);
    assert_eq!(read_with("presets = ['pyee']", code), [""; 0]);
}
