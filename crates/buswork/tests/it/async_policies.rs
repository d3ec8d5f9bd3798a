//! Policies on the async bus.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buswork::policy::{Breaker, Limit, Policy, Refused, Retry, TimedOut, WhenFull};
use buswork::trace::Outcome;
use buswork::{AsyncEventBus, OnError, SkipReason, Status};
use futures_util::future::{join_all, pending};
use tokio::sync::{Notify, Semaphore};

use crate::Trace;
use crate::executor::{block_on, poll_once, yield_now};

struct Placed(u32);

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// A handler that waits once, fails so many times, and notes each call.
async fn flaky(trace: &Trace, left: &AtomicU32, placed: &Placed) -> Result<(), String> {
    trace.note(placed.0.to_string());
    tokio::task::yield_now().await;
    let take = |left: u32| left.checked_sub(1);
    match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
        Ok(_) => Err("it failed".to_owned()),
        Err(_) => Ok(()),
    }
}

fn subscribe(bus: &AsyncEventBus, policy: Policy, failures: u32) -> Trace {
    let (trace, left) = (Trace::default(), Arc::new(AtomicU32::new(failures)));
    let noted = trace.clone();
    bus.on()
        .policy(policy)
        .subscribe(move |placed: Arc<Placed>| {
            let (trace, left) = (noted.clone(), Arc::clone(&left));
            async move { flaky(&trace, &left, &placed).await }
        });
    trace
}

#[test]
fn a_publish_waits_for_the_attempts_and_their_backoff() {
    run(async {
        let bus = AsyncEventBus::new();
        let retry = Retry::new(3).backoff(Duration::from_secs(10)).jitter(0.0);
        let trace = subscribe(&bus, Policy::new().retry(retry), 2);
        let began = tokio::time::Instant::now();
        bus.publish(Placed(1)).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 30);
        assert_eq!(trace.taken(), ["1"; 3]);
    });
}

#[test]
fn an_attempt_that_takes_too_long_is_dropped_and_fails() {
    run(async {
        let bus = AsyncEventBus::new();
        let policy = Policy::new()
            .timeout(Duration::from_secs(5))
            .retry(Retry::new(2));
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        bus.on().policy(policy).subscribe(move |_: Arc<Placed>| {
            counted.fetch_add(1, Ordering::Relaxed);
            pending::<()>()
        });
        let report = bus.deliver(Placed(1)).await.unwrap();
        let delivery = &report.deliveries()[0];
        let error = delivery.failure().unwrap().error();
        assert!(error.downcast_ref::<TimedOut>().is_some());
        assert_eq!((delivery.attempts(), calls.load(Ordering::Relaxed)), (2, 2));
        assert_eq!(bus.stats()[0].stats().timed_out, 2);
    });
}

#[test]
fn a_panic_is_an_error_like_any_other() {
    run(async {
        let bus = AsyncEventBus::new();
        let policy = Policy::new().retry(Retry::new(2));
        bus.on()
            .policy(policy)
            .subscribe(async |placed: Arc<Placed>| assert!(placed.0 == 0, "always"));
        let error = bus.publish(Placed(1)).await.unwrap_err();
        assert!(error.failures()[0].is_panic());
    });
}

#[test]
fn direct_deliveries_fail_at_once_when_the_breaker_is_open() {
    run(async {
        let bus = AsyncEventBus::new();
        let trace = subscribe(&bus, Policy::new().breaker(Breaker::new(1)), 9);
        bus.publish(Placed(1)).await.unwrap_err();
        let error = bus.publish(Placed(2)).await.unwrap_err();
        let refused = error.failures()[0].error().downcast_ref::<Refused>();
        assert!(refused.unwrap().is_breaker_open());
        assert_eq!(trace.taken(), ["1"]);
    });
}

#[test]
fn a_refusal_says_how_long_the_breaker_was_open_still_when_it_refused() {
    run(async {
        let bus = AsyncEventBus::new();
        let breaker = Breaker::new(1).pause(Duration::from_millis(30_500));
        subscribe(&bus, Policy::new().breaker(breaker), 9);
        bus.publish(Placed(1)).await.unwrap_err();
        tokio::time::advance(Duration::from_secs(10)).await;
        let error = bus.publish(Placed(2)).await.unwrap_err();
        tokio::time::advance(Duration::from_secs(10)).await;
        let text = error.failures()[0].error().to_string();
        let expected = "its breaker is open for another 2";
        assert!(text.starts_with(expected), "{text}");
    });
}

