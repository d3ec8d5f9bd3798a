//! Policies on the sync bus: what a handler may take, and what is done when it fails.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use buswork::policy::{Breaker, BreakerState, Limit, Policy, Refused, Retry, WhenFull};
use buswork::{DeadLettered, EventBus, OnError, SkipReason, Status};

use crate::Trace;

struct Placed(u32);

/// As long as a test waits for what ought to come.
const A_WHILE: Duration = Duration::from_secs(10);

/// A handler that fails so many times, and notes each call.
fn flaky(
    trace: &Trace,
    name: &'static str,
    failures: u32,
) -> impl Fn(&Placed) -> Result<(), String> + use<> {
    let (trace, left) = (trace.clone(), AtomicU32::new(failures));
    move |_| {
        trace.note(name);
        let is_over = left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_err();
        if is_over {
            Ok(())
        } else {
            Err(format!("{name} failed"))
        }
    }
}

fn retry(attempts: u32) -> Policy {
    Policy::new().retry(Retry::new(attempts))
}

#[test]
fn first_attempts_come_in_order_and_the_others_in_later_rounds() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    bus.on().policy(retry(3)).subscribe(flaky(&trace, "a", 2));
    bus.subscribe(flaky(&trace, "b", 0));
    bus.on().policy(retry(2)).subscribe(flaky(&trace, "c", 1));
    bus.publish(&Placed(1)).unwrap();
    assert_eq!(trace.taken(), ["a", "b", "c", "a", "c", "a"]);
}

#[test]
fn a_report_has_the_last_attempt_of_each() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    bus.on().policy(retry(3)).subscribe(flaky(&trace, "a", 1));
    bus.on().policy(retry(2)).subscribe(flaky(&trace, "b", 9));
    let report = bus.deliver(&Placed(1)).unwrap();
    let told = report
        .deliveries()
        .iter()
        .map(|each| (each.status(), each.attempts()));
    let told: Vec<_> = told.collect();
    assert_eq!(told, [(Status::Ok, 2), (Status::Failed, 2)]);
    assert_eq!(report.failures().count(), 1);
}

#[test]
fn what_is_not_worth_it_is_not_tried_again() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    bus.on()
        .policy(retry(5))
        .retry_if(|error| !error.to_string().starts_with('a'))
        .subscribe(flaky(&trace, "a", 9));
    assert_eq!(bus.publish(&Placed(1)).unwrap_err().failures().len(), 1);
    assert_eq!(trace.taken(), ["a"]);
}

#[test]
fn a_panic_is_tried_again_too() {
    let (bus, calls) = (EventBus::new(), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&calls);
    bus.on().policy(retry(2)).subscribe(move |_: &Placed| {
        assert!(
            counted.fetch_add(1, Ordering::Relaxed) > 0,
            "the first time"
        );
    });
    bus.publish(&Placed(1)).unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[test]
fn the_first_failure_under_stop_ends_the_rounds_and_loses_none() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    bus.on().policy(retry(3)).subscribe(flaky(&trace, "a", 9));
    bus.on()
        .on_error(OnError::Stop)
        .subscribe(flaky(&trace, "b", 9));
    bus.subscribe(flaky(&trace, "c", 9));
    let error = bus.publish(&Placed(1)).unwrap_err();
    assert_eq!(trace.taken(), ["a", "b"]);
    assert_eq!(error.failures().len(), 2);
    assert_eq!(bus.stats()[0].stats().failed, 1);
}

#[test]
fn one_that_is_cancelled_meanwhile_is_not_tried_again() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let failing = bus.on().policy(retry(3)).subscribe(flaky(&trace, "a", 9));
    bus.subscribe(move |_: &Placed| {
        failing.cancel();
    });
    assert!(bus.publish(&Placed(1)).unwrap_err().is_handlers());
    assert_eq!(trace.taken(), ["a"]);
}

#[test]
fn an_open_breaker_fails_direct_deliveries_at_once() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let breaker = Breaker::new(2).pause(Duration::from_hours(1));
    let policy = Policy::new().breaker(breaker);
    bus.on().policy(policy).subscribe(flaky(&trace, "a", 9));
    for _ in 0..2 {
        bus.publish(&Placed(1)).unwrap_err();
    }
    let error = bus.publish(&Placed(1)).unwrap_err();
    let refused = error.failures()[0].error().downcast_ref::<Refused>();
    assert!(refused.is_some_and(Refused::is_breaker_open));
    assert_eq!(trace.taken(), ["a", "a"]);
    assert_eq!(bus.stats()[0].stats().breaker, Some(BreakerState::Open));
}

