use std::fs;
use std::path::Path;

use buswork_wiring::config::Config;
use buswork_wiring::graph::Event;

use super::{edges, read};

fn fixture(name: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/adapters");
    let text = fs::read_to_string(folder.join(format!("{name}.py"))).unwrap();
    let wiring = read(&[("shop.py", &text)], &Config::default());
    assert_eq!(wiring.unresolved, [], "{name}");
    assert_eq!(wiring.problems, [], "{name}");
    let adapters = wiring.publishes.iter().map(|publish| &publish.adapter);
    let mut adapters = adapters.chain(
        wiring
            .subscriptions
            .iter()
            .map(|subscription| &subscription.adapter),
    );
    let preset = if name == "abxbus" { "bubus" } else { name };
    assert!(
        adapters.all(|adapter| adapter == preset),
        "{name}: {:?}",
        wiring.subscriptions
    );
    edges(&wiring)
}

#[test]
fn buswork() {
    assert_eq!(
        fixture("buswork"),
        [
            "shop:charge -post-> shop.InvoicePaid",
            "shop:place -publish-> shop.OrderPlaced",
            "shop:Warehouse.reserve -deliver-> shop.StockLow",
            "shop:place -publish-> stock.low",
            "shop.Event -subscribe-> shop:write_down",
            "shop.InvoicePaid -on-> shop:tell",
            "shop.OrderPlaced -handles-> shop:Warehouse.reserve",
            "shop.OrderPlaced -on-> shop:charge",
            "shop.StockLow -on-> shop:tell",
            "stock.* -subscribe-> shop:by_topic",
            "shop:Warehouse.reserve leads to shop.StockLow",
            "shop:charge leads to shop.InvoicePaid",
        ]
    );
}

#[test]
fn blinker() {
    assert_eq!(
        fixture("blinker"),
        [
            "shop:charge -send-> shop.invoice_paid",
            "shop:place -send-> shop.order_placed",
            "shop:place -send_async-> shop.stock_low",
            "shop.invoice_paid -connect-> shop:send_receipt",
            "shop.order_placed -connect-> shop:charge",
            "shop.order_placed -connect_via-> shop:thank",
            "shop.stock_low -connect-> shop:Warehouse.reorder",
            "shop:charge leads to shop.invoice_paid",
        ]
    );
}

#[test]
fn pyee() {
    assert_eq!(
        fixture("pyee"),
        [
            "shop:charge -emit-> invoice-paid",
            "shop:place -emit-> order-placed",
            "shop:Warehouse.take -emit-> stock-low",
            "invoice-paid -add_listener-> shop:send_receipt",
            "invoice-paid -on-> shop:send_receipt",
            "order-placed -once-> shop:celebrate",
            "order-placed -on-> shop:charge",
            "stock-low -on-> shop:Warehouse.reorder",
            "shop:charge leads to invoice-paid",
        ]
    );
}

#[test]
fn psygnal() {
    assert_eq!(
        fixture("psygnal"),
        [
            "shop:Billing.charge -emit-> shop.Order.paid",
            "shop:Order.place -emit-> shop.Order.placed",
            "shop.Order.paid -connect-> shop:send_receipt",
            "shop.Order.placed -connect-> shop:Billing.charge",
            "shop:Billing.charge leads to shop.Order.paid",
        ]
    );
}

#[test]
fn bubus() {
    assert_eq!(
        fixture("bubus"),
        [
            "shop:charge -dispatch-> shop.InvoicePaid",
            "shop:place -dispatch-> shop.OrderPlaced",
            "* -on-> shop:write_down",
            "shop.InvoicePaid -on-> shop:send_receipt",
            "shop.OrderPlaced -on-> shop:charge",
            "shop:charge leads to shop.InvoicePaid",
        ]
    );
}

#[test]
fn abxbus() {
    assert_eq!(
        fixture("abxbus"),
        [
            "shop:charge -emit-> shop.InvoicePaid",
            "shop:place -emit-> shop.OrderPlaced",
            "* -on-> shop:write_down",
            "shop.InvoicePaid -on-> shop:send_receipt",
            "shop.OrderPlaced -on-> shop:charge",
            "shop:charge leads to shop.InvoicePaid",
        ]
    );
}

#[test]
fn django() {
    assert_eq!(
        fixture("django"),
        [
            "shop:charge -send-> shop.invoice_paid",
            "shop:place -asend_robust-> shop.order_placed",
            "django.db.models.signals.post_save -receiver-> shop:index",
            "shop.invoice_paid -connect-> shop:send_receipt",
            "shop.order_placed -receiver-> shop:charge",
            "shop:charge leads to shop.invoice_paid",
        ]
    );
}

#[test]
fn pydispatch() {
    assert_eq!(
        fixture("pydispatch"),
        [
            "shop:charge -send-> invoice-paid",
            "shop:place -send-> order-placed",
            "invoice-paid -connect-> shop:send_receipt",
            "order-placed -connect-> shop:charge",
            "shop:charge leads to invoice-paid",
        ]
    );
}

#[test]
fn pymitter() {
    assert_eq!(
        fixture("pymitter"),
        [
            "shop:charge -emit-> invoice.paid",
            "shop:place -emit_async-> order.placed",
            "invoice.paid -once-> shop:send_receipt",
            "invoice.paid -many-> shop:send_receipt",
            "order.placed -on-> shop:charge",
            "shop:charge leads to invoice.paid",
        ]
    );
}

#[test]
fn lato() {
    assert_eq!(
        fixture("lato"),
        [
            "shop:place_order -publish-> shop.OrderPlaced",
            "shop: -execute-> shop.PlaceOrder",
            "shop.OrderPlaced -handler-> shop:charge",
            "shop.PlaceOrder -handler-> shop:place_order",
            "shop:place_order leads to shop.OrderPlaced",
        ]
    );
}

