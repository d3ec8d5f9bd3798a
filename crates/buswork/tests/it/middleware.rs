use std::sync::Mutex;

use buswork::{Error, EventBus, EventRef, Next, Unhandled};

use crate::{OrderPlaced, Trace, order};

/// Notes what goes in and what comes out.
fn layer(trace: &Trace, name: &'static str) -> impl buswork::Middleware {
    let trace = trace.clone();
    move |event: EventRef<'_>, next: Next<'_>| {
        trace.note(format!("{name} in"));
        assert!(event.event_type().ends_with("OrderPlaced") && event.is::<OrderPlaced>());
        let result = next.run();
        trace.note(format!("{name} out {}", result.is_ok()));
        result
    }
}

#[test]
fn layers_wrap_the_publish_the_first_outermost() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let noted = trace.clone();
    bus.subscribe(move |_: &OrderPlaced| noted.note("handler"));
    bus.subscribe(|order: &OrderPlaced| assert!(order.number < 2));
    bus.publish(&order(1)).unwrap();
    assert_eq!(trace.taken(), ["handler"]);
    bus.add_middleware(layer(&trace, "outer"));
    bus.add_middleware(layer(&trace, "inner"));
    bus.publish(&order(1)).unwrap();
    let passed = [
        "outer in",
        "inner in",
        "handler",
        "inner out true",
        "outer out true",
    ];
    assert_eq!(trace.taken(), passed);
    let error = bus.publish(&order(2)).unwrap_err();
    assert!(error.is_handlers());
    let failed = [
        "outer in",
        "inner in",
        "handler",
        "inner out false",
        "outer out false",
    ];
    assert_eq!(trace.taken(), failed);
    let report = bus.deliver(&order(2)).unwrap();
    assert_eq!(
        (report.deliveries().len(), report.failures().count()),
        (2, 1)
    );
    assert_eq!(trace.taken(), failed);
}

#[test]
fn what_a_layer_does_not_let_through_is_not_delivered() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let noted = trace.clone();
    bus.subscribe(move |order: &OrderPlaced| noted.note(order.number.to_string()));
    bus.add_middleware(|event: EventRef<'_>, next: Next<'_>| {
        match event
            .downcast_ref::<OrderPlaced>()
            .map(|order| order.number)
        {
            Some(1) => Err(Error::refused("one is not enough")),
            Some(2) => Ok(()),
            _ => next.run(),
        }
    });
    let error = bus.publish(&order(1)).unwrap_err();
    assert!(error.is_refused());
    assert_eq!(
        error.to_string(),
        "a layer refused the event: one is not enough"
    );
    assert!(bus.deliver(&order(1)).unwrap_err().is_refused());
    bus.publish(&order(2)).unwrap();
    assert!(bus.deliver(&order(2)).unwrap().deliveries().is_empty());
    bus.publish(&order(3)).unwrap();
    assert_eq!(trace.taken(), ["3"]);
}

#[test]
fn a_layer_may_swallow_an_error_but_not_a_recursion() {
    let bus = EventBus::new();
    let inner = bus.clone();
    bus.subscribe(|_: &u32| Err("no"));
    bus.subscribe(move |_: &OrderPlaced| inner.publish(&order(1)));
    bus.add_middleware(|_: EventRef<'_>, next: Next<'_>| {
        let _ = next.run();
        Ok(())
    });
    bus.publish(&1_u32).unwrap();
    assert_eq!(bus.deliver(&1_u32).unwrap().failures().count(), 1);
    assert!(bus.publish(&order(1)).unwrap_err().is_recursion());
    bus.clear();
}

#[test]
fn a_layer_that_publishes_is_nested_in_its_publish() {
    let bus = EventBus::builder().max_depth(10).build();
    let (inner, trace) = (bus.clone(), Trace::default());
    let noted = trace.clone();
    bus.add_middleware(move |_: EventRef<'_>, next: Next<'_>| {
        noted.note("layer");
        inner.publish(&order(1))?;
        next.run()
    });
    assert!(bus.publish(&order(1)).unwrap_err().is_recursion());
    assert_eq!(trace.taken().len(), 10);
}

#[test]
fn layers_see_topics_and_events_that_nobody_handles() {
    let bus = EventBus::builder().unhandled(Unhandled::Raise).build();
    let trace = Trace::default();
    let noted = trace.clone();
    bus.add_middleware(move |event: EventRef<'_>, next: Next<'_>| {
        assert!(event.site().file().ends_with("middleware.rs"));
        noted.note(event.topic().unwrap_or("-"));
        next.run()
    });
    assert!(bus.publish_to("a.b", &order(1)).unwrap_err().is_unhandled());
    assert!(bus.publish(&order(1)).unwrap_err().is_unhandled());
    assert_eq!(trace.taken(), ["a.b", "-"]);
}

#[test]
fn posted_events_pass_the_layers_in_order_before_they_are_delivered() {
    let (bus, trace) = (EventBus::builder().max_pending(5).build(), Trace::default());
    let (noted, heard) = (trace.clone(), trace.clone());
    let inside = Mutex::new(());
    bus.add_middleware(move |event: EventRef<'_>, next: Next<'_>| {
        let alone = inside.try_lock().unwrap();
        let number = event.downcast_ref::<OrderPlaced>().unwrap().number;
        noted.note(format!("layer {number}"));
        drop(alone);
        match number {
            2 => Err(Error::refused("goes to the log")),
            3 => panic!("goes to the log"),
            _ => next.run(),
        }
    });
    for _ in 0..2 {
        let heard = heard.clone();
        bus.subscribe(move |order: &OrderPlaced| heard.note(format!("got {}", order.number)));
    }
    for number in 0..50 {
        bus.post(order(number)).unwrap();
    }
    bus.drain(None).unwrap();
    let taken = trace.taken();
    let layers: Vec<_> = taken
        .iter()
        .filter(|each| each.starts_with("layer"))
        .collect();
    let all: Vec<_> = (0..50).map(|number| format!("layer {number}")).collect();
    assert!(layers.into_iter().eq(&all));
    for number in 0..50 {
        let layer = taken
            .iter()
            .position(|each| *each == format!("layer {number}"));
        let got = taken
            .iter()
            .position(|each| *each == format!("got {number}"));
        assert_eq!(got.is_some(), ![2, 3].contains(&number), "{number}");
        assert!(got.is_none_or(|got| layer.unwrap() < got));
    }
}
