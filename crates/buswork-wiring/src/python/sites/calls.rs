//! Where sites begin: calls and decorators that an adapter knows, tables that are written down, and
//! the functions of a homemade bus.

use std::collections::BTreeMap;
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::evaluate::{Arguments, Context, Fact, Value};
use super::super::facts::{ExpressionKind, Facts};
use super::super::homemade::{Homemade, KeyOf};
use super::super::parse::speaks_of_handlers;
use super::super::project::{ExpressionRef, ScopeRef};
use super::{Finder, Operand, Protocol, Site};
use crate::adapters::{Adapter, Key, Place, Special, Verb};
use crate::graph::{Grade, SiteKind};

/// Names of names of a verb that are looked for.
const MOST_ALIASES: usize = 3;

/// The last names of all verbs.
struct Verbs<'a> {
    names: FxHashSet<&'a str>,
    /// Those of adapters that are known by the names of receivers only: with these.
    guessed: FxHashSet<&'a str>,
    receivers: Vec<&'a str>,
    /// Receivers of which every method is a verb.
    every_of: Vec<&'a str>,
}

impl<'a> Verbs<'a> {
    fn of(adapters: impl Iterator<Item = &'a Adapter>) -> Self {
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

    /// Whether a call of this last name on a receiver of this last name may be one.
    fn may_be(&self, receiver: Option<&str>, name: &str) -> bool {
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
struct Match {
    adapter: usize,
    kind: SiteKind,
    verb: usize,
    grade: Grade,
}

impl Finder<'_, '_> {
    /// Calls and decorators that speak to a bus of an adapter.
    pub(super) fn start_adapters(&mut self) {
        let project = self.evaluator.project;
        let mut known = Verbs::of(self.adapters.iter());
        // Other names of verbs, and those of such names: `send = bus.publish`.
        for _ in 0..MOST_ALIASES {
            let before = known.names.len();
            for file in self.calling(&known) {
                let aliases = project.aliases(file);
                let of_verbs = aliases
                    .filter(|(name, _)| known.names.contains(name) || known.guessed.contains(name));
                let aliases: Vec<_> = of_verbs.map(|(_, alias)| alias).collect();
                known.names.extend(aliases);
            }
            if known.names.len() == before {
                break;
            }
        }
        for file in self.calling(&known) {
            self.start_file(file, &known);
        }
    }

    /// Files in which something is called by the name of a verb.
    fn calling(&self, known: &Verbs<'_>) -> Vec<u32> {
        let mut files = Vec::new();
        for (file, read) in (0..).zip(&self.evaluator.project.files) {
            let mut called = read.summary.called.iter().map(|called| {
                called
                    .split_once('.')
                    .map_or((None, called), |(of, name)| (Some(of), name))
            });
            if called.any(|(receiver, name)| known.may_be(receiver, name)) {
                files.push(file);
            }
        }
        files
    }

    fn start_file(&mut self, file: u32, verbs: &Verbs<'_>) {
        let facts = self.evaluator.project.facts(file);
        for scope in &facts.scopes {
            for &call in &scope.calls {
                let ExpressionKind::Call(callee, _) = facts.kind(call) else {
                    continue;
                };
                let at = ExpressionRef { file, id: call };
                if is_named(facts, *callee, verbs) {
                    self.start_call(at);
                }
                if let Some((handed, arguments)) = self.evaluator.handed_on(at)
                    && is_named(facts, handed.id, verbs)
                    && let Some(found) = self.match_callee(handed)
                {
                    self.start_match(&found, at, handed, &arguments, None);
                }
            }
        }
        for (id, scope) in (0..).zip(&facts.scopes) {
            for &decorator in &scope.decorators {
                let is_bare = !matches!(facts.kind(decorator), ExpressionKind::Call(..));
                if is_bare && is_named(facts, decorator, verbs) {
                    let at = ExpressionRef {
                        file,
                        id: decorator,
                    };
                    self.start_bare_decorator(at, ScopeRef { file, id });
                }
            }
        }
    }

    fn start_call(&mut self, at: ExpressionRef) {
        let Some(callee) = self.evaluator.callee(at) else {
            return;
        };
        let Some(found) = self.match_callee(callee) else {
            return;
        };
        let arguments = self.evaluator.arguments(at);
        self.start_match(&found, at, callee, &arguments, None);
    }

    /// `@signal.connect`, `@bus.handler`: the decorator is the method itself.
    fn start_bare_decorator(&mut self, at: ExpressionRef, scope: ScopeRef) {
        let Some(found) = self.match_callee(at) else {
            return;
        };
        if found.kind == SiteKind::Subscribe {
            let arguments = self.evaluator.arguments(at);
            self.start_match(&found, at, at, &arguments, Some(scope));
        }
    }

    fn start_match(
        &mut self,
        found: &Match,
        at: ExpressionRef,
        callee: ExpressionRef,
        arguments: &Arguments<'_>,
        bare: Option<ScopeRef>,
    ) {
        let adapter = &self.adapters[found.adapter];
        let verb = match found.kind {
            SiteKind::Publish => &adapter.publish[found.verb],
            SiteKind::Subscribe => &adapter.subscribe[found.verb],
        };
        let written = self
            .evaluator
            .project
            .facts(callee.file)
            .last_name(callee.id);
        let name = match verb.call.rsplit('.').next() {
            Some("*") | None => written.unwrap_or_default(),
            Some(name) => name,
        };
        let mut site = Site::new(found.kind, at, name, &self.protocols[found.adapter]);
        site.grade = found.grade;
        let Some(event) = self.operand_of_event(verb, arguments, callee) else {
            if bare.is_some() {
                site.event = Operand::Annotation;
                site.handler = bare.map(Operand::Scope);
                self.pending.push(site);
            }
            return;
        };
        site.event = event;
        if let Some(topic) = verb
            .topic_keyword
            .as_deref()
            .and_then(|name| arguments.named(name))
        {
            site.topic = Some(topic);
        }
        if found.kind == SiteKind::Publish {
            self.pending.push(site);
            return;
        }
        let taken = [
            verb.event_keyword.as_deref(),
            verb.handler_keyword.as_deref(),
        ];
        site.options = arguments
            .keywords()
            .into_iter()
            .filter(|(name, _)| !taken.contains(&Some(name)))
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        if let Some(scope) = bare {
            site.handler = Some(Operand::Scope(scope));
            self.pending.push(site);
            return;
        }
        let handed = match verb.handler {
            Some(Place::Argument(index)) => arguments.positional(index),
            _ => None,
        };
        let handed =
            handed.or_else(|| arguments.named(verb.handler_keyword.as_deref().unwrap_or("")));
        match handed {
            Some(handler) => {
                site.handler = Some(Operand::one(handler));
                self.pending.push(site);
            }
            None => self.apply(site),
        }
    }

    /// Where a verb's event stands in a call.
    fn operand_of_event(
        &self,
        verb: &Verb,
        arguments: &Arguments<'_>,
        callee: ExpressionRef,
    ) -> Option<Operand> {
        let keyword = verb
            .event_keyword
            .as_deref()
            .and_then(|name| arguments.named(name));
        match verb.event {
            Place::Argument(index) => arguments.positional(index).or(keyword).map(Operand::one),
            Place::Special(Special::All) => {
                let all = arguments.all();
                (!all.is_empty()).then(|| Operand::Expressions(all, Context::default()))
            }
            Place::Special(Special::Receiver) => {
                let facts = self.evaluator.project.facts(callee.file);
                match facts.kind(callee.id) {
                    ExpressionKind::Attribute(of, _) => Some(Operand::one(ExpressionRef {
                        file: callee.file,
                        id: *of,
                    })),
                    _ => None,
                }
            }
            Place::Special(Special::Method) => {
                let facts = self.evaluator.project.facts(callee.file);
                facts
                    .last_name(callee.id)
                    .map(|name| Operand::Name(name.into()))
            }
            Place::Special(_) => Some(Operand::Annotation),
        }
    }

    /// A subscription without a handler is a decorator: this finds what it is put on.
    pub(super) fn apply(&mut self, site: Site) {
        let applied = self.applied(site.at);
        if applied.is_empty() {
            let reason = "gives a decorator that nothing seen here applies".to_owned();
            self.found.unresolved.push((site, reason));
            return;
        }
        for handler in applied {
            let mut site = site.clone();
            site.handler = Some(handler);
            self.pending.push(site);
        }
    }

    /// What the decorator that a call gives is put on: functions, or what it is called with.
    fn applied(&mut self, call: ExpressionRef) -> Vec<Operand> {
        let mut result = Vec::new();
        let decorated = self.decorated(call.file);
        let facts = self.evaluator.project.facts(call.file);
        if let Some(&scope) = decorated.get(&call.id) {
            result.push(Operand::Scope(scope));
        }
        let scope = facts.scope(facts.expression(call.id).scope);
        for &other in &scope.calls {
            let ExpressionKind::Call(callee, _) = facts.kind(other) else {
                continue;
            };
            let is_applied = *callee == call.id || self.is_bound_to(call.file, *callee, call);
            let arguments = self.evaluator.arguments(ExpressionRef {
                file: call.file,
                id: other,
            });
            if is_applied && let Some(handler) = arguments.positional(0) {
                result.push(Operand::one(handler));
            }
        }
        for (&decorator, &scope) in decorated.iter() {
            if self.is_bound_to(call.file, decorator, call) {
                result.push(Operand::Scope(scope));
            }
        }
        result
    }

    fn is_bound_to(&self, file: u32, id: u32, call: ExpressionRef) -> bool {
        let facts = self.evaluator.project.facts(file);
        let ExpressionKind::Name(name) = facts.kind(id) else {
            return false;
        };
        let Some((_, bindings)) = self.evaluator.bindings(ExpressionRef { file, id }, *name) else {
            return false;
        };
        bindings.iter().any(|binding| {
            matches!(binding, super::super::evaluate::Binding::Value(value) if *value == call)
        })
    }

    fn decorated(&mut self, file: u32) -> Rc<BTreeMap<u32, ScopeRef>> {
        let facts = self.evaluator.project.facts(file);
        let entry = self.decorated.entry(file).or_insert_with(|| {
            let mut map = BTreeMap::new();
            for (id, scope) in (0..).zip(&facts.scopes) {
                for &decorator in &scope.decorators {
                    map.insert(decorator, ScopeRef { file, id });
                }
            }
            Rc::new(map)
        });
        entry.clone()
    }

    /// Which verb a called expression is.
    fn match_callee(&self, callee: ExpressionRef) -> Option<Match> {
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
                || (adapter.events == Key::Signal && is_outside_signal(class));
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

    /// The functions of buses that the project wrote, as sites whose event is a parameter.
    pub(super) fn start_homemade(&mut self, homemade: &Homemade) {
        for dispatch in &homemade.dispatches {
            self.found.inside.insert(dispatch.function);
            let protocol = Rc::new(Protocol {
                name: "by hand".to_owned(),
                events: Key::Any,
                bases: dispatch.bases,
                any: vec!["*".to_owned()],
                key: dispatch.key.clone(),
            });
            let verb = self.evaluator.name_of(dispatch.function);
            let mut site = Site::new(SiteKind::Publish, dispatch.table, &verb, &protocol);
            if let Some(taken) = dispatch.taken {
                site.event = Operand::one(taken);
                self.pending.push(site);
                continue;
            }
            self.callers_of(&site, dispatch.function, dispatch.event, &protocol);
        }
        let [exact, loose] = [false, true].map(|bases| {
            Rc::new(Protocol {
                name: "by hand".to_owned(),
                events: Key::Any,
                bases,
                any: vec!["*".to_owned()],
                key: KeyOf::Itself,
            })
        });
        for registration in &homemade.registrations {
            let protocol = if homemade.looks_up_bases(registration) {
                &loose
            } else {
                &exact
            };
            let mut site = Site::new(SiteKind::Subscribe, registration.at, "subscribe", protocol);
            site.event = Operand::one(registration.key);
            site.handler = Some(Operand::one(registration.handler));
            self.pending.push(site);
        }
    }

    /// Tables of handlers that are written down: `{OrderPlaced: [bill, reserve]}`.
    pub(super) fn start_tables(&mut self, homemade: &Homemade) {
        let [exact, loose] = [false, true].map(|bases| {
            Rc::new(Protocol {
                name: "table".to_owned(),
                events: Key::Any,
                bases,
                any: vec!["*".to_owned()],
                key: KeyOf::Itself,
            })
        });
        // The tables that a bus looks events up in, and whether by their bases, too.
        let mut dispatched: FxHashMap<ExpressionRef, bool> = FxHashMap::default();
        for dispatch in &homemade.dispatches {
            for fact in self
                .evaluator
                .evaluate(dispatch.table, &Context::default())
                .iter()
            {
                if let Value::Display(at, _) = fact.value {
                    *dispatched.entry(at).or_default() |= dispatch.bases;
                }
            }
        }
        let mut tables: Vec<_> = dispatched.keys().map(|&at| (at, true)).collect();
        let project = self.evaluator.project;
        for (file, read) in (0..).zip(&project.files) {
            if read.summary.has_tables {
                let ids =
                    0..u32::try_from(project.facts(file).expressions.len()).unwrap_or(u32::MAX);
                let all = ids.map(|id| ExpressionRef { file, id });
                tables.extend(
                    all.filter(|at| !dispatched.contains_key(at))
                        .map(|at| (at, false)),
                );
            }
        }
        tables.sort_unstable();
        for (at, is_dispatched) in tables {
            let protocol = match dispatched.get(&at) {
                Some(true) => &loose,
                _ => &exact,
            };
            self.start_table(at, is_dispatched, protocol);
        }
    }

    fn start_table(&mut self, at: ExpressionRef, is_dispatched: bool, protocol: &Rc<Protocol>) {
        let facts = self.evaluator.project.facts(at.file);
        let ExpressionKind::Mapping(items) = facts.kind(at.id) else {
            return;
        };
        let is_named = self
            .evaluator
            .name_bound_to(at)
            .is_some_and(|name| speaks_of_handlers(&name));
        if !is_dispatched && !is_named {
            return;
        }
        let there = |id| ExpressionRef { file: at.file, id };
        for &(key, value) in items {
            let Some(key) = key.map(there) else { continue };
            let keys = self.evaluator.evaluate(key, &Context::default());
            let is_event = keys.iter().all(|fact| match &fact.value {
                Value::Class(_) | Value::Member(..) | Value::Made(..) => true,
                Value::External(path) => !path.starts_with("builtins."),
                Value::Text(_) => is_dispatched,
                _ => false,
            });
            if keys.is_empty() || !is_event {
                continue;
            }
            let handlers = match facts.kind(value) {
                ExpressionKind::Sequence(parts) => parts.iter().map(|&part| there(part)).collect(),
                _ => vec![there(value)],
            };
            for handler in handlers {
                let is_function = self
                    .evaluator
                    .evaluate(handler, &Context::default())
                    .iter()
                    .any(|fact| matches!(fact.value, Value::Function { .. } | Value::Class(_)));
                if !is_function && !is_dispatched {
                    continue;
                }
                let mut site = Site::new(SiteKind::Subscribe, handler, "table", protocol);
                site.event = Operand::one(key);
                site.handler = Some(Operand::one(handler));
                self.pending.push(site);
            }
        }
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

/// A signal of a package outside: `django.db.models.signals.post_save`. What else has a method
/// `connect` or `send` is none.
fn is_outside_signal(path: &str) -> bool {
    let mut parts = path.rsplit('.');
    let _ = parts.next();
    parts
        .next()
        .is_some_and(|module| matches!(module, "signals" | "signal"))
}

fn is_named(facts: &Facts, id: u32, verbs: &Verbs<'_>) -> bool {
    match facts.kind(id) {
        ExpressionKind::Name(name) => verbs.may_be(None, facts.text(*name)),
        ExpressionKind::Attribute(of, name) => {
            verbs.may_be(facts.last_name(*of), facts.text(*name))
        }
        _ => false,
    }
}