#[test]
fn a_direct_delivery_over_the_limit_fails_or_is_dropped_as_the_limit_says() {
    for (when_full, status) in [
        (WhenFull::Raise, Status::Failed),
        (WhenFull::DropNew, Status::Skipped(SkipReason::Limit)),
        (WhenFull::DropOld, Status::Skipped(SkipReason::Limit)),
    ] {
        let bus = EventBus::new();
        let (inner, told) = (bus.clone(), Arc::new(Mutex::new(None)));
        let tell = Arc::clone(&told);
        let limit = Limit::new(1).when_full(when_full);
        bus.on()
            .policy(Policy::new().limit(limit))
            .subscribe(move |placed: &Placed| {
                if placed.0 == 0 {
                    let report = inner.deliver(&Placed(1)).unwrap();
                    *tell.lock().unwrap() = Some(report.deliveries()[0].status());
                }
            });
        bus.publish(&Placed(0)).unwrap();
        assert_eq!(*told.lock().unwrap(), Some(status));
        bus.clear();
    }
}

#[test]
fn posted_deliveries_rest_between_attempts_and_hold_up_their_own_line_only() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let slow = Retry::new(2).backoff(Duration::from_millis(20));
    bus.on()
        .only_posted()
        .policy(Policy::new().retry(slow))
        .subscribe(flaky(&trace, "a", 1));
    let (sender, receiver) = channel();
    bus.subscribe(move |placed: &Placed| {
        sender.send(placed.0).unwrap();
    });
    for number in 0..3 {
        bus.post(Placed(number)).unwrap();
    }
    let others: Vec<_> = (0..3).map(|_| receiver.recv().unwrap()).collect();
    assert_eq!(others, [0, 1, 2]);
    bus.drain(None).unwrap();
    assert_eq!(trace.taken(), ["a"; 4]);
    assert_eq!(bus.dead_letters().count(), 0);
}

#[test]
fn a_delivery_that_rests_does_not_wait_for_another_handler_that_is_slow() {
    struct Slow;
    let bus = EventBus::new();
    let (attempt, attempted) = channel();
    let retry = Retry::new(2).backoff(Duration::from_millis(50));
    bus.on()
        .only_posted()
        .policy(Policy::new().retry(retry))
        .subscribe(move |_: &Placed| {
            attempt.send(()).unwrap();
            Err("always")
        });
    bus.post(Placed(1)).unwrap();
    attempted.recv().unwrap();
    while bus.stats()[0].stats().retried == 0 {
        std::thread::yield_now();
    }
    // Its thread rests by now, or will in a moment, and is the only one.
    for _ in 0..100 {
        std::thread::yield_now();
    }
    let (tell, told) = channel();
    let attempted = Mutex::new(attempted);
    bus.subscribe(move |_: &Slow| {
        let second = attempted.lock().unwrap().recv_timeout(A_WHILE);
        tell.send(second.is_ok()).unwrap();
    });
    bus.post(Slow).unwrap();
    assert!(told.recv().unwrap(), "it waited for the slow one");
    bus.close(None).unwrap();
}

#[test]
fn posted_deliveries_wait_for_the_breaker_and_become_no_dead_letters_by_it() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let breaker = Breaker::new(1).pause(Duration::from_millis(20));
    let policy = Policy::new().breaker(breaker);
    bus.on().policy(policy).subscribe(flaky(&trace, "a", 2));
    for number in 0..4 {
        bus.post(Placed(number)).unwrap();
    }
    bus.drain(None).unwrap();
    let stats = bus.stats();
    assert_eq!(
        (stats[0].stats().failed, stats[0].stats().delivered),
        (2, 2)
    );
    assert_eq!(bus.dead_letters().count(), 2);
    assert_eq!(trace.taken().len(), 4);
}

