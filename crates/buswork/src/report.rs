//! What came of one publish, delivery by delivery.

use std::panic::Location;
use std::time::Duration;

use crate::delivery::{SkipReason, Status};
use crate::error::Error;
use crate::failure::{Cause, Failure};
use crate::inner::failure;
use crate::subscription::Subscription;

/// What came of one [`deliver`](crate::EventBus::deliver): each delivery, in call order.
///
/// # Examples
/// ```
/// use buswork::{EventBus, Status};
///
/// struct OrderPlaced;
///
/// let bus = EventBus::new();
/// bus.subscribe(|_: &OrderPlaced| {});
/// bus.subscribe(|_: &OrderPlaced| Err("the warehouse is closed"));
///
/// let report = bus.deliver(&OrderPlaced)?;
/// assert_eq!(report.deliveries()[0].status(), Status::Ok);
/// assert_eq!(report.failures().count(), 1);
/// assert!(report.into_result().is_err());
/// # Ok::<(), buswork::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a report holds the failures of handlers; ask it, or `into_result`"]
pub struct Report {
    pub(crate) event: &'static str,
    pub(crate) deliveries: Vec<Delivery>,
}

impl Report {
    pub(crate) fn new(event: &'static str) -> Self {
        let deliveries = Vec::new();
        Self { event, deliveries }
    }

    /// Whether the failures of this error stand in here.
    pub(crate) fn tells(&self, error: &Error) -> bool {
        error.is_handlers() && self.failures().next().is_some()
    }

    /// The type name of the event.
    pub fn event_type(&self) -> &'static str {
        self.event
    }

    /// One delivery a subscription, in call order.
    pub fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// The failures, in call order.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.deliveries.iter().filter_map(Delivery::failure)
    }

    /// Turns failures into the error that a publish would have returned.
    ///
    /// # Errors
    /// When any handler failed, whatever its `on_error`.
    pub fn into_result(self) -> Result<(), Error> {
        let failures: Vec<Failure> = self
            .deliveries
            .into_iter()
            .filter_map(|delivery| delivery.failure)
            .collect();
        if failures.is_empty() {
            Ok(())
        } else {
            Err(Error::handlers(self.event, failures))
        }
    }
}

/// One event to one handler, and how it ended.
#[derive(Debug)]
pub struct Delivery {
    pub(crate) subscription: Subscription,
    pub(crate) status: Status,
    pub(crate) failure: Option<Failure>,
    pub(crate) elapsed: Duration,
    attempts: u32,
}

impl Delivery {
    pub(crate) fn called(
        subscription: Subscription,
        site: &'static Location<'static>,
        cause: Option<Cause>,
        elapsed: Duration,
    ) -> Self {
        let failure = cause.map(|cause| failure(subscription.entry.handler(), site, cause));
        Self::ended(subscription, failure, elapsed)
    }

    pub(crate) fn ended(
        subscription: Subscription,
        failure: Option<Failure>,
        elapsed: Duration,
    ) -> Self {
        let status = match failure {
            Some(_) => Status::Failed,
            None => Status::Ok,
        };
        Self {
            subscription,
            status,
            failure,
            elapsed,
            attempts: 1,
        }
    }

    pub(crate) fn skipped(subscription: Subscription, reason: SkipReason) -> Self {
        Self {
            subscription,
            status: Status::Skipped(reason),
            failure: None,
            elapsed: Duration::ZERO,
            attempts: 0,
        }
    }

    /// The same, after so many attempts.
    pub(crate) fn after(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Whose delivery this is.
    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// The subscription's name.
    pub fn name(&self) -> &str {
        self.subscription.name()
    }

    /// How it ended.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// How often the handler was called; more than once only by its policy.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// How long the last call took; zero for a handler that was not called.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }
}
