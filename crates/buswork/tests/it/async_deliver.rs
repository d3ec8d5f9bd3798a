use std::sync::{Arc, Mutex};
use std::time::Duration;

use buswork::{
    AsyncEventBus, AsyncNext, Delivery, Error, Observer, OnError, Published, SharedEvent,
    SkipReason, Status,
};

use crate::executor::{block_on, yield_now};
use crate::{OrderPlaced, Trace, order};

#[test]
fn reports_each_delivery_in_call_order() {
    let bus = AsyncEventBus::new();
    let on = |name| bus.on::<OrderPlaced>().named(name);
    on("slow").subscribe(async |_: Arc<OrderPlaced>| {
        yield_now().await;
        Err("no")
    });
    on("quick").subscribe(async |_: Arc<OrderPlaced>| {});
    on("picky")
        .when(|_| false)
        .subscribe(async |_: Arc<OrderPlaced>| {});
    on("sync").subscribe_sync(|_: &OrderPlaced| {});
    let report = block_on(bus.deliver(order(1))).unwrap();
    let told: Vec<_> = report
        .deliveries()
        .iter()
        .map(|delivery| (delivery.name(), delivery.status()))
        .collect();
    assert_eq!(
        told,
        [
            ("slow", Status::Failed),
            ("quick", Status::Ok),
            ("picky", Status::Skipped(SkipReason::When)),
            ("sync", Status::Ok),
        ]
    );
    assert!(report.deliveries()[0].elapsed() > Duration::ZERO);
    assert!(report.into_result().unwrap_err().is_handlers());
}

#[test]
fn what_a_stop_dropped_is_told_so() {
    let bus = AsyncEventBus::new();
    bus.subscribe(async |_: Arc<OrderPlaced>| std::future::pending::<()>().await);
    bus.on::<OrderPlaced>()
        .on_error(OnError::Stop)
        .subscribe(async |_: Arc<OrderPlaced>| Err("enough"));
    bus.subscribe(async |_: Arc<OrderPlaced>| {});
    let report = block_on(bus.deliver(order(1))).unwrap();
    let told: Vec<_> = report.deliveries().iter().map(Delivery::status).collect();
    let stopped = Status::Skipped(SkipReason::Stopped);
    assert_eq!(told, [stopped, Status::Failed, stopped]);
}

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Observer for Log {
    fn published(&self, publish: Published<'_>) {
        self.0.lock().unwrap().push(format!("{:?}", publish.topic));
    }

    fn delivered(&self, _: Published<'_>, delivery: &Delivery) {
        let told = format!("{} {:?}", delivery.name(), delivery.status());
        self.0.lock().unwrap().push(told);
    }
}

#[test]
fn an_observer_sees_deliveries_as_they_end() {
    let (bus, log) = (AsyncEventBus::new(), Arc::new(Log::default()));
    bus.observe(Some(log.clone()));
    bus.topic::<OrderPlaced>("a.*")
        .unwrap()
        .named("slow")
        .subscribe(async |_: Arc<OrderPlaced>| yield_now().await);
    bus.topic::<OrderPlaced>("**")
        .unwrap()
        .named("quick")
        .subscribe(async |_: Arc<OrderPlaced>| {});
    block_on(bus.publish_to("a.b", order(1))).unwrap();
    let seen = log.0.lock().unwrap().clone();
    assert_eq!(seen, ["Some(\"a.b\")", "quick Ok", "slow Ok"]);
    let malformed = block_on(bus.publish_to("a.*", order(1))).unwrap_err();
    assert!(malformed.is_malformed_topic());
    let report = block_on(bus.deliver_to("x", order(1))).unwrap();
    assert_eq!(report.deliveries().len(), 1);
    assert_eq!(
        bus.handlers_of_topic::<OrderPlaced>("a.b").unwrap().len(),
        2
    );
}

#[test]
fn layers_wrap_the_publish_and_may_refuse() {
    let (bus, trace) = (AsyncEventBus::new(), Trace::default());
    for name in ["outer", "inner"] {
        let trace = trace.clone();
        bus.add_middleware(move |event: SharedEvent, next: AsyncNext| {
            let trace = trace.clone();
            async move {
                trace.note(format!("{name} in"));
                yield_now().await;
                match event.downcast_ref::<OrderPlaced>() {
                    Some(order) if order.number == 0 => return Err(Error::refused("none")),
                    _ => {}
                }
                let result = next.run().await;
                trace.note(format!("{name} out {}", result.is_ok()));
                result
            }
        });
    }
    let noted = trace.clone();
    bus.subscribe_sync(move |order: &OrderPlaced| {
        noted.note("handler");
        assert!(order.number < 2);
    });
    block_on(bus.publish(order(1))).unwrap();
    let passed = [
        "outer in",
        "inner in",
        "handler",
        "inner out true",
        "outer out true",
    ];
    assert_eq!(trace.taken(), passed);
    assert!(block_on(bus.publish(order(0))).unwrap_err().is_refused());
    assert_eq!(trace.taken(), ["outer in"]);
    let report = block_on(bus.deliver(order(2))).unwrap();
    assert_eq!(report.failures().count(), 1);
    let failed = [
        "outer in",
        "inner in",
        "handler",
        "inner out false",
        "outer out false",
    ];
    assert_eq!(trace.taken(), failed);
}
