//! How the buses for Rust are traced: what of it stands in a plan, and what a subscription is called.

use std::any::type_name;
use std::panic::Location;
use std::sync::Arc;

use super::cause::{Cause, Inside};
use super::dispatch::{Dispatch, Outcome, Verb};
use super::names::{EventName, HandlerName};
use super::progress::InProgress;
use super::sites::Sites;
use super::tracers::{Publication, Tracers};
use crate::delivery::Status;
use crate::entry::Entry;
use crate::failure::Cause as FailureCause;
use crate::inner::Inner;
use crate::plan::Subscriber;
use crate::report;

/// The traces of a bus, and how it calls what it tells them of.
#[derive(Default)]
pub(crate) struct Tracing {
    pub(crate) tracers: Tracers,
    sites: Arc<Sites>,
}

/// The same, in the plan of a type.
pub(crate) struct Traced {
    tracers: Tracers,
    sites: Arc<Sites>,
    event: EventName,
    topic: Option<Arc<str>>,
}

impl Tracing {
    /// What the plan of a type looks at, if there is a trace.
    pub(crate) fn of_type<E>(&self, topic: Option<&str>) -> Option<Traced> {
        if self.tracers.is_empty() {
            return None;
        }
        Some(Traced {
            tracers: self.tracers.clone(),
            sites: Arc::clone(&self.sites),
            event: EventName::new(type_name::<E>()),
            topic: topic.map(Into::into),
        })
    }
}

impl Traced {
    /// Tells of a publish, which has passed the layers.
    pub(crate) fn publish(
        &self,
        verb: Verb,
        site: &'static Location<'static>,
        cause: Option<Cause>,
    ) -> Arc<Dispatch> {
        self.tracers.publish(Publication {
            event: self.event.clone(),
            topic: self.topic.clone(),
            verb,
            site: Some(self.sites.of(site)),
            cause,
        })
    }
}

impl Subscriber {
    /// What it is called in a trace.
    pub(crate) fn traced_name(&self) -> &HandlerName {
        self.traced_name.get_or_init(|| {
            let place = (self.location.file().to_owned(), self.location.line());
            let subscribed = match &self.pattern {
                None => self.event.to_owned(),
                Some(pattern) => pattern.to_string(),
            };
            HandlerName::new(&*self.name, &*self.name, Some(place), vec![subscribed])
        })
    }
}

impl InProgress {
    /// The delivery to an entry, if its dispatch is traced.
    pub(crate) fn of<K>(
        dispatch: Option<&Arc<Dispatch>>,
        entry: &Entry<K, Subscriber>,
    ) -> Option<Self> {
        Some(Self::new(
            dispatch?,
            entry.handler().traced_name(),
            entry.sequence(),
        ))
    }

    /// Its handler runs, or is polled, until this is dropped.
    pub(crate) fn inside(&self) -> Inside {
        Inside::of(self.cause())
    }
}

/// Makes a delivery, and tells of it if its dispatch is traced.
pub(crate) fn deliver<K>(
    dispatch: Option<&Arc<Dispatch>>,
    entry: &Entry<K, Subscriber>,
    deliver: impl FnOnce() -> report::Delivery,
) -> report::Delivery {
    let Some(mut progress) = InProgress::of(dispatch, entry) else {
        return deliver();
    };
    let delivery = {
        let _inside = progress.inside();
        deliver()
    };
    progress.end(match (delivery.status(), delivery.failure()) {
        (Status::Skipped(reason), _) => Outcome::Skipped(reason),
        (_, Some(failure)) => failed_by(failure.is_panic()),
        (_, None) => Outcome::Ok,
    });
    delivery
}

/// What came of a handler that was called. Errors have no class in Rust.
pub(crate) fn outcome(result: &Result<(), FailureCause>) -> Outcome {
    match result {
        Ok(()) => Outcome::Ok,
        Err(cause) => failed(cause),
    }
}

pub(crate) fn failed(cause: &FailureCause) -> Outcome {
    failed_by(matches!(cause, FailureCause::Panicked(_)))
}

fn failed_by(is_panic: bool) -> Outcome {
    Outcome::Failed(if is_panic { "panic" } else { "error" }.into())
}

impl Inner {
    /// Changes who is told of what the bus does.
    pub(crate) fn trace(&self, change: impl FnOnce(&Tracers) -> Tracers) {
        self.change(|settings| {
            let changed = change(&settings.tracing.tracers);
            std::mem::replace(&mut settings.tracing.tracers, changed)
        });
    }

    /// Ends the traces in files, as the bus is closed or gone.
    pub(crate) fn end_traces(&self) {
        let tracers = self.settings().tracing.tracers.clone();
        if tracers.is_empty() {
            return;
        }
        self.trace(Tracers::without_files);
        tracers.close_files();
    }
}
