use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use buswork::{AsyncEventBus, AsyncNext, EventBus, SharedEvent};

use crate::executor::{block_on, yield_now};

struct Ping;
struct Pong;

/// Publishes in a cycle, so many handlers each, after so many waits.
fn cycle(bus: &AsyncEventBus, fan_out: usize, waits: usize) -> Arc<AtomicU32> {
    let calls = Arc::new(AtomicU32::new(0));
    for _ in 0..fan_out {
        let (inner, counted) = (bus.clone(), Arc::clone(&calls));
        bus.subscribe(move |_: Arc<Ping>| {
            let inner = inner.clone();
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                for _ in 0..waits {
                    yield_now().await;
                }
                inner.publish(Pong).await
            }
        });
        let inner = bus.clone();
        bus.subscribe(move |_: Arc<Pong>| {
            let inner = inner.clone();
            async move {
                yield_now().await;
                // Dropping the error does not keep the chain going.
                let _ = inner.publish(Ping).await;
            }
        });
    }
    calls
}

#[test]
fn a_cycle_is_named_and_unwinds_at_once() {
    let bus = AsyncEventBus::new();
    let calls = cycle(&bus, 1, 0);
    let error = block_on(bus.publish(Ping)).unwrap_err();
    assert!(error.is_recursion());
    assert_eq!(error.cycle().len(), 3);
    assert!(
        error.to_string().contains("nested more than 100 deep"),
        "{error}"
    );
    assert_eq!(calls.load(Ordering::Relaxed), 50);
    block_on(bus.publish(1_u32)).unwrap();
    bus.clear();
}

#[test]
fn depth_is_counted_however_often_handlers_wait() {
    let bus = AsyncEventBus::builder().max_depth(20).build();
    let calls = cycle(&bus, 1, 3);
    assert!(block_on(bus.publish(Ping)).unwrap_err().is_recursion());
    assert_eq!(calls.load(Ordering::Relaxed), 10);
    assert!(block_on(bus.deliver(Ping)).unwrap_err().is_recursion());
    bus.clear();
}

#[test]
fn a_cycle_that_fans_out_while_it_waits_is_ended() {
    let bus = AsyncEventBus::new();
    let calls = cycle(&bus, 2, 1);
    let error = block_on(bus.publish(Ping)).unwrap_err();
    assert!(error.is_recursion());
    assert!(
        error.to_string().contains("4096 publishes of one chain"),
        "{error}"
    );
    assert!(calls.load(Ordering::Relaxed) < 20_000);
    bus.clear();
}

#[test]
fn a_wide_fan_out_that_is_no_cycle_is_none() {
    let (bus, calls) = (AsyncEventBus::new(), Arc::new(AtomicU32::new(0)));
    for _ in 0..6_000 {
        let inner = bus.clone();
        bus.subscribe(move |_: Arc<Ping>| {
            let inner = inner.clone();
            async move { inner.publish(Pong).await }
        });
    }
    let counted = Arc::clone(&calls);
    bus.subscribe(move |_: Arc<Pong>| {
        counted.fetch_add(1, Ordering::Relaxed);
        yield_now()
    });
    block_on(bus.publish(Ping)).unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 6_000);
    bus.clear();
}

#[test]
fn publishes_one_after_another_are_not_nested() {
    let (bus, calls) = (AsyncEventBus::new(), Arc::new(AtomicU32::new(0)));
    let inner = bus.clone();
    bus.subscribe(move |_: Arc<Ping>| {
        let inner = inner.clone();
        async move {
            for _ in 0..10_000 {
                inner.publish(Pong).await?;
            }
            Ok::<_, buswork::Error>(())
        }
    });
    let counted = Arc::clone(&calls);
    bus.subscribe(move |_: Arc<Pong>| {
        counted.fetch_add(1, Ordering::Relaxed);
        yield_now()
    });
    block_on(bus.publish(Ping)).unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 10_000);
    bus.clear();
}

#[test]
fn a_sync_bus_between_does_not_reset_the_count() {
    let (outer, inner) = (
        EventBus::new(),
        AsyncEventBus::builder().max_depth(10).build(),
    );
    let (to_inner, to_outer) = (inner.clone(), outer.clone());
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    outer.subscribe(move |_: &Ping| {
        counted.fetch_add(1, Ordering::Relaxed);
        block_on(to_inner.publish(Pong))
    });
    inner.subscribe_sync(move |_: &Pong| to_outer.publish(&Ping));
    assert!(outer.publish(&Ping).unwrap_err().is_recursion());
    assert_eq!(calls.load(Ordering::Relaxed), 11);
    outer.clear();
    inner.clear();
}

#[test]
fn a_layer_that_publishes_is_nested_in_its_publish() {
    let bus = AsyncEventBus::builder().max_depth(10).build();
    let (inner, calls) = (bus.clone(), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&calls);
    bus.add_middleware(move |_: SharedEvent, next: AsyncNext| {
        let inner = inner.clone();
        counted.fetch_add(1, Ordering::Relaxed);
        let nested: std::pin::Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(async move { inner.publish(Ping).await });
        async move {
            yield_now().await;
            let _ = nested.await;
            next.run().await
        }
    });
    assert!(block_on(bus.publish(Ping)).unwrap_err().is_recursion());
    assert_eq!(calls.load(Ordering::Relaxed), 10);
}
