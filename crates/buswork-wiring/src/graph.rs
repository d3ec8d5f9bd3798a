//! The graph: who publishes, who handles, what follows. All that is drawn, checked, compared and
//! written as JSON is read from here.
//!
//! Every list is sorted, so that two scans of the same code give the same bytes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::routes::Routes;

/// The name and version of the JSON form. A reader refuses what has another number.
pub const SCHEMA: &str = "buswork-wiring/1";

/// How sure an edge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Both ends stand in the code: the event and the handler are named where the edge is made.
    Certain,
    /// Found along assignments, calls, annotations or a convention.
    Inferred,
    /// One of several, a template, or a matching name only.
    Possible,
}

impl fmt::Display for Grade {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Certain => "certain",
            Self::Inferred => "inferred",
            Self::Possible => "possible",
        })
    }
}

/// A place in a file. The path is relative to the root of the scan, with `/`; lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The file.
    pub file: String,
    /// The line.
    pub line: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)
    }
}

/// A place within a function: a step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Step {
    /// The function that the place is in, `module:qualname`; `module:` for the module itself.
    pub function: String,
    /// The place.
    pub location: Location,
}

/// What sort of thing names an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A class; its instances are the events.
    Class,
    /// A string, a constant or a member of an enumeration.
    Name,
    /// A signal object.
    Signal,
    /// A topic, or a pattern of topics.
    Topic,
    /// A string with parts known only at run time, written `konnected.{}.update`.
    Template,
    /// Every event there is: a wildcard.
    Any,
}

/// A field of an event class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its annotation as written; empty without one.
    pub annotation: String,
}

/// An event: the thing that is published and subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `module.qualname` of a class or a signal, the text of a name.
    pub id: String,
    /// What people call it: the last part.
    pub name: String,
    /// What names it.
    pub kind: EventKind,
    /// The module that defines it; empty for a name.
    pub module: String,
    /// Where it is defined; none for what is not in the code that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The first paragraph of its docstring.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// Its fields, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Ids of all its ancestors that are events too, nearest first: their handlers get it as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bases: Vec<String>,
    /// Whether its instances cannot be changed (a frozen data class, a named tuple, an enumeration);
    /// none where that cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<bool>,
    /// Indices into [`Wiring::publishes`].
    #[serde(default)]
    pub published_by: Vec<usize>,
    /// Indices into [`Wiring::subscriptions`], those of its bases, wildcards, and patterns that it
    /// matches among them; [`Routes`] tells by what right each gets it.
    #[serde(default)]
    pub handled_by: Vec<usize>,
}

impl Event {
    /// Whether it is a class or a signal of a package that was not read, such as the `post_save` of an
    /// ORM: what publishes it is as a rule that package.
    pub fn is_from_outside(&self) -> bool {
        let is_defined = matches!(self.kind, EventKind::Class | EventKind::Signal);
        is_defined && self.location.is_none()
    }
}

/// A place that publishes an event: one edge from a function to an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    /// Id of the event.
    pub event: String,
    /// The function that names the event, `module:qualname`; `module:` for the module itself.
    pub function: String,
    /// The function's module.
    pub module: String,
    /// The line that names the event.
    pub location: Location,
    /// The called method or function, as written: `publish`, `post`, `emit`; `construct` for an
    /// event that is made here and was not seen entering a bus.
    pub verb: String,
    /// The adapter that knows the verb.
    pub adapter: String,
    /// How sure.
    pub grade: Grade,
    /// Why not `certain`; empty if it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Where the event goes on from here, when it is handed to a wrapper: the last is the call of the
    /// bus itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<Step>,
    /// Where the event is made, when that is elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made_at: Vec<Location>,
    /// Whether the publisher awaits its handlers.
    #[serde(default, skip_serializing_if = "is_false")]
    pub awaited: bool,
}

/// What sort of callable a handler is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HandlerKind {
    /// A function of a module.
    Function,
    /// A method, bound to an object or a class.
    Method,
    /// A function within a function.
    Nested,
    /// A lambda.
    Lambda,
    /// An object that can be called.
    Object,
    /// Not in the code that was read.
    External,
}

