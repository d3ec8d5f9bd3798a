//! The failure of one delivery.

use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;

use crate::handler::BoxError;
use crate::sync::Arc;

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
