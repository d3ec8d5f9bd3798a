//! Buses that a project wrote by hand, recognised by what they do: one function puts handlers into
//! a table under a key, another looks the key of an event up in the same table and calls what it
//! finds. Their names do not matter.

mod dispatches;
mod keys;
mod registrations;
mod tables;

use rustc_hash::FxHashSet;

use super::evaluate::Evaluator;
use super::parse::speaks_of_handlers;
use super::project::{ExpressionRef, ScopeRef};

/// A table of handlers: an attribute of a class, or a variable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Table {
    Attribute(ScopeRef, String),
    Variable(ScopeRef, u32),
}

/// Something put into a table.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub(crate) tables: Vec<Table>,
    pub(crate) key: ExpressionRef,
    pub(crate) handler: ExpressionRef,
    /// Where it is done.
    pub(crate) at: ExpressionRef,
    /// Whether it replaces what was there, instead of adding to it.
    pub(crate) replaces: bool,
    /// Whether what is put there is a text or a number by its annotation, which nobody can call.
    is_plain: bool,
}

/// A function that calls what stands in a table for an event.
#[derive(Debug, Clone)]
pub(crate) struct Dispatch {
    pub(crate) tables: Vec<Table>,
    pub(crate) table: ExpressionRef,
    pub(crate) function: ScopeRef,
    /// The parameter that is the event, or its key.
    pub(crate) event: usize,
    pub(crate) key: KeyOf,
    /// What takes the event from a queue, which may hold others than the parameter.
    pub(crate) taken: Option<ExpressionRef>,
    /// Whether bases of the event's class are looked up as well.
    pub(crate) bases: bool,
    /// Whether it is about events or handlers by a name, or does nothing with what it calls gives
    /// back: else it converts or checks something.
    is_about_events: bool,
}

/// How a key is made from the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyOf {
    /// It is the event's name, or whatever is handed over.
    Itself,
    /// It is the event's class.
    Class,
    /// It is an attribute of the event.
    Attribute(String),
}

/// The buses that the project wrote.
#[derive(Debug, Default)]
pub(crate) struct Homemade {
    pub(crate) registrations: Vec<Registration>,
    pub(crate) dispatches: Vec<Dispatch>,
}

impl Homemade {
    pub(crate) fn find(evaluator: &Evaluator<'_>) -> Self {
        let dispatches = evaluator.dispatches();
        let tables: FxHashSet<&Table> = dispatches.iter().flat_map(|d| &d.tables).collect();
        let (plain, registrations): (Vec<_>, Vec<_>) = evaluator
            .registrations(&dispatches, &tables)
            .into_iter()
            .partition(|one| one.is_plain);
        // A table with one entry a name is a registry like any other. One that is only written down
        // must say that it is about handlers.
        let is_bus = |dispatch: &Dispatch| {
            let own = registrations
                .iter()
                .filter(|one| shares(&one.tables, &dispatch.tables));
            let mut own = own.peekable();
            match dispatch.key {
                _ if !dispatch.is_about_events => false,
                _ if own.peek().is_none()
                    && plain
                        .iter()
                        .any(|one| shares(&one.tables, &dispatch.tables)) =>
                {
                    false
                }
                // One that is empty, and stays so, is the bus of nobody.
                KeyOf::Class => own.peek().is_some() || !evaluator.is_empty_table(dispatch.table),
                _ if own.peek().is_none() => {
                    speaks_of_handlers(&evaluator.table_name(dispatch.table))
                        && !evaluator.is_empty_table(dispatch.table)
                }
                _ => own.any(|registration| !registration.replaces),
            }
        };
        let dispatches: Vec<_> = dispatches
            .iter()
            .filter(|one| is_bus(one))
            .cloned()
            .collect();
        let is_used = |one: &Registration| {
            dispatches
                .iter()
                .any(|dispatch| shares(&one.tables, &dispatch.tables))
        };
        let registrations = registrations.into_iter().filter(is_used).collect();
        Self {
            registrations,
            dispatches,
        }
    }

    /// Whether what is registered gets the events of subclasses, too.
    pub(crate) fn looks_up_bases(&self, registration: &Registration) -> bool {
        let shared = |dispatch: &&Dispatch| shares(&registration.tables, &dispatch.tables);
        let mut own = self.dispatches.iter().filter(shared);
        own.any(|dispatch| dispatch.bases)
    }
}

/// Whether a name speaks of events.
pub(crate) fn is_event_name(name: &str) -> bool {
    let name = name.to_lowercase();
    ["event", "signal", "topic", "message", "command"]
        .iter()
        .any(|word| name.contains(word))
}

fn shares(left: &[Table], right: &[Table]) -> bool {
    left.iter().any(|table| right.contains(table))
}
