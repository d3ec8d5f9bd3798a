//! A finding: one thing that is wrong, where, and how to mend it.

use std::fmt;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::Rule;
use crate::config::{Config, Level};
use crate::graph::{Location, Step};
use crate::text::printable;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a look.
    Info,
    /// Probably wrong.
    Warning,
    /// Wrong.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's code.
    pub rule: &'static str,
    /// How bad.
    pub severity: Severity,
    /// One sentence, safe to print.
    pub message: String,
    /// Where.
    pub location: Location,
    /// Ids of the events concerned, the foremost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Ids of the handlers concerned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub handlers: Vec<String>,
    /// Other functions concerned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
    /// The places along which it comes about, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<Step>,
    /// How to mend it, safe to print.
    pub fix: String,
    /// Stays the same when code moves: made from the rule and the names.
    pub fingerprint: String,
    /// Other places where a comment may ask to overlook this: definitions of what is concerned.
    #[serde(skip)]
    pub(super) anchors: Vec<Location>,
    /// What tells it from others with the same rule and names.
    #[serde(skip)]
    pub(super) mark: String,
}

impl Finding {
    pub(super) fn new(
        rule: &'static Rule,
        severity: Severity,
        location: Location,
        message: String,
    ) -> Self {
        Self {
            rule: rule.code,
            severity,
            message,
            location,
            events: Vec::new(),
            handlers: Vec::new(),
            functions: Vec::new(),
            path: Vec::new(),
            fix: rule.fix.to_owned(),
            fingerprint: String::new(),
            anchors: Vec::new(),
            mark: String::new(),
        }
    }

    pub(super) fn event(mut self, id: &str) -> Self {
        self.events.push(id.to_owned());
        self
    }

    pub(super) fn handler(mut self, id: &str) -> Self {
        self.handlers.push(id.to_owned());
        self
    }

    pub(super) fn function(mut self, id: &str) -> Self {
        self.functions.push(id.to_owned());
        self
    }

    pub(super) fn path(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.path.extend(steps);
        self
    }

    pub(super) fn fix(mut self, fix: String) -> Self {
        self.fix = fix;
        self
    }

    pub(super) fn anchor(mut self, location: Option<&Location>) -> Self {
        self.anchors.extend(location.cloned());
        self
    }

    pub(super) fn mark(mut self, mark: &str) -> Self {
        mark.clone_into(&mut self.mark);
        self
    }

    /// Takes on the weight that the project gives to the rule; false if that is none. A finding that
    /// is unsure never gets heavier by it.
    pub(super) fn weigh(&mut self, config: &Config) -> bool {
        let Some(&level) = config.severity.get(self.rule) else {
            return true;
        };
        let asked = match level {
            Level::Off => return false,
            Level::Info => Severity::Info,
            Level::Warning => Severity::Warning,
            Level::Error => Severity::Error,
        };
        let is_sure = super::rule(self.rule).is_some_and(|rule| self.severity >= rule.severity);
        self.severity = if is_sure {
            asked
        } else {
            self.severity.min(asked)
        };
        true
    }

    fn names(&self) -> String {
        let lists = [&self.events, &self.handlers, &self.functions];
        let lists = lists.map(|names| names.join("\u{1}"));
        [self.rule, &lists.join("\u{2}"), &self.mark].join("\u{3}")
    }
}

/// Sorts findings by place, and gives each its fingerprint; those of the same names are told apart
/// by their order.
pub(super) fn finish(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        (&a.location, a.rule, &a.events, &a.handlers, &a.message).cmp(&(
            &b.location,
            b.rule,
            &b.events,
            &b.handlers,
            &b.message,
        ))
    });
    let mut seen: FxHashMap<String, usize> = FxHashMap::default();
    for finding in findings {
        let names = finding.names();
        let nth = seen.entry(names.clone()).or_default();
        *nth += 1;
        finding.fingerprint = format!("{:016x}", xxh3_64(format!("{names}\u{4}{nth}").as_bytes()));
    }
}

/// `shop/orders.py:12: warning BW001: OrderPlaced is published, but nobody handles it`, the path
/// below it, and how to mend it.
impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.location.to_string();
        write!(
            formatter,
            "{}: {} {}: {}",
            printable(&place),
            self.severity,
            self.rule,
            self.message
        )?;
        for step in &self.path {
            let place = step.location.to_string();
            write!(
                formatter,
                "\n    {}  {}",
                printable(&place),
                printable(&step.function)
            )?;
        }
        write!(formatter, "\n    fix: {}", self.fix)
    }
}
