//! The graph held against what ran.

use buswork_wiring::confirm::{
    Confirmation, Observed, ObservedCascade, ObservedDelivery, ObservedPublish, confirm,
};
use buswork_wiring::graph::{EventKind, Step};
use buswork_wiring::query::{Focus, select};
use buswork_wiring::trace::read;
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

fn at_run_time(event: &str, handler: &str, place: (&str, u32)) -> Observed {
    let mut observed = delivered(event, handler);
    observed.deliveries[0].location = Some(at(place.0, place.1));
    observed
}

#[test]
fn an_object_that_can_be_called_is_known_by_its_class_at_run_time() {
    let wired = shop().subscribe(PLACED, "shop.fraud:Check.__call__");
    let seen = held(wired, &delivered(PLACED, "shop.fraud:Check"));
    assert_eq!(seen.delivery_recall.found, 1);
}

#[test]
fn a_handler_with_a_name_of_its_own_is_found_by_its_place() {
    let wired = || {
        shop().subscription_with(|entry| {
            entry.location = at("shop/post.py", 29);
        })
    };
    let seen = |place| {
        let delivery = at_run_time(TAKEN, "the thanks", place);
        held(wired(), &delivery).delivery_recall.found
    };
    assert_eq!(seen(("/srv/shop/post.py", 29)), 1);
    assert_eq!(seen(("/srv/shop/post.py", 31)), 0);
    assert_eq!(seen(("/srv/other/post.py", 29)), 0);
}

#[test]
fn lambdas_of_one_function_are_told_apart_by_their_lines() {
    let wired = shop()
        .subscribe(TAKEN, "shop.app:wire.<locals>.<lambda>")
        .subscription_with(|entry| entry.location = at("shop/app.py", 5))
        .subscribe(TAKEN, "shop.app:wire.<locals>.<lambda>")
        .subscription_with(|entry| entry.location = at("shop/app.py", 6));
    let lambda = "shop.app:wire.<locals>.<lambda>";
    let seen = held(wired, &at_run_time(TAKEN, lambda, ("/srv/shop/app.py", 6)));
    assert_eq!(seen.subscriptions.iter().sum::<u64>(), 1);
    let not_seen = seen.not_seen.iter().filter(|edge| edge.to == lambda);
    assert_eq!(
        not_seen.map(|edge| &*edge.place).collect::<Vec<_>>(),
        ["shop/app.py:5"]
    );
}

#[test]
fn lambdas_with_numbers_are_those_of_the_run_time() {
    let lambda = "shop.app:<lambda>";
    let second = "shop.app:<lambda>#2";
    let wired = || {
        shop()
            .subscribe(TAKEN, lambda)
            .subscription_with(|entry| entry.location = at("shop/app.py", 5))
            .subscribe(TAKEN, second)
            .subscription_with(|entry| entry.location = at("shop/app.py", 6))
    };
    let not_seen = |line| {
        let seen = held(
            wired(),
            &at_run_time(TAKEN, lambda, ("/srv/shop/app.py", line)),
        );
        let edges = seen.not_seen.iter().map(|edge| edge.to.clone());
        edges
            .filter(|to| to.starts_with(lambda))
            .collect::<Vec<_>>()
    };
    assert_eq!(not_seen(5), [second]);
    assert_eq!(not_seen(6), [lambda]);
}

#[test]
fn scripts_are_told_apart_by_their_files() {
    let wired = || {
        Wired::new()
            .event("one.Placed", &[])
            .subscribe("one.Placed", "one:note")
    };
    let seen = |file| {
        let delivery = at_run_time("__main__.Placed", "__main__:note", (file, 0));
        held(wired(), &delivery).delivery_recall.found
    };
    assert_eq!(seen("/srv/one.py"), 1);
    assert_eq!(seen("/srv/two.py"), 0);
}

