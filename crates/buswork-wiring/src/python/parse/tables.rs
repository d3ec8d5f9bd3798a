//! Functions that may be half of a bus written by hand: they put something into a table under a key,
//! or take something out of one.

use super::super::facts::{
    Argument, ExpressionId, ExpressionKind, Facts, Scope, ScopeId, StatementKind,
};

/// Scopes that put something under a key of a table, with the last names of the tables; sorted.
pub(super) fn registrars(facts: &Facts) -> Vec<(ScopeId, String, bool)> {
    let mut found = Vec::new();
    for (id, scope) in facts.scopes.iter().enumerate() {
        let added = scope.calls.iter().filter_map(|&call| addition_to_entry(facts, scope, call));
        let added = added.map(|table| (table, true));
        let set = scope.statements.iter().filter_map(|statement| match statement.kind {
            StatementKind::Bind { target, .. } => match facts.kind(target) {
                ExpressionKind::Subscript(table, _) => Some((*table, false)),
                _ => None,
            },
            _ => None,
        });
        for (table, adds) in added.chain(set) {
            if let Some(name) = table_name(facts, table) {
                found.push((super::index(id), name.to_owned(), adds));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Functions that look an entry of a table up by a name or by the type of something, with the last
/// names of the tables; sorted.
pub(super) fn dispatchers(facts: &Facts) -> Vec<(ScopeId, String)> {
    let looked_up = facts.expressions.iter().filter_map(|expression| {
        let (table, key) = match &expression.kind {
            ExpressionKind::Subscript(table, key) => (*table, *key),
            ExpressionKind::Call(function, arguments) => {
                let ExpressionKind::Attribute(table, name) = facts.kind(*function) else {
                    return None;
                };
                let Some(Argument::Positional(key)) = arguments.first() else { return None };
                if facts.text(*name) != "get" {
                    return None;
                }
                (*table, *key)
            }
            _ => return None,
        };
        let is_within = facts.scope(expression.scope).is_function();
        if !is_within || !is_key(facts, key) {
            return None;
        }
        Some((expression.scope, table_name(facts, table)?.to_owned()))
    });
    let mut found: Vec<_> = looked_up.collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The table of `table[key].append(value)`, of `table.setdefault(key, []).append(value)`, or of the
/// same on a variable that was bound to the entry.
fn addition_to_entry(facts: &Facts, scope: &Scope, call: ExpressionId) -> Option<ExpressionId> {
    let ExpressionKind::Call(function, _) = facts.kind(call) else { return None };
    let ExpressionKind::Attribute(of, name) = facts.kind(*function) else { return None };
    if !matches!(facts.text(*name), "append" | "add" | "insert" | "appendleft" | "push") {
        return None;
    }
    match facts.kind(*of) {
        ExpressionKind::Name(name) => scope.statements.iter().find_map(|statement| {
            let StatementKind::Bind { target, value } = statement.kind else { return None };
            let is_it = matches!(facts.kind(target), ExpressionKind::Name(bound) if bound == name);
            is_it.then(|| entry(facts, value)).flatten()
        }),
        _ => entry(facts, *of),
    }
}

/// The table that an entry is taken from.
fn entry(facts: &Facts, id: ExpressionId) -> Option<ExpressionId> {
    match facts.kind(id) {
        ExpressionKind::Subscript(table, _) => Some(*table),
        ExpressionKind::Call(function, _) => match facts.kind(*function) {
            ExpressionKind::Attribute(table, name)
                if matches!(facts.text(*name), "setdefault" | "get") =>
            {
                Some(*table)
            }
            _ => None,
        },
        ExpressionKind::Either(parts) => parts.iter().find_map(|&part| entry(facts, part)),
        _ => None,
    }
}

fn table_name(facts: &Facts, table: ExpressionId) -> Option<&str> {
    is_chain(facts, table).then(|| facts.last_name(table)).flatten()
}

fn is_chain(facts: &Facts, id: ExpressionId) -> bool {
    match facts.kind(id) {
        ExpressionKind::Name(_) => true,
        ExpressionKind::Attribute(of, _) => is_chain(facts, *of),
        _ => false,
    }
}

fn is_key(facts: &Facts, id: ExpressionId) -> bool {
    match facts.kind(id) {
        ExpressionKind::Name(_) => true,
        ExpressionKind::Attribute(of, _) => is_key(facts, *of),
        ExpressionKind::Call(_, arguments) => arguments.len() == 1,
        _ => false,
    }
}
