//! The map of the example shop, right to the last edge. The edges are listed by hand, from the code
//! of the shop, and not from what a scan says.

use std::collections::BTreeSet;
use std::path::Path;

use buswork_wiring::config::Config;
use buswork_wiring::graph::Wiring;
use buswork_wiring::scan::scan;

fn scanned(folder: &str) -> Wiring {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let checkout = checkout.canonicalize().unwrap();
    let wiring = scan(&checkout, &[checkout.join(folder)], &Config::default());
    assert_eq!(wiring.problems, []);
    assert_eq!(wiring.unresolved, []);
    wiring
}

/// `orders:take → OrderPlaced`, one an edge, with what all names begin with left out.
fn edges<'a>(
    ends: impl Iterator<Item = (&'a String, &'a String)>,
    [functions, events]: [&str; 2],
) -> Vec<String> {
    let left_out =
        |name: &str, beginning: &str| name.strip_prefix(beginning).unwrap_or(name).to_owned();
    let mut edges: Vec<String> = ends
        .map(|(function, event)| {
            format!(
                "{} → {}",
                left_out(function, functions),
                left_out(event, events)
            )
        })
        .collect();
    edges.sort();
    edges
}

fn assert_edges(wiring: &Wiring, names: [&str; 2], expected: [&[&str]; 3]) {
    let publishes = wiring
        .publishes
        .iter()
        .map(|one| (&one.function, &one.event));
    let subscriptions = wiring.subscriptions.iter();
    let handles = subscriptions.map(|one| (&one.handler, &one.event));
    let cascades = wiring.cascades.iter().map(|one| (&one.handler, &one.event));
    let found = [
        edges(publishes, names),
        edges(handles, names),
        edges(cascades, names),
    ];
    for (found, expected) in found.iter().zip(expected) {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(*found, expected);
    }
    let events: BTreeSet<&str> = wiring
        .events
        .iter()
        .map(|event| event.id.as_str())
        .collect();
    let ends = wiring.publishes.iter().map(|one| one.event.as_str());
    let ends = ends.chain(wiring.subscriptions.iter().map(|one| one.event.as_str()));
    assert_eq!(events, ends.collect(), "no event besides");
    let callables: BTreeSet<&str> = wiring.handlers.iter().map(|one| one.id.as_str()).collect();
    let ends = wiring.subscriptions.iter().map(|one| one.handler.as_str());
    assert_eq!(callables, ends.collect(), "no handler besides");
}

#[test]
fn the_map_of_the_shop_for_python() {
    let wiring = scanned("examples/shop");
    let publishes = [
        "awaited.billing:Billing.bill → InvoicePaid",
        "awaited.inventory:Inventory.reorder → StockReordered",
        "awaited.inventory:Inventory.reserve → StockLow",
        "awaited.orders:take → OrderPlaced",
        "awaited.orders:take → RowRejected",
        "billing:Billing.bill → InvoicePaid",
        "inventory:Inventory.reorder → StockReordered",
        "inventory:Inventory.reserve → StockLow",
        "orders:take → OrderPlaced",
        "orders:take → RowRejected",
    ];
    let handles = [
        "analytics:Analytics.count_event → *",
        "analytics:Analytics.count_money → InvoicePaid",
        "analytics:Analytics.count_order → OrderPlaced",
        "analytics:Analytics.count_rejection → RowRejected",
        "awaited.billing:Billing.bill → OrderPlaced",
        "awaited.inventory:Inventory.reorder → StockLow",
        "awaited.inventory:Inventory.reserve → OrderPlaced",
        "billing:Billing.bill → OrderPlaced",
        "inventory:Inventory.reorder → StockLow",
        "inventory:Inventory.reserve → OrderPlaced",
        "post_office:PostOffice.confirm → OrderPlaced",
    ];
    let cascades = [
        "awaited.billing:Billing.bill → InvoicePaid",
        "awaited.inventory:Inventory.reorder → StockReordered",
        "awaited.inventory:Inventory.reserve → StockLow",
        "billing:Billing.bill → InvoicePaid",
        "inventory:Inventory.reorder → StockReordered",
        "inventory:Inventory.reserve → StockLow",
    ];
    assert_edges(
        &wiring,
        ["shop.", "shop.events."],
        [&publishes, &handles, &cascades],
    );
}

#[test]
fn the_map_of_the_shop_for_rust() {
    let wiring = scanned("crates/buswork/examples/shop");
    let publishes = [
        "billing:bill → InvoicePaid",
        "inventory:Inventory::reorder → StockReordered",
        "inventory:Inventory::reserve → StockLow",
        "orders:take → OrderPlaced",
        "orders:take → RowRejected",
    ];
    let handles = [
        "analytics:Analytics::count_money → InvoicePaid",
        "analytics:Analytics::count_order → OrderPlaced",
        "analytics:Analytics::count_rejection → RowRejected",
        "billing:bill → OrderPlaced",
        "inventory:Inventory::reorder → StockLow",
        "inventory:Inventory::reserve → OrderPlaced",
        "post_office:PostOffice::confirm → OrderPlaced",
    ];
    let cascades = [
        "billing:bill → InvoicePaid",
        "inventory:Inventory::reorder → StockReordered",
        "inventory:Inventory::reserve → StockLow",
    ];
    assert_edges(
        &wiring,
        ["shop::", "shop::events::"],
        [&publishes, &handles, &cascades],
    );
}
