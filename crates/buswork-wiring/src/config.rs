//! What a project says about its wiring: `[tool.buswork.wiring]` and `[tool.buswork.boundaries]` of
//! its `pyproject.toml`, or a `buswork.toml` beside it.
//!
//! ```toml
//! [tool.buswork.wiring]
//! external = ["automation_*"]          # published or handled outside of this code
//! entry-points = ["shop.main"]
//! severity = { BW001 = "error", BW301 = "off" }
//!
//! [[tool.buswork.wiring.ignore]]
//! rule = "BW001"
//! event = "OrderArchived"
//! reason = "heard by the warehouse, which reads the database"
//!
//! [tool.buswork.boundaries.billing]
//! modules = ["shop.billing.*"]
//! hears = ["ordering"]
//! ```
//!
//! In `buswork.toml` the same keys stand at the top, or in `[wiring]`, and the boundaries in
//! `[boundaries.billing]`.

mod error;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use self::error::ConfigError;
use crate::adapters::Adapter;
use crate::graph::{Event, Location, Wiring};
use crate::pattern::matches;

/// What a project says about its wiring. The default says nothing.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The file that it was read from, relative to the root; empty for the default.
    pub file: String,
    /// Buses of its own.
    pub adapters: Vec<Adapter>,
    /// The presets to use; none for all of them.
    pub presets: Option<Vec<String>>,
    /// Patterns of events that are published or handled outside of the code that is read.
    pub external: Vec<String>,
    /// Whether this is a library, whose public events others publish and handle.
    pub library: bool,
    /// Modules or files that a program starts from.
    pub entry_points: Vec<String>,
    /// Folders that imports start from.
    pub source_roots: Vec<String>,
    /// Patterns of paths that are not read.
    pub exclude: Vec<String>,
    /// How many handlers deep a cascade may go.
    pub max_depth: Option<usize>,
    /// How many handlers an event may have.
    pub max_fan_out: Option<usize>,
    /// Severities that differ from those of the rules.
    pub severity: BTreeMap<String, Level>,
    /// Findings to overlook, each with its reason.
    pub ignores: Vec<Ignore>,
    /// The bounded contexts.
    pub boundaries: BTreeMap<String, Boundary>,
}

/// How much weight a rule has in this project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Not told.
    Off,
    /// Told; no reason to fail.
    Info,
    /// Probably wrong.
    Warning,
    /// Wrong.
    Error,
}

/// A finding to overlook. All the names given must match; each is an id, a short name, or a
/// pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignore {
    /// The rule's code.
    pub rule: String,
    /// The event.
    pub event: Option<String>,
    /// The handler.
    pub handler: Option<String>,
    /// The function.
    pub function: Option<String>,
    /// Why.
    pub reason: String,
    /// Where this is said.
    pub location: Location,
}

/// A bounded context: a part of the program that hears its own events and those of the contexts it
/// names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Boundary {
    /// Patterns of its modules. `shop.billing.*` holds `shop.billing` itself too.
    pub modules: Vec<String>,
    /// The contexts whose events it may handle; `"*"` for all.
    pub hears: Vec<String>,
}

impl Config {
    /// Reads what is said at this root; the default if nothing is.
    ///
    /// # Errors
    /// If a file cannot be read, has a key or a value that means nothing, or if both files speak
    /// of the wiring.
    pub fn find(root: &Path) -> Result<Self, ConfigError> {
        let own = read_file(root, "buswork.toml")?;
        let project = read_file(root, "pyproject.toml")?;
        let project = match project {
            Some(text) => read::project("pyproject.toml", &text)?,
            None => None,
        };
        match (own, project) {
            (Some(_), Some(_)) => Err(ConfigError::new(
                "buswork.toml",
                None,
                "`pyproject.toml` has a `[tool.buswork]` too; keep one of the two".to_owned(),
            )),
            (Some(text), None) => read::own("buswork.toml", &text),
            (None, Some(config)) => Ok(config),
            (None, None) => Ok(Self::default()),
        }
    }

    /// Reads the text of a `pyproject.toml` if `file` is called that, of a `buswork.toml` if not.
    ///
    /// # Errors
    /// If it is not TOML, or has a key or a value that means nothing.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        if file.rsplit('/').next() == Some("pyproject.toml") {
            return Ok(read::project(file, text)?.unwrap_or_default());
        }
        read::own(file, text)
    }

    /// Whether an event is published or handled outside of the code that is read.
    pub fn is_external(&self, event: &Event) -> bool {
        self.external
            .iter()
            .any(|pattern| matches(pattern, &event.id) || matches(pattern, &event.name))
    }

    /// The bounded context of a module, that of the longest pattern if several hold it; none if it
    /// belongs to none.
    pub fn context_of(&self, module: &str) -> Option<&str> {
        let reached = |(name, boundary)| Some((Boundary::reach(boundary, module)?, name));
        let contexts = self.boundaries.iter().filter_map(reached);
        contexts
            .max_by_key(|&(reach, _)| reach)
            .map(|(_, name): (_, &String)| name.as_str())
    }

    /// The patterns of contexts that hold no module with an event, a handler or a site in it, each
    /// behind the name of its context: mistyped, or of code that was not read.
    pub fn unmet(&self, wiring: &Wiring) -> Vec<(&str, &str)> {
        let of_events = wiring.events.iter().map(|event| event.module.as_str());
        let of_handlers = wiring
            .handlers
            .iter()
            .map(|handler| handler.module.as_str());
        let of_sites = wiring
            .publishes
            .iter()
            .map(|publish| publish.module.as_str());
        let others = wiring.modules.iter().map(|module| module.name.as_str());
        let modules: BTreeSet<&str> = of_events
            .chain(of_handlers)
            .chain(of_sites)
            .chain(others)
            .collect();
        let mut unmet = Vec::new();
        for (name, boundary) in &self.boundaries {
            for pattern in &boundary.modules {
                if !modules.iter().any(|module| holds(pattern, module)) {
                    unmet.push((name.as_str(), pattern.as_str()));
                }
            }
        }
        unmet
    }
}

/// Whether a pattern holds a module; `shop.billing.*` holds `shop.billing` itself too.
fn holds(pattern: &str, module: &str) -> bool {
    matches(pattern, module) || pattern.strip_suffix(".*").is_some_and(|own| own == module)
}

impl Boundary {
    /// The length of the longest pattern that holds this module.
    fn reach(&self, module: &str) -> Option<usize> {
        let patterns = self.modules.iter();
        let held = patterns.filter(|pattern| holds(pattern, module));
        held.map(String::len).max()
    }
}

fn read_file(root: &Path, name: &str) -> Result<Option<String>, ConfigError> {
    let path = root.join(name);
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(path);
    text.map(Some)
        .map_err(|error| ConfigError::new(name, None, format!("cannot be read: {error}")))
}