#[test]
fn a_limit_lets_so_many_in_and_the_others_wait_in_order() {
    run(async {
        let bus = AsyncEventBus::new();
        let (gate, order) = (Arc::new(Semaphore::new(0)), Trace::default());
        let (waits, noted) = (Arc::clone(&gate), order.clone());
        let policy = Policy::new().limit(Limit::new(2));
        bus.on()
            .policy(policy)
            .subscribe(move |placed: Arc<Placed>| {
                let (gate, order) = (Arc::clone(&waits), noted.clone());
                async move {
                    order.note(placed.0.to_string());
                    gate.acquire().await.unwrap().forget();
                }
            });
        let all = join_all((0..5).map(|number| bus.publish(Placed(number))));
        let open = async {
            for seen in [2, 3, 4, 5] {
                tokio::task::yield_now().await;
                assert_eq!(bus.stats()[0].stats().in_progress, 2.min(7 - seen));
                gate.add_permits(1);
                tokio::task::yield_now().await;
            }
            gate.add_permits(1);
        };
        let (ended, ()) = tokio::join!(all, open);
        assert!(ended.iter().all(Result::is_ok));
        assert_eq!(order.taken(), ["0", "1", "2", "3", "4"]);
    });
}

#[test]
fn one_more_than_may_wait_is_refused_or_dropped() {
    for (when_full, expected) in [
        (WhenFull::Raise, [None, None, Some(Status::Failed)]),
        (
            WhenFull::DropNew,
            [None, None, Some(Status::Skipped(SkipReason::Limit))],
        ),
        (
            WhenFull::DropOld,
            [None, Some(Status::Skipped(SkipReason::Limit)), None],
        ),
    ] {
        run(async {
            let bus = AsyncEventBus::new();
            let gate = Arc::new(Notify::new());
            let waits = Arc::clone(&gate);
            let limit = Limit::new(1).queue(1).when_full(when_full);
            bus.on()
                .policy(Policy::new().limit(limit))
                .subscribe(move |placed: Arc<Placed>| {
                    let gate = Arc::clone(&waits);
                    async move {
                        if placed.0 == 0 {
                            gate.notified().await;
                        }
                    }
                });
            let all = join_all((0..3).map(|number| bus.deliver(Placed(number))));
            let open = async {
                tokio::task::yield_now().await;
                gate.notify_one();
            };
            let (reports, ()) = tokio::join!(all, open);
            let statuses: Vec<_> = reports
                .iter()
                .map(|report| report.as_ref().unwrap().deliveries()[0].status())
                .collect();
            let expected = expected.map(|status| status.unwrap_or(Status::Ok));
            assert_eq!(statuses, expected, "{when_full:?}");
        });
    }
}

#[test]
fn direct_and_posted_deliveries_wait_apart() {
    for (when_full, expected) in [
        (WhenFull::Raise, Status::Failed),
        (WhenFull::DropNew, Status::Skipped(SkipReason::Limit)),
        (WhenFull::DropOld, Status::Ok),
    ] {
        run(async {
            let bus = AsyncEventBus::new();
            let (gate, trace) = (Arc::new(Notify::new()), Trace::default());
            let (waits, noted) = (Arc::clone(&gate), trace.clone());
            let limit = Limit::new(1).queue(1).when_full(when_full);
            bus.on()
                .policy(Policy::new().limit(limit))
                .subscribe(move |placed: Arc<Placed>| {
                    noted.note(placed.0.to_string());
                    let gate = Arc::clone(&waits);
                    async move {
                        if placed.0 == 0 {
                            gate.notified().await;
                        }
                    }
                });
            let mut first = Box::pin(bus.publish(Placed(0)));
            assert!(poll_once(first.as_mut()).is_pending());
            bus.post(Placed(1)).unwrap();
            tokio::task::yield_now().await;
            let second = tokio::spawn(bus.publish(Placed(2)));
            tokio::task::yield_now().await;
            let third = tokio::spawn(bus.deliver(Placed(3)));
            tokio::task::yield_now().await;
            gate.notify_one();
            first.await.unwrap();
            second.await.unwrap().unwrap();
            let status = third.await.unwrap().unwrap().deliveries()[0].status();
            assert_eq!(status, expected, "{when_full:?}");
            bus.drain(None).await.unwrap();
            let last = if when_full == WhenFull::DropOld {
                "3"
            } else {
                "2"
            };
            assert_eq!(trace.taken(), ["0", "1", last], "{when_full:?}");
        });
    }
}

