//! Posted deliveries that have failed to their end, on the buses for Rust.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;
use std::sync::{MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::async_bus::AsyncEventBus;
use crate::bus::EventBus;
use crate::error::Error;
use crate::failure::Failure;
use crate::inner::Inner;
use crate::policy::{DeadLetters as _, DeadLettersInMemory};
use crate::sync::Arc;

/// One attempt that failed: when, and how, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttempt {
    at: SystemTime,
    error: String,
}

impl FailedAttempt {
    pub(crate) fn new(error: &(dyn StdError + Send + Sync + 'static)) -> Self {
        let at = SystemTime::now();
        let error = error.to_string();
        Self { at, error }
    }

    /// When it failed.
    pub fn at(&self) -> SystemTime {
        self.at
    }

    /// What the handler returned, or its panic, as text.
    pub fn error(&self) -> &str {
        &self.error
    }
}

/// A posted delivery that has failed to its end, and is kept. Cheap to clone.
#[derive(Clone)]
pub struct DeadLetter {
    facts: Arc<Facts>,
}

struct Facts {
    id: u64,
    event_type: &'static str,
    topic: Option<Box<str>>,
    handler: Arc<str>,
    location: &'static Location<'static>,
    site: &'static Location<'static>,
    attempts: Vec<FailedAttempt>,
    /// Which subscription it was for.
    sequence: u64,
    event: Arc<dyn Redeliver>,
}

/// An event that can be posted anew.
pub(crate) trait Redeliver: Any + Send + Sync {
    /// Posts it to one handler; fails when that is subscribed no more.
    fn redeliver(
        self: Arc<Self>,
        bus: &Arc<Inner>,
        topic: Option<&str>,
        sequence: u64,
        site: &'static Location<'static>,
    ) -> Result<(), Error>;
}

impl DeadLetter {
    /// Its number on its bus.
    pub fn id(&self) -> u64 {
        self.facts.id
    }

    /// The type name of the event.
    pub fn event_type(&self) -> &'static str {
        self.facts.event_type
    }

    /// The topic that it was posted to, if any.
    pub fn topic(&self) -> Option<&str> {
        self.facts.topic.as_deref()
    }

    /// The name of the handler.
    pub fn handler(&self) -> &str {
        &self.facts.handler
    }

    /// Where the handler was subscribed.
    pub fn location(&self) -> &'static Location<'static> {
        self.facts.location
    }

    /// Where the event was posted.
    pub fn site(&self) -> &'static Location<'static> {
        self.facts.site
    }

    /// The attempts, in order.
    pub fn attempts(&self) -> &[FailedAttempt] {
        &self.facts.attempts
    }
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DeadLetter")
            .field("id", &self.facts.id)
            .field("event_type", &self.facts.event_type)
            .field("handler", &self.facts.handler)
            .field("attempts", &self.facts.attempts)
            .finish_non_exhaustive()
    }
}

/// Posted when a dead letter was kept, to those who subscribe to it. A dead letter of such an event is
/// not kept, but logged.
#[derive(Debug, Clone)]
pub struct DeadLettered {
    letter: DeadLetter,
}

impl DeadLettered {
    /// The letter.
    pub fn letter(&self) -> &DeadLetter {
        &self.letter
    }
}

/// The dead letters of a bus, from [`EventBus::dead_letters`].
pub struct DeadLetters<'bus> {
    bus: &'bus Arc<Inner>,
}

impl fmt::Debug for DeadLetters<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DeadLetters({})", self.count())
    }
}

