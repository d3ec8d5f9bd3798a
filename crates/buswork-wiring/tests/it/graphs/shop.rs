//! A shop in which all is well.

use buswork_wiring::graph::{Grade, Wiring};

use super::Draft;

const CERTAIN: Grade = Grade::Certain;

pub(crate) fn shop() -> Wiring {
    handlers(events(Draft::new())).finish()
}

/// Events, and who publishes them.
fn events(draft: Draft) -> Draft {
    draft
        .event("shop.events.OrderPlaced", "shop/events.py:8")
        .event("shop.events.InvoicePaid", "shop/events.py:16")
        .event("shop.events.StockLow", "shop/events.py:24")
        .event("shop.events.StockReordered", "shop/events.py:32")
        .publish(
            "shop.orders:place_order",
            "shop.events.OrderPlaced",
            "shop/orders.py:12",
            CERTAIN,
        )
        .publish(
            "shop.billing:charge",
            "shop.events.InvoicePaid",
            "shop/billing.py:15",
            CERTAIN,
        )
        .publish(
            "shop.inventory:Stock.take",
            "shop.events.StockLow",
            "shop/inventory.py:31",
            CERTAIN,
        )
        .publish(
            "shop.inventory:reorder",
            "shop.events.StockReordered",
            "shop/inventory.py:44",
            CERTAIN,
        )
}

/// Handlers, what they are subscribed to, and what they publish in turn.
fn handlers(draft: Draft) -> Draft {
    draft
        .handler("shop.billing:charge", "shop/billing.py:11", false)
        .handler("shop.inventory:reserve", "shop/inventory.py:20", false)
        .handler("shop.inventory:reorder", "shop/inventory.py:40", true)
        .handler(
            "shop.post_office:PostOffice.confirm",
            "shop/post_office.py:14",
            true,
        )
        .handler(
            "shop.post_office:PostOffice.send_receipt",
            "shop/post_office.py:21",
            true,
        )
        .handler("shop.analytics:count", "shop/analytics.py:5", false)
        .subscribe(
            "shop.events.OrderPlaced",
            "shop.billing:charge",
            "on",
            "shop/billing.py:10",
            CERTAIN,
        )
        .with(|one| one.options.push(("priority".to_owned(), "10".to_owned())))
        .subscribe(
            "shop.events.OrderPlaced",
            "shop.inventory:reserve",
            "on",
            "shop/inventory.py:19",
            CERTAIN,
        )
        .subscribe(
            "shop.events.OrderPlaced",
            "shop.post_office:PostOffice.confirm",
            "subscribe",
            "shop/application.py:30",
            CERTAIN,
        )
        .subscribe(
            "shop.events.InvoicePaid",
            "shop.post_office:PostOffice.send_receipt",
            "subscribe",
            "shop/application.py:31",
            Grade::Inferred,
        )
        .subscribe(
            "shop.events.StockLow",
            "shop.inventory:reorder",
            "on",
            "shop/inventory.py:39",
            CERTAIN,
        )
        .subscribe(
            "shop.events.OrderPlaced",
            "shop.analytics:count",
            "on",
            "shop/analytics.py:4",
            CERTAIN,
        )
        .subscribe(
            "shop.events.StockReordered",
            "shop.analytics:count",
            "on",
            "shop/analytics.py:4",
            CERTAIN,
        )
        .cascade(
            "shop.billing:charge",
            "shop.events.InvoicePaid",
            CERTAIN,
            &["shop.billing:charge@shop/billing.py:15"],
        )
        .cascade(
            "shop.inventory:reserve",
            "shop.events.StockLow",
            Grade::Inferred,
            &[
                "shop.inventory:reserve@shop/inventory.py:22",
                "shop.inventory:Stock.take@shop/inventory.py:31",
            ],
        )
        .cascade(
            "shop.inventory:reorder",
            "shop.events.StockReordered",
            CERTAIN,
            &["shop.inventory:reorder@shop/inventory.py:44"],
        )
}
