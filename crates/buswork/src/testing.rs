//! For tests of programs that publish: record what was published, and mute what should not run.
//!
//! Both are guards: they end when they are dropped. Several may be there at a time.
//!
//! ```
//! use buswork::{EventBus, testing};
//!
//! #[derive(Clone)]
//! struct OrderPlaced { number: u32 }
//! struct MailSent;
//!
//! let bus = EventBus::new();
//! let inner = bus.clone();
//! bus.subscribe(move |_: &OrderPlaced| inner.publish(&MailSent));
//!
//! let recorder = testing::record(&bus).keep::<OrderPlaced>();
//! let muted = testing::mute::<MailSent>(&bus);
//! bus.publish(&OrderPlaced { number: 7 })?;
//!
//! recorder.assert_published_once::<OrderPlaced>(|order| order.number == 7);
//! assert_eq!(recorder.count::<MailSent>(), 1);
//! assert!(recorder.published()[1].is_muted());
//! # bus.clear();
//! # Ok::<(), buswork::Error>(())
//! ```

mod mute;
mod recorder;
mod recording;

pub use mute::{Mute, mute};
pub use recorder::{Recorder, record};
pub use recording::Recorded;
pub(crate) use recording::Recording;

use crate::async_bus::AsyncEventBus;
use crate::bus::EventBus;
use crate::inner::Inner;
use crate::sync::Arc;

/// A bus of either kind. Sealed.
pub trait AnyBus: sealed::AnyBus {}

impl AnyBus for EventBus {}
impl AnyBus for AsyncEventBus {}

fn inner(bus: &impl AnyBus) -> &Arc<Inner> {
    bus.inside().0
}

mod sealed {
    use super::{Arc, AsyncEventBus, EventBus, Inner};

    /// What a bus is made of, which is nobody's business outside.
    #[expect(missing_debug_implementations, reason = "nobody can name it")]
    pub struct Inside<'a>(pub(super) &'a Arc<Inner>);

    pub trait AnyBus {
        #[doc(hidden)]
        fn inside(&self) -> Inside<'_>;
    }

    impl AnyBus for EventBus {
        fn inside(&self) -> Inside<'_> {
            Inside(&self.inner)
        }
    }

    impl AnyBus for AsyncEventBus {
        fn inside(&self) -> Inside<'_> {
            Inside(&self.inner)
        }
    }
}
