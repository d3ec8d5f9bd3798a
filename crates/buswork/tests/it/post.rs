use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use buswork::{EventBus, Failure, OnError, Overflow, Unhandled};

use crate::{OrderPlaced, Trace, order};

/// Long enough that nobody needs it, and a test that hangs fails.
const LONG: Option<Duration> = Some(Duration::from_mins(1));

/// A handler that says when it begins, and ends when it is told to.
fn gate(bus: &EventBus) -> (Receiver<u32>, Sender<()>) {
    let ((says, begun), (opens, opened)) = (channel(), channel());
    let (says, opened) = (Mutex::new(says), Mutex::new(opened));
    bus.on::<OrderPlaced>()
        .named("gate")
        .subscribe(move |order: &OrderPlaced| {
            says.lock().unwrap().send(order.number).unwrap();
            opened.lock().unwrap().recv().unwrap();
        });
    (begun, opens)
}

#[test]
fn each_handler_gets_all_in_order_on_another_thread() {
    let (bus, traces) = (EventBus::new(), [Trace::default(), Trace::default()]);
    for trace in traces.clone() {
        let poster = thread::current().id();
        bus.subscribe(move |order: &OrderPlaced| {
            assert_ne!(thread::current().id(), poster);
            trace.note(order.number.to_string());
        });
    }
    for number in 0..1_000 {
        bus.post(order(number)).unwrap();
    }
    bus.drain(LONG).unwrap();
    let all: Vec<_> = (0..1_000).map(|number| number.to_string()).collect();
    assert!(traces.iter().all(|trace| trace.taken() == all));
    assert_eq!((bus.pending(), bus.dropped()), (0, 0));
}

#[test]
fn one_handler_is_never_entered_twice_at_a_time() {
    let failed = Trace::default();
    let heard = failed.clone();
    let call = OnError::Call(Arc::new(move |failure: &Failure| {
        heard.note(failure.to_string());
    }));
    let bus = EventBus::builder().on_error(call).build();
    let inside = AtomicBool::new(false);
    bus.subscribe(move |_: &OrderPlaced| {
        assert!(!inside.swap(true, Ordering::SeqCst));
        thread::yield_now();
        inside.store(false, Ordering::SeqCst);
    });
    // Others, for threads to be there.
    for _ in 0..10 {
        bus.subscribe(|_: &OrderPlaced| thread::yield_now());
    }
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|number| bus.post(order(number)).unwrap()));
        }
    });
    bus.drain(LONG).unwrap();
    assert!(failed.taken().is_empty());
}

#[test]
fn slow_handlers_hold_up_no_others() {
    const SLOW: u32 = 5;
    let (bus, quick) = (EventBus::new(), Trace::default());
    let meeting = Arc::new(Barrier::new(SLOW as usize + 1));
    for _ in 0..SLOW {
        let meeting = Arc::clone(&meeting);
        bus.subscribe(move |_: &OrderPlaced| {
            meeting.wait();
        });
    }
    let noted = quick.clone();
    let (done, is_done) = channel();
    let done = Mutex::new(done);
    bus.subscribe(move |_: &OrderPlaced| {
        noted.note("quick");
        done.lock().unwrap().send(()).unwrap();
    });
    bus.post(order(1)).unwrap();
    is_done.recv().unwrap();
    while bus.pending() > SLOW as usize {
        thread::yield_now();
    }
    // All of them are inside at the same time.
    meeting.wait();
    bus.drain(LONG).unwrap();
}

#[test]
fn a_full_queue_makes_a_foreign_thread_wait() {
    let bus = EventBus::builder().max_pending(2).build();
    let (begun, opens) = gate(&bus);
    bus.post(order(0)).unwrap();
    begun.recv().unwrap();
    bus.post(order(1)).unwrap();
    let (said, has_said) = channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 2..20 {
                bus.post(order(number)).unwrap();
                said.send(number).unwrap();
            }
        });
        assert!(has_said.try_recv().is_err());
        for number in 1..20 {
            opens.send(()).unwrap();
            assert_eq!(begun.recv().unwrap(), number);
            assert!(bus.pending() <= 2);
        }
        opens.send(()).unwrap();
    });
    bus.drain(LONG).unwrap();
    assert_eq!(has_said.iter().take(18).count(), 18);
}

