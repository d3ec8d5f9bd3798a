//! The graph held against what ran.

use buswork_wiring::confirm::{
    Confirmation, Observed, ObservedCascade, ObservedDelivery, ObservedPublish, confirm,
};
use buswork_wiring::graph::{EventKind, Step};
use insta::assert_snapshot;

use crate::wired::{Wired, at, shop};

fn published(event: &str, function: &str, place: (&str, u32)) -> Observed {
    let publish = ObservedPublish {
        event: event.to_owned(),
        function: function.to_owned(),
        file: place.0.to_owned(),
        line: place.1,
        count: 1,
    };
    Observed {
        publishes: vec![publish],
        ..Observed::default()
    }
}

fn delivered(event: &str, handler: &str) -> Observed {
    let delivery = ObservedDelivery {
        event: event.to_owned(),
        handler: handler.to_owned(),
        count: 1,
        ..ObservedDelivery::default()
    };
    Observed {
        deliveries: vec![delivery],
        ..Observed::default()
    }
}

fn followed(handler: &str, event: &str) -> Observed {
    let cascade = ObservedCascade {
        cause_handler: handler.to_owned(),
        event: event.to_owned(),
        count: 1,
        ..ObservedCascade::default()
    };
    Observed {
        cascades: vec![cascade],
        ..Observed::default()
    }
}

fn all(runs: impl IntoIterator<Item = Observed>) -> Observed {
    let mut all = Observed::default();
    for run in runs {
        all.publishes.extend(run.publishes);
        all.deliveries.extend(run.deliveries);
        all.cascades.extend(run.cascades);
    }
    all
}

fn held(wired: Wired, observed: &Observed) -> Confirmation {
    confirm(&wired.graph(), observed)
}

const PLACED: &str = "shop.events.OrderPlaced";
const TAKEN: &str = "shop.events.PaymentTaken";
const BILL: &str = "shop.billing:Billing.bill";

