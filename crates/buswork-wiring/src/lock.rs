//! `wiring.lock.json`: the wiring as a file to commit, sorted, one edge a line, so that `git diff`
//! reads like prose.
//!
//! ```json
//! {
//!   "schema": "buswork-wiring-lock/1",
//!   "about": "…",
//!   "publishes": [
//!     {"event": "shop.events.OrderPlaced", "published by": "shop.orders:place"}
//!   ],
//!   "subscriptions": [
//!     {"event": "shop.events.OrderPlaced", "handled by": "shop.billing:Billing.bill", "priority": "10"}
//!   ],
//!   "cascades": [
//!     {"handler": "shop.billing:Billing.bill", "publishes": "shop.events.PaymentTaken"}
//!   ]
//! }
//! ```
//!
//! It holds names only, no places and no grades: code that moves by lines, or that the reader
//! learns to read better, leaves it as it is.

mod compare;
mod form;

pub use self::compare::{Change, ChangeKind, compare};
pub use self::form::{Cascades, Lock, LockError, Publishes, SCHEMA, Subscribes, read, write};
