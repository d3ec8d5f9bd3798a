//! Models of our own claim, cancel, pause and plan logic under every interleaving.
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p buswork --test loom`.
#![cfg(loom)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use buswork::entry::{Entry, Options};
use buswork::table::{Plan, Table};
use loom::thread;

type Numbers = Table<u64, u32, ()>;

fn subscribe(table: &Numbers, options: Options, handler: u32) -> Arc<Entry<u64, u32>> {
    let (entry, removed) = table
        .subscribe(Box::new([1]), options, false, handler)
        .ok()
        .expect("the name is free");
    drop(removed);
    entry
}

/// The plan of key 1, as a publish gets it.
fn plan(table: &Numbers) -> Arc<Plan<u64, u32, ()>> {
    table
        .with_plan(&1, |plan| plan.cloned())
        .unwrap_or_else(|| {
            let Ok(arranged) = table
                .gather(&1, &[1], |_| true)
                .arrange(|_| Ok::<_, std::convert::Infallible>(false));
            table.install(1, &[1], arranged, ())
        })
}

fn handlers(table: &Numbers) -> Vec<u32> {
    plan(table)
        .entries()
        .iter()
        .map(|entry| *entry.handler())
        .collect()
}

#[test]
fn once_is_spent_exactly_once() {
    loom::model(|| {
        let table = Numbers::new();
        let entry = subscribe(
            &table,
            Options {
                once: true,
                ..Options::default()
            },
            7,
        );
        let spent = Arc::new(AtomicUsize::new(0));
        let other = {
            let (entry, spent) = (Arc::clone(&entry), Arc::clone(&spent));
            thread::spawn(move || {
                spent.fetch_add(usize::from(entry.claim().is_ok()), Ordering::SeqCst)
            })
        };
        spent.fetch_add(usize::from(entry.claim().is_ok()), Ordering::SeqCst);
        other.join().unwrap();
        assert_eq!(spent.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn of_a_cancel_and_a_claim_of_once_exactly_one_ends_it() {
    loom::model(|| {
        let table = Numbers::new();
        let entry = subscribe(
            &table,
            Options {
                once: true,
                ..Options::default()
            },
            7,
        );
        let claimer = {
            let entry = Arc::clone(&entry);
            thread::spawn(move || entry.claim().is_ok())
        };
        let cancelled = entry.cancel();
        let claimed = claimer.join().unwrap();
        assert!(cancelled != claimed);
        assert!(entry.is_ended());
        assert!(entry.claim().is_err());
    });
}

#[test]
fn no_resume_brings_a_cancelled_one_back() {
    loom::model(|| {
        let table = Numbers::new();
        let entry = subscribe(&table, Options::default(), 7);
        let other = {
            let entry = Arc::clone(&entry);
            thread::spawn(move || {
                entry.pause();
                entry.resume();
            })
        };
        assert!(entry.cancel());
        assert!(!entry.is_active() && !entry.is_plain());
        other.join().unwrap();
        assert!(entry.is_ended());
        assert!(entry.claim().is_err());
    });
}

#[test]
fn a_plan_that_a_subscribe_overtook_is_not_kept() {
    loom::model(|| {
        let table = Arc::new(Numbers::new());
        drop(subscribe(&table, Options::default(), 1));
        let publisher = {
            let table = Arc::clone(&table);
            thread::spawn(move || handlers(&table))
        };
        drop(subscribe(&table, Options::default(), 2));
        let seen = publisher.join().unwrap();
        assert!(seen == [1] || seen == [1, 2]);
        assert_eq!(handlers(&table), [1, 2]);
    });
}

#[test]
fn a_plan_that_a_cancel_overtook_is_not_kept() {
    loom::model(|| {
        let table = Arc::new(Numbers::new());
        let entry = subscribe(&table, Options::default(), 1);
        let publisher = {
            let table = Arc::clone(&table);
            thread::spawn(move || {
                plan(&table)
                    .entries()
                    .iter()
                    .filter(|e| e.claim().is_ok())
                    .count()
            })
        };
        entry.cancel();
        drop(table.remove(&entry));
        assert!(publisher.join().unwrap() <= 1);
        assert!(handlers(&table).is_empty());
        assert!(table.is_empty());
    });
}

#[test]
fn two_publishers_compile_one_plan() {
    loom::model(|| {
        let table = Arc::new(Numbers::new());
        drop(subscribe(&table, Options::default(), 1));
        let other = {
            let table = Arc::clone(&table);
            thread::spawn(move || handlers(&table))
        };
        assert_eq!(handlers(&table), [1]);
        assert_eq!(other.join().unwrap(), [1]);
        let kept = plan(&table);
        assert!(Arc::ptr_eq(&kept, &plan(&table)));
        drop(table.evict(&1));
        assert!(!Arc::ptr_eq(&kept, &plan(&table)));
    });
}
