//! The file: what stands in it, and its way there and back.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::io;

use serde::{Deserialize, Serialize};
use serde_json::ser::Formatter;

use crate::graph::{Subscription, Wiring};
use crate::routes::never;
use crate::text::printable;

/// The name and version of the form. A reader refuses what has another.
pub const SCHEMA: &str = "buswork-wiring-lock/1";

const ABOUT: &str = "Who publishes an event, who handles it, and what follows. Written by `buswork \
wiring lock`, not by hand; `buswork wiring --check --locked` holds the code against it.";

/// A lock file's contents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// [`SCHEMA`].
    pub schema: String,
    /// What this file is, for people who come across it.
    #[serde(default)]
    pub about: String,
    /// Who publishes.
    pub publishes: BTreeSet<Publishes>,
    /// Who handles.
    pub subscriptions: BTreeSet<Subscribes>,
    /// What follows.
    pub cascades: BTreeSet<Cascades>,
}

/// A function publishes an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publishes {
    /// Id of the event.
    pub event: String,
    /// The function.
    #[serde(rename = "published by")]
    pub function: String,
}

/// A handler is subscribed to an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribes {
    /// Id of the event.
    pub event: String,
    /// Id of the handler.
    #[serde(rename = "handled by")]
    pub handler: String,
    /// As written; empty without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub priority: String,
    /// As written; empty without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub once: String,
    /// Whether subclasses are kept out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub exact: bool,
    /// Whether this subscription never comes about.
    #[serde(default, skip_serializing_if = "is_false")]
    pub never: bool,
}

/// A handler publishes an event in turn.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cascades {
    /// Id of the handler.
    pub handler: String,
    /// Id of the event.
    #[serde(rename = "publishes")]
    pub event: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Lock {
    /// What a lock file of this graph holds.
    pub fn of(wiring: &Wiring) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            about: ABOUT.to_owned(),
            publishes: wiring
                .publishes
                .iter()
                .map(|publish| Publishes {
                    event: publish.event.clone(),
                    function: publish.function.clone(),
                })
                .collect(),
            subscriptions: wiring
                .subscriptions
                .iter()
                .map(|subscription| Subscribes::of(wiring, subscription))
                .collect(),
            cascades: wiring
                .cascades
                .iter()
                .map(|cascade| Cascades {
                    handler: cascade.handler.clone(),
                    event: cascade.event.clone(),
                })
                .collect(),
        }
    }
}

impl Subscribes {
    fn of(wiring: &Wiring, subscription: &Subscription) -> Self {
        let option = |name: &str| {
            let mut options = subscription.options.iter();
            let given = options.find(|(option, _)| option == name);
            given.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        Self {
            event: subscription.event.clone(),
            handler: subscription.handler.clone(),
            priority: option("priority"),
            once: option("once"),
            exact: subscription.exact,
            never: never(wiring, subscription).is_some(),
        }
    }
}

/// The text of the lock file of a graph.
pub fn write(wiring: &Wiring) -> String {
    let lock = Lock::of(wiring);
    let mut text = format!(
        "{{\n  \"schema\": {},\n  \"about\": {}",
        json(SCHEMA),
        json(ABOUT)
    );
    list(&mut text, "publishes", &lock.publishes);
    list(&mut text, "subscriptions", &lock.subscriptions);
    list(&mut text, "cascades", &lock.cascades);
    text.push_str("\n}\n");
    text
}

fn list<T: Serialize>(text: &mut String, name: &str, edges: &BTreeSet<T>) {
    let lines: Vec<String> = edges
        .iter()
        .map(|edge| format!("\n    {}", json(edge)))
        .collect();
    let end = if lines.is_empty() { "" } else { "\n  " };
    let _ = write!(text, ",\n  \"{name}\": [{}{end}]", lines.join(","));
}

fn json<T: Serialize + ?Sized>(value: &T) -> String {
    let mut text = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut text, OnOneLine);
    value
        .serialize(&mut writer)
        .expect("strings and flags can be written to memory");
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// A blank behind each comma and each colon.
struct OnOneLine;

impl Formatter for OnOneLine {
    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first {
            Ok(())
        } else {
            writer.write_all(b", ")
        }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// Reads the text of a lock file.
///
/// # Errors
/// If it is no lock file, or one of another version.
pub fn read(text: &str) -> Result<Lock, LockError> {
    let lock: Lock = serde_json::from_str(text).map_err(|error| {
        LockError(format!(
            "this is no lock file of the wiring: {error}; write it anew"
        ))
    })?;
    if lock.schema != SCHEMA {
        let schema = printable(&lock.schema);
        return Err(LockError(format!(
            "the lock file is of the form `{schema}`, and this reads `{SCHEMA}`; write it anew"
        )));
    }
    Ok(lock)
}

/// Why a lock file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockError(String);

impl fmt::Display for LockError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for LockError {}
