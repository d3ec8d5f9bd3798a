//! Which verb of which adapter a call is.

use rustc_hash::FxHashSet;

use super::super::evaluate::{Context, Fact, Value};
use super::super::facts::ExpressionKind;
use super::super::project::{ExpressionRef, ScopeRef};
use super::Finder;
use crate::adapters::{Adapter, Key, Verb};
use crate::graph::{Grade, SiteKind};
use crate::pattern::matches;

/// The last names of all verbs.
pub(super) struct Verbs<'a> {
    names: FxHashSet<&'a str>,
    /// Those of adapters that are known by the names of receivers only: with these.
    guessed: FxHashSet<&'a str>,
    receivers: Vec<&'a str>,
    /// Receivers of which every method is a verb.
    every_of: Vec<&'a str>,
}

impl<'a> Verbs<'a> {
    pub(super) fn of(adapters: impl Iterator<Item = &'a Adapter>) -> Self {
        let mut verbs = Self {
            names: FxHashSet::default(),
            guessed: FxHashSet::default(),
            receivers: Vec::new(),
            every_of: Vec::new(),
        };
        for adapter in adapters {
            if adapter.publish.iter().any(|verb| verb.call == "*") {
                let buses = adapter
                    .buses
                    .iter()
                    .filter_map(|bus| bus.rsplit('.').next());
                verbs.every_of.extend(buses);
            }
            let calls = adapter
                .publish
                .iter()
                .chain(&adapter.subscribe)
                .map(|verb| &*verb.call);
            let names = calls.map(|call| call.rsplit('.').next().unwrap_or_default());
            if adapter.buses.is_empty() && !adapter.receivers.is_empty() {
                verbs.guessed.extend(names);
                verbs
                    .receivers
                    .extend(adapter.receivers.iter().map(String::as_str));
            } else {
                verbs.names.extend(names);
            }
        }
        verbs
    }

    /// Takes in other names of verbs, each behind the name that is known. Says whether one is new.
    pub(super) fn learn(&mut self, aliases: impl Iterator<Item = (&'a str, &'a str)>) -> bool {
        let mut is_new = false;
        for (name, alias) in aliases {
            if self.names.contains(name) || self.guessed.contains(name) {
                is_new |= self.names.insert(alias);
            }
        }
        is_new
    }

    /// Whether a call of this last name on a receiver of this last name may be one.
    pub(super) fn may_be(&self, receiver: Option<&str>, name: &str) -> bool {
        self.names.contains(name)
            || receiver.is_some_and(|receiver| self.every_of.contains(&receiver))
            || (self.guessed.contains(name)
                && receiver.is_some_and(|receiver| {
                    self.receivers
                        .iter()
                        .any(|known| is_called(receiver, known))
                }))
    }
}

/// Whether a receiver goes by a name: `bus`, `_bus`, `self.event_bus`.
fn is_called(receiver: &str, name: &str) -> bool {
    let receiver = receiver.trim_start_matches('_').to_lowercase();
    receiver == name || receiver.ends_with(&format!("_{name}"))
}

/// Which verb of which adapter a call is.
pub(super) struct Match {
    pub(super) adapter: usize,
    pub(super) kind: SiteKind,
    pub(super) verb: usize,
    pub(super) grade: Grade,
}

impl Finder<'_, '_> {
    /// Which verb a called expression is.
    pub(super) fn match_callee(&self, callee: ExpressionRef) -> Option<Match> {
        let found = self.evaluator.evaluate(callee, &Context::default());
        let mut best: Option<Match> = None;
        for fact in found.iter() {
            if let Some(one) = self.match_value(fact)
                && best.as_ref().is_none_or(|best| one.grade < best.grade)
            {
                best = Some(one);
            }
        }
        let is_known = found.iter().any(Fact::is_telling);
        best.or_else(|| {
            if is_known {
                None
            } else {
                self.match_by_name(callee)
            }
        })
    }

    fn match_value(&self, fact: &Fact) -> Option<Match> {
        match &fact.value {
            Value::External(path) => self.match_path(path),
            Value::Function { scope, this } => {
                let path = self.evaluator.dotted_path_of(*scope);
                let own = self.match_path(&path);
                own.or_else(|| {
                    // A method that an adapter speaks of by the name of a base class.
                    let class = this.as_deref().copied();
                    let class = class.or_else(|| self.evaluator.class_of_method(*scope))?;
                    let name = self.evaluator.name_of(*scope);
                    self.match_class(class, &name)
                })
            }
            _ => None,
        }
    }

