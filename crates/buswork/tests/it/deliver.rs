use buswork::{EventBus, OnError, SkipReason, Status};

use crate::{OrderPlaced, order};

#[test]
fn reports_each_delivery_in_call_order() {
    let bus = EventBus::new();
    bus.on::<OrderPlaced>()
        .named("ok")
        .subscribe(|_: &OrderPlaced| {});
    bus.on::<OrderPlaced>()
        .named("fails")
        .subscribe(|_: &OrderPlaced| Err("no"));
    bus.on::<OrderPlaced>()
        .named("picky")
        .when(|_| false)
        .subscribe(|_: &OrderPlaced| {});
    bus.on::<OrderPlaced>()
        .named("paused")
        .subscribe(|_: &OrderPlaced| {})
        .pause();
    let report = bus.deliver(&order(1)).unwrap();
    let told: Vec<_> = report
        .deliveries()
        .iter()
        .map(|d| (d.name(), d.status()))
        .collect();
    assert_eq!(
        told,
        [
            ("ok", Status::Ok),
            ("fails", Status::Failed),
            ("picky", Status::Skipped(SkipReason::When)),
            ("paused", Status::Skipped(SkipReason::Paused)),
        ]
    );
    assert_eq!(report.failures().count(), 1);
    assert!(report.event_type().ends_with("OrderPlaced"));
    assert!(report.into_result().unwrap_err().is_handlers());
}

#[test]
fn what_did_not_run_after_a_stop_is_told_so() {
    let bus = EventBus::new();
    bus.on::<OrderPlaced>()
        .on_error(OnError::Stop)
        .subscribe(|_: &OrderPlaced| Err("no"));
    bus.subscribe(|_: &OrderPlaced| {});
    let report = bus.deliver(&order(1)).unwrap();
    assert_eq!(
        report.deliveries()[1].status(),
        Status::Skipped(SkipReason::Stopped)
    );
}

#[test]
fn a_predicate_that_panics_is_a_failure_of_its_handler() {
    let bus = EventBus::new();
    bus.on::<OrderPlaced>()
        .when(|_| panic!("who knows"))
        .subscribe(|_: &OrderPlaced| {});
    let report = bus.deliver(&order(1)).unwrap();
    assert!(report.failures().next().unwrap().is_panic());
    assert!(bus.publish(&order(1)).unwrap_err().failures()[0].is_panic());
}
