//! What a bus is made of. Its handles, its subscriptions and its posted deliveries share it.

use std::any::{Any, TypeId, type_name};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::builder::{BusBuilder, StatsKept};
use crate::causal::Publishing;
use crate::dead_letters::DeadLetter;
use crate::entry::{Entry, Options};
use crate::error::Error;
use crate::failure::{Cause, Failure, Panicked};
use crate::isolation::Effect;
use crate::on_error::OnError;
use crate::plan::{Plan, Subscriber, Table, Topic};
use crate::policy::{DeadLettersInMemory, Policy};
use crate::posting::Workers;
use crate::settings::Settings;
use crate::subscription::Subscription;
use crate::sync::Arc;
use crate::table::NameTaken;
use crate::unhandled::Unhandled;

pub(crate) struct Inner {
    pub(crate) table: Table,
    /// Tells it from the other buses of the process.
    pub(crate) number: usize,
    pub(crate) max_depth: u32,
    pub(crate) on_error: OnError,
    pub(crate) unhandled: Unhandled,
    pub(crate) limits: Limits,
    pub(crate) policy: Option<Policy>,
    pub(crate) stats: StatsKept,
    pub(crate) dead_letters: Mutex<DeadLettersInMemory<DeadLetter>>,
    settings: Mutex<Settings>,
    /// Posted deliveries and the threads that work them off, from the first post on.
    pub(crate) workers: OnceLock<Arc<Workers>>,
    /// The same of an async bus.
    #[cfg(feature = "tokio")]
    pub(crate) background: crate::async_bus::Background,
}

/// How many posted deliveries there is room for, and what happens to others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_pending: usize,
    pub(crate) overflow: crate::backlog::Overflow,
}

impl Inner {
    pub(crate) fn new<B>(builder: BusBuilder<B>) -> Arc<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Arc::new(Self {
            table: Table::new(),
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            max_depth: builder.max_depth,
            on_error: builder.on_error,
            unhandled: builder.unhandled,
            limits: builder.limits,
            policy: builder.policy,
            stats: builder.stats,
            dead_letters: Mutex::new(DeadLettersInMemory::new(builder.max_dead_letters)),
            settings: Mutex::default(),
            workers: OnceLock::new(),
            #[cfg(feature = "tokio")]
            background: crate::async_bus::Background::default(),
        })
    }

    /// Adds a subscription to events of type `E`, or to topics with them if it has a pattern.
    pub(crate) fn add<E: Any>(
        self: &Arc<Self>,
        subscriber: Subscriber,
        options: Options,
    ) -> Subscription {
        let key = match subscriber.pattern {
            None => TypeId::of::<E>(),
            Some(_) => TypeId::of::<Topic<E>>(),
        };
        let added = self
            .table
            .subscribe(Box::new([key]), options, false, subscriber);
        match added {
            Ok((entry, removed)) => {
                drop(removed);
                self.subscription(&entry)
            }
            Err((NameTaken, subscriber)) => panic!(
                "a subscription named {:?} is on this bus already: cancel it first, or choose another name (at {})",
                subscriber.name, subscriber.location
            ),
        }
    }

    pub(crate) fn subscription(
        self: &Arc<Self>,
        entry: &Arc<Entry<TypeId, Subscriber>>,
    ) -> Subscription {
        Subscription {
            entry: Arc::clone(entry),
            bus: Arc::downgrade(self),
        }
    }

    pub(crate) fn subscriptions(self: &Arc<Self>, plan: &Plan) -> Vec<Subscription> {
        let entries = plan.entries().iter();
        entries.map(|entry| self.subscription(entry)).collect()
    }

    pub(crate) fn clear(&self) {
        let removed = self.table.clear();
        for entry in removed.entries() {
            entry.cancel();
            self.rouse(entry);
        }
    }

    /// Ends the rests of a subscription that has ended, so that nobody waits for them.
    pub(crate) fn rouse(&self, entry: &Entry<TypeId, Subscriber>) {
        let policed = entry.handler().policed.as_ref();
        #[cfg(feature = "tokio")]
        if let Some(policed) = policed {
            policed.ended.notify_waiters();
        }
        if policed.is_some()
            && let Some(workers) = self.workers.get()
        {
            workers.rouse(entry.sequence());
        }
    }

    pub(crate) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a setting, and forgets the plans that were compiled under the old one. What `change`
    /// returns, the old value, is dropped where nothing is locked.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Settings) -> T) {
        let old = change(&mut self.settings());
        drop(self.table.evict_all());
        drop(old);
    }

    /// Forgets the plans of a type, and of its topics.
    pub(crate) fn evict<E: Any>(&self) {
        drop(self.table.evict(&TypeId::of::<E>()));
        drop(self.table.evict(&TypeId::of::<Topic<E>>()));
    }

    #[inline]
    pub(crate) fn enter<E>(&self) -> Result<Publishing, Error> {
        Publishing::enter(self.number, type_name::<E>(), self.max_depth)
    }

    /// Does with a failure what its subscription, or else the bus, says. Returns what the publisher
    /// is to be told.
    pub(crate) fn judge(
        &self,
        subscriber: &Subscriber,
        failure: Failure,
    ) -> Option<(Failure, Effect)> {
        match subscriber.on_error.as_ref().unwrap_or(&self.on_error) {
            OnError::Raise => return Some((failure, Effect::Collect)),
            OnError::Stop => return Some((failure, Effect::Stop)),
            OnError::Log => log::error!("{failure}"),
            OnError::Call(function) => tell(function, &failure),
        }
        None
    }

    /// The same for a posted delivery, whose publisher has gone on.
    pub(crate) fn judge_posted(&self, subscriber: &Subscriber, failure: &Failure) {
        match subscriber.on_error.as_ref().unwrap_or(&self.on_error) {
            OnError::Raise | OnError::Stop | OnError::Log => log::error!("{failure}"),
            OnError::Call(function) => tell(function, failure),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end_traces();
        if let Some(workers) = self.workers.get() {
            workers.end();
        }
    }
}

fn tell(function: &Arc<dyn Fn(&Failure) + Send + Sync>, failure: &Failure) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| function(failure))) {
        log::error!(
            "on_error {}; it was given {failure}",
            Panicked::new(&*payload)
        );
    }
}

#[cold]
pub(crate) fn failure(
    subscriber: &Subscriber,
    site: &'static Location<'static>,
    cause: Cause,
) -> Failure {
    Failure::new(
        subscriber.event,
        Arc::clone(&subscriber.name),
        subscriber.location,
        site,
        cause,
    )
}