    /// A dotted path: of a function, or of a method of a bus's class.
    fn match_path(&self, path: &str) -> Option<Match> {
        let (class, method) = path.rsplit_once('.')?;
        for (index, adapter) in self.adapters.iter().enumerate() {
            let is_bus = adapter.buses.iter().any(|bus| bus == class)
                || (adapter.events == Key::Signal
                    && (is_outside_signal(class) || own_path(class, &adapter.external).is_some()));
            let fits = |verb: &Verb| {
                if verb.call.contains('.') {
                    verb.call == path || matches_ending(&verb.call, path)
                } else {
                    is_bus && (verb.call == method || verb.call == "*")
                }
            };
            if let Some(found) = find_verb(adapter, index, fits) {
                return Some(found);
            }
        }
        None
    }

    /// A method of a class of the project that is below a bus's class.
    fn match_class(&self, class: ScopeRef, method: &str) -> Option<Match> {
        for (index, adapter) in self.adapters.iter().enumerate() {
            if !self.evaluator.is_below(class, &adapter.buses) {
                let is_dotted = |verb: &Verb| match verb.call.rsplit_once('.') {
                    Some((path, name)) => {
                        name == method && self.evaluator.is_below(class, &[path.to_owned()])
                    }
                    None => false,
                };
                if let Some(found) = find_verb(adapter, index, is_dotted) {
                    return Some(found);
                }
                continue;
            }
            if let Some(found) = find_verb(adapter, index, |verb| verb.call == method) {
                return Some(found);
            }
        }
        None
    }

    /// Nothing is known of the receiver but its name.
    fn match_by_name(&self, callee: ExpressionRef) -> Option<Match> {
        let facts = self.evaluator.project.facts(callee.file);
        let ExpressionKind::Attribute(of, method) = facts.kind(callee.id) else {
            return None;
        };
        let receiver = facts.last_name(*of)?;
        let method = facts.text(*method);
        for (index, adapter) in self.adapters.iter().enumerate() {
            let is_receiver = adapter
                .receivers
                .iter()
                .any(|name| is_called(receiver, name));
            if is_receiver
                && let Some(mut found) = find_verb(adapter, index, |verb| verb.call == method)
            {
                found.grade = Grade::Inferred;
                return Some(found);
            }
        }
        None
    }
}

fn find_verb(
    adapter: &crate::adapters::Adapter,
    index: usize,
    fits: impl Fn(&Verb) -> bool,
) -> Option<Match> {
    let published = adapter.publish.iter().position(&fits);
    let found = published.map(|verb| (SiteKind::Publish, verb));
    let found = found.or_else(|| {
        adapter
            .subscribe
            .iter()
            .position(&fits)
            .map(|v| (SiteKind::Subscribe, v))
    });
    let (kind, verb) = found?;
    Some(Match {
        adapter: index,
        kind,
        verb,
        grade: Grade::Certain,
    })
}

/// `*.bus.async_fire` fits `hass.bus.async_fire`.
fn matches_ending(pattern: &str, path: &str) -> bool {
    pattern
        .strip_prefix('*')
        .is_some_and(|ending| path.ends_with(ending))
}

/// The path under which a package itself has a signal, if it is one of these.
pub(super) fn own_path(path: &str, external: &[String]) -> Option<String> {
    let (root, _) = path.split_once('.')?;
    let (_, last) = path.rsplit_once('.')?;
    external.iter().find_map(|known| {
        if known.contains('*') {
            return is_of_class(path, known).then(|| path.to_owned());
        }
        let is_same =
            known.split('.').next() == Some(root) && known.rsplit('.').next() == Some(last);
        is_same.then(|| known.clone())
    })
}

/// Whether a path is that of a signal of a class, such as `QPushButton.clicked`, not of a class or of
/// something within a signal.
fn is_of_class(path: &str, pattern: &str) -> bool {
    let parts = path.split('.').count();
    parts == pattern.split('.').count() && matches(pattern, path)
}

/// A signal of a package outside: `django.db.models.signals.post_save`. What else has a method
/// `connect` or `send` is none.
fn is_outside_signal(path: &str) -> bool {
    let mut parts = path.rsplit('.');
    let _ = parts.next();
    parts
        .next()
        .is_some_and(|module| matches!(module, "signals" | "signal"))
}
