//! What the rules found, in the form that is drawn.

use crate::graph::{Location, Step};
pub use crate::rules::Severity;

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The rule's code, `BW101`.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub location: Option<Location>,
    /// Ids of the events and handlers that it is about.
    pub names: Vec<String>,
    /// The way there: the round of a cycle, the calls to what blocks.
    pub path: Vec<Step>,
    /// What stays the same when lines move: made from the rule and the names.
    pub fingerprint: String,
    /// How to mend it.
    pub help: String,
}

/// What there is to say about a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// Its code, `BW101`.
    pub code: String,
    /// Its name, `event-cycle`.
    pub name: String,
    /// What it finds, in one line.
    pub summary: String,
    /// Why that is wrong, and how to mend it.
    pub help: String,
}

/// A remark beside an event or a handler in a drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Id of the event or handler.
    pub id: String,
    /// Of a handler: ids of the events beside which it is said; none for all that it gets.
    pub events: Vec<String>,
    /// What to say.
    pub text: String,
}
