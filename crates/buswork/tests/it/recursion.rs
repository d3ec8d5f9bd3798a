use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use buswork::EventBus;

struct Ping;
struct Pong;

#[test]
fn a_cycle_is_named_and_unwinds_at_once_whatever_the_fan_out() {
    let (bus, calls) = (EventBus::new(), Arc::new(AtomicU32::new(0)));
    for _ in 0..2 {
        let (inner, calls) = (bus.clone(), Arc::clone(&calls));
        bus.subscribe(move |_: &Ping| {
            calls.fetch_add(1, Ordering::Relaxed);
            inner.publish(&Pong)
        });
        let inner = bus.clone();
        bus.subscribe(move |_: &Pong| inner.publish(&Ping));
    }
    let error = bus.publish(&Ping).unwrap_err();
    assert!(error.is_recursion());
    assert_eq!(error.cycle().len(), 3);
    assert!(error.to_string().contains("Ping -> "), "{error}");
    assert_eq!(calls.load(Ordering::Relaxed), 50);
    bus.clear();
}

#[test]
fn a_handler_that_drops_the_error_or_panics_with_it_does_not_keep_the_chain_going() {
    let (bus, calls) = (
        EventBus::builder().max_depth(20).build(),
        Arc::new(AtomicU32::new(0)),
    );
    let (inner, counted) = (bus.clone(), Arc::clone(&calls));
    bus.subscribe(move |_: &Ping| {
        counted.fetch_add(1, Ordering::Relaxed);
        let _ = inner.publish(&Ping);
    });
    let inner = bus.clone();
    bus.subscribe(move |_: &Ping| inner.publish(&Ping).unwrap());
    assert!(bus.publish(&Ping).unwrap_err().is_recursion());
    assert_eq!(calls.load(Ordering::Relaxed), 20);
    // The chain has ended: the next publish begins a new one.
    assert!(bus.publish(&Pong).is_ok());
    bus.clear();
}

#[test]
fn other_buses_between_do_not_reset_the_count_nor_add_to_it() {
    let (outer, inner) = (EventBus::builder().max_depth(10).build(), EventBus::new());
    let (to_inner, to_outer) = (inner.clone(), outer.clone());
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    outer.subscribe(move |_: &Ping| {
        counted.fetch_add(1, Ordering::Relaxed);
        to_inner.publish(&Pong)
    });
    inner.subscribe(move |_: &Pong| to_outer.publish(&Ping));
    assert!(outer.publish(&Ping).unwrap_err().is_recursion());
    assert_eq!(calls.load(Ordering::Relaxed), 10);
    outer.clear();
    inner.clear();
}
