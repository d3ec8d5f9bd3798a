use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use buswork::{
    AsyncEventBus, AsyncNext, Error, Failure, OnError, Overflow, SharedEvent, Unhandled,
};
use tokio::runtime::{Builder, Runtime};

use crate::executor::Signal;
use crate::{OrderPlaced, Trace, order};

/// Long enough that nobody needs it, and a test that hangs fails.
const LONG: Option<Duration> = Some(Duration::from_mins(1));

fn single() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn several() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_time().build().unwrap()
}

#[test]
fn each_handler_gets_all_in_order_one_at_a_time() {
    for runtime in [single(), several()] {
        let (bus, traces) = (AsyncEventBus::new(), [Trace::default(), Trace::default()]);
        for trace in traces.clone() {
            let inside = Arc::new(AtomicBool::new(false));
            bus.subscribe(move |order: Arc<OrderPlaced>| {
                let (trace, inside) = (trace.clone(), Arc::clone(&inside));
                async move {
                    assert!(!inside.swap(true, Ordering::SeqCst));
                    tokio::task::yield_now().await;
                    trace.note(order.number.to_string());
                    inside.store(false, Ordering::SeqCst);
                }
            });
        }
        runtime.block_on(async {
            for number in 0..500 {
                bus.post(order(number)).unwrap();
            }
            bus.drain(LONG).await.unwrap();
        });
        let all: Vec<_> = (0..500).map(|number| number.to_string()).collect();
        assert!(traces.iter().all(|trace| trace.taken() == all));
        assert_eq!((bus.pending(), bus.dropped()), (0, 0));
    }
}

#[test]
fn a_handler_that_waits_holds_up_no_others() {
    let (bus, signal, trace) = (AsyncEventBus::new(), Signal::default(), Trace::default());
    let waited = signal.clone();
    bus.on::<OrderPlaced>()
        .named("slow")
        .subscribe(move |_: Arc<OrderPlaced>| waited.wait());
    let noted = trace.clone();
    bus.on::<OrderPlaced>()
        .named("quick")
        .subscribe_sync(move |order: &OrderPlaced| noted.note(order.number.to_string()));
    single().block_on(async {
        for number in 0..3 {
            bus.post(order(number)).unwrap();
        }
        while bus.pending() > 3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(trace.taken(), ["0", "1", "2"]);
        let error = bus.drain(Some(Duration::ZERO)).await.unwrap_err();
        assert!(error.is_timeout());
        assert!(
            error.to_string().contains("slow: 1 in progress, 2 waiting"),
            "{error}"
        );
        signal.give();
        bus.drain(LONG).await.unwrap();
    });
}

