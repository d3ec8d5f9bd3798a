//! A part of the graph.

use buswork_wiring::graph::Wiring;
use buswork_wiring::query::{self, Direction, Focus, find, select};

use crate::graphs::nasty::nasty;
use crate::graphs::shop::shop;

fn on_event(name: &str, direction: Direction, depth: Option<usize>) -> Focus {
    Focus {
        events: vec![name.to_owned()],
        direction,
        depth,
        ..Focus::default()
    }
}

fn on_handler(name: &str, direction: Direction) -> Focus {
    Focus {
        handlers: vec![name.to_owned()],
        direction,
        ..Focus::default()
    }
}

fn on_module(name: &str) -> Focus {
    Focus {
        modules: vec![name.to_owned()],
        ..Focus::default()
    }
}

fn events(wiring: &Wiring) -> Vec<&str> {
    wiring
        .events
        .iter()
        .map(|event| event.name.as_str())
        .collect()
}

fn handlers(wiring: &Wiring) -> Vec<&str> {
    wiring
        .handlers
        .iter()
        .map(|handler| handler.name.as_str())
        .collect()
}

#[test]
fn without_a_name_it_is_everything() {
    assert_eq!(select(&shop(), &Focus::default()).unwrap(), shop());
}

#[test]
fn downstream_of_an_event_are_its_handlers_and_what_they_publish() {
    let part = select(&shop(), &on_event("StockLow", Direction::Downstream, None)).unwrap();
    assert_eq!(events(&part), ["StockLow", "StockReordered"]);
    assert_eq!(handlers(&part), ["count", "reorder"]);
    assert_eq!(part.subscriptions.len(), 2);
    assert_eq!(part.cascades.len(), 1);
}

#[test]
fn upstream_of_an_event_is_what_causes_it() {
    let part = select(&shop(), &on_event("StockLow", Direction::Upstream, None)).unwrap();
    assert_eq!(events(&part), ["OrderPlaced", "StockLow"]);
    assert_eq!(handlers(&part), ["reserve"]);
    let publishers: Vec<&str> = part
        .publishes
        .iter()
        .map(|one| one.function.as_str())
        .collect();
    assert_eq!(
        publishers,
        ["shop.orders:place_order", "shop.inventory:Stock.take"]
    );
}

#[test]
fn both_ways_is_the_default() {
    let part = select(&shop(), &on_event("StockLow", Direction::Both, None)).unwrap();
    assert_eq!(events(&part), ["OrderPlaced", "StockLow", "StockReordered"]);
    assert_eq!(handlers(&part), ["count", "reorder", "reserve"]);
}

#[test]
fn depth_counts_steps_from_event_to_event() {
    let at = |depth| {
        select(
            &shop(),
            &on_event("OrderPlaced", Direction::Downstream, depth),
        )
        .unwrap()
    };
    assert_eq!(events(&at(Some(0))), ["OrderPlaced"]);
    assert_eq!(handlers(&at(Some(0))).len(), 4);
    assert_eq!(
        events(&at(Some(1))),
        ["InvoicePaid", "OrderPlaced", "StockLow"]
    );
    assert_eq!(at(Some(2)), at(None));
    let up = |depth| {
        select(
            &shop(),
            &on_event("StockReordered", Direction::Upstream, depth),
        )
        .unwrap()
    };
    assert_eq!(events(&up(Some(0))), ["StockReordered"]);
    assert_eq!(events(&up(Some(1))), ["StockLow", "StockReordered"]);
}

#[test]
fn the_indices_of_a_part_are_its_own() {
    let part = select(&shop(), &on_event("StockLow", Direction::Both, None)).unwrap();
    let mut again = part.clone();
    again.finish();
    assert_eq!(part, again);
    for event in &part.events {
        for &index in &event.handled_by {
            assert_eq!(part.subscriptions[index].event, event.id);
        }
        for &index in &event.published_by {
            assert_eq!(part.publishes[index].event, event.id);
        }
    }
}

#[test]
fn a_part_tells_how_much_of_the_whole_was_resolved() {
    let whole = nasty();
    let part = select(&whole, &on_event("注文", Direction::Downstream, None)).unwrap();
    assert_eq!(part.publish_coverage, whole.publish_coverage);
    assert_eq!(part.unresolved, whole.unresolved);
    assert_eq!(part.problems, whole.problems);
}