#[test]
fn posters_get_on_though_a_slow_line_fills_most_of_the_room() {
    let bus = EventBus::builder().max_pending(100).build();
    let (begun, opens) = gate(&bus);
    for number in 0..99 {
        bus.post(order(number)).unwrap();
    }
    begun.recv().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    bus.subscribe(move |_: &u32| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..300_u32).for_each(|number| bus.post(number).unwrap()));
        }
    });
    for _ in 0..99 {
        opens.send(()).unwrap();
    }
    bus.drain(LONG).unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 900);
}

#[test]
fn a_full_queue_is_an_error_where_it_was_said_so_and_on_a_worker() {
    let bus = EventBus::builder()
        .max_pending(1)
        .overflow(Overflow::Raise)
        .build();
    let (begun, opens) = gate(&bus);
    bus.post(order(0)).unwrap();
    begun.recv().unwrap();
    let error = bus.post(order(1)).unwrap_err();
    assert!(error.is_queue_full() && !error.is_closed(), "{error}");
    assert!(error.to_string().contains("OrderPlaced"), "{error}");

    // The worker of another bus must not be blocked.
    let small = EventBus::builder().max_pending(1).build();
    let (begun_small, opens_small) = gate(&small);
    small.post(order(0)).unwrap();
    begun_small.recv().unwrap();
    let other = EventBus::new();
    let (told, is_told) = channel();
    let (told, target) = (Mutex::new(told), small.clone());
    other.subscribe(move |_: &u32| {
        let error = target.post(order(1)).unwrap_err();
        told.lock().unwrap().send(error.is_queue_full()).unwrap();
    });
    other.post(1_u32).unwrap();
    assert!(is_told.recv().unwrap());
    opens.send(()).unwrap();
    opens_small.send(()).unwrap();
    bus.drain(LONG).unwrap();
    small.drain(LONG).unwrap();
}

#[test]
fn what_is_dropped_is_counted() {
    for (overflow, expected) in [
        (Overflow::DropNew, ["0", "1", "2"]),
        (Overflow::DropOld, ["0", "3", "4"]),
    ] {
        let bus = EventBus::builder()
            .max_pending(3)
            .overflow(overflow)
            .build();
        let (begun, opens) = gate(&bus);
        for number in 0..5 {
            bus.post(order(number)).unwrap();
            if number == 0 {
                begun.recv().unwrap();
            }
        }
        assert_eq!((bus.pending(), bus.dropped()), (3, 2));
        opens.send(()).unwrap();
        for _ in 1..3 {
            opens.send(()).unwrap();
        }
        bus.drain(LONG).unwrap();
        let seen: Vec<_> = begun.try_iter().map(|number| number.to_string()).collect();
        assert_eq!(seen, expected[1..], "{overflow:?}");
    }
}

#[test]
fn an_event_with_more_handlers_than_room_is_let_in_alone() {
    let bus = EventBus::builder().max_pending(2).build();
    let count = Arc::new(AtomicUsize::new(0));
    for _ in 0..5 {
        let count = Arc::clone(&count);
        bus.subscribe(move |_: &OrderPlaced| {
            count.fetch_add(1, Ordering::SeqCst);
        });
    }
    for number in 0..20 {
        bus.post(order(number)).unwrap();
    }
    bus.drain(LONG).unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 100);
}

#[test]
fn failures_go_to_on_error_and_keep_nobody_from_the_rest() {
    let trace = Trace::default();
    let heard = trace.clone();
    let call = OnError::Call(Arc::new(move |failure: &Failure| {
        heard.note(failure.error().to_string());
        panic!("a panic in here stops nobody");
    }));
    let bus = EventBus::builder().on_error(call).build();
    bus.subscribe(|_: &OrderPlaced| Err("no stock"));
    bus.on::<OrderPlaced>()
        .on_error(OnError::Stop)
        .subscribe(|_: &OrderPlaced| Err("logged"));
    bus.subscribe(|order: &OrderPlaced| assert!(order.number > 1, "too small"));
    bus.post(order(1)).unwrap();
    bus.post(order(2)).unwrap();
    bus.drain(LONG).unwrap();
    let mut taken = trace.taken();
    taken.sort();
    assert_eq!(taken, ["no stock", "no stock", "panicked: too small"]);
}