#[test]
fn nobody_waits_for_the_backoff_or_the_breaker_of_a_handler_that_is_gone() {
    let breaker = Policy::new().breaker(Breaker::new(1).pause(Duration::from_hours(1)));
    let backoff = Policy::new().retry(Retry::new(2).backoff(Duration::from_hours(1)));
    for policy in [breaker, backoff] {
        for clears in [false, true] {
            let (bus, trace) = (EventBus::new(), Trace::default());
            let subscription = bus
                .on()
                .only_posted()
                .policy(policy.clone())
                .subscribe(flaky(&trace, "a", 9));
            for number in 0..3 {
                bus.post(Placed(number)).unwrap();
            }
            let attempts = || *bus.stats()[0].stats();
            while attempts().failed + attempts().retried == 0 {
                std::thread::yield_now();
            }
            if clears {
                bus.clear();
            } else {
                subscription.cancel();
            }
            bus.drain(Some(A_WHILE)).unwrap();
            assert_eq!(bus.dead_letters().count(), 1);
            assert_eq!(trace.taken(), ["a"]);
        }
    }
}

#[test]
fn a_line_is_as_wide_as_its_limit() {
    let bus = EventBus::new();
    let (together, most) = (Arc::new(Barrier::new(3)), Arc::new(AtomicUsize::new(0)));
    let (waits, now) = (Arc::clone(&together), Arc::new(AtomicUsize::new(0)));
    let (seen, in_progress) = (Arc::clone(&most), Arc::clone(&now));
    bus.on()
        .policy(Policy::new().limit(Limit::new(3)))
        .subscribe(move |_: &Placed| {
            seen.fetch_max(
                in_progress.fetch_add(1, Ordering::SeqCst) + 1,
                Ordering::SeqCst,
            );
            waits.wait();
            in_progress.fetch_sub(1, Ordering::SeqCst);
        });
    for number in 0..9 {
        bus.post(Placed(number)).unwrap();
    }
    bus.drain(None).unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[test]
fn a_full_line_drops_or_fails_as_its_limit_says() {
    for when_full in [WhenFull::Raise, WhenFull::DropNew, WhenFull::DropOld] {
        let bus = EventBus::new();
        let trace = Trace::default();
        let (noted, gate) = (trace.clone(), Arc::new(Barrier::new(2)));
        let (waits, begun) = (Arc::clone(&gate), Arc::new(Barrier::new(2)));
        let begins = Arc::clone(&begun);
        let limit = Limit::new(1).queue(1).when_full(when_full);
        bus.on()
            .policy(Policy::new().limit(limit))
            .on_error(OnError::Log)
            .subscribe(move |placed: &Placed| {
                noted.note(placed.0.to_string());
                if placed.0 == 0 {
                    begins.wait();
                    waits.wait();
                }
            });
        bus.post(Placed(0)).unwrap();
        begun.wait();
        for number in 1..4 {
            bus.post(Placed(number)).unwrap();
        }
        gate.wait();
        bus.drain(None).unwrap();
        let (last, dropped) = match when_full {
            WhenFull::Raise => ("1", 0),
            WhenFull::DropNew => ("1", 2),
            _ => ("3", 2),
        };
        assert_eq!(trace.taken(), ["0", last], "{when_full:?}");
        let stats = bus.stats();
        assert_eq!(stats[0].stats().dropped, dropped);
        assert_eq!(stats[0].stats().failed, 2 - dropped);
        assert_eq!(bus.dead_letters().count() as u64, 2 - dropped);
    }
}

#[test]
fn a_dead_letter_has_its_attempts_and_is_tried_again_by_its_handler_alone() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let told = Trace::default();
    let tell = told.clone();
    bus.subscribe(move |dead: &DeadLettered| {
        tell.note(dead.letter().handler());
        Err("it fails as well, and is logged")
    });
    bus.on()
        .named("a")
        .policy(retry(2))
        .subscribe(flaky(&trace, "a", 3));
    bus.subscribe(flaky(&trace, "b", 0));
    bus.post(Placed(7)).unwrap();
    bus.drain(None).unwrap();
    let letters = bus.dead_letters().list();
    let errors = letters[0]
        .attempts()
        .iter()
        .map(buswork::FailedAttempt::error);
    assert_eq!(errors.collect::<Vec<_>>(), ["a failed", "a failed"]);
    assert_eq!(told.taken(), ["a"]);
    trace.taken();
    bus.dead_letters().retry(letters[0].id()).unwrap();
    bus.drain(None).unwrap();
    assert_eq!(trace.taken(), ["a", "a"]);
    assert_eq!(bus.dead_letters().count(), 0);
    let gone = bus.dead_letters().retry(letters[0].id()).unwrap_err();
    assert!(gone.is_no_dead_letter());
}