#[test]
fn a_handler_comes_with_the_events_that_it_gets() {
    let part = select(&shop(), &on_handler("reserve", Direction::Downstream)).unwrap();
    assert_eq!(handlers(&part), ["count", "reorder", "reserve"]);
    assert_eq!(events(&part), ["OrderPlaced", "StockLow", "StockReordered"]);
    let starts = find(&shop(), &on_handler("reserve", Direction::Downstream)).unwrap();
    assert_eq!(starts.roots(&shop()), ["shop.events.OrderPlaced"]);
    let order = part.event("shop.events.OrderPlaced").unwrap();
    assert_eq!(
        order.handled_by.len(),
        1,
        "its other handlers are not asked for"
    );
}

#[test]
fn handlers_of_a_base_or_a_wildcard_come_with_it() {
    let part = select(
        &nasty(),
        &on_event("LoudPing", Direction::Downstream, Some(0)),
    )
    .unwrap();
    assert_eq!(events(&part), ["object", "LoudPing", "Ping"]);
    assert_eq!(handlers(&part), ["on_ping", "on_any"]);
    assert_eq!(part.event("ring.LoudPing").unwrap().handled_by.len(), 2);
}

#[test]
fn a_cycle_ends() {
    let part = select(&nasty(), &on_event("Ping", Direction::Both, None)).unwrap();
    assert_eq!(handlers(&part), ["on_ping", "on_pong", "on_any"]);
}

#[test]
fn a_module_stands_for_what_it_defines_publishes_and_subscribes() {
    let part = select(
        &shop(),
        &Focus {
            depth: Some(0),
            ..on_module("shop.billing")
        },
    )
    .unwrap();
    assert_eq!(events(&part), ["InvoicePaid", "OrderPlaced"]);
    assert_eq!(select(&shop(), &on_module("shop")).unwrap(), shop());
    assert!(find(&shop(), &on_module("BILLING")).is_ok());
    assert!(
        find(&shop(), &on_module("hop"))
            .unwrap_or_default()
            .events
            .len()
            == 4,
        "a part of it"
    );
}

#[test]
fn a_name_is_taken_in_the_strictest_way_that_fits() {
    let ids = |name: &str| {
        find(&nasty(), &on_event(name, Direction::Both, None))
            .unwrap()
            .events
    };
    assert_eq!(ids("ring.Pong"), ["ring.Pong"], "the id");
    assert_eq!(ids("Pong"), ["other.Pong", "ring.Pong"], "the name");
    assert_eq!(
        ids("ping"),
        ["ring.Ping"],
        "whatever the case, before a part of it"
    );
    assert_eq!(ids("Loud"), ["ring.LoudPing"], "a part");
    assert_eq!(
        ids("KONNECTED"),
        ["konnected.{}.update"],
        "a part, whatever the case"
    );
    let handlers = |name: &str| {
        find(&shop(), &on_handler(name, Direction::Both))
            .unwrap()
            .handlers
    };
    assert_eq!(
        handlers("confirm"),
        ["shop.post_office:PostOffice.confirm"],
        "the end of its path"
    );
    assert_eq!(
        handlers("post_office.PostOffice.confirm"),
        handlers("confirm")
    );
    assert_eq!(
        handlers("shop.post_office.PostOffice.confirm"),
        handlers("confirm")
    );
    assert_eq!(handlers("PostOffice").len(), 2);
}

#[test]
fn a_name_that_fits_nothing_is_answered_with_the_nearest() {
    let error = select(&shop(), &on_event("OrderPalced", Direction::Both, None)).unwrap_err();
    assert!(error.is_unknown());
    insta::assert_snapshot!(error, @"no event is called `OrderPalced`; did you mean `shop.events.OrderPlaced`?");
    let error = select(&shop(), &on_handler("Quite another", Direction::Both)).unwrap_err();
    insta::assert_snapshot!(error, @"no handler is called `Quite another`, and none nearly so");
    let error = select(&shop(), &on_module("shop.biling")).unwrap_err();
    insta::assert_snapshot!(error, @"no module is called `shop.biling`; did you mean `shop.billing`?");
    assert!(
        select(&shop(), &on_event("", Direction::Both, None))
            .unwrap_err()
            .is_unknown()
    );
}

#[test]
fn one_is_one() {
    assert_eq!(
        query::event(&shop(), "StockLow").unwrap().id,
        "shop.events.StockLow"
    );
    assert_eq!(
        query::handler(&shop(), "charge").unwrap().id,
        "shop.billing:charge"
    );
    let error = query::event(&shop(), "Stock").unwrap_err();
    assert!(error.is_ambiguous());
    assert_eq!(error.candidates().len(), 2);
    insta::assert_snapshot!(error, @"`Stock` may be `shop.events.StockLow` or `shop.events.StockReordered`: give the event's full id");
}
