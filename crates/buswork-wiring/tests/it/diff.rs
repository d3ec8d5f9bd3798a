//! What changed between two graphs, as text and as a drawing.

use buswork_wiring::diff::diff;
use buswork_wiring::graph::Grade;
use insta::assert_snapshot;

use crate::wired::{Wired, shop};

/// The shop a while later: another event, a handler gone, one re-routed, one altered.
fn later() -> Wired {
    let mut wired = Wired::new()
        .event("shop.events.Event", &[])
        .event("shop.events.OrderPlaced", &["shop.events.Event"])
        .event("shop.events.PaymentTaken", &["shop.events.Event"])
        .event("shop.events.Refunded", &["shop.events.Event"])
        .publish("shop.events.OrderPlaced", "shop.orders:place", 99)
        .publish("shop.events.Refunded", "shop.refunds:refund", 5)
        .subscribe("shop.events.OrderPlaced", "shop.billing:Billing.bill")
        .subscribe("shop.events.OrderPlaced", "shop.post:confirm")
        .subscribe("shop.events.Refunded", "shop.post:thank")
        .cascade("shop.billing:Billing.bill", "shop.events.PaymentTaken", 34)
        .cascade_with(|cascade| cascade.grade = Grade::Inferred);
    wired.0.subscriptions[1].options = vec![("priority".to_owned(), "10".to_owned())];
    wired
}

#[test]
fn the_same_wiring_on_other_lines_has_not_changed() {
    let mut moved = shop();
    for publish in &mut moved.0.publishes {
        publish.location.line += 1;
    }
    let same = diff(&shop().graph(), &moved.graph());
    assert!(same.is_empty());
    assert_snapshot!(same, @"the wiring is the same");
    assert_eq!(same.mermaid(), "");
}

#[test]
fn every_change_is_told() {
    assert_snapshot!(diff(&shop().graph(), &later().graph()), @r"
    events
      + shop.events.Refunded

    handlers
      - shop.audit:log

    who publishes
      + shop.refunds:refund  → shop.events.Refunded  certain

    who handles
      - shop.events.Event        → shop.audit:log
      ~ shop.events.OrderPlaced  → shop.post:confirm  plain became priority=10
      ~ shop.events.Refunded     → shop.post:thank    was shop.events.PaymentTaken

    what follows
      ~ shop.billing:Billing.bill  → shop.events.PaymentTaken  certain became inferred

    1 edge added, 1 removed, 1 re-routed, 2 changed
    ");
}

#[test]
fn the_way_back_is_the_other_way_round() {
    assert_snapshot!(diff(&later().graph(), &shop().graph()).sum(), @"1 edge added, 1 removed, 1 re-routed, 2 changed");
}

#[test]
fn the_drawing_has_the_changed_part_only() {
    assert_snapshot!(diff(&shop().graph(), &later().graph()).mermaid(), @r#"
    flowchart LR
      n0(["shop.events.Refunded"])
      n1["shop.refunds:refund"]
      n2(["shop.events.Event"])
      n3["shop.audit:log"]
      n4(["shop.events.OrderPlaced"])
      n5["shop.post:confirm"]
      n6["shop.post:thank"]
      n7(["shop.events.PaymentTaken"])
      n8["shop.billing:Billing.bill"]
      n1 ==>|"new"| n0
      n2 -.->|gone| n3
      n4 ==>|"plain became priority=10"| n5
      n0 ==>|"new"| n6
      n7 -.->|gone| n6
      n8 ==>|"certain became inferred"| n7
    "#);
}

#[test]
fn names_cannot_break_out_of_the_drawing() {
    let new = shop().subscribe(
        "shop.events.OrderPlaced",
        "a:x\"]; click n0 \"javascript:<b>",
    );
    assert_snapshot!(diff(&shop().graph(), &new.graph()).mermaid(), @r#"
    flowchart LR
      n0(["shop.events.OrderPlaced"])
      n1["a:x#34;]; click n0 #34;javascript:#60;b#62;"]
      n0 ==>|"new"| n1
    "#);
}

#[test]
fn a_large_change_is_drawn_in_part_and_counted() {
    let mut new = shop();
    for number in 0..100 {
        new = new.subscribe("shop.events.OrderPlaced", &format!("a:h{number:03}"));
    }
    let drawing = diff(&shop().graph(), &new.graph()).mermaid();
    assert_eq!(drawing.matches("==>").count(), 80);
    assert!(drawing.contains("and 20 more edges"));
}

#[test]
fn it_is_json_too() {
    let changed = diff(&shop().graph(), &later().graph());
    let edge = serde_json::to_string(&changed.edges[0]).unwrap();
    assert_snapshot!(edge, @r#"{"kind":"publish","event":"shop.events.Refunded","function":"shop.refunds:refund","change":"added","grade":"certain"}"#);
}

#[test]
fn an_edge_that_is_a_publish_and_a_cascade_is_drawn_once() {
    let publishes = || {
        Wired::new()
            .event("shop.Paid", &[])
            .handler("shop.post:bill")
            .publish("shop.Paid", "shop.post:bill", 4)
            .cascade("shop.post:bill", "shop.Paid", 4)
    };
    let gone = diff(&publishes().graph(), &Wired::new().graph());
    assert_eq!(gone.edges.len(), 2);
    assert_eq!(gone.mermaid().matches("gone").count(), 1);
}
