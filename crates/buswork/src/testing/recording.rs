//! What a recorder has seen, as the bus writes it down.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};

/// One publish or post, as a [`Recorder`](super::Recorder) has seen it.
#[derive(Clone)]
pub struct Recorded {
    key: TypeId,
    event_type: &'static str,
    topic: Option<Arc<str>>,
    site: &'static Location<'static>,
    is_posted: bool,
    is_muted: bool,
    copy: Option<Copy>,
}

/// A clone of an event whose type is kept.
type Copy = Arc<dyn Any + Send + Sync>;

impl Recorded {
    /// The name of the event's type.
    pub fn event_type(&self) -> &'static str {
        self.event_type
    }

    /// The topic that it was published to, if any.
    pub fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    /// Where it was published or posted.
    pub fn site(&self) -> &'static Location<'static> {
        self.site
    }

    /// Whether it was posted.
    pub fn is_posted(&self) -> bool {
        self.is_posted
    }

    /// Whether its type was [muted](super::mute).
    pub fn is_muted(&self) -> bool {
        self.is_muted
    }

    pub(crate) fn is<E: Any>(&self) -> bool {
        self.key == TypeId::of::<E>()
    }

    pub(crate) fn event<E: Any>(&self) -> Option<&E> {
        self.copy.as_ref()?.downcast_ref()
    }
}

impl fmt::Display for Recorded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.event_type)?;
        if let Some(topic) = &self.topic {
            write!(formatter, " on {topic}")?;
        }
        if self.is_posted {
            formatter.write_str(", posted")?;
        }
        if self.is_muted {
            formatter.write_str(", muted")?;
        }
        write!(formatter, ", at {}", self.site)
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Recorded({self})")
    }
}

/// What one recorder shares with its bus.
#[derive(Default)]
pub(crate) struct Recording {
    seen: Mutex<Vec<Recorded>>,
    keepers: Mutex<HashMap<TypeId, Keeper>>,
}

type Keeper = fn(&dyn Any) -> Option<Copy>;

impl Recording {
    pub(crate) fn keep<E: Any + Clone + Send + Sync>(&self) {
        let keeper: Keeper = |event| Some(Arc::new(event.downcast_ref::<E>()?.clone()));
        let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        keepers.insert(TypeId::of::<E>(), keeper);
    }

    pub(crate) fn keeps<E: Any>(&self) -> bool {
        self.keeper(TypeId::of::<E>()).is_some()
    }

    fn keeper(&self, key: TypeId) -> Option<Keeper> {
        let keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        keepers.get(&key).copied()
    }

    pub(crate) fn write<E: Any>(
        &self,
        event: &E,
        topic: Option<&str>,
        site: &'static Location<'static>,
        is_posted: bool,
        is_muted: bool,
    ) {
        let key = TypeId::of::<E>();
        let copy = self.keeper(key).and_then(|keeper| keeper(event));
        let recorded = Recorded {
            key,
            event_type: type_name::<E>(),
            topic: topic.map(Into::into),
            site,
            is_posted,
            is_muted,
            copy,
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(recorded);
    }

    pub(crate) fn seen(&self) -> Vec<Recorded> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }

    pub(crate) fn forget(&self) -> Vec<Recorded> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *seen)
    }
}
