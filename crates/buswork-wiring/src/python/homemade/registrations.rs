//! What puts handlers into a table.

use rustc_hash::FxHashSet;

use super::super::evaluate::{Context, Evaluator, Value};
use super::super::facts::{Argument, ExpressionId, ExpressionKind, NOTHING, StatementKind};
use super::super::project::{ExpressionRef, ScopeRef};
use super::{Dispatch, Registration, Table};

/// Something put under a key of a table, as it is written.
struct Entry {
    table: ExpressionRef,
    key: ExpressionRef,
    value: ExpressionRef,
    at: ExpressionRef,
    replaces: bool,
}

impl Evaluator<'_> {
    pub(super) fn registrations(
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

    /// Whether something is a text, a number or the like, or a parameter that is annotated as one: it
    /// cannot be called.
    fn is_plain_data(&self, at: ExpressionRef) -> bool {
        let Some((function, index)) = self.parameter_of(at) else {
            return matches!(
                self.project.facts(at.file).kind(at.id),
                ExpressionKind::Text(_) | ExpressionKind::Template(..) | ExpressionKind::Literal(_)
            );
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
}
