use buswork_wiring::graph::EventKind;
use insta::assert_snapshot;

use super::{config, found_with};
use crate::wired::{Wired, shop};

const CONTEXTS: &str = "
[boundaries.ordering]
modules = ['shop.orders.*']
[boundaries.billing]
modules = ['shop.billing.*']
hears = ['ordering']
[boundaries.mailing]
modules = ['shop.post']
";

#[test]
fn a_handler_may_hear_the_contexts_that_its_own_names() {
    assert_snapshot!(found_with("BW306", shop(), &config(CONTEXTS)), @r"
    shop/post.py:29 error BW306 confirm in `mailing` hears OrderPlaced of `ordering`
    shop/post.py:29 error BW306 thank in `mailing` hears PaymentTaken of `billing`
    ");
}

#[test]
fn an_event_belongs_to_the_context_that_defines_it() {
    let wired = Wired::new()
        .event("shop.orders.Placed", &[])
        .publish("shop.orders.Placed", "shop.post:retry", 4)
        .subscribe("shop.orders.Placed", "shop.billing:bill")
        .subscribe("shop.orders.Placed", "shop.post:confirm");
    assert_snapshot!(found_with("BW306", wired, &config(CONTEXTS)), @"shop/post.py:29 error BW306 confirm in `mailing` hears Placed of `ordering`");
}

#[test]
fn a_wildcard_hears_every_context() {
    let wired = || {
        Wired::new()
            .event_of(EventKind::Any, "*", &[])
            .subscribe("*", "shop.post:all")
    };
    assert_snapshot!(found_with("BW306", wired(), &config(CONTEXTS)), @"shop/post.py:29 error BW306 all in `mailing` hears every event, those of `billing` and `ordering` too");
    let all = CONTEXTS.replace("['shop.post']", "['shop.post']\nhears = ['*']");
    assert_eq!(found_with("BW306", wired(), &config(&all)), "");
}

#[test]
fn a_base_class_brings_the_events_of_others_along() {
    let wired = |base: &str| {
        Wired::new()
            .event(base, &[])
            .event("shop.orders.Placed", &[base])
            .publish("shop.orders.Placed", "shop.orders:place", 4)
            .subscribe(base, "shop.post:log")
    };
    assert_snapshot!(found_with("BW306", wired("shared.Event"), &config(CONTEXTS)), @"shop/post.py:29 error BW306 log in `mailing` hears Placed of `ordering`, as Event");
    assert_snapshot!(found_with("BW306", wired("shop.orders.Event"), &config(CONTEXTS)), @"shop/post.py:29 error BW306 log in `mailing` hears Event of `ordering`");
    let exact = wired("shared.Event").subscription_with(|entry| entry.exact = true);
    assert_eq!(found_with("BW306", exact, &config(CONTEXTS)), "");
}
