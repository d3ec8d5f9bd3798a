use buswork::{EventBus, OnError, Unhandled};

use crate::{OrderPlaced, Trace, order};

#[test]
fn runs_every_handler_of_the_exact_type_and_no_other() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let (first, second, other) = (trace.clone(), trace.clone(), trace.clone());
    bus.subscribe(move |order: &OrderPlaced| first.note(format!("first {}", order.number)));
    bus.subscribe(move |order: &OrderPlaced| second.note(format!("second {}", order.number)));
    bus.subscribe(move |_: &u32| other.note("other"));
    bus.publish(&order(7)).unwrap();
    assert_eq!(trace.taken(), ["first 7", "second 7"]);
}

#[test]
fn high_priority_first_then_order_of_subscription() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    for (name, priority) in [("a", 0), ("b", 5), ("c", -1), ("d", 5), ("e", 0)] {
        let trace = trace.clone();
        bus.on::<OrderPlaced>()
            .priority(priority)
            .subscribe(move |_: &OrderPlaced| trace.note(name));
    }
    bus.publish(&order(1)).unwrap();
    assert_eq!(trace.taken(), ["b", "d", "a", "e", "c"]);
}

fn jammed(_: &OrderPlaced) {
    panic!("out of paper");
}

#[test]
fn errors_and_panics_are_collected_when_all_have_run() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    bus.on::<OrderPlaced>()
        .named("errs")
        .subscribe(|_: &OrderPlaced| Err("no stock"));
    bus.on::<OrderPlaced>().named("panics").subscribe(jammed);
    let last = trace.clone();
    bus.subscribe(move |_: &OrderPlaced| last.note("last"));
    let error = bus.publish(&order(1)).unwrap_err();
    assert_eq!(trace.taken(), ["last"]);
    assert!(error.is_handlers() && !error.is_unhandled() && !error.is_recursion());
    let failures: Vec<_> = error
        .failures()
        .iter()
        .map(|f| (f.name(), f.error().to_string(), f.is_panic()))
        .collect();
    assert_eq!(
        failures,
        [
            ("errs", "no stock".into(), false),
            ("panics", "panicked: out of paper".into(), true)
        ]
    );
}

#[test]
fn a_failure_names_where_it_was_subscribed_and_where_it_was_published() {
    let bus = EventBus::new();
    let subscribed = line!() + 1;
    bus.subscribe(|_: &OrderPlaced| Err("no"));
    let error = bus.publish(&order(1)).unwrap_err();
    let failure = &error.failures()[0];
    assert_eq!(failure.location().line(), subscribed);
    assert_eq!(failure.site().line(), subscribed + 1);
    assert!(failure.site().file().ends_with("publish.rs"));
    assert!(error.to_string().contains("OrderPlaced"), "{error}");
}

#[test]
fn stop_ends_the_walk_and_loses_no_failure() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    bus.subscribe(|_: &OrderPlaced| Err("first"));
    bus.on::<OrderPlaced>()
        .on_error(OnError::Stop)
        .subscribe(|_: &OrderPlaced| Err("second"));
    let last = trace.clone();
    bus.subscribe(move |_: &OrderPlaced| last.note("last"));
    let error = bus.publish(&order(1)).unwrap_err();
    assert_eq!(error.failures().len(), 2);
    assert!(trace.taken().is_empty());
}

#[test]
fn an_on_error_function_gets_the_failure_and_publish_is_clean() {
    let trace = Trace::default();
    let heard = trace.clone();
    let call = OnError::Call(std::sync::Arc::new(move |failure: &buswork::Failure| {
        heard.note(failure.error().to_string());
        panic!("a panic in here stops nobody");
    }));
    let bus = EventBus::builder().on_error(call).build();
    bus.subscribe(|_: &OrderPlaced| Err("no"));
    let last = trace.clone();
    bus.subscribe(move |_: &OrderPlaced| last.note("last"));
    bus.publish(&order(1)).unwrap();
    assert_eq!(trace.taken(), ["no", "last"]);
}

#[test]
fn nested_publishes_run_depth_first_and_their_failures_nest() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let (inner, outer) = (bus.clone(), trace.clone());
    bus.subscribe(move |order: &OrderPlaced| {
        outer.note("before");
        let published = inner.publish(&order.number);
        outer.note("after");
        published
    });
    let nested = trace.clone();
    bus.subscribe(move |_: &u32| {
        nested.note("nested");
        Err("deep")
    });
    let error = bus.publish(&order(1)).unwrap_err();
    assert_eq!(trace.taken(), ["before", "nested", "after"]);
    let inner = error.failures()[0]
        .error()
        .downcast_ref::<buswork::Error>()
        .unwrap();
    assert_eq!(inner.failures()[0].error().to_string(), "deep");
    bus.clear();
}

#[test]
fn what_nobody_handles_is_ignored_or_refused_as_was_said() {
    let bus = EventBus::new();
    bus.publish(&order(1)).unwrap();
    bus.set_unhandled::<OrderPlaced>(Unhandled::Raise);
    let error = bus.publish(&order(1)).unwrap_err();
    assert!(error.is_unhandled());
    assert!(error.to_string().contains("nobody handles"), "{error}");
    assert!(bus.deliver(&order(1)).unwrap_err().is_unhandled());
    let paused = bus.subscribe(|_: &OrderPlaced| {});
    paused.pause();
    bus.publish(&order(1)).unwrap();
}
