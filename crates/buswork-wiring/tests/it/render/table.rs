use buswork_wiring::graph::Grade;
use buswork_wiring::query::{Direction, Focus, select};
use buswork_wiring::render::table::table;

use super::is_harmless;
use crate::graphs::Draft;
use crate::graphs::nasty::nasty;
use crate::graphs::shop::shop;

#[test]
fn the_shop() {
    insta::assert_snapshot!(table(&shop(), None, false));
}

#[test]
fn odd_names_stay_in_their_columns() {
    let text = table(&nasty(), None, false);
    assert!(is_harmless(&text));
    insta::assert_snapshot!(text);
}

#[test]
fn functions_of_rust_are_called_by_their_names_too() {
    let wiring = Draft::new()
        .event("shop::OrderPlaced", "src/main.rs:1")
        .publish(
            "shop::orders:Desk::place",
            "shop::OrderPlaced",
            "src/orders.rs:5",
            Grade::Certain,
        )
        .publish(
            "shop:",
            "shop::OrderPlaced",
            "src/main.rs:9",
            Grade::Certain,
        )
        .finish();
    let text = table(&wiring, None, false);
    assert!(text.contains(" Desk::place    src/orders.rs:5"), "{text}");
    assert!(text.contains(" shop           src/main.rs:9"), "{text}");
}

#[test]
fn what_a_part_leaves_out_is_said_to_be_there() {
    let wiring = shop();
    let events = wiring.events.iter();
    let event = events
        .max_by_key(|event| event.published_by.len().min(event.handled_by.len()))
        .unwrap();
    let focus = Focus {
        events: vec![event.id.clone()],
        direction: Direction::Upstream,
        ..Focus::default()
    };
    let text = table(&select(&wiring, &focus).unwrap(), Some(&wiring), false);
    let told = format!("{}, not shown", event.handled_by.len());
    assert!(text.contains(&told), "{text}");
}
