//! Posting: events whose handlers run later, on threads of the bus.

use std::any::Any;
use std::panic::Location;
use std::time::Duration;

use crate::bus::EventBus;
use crate::causal;
use crate::error::Error;
use crate::inner::Inner;
use crate::plan::Callee;
use crate::posting::{Left, Posted};
use crate::sync::Arc;

impl EventBus {
    /// Runs every handler of the event's type later, in the background, on threads of the bus.
    ///
    /// Events that are posted to one handler reach it in order, one at a time, beside other handlers.
    /// The handlers are those that are subscribed now; one that is cancelled or paused when its turn
    /// comes is not called. A posted delivery is not nested in anything. Its failure goes to
    /// [`OnError`](crate::OnError), where `Raise` and `Stop` mean that it is logged (crate `log`).
    ///
    /// Threads are started when there is something to do, at most 32, and end when there has been
    /// nothing for some seconds. A bus whose last handle is dropped delivers what was posted first. But
    /// nobody waits at the end of a process: what is pending then is lost, unless
    /// [`drain`](Self::drain) or [`close`](Self::close) was called.
    ///
    /// # Errors
    /// When nobody is subscribed and the bus minds; when the bus is [closed](Error::is_closed); and when
    /// the queue is [full](Error::is_queue_full) and the bus was told to
    /// [raise](crate::backlog::Overflow::Raise), or would have to block a thread that works off
    /// posted deliveries.
    ///
    /// # Panics
    /// When there is no thread yet, and the system gives none.
    ///
    /// # Examples
    /// ```
    /// use buswork::EventBus;
    ///
    /// struct OrderPlaced { order_id: String }
    ///
    /// let bus = EventBus::new();
    /// bus.subscribe(|order: &OrderPlaced| println!("a mail about {}", order.order_id));
    /// bus.post(OrderPlaced { order_id: "123".into() })?;
    /// bus.drain(None)?;
    /// # Ok::<(), buswork::Error>(())
    /// ```
    #[track_caller]
    pub fn post<E: Any + Send + Sync>(&self, event: E) -> Result<(), Error> {
        let plan = self.inner.plan::<E, Callee<E>>();
        Posted::post(self, plan, event, Location::caller())
    }

    /// Waits until no posted delivery is pending, at one moment at least.
    ///
    /// # Errors
    /// When the time [is up](Error::is_timeout): the error names the handlers with what is left. And
    /// [inside a handler](Error::is_inside_handler) of this bus, which would wait for itself.
    pub fn drain(&self, timeout: Option<Duration>) -> Result<(), Error> {
        self.drain_as("drain", timeout)
    }

    /// Takes no more posts, drains, and ends the threads. Handlers that run meanwhile may still
    /// post. Publishes are not concerned, neither now nor later; but traces in files end.
    ///
    /// # Errors
    /// As [`drain`](Self::drain). When the time is up, what is left is worked off in the background, and
    /// the bus stays closed.
    ///
    /// # Examples
    /// ```
    /// use buswork::EventBus;
    ///
    /// struct Tick;
    ///
    /// let bus = EventBus::new();
    /// bus.subscribe(|_: &Tick| {});
    /// bus.post(Tick)?;
    /// bus.close(None)?;
    /// assert!(bus.post(Tick).unwrap_err().is_closed());
    /// bus.publish(&Tick)?;
    /// # Ok::<(), buswork::Error>(())
    /// ```
    pub fn close(&self, timeout: Option<Duration>) -> Result<(), Error> {
        if causal::is_inside(self.inner.number) {
            return Err(Error::inside_handler("close"));
        }
        let workers = self.inner.workers();
        workers.queue.lock().close();
        self.drain_as("close", timeout)?;
        workers.wait_for_end();
        self.inner.end_traces();
        Ok(())
    }

    /// How many posted deliveries are waiting or in progress.
    pub fn pending(&self) -> usize {
        let workers = self.inner.workers.get();
        workers.map_or(0, |workers| workers.queue.lock().backlog.pending())
    }

    /// How many deliveries were dropped for want of room, ever.
    pub fn dropped(&self) -> u64 {
        let workers = self.inner.workers.get();
        workers.map_or(0, |workers| workers.queue.lock().backlog.dropped())
    }

    fn drain_as(&self, verb: &'static str, timeout: Option<Duration>) -> Result<(), Error> {
        if causal::is_inside(self.inner.number) {
            return Err(Error::inside_handler(verb));
        }
        let Some(workers) = self.inner.workers.get() else {
            return Ok(());
        };
        let drained = workers.queue.drain(timeout);
        drained.map_err(|lines| self.inner.timeout(verb, timeout, lines))
    }
}

impl Inner {
    /// The error of a drain whose time was up, with what is left in these lines of the backlog.
    pub(crate) fn timeout(
        &self,
        verb: &'static str,
        timeout: Option<Duration>,
        lines: Vec<(u64, usize, bool)>,
    ) -> Error {
        let entries = self.table.entries();
        let name = |line| {
            let entry = entries.iter().find(|entry| entry.sequence() == line);
            match entry {
                Some(entry) => Arc::clone(&entry.handler().name),
                None if line == crate::posting::LAYERS => "the middleware".into(),
                None => "a handler that was cancelled".into(),
            }
        };
        let left = lines.into_iter().map(|(line, waiting, is_running)| Left {
            name: name(line),
            waiting,
            is_running,
        });
        Error::timeout(verb, timeout.unwrap_or_default(), left.collect())
    }
}