#[test]
fn one_that_is_dropped_when_it_could_have_begun_leaves_that_to_the_next() {
    run(async {
        let bus = AsyncEventBus::new();
        let limit = Limit::new(1).queue(1).when_full(WhenFull::DropOld);
        bus.on()
            .policy(Policy::new().limit(limit))
            .subscribe(|placed: Arc<Placed>| async move {
                if placed.0 == 0 {
                    pending::<()>().await;
                }
            });
        let mut first = Box::pin(bus.publish(Placed(0)));
        let mut second = Box::pin(bus.deliver(Placed(1)));
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        drop(first);
        let third = tokio::spawn(bus.publish(Placed(2)));
        tokio::task::yield_now().await;
        let status = second.await.unwrap().deliveries()[0].status();
        assert_eq!(status, Status::Skipped(SkipReason::Limit));
        let ended = tokio::time::timeout(Duration::from_mins(1), third).await;
        ended.expect("nobody woke it").unwrap().unwrap();
    });
}

#[test]
fn a_publish_that_is_dropped_leaves_its_slot_and_its_place() {
    run(async {
        let bus = AsyncEventBus::new();
        let policy = Policy::new().limit(Limit::new(1));
        bus.on()
            .policy(policy)
            .subscribe(|placed: Arc<Placed>| async move {
                if placed.0 == 0 {
                    pending::<()>().await;
                }
            });
        let mut first = Box::pin(bus.publish(Placed(0)));
        let mut second = Box::pin(bus.publish(Placed(0)));
        let mut third = Box::pin(bus.publish(Placed(1)));
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        assert!(poll_once(third.as_mut()).is_pending());
        drop(second);
        drop(first);
        third.await.unwrap();
        assert_eq!(bus.stats()[0].stats().in_progress, 0);
    });
}

#[test]
fn a_delivery_that_is_nested_in_one_of_the_same_handler_is_refused() {
    run(async {
        let bus = AsyncEventBus::new();
        let inner = bus.clone();
        let policy = Policy::new().limit(Limit::new(1));
        bus.on()
            .policy(policy)
            .subscribe(move |placed: Arc<Placed>| {
                let bus = inner.clone();
                async move {
                    match placed.0 {
                        0 => bus.publish(Placed(1)).await,
                        _ => Ok(()),
                    }
                }
            });
        let error = bus.publish(Placed(0)).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("as many deliveries as its limit")
        );
        bus.clear();
    });
}

#[test]
fn posted_deliveries_wait_for_the_breaker_and_failed_ones_are_dead_letters() {
    run(async {
        let bus = AsyncEventBus::new();
        let breaker = Breaker::new(1).pause(Duration::from_secs(30));
        let trace = subscribe(&bus, Policy::new().breaker(breaker), 2);
        let began = tokio::time::Instant::now();
        for number in 0..4 {
            bus.post(Placed(number)).unwrap();
        }
        bus.drain(None).await.unwrap();
        assert_eq!(trace.taken(), ["0", "1", "2", "3"]);
        let stats = bus.stats();
        assert_eq!(
            (stats[0].stats().failed, stats[0].stats().delivered),
            (2, 2)
        );
        let letters = bus.dead_letters().list();
        assert_eq!(letters.len(), 2);
        assert_eq!(letters[0].attempts()[0].error(), "it failed");
        assert_eq!(began.elapsed().as_secs(), 60);
        bus.dead_letters().retry(letters[0].id()).unwrap();
        bus.drain(None).await.unwrap();
        assert_eq!(bus.dead_letters().count(), 1);
    });
}