#[test]
fn posts_outside_of_a_runtime_need_one_that_is_bound() {
    let (bus, count) = (AsyncEventBus::new(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    bus.subscribe_sync(move |_: &OrderPlaced| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let error = bus.post(order(0)).unwrap_err();
    assert!(error.is_no_runtime());
    assert!(error.to_string().contains("AsyncEventBus::bind"), "{error}");
    let runtime = several();
    bus.bind(runtime.handle().clone());
    bus.post(order(1)).unwrap();
    crate::executor::block_on(bus.drain(None)).unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn a_full_queue_blocks_foreign_threads_only() {
    let bus = AsyncEventBus::builder().max_pending(1).build();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    bus.subscribe_sync(move |_: &OrderPlaced| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let runtime = single();
    bus.bind(runtime.handle().clone());
    runtime.block_on(async {
        bus.post(order(0)).unwrap();
        assert!(bus.post(order(1)).unwrap_err().is_queue_full());
        let (poster, (told, is_told)) = (bus.clone(), std::sync::mpsc::channel());
        let posting = thread::spawn(move || {
            (2..50).for_each(|number| poster.post(order(number)).unwrap());
            told.send(()).unwrap();
        });
        while is_told.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        posting.join().unwrap();
        bus.drain(LONG).await.unwrap();
    });
    assert_eq!(count.load(Ordering::SeqCst), 49);
}

#[test]
fn what_is_dropped_is_counted() {
    let bus = AsyncEventBus::builder()
        .max_pending(2)
        .overflow(Overflow::DropOld)
        .build();
    let trace = Trace::default();
    let noted = trace.clone();
    bus.subscribe_sync(move |order: &OrderPlaced| noted.note(order.number.to_string()));
    single().block_on(async {
        for number in 0..5 {
            bus.post(order(number)).unwrap();
        }
        bus.drain(LONG).await.unwrap();
    });
    assert_eq!(trace.taken(), ["3", "4"]);
    assert_eq!(bus.dropped(), 3);
}

#[test]
fn failures_go_to_on_error() {
    let trace = Trace::default();
    let heard = trace.clone();
    let call = OnError::Call(Arc::new(move |failure: &Failure| {
        heard.note(failure.error().to_string());
    }));
    let bus = AsyncEventBus::builder().on_error(call).build();
    bus.subscribe(async |_: Arc<OrderPlaced>| Err("no stock"));
    bus.on::<OrderPlaced>()
        .on_error(OnError::Stop)
        .subscribe(async |_: Arc<OrderPlaced>| Err("logged"));
    bus.subscribe(async |_: Arc<OrderPlaced>| assert!(thread::panicking(), "jammed"));
    single().block_on(async {
        bus.post(order(1)).unwrap();
        bus.drain(LONG).await.unwrap();
    });
    let mut taken = trace.taken();
    taken.sort();
    assert_eq!(taken, ["no stock", "panicked: jammed"]);
}

#[test]
fn a_closed_bus_takes_posts_of_its_handlers_until_nothing_is_pending() {
    let (bus, trace) = (AsyncEventBus::new(), Trace::default());
    let (inner, noted) = (bus.clone(), trace.clone());
    bus.subscribe(move |number: Arc<u32>| {
        let (inner, noted) = (inner.clone(), noted.clone());
        async move {
            tokio::task::yield_now().await;
            noted.note(number.to_string());
            assert!(inner.drain(None).await.unwrap_err().is_inside_handler());
            assert!(inner.close(None).await.unwrap_err().is_inside_handler());
            match *number {
                3 => Ok(()),
                number => inner.post(number + 1),
            }
        }
    });
    single().block_on(async {
        bus.post(0_u32).unwrap();
        bus.close(LONG).await.unwrap();
        assert!(bus.post(9_u32).unwrap_err().is_closed());
        bus.clear();
        bus.publish(9_u32).await.unwrap();
    });
    assert_eq!(trace.taken(), ["0", "1", "2", "3"]);
}

#[test]
fn what_was_posted_is_delivered_after_the_last_handle_is_gone() {
    let (bus, trace) = (AsyncEventBus::new(), Trace::default());
    let (noted, signal) = (trace.clone(), Signal::default());
    let done = signal.clone();
    bus.subscribe(move |order: Arc<OrderPlaced>| {
        noted.note(order.number.to_string());
        done.give();
        async {}
    });
    single().block_on(async {
        bus.post(order(1)).unwrap();
        drop(bus);
        signal.wait().await;
    });
    assert_eq!(trace.taken(), ["1"]);
}

#[test]
fn a_runtime_that_is_shut_down_leaves_the_rest_to_the_next() {
    let (bus, trace) = (AsyncEventBus::new(), Trace::default());
    let (signal, noted) = (Signal::default(), trace.clone());
    let waited = signal.clone();
    bus.subscribe(move |order: Arc<OrderPlaced>| {
        let (wait, noted) = (waited.wait(), noted.clone());
        async move {
            wait.await;
            noted.note(order.number.to_string());
        }
    });
    let first = single();
    first.block_on(async {
        (0..3).for_each(|number| bus.post(order(number)).unwrap());
        tokio::task::yield_now().await;
    });
    drop(first);
    assert_eq!(bus.pending(), 2);
    signal.give();
    single().block_on(bus.drain(LONG)).unwrap();
    assert_eq!(trace.taken(), ["1", "2"]);
}

#[test]
fn posted_events_pass_the_layers_in_order() {
    let (bus, trace) = (AsyncEventBus::new(), Trace::default());
    let (noted, heard) = (trace.clone(), Arc::new(Mutex::new(Vec::new())));
    bus.add_middleware(move |event: SharedEvent, next: AsyncNext| {
        let noted = noted.clone();
        async move {
            tokio::task::yield_now().await;
            let number = event.downcast_ref::<OrderPlaced>().unwrap().number;
            noted.note(format!("{} {number}", event.topic().unwrap()));
            match number {
                2 => Err(Error::refused("goes to the log")),
                _ => next.run().await,
            }
        }
    });
    let pushed = Arc::clone(&heard);
    bus.topic::<OrderPlaced>("a.*")
        .unwrap()
        .subscribe_sync(move |order: &OrderPlaced| pushed.lock().unwrap().push(order.number));
    several().block_on(async {
        (0..4).for_each(|number| bus.post_to("a.b", order(number)).unwrap());
        bus.drain(LONG).await.unwrap();
    });
    assert_eq!(trace.taken(), ["a.b 0", "a.b 1", "a.b 2", "a.b 3"]);
    assert_eq!(*heard.lock().unwrap(), [0, 1, 3]);
}

#[test]
fn unhandled_is_minded_at_the_post() {
    let bus = AsyncEventBus::builder().unhandled(Unhandled::Raise).build();
    assert!(bus.post(order(1)).unwrap_err().is_unhandled());
}
