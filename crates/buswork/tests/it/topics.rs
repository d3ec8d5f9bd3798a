use buswork::{EventBus, Status, Unhandled};

use crate::{OrderPlaced, Trace, order};

fn note(trace: &Trace, what: &'static str) -> impl Fn(&OrderPlaced) + Send + Sync + 'static {
    let trace = trace.clone();
    move |order: &OrderPlaced| trace.note(format!("{what} {}", order.number))
}

#[test]
fn an_event_on_a_topic_goes_to_handlers_of_matching_patterns_and_its_type_only() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    bus.subscribe(note(&trace, "typed"));
    for pattern in ["orders.*.placed", "orders.**", "**", "orders.eu", "*.eu.*"] {
        bus.topic::<OrderPlaced>(pattern)
            .unwrap()
            .subscribe(note(&trace, pattern));
    }
    let noted = trace.clone();
    bus.topic::<u32>("**")
        .unwrap()
        .subscribe(move |_: &u32| noted.note("another type"));
    bus.publish_to("orders.eu.placed", &order(1)).unwrap();
    assert_eq!(
        trace.taken(),
        ["orders.*.placed 1", "orders.** 1", "** 1", "*.eu.* 1"]
    );
    bus.publish_to("orders.eu", &order(2)).unwrap();
    assert_eq!(trace.taken(), ["orders.** 2", "** 2", "orders.eu 2"]);
    bus.publish(&order(3)).unwrap();
    assert_eq!(trace.taken(), ["typed 3"]);
}

#[test]
fn options_hold_on_topics_too() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let topic = |pattern| bus.topic::<OrderPlaced>(pattern).unwrap();
    topic("a.*").once().subscribe(note(&trace, "once"));
    topic("a.b").priority(1).subscribe(note(&trace, "first"));
    topic("a.**")
        .when(|order| order.number > 1)
        .subscribe(note(&trace, "when"));
    let cancelled = topic("**").subscribe(note(&trace, "cancelled"));
    bus.publish_to("a.b", &order(1)).unwrap();
    cancelled.cancel();
    bus.publish_to("a.b", &order(2)).unwrap();
    assert_eq!(
        trace.taken(),
        ["first 1", "once 1", "cancelled 1", "first 2", "when 2"]
    );
    let names: Vec<_> = bus
        .handlers_of_topic::<OrderPlaced>("a.b")
        .unwrap()
        .iter()
        .map(|handler| handler.pattern().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["a.b", "a.**"]);
    assert!(bus.handlers::<OrderPlaced>().is_empty());
    let report = bus.deliver_to("a.b", &order(1)).unwrap();
    assert_eq!(report.deliveries()[0].status(), Status::Ok);
    assert_eq!(trace.taken(), ["first 1"]);
    bus.clear();
    bus.publish_to("a.b", &order(2)).unwrap();
    assert!(trace.taken().is_empty());
}

#[test]
fn what_is_subscribed_later_counts_for_topics_used_before() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    for number in 0..3 {
        bus.publish_to("a.b", &order(number)).unwrap();
        bus.topic::<OrderPlaced>("a.*")
            .unwrap()
            .subscribe(note(&trace, "late"));
    }
    assert_eq!(trace.taken(), ["late 1", "late 2", "late 2"]);
}

#[test]
fn what_is_malformed_is_refused() {
    let bus = EventBus::new();
    let refused = [
        bus.topic::<OrderPlaced>("ord*").err(),
        bus.topic::<OrderPlaced>("a..b").err(),
        bus.publish_to("a.*", &order(1)).err(),
        bus.deliver_to("", &order(1)).err(),
        bus.post_to("a b", order(1)).err(),
        bus.handlers_of_topic::<OrderPlaced>("a.").err(),
    ];
    for error in refused {
        let error = error.unwrap();
        assert!(error.is_malformed_topic(), "{error}");
        assert!(error.to_string().contains("is malformed"), "{error}");
    }
}

#[test]
fn a_topic_that_nobody_handles_is_told_of_as_was_said() {
    let bus = EventBus::new();
    bus.subscribe(|_: &OrderPlaced| {});
    bus.publish_to("a.b", &order(1)).unwrap();
    bus.set_unhandled::<OrderPlaced>(Unhandled::Raise);
    let error = bus.publish_to("a.b", &order(1)).unwrap_err();
    assert!(error.is_unhandled());
    assert!(error.to_string().contains("on topic a.b"), "{error}");
    assert!(bus.post_to("a.b", order(1)).unwrap_err().is_unhandled());
}

#[test]
fn posts_to_topics_are_in_order() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    bus.topic::<OrderPlaced>("n.*")
        .unwrap()
        .subscribe(note(&trace, "got"));
    for number in 0..100 {
        bus.post_to(&format!("n.{number}"), order(number)).unwrap();
    }
    bus.drain(None).unwrap();
    let all: Vec<_> = (0..100).map(|number| format!("got {number}")).collect();
    assert_eq!(trace.taken(), all);
}
