//! Keeping the handlers of a type from running.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::sync::Weak;

use super::{AnyBus, inner};
use crate::inner::Inner;
use crate::sync::Arc;

/// Keeps events of type `E` from being delivered, on topics too, until the guard is dropped.
///
/// Nothing runs for such an event, neither layers nor handlers; a publish of it succeeds, and a
/// [recorder](super::record) has it as muted. What was posted before is delivered.
///
/// # Examples
/// ```
/// use buswork::{EventBus, testing};
///
/// struct MailSent;
///
/// let bus = EventBus::new();
/// bus.subscribe(|_: &MailSent| Err("no mails in tests"));
/// {
///     let _muted = testing::mute::<MailSent>(&bus);
///     assert!(bus.publish(&MailSent).is_ok());
/// }
/// assert!(bus.publish(&MailSent).is_err());
/// ```
pub fn mute<E: Any>(bus: &impl AnyBus) -> Mute {
    let inner = inner(bus);
    let key = TypeId::of::<E>();
    *inner.settings().muted.entry(key).or_default() += 1;
    inner.evict::<E>();
    Mute {
        bus: Arc::downgrade(inner),
        key,
        event: type_name::<E>(),
        evict: Inner::evict::<E>,
    }
}

/// A type that is muted, until this is dropped. From [`mute`].
#[must_use = "dropping the guard ends the mute"]
pub struct Mute {
    bus: Weak<Inner>,
    key: TypeId,
    event: &'static str,
    evict: fn(&Inner),
}

impl Drop for Mute {
    fn drop(&mut self) {
        let Some(inner) = self.bus.upgrade() else {
            return;
        };
        if let Some(count) = inner.settings().muted.get_mut(&self.key) {
            *count -= 1;
        }
        (self.evict)(&inner);
    }
}

impl fmt::Debug for Mute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Mute({})", self.event)
    }
}