#[test]
fn cancel_pause_once_and_when_are_asked_at_the_delivery() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let (begun, opens) = gate(&bus);
    let note = |what: &'static str| {
        let trace = trace.clone();
        move |order: &OrderPlaced| trace.note(format!("{what} {}", order.number))
    };
    // In the line of the gate nothing runs beside it; the others are cancelled before they run.
    let cancelled = bus.subscribe(note("cancelled"));
    let paused = bus.subscribe(note("paused"));
    cancelled.cancel();
    paused.pause();
    bus.on::<OrderPlaced>().once().subscribe(note("once"));
    bus.on::<OrderPlaced>()
        .when(|order| order.number == 2)
        .subscribe(note("when"));
    bus.post(order(1)).unwrap();
    bus.post(order(2)).unwrap();
    for _ in 0..2 {
        begun.recv().unwrap();
        opens.send(()).unwrap();
    }
    bus.drain(LONG).unwrap();
    let mut taken = trace.taken();
    taken.sort();
    assert_eq!(taken, ["once 1", "when 2"]);
}

#[test]
fn a_handler_cancelled_while_its_delivery_waits_is_not_called() {
    let bus = EventBus::new();
    let (begun, opens) = gate(&bus);
    bus.post(order(1)).unwrap();
    bus.post(order(2)).unwrap();
    begun.recv().unwrap();
    bus.clear();
    opens.send(()).unwrap();
    bus.drain(LONG).unwrap();
    assert!(begun.try_recv().is_err());
}

#[test]
fn a_drain_whose_time_is_up_names_what_is_left() {
    let bus = EventBus::new();
    let (begun, opens) = gate(&bus);
    for number in 0..3 {
        bus.post(order(number)).unwrap();
    }
    begun.recv().unwrap();
    let error = bus.drain(Some(Duration::ZERO)).unwrap_err();
    assert!(error.is_timeout());
    assert!(
        error.to_string().contains("3 deliveries are still pending"),
        "{error}"
    );
    assert!(
        error.to_string().contains("gate: 1 in progress, 2 waiting"),
        "{error}"
    );
    (0..3).for_each(|_| opens.send(()).unwrap());
    bus.drain(LONG).unwrap();
}

#[test]
fn a_drain_inside_a_handler_is_refused_and_another_buss_is_not() {
    let (bus, other, trace) = (EventBus::new(), EventBus::new(), Trace::default());
    let (own, foreign, noted) = (bus.clone(), other.clone(), trace.clone());
    other.subscribe(|_: &u32| {});
    bus.on::<OrderPlaced>()
        .once()
        .subscribe(move |_: &OrderPlaced| {
            foreign.post(1_u32).unwrap();
            foreign.drain(LONG).unwrap();
            let drained = own.drain(LONG).unwrap_err();
            let closed = own.close(LONG).unwrap_err();
            assert!(drained.is_inside_handler() && closed.is_inside_handler());
            noted.note(drained.to_string());
        });
    bus.post(order(1)).unwrap();
    bus.drain(LONG).unwrap();
    let taken = trace.taken();
    assert!(
        taken[0].starts_with("drain was called inside a handler"),
        "{taken:?}"
    );
}

#[test]
fn a_closed_bus_refuses_posts_from_outside_and_takes_those_of_its_handlers_first() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let (begun, opens) = gate(&bus);
    let (inner, noted) = (bus.clone(), trace.clone());
    bus.subscribe(move |number: &u32| {
        noted.note(number.to_string());
        match number {
            0 => inner.post(1_u32),
            _ => Ok(()),
        }
    });
    let (inner, opened) = (bus.clone(), Arc::new(Barrier::new(2)));
    let met = Arc::clone(&opened);
    bus.subscribe(move |_: &u8| {
        met.wait();
        inner.post(0_u32).unwrap();
    });
    bus.post(order(0)).unwrap();
    bus.post(0_u8).unwrap();
    begun.recv().unwrap();
    thread::scope(|scope| {
        let closing = scope.spawn(|| bus.close(LONG));
        while !bus.post("nobody").is_err_and(|error| error.is_closed()) {
            thread::yield_now();
        }
        opened.wait();
        opens.send(()).unwrap();
        closing.join().unwrap().unwrap();
    });
    assert_eq!(trace.taken(), ["0", "1"]);
    bus.publish(&2_u32).unwrap();
    assert!(bus.post(2_u32).unwrap_err().is_closed());
    assert!(bus.close(LONG).is_ok());
    bus.clear();
}

