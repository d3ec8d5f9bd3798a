//! Where the crate's atomics and locks come from: `std`, or loom under `--cfg loom`.
//!
//! [`Swap`] is the one shared cell that a publish reads. It is `arc-swap`, whose orderings others
//! have proved; we write no lock-free code of our own. Under loom a `Mutex<Arc<T>>` takes its
//! place, so that the models check our logic on top of it and not arc-swap's inside.

#[cfg(not(loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic::AtomicU8};

#[cfg(loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic::AtomicU8};

pub(crate) use std::sync::Arc;

/// A cell that holds an `Arc<T>` which readers take a snapshot of without waiting.
pub(crate) struct Swap<T> {
    #[cfg(not(loom))]
    cell: arc_swap::ArcSwap<T>,
    #[cfg(loom)]
    cell: Mutex<Arc<T>>,
}

#[cfg(not(loom))]
impl<T> Swap<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self {
            cell: arc_swap::ArcSwap::new(value),
        }
    }

    #[inline]
    pub(crate) fn load(&self) -> impl std::ops::Deref<Target = Arc<T>> {
        self.cell.load()
    }

    /// Puts `value` in place and hands the old one back, to be dropped where the caller likes.
    pub(crate) fn swap(&self, value: Arc<T>) -> Arc<T> {
        self.cell.swap(value)
    }
}

#[cfg(loom)]
impl<T> Swap<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self {
            cell: Mutex::new(value),
        }
    }

    pub(crate) fn load(&self) -> impl std::ops::Deref<Target = Arc<T>> {
        struct Snapshot<T>(Arc<T>);
        impl<T> std::ops::Deref for Snapshot<T> {
            type Target = Arc<T>;
            fn deref(&self) -> &Arc<T> {
                &self.0
            }
        }
        Snapshot(lock(&self.cell).clone())
    }

    pub(crate) fn swap(&self, value: Arc<T>) -> Arc<T> {
        std::mem::replace(&mut lock(&self.cell), value)
    }
}

/// Locks, also after a panic in another holder: no section of ours leaves data half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