#[test]
fn a_dead_letter_keeps_neither_its_bus_nor_its_handler_alive() {
    let bus = EventBus::new();
    let held = Arc::new(());
    let own = Arc::clone(&held);
    bus.on().policy(retry(1)).subscribe(move |_: &Placed| {
        let _ = &own;
        Err("always")
    });
    bus.post(Placed(1)).unwrap();
    bus.close(None).unwrap();
    assert_eq!(bus.dead_letters().count(), 1);
    drop(bus);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_dead_letter_of_a_subscription_that_has_ended_stays() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let subscription = bus.on().policy(retry(1)).subscribe(flaky(&trace, "a", 9));
    bus.post(Placed(1)).unwrap();
    bus.drain(None).unwrap();
    subscription.cancel();
    let id = bus.dead_letters().list()[0].id();
    assert!(
        bus.dead_letters()
            .retry(id)
            .unwrap_err()
            .is_subscription_ended()
    );
    assert!(bus.dead_letters().discard(id) && !bus.dead_letters().discard(id));
}

#[test]
fn a_policy_may_want_no_dead_letters() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    let policy = retry(1).dead_letter(false);
    bus.on().policy(policy).subscribe(flaky(&trace, "a", 9));
    bus.post(Placed(1)).unwrap();
    bus.drain(None).unwrap();
    assert_eq!(bus.dead_letters().count(), 0);
}

#[test]
fn the_policy_of_the_bus_is_that_of_handlers_without_one() {
    let trace = Trace::default();
    let bus = EventBus::builder().policy(retry(2)).build();
    bus.subscribe(flaky(&trace, "a", 1));
    bus.on()
        .policy(Policy::new())
        .subscribe(flaky(&trace, "b", 1));
    assert_eq!(bus.publish(&Placed(1)).unwrap_err().failures().len(), 1);
    assert_eq!(trace.taken(), ["a", "b", "a"]);
}

#[test]
fn a_publish_passes_by_what_takes_only_posted_events() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    bus.on().only_posted().subscribe(flaky(&trace, "a", 0));
    let report = bus.deliver(&Placed(1)).unwrap();
    let status = report.deliveries()[0].status();
    assert_eq!(status, Status::Skipped(SkipReason::Posted));
    bus.publish(&Placed(1)).unwrap();
    assert!(trace.taken().is_empty());
    bus.post(Placed(1)).unwrap();
    bus.drain(None).unwrap();
    assert_eq!(trace.taken(), ["a"]);
}

#[test]
#[should_panic(expected = "nothing can stop the thread")]
fn a_timeout_is_refused() {
    let policy = Policy::new().timeout(Duration::from_secs(1));
    EventBus::new()
        .on()
        .policy(policy)
        .subscribe(|_: &Placed| {});
}

#[test]
#[should_panic(expected = "make it `.only_posted()`")]
fn a_backoff_is_refused_where_a_publish_would_have_to_wait() {
    let retry = Retry::new(2).backoff(Duration::from_secs(1));
    let policy = Policy::new().retry(retry);
    EventBus::new()
        .on()
        .policy(policy)
        .subscribe(|_: &Placed| {});
}

#[test]
#[should_panic(expected = "make it `.only_posted()`")]
fn dead_letters_of_direct_deliveries_are_refused() {
    let bus = EventBus::builder()
        .policy(Policy::new().dead_letter(true))
        .build();
    bus.subscribe(|_: &Placed| {});
}

#[test]
fn dead_letters_that_are_asked_for_are_kept_of_posted_deliveries() {
    let (bus, trace) = (EventBus::new(), Trace::default());
    bus.on()
        .only_posted()
        .policy(Policy::new().dead_letter(true))
        .subscribe(flaky(&trace, "a", 1));
    bus.post(Placed(1)).unwrap();
    bus.drain(None).unwrap();
    assert_eq!(bus.dead_letters().count(), 1);
}

#[test]
fn figures_tell_of_every_delivery() {
    let trace = Trace::default();
    let bus = EventBus::builder().latency().build();
    bus.on()
        .when(|placed: &Placed| placed.0 > 0)
        .subscribe(flaky(&trace, "a", 1));
    for number in 0..4 {
        let _ = bus.publish(&Placed(number));
    }
    let stats = bus.stats();
    let told = stats[0].stats();
    assert_eq!((told.delivered, told.failed, told.skipped), (2, 1, 1));
    assert!(stats[0].latency(0.5) <= stats[0].latency(1.0));
    assert!(stats[0].latency(1.0).is_some());
}
