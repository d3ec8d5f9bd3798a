//! A scenario as it is read. Whatever Rust cannot say, or does not know, is refused.

use std::collections::HashMap;

use buswork::Unhandled;
use serde_json::{Map, Value};

use super::events::EVENT_TYPES;

pub(super) struct Scenario {
    pub(super) bus: Settings,
    /// The names of the event types, each in the place of its number.
    pub(super) types: Vec<String>,
    pub(super) handlers: HashMap<String, Vec<Step>>,
    pub(super) program: Vec<Step>,
    pub(super) trace: Vec<Value>,
}

pub(super) struct Settings {
    pub(super) on_error: Option<Policy>,
    pub(super) unhandled: Option<Unhandled>,
    pub(super) max_depth: Option<u32>,
}

pub(super) enum Step {
    Subscribe {
        label: String,
        event: usize,
        handler: String,
        options: Options,
    },
    Cancel(String),
    Pause(String),
    Resume(String),
    Active(String),
    Clear,
    SetUnhandled(usize, Unhandled),
    Publish {
        event: usize,
        catch: bool,
    },
    Deliver(usize),
    Handlers(usize),
    Fail(String),
}

pub(super) struct Options {
    pub(super) priority: i64,
    pub(super) once: bool,
    pub(super) when: Option<When>,
    pub(super) on_error: Option<Policy>,
}

#[derive(Clone, Copy)]
pub(super) enum When {
    Yes,
    No,
    Fail,
}

#[derive(Clone, Copy)]
pub(super) enum Policy {
    Raise,
    Log,
    Stop,
    Call,
}

impl Scenario {
    pub(super) fn read(name: &str, scenario: Value) -> Self {
        let mut fields = Fields::of(name, scenario);
        assert_eq!(fields.text("routing"), "exact", "{name}");
        fields.text("about");
        fields.flag("rust");
        let types = read_types(name, fields.object("types"));
        let handlers = fields.object("handlers").into_iter();
        let read = Self {
            bus: Settings::read(name, fields.object("bus")),
            handlers: handlers
                .map(|(handler, body)| (handler, read_steps(name, &types, body)))
                .collect(),
            program: read_steps(name, &types, fields.required("program")),
            trace: list(fields.required("trace")),
            types,
        };
        fields.finish();
        read
    }
}

fn read_types(name: &str, types: Map<String, Value>) -> Vec<String> {
    assert!(types.len() <= EVENT_TYPES.len(), "{name}: too many types");
    let described = types.into_iter().map(|(class, description)| {
        assert_eq!(description, Value::Object(Map::new()), "{name}: {class}");
        class
    });
    described.collect()
}

fn read_steps(name: &str, types: &[String], steps: Value) -> Vec<Step> {
    let steps = list(steps).into_iter();
    steps.map(|step| Step::read(name, types, step)).collect()
}

impl Settings {
    fn read(name: &str, settings: Map<String, Value>) -> Self {
        let mut fields = Fields::of(name, settings.into());
        let read = Self {
            on_error: fields.word("on_error", Policy::read),
            unhandled: fields.word("unhandled", read_unhandled),
            max_depth: fields
                .number("max_depth")
                .map(|depth| depth.try_into().unwrap()),
        };
        fields.finish();
        read
    }
}

impl Step {
    fn read(name: &str, types: &[String], step: Value) -> Self {
        let mut fields = Fields::of(name, step);
        let number = |class: String| types.iter().position(|known| *known == class).unwrap();
        let read = match &*fields.text("do") {
            "subscribe" => Self::Subscribe {
                label: fields.text("as"),
                event: number(only(list(fields.required("to")))),
                handler: fields.text("handler"),
                options: Options::read(&mut fields),
            },
            "cancel" => Self::Cancel(fields.text("subscription")),
            "pause" => Self::Pause(fields.text("subscription")),
            "resume" => Self::Resume(fields.text("subscription")),
            "active" => Self::Active(fields.text("subscription")),
            "clear" => Self::Clear,
            "set_unhandled" => Self::SetUnhandled(
                number(fields.text("type")),
                read_unhandled(&fields.text("policy")),
            ),
            "publish" => Self::Publish {
                event: number(fields.text("event")),
                catch: fields.flag("catch"),
            },
            "deliver" => Self::Deliver(number(fields.text("event"))),
            "handlers" => Self::Handlers(number(fields.text("type"))),
            "fail" => Self::Fail(fields.text("with")),
            unknown => panic!("{name}: {unknown:?} is nothing to do in Rust"),
        };
        fields.finish();
        read
    }
}

impl Options {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            priority: fields.number("priority").unwrap_or_default(),
            once: fields.flag("once"),
            when: fields.word("when", When::read),
            on_error: fields.word("on_error", Policy::read),
        }
    }
}

impl When {
    fn read(word: &str) -> Self {
        match word {
            "yes" => Self::Yes,
            "no" => Self::No,
            "fail" => Self::Fail,
            _ => panic!("{word:?} is no predicate"),
        }
    }
}

impl Policy {
    fn read(word: &str) -> Self {
        match word {
            "raise" => Self::Raise,
            "log" => Self::Log,
            "stop" => Self::Stop,
            "call" => Self::Call,
            _ => panic!("{word:?} is no policy for failures"),
        }
    }
}

fn read_unhandled(word: &str) -> Unhandled {
    match word {
        "ignore" => Unhandled::Ignore,
        "warn" => Unhandled::Warn,
        "raise" => Unhandled::Raise,
        _ => panic!("{word:?} is no policy for unhandled events"),
    }
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(members) => members,
        other => panic!("{other} is no list"),
    }
}

fn only(mut types: Vec<Value>) -> String {
    assert_eq!(types.len(), 1, "a subscription in Rust is to one type");
    match types.remove(0) {
        Value::String(class) => class,
        other => panic!("{other} is no type"),
    }
}

/// The members of an object, taken out one after another, so that none is overlooked.
struct Fields<'a> {
    scenario: &'a str,
    left: Map<String, Value>,
}

impl<'a> Fields<'a> {
    fn of(scenario: &'a str, value: Value) -> Self {
        match value {
            Value::Object(left) => Self { scenario, left },
            other => panic!("{scenario}: {other} is no object"),
        }
    }

    fn finish(self) {
        let (scenario, left) = (self.scenario, self.left);
        assert!(left.is_empty(), "{scenario}: not for Rust: {left:?}");
    }

    fn required(&mut self, key: &str) -> Value {
        let value = self.left.remove(key);
        value.unwrap_or_else(|| panic!("{}: {key:?} is missing", self.scenario))
    }

    fn text(&mut self, key: &str) -> String {
        let text = self.optional_text(key);
        text.unwrap_or_else(|| panic!("{}: {key:?} is missing", self.scenario))
    }

    fn optional_text(&mut self, key: &str) -> Option<String> {
        let text = self.left.remove(key)?;
        Some(text.as_str().unwrap().to_owned())
    }

    fn word<W>(&mut self, key: &str, read: fn(&str) -> W) -> Option<W> {
        self.optional_text(key).map(|word| read(&word))
    }

    fn number(&mut self, key: &str) -> Option<i64> {
        let number = self.left.remove(key)?;
        Some(number.as_i64().unwrap())
    }

    fn flag(&mut self, key: &str) -> bool {
        let flag = self.left.remove(key);
        flag.is_some_and(|flag| flag.as_bool().unwrap())
    }

    /// An object, empty where it is missing.
    fn object(&mut self, key: &str) -> Map<String, Value> {
        match self.left.remove(key) {
            None => Map::new(),
            Some(value) => Fields::of(self.scenario, value).left,
        }
    }
}
