//! The rules: what is wrong with the wiring, how bad it is, and how to mend it.
//!
//! [`check`] gives the findings of a graph; [`rule`] and [`rules`] tell what a code means.
//!
//! A finding is as bad as its rule says when the graph is sure of it, and less so when it rests on
//! an edge that is inferred or possible, or when a site that could not be resolved may speak against
//! it. Findings can be overlooked, with a reason, by a comment
//! (`# buswork: ignore[BW001] heard by the warehouse`) on their line, above it, or at the event or
//! handler, or by an `ignore` in the [configuration](crate::config). What no longer overlooks
//! anything is a finding itself.

mod blocking;
mod boundaries;
mod cascades;
mod conversation;
mod cycles;
mod declared;
mod finding;
mod handlers;
mod hops;
mod never;
mod scene;
mod suppression;
mod twice;
mod unresolved;
mod unused;
mod waiting;

use serde::Serialize;

pub use self::finding::{Finding, Severity};
use self::scene::Scene;
use crate::config::Config;
use crate::graph::Wiring;

/// What a code stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// `BW001`.
    pub code: &'static str,
    /// A name to remember it by: `unhandled`.
    pub name: &'static str,
    /// How bad it is when the graph is sure.
    pub severity: Severity,
    /// One line.
    pub summary: &'static str,
    /// What is looked for, why it matters, and where the finding may be mistaken.
    pub explanation: &'static str,
    /// How to mend it.
    pub fix: &'static str,
    /// Code with the trouble, and without.
    pub example: Example,
}

/// Code with the trouble, and without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Example {
    /// With the trouble.
    pub bad: &'static str,
    /// Without.
    pub good: &'static str,
}

static RULES: [&Rule; 17] = [
    &unused::UNHANDLED,
    &unused::DEAD_HANDLER,
    &unused::NEVER_USED,
    &never::NEVER_RUNS,
    &unresolved::UNRESOLVED,
    &suppression::WITHOUT_REASON,
    &suppression::STALE,
    &cycles::CYCLE,
    &cascades::DEEP,
    &blocking::BLOCKING,
    &waiting::WAITS_FOR_ITSELF,
    &conversation::CONVERSATION,
    &handlers::MUTATES,
    &handlers::MISFIT,
    &twice::TWICE,
    &boundaries::CROSSED,
    &declared::DRIFTED,
];

/// All rules, sorted by code.
pub fn rules() -> &'static [&'static Rule] {
    &RULES
}

/// The rule with this code or this name, in any case; none if there is none.
pub fn rule(code: &str) -> Option<&'static Rule> {
    RULES
        .iter()
        .copied()
        .find(|rule| rule.code.eq_ignore_ascii_case(code) || rule.name.eq_ignore_ascii_case(code))
}

/// What is wrong with a [finished](Wiring::finish) graph, sorted by place.
pub fn check(wiring: &Wiring, config: &Config) -> Vec<Finding> {
    let scene = Scene::of(wiring, config);
    let mut findings = Vec::new();
    for family in [
        unused::check,
        never::check,
        unresolved::check,
        cycles::check,
        cascades::check,
        blocking::check,
        waiting::check,
        conversation::check,
        handlers::check,
        twice::check,
        boundaries::check,
        declared::check,
    ] {
        family(&scene, &mut findings);
    }
    let mut findings = suppression::apply(&scene, findings);
    findings.retain_mut(|finding| finding.weigh(config));
    finding::finish(&mut findings);
    findings
}
