use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use buswork::EventBus;

use crate::{OrderPlaced, order};

const THREADS: usize = 4;

#[test]
fn once_runs_exactly_once_over_threads() {
    for _ in 0..200 {
        let (bus, calls) = (EventBus::new(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&calls);
        bus.on::<OrderPlaced>()
            .once()
            .subscribe(move |_: &OrderPlaced| {
                counted.fetch_add(1, Ordering::SeqCst);
            });
        let start = Barrier::new(THREADS);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    bus.publish(&order(1)).unwrap();
                });
            }
        });
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn publishes_and_subscribes_of_many_threads_lose_nothing() {
    const ROUNDS: usize = 2_000;
    let (bus, steady) = (EventBus::new(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&steady);
    bus.subscribe(move |_: &OrderPlaced| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let start = Barrier::new(2 * THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                for _ in 0..ROUNDS {
                    bus.publish(&order(1)).unwrap();
                }
            });
            scope.spawn(|| {
                start.wait();
                for round in 0..ROUNDS {
                    let passing = bus.subscribe(|_: &OrderPlaced| {});
                    let ended = Arc::new(AtomicUsize::new(0));
                    let seen = Arc::clone(&ended);
                    let own = bus.subscribe(move |event: &u64| {
                        seen.fetch_add(usize::from(*event == 7), Ordering::Relaxed);
                    });
                    passing.cancel();
                    own.cancel();
                    assert_eq!(ended.load(Ordering::Relaxed), 0, "round {round}");
                }
            });
        }
    });
    assert_eq!(steady.load(Ordering::Relaxed), THREADS * ROUNDS);
    assert_eq!(bus.handlers::<OrderPlaced>().len(), 1);
    assert!(bus.handlers::<u64>().is_empty());
}
