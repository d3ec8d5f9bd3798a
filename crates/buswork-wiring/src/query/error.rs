//! What is said about a name that fits nothing, or too much.

use std::fmt;

/// How many names an error lists.
const LISTED: usize = 8;

/// A name that fits nothing in the graph, or several things where one is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    /// What was looked for: `event`, `handler`, `module`.
    what: &'static str,
    name: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Unknown { nearest: Vec<String> },
    Several { matches: Vec<String> },
}

impl QueryError {
    pub(super) fn unknown(what: &'static str, name: &str, nearest: Vec<String>) -> Self {
        Self {
            what,
            name: name.to_owned(),
            kind: Kind::Unknown { nearest },
        }
    }

    pub(super) fn several<'a>(
        what: &'static str,
        name: &str,
        matches: impl Iterator<Item = &'a str>,
    ) -> Self {
        let matches = matches.map(str::to_owned).collect();
        Self {
            what,
            name: name.to_owned(),
            kind: Kind::Several { matches },
        }
    }

    /// Whether nothing has that name.
    pub fn is_unknown(&self) -> bool {
        matches!(self.kind, Kind::Unknown { .. })
    }

    /// Whether several things have it.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self.kind, Kind::Several { .. })
    }

    /// The ids that the name may have meant.
    pub fn candidates(&self) -> &[String] {
        match &self.kind {
            Kind::Unknown { nearest } => nearest,
            Kind::Several { matches } => matches,
        }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, name, kind } = self;
        match kind {
            Kind::Unknown { nearest } if nearest.is_empty() => {
                write!(
                    formatter,
                    "no {what} is called `{name}`, and none nearly so"
                )
            }
            Kind::Unknown { nearest } => {
                write!(
                    formatter,
                    "no {what} is called `{name}`; did you mean {}?",
                    or(nearest)
                )
            }
            Kind::Several { matches } => {
                write!(
                    formatter,
                    "`{name}` may be {}: give the {what}'s full id",
                    or(matches)
                )
            }
        }
    }
}

impl std::error::Error for QueryError {}

/// `` `a`, `b` or `c` ``; only so many, and how many more there are.
fn or(names: &[String]) -> String {
    let (shown, rest) = names.split_at(names.len().min(LISTED));
    let mut quoted: Vec<String> = shown.iter().map(|name| format!("`{name}`")).collect();
    if !rest.is_empty() {
        quoted.push(format!("one of {} more", rest.len()));
    }
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
