//! Random programs of posters and handlers, and what must hold of any: nothing is lost or delivered
//! twice, and each handler gets each poster's events in order, one at a time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use buswork::{EventBus, EventRef, Next, OnError, Overflow};

use crate::random::Random;

const POSTERS: usize = 3;

/// The number of an event, and who posted it.
struct Numbered {
    poster: usize,
    number: u64,
}

/// What one handler got, by poster.
type Got = Arc<Mutex<[Vec<u64>; POSTERS]>>;

struct Program {
    bus: EventBus,
    got: Vec<Got>,
    events: u64,
    /// What is wrong in a handler goes here.
    failures: Arc<AtomicU64>,
}

impl Program {
    fn new(random: &mut Random) -> Self {
        let overflows = [
            Overflow::Wait,
            Overflow::Raise,
            Overflow::DropNew,
            Overflow::DropOld,
        ];
        let failures = Arc::new(AtomicU64::new(0));
        let failed = Arc::clone(&failures);
        let bus = EventBus::builder()
            .max_pending(1 + random.index(200))
            .overflow(overflows[random.index(4)])
            .on_error(OnError::Call(Arc::new(move |_| {
                failed.fetch_add(1, Ordering::SeqCst);
            })))
            .build();
        if random.below(3) == 0 {
            bus.add_middleware(|_: EventRef<'_>, next: Next<'_>| next.run());
        }
        let got = (0..=random.index(6)).map(|_| handler(&bus, random.below(40)));
        Self {
            got: got.collect(),
            bus,
            events: 50 + random.below(200),
            failures,
        }
    }

    /// Posts all, and returns how many posts were taken.
    fn run(&self) -> u64 {
        let taken = AtomicU64::new(0);
        thread::scope(|scope| {
            for poster in 0..POSTERS {
                let taken = &taken;
                scope.spawn(move || {
                    for number in 0..self.events {
                        match self.bus.post(Numbered { poster, number }) {
                            Ok(()) => taken.fetch_add(1, Ordering::SeqCst),
                            Err(error) if error.is_queue_full() => 0,
                            Err(error) => panic!("{error}"),
                        };
                    }
                });
            }
        });
        self.bus.drain(Some(Duration::from_mins(1))).unwrap();
        taken.into_inner()
    }
}

/// A handler that takes a while, by as many turns.
fn handler(bus: &EventBus, turns: u64) -> Got {
    let (got, inside) = (Got::default(), AtomicBool::new(false));
    let own = Arc::clone(&got);
    bus.subscribe(move |event: &Numbered| {
        assert!(!inside.swap(true, Ordering::SeqCst), "entered twice");
        own.lock().unwrap()[event.poster].push(event.number);
        for _ in 0..turns {
            thread::yield_now();
        }
        inside.store(false, Ordering::SeqCst);
    });
    got
}

#[test]
fn nothing_is_lost_or_twice_or_out_of_order() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let program = Program::new(&mut random);
        let taken = program.run();
        let mut delivered = 0;
        for got in &program.got {
            for numbers in got.lock().unwrap().iter() {
                assert!(
                    numbers.is_sorted_by(|a, b| a < b),
                    "seed {seed}: {numbers:?}"
                );
                delivered += numbers.len() as u64;
            }
        }
        let expected = taken * program.got.len() as u64;
        assert_eq!(delivered + program.bus.dropped(), expected, "seed {seed}");
        assert_eq!(program.failures.load(Ordering::SeqCst), 0, "seed {seed}");
        assert_eq!(program.bus.pending(), 0, "seed {seed}");
        if seed % 2 == 0 {
            program.bus.close(Some(Duration::from_mins(1))).unwrap();
        }
    }
}
