//! How other buses are spoken to, as data.

use serde::{Deserialize, Serialize};

/// What a bus calls publishing and subscribing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// What it is called in results.
    pub name: String,
}
