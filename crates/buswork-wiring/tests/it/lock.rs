//! The lock file: what it holds, what leaves it as it is, and what is said when the wiring changed.

use buswork_wiring::graph::{Grade, Wiring};
use buswork_wiring::lock::{compare, read, write};
use insta::assert_snapshot;

use crate::wired::{Wired, at, shop};

fn changes(before: &Wiring, now: &Wiring) -> String {
    let lock = read(&write(before)).unwrap();
    let changes: Vec<String> = compare(&lock, now)
        .iter()
        .map(std::string::ToString::to_string)
        .collect();
    changes.join("\n")
}

#[test]
fn it_holds_one_edge_a_line() {
    let wiring = shop()
        .subscribe("shop.events.PaymentTaken", "shop.post:pack")
        .subscription_with(|entry| {
            entry.options = vec![
                ("priority".to_owned(), "10".to_owned()),
                (
                    "when".to_owned(),
                    "lambda event: event.amount > 10".to_owned(),
                ),
            ];
            entry.exact = true;
        });
    assert_snapshot!(write(&wiring.graph()), @r#"
    {
      "schema": "buswork-wiring-lock/1",
      "about": "Who publishes an event, who handles it, and what follows. Written by `buswork wiring lock`, not by hand; `buswork wiring --check --locked` holds the code against it.",
      "publishes": [
        {"event": "shop.events.OrderPlaced", "published by": "shop.orders:place"},
        {"event": "shop.events.PaymentTaken", "published by": "shop.billing:Billing.bill"}
      ],
      "subscriptions": [
        {"event": "shop.events.Event", "handled by": "shop.audit:log"},
        {"event": "shop.events.OrderPlaced", "handled by": "shop.billing:Billing.bill"},
        {"event": "shop.events.OrderPlaced", "handled by": "shop.post:confirm"},
        {"event": "shop.events.PaymentTaken", "handled by": "shop.post:pack", "priority": "10", "exact": true},
        {"event": "shop.events.PaymentTaken", "handled by": "shop.post:thank"}
      ],
      "cascades": [
        {"handler": "shop.billing:Billing.bill", "publishes": "shop.events.PaymentTaken"}
      ]
    }
    "#);
}

#[test]
fn an_empty_one_is_valid_too() {
    let text = write(&Wiring::of_code());
    assert_snapshot!(text, @r#"
    {
      "schema": "buswork-wiring-lock/1",
      "about": "Who publishes an event, who handles it, and what follows. Written by `buswork wiring lock`, not by hand; `buswork wiring --check --locked` holds the code against it.",
      "publishes": [],
      "subscriptions": [],
      "cascades": []
    }
    "#);
    assert!(read(&text).unwrap().publishes.is_empty());
}

#[test]
fn what_is_written_is_read_back_whatever_the_names() {
    for name in ["a\"b\\c", ",", ":", "\",\"", "\":\"", "\u{1b}\n"] {
        let wiring = Wired::new()
            .event("E", &[])
            .publish("E", name, 1)
            .subscribe("E", name)
            .graph();
        assert_eq!(changes(&wiring, &wiring), "", "{name:?}");
    }
}

#[test]
fn moved_lines_and_other_grades_leave_it_as_it_is() {
    let mut moved = shop();
    for publish in &mut moved.0.publishes {
        publish.location.line += 100;
        publish.grade = Grade::Inferred;
        publish.reason = "by its annotation".to_owned();
    }
    for entry in &mut moved.0.subscriptions {
        entry.location = at("shop/moved.py", 3);
    }
    for cascade in &mut moved.0.cascades {
        cascade.path.clear();
    }
    assert_eq!(write(&shop().graph()), write(&moved.graph()));
}

#[test]
fn what_changed_is_said_in_sentences() {
    let now = shop()
        .publish("shop.events.OrderPlaced", "shop.admin:replay", 4)
        .subscribe("shop.events.OrderPlaced", "shop.stock:reserve")
        .subscription_with(|entry| entry.options = vec![("priority".to_owned(), "5".to_owned())])
        .cascade("shop.post:thank", "shop.events.OrderPlaced", 50);
    assert_snapshot!(changes(&shop().graph(), &Wired(now.0.clone()).graph()), @r"
    shop.events.OrderPlaced gained publisher shop.admin:replay
    shop.events.OrderPlaced gained publisher shop.post:thank
    shop.events.OrderPlaced gained handler shop.stock:reserve (priority 5)
    shop.events.OrderPlaced now follows from shop.post:thank
    ");
    assert_snapshot!(changes(&now.graph(), &shop().graph()), @r"
    shop.events.OrderPlaced lost publisher shop.admin:replay
    shop.events.OrderPlaced lost publisher shop.post:thank
    shop.events.OrderPlaced lost handler shop.stock:reserve
    shop.events.OrderPlaced no longer follows from shop.post:thank
    ");
}

#[test]
fn a_handler_subscribed_in_another_way_is_one_change() {
    let mut now = shop();
    now.0.subscriptions[0].exact = true;
    now.0.subscriptions[0].options = vec![("once".to_owned(), "True".to_owned())];
    now.0.subscriptions[1].never = "`Post` is never built".to_owned();
    assert_snapshot!(changes(&shop().graph(), &now.graph()), @r"
    shop.events.OrderPlaced is handled by shop.billing:Billing.bill in another way: plain became once True, exact
    shop.events.OrderPlaced is handled by shop.post:confirm in another way: plain became never registered
    ");
}

#[test]
fn another_form_or_another_file_is_refused() {
    let text = write(&shop().graph());
    assert_snapshot!(read(&text.replace("lock/1", "lock/2")).unwrap_err(), @"the lock file is of the form `buswork-wiring-lock/2`, and this reads `buswork-wiring-lock/1`; write it anew");
    assert_snapshot!(read("{}").unwrap_err(), @"this is no lock file of the wiring: missing field `schema` at line 1 column 2; write it anew");
    assert_snapshot!(read("<<<<<<< ours").unwrap_err(), @"this is no lock file of the wiring: expected value at line 1 column 1; write it anew");
}