/// A call that blocks the thread, found in an async handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocking {
    /// What is called, `time.sleep`.
    pub call: String,
    /// The way there, the first step in the handler itself, the last the call.
    pub path: Vec<Step>,
}

/// A handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handler {
    /// `module:qualname`; what the bus calls it by default, too. Of several that share a name, such as
    /// lambdas, all but the first have their number behind it: `shop:<lambda>#2`.
    pub id: String,
    /// What people call it: the qualified name, with that number.
    pub name: String,
    /// Its module.
    pub module: String,
    /// What it is.
    pub kind: HandlerKind,
    /// Where it is defined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The first paragraph of its docstring.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// Whether it is a coroutine function.
    #[serde(default, skip_serializing_if = "is_false", rename = "async")]
    pub is_async: bool,
    /// Name of the parameter that takes the event.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub parameter: String,
    /// The annotation of that parameter as written; empty without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub annotation: String,
    /// Ids of the events that the annotation allows; empty when it could not be resolved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepts: Vec<String>,
    /// What is wrong with its parameters, if it cannot take one event: "takes no argument".
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub misfit: String,
    /// Ids of the events that it declares to publish: `@handles(A, publishes=[B])`; none without a
    /// declaration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declares: Option<Vec<String>>,
    /// Where it changes the event that it got.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mutates: Vec<Location>,
    /// Calls that block, when it is async.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocking: Vec<Blocking>,
}

/// A handler subscribed to an event: one edge from an event to a handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Id of the event.
    pub event: String,
    /// Id of the handler.
    pub handler: String,
    /// The function that subscribes it, `module:qualname`; `module:` for the module itself.
    pub function: String,
    /// The function's module.
    pub module: String,
    /// Where it is subscribed.
    pub location: Location,
    /// How: `subscribe`, `on`, `handles`, `table`, `convention`, or the verb of an adapter.
    pub verb: String,
    /// The adapter that knows the verb.
    pub adapter: String,
    /// How sure.
    pub grade: Grade,
    /// Why not `certain`; empty if it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Options that are given, as written: `priority` → `10`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<(String, String)>,
    /// Whether subclasses of the event are kept out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub exact: bool,
    /// Why this subscription never comes about: "`CrashWatchdog` is never built"; empty if it does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub never: String,
    /// What keeps it apart from others that the same function makes: "branch 2", "on `audit_bus`". Two
    /// of them that say the same come about together; empty for most.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub apart: String,
}

/// A handler that publishes an event in turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cascade {
    /// Id of the handler.
    pub handler: String,
    /// Id of the event that it publishes.
    pub event: String,
    /// How sure.
    pub grade: Grade,
    /// From the handler to the place that publishes: the first step lies in the handler, the last is
    /// the publish itself.
    pub path: Vec<Step>,
    /// Whether the handler waits until that event is handled.
    #[serde(default, skip_serializing_if = "is_false")]
    pub awaited: bool,
}

/// A site whose event or handler could not be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unresolved {
    /// `publish` or `subscribe`.
    pub site: SiteKind,
    /// The function it is in.
    pub function: String,
    /// Where.
    pub location: Location,
    /// The called method or function, as written.
    pub verb: String,
    /// The adapter that knows the verb.
    pub adapter: String,
    /// Why.
    pub reason: String,
}

/// What a site does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SiteKind {
    /// It publishes.
    Publish,
    /// It subscribes.
    Subscribe,
}

/// Something that could not be read. The scan goes on without it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// The file or folder.
    pub file: String,
    /// The line; 0 for the whole file.
    pub line: u32,
    /// What is wrong, and what was done about it.
    pub message: String,
}

/// What the message of a [`Problem`] is when a file is in an old encoding, and was read all the same.
pub const READ_AS_LATIN: &str = "is not UTF-8; it was read as Latin-1";

