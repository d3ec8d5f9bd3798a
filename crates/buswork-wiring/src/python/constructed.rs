//! Events that are made and not seen entering a bus: probably published, by a road that could not be
//! followed. An aggregate that collects its events is the common case.

use rustc_hash::FxHashSet;

use super::evaluate::{Context, Evaluator, Value};
use super::facts::{ExpressionKind, NOTHING, StatementKind, Yield};
use super::project::{ExpressionRef, ScopeRef};
use super::sites::{EventId, FoundSubscription, Sites};
use crate::graph::Grade;

/// An event that is made somewhere.
#[derive(Debug)]
pub(crate) struct Constructed {
    pub(crate) class: ScopeRef,
    pub(crate) at: ExpressionRef,
    pub(crate) grade: Grade,
}

/// The events that are made outside of every publish that was found.
pub(crate) fn find(
    evaluator: &Evaluator<'_>,
    sites: &Sites,
    classes: &[ScopeRef],
) -> Vec<Constructed> {
    let mut covered: FxHashSet<ExpressionRef> = FxHashSet::default();
    for publish in &sites.publishes {
        covered.extend(publish.made);
        covered.insert(publish.site.at);
        if let super::sites::Operand::Expressions(list, context) = &publish.site.event {
            for &at in list {
                let found = evaluator.evaluate(at, context);
                covered.extend(found.iter().filter_map(|fact| fact.made));
                covered.insert(at);
            }
        }
    }
    let mut result = Vec::new();
    let mut collectors = FxHashSet::default();
    for &class in classes {
        let name = evaluator.name_of(class);
        let mut calls = Vec::new();
        for &file in evaluator.project.calling(&name) {
            calls.extend(evaluator.project.calls_of(file, &name));
        }
        for at in calls {
            if !is_built(evaluator, at, class) {
                continue;
            }
            collectors.extend(collectors_of(evaluator, at));
            if covered.contains(&at) {
                continue;
            }
            if let Some(grade) = goes_somewhere(evaluator, at, class, &sites.subscriptions) {
                result.push(Constructed { class, at, grade });
            }
        }
    }
    let mut collectors: Vec<_> = collectors.into_iter().collect();
    collectors.sort_unstable();
    let known: FxHashSet<_> = result.iter().map(|one| one.at).chain(covered).collect();
    for function in collectors
        .into_iter()
        .filter(|function| !sites.inside.contains(function))
    {
        result.extend(collected(evaluator, function, &known));
    }
    result
}

/// Methods that an event is handed to where it is made, to be put aside: `self.record(Placed())`.
fn collectors_of(evaluator: &Evaluator<'_>, at: ExpressionRef) -> Vec<ScopeRef> {
    let mut found = Vec::new();
    for call in evaluator.calls_with(at.file, at.id) {
        let Some(callee) = evaluator.callee(call) else {
            continue;
        };
        let facts = evaluator.project.facts(call.file);
        let name = facts
            .last_name(callee.id)
            .unwrap_or_default()
            .to_lowercase();
        if !name.contains("event") && !name.contains("record") && !name.contains("raise") {
            continue;
        }
        for fact in evaluator.evaluate(callee, &Context::default()).iter() {
            if let Value::Function { scope, .. } = fact.value {
                found.push(scope);
            }
        }
    }
    found
}

/// Other objects that are handed to such a method: they are events, too.
fn collected(
    evaluator: &Evaluator<'_>,
    function: ScopeRef,
    known: &FxHashSet<ExpressionRef>,
) -> Vec<Constructed> {
    let index = usize::from(evaluator.class_of_method(function).is_some());
    let mut found = Vec::new();
    for caller in evaluator.callers(function).iter() {
        let Some(argument) = evaluator.argument_for(caller, function, index) else {
            continue;
        };
        for fact in evaluator.evaluate(argument, &Context::default()).iter() {
            if let (Value::Object(class), Some(at)) = (&fact.value, fact.made)
                && !known.contains(&at)
            {
                let grade = fact.grade.max(Grade::Inferred);
                found.push(Constructed {
                    class: *class,
                    at,
                    grade,
                });
            }
        }
    }
    found
}

fn is_built(evaluator: &Evaluator<'_>, at: ExpressionRef, class: ScopeRef) -> bool {
    let Some(callee) = evaluator.callee(at) else {
        return false;
    };
    let found = evaluator.evaluate(callee, &Context::default());
    found
        .iter()
        .any(|fact| matches!(fact.value, Value::Class(found) if found == class))
}

