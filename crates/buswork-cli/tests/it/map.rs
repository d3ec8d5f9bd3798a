//! The map in its forms, drawn from a file.

use buswork_wiring::graph::Wiring;

use crate::workplace::{Workplace, map};

fn with_map() -> Workplace {
    let place = Workplace::new();
    place.file("map.json", &map(3));
    place
}

#[test]
fn a_tree_unless_asked_otherwise() {
    let answer = with_map().run(&["wiring", "map.json"]);
    assert_eq!(answer.code, Some(0));
    insta::assert_snapshot!(answer.out);
}

#[test]
fn one_event_with_its_publishers() {
    let answer = with_map().run(&["wiring", "map.json", "--event", "placed1"]);
    insta::assert_snapshot!(answer.out);
    let up = with_map().run(&["wiring", "map.json", "--event", "placed1", "--upstream"]);
    insta::assert_snapshot!(up.out);
    let inverted = with_map().run(&["wiring", "map.json", "--event", "placed1", "--invert"]);
    assert_eq!(inverted, up);
}

#[test]
fn every_form_has_the_coverage() {
    let place = with_map();
    for (format, coverage) in [
        ("tree", "publish sites 3: 3 certain"),
        ("table", "publish sites 3: 3 certain"),
        ("mermaid", "publish sites 3: 3 certain"),
        ("json", "\"publish_coverage\""),
    ] {
        let answer = place.run(&["wiring", "map.json", "--format", format]);
        assert_eq!(answer.code, Some(0));
        assert!(answer.out.contains(coverage), "{format}: {}", answer.out);
    }
}

#[test]
fn what_was_written_is_read_again() {
    let place = with_map();
    let written = place.run(&["wiring", "map.json", "--format", "json"]);
    assert_eq!(graph(&written.out), graph(&map(3)));
    let part = place.run(&[
        "wiring",
        "map.json",
        "--format",
        "json",
        "--event",
        "OrderPlaced2",
    ]);
    assert_eq!(graph(&part.out).events.len(), 1);
}

fn graph(text: &str) -> Wiring {
    serde_json::from_str(text).unwrap()
}

#[test]
fn it_writes_to_a_file() {
    let place = with_map();
    let answer = place.run(&[
        "wiring", "map.json", "--format", "json", "--output", "out.json",
    ]);
    assert_eq!((answer.code, answer.out.as_str()), (Some(0), ""));
    let written = std::fs::read_to_string(place.path().join("out.json")).unwrap();
    assert_eq!(graph(&written), graph(&map(3)));
    let answer = place.run(&["wiring", "map.json", "--output", "missing/out.json"]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer
            .err
            .starts_with("error: missing/out.json could not be written")
    );
}

#[test]
fn a_name_that_fits_nothing_is_answered_with_the_nearest() {
    let answer = with_map().run(&["wiring", "map.json", "--event", "OrderPalced1"]);
    assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""));
    assert!(
        answer
            .err
            .contains("did you mean `shop.events.OrderPlaced1`"),
        "{}",
        answer.err
    );
}

#[test]
fn a_file_of_another_form_is_refused() {
    let place = Workplace::new();
    place.file("not.json", "{}");
    let answer = place.run(&["wiring", "not.json"]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer.err.starts_with("error: not.json is no wiring"),
        "{}",
        answer.err
    );
    place.file(
        "old.json",
        &map(1).replace("buswork-wiring/1", "buswork-wiring/0"),
    );
    let answer = place.run(&["wiring", "old.json"]);
    assert!(answer.err.contains("write it anew"), "{}", answer.err);
}
