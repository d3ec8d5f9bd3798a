use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;

use buswork::{AsyncEventBus, AsyncHandler, BoxError, Failure, OnError, Unhandled};

use crate::executor::{Signal, block_on, poll_once, yield_now};
use crate::{OrderPlaced, Trace, order};

/// A handler that notes that it begins, waits so often, and notes that it ends.
fn waiting(trace: &Trace, name: &'static str, waits: usize) -> impl AsyncHandler<OrderPlaced> {
    let trace = trace.clone();
    move |order: Arc<OrderPlaced>| {
        let trace = trace.clone();
        async move {
            trace.note(format!("{name} begins {}", order.number));
            for _ in 0..waits {
                yield_now().await;
            }
            trace.note(format!("{name} ends"));
        }
    }
}

#[test]
fn nothing_runs_until_it_is_polled_and_all_wait_at_the_same_time() {
    let (bus, trace) = (AsyncEventBus::new(), Trace::default());
    bus.subscribe(waiting(&trace, "slow", 2));
    bus.subscribe(waiting(&trace, "quick", 1));
    let noted = trace.clone();
    bus.subscribe_sync(move |_: &OrderPlaced| noted.note("sync"));
    bus.on::<OrderPlaced>()
        .priority(1)
        .subscribe(waiting(&trace, "first", 0));
    let publish = bus.publish(order(1));
    assert!(trace.taken().is_empty());
    block_on(publish).unwrap();
    let begun = [
        "first begins 1",
        "first ends",
        "slow begins 1",
        "quick begins 1",
        "sync",
    ];
    let taken = trace.taken();
    assert_eq!(taken[..5], begun);
    assert_eq!(taken[5..], ["quick ends", "slow ends"]);
}

#[test]
fn a_publish_is_woken_by_its_handlers_on_other_threads() {
    let (bus, signals) = (AsyncEventBus::new(), [Signal::default(), Signal::default()]);
    for signal in signals.clone() {
        bus.subscribe(move |_: Arc<OrderPlaced>| signal.wait());
    }
    thread::scope(|scope| {
        scope.spawn(|| block_on(bus.publish(order(1))).unwrap());
        for signal in &signals {
            signal.give();
        }
    });
}

#[test]
fn the_future_is_sendable_and_holds_the_bus() {
    let (bus, trace) = (AsyncEventBus::new(), Trace::default());
    bus.subscribe(waiting(&trace, "handler", 1));
    let publish = bus.publish_shared(Arc::new(order(7)));
    drop(bus);
    thread::spawn(|| block_on(publish)).join().unwrap().unwrap();
    assert_eq!(trace.taken(), ["handler begins 7", "handler ends"]);
}

#[test]
fn a_handler_may_be_a_value_with_state() {
    struct Inventory(Trace);
    impl AsyncHandler<OrderPlaced> for Inventory {
        async fn handle(&self, order: Arc<OrderPlaced>) -> Result<(), BoxError> {
            yield_now().await;
            self.0.note(format!("reserve {}", order.number));
            Err("no stock".into())
        }
    }
    let (bus, trace) = (AsyncEventBus::new(), Trace::default());
    bus.subscribe(Inventory(trace.clone()));
    let error = block_on(bus.publish(order(3))).unwrap_err();
    assert_eq!(trace.taken(), ["reserve 3"]);
    assert_eq!(error.failures()[0].error().to_string(), "no stock");
}

#[test]
fn failures_and_panics_are_collected_in_call_order() {
    let bus = AsyncEventBus::new();
    bus.subscribe(async |_: Arc<OrderPlaced>| {
        yield_now().await;
        yield_now().await;
        Err("the last to end")
    });
    bus.subscribe(async |_: Arc<OrderPlaced>| {
        yield_now().await;
        assert!(thread::panicking(), "out of paper");
    });
    bus.subscribe(|_: Arc<OrderPlaced>| {
        assert!(thread::panicking(), "before its future");
        async {}
    });
    bus.subscribe_sync(|_: &OrderPlaced| Err("sync"));
    let published = line!() + 1;
    let error = block_on(bus.publish(order(1))).unwrap_err();
    let told: Vec<_> = error
        .failures()
        .iter()
        .map(|failure| (failure.error().to_string(), failure.is_panic()))
        .collect();
    let expected = [
        ("the last to end", false),
        ("panicked: out of paper", true),
        ("panicked: before its future", true),
        ("sync", false),
    ];
    assert_eq!(
        told,
        expected.map(|(text, panics)| (text.to_owned(), panics))
    );
    assert_eq!(error.failures()[0].site().line(), published);
}

/// Counts how often it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn stop_drops_the_others_and_starts_no_more() {
    let (bus, trace, dropped) = (AsyncEventBus::new(), Trace::default(), Arc::default());
    let counted = Arc::clone(&dropped);
    bus.subscribe(move |_: Arc<OrderPlaced>| {
        let counted = Counted(Arc::clone(&counted));
        async move {
            std::future::pending::<()>().await;
            drop(counted);
        }
    });
    bus.on::<OrderPlaced>()
        .on_error(OnError::Stop)
        .subscribe(async |order: Arc<OrderPlaced>| {
            if order.number > 1 {
                yield_now().await;
            }
            Err("enough")
        });
    bus.subscribe(waiting(&trace, "last", 5));
    let error = block_on(bus.publish(order(1))).unwrap_err();
    assert!(error.is_stopped());
    assert!(trace.taken().is_empty());
    let error = block_on(bus.publish(order(2))).unwrap_err();
    assert!(error.is_stopped());
    assert_eq!(trace.taken()[0], "last begins 2");
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
}

