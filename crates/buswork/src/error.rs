//! The crate's one error.

use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::chain::too_deep;
use crate::failure::Failure;
use crate::handler::BoxError;
use crate::posting::Left;
use crate::topic::MalformedTopic;

/// Why a publish, a post or a drain did not end well. Ask it with the `is_*` methods, and with
/// [`failures`](Self::failures).
#[derive(Debug)]
pub struct Error {
    kind: Box<Kind>,
}

#[derive(Debug)]
enum Kind {
    Handlers {
        event: &'static str,
        failures: Vec<Failure>,
        stopped: bool,
    },
    Unhandled {
        event: &'static str,
        topic: Option<Box<str>>,
        site: &'static Location<'static>,
    },
    Recursion {
        cycle: Vec<&'static str>,
        limit: Limit,
    },
    Refused(BoxError),
    MalformedTopic(MalformedTopic),
    QueueFull {
        event: &'static str,
        max_pending: usize,
    },
    Closed {
        event: &'static str,
    },
    Timeout {
        verb: &'static str,
        timeout: Duration,
        left: Vec<Left>,
    },
    InsideHandler {
        verb: &'static str,
    },
    NoDeadLetter {
        id: u64,
    },
    SubscriptionEnded {
        event: &'static str,
    },
    #[cfg(feature = "tokio")]
    NoRuntime {
        event: &'static str,
    },
}

/// What a cycle of publishes ran into.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// So many are nested.
    Depth(u32),
    /// So many of one chain are in progress at one depth.
    Crowd { crowd: u32, depth: u32 },
}

impl Error {
    pub(crate) fn handlers(event: &'static str, failures: Vec<Failure>) -> Self {
        Self::new(Kind::Handlers {
            event,
            failures,
            stopped: false,
        })
    }

    pub(crate) fn stopped(event: &'static str, failure: Failure) -> Self {
        Self::new(Kind::Handlers {
            event,
            failures: vec![failure],
            stopped: true,
        })
    }

    pub(crate) fn unhandled(
        event: &'static str,
        topic: Option<&str>,
        site: &'static Location<'static>,
    ) -> Self {
        let topic = topic.map(Into::into);
        Self::new(Kind::Unhandled { event, topic, site })
    }

    pub(crate) fn recursion(cycle: Vec<&'static str>, limit: Limit) -> Self {
        Self::new(Kind::Recursion { cycle, limit })
    }

    pub(crate) fn malformed_topic(why: MalformedTopic) -> Self {
        Self::new(Kind::MalformedTopic(why))
    }

    pub(crate) fn queue_full(event: &'static str, max_pending: usize) -> Self {
        Self::new(Kind::QueueFull { event, max_pending })
    }

    pub(crate) fn closed(event: &'static str) -> Self {
        Self::new(Kind::Closed { event })
    }

    pub(crate) fn timeout(verb: &'static str, timeout: Duration, left: Vec<Left>) -> Self {
        Self::new(Kind::Timeout {
            verb,
            timeout,
            left,
        })
    }

    pub(crate) fn inside_handler(verb: &'static str) -> Self {
        Self::new(Kind::InsideHandler { verb })
    }

    pub(crate) fn no_dead_letter(id: u64) -> Self {
        Self::new(Kind::NoDeadLetter { id })
    }

