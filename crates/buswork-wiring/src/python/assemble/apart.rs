//! What keeps subscriptions of one function apart: a branch, a `with`, an `unsubscribe` between them,
//! another bus.

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::evaluate::Evaluator;
use super::super::facts::{ExpressionId, ExpressionKind, Facts, StatementKind};
use super::super::project::ScopeRef;
use super::super::sites::{Site, Sites};

/// Methods that end subscriptions made before.
const ENDINGS: &[&str] = &[
    "unsubscribe",
    "cancel",
    "clear",
    "close",
    "detach",
    "disconnect",
    "off",
    "pause",
    "remove",
    "remove_all_listeners",
    "remove_listener",
    "unregister",
];

pub(super) struct Apart<'a, 'p> {
    evaluator: &'a Evaluator<'p>,
    /// On what each function subscribes.
    receivers: FxHashMap<ScopeRef, FxHashSet<String>>,
}

impl<'a, 'p> Apart<'a, 'p> {
    pub(super) fn of_all(evaluator: &'a Evaluator<'p>, sites: &Sites) -> Self {
        let mut apart = Self {
            evaluator,
            receivers: FxHashMap::default(),
        };
        for found in &sites.subscriptions {
            if let Some(receiver) = apart.receiver(&found.site) {
                let scope = evaluator.scope_of(found.site.at);
                apart.receivers.entry(scope).or_default().insert(receiver);
            }
        }
        apart
    }

    pub(super) fn of(&self, site: &Site) -> String {
        let facts = self.evaluator.project.facts(site.at.file);
        let within = self.evaluator.scope_of(site.at);
        let scope = facts.scope(within.id);
        let at = facts.expression(site.at.id);
        let mut parts = Vec::new();
        let is_entered = |kind: &StatementKind| matches!(kind, StatementKind::Enter { value, .. } if *value == site.at.id);
        let mut statements = scope.statements.iter();
        if statements.any(|statement| is_entered(&statement.kind)) {
            parts.push(format!("with, line {}", at.line));
        }
        let block = scope.statements.get(at.at as usize);
        if let Some(block) = block.map(|statement| statement.block).filter(|&id| id > 0) {
            parts.push(format!("branch {block}"));
        }
        let before = scope.calls.iter().filter(|&&call| call < site.at.id);
        let ended = before.filter(|&&call| is_ending(facts, call)).count();
        if ended > 0 {
            parts.push(format!("after {ended} ended"));
        }
        let is_one_of_several = self
            .receivers
            .get(&within)
            .is_some_and(|receivers| receivers.len() > 1);
        if let Some(receiver) = self.receiver(site).filter(|_| is_one_of_several) {
            parts.push(format!("on `{receiver}`"));
        }
        parts.join(", ")
    }

    /// What the method of this site is called on, as written.
    fn receiver(&self, site: &Site) -> Option<String> {
        let facts = self.evaluator.project.facts(site.at.file);
        let function = match facts.kind(site.at.id) {
            ExpressionKind::Call(function, _) => *function,
            _ => site.at.id,
        };
        match facts.kind(function) {
            ExpressionKind::Attribute(of, _) => facts.dotted(*of),
            _ => None,
        }
    }
}

fn is_ending(facts: &Facts, call: ExpressionId) -> bool {
    let ExpressionKind::Call(function, _) = facts.kind(call) else {
        return false;
    };
    matches!(facts.kind(*function), ExpressionKind::Attribute(_, name)
        if ENDINGS.contains(&facts.text(*name)))
}
