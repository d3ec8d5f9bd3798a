use buswork_wiring::config::Config;
use buswork_wiring::graph::{Grade, HandlerKind, SiteKind};
use buswork_wiring::rules::check;
use insta::assert_snapshot;

use super::{config, found, found_with};
use crate::wired::{Wired, at, shop};

#[test]
fn a_registration_that_never_runs_is_found() {
    let never = shop()
        .subscribe("shop.events.OrderPlaced", "shop.crash:Watchdog.note")
        .subscription_with(|entry| entry.never = "`Watchdog` is never built".to_owned());
    assert_snapshot!(found("BW004", never), @"shop/crash.py:29 error BW004 Watchdog.note is never subscribed to OrderPlaced: `Watchdog` is never built");
}

#[test]
fn so_is_one_whose_module_no_entry_point_imports() {
    let unreached = shop().module("shop.post", false).module("shop.audit", true);
    assert_snapshot!(found("BW004", unreached), @r"
    shop/post.py:29 error BW004 confirm is never subscribed to OrderPlaced: no entry point imports `shop.post`
    shop/post.py:29 error BW004 thank is never subscribed to PaymentTaken: no entry point imports `shop.post`
    ");
}

#[test]
fn a_site_that_could_not_be_resolved_is_listed() {
    let wired = shop().unresolved(SiteKind::Publish, "shop.replay:replay", 8);
    assert_snapshot!(found("BW005", Wired(wired.0.clone())), @"shop/replay.py:8 info BW005 cannot tell what is published here by `publish`: the event is a parameter that nobody passes");
    let strict = config("severity = { BW005 = 'error' }");
    assert!(found_with("BW005", wired, &strict).contains(" error "));
}

#[test]
fn what_is_advised_for_it_can_be_done() {
    let fix = |kind, function: &str, file: &str| {
        let mut wired = shop().unresolved(kind, function, 8);
        wired.0.unresolved[0].location.file = file.to_owned();
        let findings = check(&wired.graph(), &Config::default());
        let finding = findings.into_iter().find(|one| one.rule == "BW005");
        finding.unwrap().fix
    };
    let publish = |file| fix(SiteKind::Publish, "shop.replay:replay", file);
    assert!(publish("shop/replay.py").contains("# wiring: publishes"));
    assert_eq!(
        publish("src/replay.rs"),
        "name the event where it is published"
    );
    assert_eq!(
        fix(SiteKind::Subscribe, "shop.replay:replay", "shop/replay.py"),
        "name the event and the handler where they are subscribed"
    );
}

#[test]
fn a_handler_that_is_subscribed_twice_in_one_place_runs_twice() {
    let twice = shop()
        .subscribe("shop.events.OrderPlaced", "shop.post:confirm")
        .subscription_with(|entry| entry.location.line = 40);
    assert_snapshot!(found("BW305", twice), @"shop/post.py:40 warning BW305 confirm is subscribed to OrderPlaced twice, and runs twice");
}

#[test]
fn so_does_one_that_hears_the_base_class_too() {
    let both = shop()
        .subscribe("shop.events.OrderPlaced", "shop.audit:log")
        .subscription_with(|entry| entry.location.line = 40);
    assert_snapshot!(found("BW305", both), @"shop/audit.py:29 warning BW305 log is subscribed to OrderPlaced and to Event, and runs twice for the former");
}

#[test]
fn one_subscription_to_several_types_runs_once() {
    let several = shop().subscribe("shop.events.OrderPlaced", "shop.audit:log");
    assert_eq!(found("BW305", several), "");
}

#[test]
fn what_may_be_two_objects_or_two_programs_is_information() {
    let methods = shop()
        .subscribe("shop.events.OrderPlaced", "shop.billing:Billing.bill")
        .subscription_with(|entry| entry.location.line = 40);
    assert!(found("BW305", methods).contains(" info "));

    let programs = shop()
        .subscribe("shop.events.OrderPlaced", "shop.post:confirm")
        .subscription_with(|entry| {
            entry.location = at("shop/worker.py", 4);
            entry.function = "shop.worker:main".to_owned();
        });
    assert!(found("BW305", programs).contains(" info "));

    let branches = shop()
        .subscribe("shop.events.OrderPlaced", "shop.post:confirm")
        .subscription_with(|entry| {
            entry.location.line = 40;
            entry.apart = "branch 1".to_owned();
        });
    assert!(found("BW305", branches).ends_with(" and may run twice"));
}

#[test]
fn a_handler_that_cannot_take_one_event_is_found() {
    let misfit = shop()
        .subscribe("shop.events.OrderPlaced", "shop.post:pack")
        .handler_with(|handler| handler.misfit = "takes no argument".to_owned());
    assert_snapshot!(found("BW304", misfit), @"shop/post.py:30 error BW304 pack is subscribed to OrderPlaced, but takes no argument");
}

#[test]
fn an_annotation_fits_the_event_and_its_bases_only() {
    let annotated = |name: &str, grade| {
        shop()
            .event(
                "shop.events.GiftPlaced",
                &["shop.events.OrderPlaced", "shop.events.Event"],
            )
            .subscribe("shop.events.OrderPlaced", "shop.post:pack")
            .subscription_with(|entry| entry.grade = grade)
            .handler_with(|handler| {
                handler.kind = HandlerKind::Function;
                handler.annotation = name.to_owned();
                handler.accepts = vec![format!("shop.events.{name}")];
            })
    };
    assert_eq!(found("BW304", annotated("OrderPlaced", Grade::Certain)), "");
    assert_eq!(found("BW304", annotated("Event", Grade::Certain)), "");
    assert_snapshot!(found("BW304", annotated("PaymentTaken", Grade::Certain)), @"shop/post.py:29 error BW304 pack is subscribed to OrderPlaced, but is written for PaymentTaken");
    assert_snapshot!(found("BW304", annotated("GiftPlaced", Grade::Inferred)), @"shop/post.py:29 warning BW304 pack is subscribed to OrderPlaced, but is written for GiftPlaced only, and gets its other instances too");
}
