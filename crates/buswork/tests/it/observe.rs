use std::sync::{Arc, Mutex};

use buswork::{Delivery, Error, EventBus, EventRef, Next, Observer, Published};

use crate::{OrderPlaced, order};

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Observer for Log {
    fn published(&self, publish: Published<'_>) {
        assert!(publish.site.file().ends_with("observe.rs"));
        self.0.lock().unwrap().push("published".into());
    }

    fn delivered(&self, _: Published<'_>, delivery: &Delivery) {
        self.0
            .lock()
            .unwrap()
            .push(format!("{} {:?}", delivery.name(), delivery.status()));
    }
}

#[test]
fn sees_publishes_and_deliveries_while_it_is_set() {
    let (bus, log) = (EventBus::new(), Arc::new(Log::default()));
    bus.on::<OrderPlaced>()
        .named("a")
        .subscribe(|_: &OrderPlaced| Err("no"));
    bus.publish(&order(1)).unwrap_err();
    bus.observe(Some(log.clone()));
    bus.publish(&order(2)).unwrap_err();
    bus.observe(None);
    bus.publish(&order(3)).unwrap_err();
    assert_eq!(*log.0.lock().unwrap(), ["published", "a Failed"]);
}

#[test]
fn sees_posts_when_they_have_passed_the_layers_and_their_deliveries() {
    let (bus, log) = (EventBus::new(), Arc::new(Log::default()));
    bus.observe(Some(log.clone()));
    bus.on::<OrderPlaced>()
        .named("a")
        .subscribe(|_: &OrderPlaced| Err("no"));
    bus.post(order(1)).unwrap();
    bus.drain(None).unwrap();
    bus.add_middleware(|event: EventRef<'_>, next: Next<'_>| {
        match event.downcast_ref::<OrderPlaced>() {
            Some(order) if order.number == 2 => Err(Error::refused("two")),
            _ => next.run(),
        }
    });
    bus.post(order(2)).unwrap();
    bus.publish(&order(2)).unwrap_err();
    bus.post(order(3)).unwrap();
    bus.drain(None).unwrap();
    let expected = ["published", "a Failed", "published", "a Failed"];
    assert_eq!(*log.0.lock().unwrap(), expected);
}
