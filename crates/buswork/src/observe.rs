//! Watching a bus from outside: what tracing, figures and recorders stand on.
//!
//! Whether a publish is observed is decided when its plan is compiled, so an unobserved bus pays
//! nothing for the possibility.

use std::panic::Location;

use crate::report::Delivery;

/// One publish, as an [`Observer`] sees it. The event itself is not shown.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Published<'a> {
    /// The type name of the event.
    pub event_type: &'static str,
    /// The topic that it was published to, if any.
    pub topic: Option<&'a str>,
    /// Where it was published.
    pub site: &'static Location<'static>,
}

/// Sees every publish of a bus and each of its deliveries.
///
/// It is called on the publisher's thread, and for posted events on those that deliver them, with no
/// lock held, and may publish itself. A panic goes through to the publisher. It handles nothing: an
/// event that is only observed is unhandled. An observed publish reads the clock twice a delivery, and
/// makes a [`Delivery`] for each.
///
/// # Examples
/// ```
/// use std::sync::{Arc, Mutex};
/// use buswork::{Delivery, EventBus, Observer, Published};
///
/// struct Tick;
///
/// #[derive(Default)]
/// struct Log(Mutex<Vec<String>>);
///
/// impl Observer for Log {
///     fn published(&self, publish: Published<'_>) {
///         self.0.lock().unwrap().push(format!("published {}", publish.event_type));
///     }
///     fn delivered(&self, _: Published<'_>, delivery: &Delivery) {
///         self.0.lock().unwrap().push(format!("{} {:?}", delivery.name(), delivery.status()));
///     }
/// }
///
/// let log = Arc::new(Log::default());
/// let bus = EventBus::new();
/// bus.observe(Some(log.clone()));
/// bus.on::<Tick>().named("clock").subscribe(|_: &Tick| {});
/// bus.publish(&Tick)?;
/// assert_eq!(log.0.lock().unwrap().len(), 2);
/// # Ok::<(), buswork::Error>(())
/// ```
pub trait Observer: Send + Sync {
    /// An event is published or posted, and has passed the layers; its handlers have not run yet.
    fn published(&self, publish: Published<'_>) {
        let _ = publish;
    }

    /// A delivery has ended.
    fn delivered(&self, publish: Published<'_>, delivery: &Delivery) {
        let _ = (publish, delivery);
    }
}
