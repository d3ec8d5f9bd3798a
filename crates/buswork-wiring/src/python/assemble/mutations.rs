//! Where a handler changes the event that it got.

use super::super::facts::{
    Argument, ExpressionId, ExpressionKind, Facts, Name, Scope, StatementKind,
};
use super::super::project::{ExpressionRef, ScopeRef};
use super::Assembly;
use crate::graph::Location;

impl Assembly<'_, '_> {
    /// Where a function changes what its parameter holds; nowhere, if the name is given to anything
    /// else in it: `for event in event.lines`.
    pub(super) fn mutations(&self, function: ScopeRef, parameter: Name) -> Vec<Location> {
        let facts = self.evaluator.project.facts(function.file);
        let scope = facts.scope(function.id);
        if bindings(facts, scope, parameter) > 0 {
            return Vec::new();
        }
        let names = names_of(facts, scope, parameter);
        let assigned = scope
            .statements
            .iter()
            .filter_map(|statement| match statement.kind {
                StatementKind::Bind { target, .. } | StatementKind::Augment { target, .. } => {
                    Some(target)
                }
                _ => None,
            });
        let assigned = assigned.filter(|&target| is_part(facts, target, &names));
        let calls = scope.calls.iter().copied();
        let calls = calls.filter(|&call| sets_attribute(facts, call, &names));
        let mut places: Vec<Location> = assigned
            .chain(calls)
            .map(|id| {
                self.location(ExpressionRef {
                    file: function.file,
                    id,
                })
            })
            .collect();
        places.sort();
        places
    }
}

/// How many statements of a scope give something to a name.
fn bindings(facts: &Facts, scope: &Scope, name: Name) -> usize {
    let binds = |kind: &StatementKind| match kind {
        StatementKind::Bind { target, .. }
        | StatementKind::Annotated { target, .. }
        | StatementKind::Augment { target, .. }
        | StatementKind::Each { target, .. }
        | StatementKind::Enter { target, .. } => facts.names_in_target(*target).contains(&name),
        StatementKind::Import { module, alias } => {
            let first = || facts.text(*module).split('.').next();
            alias.map_or_else(|| first() == Some(facts.text(name)), |alias| alias == name)
        }
        StatementKind::From { bound, .. } => *bound == name,
        StatementKind::Blank { name: blank } => *blank == name,
        StatementKind::Define(within) => facts.scope(*within).name == name,
        StatementKind::Star { .. }
        | StatementKind::Narrow { .. }
        | StatementKind::Return(_)
        | StatementKind::Evaluate(_) => false,
    };
    let statements = scope.statements.iter();
    statements
        .filter(|statement| binds(&statement.kind))
        .count()
}

/// The parameter, and names that are given what it holds, and nothing else: `order = event`.
fn names_of(facts: &Facts, scope: &Scope, parameter: Name) -> Vec<Name> {
    let mut names = vec![parameter];
    for statement in &scope.statements {
        let StatementKind::Bind { target, value } = statement.kind else {
            continue;
        };
        let (ExpressionKind::Name(alias), ExpressionKind::Name(value)) =
            (facts.kind(target), facts.kind(value))
        else {
            continue;
        };
        let is_parameter = scope.parameters.iter().any(|one| one.name == *alias);
        if names.contains(value) && !is_parameter && bindings(facts, scope, *alias) == 1 {
            names.push(*alias);
        }
    }
    names
}

/// Whether this is an attribute or an element of what one of the names holds, or of such a one.
fn is_part(facts: &Facts, id: ExpressionId, names: &[Name]) -> bool {
    let mut at = id;
    loop {
        match facts.kind(at) {
            ExpressionKind::Attribute(of, _) | ExpressionKind::Subscript(of, _) => at = *of,
            ExpressionKind::Name(name) => return names.contains(name) && at != id,
            _ => return false,
        }
    }
}

/// Whether this is `setattr(event, …)`.
fn sets_attribute(facts: &Facts, call: ExpressionId, names: &[Name]) -> bool {
    let ExpressionKind::Call(function, arguments) = facts.kind(call) else {
        return false;
    };
    let is_setter = matches!(facts.kind(*function), ExpressionKind::Name(name)
        if matches!(facts.text(*name), "setattr" | "delattr"));
    let Some(Argument::Positional(first)) = arguments.first().filter(|_| is_setter) else {
        return false;
    };
    matches!(facts.kind(*first), ExpressionKind::Name(name) if names.contains(name))
        || is_part(facts, *first, names)
}
