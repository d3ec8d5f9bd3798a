//! A recorder, and what a test asks it.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::{Arc, Weak};

use super::recording::{Recorded, Recording};
use super::{AnyBus, inner};
use crate::inner::Inner;

/// Records what is published and posted on a bus from now on, whatever its type and whoever handles
/// it, until the recorder is dropped.
///
/// It sees an event when it is published or posted, before the layers do. Of types that it is told to
/// [`keep`](Recorder::keep) it has clones.
pub fn record(bus: &impl AnyBus) -> Recorder {
    let recording = Arc::new(Recording::default());
    let own = Arc::clone(&recording);
    let inner = inner(bus);
    inner.change(|settings| settings.recordings.push(own));
    Recorder {
        bus: Arc::downgrade(inner),
        recording,
    }
}

/// What was published on a bus. From [`record`].
///
/// # Examples
/// ```
/// use buswork::{EventBus, testing};
///
/// #[derive(Clone)]
/// struct OrderPlaced { number: u32 }
/// struct OrderCancelled;
///
/// let bus = EventBus::new();
/// let recorder = testing::record(&bus).keep::<OrderPlaced>();
/// recorder.assert_nothing_published();
/// bus.publish(&OrderPlaced { number: 7 })?;
/// bus.post(OrderPlaced { number: 8 })?;
/// recorder.assert_published::<OrderPlaced>(|order| order.number == 8);
/// recorder.assert_not_published::<OrderCancelled>();
/// let numbers: Vec<_> = recorder.events::<OrderPlaced>().iter().map(|o| o.number).collect();
/// assert_eq!(numbers, [7, 8]);
/// # Ok::<(), buswork::Error>(())
/// ```
#[must_use = "dropping the recorder ends the recording"]
pub struct Recorder {
    bus: Weak<Inner>,
    recording: Arc<Recording>,
}

impl Recorder {
    /// Keeps a clone of each event of type `E` from now on, to be looked at.
    pub fn keep<E: Any + Clone + Send + Sync>(self) -> Self {
        self.recording.keep::<E>();
        self
    }

    /// Everything that was published, in order.
    pub fn published(&self) -> Vec<Recorded> {
        self.recording.seen()
    }

    /// How many events of type `E` were published.
    pub fn count<E: Any>(&self) -> usize {
        let seen = self.recording.seen();
        seen.iter().filter(|recorded| recorded.is::<E>()).count()
    }

    /// Clones of the events of type `E`, in order.
    ///
    /// # Panics
    /// When the type is not [kept](Self::keep).
    #[track_caller]
    pub fn events<E: Any + Clone>(&self) -> Vec<E> {
        self.assert_kept::<E>();
        let seen = self.recording.seen();
        seen.iter().filter_map(Recorded::event).cloned().collect()
    }

    /// Forgets what was published until now.
    pub fn clear(&self) {
        drop(self.recording.forget());
    }

    /// Asserts that an event of type `E` was published that `matches` says yes to.
    ///
    /// # Panics
    /// When none was, with a list of what was; and when the type is not [kept](Self::keep).
    #[track_caller]
    pub fn assert_published<E: Any>(&self, matches: impl Fn(&E) -> bool) {
        let found = self.matching(matches);
        assert!(
            found > 0,
            "no {} that matches was published; {}",
            type_name::<E>(),
            self.told()
        );
    }

    /// Asserts that exactly one event of type `E` was published that `matches` says yes to.
    ///
    /// # Panics
    /// As [`assert_published`](Self::assert_published), and when there were several.
    #[track_caller]
    pub fn assert_published_once<E: Any>(&self, matches: impl Fn(&E) -> bool) {
        let found = self.matching(matches);
        assert!(
            found == 1,
            "{found} {} that match were published, not one; {}",
            type_name::<E>(),
            self.told()
        );
    }

    /// Asserts that no event of type `E` was published.
    ///
    /// # Panics
    /// When one was.
    #[track_caller]
    pub fn assert_not_published<E: Any>(&self) {
        assert!(
            self.count::<E>() == 0,
            "{} was published; {}",
            type_name::<E>(),
            self.told()
        );
    }

    /// Asserts that nothing was published at all.
    ///
    /// # Panics
    /// When something was.
    #[track_caller]
    pub fn assert_nothing_published(&self) {
        assert!(self.published().is_empty(), "{}", self.told());
    }

    #[track_caller]
    fn matching<E: Any>(&self, matches: impl Fn(&E) -> bool) -> usize {
        self.assert_kept::<E>();
        let seen = self.recording.seen();
        let events = seen.iter().filter_map(Recorded::event);
        events.filter(|event| matches(event)).count()
    }

    #[track_caller]
    fn assert_kept<E: Any>(&self) {
        assert!(
            self.recording.keeps::<E>(),
            "this recorder keeps no events of type {event}: make it by testing::record(&bus).keep::<{event}>()",
            event = type_name::<E>()
        );
    }

    /// What was published, for a message.
    fn told(&self) -> String {
        let seen = self.recording.seen();
        if seen.is_empty() {
            return "nothing was published".to_owned();
        }
        let lines = seen.iter().map(|recorded| format!("\n- {recorded}"));
        format!("published were:{}", lines.collect::<String>())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(inner) = self.bus.upgrade() {
            inner.change(|settings| {
                let recordings = &mut settings.recordings;
                recordings.retain(|other| !Arc::ptr_eq(other, &self.recording));
            });
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.recording.seen();
        formatter.debug_tuple("Recorder").field(&seen).finish()
    }
}
