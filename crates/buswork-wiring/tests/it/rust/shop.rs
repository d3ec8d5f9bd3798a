//! The example shop: its wiring, labelled by hand, to the last edge.

use std::fs;
use std::path::Path;

use buswork_wiring::graph::{Coverage, Grade, Wiring};
use buswork_wiring::scan::read_rust;

fn shop() -> Wiring {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../buswork/examples/shop");
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        files.push((format!("shop/{name}"), fs::read_to_string(path).unwrap()));
    }
    read_rust(&files)
}

#[test]
fn every_event_is_found() {
    let wiring = shop();
    let events: Vec<(&str, &str)> = wiring
        .events
        .iter()
        .map(|event| (event.id.as_str(), event.doc.as_str()))
        .collect();
    assert_eq!(
        events,
        [
            (
                "shop::events::InvoicePaid",
                "The invoice of an order is paid."
            ),
            ("shop::events::OrderPlaced", "A customer has bought CDs."),
            (
                "shop::events::RowRejected",
                "A row of the purchase file could not be read."
            ),
            (
                "shop::events::StockLow",
                "The shelf needs filling. It may owe CDs: then fewer than none are left."
            ),
            (
                "shop::events::StockReordered",
                "CDs were ordered from the supplier, and came."
            ),
        ]
    );
}

#[test]
fn every_publish_is_found() {
    let wiring = shop();
    let publishes: Vec<(&str, &str, Grade)> = wiring
        .publishes
        .iter()
        .map(|publish| {
            (
                publish.function.as_str(),
                publish.event.as_str(),
                publish.grade,
            )
        })
        .collect();
    assert_eq!(
        publishes,
        [
            (
                "shop::billing:bill",
                "shop::events::InvoicePaid",
                Grade::Certain
            ),
            (
                "shop::orders:take",
                "shop::events::OrderPlaced",
                Grade::Inferred
            ),
            (
                "shop::orders:take",
                "shop::events::RowRejected",
                Grade::Certain
            ),
            (
                "shop::inventory:Inventory::reserve",
                "shop::events::StockLow",
                Grade::Certain
            ),
            (
                "shop::inventory:Inventory::reorder",
                "shop::events::StockReordered",
                Grade::Certain
            ),
        ]
    );
    assert_eq!(wiring.publishes[1].reason, "by what `read` returns");
    assert_eq!(wiring.publishes[1].made_at[0].file, "shop/orders.rs");
}

#[test]
fn every_subscription_is_found() {
    let wiring = shop();
    let subscriptions: Vec<(&str, &str, &str)> = wiring
        .subscriptions
        .iter()
        .map(|subscription| {
            let named = subscription
                .options
                .iter()
                .find(|(option, _)| option == "name");
            let name = named.unwrap().1.as_str();
            assert_eq!(subscription.grade, Grade::Certain);
            (
                subscription.event.as_str(),
                subscription.handler.as_str(),
                name,
            )
        })
        .collect();
    assert_eq!(
        subscriptions,
        [
            (
                "shop::events::InvoicePaid",
                "shop::analytics:Analytics::count_money",
                "\"analytics::count_money\""
            ),
            (
                "shop::events::OrderPlaced",
                "shop::analytics:Analytics::count_order",
                "\"analytics::count_order\""
            ),
            (
                "shop::events::OrderPlaced",
                "shop::billing:bill",
                "\"billing::bill\""
            ),
            (
                "shop::events::OrderPlaced",
                "shop::inventory:Inventory::reserve",
                "\"inventory::reserve\""
            ),
            (
                "shop::events::OrderPlaced",
                "shop::post_office:PostOffice::confirm",
                "\"post_office::confirm\""
            ),
            (
                "shop::events::RowRejected",
                "shop::analytics:Analytics::count_rejection",
                "\"analytics::count_rejection\""
            ),
            (
                "shop::events::StockLow",
                "shop::inventory:Inventory::reorder",
                "\"inventory::reorder\""
            ),
        ]
    );
}

#[test]
fn every_cascade_is_found() {
    let wiring = shop();
    let cascades: Vec<(&str, &str, Grade)> = wiring
        .cascades
        .iter()
        .map(|cascade| {
            (
                cascade.handler.as_str(),
                cascade.event.as_str(),
                cascade.grade,
            )
        })
        .collect();
    assert_eq!(
        cascades,
        [
            (
                "shop::billing:bill",
                "shop::events::InvoicePaid",
                Grade::Certain
            ),
            (
                "shop::inventory:Inventory::reorder",
                "shop::events::StockReordered",
                Grade::Certain
            ),
            (
                "shop::inventory:Inventory::reserve",
                "shop::events::StockLow",
                Grade::Certain
            ),
        ]
    );
}

#[test]
fn nothing_is_left_unresolved() {
    let wiring = shop();
    assert!(wiring.unresolved.is_empty() && wiring.problems.is_empty());
    assert_eq!(
        wiring.publish_coverage,
        Coverage {
            sites: 5,
            certain: 4,
            inferred: 1,
            possible: 0,
            unresolved: 0
        }
    );
    assert_eq!(
        wiring.subscribe_coverage,
        Coverage {
            sites: 7,
            certain: 7,
            inferred: 0,
            possible: 0,
            unresolved: 0
        }
    );
}

#[test]
fn lines_are_those_that_the_bus_tells_at_run_time() {
    let wiring = shop();
    let reserve = wiring
        .subscriptions
        .iter()
        .find(|subscription| subscription.handler.ends_with("Inventory::reserve"))
        .unwrap();
    let text = include_str!("../../../../buswork/examples/shop/inventory.rs");
    let line = text
        .lines()
        .nth(reserve.location.line as usize - 1)
        .unwrap();
    assert!(line.trim_start().starts_with(".subscribe("), "{line}");
}
