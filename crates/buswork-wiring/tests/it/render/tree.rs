use buswork_wiring::graph::Grade;
use buswork_wiring::query::{Direction, Focus, select};
use buswork_wiring::render::Marker;
use buswork_wiring::render::tree::{Detail, TreeOptions, tree};

use super::is_harmless;
use crate::graphs::nasty::nasty;
use crate::graphs::shop::shop;

#[test]
fn the_shop() {
    insta::assert_snapshot!(tree(&shop(), &TreeOptions::default()));
}

#[test]
fn the_shop_from_one_event_with_its_publishers() {
    let roots = ["shop.events.StockLow".to_owned()];
    let options = TreeOptions {
        roots: Some(&roots),
        detail: Detail::Publishers,
        ..TreeOptions::default()
    };
    insta::assert_snapshot!(tree(&shop(), &options));
}

#[test]
fn a_part_is_not_taken_for_the_whole() {
    let focus = Focus {
        events: vec!["InvoicePaid".to_owned()],
        direction: Direction::Upstream,
        ..Focus::default()
    };
    let part = select(&shop(), &focus).unwrap();
    let roots = ["shop.events.InvoicePaid".to_owned()];
    let whole = shop();
    let options = TreeOptions {
        roots: Some(&roots),
        invert: true,
        whole: Some(&whole),
        ..TreeOptions::default()
    };
    insta::assert_snapshot!(tree(&part, &options));
}

#[test]
fn a_root_below_another_is_drawn_once() {
    let roots = ["InvoicePaid", "OrderPlaced"].map(|name| format!("shop.events.{name}"));
    let options = TreeOptions {
        roots: Some(&roots),
        ..TreeOptions::default()
    };
    assert_eq!(
        tree(&shop(), &options),
        tree(&shop(), &TreeOptions::default())
    );
}

#[test]
fn what_is_deeper_is_only_named() {
    let options = TreeOptions {
        depth: Some(0),
        ..TreeOptions::default()
    };
    insta::assert_snapshot!(tree(&shop(), &options));
}

#[test]
fn upside_down_it_tells_what_causes_an_event() {
    insta::assert_snapshot!(tree(
        &shop(),
        &TreeOptions {
            invert: true,
            ..TreeOptions::default()
        }
    ));
}

#[test]
fn cycles_repeats_remarks_and_odd_names() {
    let markers = [
        Marker {
            id: "ring:on_ping".to_owned(),
            events: Vec::new(),
            text: "BW101 leads back to itself".to_owned(),
        },
        Marker {
            id: "注文".to_owned(),
            events: Vec::new(),
            text: "BW002 nobody publishes it\u{1b}[0m".to_owned(),
        },
    ];
    let text = tree(
        &nasty(),
        &TreeOptions {
            markers: &markers,
            ..TreeOptions::default()
        },
    );
    assert!(is_harmless(&text));
    insta::assert_snapshot!(text);
}

#[test]
fn reasons_are_told_when_asked_for() {
    let mut wiring = shop();
    let subscription = wiring
        .subscriptions
        .iter_mut()
        .find(|one| one.grade == Grade::Inferred);
    "`PostOffice` is built by a factory".clone_into(&mut subscription.unwrap().reason);
    let text = |detail| {
        tree(
            &wiring,
            &TreeOptions {
                detail,
                ..TreeOptions::default()
            },
        )
    };
    assert!(!text(Detail::Publishers).contains("factory"));
    assert!(text(Detail::Reasons).contains("inferred: `PostOffice` is built by a factory"));
    assert!(text(Detail::Reasons).contains("◀ place_order"));
}

#[test]
fn upside_down_with_a_cycle() {
    let text = tree(
        &nasty(),
        &TreeOptions {
            invert: true,
            ..TreeOptions::default()
        },
    );
    insta::assert_snapshot!(text);
}

#[test]
fn colours_are_only_there_when_asked_for() {
    let plain = tree(&shop(), &TreeOptions::default());
    let coloured = tree(
        &shop(),
        &TreeOptions {
            colour: true,
            ..TreeOptions::default()
        },
    );
    assert!(is_harmless(&plain));
    assert!(coloured.contains("\u{1b}[1;36mOrderPlaced\u{1b}[0m"));
    let mut stripped = coloured;
    while let Some(start) = stripped.find('\u{1b}') {
        let end = start + stripped[start..].find('m').unwrap();
        stripped.replace_range(start..=end, "");
    }
    assert_eq!(stripped, plain);
}

#[test]
fn a_remark_stands_beside_the_event_that_it_is_about_and_once() {
    let wiring = shop();
    let entries = wiring.subscriptions.iter();
    let (handler, event) = entries
        .map(|one| (&one.handler, &one.event))
        .next()
        .unwrap();
    let drawn = |events: &[&str]| {
        let marker = Marker {
            id: handler.clone(),
            events: events.iter().map(|&event| event.to_owned()).collect(),
            text: "BW305 runs twice".to_owned(),
        };
        let markers = [marker.clone(), marker];
        let options = TreeOptions {
            markers: &markers,
            ..TreeOptions::default()
        };
        tree(&wiring, &options).matches("BW305").count()
    };
    let all = drawn(&[]);
    assert!(all >= 1);
    assert_eq!(drawn(&["shop.events.Other"]), 0);
    assert!((1..=all).contains(&drawn(&[event])));
}
