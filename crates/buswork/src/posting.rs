//! Posted deliveries in the background: a queue that whoever posts puts them in, and the threads
//! that work it off. What waits where is the [backlog](crate::backlog)'s business.

mod deliveries;
mod queue;
mod summons;
mod workers;

pub(crate) use deliveries::{LAYERS, Posted};
pub(crate) use queue::Left;
pub(crate) use workers::Workers;