impl Problem {
    /// Whether something was left out because of it: not for a file in an old encoding.
    pub fn is_loss(&self) -> bool {
        self.message != READ_AS_LATIN
    }
}

/// A comment that asks to overlook a rule: `# buswork: ignore[BW001] heard by the billing service`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoreComment {
    /// Where it stands.
    pub location: Location,
    /// The rules' codes.
    pub codes: Vec<String>,
    /// The reason given; empty without one.
    pub reason: String,
    /// The code that it speaks of; none where only its own place is known: it speaks of that line, or
    /// of the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
}

/// The code that a comment speaks of, in lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// That which it stands behind, or the first below it and below other comments.
    pub line: u32,
    /// The first of the statement; of a function or a class, its first decorator.
    pub first: u32,
    /// The last of the statement; of a function or a class, that with the colon.
    pub last: u32,
    /// That of `def` or `class`; 0 for another statement.
    pub definition: u32,
}

/// How many sites were found, and how they were resolved: the share of the truth that is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Sites in all. A site counts once, under its weakest edge.
    pub sites: usize,
    /// Resolved for certain.
    pub certain: usize,
    /// Inferred.
    pub inferred: usize,
    /// Possible only.
    pub possible: usize,
    /// Not resolved; listed in [`Wiring::unresolved`].
    pub unresolved: usize,
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Paths as asked for, relative to the root.
    pub paths: Vec<String>,
    /// Files of Python.
    pub python_files: usize,
    /// Files of Rust.
    pub rust_files: usize,
    /// Lines in all.
    pub lines: usize,
}

/// A module that was read: for entry points, and for who imports whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// Its dotted name.
    pub name: String,
    /// Its file.
    pub file: String,
    /// Whether some entry point imports it, directly or not; none when there is no entry point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<bool>,
}

