//! A part of the graph: what is up or down stream of an event, a handler or a module.
//!
//! ```
//! use buswork_wiring::graph::Wiring;
//! use buswork_wiring::query::{Direction, Focus, select};
//!
//! let mut wiring = Wiring::of_code();
//! wiring.finish();
//! let focus = Focus {
//!     events: vec!["OrderPlaced".to_owned()],
//!     direction: Direction::Downstream,
//!     ..Focus::default()
//! };
//! let error = select(&wiring, &focus).unwrap_err();
//! assert!(error.is_unknown());
//! ```

mod error;
mod names;
mod reach;

use std::collections::BTreeSet;

pub use self::error::QueryError;
use self::names::{matching, modules_matching};
use self::reach::Reach;
use crate::graph::{Event, Handler, Wiring};

/// Which way to go from where a [`Focus`] points.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    #[default]
    Both,
    /// To what causes it.
    Upstream,
    /// To what follows from it.
    Downstream,
}

/// What to look at. Without any name it is everything.
///
/// A name is taken in the first of these ways that fits anything, and then it stands for all that
/// fit: the id, the name, the end of a dotted path, the same whatever the case, a part of it. What
/// fits in no way is an error that lists the nearest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Focus {
    /// Names of events.
    pub events: Vec<String>,
    /// Names of handlers.
    pub handlers: Vec<String>,
    /// Names of modules. A package stands for all modules below it; a module for the events it
    /// defines or publishes, and for the handlers that it defines or subscribes.
    pub modules: Vec<String>,
    /// Which way to go.
    pub direction: Direction,
    /// How many steps from event to event to follow; none for all. With 0, an event has its
    /// publishers and handlers, and nothing that follows.
    pub depth: Option<usize>,
}

/// What the names of a [`Focus`] stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Starts {
    /// Ids of events, sorted.
    pub events: Vec<String>,
    /// Ids of handlers, sorted.
    pub handlers: Vec<String>,
}

/// The part of the graph that the focus points at, with its indices right. `wiring` is
/// [finished](Wiring::finish).
///
/// How much was resolved, what was not, what could not be read, and the modules are those of the
/// whole: whatever was not resolved may belong to this part.
///
/// # Errors
/// A name that fits nothing.
pub fn select(wiring: &Wiring, focus: &Focus) -> Result<Wiring, QueryError> {
    if focus.is_everything() {
        return Ok(wiring.clone());
    }
    let starts = find(wiring, focus)?;
    let mut reach = Reach::new(wiring, focus.depth);
    if focus.direction != Direction::Upstream {
        reach.downstream(&starts);
    }
    if focus.direction != Direction::Downstream {
        reach.upstream(&starts);
    }
    Ok(reach.into_wiring())
}

/// What the names of the focus stand for.
///
/// # Errors
/// A name that fits nothing.
pub fn find(wiring: &Wiring, focus: &Focus) -> Result<Starts, QueryError> {
    let mut events = BTreeSet::new();
    let mut handlers = BTreeSet::new();
    for name in &focus.events {
        events.extend(
            events_called(wiring, name)?
                .iter()
                .map(|event| event.id.clone()),
        );
    }
    for name in &focus.handlers {
        handlers.extend(
            handlers_called(wiring, name)?
                .iter()
                .map(|handler| handler.id.clone()),
        );
    }
    for name in &focus.modules {
        let modules = modules_matching(wiring, name)?;
        let within = |module: &String| modules.contains(module.as_str());
        let defined = wiring.events.iter().filter(|event| within(&event.module));
        let published = wiring
            .publishes
            .iter()
            .filter(|publish| within(&publish.module));
        let own = wiring
            .handlers
            .iter()
            .filter(|handler| within(&handler.module));
        let subscribed = wiring
            .subscriptions
            .iter()
            .filter(|one| within(&one.module));
        events.extend(defined.map(|event| event.id.clone()));
        events.extend(published.map(|publish| publish.event.clone()));
        handlers.extend(own.map(|handler| handler.id.clone()));
        handlers.extend(subscribed.map(|subscription| subscription.handler.clone()));
    }
    Ok(Starts {
        events: events.into_iter().collect(),
        handlers: handlers.into_iter().collect(),
    })
}

/// The one event that a name stands for.
///
/// # Errors
/// A name that fits none, or several.
pub fn event<'a>(wiring: &'a Wiring, name: &str) -> Result<&'a Event, QueryError> {
    let found = events_called(wiring, name)?;
    match found.as_slice() {
        [only] => Ok(only),
        several => Err(QueryError::several(
            "event",
            name,
            several.iter().map(|one| &*one.id),
        )),
    }
}

/// The one handler that a name stands for.
///
/// # Errors
/// A name that fits none, or several.
pub fn handler<'a>(wiring: &'a Wiring, name: &str) -> Result<&'a Handler, QueryError> {
    let found = handlers_called(wiring, name)?;
    match found.as_slice() {
        [only] => Ok(only),
        several => Err(QueryError::several(
            "handler",
            name,
            several.iter().map(|one| &*one.id),
        )),
    }
}

fn events_called<'a>(wiring: &'a Wiring, name: &str) -> Result<Vec<&'a Event>, QueryError> {
    matching(name, "event", &wiring.events, |event| {
        (&event.id, &event.name)
    })
}

fn handlers_called<'a>(wiring: &'a Wiring, name: &str) -> Result<Vec<&'a Handler>, QueryError> {
    matching(name, "handler", &wiring.handlers, |handler| {
        (&handler.id, &handler.name)
    })
}

impl Focus {
    /// Whether it names nothing, and so stands for the whole graph.
    pub fn is_everything(&self) -> bool {
        self.events.is_empty() && self.handlers.is_empty() && self.modules.is_empty()
    }
}

impl Starts {
    /// The events to begin a drawing with: those named, and those that the named handlers take
    /// themselves.
    pub fn roots(&self, wiring: &Wiring) -> Vec<String> {
        let mut roots: BTreeSet<String> = self.events.iter().cloned().collect();
        let taken = wiring
            .subscriptions
            .iter()
            .filter(|one| self.handlers.contains(&one.handler));
        roots.extend(taken.map(|subscription| subscription.event.clone()));
        roots.into_iter().collect()
    }
}
