//! Those that handle events on another thread: posted in a row, until the last is handled.

use std::hint::black_box;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use super::{Contender, EVENT, OrderPlaced, captured};
use crate::rounds::Loop;

/// The first one is what the others are compared with.
pub const CONTENDERS: [Contender; 2] = [
    Contender {
        name: "std::sync::mpsc and a thread with a loop of boxed closures",
        version: "–",
        build: thread,
    },
    Contender {
        name: "buswork, post",
        version: "this one",
        build: buswork,
    },
];

/// What the thread gets: an event, or the wish to be told that all before it have been handled.
enum Message {
    Event(OrderPlaced),
    Flush,
}

fn thread(handlers: usize) -> Loop {
    let handlers: Vec<_> = (0..handlers)
        .map(|number| {
            let own = captured(number);
            Box::new(move |order: &OrderPlaced| {
                black_box(order.amount + own);
            }) as Box<dyn Fn(&OrderPlaced) + Send>
        })
        .collect();
    let (sender, receiver) = channel();
    let (flushed, is_flushed) = sync_channel(1);
    thread::spawn(move || {
        for message in receiver {
            match message {
                Message::Event(order) => {
                    for handler in black_box(&handlers) {
                        handler(&order);
                    }
                }
                Message::Flush => flushed.send(()).expect("somebody waits"),
            }
        }
    });
    Box::new(move |goes| {
        for _ in 0..goes {
            let event = Message::Event(black_box(EVENT));
            sender.send(event).expect("the thread lives");
        }
        sender.send(Message::Flush).expect("the thread lives");
        is_flushed.recv().expect("the thread lives");
    })
}

fn buswork(handlers: usize) -> Loop {
    let bus = ::buswork::EventBus::new();
    for own in (0..handlers).map(captured) {
        bus.subscribe(move |order: &OrderPlaced| {
            black_box(order.amount + own);
        });
    }
    Box::new(move |goes| {
        for _ in 0..goes {
            bus.post(black_box(EVENT)).expect("the bus is open");
        }
        bus.drain(None).expect("this is no handler");
    })
}