/// The whole graph.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wiring {
    /// [`SCHEMA`].
    pub schema: String,
    /// Where it comes from: `code` (read) or `bus` (what is subscribed at run time).
    pub source: String,
    /// What was read.
    pub scope: Scope,
    /// How much was resolved, of the places that publish.
    pub publish_coverage: Coverage,
    /// How much was resolved, of the places that subscribe.
    pub subscribe_coverage: Coverage,
    /// All events, sorted by id.
    pub events: Vec<Event>,
    /// All handlers, sorted by id.
    pub handlers: Vec<Handler>,
    /// Function → event, sorted by event and place.
    pub publishes: Vec<Publish>,
    /// Event → handler, sorted by event, handler and place.
    pub subscriptions: Vec<Subscription>,
    /// Handler → event, sorted by handler and event.
    pub cascades: Vec<Cascade>,
    /// Sites that could not be resolved, sorted by place.
    pub unresolved: Vec<Unresolved>,
    /// What could not be read, sorted.
    pub problems: Vec<Problem>,
    /// Modules with events, handlers or sites in them, sorted by name.
    #[serde(default)]
    pub modules: Vec<Module>,
    /// Comments that ask to overlook a rule, sorted by place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignores: Vec<IgnoreComment>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Wiring {
    /// An empty graph of what is read from code.
    pub fn of_code() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            source: "code".to_owned(),
            ..Self::default()
        }
    }

    /// Adds what another reader found.
    pub fn extend(&mut self, other: Self) {
        self.scope.python_files += other.scope.python_files;
        self.scope.rust_files += other.scope.rust_files;
        self.scope.lines += other.scope.lines;
        self.publish_coverage.add(other.publish_coverage);
        self.subscribe_coverage.add(other.subscribe_coverage);
        self.events.extend(other.events);
        self.handlers.extend(other.handlers);
        self.publishes.extend(other.publishes);
        self.subscriptions.extend(other.subscriptions);
        self.cascades.extend(other.cascades);
        self.unresolved.extend(other.unresolved);
        self.problems.extend(other.problems);
        self.modules.extend(other.modules);
        self.ignores.extend(other.ignores);
    }

    /// Sorts every list, drops what stands there twice, and works out each event's
    /// [`published_by`](Event::published_by) and [`handled_by`](Event::handled_by).
    pub fn finish(&mut self) {
        self.events.sort_by(|a, b| a.id.cmp(&b.id));
        self.events.dedup_by(|a, b| a.id == b.id);
        self.handlers.sort_by(|a, b| a.id.cmp(&b.id));
        self.handlers.dedup_by(|a, b| a.id == b.id);
        self.publishes.sort_by(|a, b| {
            (&a.event, &a.location, &a.function, a.grade).cmp(&(
                &b.event,
                &b.location,
                &b.function,
                b.grade,
            ))
        });
        self.publishes.dedup_by(|a, b| {
            (&a.event, &a.location, &a.function) == (&b.event, &b.location, &b.function)
        });
        self.subscriptions.sort_by(|a, b| {
            (&a.event, &a.handler, &a.location).cmp(&(&b.event, &b.handler, &b.location))
        });
        self.cascades.sort_by(|a, b| {
            (&a.handler, &a.event, a.grade, &a.path).cmp(&(&b.handler, &b.event, b.grade, &b.path))
        });
        self.cascades
            .dedup_by(|a, b| a.handler == b.handler && a.event == b.event);
        self.unresolved.sort_by(|a, b| {
            (&a.location, a.site, &a.verb, &a.reason).cmp(&(
                &b.location,
                b.site,
                &b.verb,
                &b.reason,
            ))
        });
        self.unresolved.dedup();
        self.problems.sort();
        self.problems.dedup();
        self.modules.sort_by(|a, b| a.name.cmp(&b.name));
        self.ignores.sort_by(|a, b| a.location.cmp(&b.location));
        self.link();
    }

    fn link(&mut self) {
        for event in &mut self.events {
            let first = self
                .publishes
                .partition_point(|publish| publish.event < event.id);
            let end = self
                .publishes
                .partition_point(|publish| publish.event <= event.id);
            event.published_by = (first..end).collect();
        }
        let routes = Routes::of(self);
        for (number, event) in self.events.iter_mut().enumerate() {
            event.handled_by = routes
                .to(number)
                .iter()
                .map(|route| route.subscription)
                .collect();
        }
    }

    /// The event with this id.
    pub fn event(&self, id: &str) -> Option<&Event> {
        let index = self
            .events
            .binary_search_by(|event| event.id.as_str().cmp(id))
            .ok()?;
        Some(&self.events[index])
    }

    /// The handler with this id.
    pub fn handler(&self, id: &str) -> Option<&Handler> {
        let index = self
            .handlers
            .binary_search_by(|handler| handler.id.as_str().cmp(id))
            .ok()?;
        Some(&self.handlers[index])
    }

    /// The events that a handler publishes, itself or through what it calls.
    pub fn cascades_of<'a>(&'a self, handler: &'a str) -> impl Iterator<Item = &'a Cascade> {
        let first = self
            .cascades
            .partition_point(|cascade| cascade.handler.as_str() < handler);
        self.cascades[first..]
            .iter()
            .take_while(move |cascade| cascade.handler == handler)
    }
}

impl Subscription {
    /// Whether an event of this kind gets to the handler: its own, one of a base class, or a
    /// wildcard.
    pub fn takes(&self, event: &Event) -> bool {
        self.event == event.id || (!self.exact && event.bases.contains(&self.event))
    }
}

impl Coverage {
    /// Counts one site, under its weakest edge; none for an unresolved one.
    pub fn count(&mut self, grade: Option<Grade>) {
        self.sites += 1;
        match grade {
            Some(Grade::Certain) => self.certain += 1,
            Some(Grade::Inferred) => self.inferred += 1,
            Some(Grade::Possible) => self.possible += 1,
            None => self.unresolved += 1,
        }
    }

    fn add(&mut self, other: Self) {
        self.sites += other.sites;
        self.certain += other.certain;
        self.inferred += other.inferred;
        self.possible += other.possible;
        self.unresolved += other.unresolved;
    }
}