#[test]
fn every_edge_is_confirmed_not_seen_or_seen_only() {
    let observed = all([
        published(PLACED, "shop.orders:place", ("/srv/shop/orders.py", 12)),
        published(PLACED, "shop.orders:place", ("/srv/shop/orders.py", 12)),
        published(PLACED, "shop.plugins:replay", ("/srv/shop/plugins.py", 7)),
        published(TAKEN, BILL, ("/srv/shop/billing.py", 33)),
        delivered(PLACED, BILL),
        delivered(PLACED, "shop.audit:log"),
        delivered(PLACED, "shop.plugins:\u{1b}[31mred"),
        followed(BILL, TAKEN),
        followed(BILL, PLACED),
    ]);
    assert_snapshot!(held(shop(), &observed), @r"
    static analysis had found 5 of the 8 edges seen at run time (62.5 %)

                seen   found  recall   in the code  confirmed  not seen
    publishes       3      2   66.6 %            2          2         0
    deliveries      3      2   66.6 %            4          2         2
    cascades        2      1   50.0 %            1          1         0
    all             8      5   62.5 %            7          5         2

    seen at run time only
      publish   shop.plugins:replay        → shop.events.OrderPlaced   1×  /srv/shop/plugins.py:7
      delivery  shop.events.OrderPlaced    → shop.plugins:\x1b[31mred  1×
      cascade   shop.billing:Billing.bill  → shop.events.OrderPlaced   1×

    in the code, not seen at run time
      subscription  shop.events.OrderPlaced   → shop.post:confirm  shop/post.py:29
      subscription  shop.events.PaymentTaken  → shop.post:thank    shop/post.py:29
    ");
}

#[test]
fn all_that_was_seen_found_is_a_recall_of_one() {
    let confirmation = held(shop(), &delivered(PLACED, BILL));
    assert_eq!(confirmation.recall.share(), Some(1.0));
    assert_snapshot!(confirmation.sentence(), @"static analysis had found 1 of the 1 edges seen at run time (100 %)");
}

#[test]
fn nothing_seen_proves_nothing() {
    let confirmation = held(shop(), &Observed::default());
    assert_eq!(confirmation.recall.share(), None);
    assert_snapshot!(confirmation.sentence(), @"nothing was seen at run time");
}

#[test]
fn a_publish_is_found_by_its_line_or_by_its_function() {
    let wired = || shop().publish(PLACED, "shop.orders:place", 50);
    for (function, line, expected) in [
        ("shop.orders:place", 50, [0, 1, 0]),
        ("shop.orders:place", 13, [1, 0, 0]),
        ("shop.orders:place", 0, [1, 1, 0]),
        ("shop.orders:place.<locals>.wrapped", 12, [1, 0, 0]),
        ("shop.orders:other", 13, [0, 0, 0]),
    ] {
        let observed = published(PLACED, function, ("C:\\code\\shop\\orders.py", line));
        assert_eq!(
            held(wired(), &observed).publishes,
            expected,
            "{function} {line}"
        );
    }
}

#[test]
fn a_publish_through_a_wrapper_is_found_by_the_wrapper() {
    let wired = shop().publish_with(|publish| {
        publish.through = vec![Step {
            function: "shop.bus:Unit.send".to_owned(),
            location: at("shop/bus.py", 8),
        }];
    });
    let observed = published(TAKEN, "shop.bus:Unit.send", ("shop/bus.py", 8));
    assert_eq!(held(wired, &observed).publishes, [0, 1]);
}

#[test]
fn a_delivery_is_found_by_a_base_class_and_by_a_wildcard() {
    let wired = || {
        shop()
            .event_of(EventKind::Any, "*", &[])
            .subscribe("*", "shop.audit:all")
    };
    assert_eq!(
        held(wired(), &delivered(PLACED, "shop.audit:log"))
            .delivery_recall
            .found,
        1
    );
    assert_eq!(
        held(wired(), &delivered(PLACED, "shop.audit:all"))
            .delivery_recall
            .found,
        1
    );
    assert_eq!(
        held(wired(), &delivered("other.Event", "shop.audit:all"))
            .delivery_recall
            .found,
        1
    );
    assert_eq!(
        held(wired(), &delivered("other.Event", "shop.audit:log"))
            .delivery_recall
            .found,
        0
    );
}

#[test]
fn local_functions_and_the_main_module_are_found_under_their_names() {
    let wired = || {
        shop()
            .subscribe(PLACED, "shop.app:build.<locals>.note")
            .subscribe(PLACED, "shop.app:build.tell")
            .publish(PLACED, "shop.app:", 70)
    };
    for handler in [
        "shop.app:build.<locals>.note",
        "__main__:build.<locals>.note",
        "shop.app:build.<locals>.tell",
        "app:build.note",
        "src.shop.app:build.note",
    ] {
        assert_eq!(
            held(wired(), &delivered(PLACED, handler))
                .delivery_recall
                .found,
            1,
            "{handler}"
        );
    }
    let of_main = |file| published(PLACED, "__main__:<module>", (file, 0));
    assert_eq!(
        held(wired(), &of_main("shop/app.py")).publish_recall.found,
        1
    );
    assert_eq!(
        held(wired(), &of_main("shop/other.py"))
            .publish_recall
            .found,
        0
    );
    assert_eq!(
        held(wired(), &delivered("__main__.OrderPlaced", BILL))
            .delivery_recall
            .found,
        1
    );
}

#[test]
fn a_function_of_the_same_name_elsewhere_is_another() {
    assert_eq!(
        held(shop(), &delivered(PLACED, "other.post:confirm"))
            .delivery_recall
            .found,
        0
    );
    assert_eq!(
        held(shop(), &delivered("other.events.OrderPlaced", BILL))
            .delivery_recall
            .found,
        0
    );
}

#[test]
fn a_template_and_a_topic_stand_for_what_was_seen() {
    let wired = || {
        Wired::new()
            .event_of(EventKind::Template, "door.{}.update", &[])
            .event_of(EventKind::Topic, "orders.*.placed", &[])
            .publish("door.{}.update", "a:b", 1)
            .subscribe("orders.*.placed", "h:placed")
    };
    assert_eq!(
        held(wired(), &published("door.front.update", "a:b", ("a.py", 1))).publishes,
        [1]
    );
    let seen = held(wired(), &delivered("orders.eu.placed", "h:placed"));
    assert_eq!(seen.subscriptions, [1]);
}

#[test]
fn names_of_rust_are_found_without_their_types() {
    let wired = Wired::new()
        .event("shop::events::OrderPlaced", &[])
        .subscribe("shop::events::OrderPlaced", "shop::billing:bill");
    let seen = delivered("shop::events::OrderPlaced<'_, u8>", "shop::billing::bill");
    assert_eq!(held(wired, &seen).delivery_recall.found, 1);
}

#[test]
fn a_subscription_said_never_to_run_that_ran_is_refuted() {
    let wired = shop()
        .subscribe(TAKEN, "shop.crash:note")
        .subscription_with(|entry| entry.never = "no entry point imports `shop.crash`".to_owned());
    let confirmation = held(wired, &delivered(TAKEN, "shop.crash:note"));
    assert_eq!(confirmation.refuted.len(), 1);
    assert!(
        confirmation
            .to_string()
            .contains("said never to run did run")
    );
}
