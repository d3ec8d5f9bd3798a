//! Buses that a project wrote by hand, recognised by what they do: one function puts handlers into
//! a table under a key, another looks the key of an event up in the same table and calls what it
//! finds. Their names do not matter.

use rustc_hash::FxHashSet;

use super::conventional::{is_bus_name, says};
use super::evaluate::{Ancestor, Binding, Context, Evaluator, Value};
use super::facts::{
    Argument, Expression, ExpressionId, ExpressionKind, NOTHING, ParameterKind, StatementKind,
};
use super::parse::speaks_of_handlers;
use super::project::{ExpressionRef, FileId, ScopeRef};

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

/// Something put under a key of a table, as it is written.
struct Entry {
    table: ExpressionRef,
    key: ExpressionRef,
    value: ExpressionRef,
    at: ExpressionRef,
    replaces: bool,
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
                KeyOf::Class => true,
                _ if own.peek().is_none() => {
                    speaks_of_handlers(&evaluator.table_name(dispatch.table))
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

impl Evaluator<'_> {
    fn registrations(
        &self,
        dispatches: &[Dispatch],
        tables: &FxHashSet<&Table>,
    ) -> Vec<Registration> {
        let names: FxHashSet<String> = dispatches
            .iter()
            .map(|dispatch| self.table_name(dispatch.table))
            .collect();
        let mut result = Vec::new();
        for (file, read) in (0..).zip(&self.project.files) {
            let mut filled = read.summary.added.iter().chain(read.summary.set.iter());
            if !filled.any(|name| names.contains(name)) {
                continue;
            }
            for (id, _) in (0..).zip(&self.project.facts(file).scopes) {
                self.registrations_in(ScopeRef { file, id }, tables, &mut result);
            }
        }
        result
    }

    fn registrations_in(
        &self,
        scope: ScopeRef,
        wanted: &FxHashSet<&Table>,
        into: &mut Vec<Registration>,
    ) {
        let facts = self.project.facts(scope.file);
        let here = facts.scope(scope.id);
        let there = |id| ExpressionRef {
            file: scope.file,
            id,
        };
        for &call in &here.calls {
            let ExpressionKind::Call(function, arguments) = facts.kind(call) else {
                continue;
            };
            let ExpressionKind::Attribute(of, name) = facts.kind(*function) else {
                continue;
            };
            let mut added = arguments.iter().filter_map(|argument| match argument {
                Argument::Positional(value) => Some(*value),
                _ => None,
            });
            let added = match facts.text(*name) {
                "append" | "add" | "appendleft" | "push" => added.next_back(),
                "insert" => { added }.nth(1),
                _ => None,
            };
            let Some(added) = added else { continue };
            let Some((table, key)) = self.entry(there(*of)) else {
                continue;
            };
            let entry = Entry {
                table,
                key,
                value: there(added),
                at: there(call),
                replaces: false,
            };
            into.extend(self.registration(&entry, wanted));
        }
        for statement in &here.statements {
            let StatementKind::Bind { target, value } = statement.kind else {
                continue;
            };
            let ExpressionKind::Subscript(of, _) = *facts.kind(target) else {
                continue;
            };
            let Some((table, key)) = self.entry(there(target)).filter(|_| value != NOTHING) else {
                continue;
            };
            // `table[key][number] = handler` adds to what is there.
            let replaces = !matches!(facts.kind(of), ExpressionKind::Subscript(..));
            let entry = Entry {
                table,
                key,
                value: there(value),
                at: there(target),
                replaces,
            };
            into.extend(self.registration(&entry, wanted));
        }
    }

    fn registration(&self, entry: &Entry, wanted: &FxHashSet<&Table>) -> Option<Registration> {
        let tables = self.tables(entry.table);
        if !tables.iter().any(|table| wanted.contains(table)) {
            return None;
        }
        let handler = self.handler_in(entry.value)?;
        let Entry {
            key, at, replaces, ..
        } = *entry;
        Some(Registration {
            tables,
            key,
            handler,
            at,
            replaces,
            is_plain: self.is_plain_data(handler),
        })
    }

    /// Whether a parameter is annotated as something that cannot be called.
    fn is_plain_data(&self, at: ExpressionRef) -> bool {
        let Some((function, index)) = self.parameter_of(at) else {
            return false;
        };
        let facts = self.project.facts(function.file);
        let Some(id) = facts.scope(function.id).parameters[index].annotation else {
            return false;
        };
        let annotation = ExpressionRef {
            file: function.file,
            id,
        };
        let found = self.classes_in(annotation);
        !found.is_empty()
            && found.iter().all(|value| {
                matches!(value, Value::ExternalObject(path, None)
                if matches!(
                    &**path,
                    "builtins.str" | "builtins.int" | "builtins.bytes" | "builtins.float"
                        | "builtins.bool" | "builtins.dict" | "uuid.UUID"
                ))
            })
    }

    /// The part of a table's entry that is the handler: the entry itself, or in `(priority, handler)`
    /// and `Entry(handler)` the part that is a parameter or a function.
    fn handler_in(&self, value: ExpressionRef) -> Option<ExpressionRef> {
        let facts = self.project.facts(value.file);
        let there = |id| ExpressionRef {
            file: value.file,
            id,
        };
        let is_handler = |at: ExpressionRef| {
            self.parameter_of(at).is_some()
                || self
                    .evaluate(at, &Context::default())
                    .iter()
                    .any(|fact| matches!(fact.value, Value::Function { .. }))
        };
        let parts: Vec<ExpressionId> = match facts.kind(value.id) {
            ExpressionKind::Sequence(parts) => parts.clone(),
            ExpressionKind::Call(_, arguments) => {
                let values = arguments.iter().map(|argument| match argument {
                    Argument::Positional(value)
                    | Argument::Named(_, value)
                    | Argument::Star(value)
                    | Argument::DoubleStar(value) => *value,
                });
                values.collect()
            }
            ExpressionKind::Nothing | ExpressionKind::None => return None,
            _ => return Some(value),
        };
        let named = |at: &ExpressionRef| {
            let name = facts.last_name(at.id).unwrap_or_default().to_lowercase();
            [
                "handler", "func", "fn", "callback", "listener", "f", "cb", "receiver",
            ]
            .iter()
            .any(|word| name == *word || (word.len() > 2 && name.contains(word)))
        };
        let candidates: Vec<_> = parts
            .into_iter()
            .map(there)
            .filter(|at| is_handler(*at))
            .collect();
        candidates
            .iter()
            .copied()
            .find(named)
            .or_else(|| candidates.first().copied())
    }

    /// The table and the key of `table[key]`, `table.setdefault(key, [])`, `table.get(key)`, or a
    /// variable that is one of these.
    fn entry(&self, of: ExpressionRef) -> Option<(ExpressionRef, ExpressionRef)> {
        let facts = self.project.facts(of.file);
        let there = |id| ExpressionRef { file: of.file, id };
        match facts.kind(of.id) {
            // In `table[owner][key]` the key is the one that speaks of events, else the first.
            ExpressionKind::Subscript(of, key) => match facts.kind(*of) {
                ExpressionKind::Subscript(table, first) => {
                    let name = facts.last_name(*key).unwrap_or_default();
                    let key = if is_event_name(name) { key } else { first };
                    Some((there(*table), there(*key)))
                }
                _ => Some((there(*of), there(*key))),
            },
            ExpressionKind::Call(function, arguments) => {
                let ExpressionKind::Attribute(table, name) = facts.kind(*function) else {
                    return None;
                };
                let Some(Argument::Positional(key)) = arguments.first() else {
                    return None;
                };
                matches!(facts.text(*name), "setdefault" | "get")
                    .then(|| (there(*table), there(*key)))
            }
            ExpressionKind::Either(parts) => parts.iter().find_map(|&part| self.entry(there(part))),
            ExpressionKind::Name(name) => {
                let (_, bindings) = self.bindings(of, *name)?;
                bindings.iter().find_map(|binding| match binding {
                    Binding::Value(value)
                        if !matches!(
                            self.project.facts(value.file).kind(value.id),
                            ExpressionKind::Name(_)
                        ) =>
                    {
                        self.entry(*value)
                    }
                    _ => None,
                })
            }
            _ => None,
        }
    }

    /// What a table may be called by others that use it.
    fn tables(&self, table: ExpressionRef) -> Vec<Table> {
        let facts = self.project.facts(table.file);
        match facts.kind(table.id) {
            ExpressionKind::Attribute(of, name) => {
                let of = ExpressionRef {
                    file: table.file,
                    id: *of,
                };
                let name = facts.text(*name);
                let mut result = Vec::new();
                for fact in self.evaluate(of, &Context::default()).iter() {
                    match &fact.value {
                        Value::Object(class) | Value::Class(class) => {
                            for ancestor in self.ancestors(*class).iter() {
                                if let Ancestor::Here(class) = ancestor {
                                    result.push(Table::Attribute(*class, name.to_owned()));
                                }
                            }
                        }
                        Value::Module(file) => {
                            if let Some(name) = self.project.name_in(*file, name) {
                                let scope = ScopeRef { file: *file, id: 0 };
                                result.push(Table::Variable(scope, name));
                            }
                        }
                        _ => {}
                    }
                }
                result
            }
            ExpressionKind::Name(name) => match self.bindings(table, *name) {
                Some((scope, bindings)) => {
                    let imported = bindings.iter().find_map(|binding| match binding {
                        Binding::From {
                            file,
                            level,
                            module,
                            name,
                        } => {
                            let file = self.project.import(*file, *level, module)?;
                            let name = self.project.name_in(file, name)?;
                            Some(Table::Variable(ScopeRef { file, id: 0 }, name))
                        }
                        _ => None,
                    });
                    vec![imported.unwrap_or(Table::Variable(scope, *name))]
                }
                None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    pub(crate) fn table_name(&self, table: ExpressionRef) -> String {
        let facts = self.project.facts(table.file);
        facts.last_name(table.id).unwrap_or_default().to_owned()
    }

    fn dispatches(&self) -> Vec<Dispatch> {
        let files = &self.project.files;
        let added: FxHashSet<&str> = files.iter().flat_map(|f| f.summary.added.iter()).collect();
        let set: FxHashSet<&str> = files.iter().flat_map(|f| f.summary.set.iter()).collect();
        let mut result = Vec::new();
        for (file, read) in (0..).zip(files) {
            let by_type: Vec<_> = read.summary.dispatched_by_type.iter().collect();
            for name in read.summary.dispatched.iter() {
                let by_any_key = added.contains(name) || speaks_of_handlers(name);
                if by_any_key || (set.contains(name) && by_type.contains(&name)) {
                    self.dispatches_in(file, name, by_any_key, &mut result);
                }
            }
        }
        result
    }

    fn dispatches_in(&self, file: FileId, name: &str, by_any_key: bool, into: &mut Vec<Dispatch>) {
        let facts = self.project.facts(file);
        for (id, expression) in (0..).zip(&facts.expressions) {
            let scope = ScopeRef {
                file,
                id: expression.scope,
            };

            let is_look_up = match &expression.kind {
                ExpressionKind::Subscript(..) => true,
                ExpressionKind::Call(function, _) => {
                    matches!(facts.kind(*function), ExpressionKind::Attribute(_, name)
                        if facts.text(*name) == "get")
                }
                _ => false,
            };
            if !is_look_up || !facts.scope(scope.id).is_function() {
                continue;
            }
            let at = ExpressionRef { file, id };
            let Some((table, key_at)) = self.entry(at) else {
                continue;
            };
            if facts.last_name(table.id) != Some(name) {
                continue;
            }
            let Some((function, event, key)) = self.keyed_by(key_at, 0) else {
                continue;
            };
            if !by_any_key && key != KeyOf::Class {
                continue;
            }
            let is_given = speaks_of_handlers(name) && self.is_given_back(at, scope);
            if !is_given && !self.is_called(at, scope) {
                continue;
            }
            let tables = self.tables(table);
            let is_new = !into
                .iter()
                .any(|one| one.function == function && one.event == event && one.table == table);
            if !tables.is_empty() && is_new {
                let is_about_events = is_given
                    || !self.is_answered(at, scope)
                    || self.speaks_of_events(table, function, event);
                into.push(Dispatch {
                    bases: self.looks_up_bases(key_at, 0),
                    taken: self.taken_from_queue(key_at, 0),
                    tables,
                    table,
                    function,
                    event,
                    key,
                    is_about_events,
                });
            }
        }
    }

    /// The parameter that a key is made from, and how.
    fn keyed_by(&self, key: ExpressionRef, depth: u32) -> Option<(ScopeRef, usize, KeyOf)> {
        if depth > 6 {
            return None;
        }
        let facts = self.project.facts(key.file);
        let there = |id| ExpressionRef { file: key.file, id };
        match facts.kind(key.id) {
            ExpressionKind::Name(name) => {
                if let Some((function, index)) = self.parameter_of(key) {
                    let scope = self.project.facts(function.file).scope(function.id);
                    let is_plain = scope.parameters[index].kind == ParameterKind::Plain;
                    let is_self = index == 0
                        && self.class_of_method(function).is_some()
                        && !self.is_static(function);
                    return (is_plain && !is_self).then_some((function, index, KeyOf::Itself));
                }
                let (_, bindings) = self.bindings(key, *name)?;
                bindings.iter().find_map(|binding| match binding {
                    Binding::Value(value) => self
                        .keyed_by(*value, depth + 1)
                        .or_else(|| self.put_aside(*value)),
                    Binding::Element { iterable, .. } => {
                        let (function, index, of) = self.keyed_by(*iterable, depth + 1)?;
                        // The classes of `type(event).__mro__`; not the elements of a collection.
                        (of != KeyOf::Itself).then_some((function, index, of))
                    }
                    _ => None,
                })
            }
            ExpressionKind::Call(callee, arguments) => {
                if let ExpressionKind::Attribute(of, name) = facts.kind(*callee)
                    && matches!(facts.text(*name), "mro" | "lower" | "upper" | "strip")
                {
                    return self.keyed_by(there(*of), depth + 1);
                }
                let [Argument::Positional(argument)] = arguments.as_slice() else {
                    return None;
                };
                let (function, index, inner) = self.keyed_by(there(*argument), depth + 1)?;
                let is_type = facts.last_name(*callee) == Some("type");
                Some((function, index, if is_type { KeyOf::Class } else { inner }))
            }
            ExpressionKind::Attribute(of, name) => {
                let (function, index, inner) = self.keyed_by(there(*of), depth + 1)?;
                Some(match facts.text(*name) {
                    "__class__" => (function, index, KeyOf::Class),
                    "__mro__" | "__name__" | "__qualname__" => (function, index, inner),
                    "value" | "name" if inner == KeyOf::Class => (function, index, inner),
                    name => (function, index, KeyOf::Attribute(name.to_owned())),
                })
            }
            // `type(event).__mro__[:-1]`.
            ExpressionKind::Subscript(of, _) => {
                let found = self.keyed_by(there(*of), depth + 1)?;
                (found.2 == KeyOf::Class).then_some(found)
            }
            _ => None,
        }
    }

    /// The parameter that something taken from a queue was: `event = self.queue.pop(0)` behind
    /// `self.queue = [event]`.
    fn put_aside(&self, call: ExpressionRef) -> Option<(ScopeRef, usize, KeyOf)> {
        let facts = self.project.facts(call.file);
        let ExpressionKind::Call(callee, _) = facts.kind(call.id) else {
            return None;
        };
        let takes = matches!(facts.kind(*callee), ExpressionKind::Attribute(_, name)
            if matches!(facts.text(*name), "pop" | "popleft" | "get" | "get_nowait"));
        if !takes {
            return None;
        }
        let context = Context {
            parameters: true,
            ..Context::default()
        };
        self.evaluate(call, &context)
            .iter()
            .find_map(|fact| match fact.value {
                Value::Parameter(function, index) => Some((function, index, KeyOf::Itself)),
                _ => None,
            })
    }

    /// The call by which the event that a key is made from comes out of a queue.
    fn taken_from_queue(&self, key: ExpressionRef, depth: u32) -> Option<ExpressionRef> {
        if depth > 6 || self.parameter_of(key).is_some() {
            return None;
        }
        let facts = self.project.facts(key.file);
        let inner = match facts.kind(key.id) {
            ExpressionKind::Name(name) => {
                let (_, bindings) = self.bindings(key, *name)?;
                return bindings.iter().find_map(|binding| match binding {
                    Binding::Value(value) if self.put_aside(*value).is_some() => Some(*value),
                    Binding::Value(value) => self.taken_from_queue(*value, depth + 1),
                    _ => None,
                });
            }
            ExpressionKind::Attribute(of, _) => *of,
            ExpressionKind::Call(_, arguments) => match arguments.first()? {
                Argument::Positional(first) => *first,
                _ => return None,
            },
            _ => return None,
        };
        let inner = ExpressionRef {
            file: key.file,
            id: inner,
        };
        self.taken_from_queue(inner, depth + 1)
    }

    /// Whether a function gives back what it looks up, for its callers to call.
    fn is_given_back(&self, looked_up: ExpressionRef, scope: ScopeRef) -> bool {
        let facts = self.project.facts(scope.file);
        facts
            .scope(scope.id)
            .statements
            .iter()
            .any(|statement| match statement.kind {
                StatementKind::Return(value) => {
                    let value = ExpressionRef {
                        file: scope.file,
                        id: value,
                    };
                    self.comes_from(value, looked_up, 0)
                }
                _ => false,
            })
    }

    /// Whether what is looked up is called: itself, an element of it, or handed on to be called.
    fn is_called(&self, looked_up: ExpressionRef, scope: ScopeRef) -> bool {
        !self.calls_of_entry(looked_up, scope).is_empty()
    }

    /// Whether something is done with what each call gives back.
    fn is_answered(&self, looked_up: ExpressionRef, scope: ScopeRef) -> bool {
        let facts = self.project.facts(scope.file);
        let calls = self.calls_of_entry(looked_up, scope);
        calls.into_iter().all(|call| {
            let expression = facts.expression(call);
            let statements = &facts.scope(expression.scope).statements;
            match statements.get(expression.at as usize).map(|one| &one.kind) {
                Some(StatementKind::Evaluate(whole)) => {
                    matches!(facts.kind(*whole), ExpressionKind::Other(_))
                }
                _ => true,
            }
        })
    }

    /// Whether the names around a look-up say that it is about events, or about handlers.
    fn speaks_of_events(&self, table: ExpressionRef, function: ScopeRef, event: usize) -> bool {
        let facts = self.project.facts(function.file);
        let parameter = facts.scope(function.id).parameters[event].name;
        let class = self
            .class_of_method(function)
            .map(|class| self.name_of(class));
        let name = self.name_of(function);
        let table = self.table_name(table);
        [facts.text(parameter), &name, &table]
            .into_iter()
            .any(is_event_name)
            || [&*name, &table].into_iter().any(speaks_of_handlers)
            || name.contains("handle")
            || says(&name).is_some()
            || class.is_some_and(|class| is_bus_name(&class) || is_event_name(&class))
    }

    /// Whether the methods of a class ask whether something is of a class that they get or have
    /// kept, or go through the bases of one: `isinstance(event, kind)`.
    pub(crate) fn asks_for_bases(&self, class: ScopeRef) -> bool {
        self.own_methods(class).into_iter().any(|method| {
            let facts = self.project.facts(method.file);
            let there = |id| ExpressionRef {
                file: method.file,
                id,
            };
            let asks = facts.scope(method.id).calls.iter().any(|&call| {
                let name = facts.last_name(call);
                let asked = self.arguments(there(call)).positional(1);
                matches!(name, Some("mro" | "getmro"))
                    || matches!(name, Some("isinstance" | "issubclass"))
                        && asked.is_some_and(|asked| {
                            let found = self.evaluate(asked, &Context::default());
                            !found
                                .iter()
                                .any(|fact| matches!(fact.value, Value::External(_)))
                        })
            });
            let in_method = |one: &&Expression| one.scope == method.id;
            asks || facts.expressions.iter().filter(in_method).any(|one| {
                matches!(one.kind, ExpressionKind::Attribute(_, name) if facts.text(name) == "__mro__")
            })
        })
    }

    /// Whether a key goes through the bases of a class: `type(event).__mro__`.
    fn looks_up_bases(&self, key: ExpressionRef, depth: u32) -> bool {
        if depth > 6 {
            return false;
        }
        let facts = self.project.facts(key.file);
        let there = |id| ExpressionRef { file: key.file, id };
        match facts.kind(key.id) {
            ExpressionKind::Name(name) => {
                let Some((_, bindings)) = self.bindings(key, *name) else {
                    return false;
                };
                bindings.iter().any(|binding| match binding {
                    Binding::Value(value)
                    | Binding::Element {
                        iterable: value, ..
                    } => self.looks_up_bases(*value, depth + 1),
                    _ => false,
                })
            }
            ExpressionKind::Attribute(of, name) => {
                matches!(facts.text(*name), "__mro__" | "mro" | "__bases__")
                    || self.looks_up_bases(there(*of), depth + 1)
            }
            ExpressionKind::Call(callee, arguments) => {
                facts.last_name(*callee) == Some("getmro")
                    || self.looks_up_bases(there(*callee), depth + 1)
                    || arguments.iter().any(|argument| match argument {
                        Argument::Positional(value) => {
                            self.looks_up_bases(there(*value), depth + 1)
                        }
                        _ => false,
                    })
            }
            ExpressionKind::Subscript(of, _) => self.looks_up_bases(there(*of), depth + 1),
            _ => false,
        }
    }

    /// The calls of what is looked up, of an element of it, or that hand it on to be called.
    fn calls_of_entry(&self, looked_up: ExpressionRef, scope: ScopeRef) -> Vec<u32> {
        let facts = self.project.facts(scope.file);
        let mut scopes = vec![scope.id];
        let mut next = 0;
        while next < scopes.len() {
            scopes.extend(facts.scope(scopes[next]).within.iter().copied());
            next += 1;
        }
        scopes
            .iter()
            .flat_map(|&scope| &facts.scope(scope).calls)
            .copied()
            .filter(|&call| {
                let ExpressionKind::Call(callee, arguments) = facts.kind(call) else {
                    return false;
                };
                if call == looked_up.id {
                    return false;
                }
                let there = |id| ExpressionRef {
                    file: scope.file,
                    id,
                };
                // `table[key].append(x)` calls a method of the collection, not what is in it.
                let element = match facts.kind(*callee) {
                    ExpressionKind::Attribute(of, _) => self.is_loop_variable(there(*of)),
                    _ => true,
                };
                if element && self.comes_from(there(*callee), looked_up, 0) {
                    return true;
                }
                // `self._invoke(handler, event)`.
                arguments.len() > 1
                    && arguments.iter().any(|argument| match argument {
                        Argument::Positional(value) => {
                            matches!(facts.kind(*value), ExpressionKind::Name(_))
                                && self.comes_from(there(*value), looked_up, 0)
                        }
                        _ => false,
                    })
            })
            .collect()
    }

    fn is_loop_variable(&self, at: ExpressionRef) -> bool {
        let ExpressionKind::Name(name) = self.project.facts(at.file).kind(at.id) else {
            return false;
        };
        let Some((_, bindings)) = self.bindings(at, *name) else {
            return false;
        };
        bindings
            .iter()
            .any(|binding| matches!(binding, Binding::Element { .. }))
    }

    /// Whether a value is, or is an element of, what was looked up.
    fn comes_from(&self, at: ExpressionRef, looked_up: ExpressionRef, depth: u32) -> bool {
        if at == looked_up {
            return true;
        }
        if depth > 8 || at.file != looked_up.file {
            return false;
        }
        let facts = self.project.facts(at.file);
        let there = |id| ExpressionRef { file: at.file, id };
        let from = |id: u32| self.comes_from(there(id), looked_up, depth + 1);
        match facts.kind(at.id) {
            ExpressionKind::Name(name) => {
                let Some((_, bindings)) = self.bindings(at, *name) else {
                    return false;
                };
                bindings.iter().any(|binding| match binding {
                    Binding::Value(value) => self.comes_from(*value, looked_up, depth + 1),
                    Binding::Element { iterable, .. } => {
                        self.comes_from(*iterable, looked_up, depth + 1)
                    }
                    _ => false,
                })
            }
            ExpressionKind::Call(callee, arguments) => {
                let is_copy = facts.last_name(*callee).is_some_and(|name| {
                    matches!(
                        name,
                        "list"
                            | "tuple"
                            | "set"
                            | "sorted"
                            | "reversed"
                            | "iter"
                            | "chain"
                            | "copy"
                            | "get"
                            | "items"
                            | "values"
                            | "filter"
                            | "partial"
                            | "ref"
                            | "enumerate"
                            | "from_iterable"
                    )
                });
                is_copy
                    && (arguments.iter().any(|argument| match argument {
                        Argument::Positional(value) | Argument::Star(value) => from(*value),
                        _ => false,
                    }) || matches!(facts.kind(*callee), ExpressionKind::Attribute(of, _) if from(*of)))
            }
            ExpressionKind::Attribute(of, _) | ExpressionKind::Subscript(of, _) => from(*of),
            ExpressionKind::Either(parts) | ExpressionKind::Sequence(parts) => {
                parts.iter().any(|&part| from(part))
            }
            ExpressionKind::Both(left, right) => from(*left) || from(*right),
            ExpressionKind::Await(value)
            | ExpressionKind::Starred(value)
            | ExpressionKind::Assign(_, value)
            | ExpressionKind::Comprehension(value) => from(*value),
            _ => false,
        }
    }
}
