use buswork_wiring::graph::{Blocking, SiteKind, Step};
use insta::assert_snapshot;

use super::found;
use crate::wired::{Wired, at, shop};

#[test]
fn a_blocking_call_some_calls_away_is_found_with_its_way() {
    let step = |function: &str, line| Step {
        function: function.to_owned(),
        location: at("shop/mail.py", line),
    };
    let wired = shop().handler("shop.mail:notify").handler_with(|handler| {
        handler.is_async = true;
        handler.blocking = vec![Blocking {
            call: "time.sleep".to_owned(),
            path: vec![
                step("shop.mail:notify", 5),
                step("shop.mail:send", 9),
                step("shop.mail:wait", 14),
            ],
        }];
    });
    let mut near = Wired(wired.0.clone());
    let last = near.0.handlers.last_mut().unwrap();
    last.blocking[0].path.truncate(2);
    assert!(found("BW201", near).ends_with(", 1 call away"));
    assert_snapshot!(found("BW201", wired), @"shop/mail.py:14 warning BW201 async handler notify blocks its loop in `time.sleep`, 2 calls away");
}

#[test]
fn a_handler_that_changes_its_event_is_found() {
    let mutates = |frozen| {
        let mut wired = shop()
            .subscribe("shop.events.OrderPlaced", "shop.prices:discount")
            .handler_with(|handler| handler.mutates = vec![at("shop/prices.py", 31)]);
        for event in &mut wired.0.events {
            event.frozen = Some(frozen);
        }
        found("BW303", wired)
    };
    assert_snapshot!(mutates(false), @"shop/prices.py:31 warning BW303 discount changes the event that it got, which 3 other handlers get too");
    assert_snapshot!(mutates(true), @"shop/prices.py:31 warning BW303 discount changes the event that it got, which is frozen: this raises");
}

fn declaring(events: &[&str]) -> Wired {
    let mut wired = shop();
    wired.0.handlers[0].declares = Some(events.iter().map(|&event| event.to_owned()).collect());
    wired
}

#[test]
fn a_declaration_that_holds_is_left_alone() {
    assert_eq!(found("BW307", declaring(&["shop.events.PaymentTaken"])), "");
    assert_eq!(found("BW307", declaring(&["shop.events.Event"])), "");
}

#[test]
fn a_declaration_that_has_drifted_is_found_in_both_directions() {
    assert_snapshot!(found("BW307", declaring(&["shop.events.OrderPlaced"])), @r"
    shop/billing.py:30 error BW307 Billing.bill declares to publish OrderPlaced, but does not
    shop/billing.py:33 error BW307 Billing.bill publishes PaymentTaken, but does not declare it
    ");
}

#[test]
fn what_an_unresolved_site_may_publish_is_not_said_to_be_missing() {
    let declared = declaring(&["shop.events.OrderPlaced", "shop.events.PaymentTaken"]).unresolved(
        SiteKind::Publish,
        "shop.billing:Billing.bill",
        34,
    );
    assert_snapshot!(found("BW307", declared), @"shop/billing.py:30 info BW307 Billing.bill declares to publish OrderPlaced, but does not, as far as can be seen (1 site could not be resolved)");
}

#[test]
fn a_question_answered_over_events_is_told_as_information() {
    let wired = Wired::new()
        .event("shop.PriceRequested", &[])
        .event("shop.PriceCompleted", &[])
        .publish("shop.PriceRequested", "shop.cart:Cart.add", 12)
        .subscribe("shop.PriceRequested", "shop.prices:tell")
        .cascade("shop.prices:tell", "shop.PriceCompleted", 32)
        .subscribe("shop.PriceCompleted", "shop.cart:Cart.on_price");
    assert_snapshot!(found("BW301", wired), @"shop/cart.py:12 info BW301 PriceRequested asks and PriceCompleted answers: Cart.on_price hears what its own side asked for");
}

#[test]
fn an_answer_that_others_hear_is_no_conversation() {
    let wired = Wired::new()
        .event("shop.PriceRequested", &[])
        .event("shop.PriceCompleted", &[])
        .publish("shop.PriceRequested", "shop.cart:Cart.add", 12)
        .subscribe("shop.PriceRequested", "shop.prices:tell")
        .cascade("shop.prices:tell", "shop.PriceCompleted", 32)
        .subscribe("shop.PriceCompleted", "shop.report:note");
    assert_eq!(found("BW301", wired), "");
}
