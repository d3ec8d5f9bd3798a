//! How a bus is spoken to, as data: what its classes are called, which calls publish, which
//! subscribe, and where in a call the event and the handler stand.
//!
//! The presets are written in the same form as a project's own adapters, in
//! `[[tool.buswork.wiring.adapter]]`:
//!
//! ```
//! let adapter: buswork_wiring::adapters::Adapter = toml::from_str(r#"
//!     name = "beets"
//!     events = "name"
//!     publish = [{ call = "beets.plugins.send", event = 0 }]
//!     subscribe = [{ call = "beets.plugins.BeetsPlugin.register_listener", event = 0, handler = 1 }]
//! "#).unwrap();
//! assert_eq!(adapter.publish[0].call, "beets.plugins.send");
//! ```

use serde::{Deserialize, Serialize};

/// What a bus calls publishing and subscribing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Adapter {
    /// What it is called in results.
    pub name: String,
    /// Dotted paths of the classes whose objects are buses (subclasses count), and of functions
    /// that give one: `pyee.EventEmitter`, `blinker.signal`.
    #[serde(default)]
    pub buses: Vec<String>,
    /// Last names of receivers that are taken for a bus when nothing else is known of them. Edges
    /// found so are `inferred`.
    #[serde(default)]
    pub receivers: Vec<String>,
    /// What names an event.
    #[serde(default)]
    pub events: Key,
    /// Whether handlers of a base class get the events of its subclasses.
    #[serde(default)]
    pub bases: bool,
    /// Whether the name of a class stands for it, with `events = "any"`: `bus.on("OrderPlaced", …)`.
    #[serde(default)]
    pub class_names: bool,
    /// Which of `buses` are functions that give the same signal whenever they are called with the same
    /// name: `blinker.signal`. As methods, that holds for each object of its own.
    #[serde(default)]
    pub named: Vec<String>,
    /// Signals that a package outside has, and publishes itself: their dotted paths, or patterns of
    /// them. What a package offers a second time, higher up, is the same one: `flask.request_started`
    /// is `flask.signals.request_started`.
    #[serde(default)]
    pub external: Vec<String>,
    /// Names that stand for every event: `"*"`.
    #[serde(default)]
    pub any: Vec<String>,
    /// Calls that publish: the name of a method of a bus, or the dotted path of a function.
    #[serde(default)]
    pub publish: Vec<Verb>,
    /// Calls and decorators that subscribe.
    #[serde(default)]
    pub subscribe: Vec<Verb>,
    /// Decorators that mark methods as handlers, which subscribe when their object is included.
    #[serde(default)]
    pub marks: Vec<Verb>,
    /// Methods of a bus that an object with marks is handed to. Where none is named, every mark counts.
    #[serde(default)]
    pub include: Vec<String>,
    /// Methods that are handlers by their name.
    #[serde(default)]
    pub conventions: Vec<Convention>,
}

/// What names an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Key {
    /// Its class.
    #[default]
    Class,
    /// A string, a constant, a member of an enumeration.
    Name,
    /// The object that the method is called on.
    Signal,
    /// A class or a name, whatever is there.
    Any,
}

/// A call that publishes or subscribes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Verb {
    /// A method's name, `"*"` for any, or the dotted path of a function.
    pub call: String,
    /// Where the event stands: the index of an argument, `"all"` arguments, the `"receiver"`,
    /// or the `"method"`, which is the event by its name.
    #[serde(default)]
    pub event: Place,
    /// The keyword that may name the event instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_keyword: Option<String>,
    /// Where the handler stands: the index of an argument, or `"decorated"`. A call without a handler
    /// there is a decorator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<Place>,
    /// The keyword that may name the handler instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler_keyword: Option<String>,
    /// A keyword that gives a topic, by which the event is routed instead of by its class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_keyword: Option<String>,
}

/// A place in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a place in a call is the index of an argument, from 0, or one of \"all\", \
                 \"receiver\", \"decorated\", \"annotation\" and \"method\""
)]
pub enum Place {
    /// The argument of this index, from 0.
    Argument(usize),
    /// Somewhere else.
    Special(Special),
}

/// A place that is no single argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Special {
    /// Every positional argument.
    All,
    /// The object that the method is called on.
    Receiver,
    /// The function under the decorator; for an event, the function's name.
    Decorated,
    /// The annotation of the handler's parameter.
    Annotation,
    /// The name of the called method itself: `manager.hook.order_placed(order)`.
    Method,
}

impl Default for Place {
    fn default() -> Self {
        Self::Argument(0)
    }
}

/// Methods that are handlers by their name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Convention {
    /// Dotted paths of the classes whose subclasses follow it.
    pub classes: Vec<String>,
    /// The method's name, with `{event}` for the name of the event: `on_{event}`.
    pub method: String,
}

const PRESETS: &[&str] = &[
    include_str!("presets/buswork.toml"),
    include_str!("presets/blinker.toml"),
    include_str!("presets/pyee.toml"),
    include_str!("presets/pluggy.toml"),
    include_str!("presets/psygnal.toml"),
    include_str!("presets/bubus.toml"),
    include_str!("presets/django.toml"),
    include_str!("presets/pydispatch.toml"),
    include_str!("presets/pymitter.toml"),
    include_str!("presets/lato.toml"),
    include_str!("presets/qt.toml"),
];

/// The adapters that come with the tool. Buses that a project wrote by hand need none: they are
/// recognised by what they do.
///
/// # Panics
/// Never: that the presets can be read is tested.
pub fn presets() -> Vec<Adapter> {
    PRESETS
        .iter()
        .map(|text| toml::from_str(text).expect("a preset can be read"))
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn presets_can_be_read() {
        let names: Vec<_> = super::presets()
            .into_iter()
            .map(|adapter| adapter.name)
            .collect();
        assert_eq!(names.len(), super::PRESETS.len());
        assert!(names.contains(&"blinker".to_owned()));
    }
}