    pub(crate) fn subscription_ended(event: &'static str) -> Self {
        Self::new(Kind::SubscriptionEnded { event })
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn no_runtime(event: &'static str) -> Self {
        Self::new(Kind::NoRuntime { event })
    }

    fn new(kind: Kind) -> Self {
        Self {
            kind: Box::new(kind),
        }
    }

    /// The error of a layer that does not let an event through; see
    /// [`Middleware`](crate::Middleware).
    pub fn refused(cause: impl Into<BoxError>) -> Self {
        Self::new(Kind::Refused(cause.into()))
    }

    /// Whether handlers failed; [`failures`](Self::failures) has them.
    pub fn is_handlers(&self) -> bool {
        matches!(*self.kind, Kind::Handlers { .. })
    }

    /// Whether the first failure ended the publish ([`OnError::Stop`](crate::OnError::Stop)), and is
    /// the only one.
    pub fn is_stopped(&self) -> bool {
        matches!(*self.kind, Kind::Handlers { stopped: true, .. })
    }

    /// Whether nobody is subscribed, on a bus or for a type that minds.
    pub fn is_unhandled(&self) -> bool {
        matches!(*self.kind, Kind::Unhandled { .. })
    }

    /// Whether publishes were nested deeper than the bus allows; on the async bus also, whether those
    /// of a cycle became too many.
    pub fn is_recursion(&self) -> bool {
        matches!(*self.kind, Kind::Recursion { .. })
    }

    /// Whether a layer refused the event, by [`refused`](Self::refused).
    pub fn is_refused(&self) -> bool {
        matches!(*self.kind, Kind::Refused(_))
    }

    /// Whether a topic or a pattern is malformed.
    pub fn is_malformed_topic(&self) -> bool {
        matches!(*self.kind, Kind::MalformedTopic(_))
    }

    /// Whether there was no room for the deliveries of a post, and it could not wait.
    pub fn is_queue_full(&self) -> bool {
        matches!(*self.kind, Kind::QueueFull { .. })
    }

    /// Whether the bus takes no posts any more, since it was closed.
    pub fn is_closed(&self) -> bool {
        matches!(*self.kind, Kind::Closed { .. })
    }

    /// Whether there is no dead letter of this number (any more).
    pub fn is_no_dead_letter(&self) -> bool {
        matches!(*self.kind, Kind::NoDeadLetter { .. })
    }

    /// Whether a dead letter's subscription has ended.
    pub fn is_subscription_ended(&self) -> bool {
        matches!(*self.kind, Kind::SubscriptionEnded { .. })
    }

    /// Whether deliveries were still pending when the time for a drain or a close was up.
    pub fn is_timeout(&self) -> bool {
        matches!(*self.kind, Kind::Timeout { .. })
    }

    /// Whether a handler waited for its own end, by a drain or a close of its bus.
    pub fn is_inside_handler(&self) -> bool {
        matches!(*self.kind, Kind::InsideHandler { .. })
    }

    /// Whether an async bus has no runtime to deliver a post on.
    #[cfg(feature = "tokio")]
    pub fn is_no_runtime(&self) -> bool {
        matches!(*self.kind, Kind::NoRuntime { .. })
    }

    /// The failures, in call order; empty unless [`is_handlers`](Self::is_handlers).
    pub fn failures(&self) -> &[Failure] {
        match &*self.kind {
            Kind::Handlers { failures, .. } => failures,
            _ => &[],
        }
    }

    /// The event types that publish each other, the first one repeated at the end; empty unless
    /// [`is_recursion`](Self::is_recursion).
    pub fn cycle(&self) -> &[&'static str] {
        match &*self.kind {
            Kind::Recursion { cycle, .. } => cycle,
            _ => &[],
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.kind {
            Kind::Handlers {
                event,
                failures,
                stopped,
            } => write_handlers(formatter, event, failures, *stopped),
            Kind::Unhandled { event, topic, site } => {
                write!(formatter, "nobody handles {event}")?;
                if let Some(topic) = topic {
                    write!(formatter, " on topic {topic}")?;
                }
                write!(
                    formatter,
                    ", published at {site}: subscribe a handler, or allow it with set_unhandled::<{event}>(Unhandled::Ignore)"
                )
            }
            Kind::Recursion { cycle, limit } => match *limit {
                Limit::Depth(max_depth) => {
                    let cycle = cycle.iter().map(|&name| name.to_owned());
                    formatter.write_str(&too_deep(max_depth, cycle))
                }
                Limit::Crowd { crowd, depth } => write!(
                    formatter,
                    "{crowd} publishes of one chain are in progress, {depth} deep: {}; break the cycle",
                    cycle.join(" -> ")
                ),
            },
            Kind::Refused(cause) => write!(formatter, "a layer refused the event: {cause}"),
            Kind::MalformedTopic(why) => why.fmt(formatter),
            Kind::QueueFull { event, max_pending } => write!(
                formatter,
                "no room for {event}: {max_pending} deliveries are pending; wait for a drain, raise max_pending, or choose what to drop by overflow"
            ),
            Kind::Closed { event } => {
                write!(formatter, "{event} was posted to a bus that is closed")
            }
            Kind::NoDeadLetter { id } => write!(
                formatter,
                "there is no dead letter {id}: it was tried again, discarded, or had to go for newer ones"
            ),
            Kind::SubscriptionEnded { event } => write!(
                formatter,
                "the subscription of this dead letter to {event} has ended: subscribe the handler again and post the event, or discard the letter"
            ),
            Kind::Timeout {
                verb,
                timeout,
                left,
            } => write_left(formatter, verb, *timeout, left),
            Kind::InsideHandler { verb } => write!(
                formatter,
                "{verb} was called inside a handler of the same bus, and would wait for itself: call it where the bus is owned"
            ),
            #[cfg(feature = "tokio")]
            Kind::NoRuntime { event } => write!(
                formatter,
                "{event} was posted outside of a tokio runtime: tell the bus which one to use, by AsyncEventBus::bind"
            ),
        }
    }
}

fn write_handlers(
    formatter: &mut fmt::Formatter<'_>,
    event: &str,
    failures: &[Failure],
    stopped: bool,
) -> fmt::Result {
    let (count, noun) = match failures.len() {
        1 => (1, "handler"),
        count => (count, "handlers"),
    };
    write!(formatter, "{count} {noun} of {event} failed")?;
    if stopped {
        formatter.write_str(", and the rest did not run")?;
    }
    for failure in failures {
        write!(formatter, "\n- {failure}")?;
    }
    Ok(())
}

fn write_left(
    formatter: &mut fmt::Formatter<'_>,
    verb: &str,
    timeout: Duration,
    left: &[Left],
) -> fmt::Result {
    const SHOWN: usize = 10;
    let total: usize = left.iter().map(Left::pending).sum();
    write!(
        formatter,
        "{verb}: after {timeout:?} {total} deliveries are still pending"
    )?;
    for one in left.iter().take(SHOWN) {
        write!(formatter, "\n- {one}")?;
    }
    match left.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => write!(formatter, "\n- and of {more} more"),
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &*self.kind {
            Kind::Refused(cause) => Some(&**cause),
            _ => self.failures().first().map(|failure| failure as _),
        }
    }
}