#[test]
fn an_event_that_is_made_at_run_time_is_found_by_what_its_handler_is_subscribed_to() {
    let mut observed = delivered("shop.made.Order17", BILL);
    let seen = |observed: &Observed| held(shop(), observed).delivery_recall.found;
    assert_eq!(seen(&observed), 0);
    observed.deliveries[0].subscribed = vec![PLACED.to_owned()];
    assert_eq!(seen(&observed), 1);
}

#[test]
fn what_is_published_to_a_topic_is_found_by_its_place() {
    let wired = Wired::new()
        .event_of(EventKind::Topic, "orders.eu.placed", &[])
        .event_of(EventKind::Topic, "orders.eu.paid", &[])
        .event_of(EventKind::Topic, "orders.*.placed", &[])
        .publish("orders.eu.placed", "shop.orders:take", 4)
        .subscribe("orders.*.placed", "shop.billing:bill")
        .cascade("shop.billing:bill", "orders.eu.paid", 40);
    let mut observed = all([
        published(
            "builtins.dict",
            "shop.orders:take",
            ("/srv/shop/orders.py", 4),
        ),
        published(
            "builtins.dict",
            "shop.billing:bill",
            ("/srv/shop/billing.py", 40),
        ),
        delivered("builtins.dict", "shop.billing:bill"),
        followed("shop.billing:bill", "builtins.dict"),
    ]);
    observed.deliveries[0].subscribed = vec!["orders.*.placed".to_owned()];
    let seen = held(wired, &observed);
    assert_eq!(seen.publishes, [1, 1]);
    assert_eq!(
        (&seen.subscriptions[..], &seen.cascades[..]),
        (&[1][..], &[1][..])
    );
}

#[test]
fn a_trace_tells_where_the_handlers_of_its_cascades_are() {
    let text = concat!(
        r#"{"type":"trace","schema":"buswork-trace/1","#,
        r#""trace":"00000000000000000000000000000001"}"#,
        "\n",
        r#"{"type":"edges","deliveries":[{"event":"shop.Placed","handler":"billing","#,
        r#""name":"billing","file":"src/billing.rs","line":12,"count":2}],"#,
        r#""cascades":[{"handler":"billing","event":"shop.Paid","count":2}]}"#,
    );
    let observed = Observed::from(&read(text.as_bytes()));
    assert_eq!(
        observed.cascades[0].location,
        Some(at("src/billing.rs", 12))
    );
    assert_eq!(
        observed.deliveries[0].location,
        observed.cascades[0].location
    );
}

#[test]
fn a_part_of_the_graph_keeps_its_marks() {
    let whole = shop().graph();
    let observed = all([delivered(PLACED, BILL), followed(BILL, TAKEN)]);
    let confirmation = confirm(&whole, &observed);
    let focus = Focus {
        events: vec!["OrderPlaced".to_owned()],
        depth: Some(0),
        ..Focus::default()
    };
    let part = select(&whole, &focus).unwrap();
    let marks = confirmation.of_part(&whole, &part);
    assert_eq!(marks.subscriptions.len(), part.subscriptions.len());
    let bill = part
        .subscriptions
        .iter()
        .position(|one| one.handler == BILL);
    assert_eq!(marks.subscriptions[bill.unwrap()], 1);
    assert_eq!(marks.subscriptions.iter().sum::<u64>(), 1);
    assert_eq!(marks.recall, confirmation.recall);
}

#[test]
fn object_gets_no_topics_and_a_handler_from_elsewhere_is_found() {
    let wired = Wired::new()
        .event_of(EventKind::Any, "*", &[])
        .event_of(EventKind::Topic, "orders.placed", &[])
        .publish("orders.placed", "shop:take", 3)
        .subscribe("*", "builtins:print");
    let mut graph = wired.graph();
    graph.handlers.clear();
    let topic = graph.event("orders.placed").unwrap();
    assert_eq!(topic.handled_by, [] as [usize; 0]);
    let seen = confirm(&graph, &delivered("builtins.int", "builtins:print"));
    assert_eq!(seen.subscriptions, [1]);
}
