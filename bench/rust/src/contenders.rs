//! Who is measured, and how an event is sent with each, as its own manual writes it. A handler
//! adds what it captured to the event's amount, and shows the sum to nobody.

pub mod awaited;
pub mod posted;
pub mod retried;

use std::hint::black_box;

use bevy_ecs::prelude::{Event, On, World};
use jaeb::EventBus as Jaeb;

use crate::rounds::Loop;

/// The event, small enough that copying it costs nothing.
#[derive(Event, Clone, Copy, Debug)]
pub struct OrderPlaced {
    pub amount: f64,
}

pub const EVENT: OrderPlaced = OrderPlaced { amount: 49.99 };

/// A library, or the loop that it is compared with.
pub struct Contender {
    pub name: &'static str,
    pub version: &'static str,
    /// A loop that publishes to so many handlers.
    pub build: fn(usize) -> Loop,
}

/// Where each stands in [`CONTENDERS`].
pub const BOXED: usize = 0;
pub const BUSWORK: usize = 1;
pub const BEVY: usize = 2;
pub const JAEB: usize = 3;

pub const CONTENDERS: [Contender; 4] = [
    Contender {
        name: "a loop of boxed closures",
        version: "–",
        build: boxed,
    },
    Contender {
        name: "buswork",
        version: "this one",
        build: buswork,
    },
    Contender {
        name: "bevy_ecs observers",
        version: "0.20.1",
        build: bevy,
    },
    Contender {
        name: "jaeb, sync handlers",
        version: "0.5.0",
        build: jaeb,
    },
];

pub fn captured(number: usize) -> f64 {
    black_box(number as f64)
}

fn boxed(handlers: usize) -> Loop {
    let handlers: Vec<Box<dyn Fn(&OrderPlaced) + Send + Sync>> = (0..handlers)
        .map(|number| {
            let own = captured(number);
            Box::new(move |order: &OrderPlaced| {
                black_box(order.amount + own);
            }) as Box<dyn Fn(&OrderPlaced) + Send + Sync>
        })
        .collect();
    Box::new(move |goes| {
        for _ in 0..goes {
            for handler in black_box(&handlers) {
                handler(black_box(&EVENT));
            }
        }
    })
}

fn buswork(handlers: usize) -> Loop {
    let bus = ::buswork::EventBus::new();
    for number in 0..handlers {
        let own = captured(number);
        bus.subscribe(move |order: &OrderPlaced| {
            black_box(order.amount + own);
        });
    }
    Box::new(move |goes| {
        for _ in 0..goes {
            bus.publish(black_box(&EVENT)).expect("no handler fails");
        }
    })
}

fn bevy(handlers: usize) -> Loop {
    let mut world = World::new();
    for number in 0..handlers {
        let own = captured(number);
        world.add_observer(move |order: On<OrderPlaced>| {
            black_box(order.amount + own);
        });
    }
    Box::new(move |goes| {
        for _ in 0..goes {
            world.trigger(black_box(EVENT));
        }
    })
}

fn jaeb(handlers: usize) -> Loop {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    let bus = runtime.block_on(async {
        let bus = Jaeb::builder()
            .build()
            .await
            .expect("the defaults are valid");
        for number in 0..handlers {
            let own = captured(number);
            let _stays_subscribed = bus
                .subscribe::<OrderPlaced, _, _>(move |order: &OrderPlaced, _: &Jaeb| {
                    black_box(order.amount + own);
                    Ok(())
                })
                .await
                .expect("it subscribes");
        }
        bus
    });
    Box::new(move |goes| {
        runtime.block_on(async {
            for _ in 0..goes {
                bus.publish(black_box(EVENT))
                    .await
                    .expect("no handler fails");
            }
        });
    })
}
