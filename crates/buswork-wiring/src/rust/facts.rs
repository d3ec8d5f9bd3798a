//! What the bodies of functions do: calls, publishes, subscriptions, calls that block.

use std::rc::Rc;

use super::types::{Index, Ty};

/// A line of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) source: usize,
    pub(super) line: u32,
}

/// How the type of a value is known.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum How {
    /// It is named where the value is.
    #[default]
    Named,
    /// In a roundabout way: the reason that an edge is not certain.
    Through(Rc<str>),
}

/// What an expression gives.
#[derive(Debug, Clone, Default)]
pub(super) struct Value {
    pub(super) ty: Ty,
    pub(super) how: How,
    /// Where it is made, when that is elsewhere.
    pub(super) made: Vec<Spot>,
    /// The function that gave it, which may make it.
    pub(super) from: Option<Index>,
    /// Options of a subscription, while it is being built.
    pub(super) options: Option<Rc<Options>>,
}

/// What is said of a subscription before `subscribe`.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    pub(super) given: Vec<(String, String)>,
    pub(super) topic: Option<Topic>,
    pub(super) guess: Guess,
}

/// How sure it is that the receiver is a bus.
#[derive(Debug, Clone, Default)]
pub(super) struct Guess {
    /// Why it is only taken for one; empty if it is one.
    pub(super) reason: String,
    /// Not even its name says so: it is one if the event is an event elsewhere.
    pub(super) needs_event: bool,
}

/// The name that an event is published to, or a pattern of such.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    Text(String),
    /// With `{}` for what is known at run time.
    Template(String),
    Unknown,
}

/// A function, a closure, or the values of a module's statics.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    pub(super) module: Index,
    pub(super) source: usize,
    pub(super) calls: Vec<Call>,
    pub(super) publishes: Vec<PublishSite>,
    pub(super) subscribes: Vec<SubscribeSite>,
    pub(super) blocking: Vec<BlockingCall>,
    /// Events, perhaps: what is made here, by its type.
    pub(super) made: Vec<(Ty, u32)>,
    /// What stands in macros that cannot be read.
    pub(super) unread: Vec<Unread>,
    /// What its last expression gives.
    pub(super) output: Ty,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum NodeKind {
    Function(Index),
    Closure(Closure),
    Statics,
}

/// A closure.
#[derive(Debug, Clone)]
pub(super) struct Closure {
    /// The node that it stands in.
    pub(super) parent: Index,
    /// Its place among the closures of its parent.
    pub(super) line: u32,
    pub(super) parameter: String,
    pub(super) annotation: String,
    pub(super) inputs: Vec<Ty>,
    /// It does nothing but hand its event to the function that this call is of.
    pub(super) hands_on: Option<usize>,
}

/// A call of something in the code that is read.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) targets: Vec<Target>,
    pub(super) line: u32,
    pub(super) column: usize,
    /// Nobody waits for its end: `spawn`.
    pub(super) is_detached: bool,
    /// On a thread that may block: `spawn_blocking`.
    pub(super) is_offloaded: bool,
    /// For wrappers: what is given to it.
    pub(super) inputs: Vec<Value>,
    pub(super) turbofish: Vec<Ty>,
    pub(super) receiver: Ty,
    pub(super) name: String,
}

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Function(Index),
    /// A closure is made here, and perhaps called.
    Made(Index),
}

/// A publish.
#[derive(Debug, Clone)]
pub(super) struct PublishSite {
    pub(super) verb: String,
    pub(super) line: u32,
    pub(super) event: Ty,
    pub(super) how: How,
    pub(super) made: Vec<Spot>,
    pub(super) from: Option<Index>,
    pub(super) topic: Option<Topic>,
    pub(super) guess: Guess,
    pub(super) awaited: bool,
    /// The argument as written.
    pub(super) text: String,
}

/// A subscription.
#[derive(Debug, Clone)]
pub(super) struct SubscribeSite {
    pub(super) verb: String,
    pub(super) line: u32,
    /// By `on::<E>()`; not told if the handler has to tell it.
    pub(super) event: Ty,
    pub(super) handler: Ty,
    pub(super) how: How,
    /// The function that gave the handler.
    pub(super) from: Option<Index>,
    pub(super) options: Rc<Options>,
    pub(super) is_async: bool,
    /// The handler as written.
    pub(super) text: String,
}

/// A call that blocks its thread.
#[derive(Debug, Clone)]
pub(super) struct BlockingCall {
    pub(super) call: String,
    pub(super) line: u32,
}

/// A call within a macro that cannot be read.
#[derive(Debug, Clone)]
pub(super) struct Unread {
    pub(super) verb: String,
    pub(super) line: u32,
    pub(super) name: String,
}

impl Value {
    /// A value of this type, which is named here.
    pub(super) fn named(ty: Ty) -> Self {
        Self {
            ty,
            ..Self::default()
        }
    }

    /// One of which nothing is known.
    pub(super) fn unknown() -> Self {
        Self::default()
    }

    /// A value that got here by a roundabout way.
    pub(super) fn through(ty: Ty, reason: String) -> Self {
        Self {
            ty,
            how: How::Through(reason.into()),
            ..Self::default()
        }
    }

    /// The same value with another type: its clone, its reference.
    pub(super) fn with(self, ty: Ty) -> Self {
        Self { ty, ..self }
    }
}

impl Node {
    pub(super) fn new(kind: NodeKind, module: Index, source: usize) -> Self {
        Self {
            kind,
            module,
            source,
            calls: Vec::new(),
            publishes: Vec::new(),
            subscribes: Vec::new(),
            blocking: Vec::new(),
            made: Vec::new(),
            unread: Vec::new(),
            output: Ty::Unknown,
        }
    }
}