#[test]
fn a_posted_line_is_as_wide_as_its_limit_and_bounded() {
    run(async {
        let bus = AsyncEventBus::new();
        let (gate, most) = (Arc::new(Semaphore::new(0)), Arc::new(Mutex::new((0, 0))));
        let (waits, seen) = (Arc::clone(&gate), Arc::clone(&most));
        let limit = Limit::new(3).queue(2).when_full(WhenFull::DropNew);
        bus.on()
            .policy(Policy::new().limit(limit))
            .subscribe(move |_: Arc<Placed>| {
                let (gate, most) = (Arc::clone(&waits), Arc::clone(&seen));
                async move {
                    {
                        let mut most = most.lock().unwrap();
                        most.0 += 1;
                        most.1 = most.1.max(most.0);
                    }
                    gate.acquire().await.unwrap().forget();
                    most.lock().unwrap().0 -= 1;
                }
            });
        for number in 0..9 {
            bus.post(Placed(number)).unwrap();
        }
        while bus.stats()[0].stats().in_progress < 3 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(9);
        bus.drain(None).await.unwrap();
        assert_eq!(most.lock().unwrap().1, 3);
        let stats = bus.stats();
        assert_eq!(
            (stats[0].stats().delivered, stats[0].stats().dropped),
            (5, 4)
        );
        assert_eq!(bus.dropped(), 4);
    });
}

#[test]
fn one_that_is_cancelled_while_its_delivery_waits_or_rests_is_not_called_any_more() {
    run(async {
        let bus = AsyncEventBus::new();
        let (gate, calls) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let (waits, counted) = (Arc::clone(&gate), Arc::clone(&calls));
        let retry = Retry::new(2).backoff(Duration::from_secs(1));
        let policy = Policy::new().limit(Limit::new(1)).retry(retry);
        let subscription = bus.on().policy(policy).subscribe(move |_: Arc<Placed>| {
            let (gate, calls) = (Arc::clone(&waits), Arc::clone(&counted));
            async move {
                calls.fetch_add(1, Ordering::Relaxed);
                gate.notified().await;
                Err::<(), _>("it fails")
            }
        });
        let cancel = async {
            tokio::task::yield_now().await;
            gate.notify_one();
            tokio::task::yield_now().await;
            subscription.cancel();
        };
        let both = join_all((0..2).map(|number| bus.deliver(Placed(number))));
        let (reports, ()) = tokio::join!(both, cancel);
        let statuses = reports.iter().map(|report| {
            let report = report.as_ref().unwrap();
            report.deliveries()[0].status()
        });
        let skipped = Status::Skipped(SkipReason::Cancelled);
        assert_eq!(statuses.collect::<Vec<_>>(), [Status::Failed, skipped]);
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn figures_tell_of_what_is_skipped_and_of_predicates_that_panic() {
    run(async {
        let bus = AsyncEventBus::builder().stats().build();
        bus.on()
            .when(|placed: &Placed| {
                assert!(placed.0 != 1, "the predicate panics");
                placed.0 > 0
            })
            .subscribe_sync(|_: &Placed| {});
        for number in 0..3 {
            let _ = bus.publish(Placed(number)).await;
            bus.post(Placed(number)).unwrap();
        }
        bus.drain(None).await.unwrap();
        let stats = bus.stats();
        let told = stats[0].stats();
        assert_eq!((told.delivered, told.failed, told.skipped), (2, 2, 2));
    });
}

#[test]
fn each_of_many_threads_deliveries_is_dropped_or_run_and_none_waits_for_ever() {
    const ROUNDS: u64 = 500;
    let bus = AsyncEventBus::new();
    let limit = Limit::new(1).queue(1).when_full(WhenFull::DropOld);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    bus.on()
        .policy(Policy::new().limit(limit))
        .subscribe(move |_: Arc<Placed>| {
            counted.fetch_add(1, Ordering::Relaxed);
            yield_now()
        });
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let three = join_all((0..3).map(|number| bus.publish(Placed(number))));
                    assert!(block_on(three).iter().all(Result::is_ok));
                }
            });
        }
    });
    let stats = bus.stats();
    let told = stats[0].stats();
    assert_eq!(told.delivered, calls.load(Ordering::Relaxed) as u64);
    assert_eq!(told.delivered + told.dropped, 4 * 3 * ROUNDS);
    assert_eq!(told.in_progress, 0);
}

