//! `[tool.buswork.wiring]` of `pyproject.toml`.

use serde::Deserialize;

use crate::adapters::Adapter;

/// What a project says about its wiring.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// Buses of its own.
    #[serde(rename = "adapter")]
    pub adapters: Vec<Adapter>,
}
