//! Posted deliveries in the background: a queue that whoever posts puts them in, and the threads
//! that work it off. What waits where is the [backlog](crate::backlog)'s business.

mod deliveries;
mod job;
mod policed;
mod queue;
mod summons;
mod workers;

pub(crate) use deliveries::{LAYERS, Posted};
pub(crate) use queue::Left;
#[cfg(feature = "tokio")]
pub(crate) use queue::{Asked, Queue, Refused, State};
pub(crate) use workers::Workers;
#[cfg(feature = "tokio")]
pub(crate) use workers::is_worker;
