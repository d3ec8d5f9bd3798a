//! The crate's one error, and the failure of one delivery.

use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;

use crate::chain::too_deep;
use crate::handler::BoxError;
use crate::sync::Arc;

/// Why a publish did not end well. Ask it with the `is_*` methods, and with
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
        site: &'static Location<'static>,
    },
    Recursion {
        cycle: Vec<&'static str>,
        max_depth: u32,
    },
}

impl Error {
    pub(crate) fn handlers(event: &'static str, failures: Vec<Failure>) -> Self {
        Self {
            kind: Box::new(Kind::Handlers {
                event,
                failures,
                stopped: false,
            }),
        }
    }

    pub(crate) fn stopped(event: &'static str, failure: Failure) -> Self {
        Self {
            kind: Box::new(Kind::Handlers {
                event,
                failures: vec![failure],
                stopped: true,
            }),
        }
    }

    pub(crate) fn unhandled(event: &'static str, site: &'static Location<'static>) -> Self {
        Self {
            kind: Box::new(Kind::Unhandled { event, site }),
        }
    }

    pub(crate) fn recursion(cycle: Vec<&'static str>, max_depth: u32) -> Self {
        Self {
            kind: Box::new(Kind::Recursion { cycle, max_depth }),
        }
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

    /// Whether publishes were nested deeper than the bus allows.
    pub fn is_recursion(&self) -> bool {
        matches!(*self.kind, Kind::Recursion { .. })
    }

    /// The failures, in call order; empty unless [`is_handlers`](Self::is_handlers).
    pub fn failures(&self) -> &[Failure] {
        match &*self.kind {
            Kind::Handlers { failures, .. } => failures,
            Kind::Unhandled { .. } | Kind::Recursion { .. } => &[],
        }
    }

    /// The event types that publish each other, the first one repeated at the end; empty unless
    /// [`is_recursion`](Self::is_recursion).
    pub fn cycle(&self) -> &[&'static str] {
        match &*self.kind {
            Kind::Recursion { cycle, .. } => cycle,
            Kind::Handlers { .. } | Kind::Unhandled { .. } => &[],
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
            } => {
                let (count, noun) = match failures.len() {
                    1 => (1, "handler"),
                    count => (count, "handlers"),
                };
                write!(formatter, "{count} {noun} of {event} failed")?;
                if *stopped {
                    formatter.write_str(", and the rest did not run")?;
                }
                for failure in failures {
                    write!(formatter, "\n- {failure}")?;
                }
                Ok(())
            }
            Kind::Unhandled { event, site } => write!(
                formatter,
                "nobody handles {event}, published at {site}: subscribe a handler, or allow it with set_unhandled::<{event}>(Unhandled::Ignore)"
            ),
            Kind::Recursion { cycle, max_depth } => {
                let cycle = cycle.iter().map(|&name| name.to_owned());
                formatter.write_str(&too_deep(*max_depth, cycle))
            }
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.failures().first().map(|failure| failure as _)
    }
}

/// The failure of one handler: which, of what, published where, and why. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Failure {
    facts: Arc<Facts>,
}

#[derive(Debug)]
struct Facts {
    event: &'static str,
    name: Arc<str>,
    location: &'static Location<'static>,
    site: &'static Location<'static>,
    cause: Cause,
}

#[derive(Debug)]
pub(crate) enum Cause {
    Returned(BoxError),
    Panicked(Panicked),
}

/// A handler's panic, as the error of its [`Failure`].
#[derive(Debug)]
pub(crate) struct Panicked {
    message: String,
}

impl Panicked {
    pub(crate) fn new(payload: &(dyn std::any::Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "(its payload is not text)".to_owned());
        Self { message }
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "panicked: {}", self.message)
    }
}

impl StdError for Panicked {}

impl Failure {
    pub(crate) fn new(
        event: &'static str,
        name: Arc<str>,
        location: &'static Location<'static>,
        site: &'static Location<'static>,
        cause: Cause,
    ) -> Self {
        Self {
            facts: Arc::new(Facts {
                event,
                name,
                location,
                site,
                cause,
            }),
        }
    }

    /// The type name of the event.
    pub fn event_type(&self) -> &'static str {
        self.facts.event
    }

    /// The handler's name: the given one, or its type's.
    pub fn name(&self) -> &str {
        &self.facts.name
    }

    /// Where the handler was subscribed.
    pub fn location(&self) -> &'static Location<'static> {
        self.facts.location
    }

    /// Where the event was published.
    pub fn site(&self) -> &'static Location<'static> {
        self.facts.site
    }

    /// What the handler returned, or its panic.
    pub fn error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        match &self.facts.cause {
            Cause::Returned(error) => &**error,
            Cause::Panicked(panic) => panic,
        }
    }

    /// Whether the handler panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.facts.cause, Cause::Panicked(_))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} (subscribed at {}) of {} published at {}: {}",
            self.facts.name,
            self.facts.location,
            self.facts.event,
            self.facts.site,
            self.error()
        )
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.error())
    }
}
