use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use buswork::testing::{mute, record};
use buswork::{AsyncEventBus, EventBus, EventRef, Next};

use crate::executor::block_on;
use crate::{OrderPlaced, Trace, order};

#[derive(Clone, Debug, PartialEq)]
struct Paid(u32);

/// The message of an assertion that has to fail.
fn message(assertion: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(assertion)).unwrap_err();
    *payload.downcast::<String>().unwrap()
}

#[test]
fn a_recorder_has_all_in_order_until_it_is_dropped() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let noted = trace.clone();
    bus.subscribe(move |paid: &Paid| noted.note(paid.0.to_string()));
    bus.publish(&Paid(0)).unwrap();
    let (recorder, other) = (record(&bus).keep::<Paid>(), record(&bus));
    bus.publish(&Paid(1)).unwrap();
    bus.post(Paid(2)).unwrap();
    bus.publish_to("a.b", &order(3)).unwrap();
    drop(other);
    let _report = bus.deliver(&Paid(4)).unwrap();
    assert_eq!(recorder.events::<Paid>(), [Paid(1), Paid(2), Paid(4)]);
    assert_eq!(recorder.count::<OrderPlaced>(), 1);
    let told: Vec<_> = recorder
        .published()
        .iter()
        .map(|each| {
            (
                each.is_posted(),
                each.topic().map(str::to_owned),
                each.is_muted(),
            )
        })
        .collect();
    let topic = Some("a.b".to_owned());
    let expected = [
        (false, None, false),
        (true, None, false),
        (false, topic, false),
        (false, None, false),
    ];
    assert_eq!(told, expected);
    recorder.clear();
    recorder.assert_nothing_published();
    drop(recorder);
    bus.publish(&Paid(5)).unwrap();
    bus.drain(None).unwrap();
    assert_eq!(trace.taken().len(), 5);
}

#[test]
fn assertions_say_what_was_published() {
    let bus = EventBus::new();
    let recorder = record(&bus).keep::<Paid>();
    let nothing = message(|| recorder.assert_published::<Paid>(|_| true));
    assert!(nothing.ends_with("nothing was published"), "{nothing}");
    let line = line!() + 1;
    bus.publish(&Paid(1)).unwrap();
    bus.post(Paid(1)).unwrap();
    recorder.assert_published::<Paid>(|paid| paid.0 == 1);
    recorder.assert_not_published::<OrderPlaced>();
    let none = message(|| recorder.assert_published::<Paid>(|paid| paid.0 == 2));
    assert!(
        none.contains("no it::testing::Paid that matches was published; published were:"),
        "{none}"
    );
    assert!(
        none.contains(&format!(
            "- it::testing::Paid, at crates/buswork/tests/it/testing.rs:{line}"
        )),
        "{none}"
    );
    assert!(none.contains("- it::testing::Paid, posted, at"), "{none}");
    let twice = message(|| recorder.assert_published_once::<Paid>(|_| true));
    assert!(
        twice.starts_with("2 it::testing::Paid that match were published, not one"),
        "{twice}"
    );
    let some = message(|| recorder.assert_not_published::<Paid>());
    assert!(
        some.starts_with("it::testing::Paid was published"),
        "{some}"
    );
    let unkept = message(|| recorder.assert_published::<u32>(|_| true));
    assert!(unkept.contains(".keep::<u32>()"), "{unkept}");
    assert!(message(|| recorder.assert_nothing_published()).starts_with("published were:"));
}

#[test]
fn what_is_muted_runs_nowhere_and_is_recorded_so() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let (noted, seen) = (trace.clone(), trace.clone());
    bus.subscribe(move |_: &Paid| noted.note("handler"));
    bus.subscribe(|_: &OrderPlaced| {});
    bus.add_middleware(move |_: EventRef<'_>, next: Next<'_>| {
        seen.note("layer");
        next.run()
    });
    let recorder = record(&bus);
    {
        let _once = mute::<Paid>(&bus);
        let twice = mute::<Paid>(&bus);
        drop(twice);
        bus.publish(&Paid(1)).unwrap();
        bus.post(Paid(2)).unwrap();
        assert!(bus.deliver(&Paid(3)).unwrap().deliveries().is_empty());
        assert_eq!(bus.deliver(&order(1)).unwrap().deliveries().len(), 1);
    }
    assert_eq!(trace.taken(), ["layer"]);
    bus.publish(&Paid(4)).unwrap();
    assert_eq!(trace.taken(), ["layer", "handler"]);
    let muted: Vec<_> = recorder
        .published()
        .iter()
        .map(buswork::testing::Recorded::is_muted)
        .collect();
    assert_eq!(muted, [true, true, true, false, false]);
}

#[test]
fn the_async_bus_is_recorded_and_muted_alike() {
    let (bus, trace) = (AsyncEventBus::new(), Trace::default());
    let noted = trace.clone();
    bus.subscribe_sync(move |paid: &Paid| noted.note(paid.0.to_string()));
    let recorder = record(&bus).keep::<Paid>();
    block_on(bus.publish(Paid(1))).unwrap();
    let muted = mute::<Paid>(&bus);
    block_on(bus.publish_shared(Arc::new(Paid(2)))).unwrap();
    assert!(
        block_on(bus.deliver(Paid(3)))
            .unwrap()
            .deliveries()
            .is_empty()
    );
    drop(muted);
    drop(bus.publish(Paid(4)));
    block_on(bus.publish_to("a", Paid(5))).unwrap();
    assert_eq!(trace.taken(), ["1"]);
    assert_eq!(recorder.events::<Paid>(), [1, 2, 3, 5].map(Paid));
}
