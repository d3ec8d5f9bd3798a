//! Handlers that fail at the first attempt and not at the second, until the second has ended.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use buswork::policy::{Policy, Retry};
use jaeb::{AsyncSubscriptionPolicy, EventBus as Jaeb};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

use super::{Contender, EVENT, OrderPlaced};
use crate::rounds::Loop;

/// The first one is what the others are compared with.
pub const CONTENDERS: [Contender; 3] = [
    Contender {
        name: "buswork, publish",
        version: "this one",
        build: publish,
    },
    Contender {
        name: "buswork, awaited publish",
        version: "this one",
        build: awaited,
    },
    Contender {
        name: "jaeb, async handlers",
        version: "0.5.0",
        build: jaeb,
    },
];

/// Every second call fails, beginning with the first.
fn attempt(calls: &AtomicUsize) -> Result<(), &'static str> {
    if calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
        return Err("the first attempt fails");
    }
    Ok(())
}

fn policy() -> Policy {
    Policy::new().retry(Retry::new(2))
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime starts")
}

fn publish(handlers: usize) -> Loop {
    let bus = buswork::EventBus::new();
    for _ in 0..handlers {
        let calls = AtomicUsize::new(0);
        bus.on()
            .policy(policy())
            .subscribe(move |_: &OrderPlaced| attempt(&calls));
    }
    Box::new(move |goes| {
        for _ in 0..goes {
            bus.publish(black_box(&EVENT))
                .expect("the second attempt goes well");
        }
    })
}

fn awaited(handlers: usize) -> Loop {
    let bus = buswork::AsyncEventBus::new();
    for _ in 0..handlers {
        let calls = Arc::new(AtomicUsize::new(0));
        bus.on()
            .policy(policy())
            .subscribe(move |_: Arc<OrderPlaced>| {
                let calls = Arc::clone(&calls);
                async move { attempt(&calls) }
            });
    }
    let runtime = runtime();
    Box::new(move |goes| {
        runtime.block_on(async {
            for _ in 0..goes {
                let published = bus.publish(black_box(EVENT)).await;
                published.expect("the second attempt goes well");
            }
        });
    })
}

/// Its publish ends when the handlers' tasks are spawned; the last of them tells the publisher.
fn jaeb(handlers: usize) -> Loop {
    let runtime = runtime();
    let missing = Arc::new(AtomicUsize::new(0));
    let all_have_it = Arc::new(Notify::new());
    let bus = runtime.block_on(async {
        let built = Jaeb::builder().build().await;
        let bus = built.expect("the defaults are valid");
        for _ in 0..handlers {
            let calls = Arc::new(AtomicUsize::new(0));
            let (missing, all_have_it) = (Arc::clone(&missing), Arc::clone(&all_have_it));
            let policy = AsyncSubscriptionPolicy::default().with_max_retries(1);
            let handler = move |_: OrderPlaced, _: Jaeb| {
                let (missing, all_have_it) = (Arc::clone(&missing), Arc::clone(&all_have_it));
                let calls = Arc::clone(&calls);
                async move {
                    attempt(&calls)?;
                    if missing.fetch_sub(1, Ordering::Relaxed) == 1 {
                        all_have_it.notify_one();
                    }
                    Ok(())
                }
            };
            let subscribed = bus.subscribe_with_policy::<OrderPlaced, _, _>(handler, policy);
            let _stays_subscribed = subscribed.await.expect("it subscribes");
        }
        bus
    });
    Box::new(move |goes| {
        runtime.block_on(async {
            for _ in 0..goes {
                missing.store(handlers, Ordering::Relaxed);
                let published = bus.publish(black_box(EVENT)).await;
                published.expect("the bus is open");
                all_have_it.notified().await;
            }
        });
    })
}
