//! What has become of each handler's deliveries, in numbers.

use std::time::Duration;

use crate::async_bus::AsyncEventBus;
use crate::bus::EventBus;
use crate::inner::Inner;
use crate::policed::{now, time};
use crate::policy::Stats;
use crate::subscription::Subscription;
use crate::sync::Arc;

/// The figures of one handler, from [`EventBus::stats`].
#[derive(Debug, Clone)]
pub struct HandlerStats {
    subscription: Subscription,
    stats: Stats,
    waiting: usize,
}

impl HandlerStats {
    /// Whose figures they are.
    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// The figures at the moment when they were asked for.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// How many posted deliveries wait for their turn.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// The time that so many of all calls took no longer than: 0.99 for ninety-nine of a hundred. `None`
    /// unless the bus keeps [latencies](crate::BusBuilder::latency), and as long as there was no call.
    pub fn latency(&self, part: f64) -> Option<Duration> {
        let policed = self.subscription.entry.handler().policed.as_ref()?;
        policed.regulator.figures().latency()?.quantile(part)
    }
}

impl EventBus {
    /// The figures of the handlers that have a [policy](crate::policy), in order of subscription; of all
    /// handlers, if the bus [keeps them](crate::BusBuilder::stats).
    ///
    /// # Examples
    /// ```
    /// use buswork::EventBus;
    ///
    /// struct OrderPlaced;
    ///
    /// let bus = EventBus::builder().stats().build();
    /// bus.subscribe(|_: &OrderPlaced| {});
    /// bus.publish(&OrderPlaced)?;
    /// assert_eq!(bus.stats()[0].stats().delivered, 1);
    /// # Ok::<(), buswork::Error>(())
    /// ```
    pub fn stats(&self) -> Vec<HandlerStats> {
        let workers = self.inner.workers.get();
        self.inner.stats(now(), |line| {
            workers.map_or(0, |workers| workers.queue.lock().backlog.waiting(line))
        })
    }
}

impl AsyncEventBus {
    /// As [`EventBus::stats`].
    pub fn stats(&self) -> Vec<HandlerStats> {
        #[cfg(feature = "tokio")]
        let waiting = |line| {
            let tasks = self.inner.background.get();
            tasks.map_or(0, |tasks| tasks.queue.lock().backlog.waiting(line))
        };
        #[cfg(not(feature = "tokio"))]
        let waiting = |_| 0;
        self.inner.stats(time(), waiting)
    }
}

impl Inner {
    fn stats(self: &Arc<Self>, now: Duration, waiting: impl Fn(u64) -> usize) -> Vec<HandlerStats> {
        let mut entries = self.table.entries();
        entries.sort_by_key(|entry| entry.sequence());
        let policed = entries.iter().filter_map(|entry| {
            let policed = entry.handler().policed.as_ref()?;
            Some(HandlerStats {
                subscription: self.subscription(entry),
                stats: policed.regulator.stats(now),
                waiting: waiting(entry.sequence()),
            })
        });
        policed.collect()
    }
}
