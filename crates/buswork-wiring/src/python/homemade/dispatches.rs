//! What looks handlers up in a table, and calls them.

use rustc_hash::FxHashSet;

use super::super::conventional::{is_bus_name, says};
use super::super::evaluate::{Binding, Context, Evaluator, Value};
use super::super::facts::{Argument, ExpressionId, ExpressionKind, Facts, StatementKind};
use super::super::parse::{runs_handlers, speaks_of_handlers};
use super::super::project::{ExpressionRef, FileId, ScopeRef};
use super::{Dispatch, KeyOf, is_event_name};

impl Evaluator<'_> {
    pub(super) fn dispatches(&self) -> Vec<Dispatch> {
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
                        || is_put_under_a_key(facts, call)
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
                    // `connection.close()` is told nothing of the event.
                    ExpressionKind::Attribute(of, name) => {
                        let name = facts.text(*name);
                        let is_told = !arguments.is_empty() || runs_handlers(name);
                        is_told && !is_read_by(name) && self.is_loop_variable(there(*of))
                    }
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
                    && !self.is_builtin_call(there(*callee))
            })
            .collect()
    }

    /// Whether something of Python's own is called, which calls nothing: `isinstance(event, kind)`.
    fn is_builtin_call(&self, callee: ExpressionRef) -> bool {
        let found = self.evaluate(callee, &Context::default());
        found.iter().any(|fact| match &fact.value {
            Value::External(path) => {
                path.starts_with("builtins.")
                    && !matches!(&**path, "builtins.map" | "builtins.filter")
            }
            _ => false,
        })
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

/// Methods of texts and dictionaries, which tell what is in them.
fn is_read_by(method: &str) -> bool {
    matches!(
        method,
        "get" | "items" | "keys" | "values" | "startswith" | "endswith" | "split" | "format"
    )
}

/// Whether a value stands in a dictionary that is written down: somebody wants to have it.
fn is_put_under_a_key(facts: &Facts, value: ExpressionId) -> bool {
    let mut all = facts.expressions.iter();
    all.any(|one| match &one.kind {
        ExpressionKind::Mapping(items) => items.iter().any(|(_, item)| *item == value),
        _ => false,
    })
}
