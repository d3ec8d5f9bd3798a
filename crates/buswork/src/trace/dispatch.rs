//! One publish, and the deliveries that came of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::cause::Cause;
use super::file::TraceFile;
use super::id::Id;
use super::names::{EventName, HandlerName, Site};
use crate::delivery::SkipReason;

/// How an event was given to the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// By a publish.
    Publish,
    /// By a deliver.
    Deliver,
    /// By a post.
    Post,
}

impl Verb {
    /// The verb in one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Deliver => "deliver",
            Self::Post => "post",
        }
    }
}

/// One published event, as it is told of in a trace. Shared by all who tell of it.
#[derive(Debug)]
pub struct Dispatch {
    pub(super) id: Id,
    pub(super) cause: Option<Cause>,
    pub(super) event: EventName,
    pub(super) topic: Option<Arc<str>>,
    pub(super) verb: Verb,
    pub(super) site: Option<Site>,
    pub(super) at: u64,
    pub(super) published: Instant,
    /// Who is told of deliveries as they end. A trace in memory is not: it holds the dispatch.
    pub(super) files: Arc<[Arc<TraceFile>]>,
    /// Kept for those who look at them later.
    pub(super) deliveries: Mutex<Vec<Delivery>>,
    pub(super) keeps: bool,
}

impl Dispatch {
    /// The event's own id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The id of the event whose handler published this one; none if no handler did, or its bus was
    /// not traced.
    pub fn causation(&self) -> Option<Id> {
        self.cause.as_ref().map(|cause| cause.event)
    }

    /// The id of the event that all this began with, which may be this one.
    pub fn correlation(&self) -> Id {
        self.cause
            .as_ref()
            .map_or(self.id, |cause| cause.correlation)
    }

    /// The handler that published it.
    pub fn cause(&self) -> Option<&HandlerName> {
        self.cause.as_ref().map(|cause| &cause.handler)
    }

    /// The event's type.
    pub fn event(&self) -> &EventName {
        &self.event
    }

    /// The topic that it was published to, if any.
    pub fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// How it was given to the bus.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// Where it was published, if that is known.
    pub fn site(&self) -> Option<&Site> {
        self.site.as_ref()
    }

    /// When, in nanoseconds since 1970.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The deliveries that have ended by now, in the order of their ends. Empty when nobody but a file
    /// was told of them.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.kept().clone()
    }

    /// What the handler of a subscription, of which this is the number, publishes is caused by.
    pub fn cause_of(&self, handler: &HandlerName, subscription: u64) -> Cause {
        Cause {
            event: self.id,
            correlation: self.correlation(),
            handler: handler.clone(),
            subscription,
        }
    }

    /// Tells of a delivery that has ended now.
    pub fn ended(
        &self,
        handler: &HandlerName,
        subscription: u64,
        started: Instant,
        outcome: Outcome,
    ) {
        let now = Instant::now();
        self.tell(
            Delivery {
                handler: handler.clone(),
                subscription,
                wait: nanoseconds(self.published, started),
                run: nanoseconds(started, now),
                outcome,
            },
            now,
        );
    }

    /// Tells of a handler that is not called.
    pub fn skipped(&self, handler: &HandlerName, subscription: u64, reason: SkipReason) {
        let now = Instant::now();
        self.tell(
            Delivery {
                handler: handler.clone(),
                subscription,
                wait: nanoseconds(self.published, now),
                run: 0,
                outcome: Outcome::Skipped(reason),
            },
            now,
        );
    }

    fn tell(&self, delivery: Delivery, now: Instant) {
        for file in &*self.files {
            file.delivery(self, &delivery, now);
        }
        if self.keeps {
            self.kept().push(delivery);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Delivery>> {
        self.deliveries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn nanoseconds(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_nanos()).unwrap_or(u64::MAX)
}

/// One event to one handler, as it is told of in a trace.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub(super) handler: HandlerName,
    pub(super) subscription: u64,
    pub(super) wait: u64,
    pub(super) run: u64,
    pub(super) outcome: Outcome,
}

impl Delivery {
    /// Whose delivery it is.
    pub fn handler(&self) -> &HandlerName {
        &self.handler
    }

    /// The number of its subscription: those of a bus are counted. It tells two subscriptions of one
    /// handler apart.
    pub fn subscription(&self) -> u64 {
        self.subscription
    }

    /// The nanoseconds from the publish to the handler's start.
    pub fn wait(&self) -> u64 {
        self.wait
    }

    /// The nanoseconds from the handler's start to its end, its waits among them.
    pub fn run(&self) -> u64 {
        self.run
    }

    /// How it ended.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The handler returned.
    Ok,
    /// It failed; with the name of the error's class, and never its text.
    Failed(Arc<str>),
    /// It was not called.
    Skipped(SkipReason),
    /// It was cancelled while it waited for something.
    Cancelled,
}

impl Outcome {
    /// The outcome in one word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// The class of the error, if it failed.
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Failed(class) => Some(class),
            _ => None,
        }
    }

    /// Why it was skipped, if it was.
    pub fn reason(&self) -> Option<SkipReason> {
        match self {
            Self::Skipped(reason) => Some(*reason),
            _ => None,
        }
    }
}