#[test]
fn a_direct_delivery_is_a_dead_letter_and_no_failure_where_its_policy_says_so() {
    run(async {
        let told = Trace::default();
        let tell = told.clone();
        let bus = AsyncEventBus::builder()
            .on_error(OnError::Call(Arc::new(move |failure| {
                tell.note(failure.error().to_string());
            })))
            .build();
        let policy = Policy::new().retry(Retry::new(2)).dead_letter(true);
        let trace = subscribe(&bus, policy, 3);
        let report = bus.deliver(Placed(1)).await.unwrap();
        assert_eq!(report.deliveries()[0].status(), Status::Failed);
        bus.publish(Placed(2)).await.unwrap();
        assert_eq!(trace.taken(), ["1", "1", "2", "2"]);
        assert_eq!(told.taken(), ["it failed"]);
        let letters = bus.dead_letters().list();
        assert_eq!(letters[0].attempts().len(), 2);
        assert_eq!(bus.stats()[0].stats().dead_lettered, 1);
        bus.dead_letters().retry(letters[0].id()).unwrap();
        bus.drain(None).await.unwrap();
        assert_eq!(trace.taken(), ["1"]);
        assert_eq!(bus.dead_letters().count(), 0);
    });
}

#[test]
fn what_is_a_dead_letter_stops_no_publish() {
    run(async {
        let bus = AsyncEventBus::builder().on_error(OnError::Stop).build();
        subscribe(&bus, Policy::new().dead_letter(true), 1);
        let trace = subscribe(&bus, Policy::new(), 0);
        bus.publish(Placed(1)).await.unwrap();
        assert_eq!(trace.taken(), ["1"]);
        assert_eq!(bus.dead_letters().count(), 1);
    });
}

#[test]
fn a_trace_tells_what_became_of_a_delivery_under_a_policy() {
    run(async {
        let bus = AsyncEventBus::new();
        let limit = Limit::new(1).queue(0).when_full(WhenFull::DropNew);
        bus.on()
            .policy(Policy::new().limit(limit))
            .subscribe(async |placed: Arc<Placed>| {
                tokio::task::yield_now().await;
                assert!(placed.0 == 0, "it panics");
            });
        let tracing = bus.tracing();
        let _ = join_all((0..2).map(|number| bus.publish(Placed(number)))).await;
        bus.publish(Placed(2)).await.unwrap_err();
        let dispatches = tracing.dispatches();
        let outcomes = dispatches
            .iter()
            .map(|dispatch| dispatch.deliveries()[0].outcome().clone());
        let expected = [
            Outcome::Ok,
            Outcome::Skipped(SkipReason::Limit),
            Outcome::Failed("panic".into()),
        ];
        assert_eq!(outcomes.collect::<Vec<_>>(), expected);
    });
}

#[test]
fn nobody_waits_for_the_backoff_or_the_breaker_of_a_handler_that_is_gone() {
    let breaker = Policy::new().breaker(Breaker::new(1).pause(Duration::from_hours(1)));
    let backoff = Policy::new().retry(Retry::new(2).backoff(Duration::from_hours(1)));
    for policy in [breaker, backoff] {
        run(async {
            let bus = AsyncEventBus::new();
            let trace = subscribe(&bus, policy, 9);
            for number in 0..3 {
                bus.post(Placed(number)).unwrap();
            }
            let attempts = || *bus.stats()[0].stats();
            while attempts().failed + attempts().retried == 0 {
                tokio::task::yield_now().await;
            }
            tokio::task::yield_now().await;
            let began = tokio::time::Instant::now();
            bus.clear();
            bus.drain(None).await.unwrap();
            assert!(began.elapsed() < Duration::from_mins(1));
            assert_eq!(bus.dead_letters().count(), 1);
            assert_eq!(trace.taken(), ["0"]);
        });
    }
}

#[test]
fn a_runtime_that_is_shut_down_leaves_what_waits_for_its_turn_to_the_next() {
    let (bus, trace) = (AsyncEventBus::new(), Trace::default());
    let noted = trace.clone();
    bus.on()
        .policy(Policy::new().limit(Limit::new(1)))
        .subscribe(move |placed: Arc<Placed>| {
            noted.note(placed.0.to_string());
            async move {
                if placed.0 == 0 {
                    pending::<()>().await;
                }
            }
        });
    let mut first = Box::pin(bus.publish(Placed(0)));
    assert!(poll_once(first.as_mut()).is_pending());
    run(async {
        for number in 1..4 {
            bus.post(Placed(number)).unwrap();
        }
        tokio::task::yield_now().await;
    });
    assert_eq!((bus.pending(), trace.taken().len()), (3, 1));
    drop(first);
    run(async { bus.drain(None).await.unwrap() });
    assert_eq!(trace.taken(), ["1", "2", "3"]);
}
