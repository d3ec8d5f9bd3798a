use std::sync::{Arc, OnceLock};

use buswork::{BoxError, EventBus, Handler, Subscription};

use crate::{OrderPlaced, Trace, order};

#[test]
fn a_handler_may_be_a_value_with_state() {
    struct Inventory(Trace);
    impl Handler<OrderPlaced> for Inventory {
        fn handle(&self, order: &OrderPlaced) -> Result<(), BoxError> {
            self.0.note(format!("reserve {}", order.number));
            Ok(())
        }
    }
    let (bus, trace) = (EventBus::new(), Trace::default());
    bus.subscribe(Inventory(trace.clone()));
    bus.publish(&order(3)).unwrap();
    assert_eq!(trace.taken(), ["reserve 3"]);
}

#[test]
fn a_cancelled_handler_is_not_called_again_not_even_by_the_publish_under_way() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let victim: Arc<OnceLock<Subscription>> = Arc::default();
    let (known, noted) = (Arc::clone(&victim), trace.clone());
    bus.subscribe(move |_: &OrderPlaced| {
        noted.note("first");
        known.get().unwrap().cancel();
    });
    let noted = trace.clone();
    victim
        .set(bus.subscribe(move |_: &OrderPlaced| noted.note("victim")))
        .unwrap();
    bus.publish(&order(1)).unwrap();
    bus.publish(&order(2)).unwrap();
    assert_eq!(trace.taken(), ["first", "first"]);
    assert!(!victim.get().unwrap().is_active());
}

#[test]
fn a_handler_subscribed_during_a_publish_waits_for_the_next() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let (inner, noted) = (bus.clone(), trace.clone());
    bus.on::<OrderPlaced>()
        .once()
        .subscribe(move |_: &OrderPlaced| {
            let noted = noted.clone();
            inner.subscribe(move |_: &OrderPlaced| noted.note("late"));
        });
    bus.publish(&order(1)).unwrap();
    assert!(trace.taken().is_empty());
    bus.publish(&order(2)).unwrap();
    assert_eq!(trace.taken(), ["late"]);
}

#[test]
fn once_is_spent_before_its_call_and_not_by_a_skip() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let (inner, noted) = (bus.clone(), trace.clone());
    bus.on::<OrderPlaced>()
        .once()
        .when(|order| order.number > 1)
        .subscribe(move |order: &OrderPlaced| {
            noted.note(format!("{}", order.number));
            inner.publish(&OrderPlaced {
                number: order.number + 1,
            })
        });
    bus.publish(&order(1)).unwrap();
    bus.publish(&order(2)).unwrap();
    bus.publish(&order(3)).unwrap();
    assert_eq!(trace.taken(), ["2"]);
    assert!(bus.handlers::<OrderPlaced>().is_empty());
}

#[test]
fn a_pause_counts_until_the_resume() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let noted = trace.clone();
    let subscription =
        bus.subscribe(move |order: &OrderPlaced| noted.note(order.number.to_string()));
    for number in 1..=3 {
        if number == 2 {
            subscription.pause();
        } else {
            subscription.resume();
        }
        bus.publish(&order(number)).unwrap();
    }
    assert_eq!(trace.taken(), ["1", "3"]);
}

#[test]
#[should_panic(expected = "a subscription named \"mail\" is on this bus already")]
fn a_name_given_twice_is_refused() {
    let bus = EventBus::new();
    bus.on::<OrderPlaced>()
        .named("mail")
        .subscribe(|_: &OrderPlaced| {});
    bus.on::<u32>().named("mail").subscribe(|_: &u32| {});
}

#[test]
fn a_name_is_free_again_after_a_cancel() {
    let bus = EventBus::new();
    bus.on::<OrderPlaced>()
        .named("mail")
        .subscribe(|_: &OrderPlaced| {})
        .cancel();
    bus.on::<OrderPlaced>()
        .named("mail")
        .subscribe(|_: &OrderPlaced| {});
    assert_eq!(bus.handlers::<OrderPlaced>()[0].name(), "mail");
}

#[test]
fn a_guard_cancels_on_drop_and_a_handle_does_not() {
    let bus = EventBus::new();
    drop(bus.subscribe(|_: &OrderPlaced| {}));
    assert_eq!(bus.handlers::<OrderPlaced>().len(), 1);
    drop(bus.subscribe(|_: &OrderPlaced| {}).guard());
    assert_eq!(bus.handlers::<OrderPlaced>().len(), 1);
    assert_eq!(format!("{bus:?}"), "EventBus(1 subscriptions)");
}

#[test]
fn a_cancel_frees_the_handler_and_so_does_the_end_of_the_bus() {
    let token = Arc::new(());
    let bus = EventBus::new();
    let held = Arc::clone(&token);
    let subscription = bus.subscribe(move |_: &OrderPlaced| assert!(Arc::strong_count(&held) > 0));
    bus.publish(&order(1)).unwrap();
    subscription.cancel();
    drop(subscription);
    assert_eq!(Arc::strong_count(&token), 1);
    let held = Arc::clone(&token);
    bus.subscribe(move |_: &OrderPlaced| assert!(Arc::strong_count(&held) > 0));
    bus.publish(&order(1)).unwrap();
    drop(bus);
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn a_handler_may_drop_the_last_handle_of_its_bus() {
    let bus = EventBus::new();
    let holder = Arc::new(std::sync::Mutex::new(Some(bus.clone())));
    let held = Arc::clone(&holder);
    bus.subscribe(move |_: &OrderPlaced| drop(held.lock().unwrap().take()));
    bus.publish(&order(1)).unwrap();
    assert!(holder.lock().unwrap().is_none());
}
