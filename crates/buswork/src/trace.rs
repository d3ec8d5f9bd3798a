//! What ran: each publish and each delivery of a bus, with ids that say what came of what.
//!
//! A bus that is traced makes a [`Dispatch`] of each publish, and ends a delivery in it for each
//! handler. [`Tracers`] hand them to sinks: a [`TraceFile`], which is bounded and rotated, or a
//! [`Memory`], which keeps the newest. Neither the event itself nor the text of an error is ever
//! looked at.
//!
//! Both languages use what is here; a bus for Rust is traced by
//! [`EventBus::trace`](crate::EventBus::trace) and [`EventBus::tracing`](crate::EventBus::tracing).
//! The form of the file is told in the guide, `docs/tracing.md`.
//!
//! ```
//! use buswork::EventBus;
//!
//! struct OrderPlaced;
//! struct MailSent;
//!
//! let bus = EventBus::new();
//! let inner = bus.clone();
//! bus.on::<OrderPlaced>().named("mail").subscribe(move |_: &OrderPlaced| inner.publish(&MailSent));
//!
//! let tracing = bus.tracing();
//! bus.publish(&OrderPlaced)?;
//! let dispatches = tracing.dispatches();
//! assert_eq!(dispatches[1].causation(), Some(dispatches[0].id()));
//! assert_eq!(dispatches[0].deliveries()[0].handler().name(), "mail");
//! # bus.clear();
//! # Ok::<(), buswork::Error>(())
//! ```

mod cause;
mod dispatch;
mod edges;
mod file;
mod handles;
mod id;
mod json;
mod lines;
mod memory;
mod names;
mod progress;
mod rotation;
mod sites;
mod traced;
mod tracers;
mod tree;

pub use cause::Cause;
pub use dispatch::{Delivery, Dispatch, Outcome, Verb};
pub use file::{Limits, TraceFile};
pub use handles::{Trace, Tracing};
pub use id::{Id, forget};
pub use memory::Memory;
pub use names::{EventName, HandlerName, Site};
pub use progress::InProgress;
pub(crate) use traced::{Traced, Tracing as Settings, deliver, failed, outcome};
pub use tracers::{Publication, Sink, Tracers};
pub use tree::tree;

/// The name and version of the file form. A reader refuses what has another number.
pub const SCHEMA: &str = "buswork-trace/1";