/// Whether an event that is made here may get to a bus: it is put into a collection, handed on, or
/// given back.
fn goes_somewhere(
    evaluator: &Evaluator<'_>,
    at: ExpressionRef,
    class: ScopeRef,
    subscriptions: &[FoundSubscription],
) -> Option<Grade> {
    let facts = evaluator.project.facts(at.file);
    let scope = facts.scope(facts.expression(at.id).scope);
    let mut places = vec![at.id];
    // `event = X()`, and what becomes of `event`.
    for statement in &scope.statements {
        if let StatementKind::Bind { target, value } = statement.kind
            && value == at.id
            && let ExpressionKind::Name(name) = facts.kind(target)
        {
            let uses = facts.expressions.iter().enumerate().filter(|(_, one)| {
                matches!(one.kind, ExpressionKind::Name(other) if other == *name)
                    && one.scope == facts.expression(at.id).scope
            });
            places.extend(uses.filter_map(|(id, _)| u32::try_from(id).ok()));
        }
    }
    let mut best: Option<Grade> = None;
    let mut note = |grade: Grade| best = Some(best.map_or(grade, |best| best.min(grade)));
    for &place in &places {
        for call in evaluator.calls_with(at.file, place) {
            if let Some(grade) = handed_to(evaluator, call, class, subscriptions) {
                note(grade);
            }
        }
        let is_given = scope
            .statements
            .iter()
            .any(|statement| match statement.kind {
                StatementKind::Return(value) => holds(facts, value, place),
                _ => false,
            });
        let is_yielded = scope.yields.iter().any(|give| match give {
            Yield::One(value) | Yield::Each(value) => {
                *value != NOTHING && holds(facts, *value, place)
            }
        });
        let is_listed = scope
            .statements
            .iter()
            .any(|statement| match statement.kind {
                StatementKind::Bind { value, .. } | StatementKind::Augment { value, .. } => {
                    value != place && holds(facts, value, place)
                }
                _ => false,
            });
        if is_given || is_yielded || is_listed {
            note(Grade::Possible);
        }
    }
    best
}

/// Whether a display holds an expression.
fn holds(facts: &super::facts::Facts, outer: u32, inner: u32) -> bool {
    if outer == inner {
        return true;
    }
    match facts.kind(outer) {
        ExpressionKind::Sequence(parts) | ExpressionKind::Either(parts) => {
            parts.iter().any(|&part| holds(facts, part, inner))
        }
        ExpressionKind::Comprehension(element) => holds(facts, *element, inner),
        _ => false,
    }
}

/// How sure it is that a call which gets the event sends it on its way; none when it does not.
fn handed_to(
    evaluator: &Evaluator<'_>,
    call: ExpressionRef,
    class: ScopeRef,
    subscriptions: &[FoundSubscription],
) -> Option<Grade> {
    let callee = evaluator.callee(call)?;
    let facts = evaluator.project.facts(call.file);
    let name = facts
        .last_name(callee.id)
        .unwrap_or_default()
        .trim_start_matches('_');
    let found = evaluator.evaluate(callee, &Context::default());
    // A handler that is called with its event is called, not published to.
    let is_handler = found.iter().any(|fact| match fact.value {
        Value::Function { scope, .. } => subscriptions.iter().any(|subscription| {
            subscription.handler.function() == Some(scope)
                && matches!(subscription.event, EventId::Class(event)
                    if evaluator.is_subclass(class, event))
        }),
        _ => false,
    });
    let reads = matches!(
        name,
        "isinstance"
            | "len"
            | "str"
            | "repr"
            | "print"
            | "asdict"
            | "debug"
            | "info"
            | "dumps"
            | "hash"
            | "id"
            | "type"
            | "getattr"
            | "assertEqual"
            | "warning"
            | "error"
    );
    if is_handler || reads {
        return None;
    }
    let collects = [
        "append", "add", "record", "raise", "register", "emit", "publish", "apply", "push", "put",
        "notify", "trigger", "send", "dispatch", "fire", "extend", "enqueue", "queue", "handle",
    ]
    .iter()
    .any(|word| name.to_lowercase().contains(word));
    Some(if collects {
        Grade::Inferred
    } else {
        Grade::Possible
    })
}
