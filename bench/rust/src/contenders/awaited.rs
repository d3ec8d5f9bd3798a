//! Those whose publish is awaited: on one thread, until every handler has the event.

use std::cell::Cell;
use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use jaeb::EventBus as Jaeb;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, broadcast};
use tokio::task::{LocalSet, yield_now};

use super::{Contender, EVENT, OrderPlaced, captured};
use crate::rounds::Loop;

/// The first one is what the others are compared with.
pub const CONTENDERS: [Contender; 6] = [
    Contender {
        name: "a loop of boxed futures, `join_all`",
        version: "–",
        build: joined,
    },
    Contender {
        name: "buswork, handlers that do not wait",
        version: "this one",
        build: buswork,
    },
    Contender {
        name: "buswork, handlers that wait once",
        version: "this one",
        build: buswork_waiting,
    },
    Contender {
        name: "a loop of boxed futures that wait once, `join_all`",
        version: "–",
        build: joined_waiting,
    },
    Contender {
        name: "tokio::sync::broadcast, a task a receiver",
        version: "1.54.1",
        build: broadcast,
    },
    Contender {
        name: "jaeb, async handlers",
        version: "0.5.0",
        build: jaeb,
    },
];

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .build()
        .expect("a runtime starts")
}

type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;
type BoxHandler = Box<dyn Fn(Arc<OrderPlaced>) -> BoxFuture + Send + Sync>;

fn joined(handlers: usize) -> Loop {
    join(handlers, |own| {
        Box::new(move |order| {
            Box::pin(async move {
                black_box(order.amount + own);
            })
        })
    })
}

fn joined_waiting(handlers: usize) -> Loop {
    join(handlers, |own| {
        Box::new(move |order| {
            Box::pin(async move {
                yield_now().await;
                black_box(order.amount + own);
            })
        })
    })
}

fn join(handlers: usize, build: fn(f64) -> BoxHandler) -> Loop {
    let handlers: Vec<_> = (0..handlers).map(captured).map(build).collect();
    let runtime = runtime();
    Box::new(move |goes| {
        runtime.block_on(async {
            for _ in 0..goes {
                let event = Arc::new(black_box(EVENT));
                let started = black_box(&handlers)
                    .iter()
                    .map(|handler| handler(Arc::clone(&event)));
                join_all(started).await;
            }
        });
    })
}

fn buswork(handlers: usize) -> Loop {
    let bus = ::buswork::AsyncEventBus::new();
    for own in (0..handlers).map(captured) {
        bus.subscribe(move |order: Arc<OrderPlaced>| async move {
            black_box(order.amount + own);
        });
    }
    publish(bus)
}

fn buswork_waiting(handlers: usize) -> Loop {
    let bus = ::buswork::AsyncEventBus::new();
    for own in (0..handlers).map(captured) {
        bus.subscribe(move |order: Arc<OrderPlaced>| async move {
            yield_now().await;
            black_box(order.amount + own);
        });
    }
    publish(bus)
}

fn publish(bus: ::buswork::AsyncEventBus) -> Loop {
    let runtime = runtime();
    Box::new(move |goes| {
        runtime.block_on(async {
            for _ in 0..goes {
                let published = bus.publish(black_box(EVENT)).await;
                published.expect("no handler fails");
            }
        });
    })
}

/// Receivers are tasks; the last to have an event tells the publisher.
fn broadcast(handlers: usize) -> Loop {
    let (runtime, tasks) = (runtime(), LocalSet::new());
    let (sender, _) = broadcast::channel(16);
    let (missing, all_have_it) = (Rc::new(Cell::new(0)), Rc::new(Notify::new()));
    for own in (0..handlers).map(captured) {
        let mut receiver = sender.subscribe();
        let (missing, all_have_it) = (Rc::clone(&missing), Rc::clone(&all_have_it));
        tasks.spawn_local(async move {
            while let Ok(order) = receiver.recv().await {
                let order: OrderPlaced = order;
                black_box(order.amount + own);
                missing.set(missing.get() - 1);
                if missing.get() == 0 {
                    all_have_it.notify_one();
                }
            }
        });
    }
    Box::new(move |goes| {
        runtime.block_on(tasks.run_until(async {
            for _ in 0..goes {
                missing.set(handlers);
                sender.send(black_box(EVENT)).expect("somebody receives");
                all_have_it.notified().await;
            }
        }));
    })
}

/// Its publish ends when the handlers' tasks are spawned; the last of them tells the publisher.
fn jaeb(handlers: usize) -> Loop {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime starts");
    let missing = Arc::new(AtomicUsize::new(0));
    let all_have_it = Arc::new(Notify::new());
    let bus = runtime.block_on(async {
        let built = Jaeb::builder().build().await;
        let bus = built.expect("the defaults are valid");
        for own in (0..handlers).map(captured) {
            let (missing, all_have_it) = (Arc::clone(&missing), Arc::clone(&all_have_it));
            let subscribed =
                bus.subscribe::<OrderPlaced, _, _>(move |order: OrderPlaced, _: Jaeb| {
                    let (missing, all_have_it) = (Arc::clone(&missing), Arc::clone(&all_have_it));
                    async move {
                        black_box(order.amount + own);
                        if missing.fetch_sub(1, Ordering::Relaxed) == 1 {
                            all_have_it.notify_one();
                        }
                        Ok(())
                    }
                });
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
