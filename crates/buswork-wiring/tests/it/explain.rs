//! Why a handler gets an event, or why not.

use buswork_wiring::explain::{Verdict, explain};
use buswork_wiring::graph::{EventKind, Grade, SiteKind};
use insta::assert_snapshot;

use crate::wired::{Wired, shop};

fn said(wired: Wired, event: &str, handler: &str) -> String {
    explain(&wired.graph(), event, handler).to_string()
}

#[test]
fn it_is_subscribed_to_it() {
    let wired = shop()
        .subscribe("shop.events.OrderPlaced", "shop.stock:reserve")
        .subscription_with(|entry| {
            entry.options = vec![("priority".to_owned(), "10".to_owned())];
            entry.grade = Grade::Inferred;
            entry.reason = "`bus` is a parameter of this name".to_owned();
        });
    assert_snapshot!(said(wired, "OrderPlaced", "reserve"), @r"
    shop.stock:reserve gets shop.events.OrderPlaced
      it is subscribed to it at shop/stock.py:29, in module shop.stock
      with priority=10
      inferred: `bus` is a parameter of this name
    ");
}

#[test]
fn it_is_subscribed_to_a_base_class_or_to_everything() {
    assert_snapshot!(said(shop(), "OrderPlaced", "log"), @r"
    shop.audit:log gets shop.events.OrderPlaced
      it is subscribed to the base class shop.events.Event at shop/audit.py:29, in module shop.audit
    ");

    let wired = shop()
        .event_of(EventKind::Any, "*", &[])
        .subscribe("*", "shop.audit:all");
    assert_snapshot!(said(wired, "OrderPlaced", "audit:all"), @r"
    shop.audit:all gets shop.events.OrderPlaced
      it is subscribed to everything (*) at shop/audit.py:29, in module shop.audit
    ");
}

#[test]
fn a_template_may_match() {
    let wired = Wired::new()
        .event_of(EventKind::Template, "door.{}.update", &[])
        .event_of(EventKind::Name, "door.front.update", &[])
        .publish("door.front.update", "a:b", 1)
        .subscribe("door.{}.update", "h:update");
    assert_snapshot!(said(wired, "door.front.update", "update"), @r"
    h:update may get door.front.update
      it is subscribed to `door.{}.update`, which can match it, at h.py:29, in module h
      possible
    ");
}

#[test]
fn nobody_publishes_it() {
    let wired = shop()
        .event("shop.events.Refunded", &[])
        .subscribe("shop.events.Refunded", "shop.post:sorry");
    assert_snapshot!(said(wired, "Refunded", "sorry"), @r"
    shop.post:sorry gets shop.events.Refunded
      it is subscribed to it at shop/post.py:29, in module shop.post
      but nobody publishes it
    ");
}

#[test]
fn its_subscription_never_runs() {
    let wired = shop()
        .subscribe("shop.events.OrderPlaced", "shop.crash:Watchdog.note")
        .subscription_with(|entry| entry.never = "`Watchdog` is never built".to_owned());
    assert_snapshot!(said(wired, "OrderPlaced", "Watchdog.note"), @r"
    shop.crash:Watchdog.note does not get shop.events.OrderPlaced
      its subscription to shop.events.OrderPlaced at shop/crash.py:29 never runs: `Watchdog` is never built
    ");
}

#[test]
fn exact_keeps_a_subclass_out() {
    let wired = shop()
        .subscribe("shop.events.Event", "shop.audit:exactly")
        .subscription_with(|entry| entry.exact = true);
    assert_snapshot!(said(wired, "OrderPlaced", "exactly"), @r"
    shop.audit:exactly does not get shop.events.OrderPlaced
      it is subscribed to the base class shop.events.Event at shop/audit.py:29, but with `exact`, which keeps subclasses out
    ");
}

#[test]
fn it_hears_a_subclass_a_namesake_or_something_else() {
    let wired = shop()
        .event("legacy.OrderPlaced", &[])
        .subscribe("legacy.OrderPlaced", "shop.post:both")
        .subscribe("shop.events.PaymentTaken", "shop.post:both");
    assert_snapshot!(said(Wired(wired.0.clone()), "events.OrderPlaced", "both"), @r"
    shop.post:both does not get shop.events.OrderPlaced
      it is subscribed to another event of this name, legacy.OrderPlaced, at shop/post.py:29
      it is subscribed to shop.events.PaymentTaken at shop/post.py:29
    ");
    assert_snapshot!(said(wired, "shop.events.Event", "shop.post:both"), @r"
    shop.post:both does not get shop.events.Event
      it is subscribed to the subclass shop.events.PaymentTaken only, at shop/post.py:29
      it is subscribed to legacy.OrderPlaced at shop/post.py:29
    ");
}

#[test]
fn an_unresolved_subscription_may_say_otherwise() {
    let wired = shop().handler("shop.plugins:extra").unresolved(
        SiteKind::Subscribe,
        "shop.plugins:load",
        8,
    );
    assert_snapshot!(said(wired, "OrderPlaced", "extra"), @r"
    shop.plugins:extra does not get shop.events.OrderPlaced
      it is subscribed to nothing
      1 subscription could not be resolved, and may say otherwise
    ");
}

#[test]
fn a_name_that_is_not_known_is_answered_with_similar_ones() {
    assert_snapshot!(said(shop(), "OrderPalced", "Biling.bill"), @r"
    there is no event `OrderPalced`; similar:
      shop.events.OrderPlaced
    there is no handler `Biling.bill`; similar:
      shop.billing:Billing.bill
    ");
    assert_snapshot!(said(shop(), "Shipped", "shop.post:confirm"), @"there is no event `Shipped`");
}

#[test]
fn a_name_of_several_is_answered_with_all_of_them() {
    let wired = shop().event("legacy.OrderPlaced", &[]);
    assert_snapshot!(said(wired, "OrderPlaced", "confirm"), @r"
    `OrderPlaced` is the name of several events:
      legacy.OrderPlaced
      shop.events.OrderPlaced
    ");
}

#[test]
fn case_does_not_matter_where_nothing_else_fits() {
    let explanation = explain(&shop().graph(), "orderplaced", "billing.BILL");
    assert_eq!(explanation.verdict, Verdict::Gets);
    assert_eq!(explanation.handler, "shop.billing:Billing.bill");
}
