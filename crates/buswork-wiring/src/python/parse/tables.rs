//! Functions that may be half of a bus written by hand: they put something into a table under a key,
//! or take something out of one.

use super::super::facts::{Argument, ExpressionId, ExpressionKind, Facts, ScopeId, StatementKind};

/// Scopes that add something to an entry of a table, or set one; sorted.
pub(super) fn registrars(facts: &Facts) -> Vec<ScopeId> {
    let mut found = Vec::new();
    for (id, scope) in facts.scopes.iter().enumerate() {
        let adds = scope
            .calls
            .iter()
            .any(|&call| is_addition_to_entry(facts, call));
        let sets = scope
            .statements
            .iter()
            .any(|statement| match statement.kind {
                StatementKind::Bind { target, .. } => {
                    matches!(facts.kind(target), ExpressionKind::Subscript(..))
                }
                _ => false,
            });
        if adds || sets {
            found.push(super::index(id));
        }
    }
    found
}

/// Scopes that look an entry up by a name or by the type of something; sorted.
pub(super) fn dispatchers(facts: &Facts) -> Vec<ScopeId> {
    let mut found: Vec<_> = facts
        .expressions
        .iter()
        .filter(|expression| match &expression.kind {
            ExpressionKind::Subscript(of, key) => is_chain(facts, *of) && is_key(facts, *key),
            ExpressionKind::Call(function, arguments) => {
                let ExpressionKind::Attribute(of, name) = facts.kind(*function) else {
                    return false;
                };
                let Some(Argument::Positional(key)) = arguments.first() else {
                    return false;
                };
                facts.text(*name) == "get" && is_chain(facts, *of) && is_key(facts, *key)
            }
            _ => false,
        })
        .map(|expression| expression.scope)
        .filter(|&scope| facts.scope(scope).is_function())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// `table[key].append(value)`, `table.setdefault(key, []).append(value)`, or the same on a variable.
fn is_addition_to_entry(facts: &Facts, call: ExpressionId) -> bool {
    let ExpressionKind::Call(function, _) = facts.kind(call) else {
        return false;
    };
    let ExpressionKind::Attribute(of, name) = facts.kind(*function) else {
        return false;
    };
    if !matches!(
        facts.text(*name),
        "append" | "add" | "insert" | "appendleft" | "push"
    ) {
        return false;
    }
    match facts.kind(*of) {
        ExpressionKind::Subscript(..) | ExpressionKind::Name(_) => true,
        ExpressionKind::Call(function, _) => {
            matches!(facts.last_name(*function), Some("setdefault" | "get"))
        }
        _ => false,
    }
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