#[test]
fn qt() {
    assert_eq!(
        fixture("qt"),
        [
            "shop:Billing.charge -emit-> shop.Billing.paid",
            "shop:Order.place -emit-> shop.Order.placed",
            "PySide6.QtWidgets.QPushButton.clicked -connect-> shop:Order.place [inferred]",
            "PySide6.QtWidgets.QWidget.destroyed -connect-> shop:Window.leave",
            "shop.Billing.paid -connect-> shop:send_receipt",
            "shop.Order.placed -connect-> shop:Billing.charge",
            "shop:Billing.charge leads to shop.Billing.paid",
            "shop:Order.place leads to shop.Order.placed",
        ]
    );
}

#[test]
fn every_preset_has_a_fixture() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/adapters");
    for preset in buswork_wiring::adapters::presets() {
        let file = folder.join(format!("{}.py", preset.name));
        assert!(file.exists(), "{} has none", preset.name);
    }
}

#[test]
fn pluggy() {
    assert_eq!(
        fixture("pluggy"),
        [
            "shop:place -order_placed-> order_placed",
            "shop:Warehouse.order_placed -stock_low-> stock_low",
            "order_placed -hookimpl-> shop:Billing.order_placed",
            "order_placed -hookimpl-> shop:Warehouse.order_placed",
            "shop:Warehouse.order_placed leads to stock_low",
        ]
    );
}

#[test]
fn signals_of_flask_under_both_of_their_names() {
    let code = "
from flask import request_started, template_rendered
from flask.signals import request_started as begun

def count(sender): ...
def trace(sender): ...

request_started.connect(count)
begun.connect(trace)

@template_rendered.connect
def note(sender, template, context): ...
";
    let wiring = read(&[("shop.py", code)], &Config::default());
    assert_eq!(
        edges(&wiring),
        [
            "flask.signals.request_started -connect-> shop:count",
            "flask.signals.request_started -connect-> shop:trace",
            "flask.signals.template_rendered -connect-> shop:note",
        ]
    );
    assert!(wiring.events.iter().all(Event::is_from_outside));
}

#[test]
fn a_hook_that_is_called_otherwise_than_its_function() {
    let code = r#"
import pluggy
hookimpl = pluggy.HookimplMarker("shop")

class Billing:
    @hookimpl(specname="order_placed")
    def charge(self, number): ...
"#;
    let wiring = read(&[("shop.py", code)], &Config::default());
    assert_eq!(
        edges(&wiring),
        ["order_placed -hookimpl-> shop:Billing.charge"]
    );
}

#[test]
fn a_signal_of_blinker_is_the_same_wherever_it_is_asked_for_by_its_name() {
    let orders = "
from blinker import Namespace, signal
order_placed = signal('order-placed')
local = Namespace()
other = local.signal('order-placed')

def place():
    order_placed.send('123')
    other.send('123')
";
    let mail = "
import blinker
from shop.orders import local
ready = blinker.signal('order-placed')

@ready.connect
def thank(sender): ...

def log(sender): ...

blinker.signal('order-placed').connect(log)
local.signal('order-placed').connect(log)
blinker.signal('stock-low').connect(log)
";
    let files = [("shop/mail.py", mail), ("shop/orders.py", orders)];
    let wiring = read(&files, &Config::default());
    assert_eq!(
        edges(&wiring),
        [
            "shop.orders:place -send-> shop.orders.order_placed",
            "shop.orders:place -send-> shop.orders.other",
            "shop.orders.order_placed -connect-> shop.mail:log",
            "shop.orders.order_placed -connect-> shop.mail:thank",
            "shop.orders.other -connect-> shop.mail:log",
            "stock-low -connect-> shop.mail:log",
        ]
    );
}

#[test]
fn a_signal_that_is_connected_to_a_signal_is_sent_with_it() {
    let code = "
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QPushButton, QWidget

class Window(QWidget):
    bought = Signal(str)
    closed = Signal()

    def __init__(self):
        super().__init__()
        self.button = QPushButton('Buy')
        self.button.clicked.connect(self.bought)
        self.bought.connect(self.closed.emit)
        self.closed.connect(self.leave)

    def leave(self): ...

Window()
";
    let wiring = read(&[("shop.py", code)], &Config::default());
    assert_eq!(
        edges(&wiring),
        [
            "shop:Window.__init__ -connect-> shop.Window.bought [inferred]",
            "shop:Window.__init__ -emit-> shop.Window.closed [inferred]",
            "PySide6.QtWidgets.QPushButton.clicked -connect-> shop:Window.bought [inferred]",
            "shop.Window.bought -connect-> shop:Window.closed",
            "shop.Window.closed -connect-> shop:Window.leave",
            "shop:Window.bought leads to shop.Window.bought [inferred]",
            "shop:Window.closed leads to shop.Window.closed",
        ]
    );
}

#[test]
fn a_class_is_subscribed_to_by_its_name() {
    let code = "
from bubus import BaseEvent, EventBus
bus = EventBus()

class MailSent(BaseEvent): ...

def note(event): ...

bus.on('MailSent', note)
bus.on('OrderPlaced', note)
bus.dispatch(MailSent())
";
    let wiring = read(&[("shop.py", code)], &Config::default());
    assert_eq!(
        edges(&wiring),
        [
            "shop: -dispatch-> shop.MailSent",
            "OrderPlaced -on-> shop:note",
            "shop.MailSent -on-> shop:note [inferred]",
        ]
    );
}
