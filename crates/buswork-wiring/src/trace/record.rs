//! The records of a trace, one a line.

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::graph::{Location, Step};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Record {
    /// The first line of each file.
    Trace(Header),
    /// A publish.
    Event(Event),
    /// The end of a delivery.
    Delivery(Delivery),
    /// Edges that were seen until then, in this file and those before.
    Edges(Edges),
}

/// What a file begins with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Header {
    /// [`SCHEMA`](super::SCHEMA).
    pub schema: String,
    /// The same in all files of a trace.
    #[serde(deserialize_with = "id")]
    pub trace: u128,
    /// The number of the process.
    #[serde(default)]
    pub process: u32,
    /// When the file was begun, in nanoseconds since 1970.
    #[serde(default)]
    pub began: u64,
}

/// How an event was given to the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// By a publish.
    Publish,
    /// By a deliver.
    Deliver,
    /// By a post.
    Post,
}

/// A publish.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// The event's own id.
    #[serde(deserialize_with = "id")]
    pub id: u128,
    /// The id of the event whose handler published this one.
    #[serde(deserialize_with = "id_or_null")]
    pub causation: Option<u128>,
    /// The id of the event that all this began with.
    #[serde(deserialize_with = "id")]
    pub correlation: u128,
    /// The event's type: an [`id`](crate::graph::Event::id) of the graph.
    pub event: String,
    /// The topic that it was published to.
    #[serde(default)]
    pub topic: Option<String>,
    /// How it was given to the bus.
    pub verb: Verb,
    /// Where.
    #[serde(deserialize_with = "site")]
    pub site: Option<Step>,
    /// The handler that published it: an [`id`](crate::graph::Handler::id) of the graph.
    pub cause: Option<String>,
    /// When, in nanoseconds since 1970.
    pub at: u64,
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The handler returned.
    Ok,
    /// It failed.
    Failed,
    /// It was not called.
    Skipped,
    /// It was cancelled while it waited for something.
    Cancelled,
}

/// The end of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Delivery {
    /// The id of the event.
    #[serde(deserialize_with = "id")]
    pub event: u128,
    /// The handler: an [`id`](crate::graph::Handler::id) of the graph.
    pub handler: String,
    /// What the subscription is called.
    pub name: String,
    /// What it is subscribed to.
    #[serde(default)]
    pub subscribed: Vec<String>,
    /// The number of the subscription on its bus.
    #[serde(default)]
    pub subscription: u64,
    /// The file in which the handler begins.
    #[serde(default)]
    pub file: Option<String>,
    /// The line where it begins.
    #[serde(default)]
    pub line: Option<u32>,
    /// Nanoseconds from the publish to the handler's start.
    pub wait: u64,
    /// Nanoseconds from the handler's start to its end.
    pub run: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was skipped.
    #[serde(default)]
    pub reason: Option<String>,
    /// The class of the error that it failed with.
    #[serde(default)]
    pub error: Option<String>,
}

impl Delivery {
    /// Where the handler begins, if that is known.
    pub fn location(&self) -> Option<Location> {
        location(self.file.as_ref(), self.line)
    }
}

/// Edges that were seen until then, each with how often.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Edges {
    /// How many records had an edge for which there was no room.
    #[serde(default)]
    pub more: u64,
    /// Place → event.
    #[serde(default)]
    pub publishes: Vec<Published>,
    /// Event → handler.
    #[serde(default)]
    pub deliveries: Vec<Delivered>,
    /// Handler → event.
    #[serde(default)]
    pub cascades: Vec<Cascade>,
}

/// A place that published an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Published {
    /// The event's type.
    pub event: String,
    /// Where; none where that was not known.
    #[serde(deserialize_with = "site")]
    pub site: Option<Step>,
    /// How often.
    #[serde(default)]
    pub count: u64,
}

/// An event that was delivered to a handler, or would have been: skipped deliveries count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Delivered {
    /// The event's type.
    pub event: String,
    /// The handler.
    pub handler: String,
    /// What the subscription is called.
    pub name: String,
    /// What it is subscribed to.
    #[serde(default)]
    pub subscribed: Vec<String>,
    /// The file in which the handler begins.
    #[serde(default)]
    pub file: Option<String>,
    /// The line where it begins.
    #[serde(default)]
    pub line: Option<u32>,
    /// How often.
    #[serde(default)]
    pub count: u64,
}

impl Delivered {
    /// Where the handler begins, if that is known.
    pub fn location(&self) -> Option<Location> {
        location(self.file.as_ref(), self.line)
    }
}

/// A handler that published an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Cascade {
    /// The handler.
    pub handler: String,
    /// The type of the event that it published.
    pub event: String,
    /// How often.
    #[serde(default)]
    pub count: u64,
}

fn location(file: Option<&String>, line: Option<u32>) -> Option<Location> {
    Some(Location {
        file: file?.clone(),
        line: line?,
    })
}

#[derive(Deserialize)]
struct Site {
    function: String,
    file: String,
    line: u32,
}

fn site<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Step>, D::Error> {
    let site = Option::<Site>::deserialize(deserializer)?;
    Ok(site.map(
        |Site {
             function,
             file,
             line,
         }| Step {
            function,
            location: Location { file, line },
        },
    ))
}

fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
    parse(&String::deserialize(deserializer)?)
}

fn id_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u128>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| parse(&text)).transpose()
}

fn parse<E: Error>(text: &str) -> Result<u128, E> {
    // `from_str_radix` takes a sign as well.
    let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = is_id.then(|| u128::from_str_radix(text, 16).ok()).flatten();
    id.ok_or_else(|| E::custom("an id is 32 hexadecimal digits"))
}