impl EventBus {
    /// The posted deliveries of handlers with a [policy](crate::policy) that have failed to their end.
    ///
    /// # Examples
    /// ```
    /// use buswork::EventBus;
    /// use buswork::policy::{Policy, Retry};
    ///
    /// struct OrderPlaced { order_id: String }
    ///
    /// let bus = EventBus::new();
    /// bus.on::<OrderPlaced>()
    ///     .policy(Policy::new().retry(Retry::new(2)))
    ///     .subscribe(|_: &OrderPlaced| Err("the mail server is down"));
    /// bus.post(OrderPlaced { order_id: "123".into() })?;
    /// bus.drain(None)?;
    ///
    /// let letters = bus.dead_letters().list();
    /// assert_eq!(letters[0].attempts()[1].error(), "the mail server is down");
    /// bus.dead_letters().retry(letters[0].id())?;
    /// bus.drain(None)?;
    /// assert_eq!(bus.dead_letters().count(), 1);
    /// # Ok::<(), buswork::Error>(())
    /// ```
    pub fn dead_letters(&self) -> DeadLetters<'_> {
        DeadLetters { bus: &self.inner }
    }
}

impl AsyncEventBus {
    /// The same for the async bus: deliveries that were posted to it.
    pub fn dead_letters(&self) -> DeadLetters<'_> {
        DeadLetters { bus: &self.inner }
    }
}

impl DeadLetters<'_> {
    /// All of them, the oldest first.
    pub fn list(&self) -> Vec<DeadLetter> {
        let mut all = Vec::new();
        let letters = self.bus.dead_letters();
        letters.each(&mut |_, letter| all.push(letter.clone()));
        all
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.bus.dead_letters().count()
    }

    /// How many had to go for newer ones, ever.
    pub fn lost(&self) -> u64 {
        self.bus.dead_letters().lost()
    }

    /// Posts the event of a letter anew, to its handler alone. The letter is no more; should the delivery
    /// fail again, there will be another one.
    ///
    /// # Errors
    /// As of [`EventBus::post`]; and when there is [no such letter](Error::is_no_dead_letter), or its
    /// subscription has ended. The letter stays then.
    #[track_caller]
    pub fn retry(&self, id: u64) -> Result<(), Error> {
        let site = Location::caller();
        let taken = self.bus.dead_letters().take(id);
        let Some(letter) = taken else {
            return Err(Error::no_dead_letter(id));
        };
        let facts = &letter.facts;
        let event = Arc::clone(&facts.event);
        let posted = event.redeliver(self.bus, facts.topic.as_deref(), facts.sequence, site);
        if posted.is_err() {
            let lost = self.bus.dead_letters().keep(id, letter.clone());
            drop(lost);
        }
        posted
    }

    /// Throws a letter away. Says whether it was there.
    pub fn discard(&self, id: u64) -> bool {
        let taken = self.bus.dead_letters().take(id);
        taken.is_some()
    }
}

/// What is known of a delivery that has failed to its end.
pub(crate) struct Dead<'a> {
    pub(crate) failure: &'a Failure,
    pub(crate) topic: Option<&'a str>,
    pub(crate) sequence: u64,
    pub(crate) attempts: Vec<FailedAttempt>,
    pub(crate) event: Arc<dyn Redeliver>,
}

impl Inner {
    pub(crate) fn dead_letters(&self) -> MutexGuard<'_, DeadLettersInMemory<DeadLetter>> {
        self.dead_letters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Keeps a delivery that has failed to its end. Returns what is to be posted to those who want to know.
    #[cold]
    pub(crate) fn keep_dead_letter(&self, dead: Dead<'_>) -> DeadLettered {
        let Dead { failure, .. } = dead;
        let id = self.dead_letters().next_id();
        let letter = DeadLetter {
            facts: Arc::new(Facts {
                id,
                event_type: failure.event_type(),
                topic: dead.topic.map(Into::into),
                handler: failure.name().into(),
                location: failure.location(),
                site: failure.site(),
                attempts: dead.attempts,
                sequence: dead.sequence,
                event: dead.event,
            }),
        };
        let mut letters = self.dead_letters();
        let lost = letters.keep(id, letter.clone());
        let is_first = lost.is_some() && letters.lost() == 1;
        drop(letters);
        drop(lost);
        if is_first {
            log::warn!("more dead letters than the bus keeps: the oldest go (told once a bus)");
        }
        DeadLettered { letter }
    }
}