#[test]
fn dropping_a_publish_drops_its_handlers() {
    let (bus, dropped) = (AsyncEventBus::new(), Arc::default());
    for _ in 0..3 {
        let counted = Arc::clone(&dropped);
        bus.subscribe(move |_: Arc<OrderPlaced>| {
            let counted = Counted(Arc::clone(&counted));
            async move {
                std::future::pending::<()>().await;
                drop(counted);
            }
        });
    }
    {
        let mut publish = pin!(bus.publish(order(1)));
        assert!(poll_once(publish.as_mut()).is_pending());
        assert_eq!(dropped.load(Ordering::SeqCst), 0);
    }
    assert_eq!(dropped.load(Ordering::SeqCst), 3);
}

#[test]
fn what_a_handler_owned_is_dropped_at_its_end() {
    let (bus, dropped) = (AsyncEventBus::new(), Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&dropped);
    bus.subscribe(move |_: Arc<OrderPlaced>| {
        let counted = Counted(Arc::clone(&counted));
        async move {
            yield_now().await;
            let _ended = counted;
        }
    });
    bus.subscribe(async |_: Arc<OrderPlaced>| std::future::pending::<()>().await);
    let mut publish = pin!(bus.publish(order(1)));
    for _ in 0..3 {
        assert!(poll_once(publish.as_mut()).is_pending());
    }
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

#[test]
fn options_hold() {
    let (bus, trace) = (AsyncEventBus::new(), Trace::default());
    let on = || bus.on::<OrderPlaced>();
    on().once().subscribe(waiting(&trace, "once", 1));
    on().when(|order| order.number == 2)
        .subscribe(waiting(&trace, "when", 0));
    let paused = on().named("paused").subscribe(waiting(&trace, "paused", 0));
    paused.pause();
    let cancelled = on().subscribe(waiting(&trace, "cancelled", 0));
    cancelled.cancel();
    for number in 1..=2 {
        block_on(bus.publish(order(number))).unwrap();
    }
    assert_eq!(
        trace.taken(),
        ["once begins 1", "once ends", "when begins 2", "when ends"]
    );
    let names: Vec<_> = bus
        .handlers::<OrderPlaced>()
        .iter()
        .map(buswork::Subscription::is_active)
        .collect();
    assert_eq!(names, [true, false]);
    assert_eq!(format!("{bus:?}"), "AsyncEventBus(2 subscriptions)");
    bus.clear();
    block_on(bus.publish(order(2))).unwrap();
    assert!(trace.taken().is_empty());
}

#[test]
fn a_handler_cancelled_by_one_before_it_is_not_started() {
    let (bus, trace) = (AsyncEventBus::new(), Trace::default());
    let victim = Arc::new(std::sync::OnceLock::<buswork::Subscription>::new());
    let known = Arc::clone(&victim);
    bus.subscribe_sync(move |_: &OrderPlaced| known.get().unwrap().cancel());
    victim
        .set(bus.subscribe(waiting(&trace, "victim", 0)))
        .unwrap();
    block_on(bus.publish(order(1))).unwrap();
    assert!(trace.taken().is_empty());
}

#[test]
fn on_error_functions_get_failures_when_they_happen() {
    let trace = Trace::default();
    let heard = trace.clone();
    let call = OnError::Call(Arc::new(move |failure: &Failure| {
        heard.note(failure.error().to_string());
    }));
    let bus = AsyncEventBus::builder().on_error(call).build();
    bus.subscribe(async |_: Arc<OrderPlaced>| Err("no"));
    bus.subscribe(waiting(&trace, "other", 1));
    block_on(bus.publish(order(1))).unwrap();
    assert_eq!(trace.taken(), ["no", "other begins 1", "other ends"]);
}

#[test]
fn what_nobody_handles_is_ignored_or_refused_as_was_said() {
    let bus = AsyncEventBus::new();
    block_on(bus.publish(order(1))).unwrap();
    bus.set_unhandled::<OrderPlaced>(Unhandled::Raise);
    assert!(block_on(bus.publish(order(1))).unwrap_err().is_unhandled());
    assert!(block_on(bus.deliver(order(1))).unwrap_err().is_unhandled());
}

#[test]
fn a_publish_of_many_handlers_polls_only_those_that_were_woken() {
    const MANY: usize = 500;
    let (bus, polls) = (AsyncEventBus::new(), Arc::new(AtomicUsize::new(0)));
    let signals: Vec<_> = (0..MANY).map(|_| Signal::default()).collect();
    for signal in signals.clone() {
        let polls = Arc::clone(&polls);
        bus.subscribe(move |_: Arc<OrderPlaced>| {
            let (polls, mut wait) = (Arc::clone(&polls), Box::pin(signal.wait()));
            std::future::poll_fn(move |context| {
                polls.fetch_add(1, Ordering::Relaxed);
                wait.as_mut().poll(context)
            })
        });
    }
    let mut publish = pin!(bus.publish(order(1)));
    for signal in &signals {
        assert!(matches!(poll_once(publish.as_mut()), Poll::Pending));
        signal.give();
    }
    block_on(publish).unwrap();
    assert!(polls.load(Ordering::Relaxed) <= 4 * MANY);
}
