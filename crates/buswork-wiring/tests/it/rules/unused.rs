use buswork_wiring::graph::{EventKind, Grade, SiteKind};
use insta::assert_snapshot;

use super::{config, found, found_with};
use crate::wired::{Wired, shop};

fn archived() -> Wired {
    shop().event("shop.events.OrderArchived", &[]).publish(
        "shop.events.OrderArchived",
        "shop.archive:archive",
        5,
    )
}

#[test]
fn an_event_that_nobody_handles_is_found() {
    assert_snapshot!(found("BW001", archived()), @"shop/archive.py:5 warning BW001 OrderArchived is published, but nobody handles it");
}

#[test]
fn a_handler_of_a_base_class_or_a_wildcard_counts() {
    let by_base = archived().event_with(|event| event.bases = vec!["shop.events.Event".to_owned()]);
    assert_eq!(found("BW001", by_base), "");

    let by_wildcard = archived()
        .event_of(EventKind::Any, "*", &[])
        .subscribe("*", "shop.log:all");
    assert_eq!(found("BW001", by_wildcard), "");
}

#[test]
fn a_handler_that_is_never_registered_does_not_count() {
    let never = archived()
        .subscribe("shop.events.OrderArchived", "shop.archive:index")
        .subscription_with(|entry| entry.never = "`Index` is never built".to_owned());
    assert_snapshot!(found("BW001", never), @"shop/archive.py:5 warning BW001 OrderArchived is published, but its only handler is never registered: `Index` is never built");
}

#[test]
fn unsure_publishes_are_told_as_information() {
    let made = archived().publish_with(|publish| {
        publish.verb = "construct".to_owned();
        publish.grade = Grade::Possible;
    });
    assert_snapshot!(found("BW001", made), @"shop/archive.py:5 info BW001 OrderArchived is made here, and probably published, but nobody handles it");

    let unresolved = archived().unresolved(SiteKind::Subscribe, "shop.plugins:load", 8);
    assert_snapshot!(found("BW001", unresolved), @"shop/archive.py:5 info BW001 OrderArchived is published, but nobody was found to handle it (1 subscription could not be resolved)");
}

#[test]
fn a_publish_by_annotation_of_a_base_is_met_by_handlers_of_its_subclasses() {
    let wired = Wired::new()
        .event("shop.Event", &[])
        .event("shop.Placed", &["shop.Event"])
        .subscribe("shop.Placed", "shop.post:confirm")
        .publish("shop.Event", "shop.unit:publish_all", 9)
        .publish_with(|publish| publish.grade = Grade::Inferred);
    assert_eq!(found("BW001", Wired(wired.0.clone())), "");
    assert_snapshot!(found("BW002", wired), @"shop/post.py:29 info BW002 confirm waits for Placed, which nobody publishes, unless it is meant where its base class is published");
}

#[test]
fn external_events_and_those_of_a_library_are_left_alone() {
    let external = config("external = ['OrderArch*']");
    assert_eq!(found_with("BW001", archived(), &external), "");

    let library = config("library = true");
    assert_eq!(found_with("BW001", archived(), &library), "");
    let private =
        Wired::new()
            .event("shop._events.Tick", &[])
            .publish("shop._events.Tick", "a:b", 1);
    assert_ne!(found_with("BW001", private, &library), "");
}

#[test]
fn a_handler_of_what_nobody_publishes_is_dead() {
    let dead = shop()
        .event("shop.events.PaymentRefused", &["shop.events.Event"])
        .subscribe("shop.events.PaymentRefused", "shop.accounts:lock");
    assert_snapshot!(found("BW002", Wired(dead.0.clone())), @"shop/accounts.py:29 error BW002 lock waits for PaymentRefused, which nobody publishes");

    let unresolved = dead.unresolved(SiteKind::Publish, "shop.replay:replay", 8);
    assert_snapshot!(found("BW002", unresolved), @"shop/accounts.py:29 info BW002 lock waits for PaymentRefused, which nobody publishes, as far as can be seen (1 publish site could not be resolved)");
}

#[test]
fn an_unresolved_site_of_a_bus_that_the_handler_does_not_hear_changes_nothing() {
    let mut wired = shop()
        .event("shop.events.PaymentRefused", &["shop.events.Event"])
        .subscribe("shop.events.PaymentRefused", "shop.accounts:lock")
        .unresolved(SiteKind::Publish, "shop.replay:replay", 8);
    wired.0.unresolved[0].adapter = "blinker".to_owned();
    assert!(found("BW002", wired).contains(" error "));
}

#[test]
fn a_handler_of_a_base_is_alive_if_a_subclass_is_published_unless_it_is_exact() {
    assert_eq!(found("BW002", shop()), "");

    let exact = shop()
        .subscribe("shop.events.Event", "shop.audit:only_base")
        .subscription_with(|entry| entry.exact = true);
    assert_snapshot!(found("BW002", exact), @"shop/audit.py:29 error BW002 only_base waits for Event, which nobody publishes");
}

#[test]
fn a_declared_publish_keeps_a_handler_alive() {
    let wired = shop()
        .event("shop.events.PaymentRefused", &[])
        .subscribe("shop.events.PaymentRefused", "shop.accounts:lock")
        .handler("shop.bank:hear")
        .handler_with(|handler| {
            handler.declares = Some(vec!["shop.events.PaymentRefused".to_owned()]);
        });
    assert_eq!(found("BW002", wired), "");
}

#[test]
fn templates_and_topics_match_what_they_can_stand_for() {
    let wired = Wired::new()
        .event_of(EventKind::Template, "konnected.{}.update", &[])
        .event_of(EventKind::Name, "konnected.door.update", &[])
        .event_of(EventKind::Name, "konnected.door.remove", &[])
        .event_of(EventKind::Topic, "orders.eu.placed", &[])
        .event_of(EventKind::Topic, "orders.*.placed", &[])
        .event_of(EventKind::Topic, "orders.**", &[])
        .event_of(EventKind::Topic, "orders.*", &[])
        .publish("konnected.{}.update", "a:b", 1)
        .publish("orders.eu.placed", "a:c", 2)
        .subscribe("konnected.door.update", "h:update")
        .subscribe("konnected.door.remove", "h:remove")
        .subscribe("orders.*.placed", "h:placed")
        .subscribe("orders.**", "h:all")
        .subscribe("orders.*", "h:two_segments");
    assert_eq!(found("BW001", Wired(wired.0.clone())), "");
    assert_snapshot!(found("BW002", wired), @r"
    h.py:29 error BW002 remove waits for konnected.door.remove, which nobody publishes
    h.py:29 error BW002 two_segments waits for orders.*, which nobody publishes
    ");
}

#[test]
fn an_event_that_is_neither_published_nor_handled_is_found_unless_it_is_a_base() {
    let wired = shop().event("shop.events.OrderPostponed", &["shop.events.Never"]);
    let wired = wired.event("shop.events.Never", &[]);
    assert_snapshot!(found("BW003", wired), @"shop/events.py:10 warning BW003 OrderPostponed is neither published nor handled");
}

#[test]
fn an_event_of_a_package_that_was_not_read_is_published_there() {
    let wired = shop()
        .event_of(EventKind::Signal, "django.db.models.signals.post_save", &[])
        .event_with(|event| event.location = None)
        .subscribe("django.db.models.signals.post_save", "shop.stock:index");
    assert_eq!(found("BW002", wired), "");
}