#[test]
fn a_poster_that_waits_for_room_is_told_of_a_close() {
    let bus = EventBus::builder().max_pending(1).build();
    let (begun, opens) = gate(&bus);
    bus.post(order(0)).unwrap();
    begun.recv().unwrap();
    thread::scope(|scope| {
        let posting = scope.spawn(|| bus.post(order(1)));
        let closed = bus.close(Some(Duration::ZERO)).unwrap_err();
        assert!(closed.is_timeout());
        assert!(posting.join().unwrap().unwrap_err().is_closed());
    });
    opens.send(()).unwrap();
    bus.close(LONG).unwrap();
}

#[test]
fn what_was_posted_is_delivered_after_the_last_handle_is_gone() {
    let (bus, token) = (EventBus::new(), Arc::new(()));
    let (begun, opens) = gate(&bus);
    let (held, (done, is_done)) = (Arc::clone(&token), channel());
    let done = Mutex::new(done);
    bus.subscribe(move |number: &u32| {
        assert!(Arc::strong_count(&held) > 0);
        done.lock().unwrap().send(*number).unwrap();
    });
    bus.post(order(0)).unwrap();
    bus.post(7_u32).unwrap();
    begun.recv().unwrap();
    let watch = bus.subscribe(|_: &u8| {});
    drop(bus);
    opens.send(()).unwrap();
    assert_eq!(is_done.recv().unwrap(), 7);
    // The channel ends when the bus, and its handlers with it, are dropped.
    assert!(is_done.recv().is_err());
    assert!(watch.is_active());
}

#[test]
fn a_posted_delivery_begins_a_chain_of_its_own() {
    let bus = EventBus::builder().max_depth(3).build();
    let (inner, trace) = (bus.clone(), Trace::default());
    let noted = trace.clone();
    bus.subscribe(move |order: &OrderPlaced| {
        noted.note(order.number.to_string());
        match order.number {
            50 => Ok(()),
            number => inner.post(OrderPlaced { number: number + 1 }),
        }
    });
    bus.publish(&order(0)).unwrap();
    bus.drain(LONG).unwrap();
    assert_eq!(trace.taken().len(), 51);
    bus.clear();
}

#[test]
fn unhandled_is_minded_at_the_post() {
    let bus = EventBus::builder().unhandled(Unhandled::Raise).build();
    assert!(bus.post(order(1)).unwrap_err().is_unhandled());
    bus.set_unhandled::<OrderPlaced>(Unhandled::Ignore);
    bus.post(order(1)).unwrap();
    assert_eq!(bus.pending(), 0);
}

#[test]
fn an_event_that_panics_when_dropped_ends_no_thread() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(thread::panicking(), "dropped");
        }
    }
    let (bus, count) = (EventBus::new(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    bus.subscribe(move |_: &Arc<Bomb>| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let bombs: Vec<_> = (0..10).map(|_| Arc::new(Bomb)).collect();
    for bomb in bombs {
        bus.post(bomb).unwrap();
    }
    bus.drain(LONG).unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 10);
}

#[test]
fn quick_handlers_do_not_cause_a_thread_each() {
    let (bus, threads) = (EventBus::new(), Arc::new(Mutex::new(Vec::new())));
    for _ in 0..20 {
        let threads = Arc::clone(&threads);
        bus.subscribe(move |_: &OrderPlaced| {
            let mut threads = threads.lock().unwrap();
            let own = thread::current().id();
            if !threads.contains(&own) {
                threads.push(own);
            }
        });
    }
    for number in 0..500 {
        bus.post(order(number)).unwrap();
    }
    bus.drain(LONG).unwrap();
    let processors = thread::available_parallelism().map_or(1, Into::into);
    // One that stood by may have begun, as the machine is busy.
    assert!(threads.lock().unwrap().len() <= processors + 3);
}
