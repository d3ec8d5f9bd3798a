//! Puts what was found together into the graph.

mod apart;
mod claims;
mod details;
mod mutations;
mod names;
mod relays;

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use self::apart::Apart;
use super::constructed;
use super::evaluate::{Ancestor, Evaluator};
use super::flow::Flow;
use super::project::{ExpressionRef, ScopeRef};
use super::reach::Reach;
use super::sites::{EventId, FoundPublish, FoundSubscription, HandlerId, Operand, Site, Sites};
use crate::graph::{
    Cascade, Coverage, Grade, Location, Module, Publish, SiteKind, Step, Subscription, Unresolved,
    Wiring,
};

/// Makes the graph of what was found.
pub(crate) fn assemble(evaluator: &Evaluator<'_>, sites: &Sites, reach: &Reach) -> Wiring {
    let mut assembly = Assembly {
        evaluator,
        reach,
        wiring: Wiring::of_code(),
        events: FxHashMap::default(),
        handlers: FxHashMap::default(),
        partial: FxHashMap::default(),
        sent: FxHashMap::default(),
        ordinals: FxHashMap::default(),
    };
    assembly.tell_apart(sites);
    assembly.publishes(sites);
    assembly.subscriptions(sites);
    assembly.relays(sites);
    assembly.drop_tables_of_loops();
    assembly.constructed(sites);
    assembly.family();
    assembly.unresolved(sites);
    assembly.claims(sites);
    assembly.cascades(sites);
    assembly.finish()
}

/// An event that a function publishes.
struct Sent {
    event: String,
    grade: Grade,
    at: ExpressionRef,
    awaited: bool,
    /// The class that the function's object has to be of.
    of: Option<ScopeRef>,
    /// The call that has to have made the handler.
    closure: Option<ExpressionRef>,
}

struct Assembly<'a, 'p> {
    evaluator: &'a Evaluator<'p>,
    reach: &'a Reach,
    wiring: Wiring,
    events: FxHashMap<EventId, String>,
    /// The handlers, each with the classes of the objects that it is a method of, where known.
    handlers: FxHashMap<HandlerId, Vec<ScopeRef>>,
    /// The handlers of which some arguments are filled in wherever they are subscribed.
    partial: FxHashMap<HandlerId, Option<ExpressionRef>>,
    /// What each function publishes.
    sent: FxHashMap<ScopeRef, Vec<Sent>>,
    /// Which of several handlers of one name each is, from the second on.
    ordinals: FxHashMap<HandlerId, usize>,
}

impl Assembly<'_, '_> {
    fn publishes(&mut self, sites: &Sites) {
        for found in &sites.publishes {
            let (at, reason) = self.place_of(found, sites);
            let is_moved = at != found.site.at;
            let event = self.event(&found.event);
            let decorated = self.evaluator.decorated_by(at);
            let scope = decorated.unwrap_or_else(|| self.evaluator.scope_of(at));
            let awaited = self.evaluator.is_awaited(at);
            let mut through = found.site.through.clone();
            if is_moved {
                through.insert(0, self.step(found.site.at));
            }
            let grade = if is_moved {
                found.grade.max(Grade::Inferred)
            } else {
                found.grade
            };
            let of = match &found.site.event {
                Operand::Expressions(_, context) if !is_moved => context.this,
                _ => None,
            };
            let sent = Sent {
                event: event.clone(),
                grade,
                at,
                awaited,
                of,
                closure: found.closure,
            };
            if !found.site.later {
                self.note_sent(scope, sent);
            }
            let made_at = found.made.filter(|made| *made != at);
            self.wiring.publishes.push(Publish {
                event,
                function: self.evaluator.function_path(scope),
                module: self.evaluator.project.file(at.file).module.clone(),
                location: self.location(at),
                verb: found.site.verb.clone(),
                adapter: found.site.adapter.name.clone(),
                grade,
                reason,
                through,
                made_at: made_at
                    .map(|made| self.location(made))
                    .into_iter()
                    .collect(),
                awaited,
            });
        }
    }

    /// Where an event is published: at the site; but when that is the bus itself working off a queue,
    /// where the event was made and put there.
    fn place_of(&self, found: &FoundPublish, sites: &Sites) -> (ExpressionRef, String) {
        let around = self
            .evaluator
            .function_around(self.evaluator.scope_of(found.site.at));
        match (found.made, around) {
            (Some(made), Some(function))
                if sites.inside.contains(&function) && !self.is_default(made, function) =>
            {
                (
                    made,
                    "it is put aside here, and published from there".to_owned(),
                )
            }
            _ => (found.site.at, found.reason.clone()),
        }
    }

    /// Whether an expression is what a parameter is when nothing is given for it.
    fn is_default(&self, at: ExpressionRef, function: ScopeRef) -> bool {
        let facts = self.evaluator.project.facts(function.file);
        let mut parameters = facts.scope(function.id).parameters.iter();
        at.file == function.file && parameters.any(|one| one.default == Some(at.id))
    }

    fn note_sent(&mut self, scope: ScopeRef, sent: Sent) {
        if let Some(function) = self.evaluator.function_around(scope) {
            self.sent.entry(function).or_default().push(sent);
        }
    }

    fn subscriptions(&mut self, sites: &Sites) {
        // One mark subscribes once for each class whose objects are included.
        let mut told = FxHashSet::default();
        let apart = Apart::of_all(self.evaluator, sites);
        for found in &sites.subscriptions {
            let event = self.event(&found.event);
            let classes = self.handlers.entry(found.handler.clone()).or_default();
            if let Some(of) = found.of
                && !classes.contains(&of)
            {
                classes.push(of);
            }
            let partial = self.partial.entry(found.handler.clone());
            let partial = partial.or_insert(found.partial);
            *partial = partial.and(found.partial);
            let handler = self.handler_id(&found.handler);
            if !told.insert((found.site.at, &found.event, &found.handler)) {
                continue;
            }
            let never = self.never(found);
            let scope = self.evaluator.scope_of(found.site.at);
            let options = self.options(&found.site);
            let is_class = matches!(found.event, EventId::Class(_) | EventId::Outside(_));
            let is_exact = is_class && !found.site.adapter.bases;
            let exact = options
                .iter()
                .any(|(name, value)| name == "exact" && value == "True");
            self.wiring.subscriptions.push(Subscription {
                event,
                handler,
                function: self.evaluator.function_path(scope),
                module: self
                    .evaluator
                    .project
                    .file(found.site.at.file)
                    .module
                    .clone(),
                location: self.site_location(&found.site),
                verb: found.site.verb.clone(),
                adapter: found.site.adapter.name.clone(),
                grade: found.grade,
                reason: found.reason.clone(),
                options,
                exact: exact || is_exact,
                never,
                apart: apart.of(&found.site),
            });
        }
    }

    /// A table whose rows are subscribed in a loop stands there twice; the loop is what subscribes.
    fn drop_tables_of_loops(&mut self) {
        let list = &self.wiring.subscriptions;
        let subscribed: FxHashSet<(String, String)> = list
            .iter()
            .filter(|one| one.adapter != "table")
            .map(|one| (one.event.clone(), one.handler.clone()))
            .collect();
        self.wiring.subscriptions.retain(|one| {
            one.adapter != "table"
                || !subscribed.contains(&(one.event.clone(), one.handler.clone()))
        });
    }

    fn options(&self, site: &Site) -> Vec<(String, String)> {
        let facts = self.evaluator.project.facts(site.at.file);
        let given = site.options.iter();
        let mut options: Vec<_> = given
            .map(|(name, value)| (name.clone(), facts.written(value.id)))
            .collect();
        options.sort();
        options
    }

    fn never(&self, found: &FoundSubscription) -> String {
        let scope = self.evaluator.scope_of(found.site.at);
        let of_module = self.reach.never(self.evaluator, scope);
        if !of_module.is_empty() {
            return of_module;
        }
        // A mark on a method subscribes nothing until an object of the class is there.
        let Some(function) = found.handler.function() else {
            return String::new();
        };
        let is_mark = self.evaluator.class_of_method(function) == Some(scope);
        let of_class = if is_mark {
            self.reach.never_built(self.evaluator, scope)
        } else {
            String::new()
        };
        if of_class.is_empty() && self.reach.builds_in_sight() {
            return found.site.never.clone();
        }
        of_class
    }

    /// Events that are made, and were not seen going to a bus.
    fn constructed(&mut self, sites: &Sites) {
        let known: Vec<ScopeRef> = self
            .events
            .keys()
            .filter_map(|event| match event {
                EventId::Class(class) => Some(*class),
                _ => None,
            })
            .collect();
        let mut classes: Vec<ScopeRef> = known
            .iter()
            .flat_map(|&class| self.evaluator.descendants(class))
            .collect();
        classes.sort_unstable();
        classes.dedup();
        for found in constructed::find(self.evaluator, sites, &classes) {
            let event = self.event(&EventId::Class(found.class));
            let scope = self.evaluator.scope_of(found.at);
            let sent = Sent {
                event: event.clone(),
                grade: found.grade,
                at: found.at,
                awaited: false,
                of: None,
                closure: None,
            };
            self.note_sent(scope, sent);
            self.wiring.publishes.push(Publish {
                event,
                function: self.evaluator.function_path(scope),
                module: self.evaluator.project.file(found.at.file).module.clone(),
                location: self.location(found.at),
                verb: "construct".to_owned(),
                adapter: "constructed".to_owned(),
                grade: found.grade,
                reason: "it is made here; how it gets to a bus was not seen".to_owned(),
                through: Vec::new(),
                made_at: Vec::new(),
                awaited: false,
            });
        }
    }

    /// Classes that stand beside the events, under the same bases: they are events that nobody uses.
    fn family(&mut self) {
        let known: FxHashSet<ScopeRef> = self
            .events
            .keys()
            .filter_map(|event| match event {
                EventId::Class(class) => Some(*class),
                _ => None,
            })
            .collect();
        let mut bases: Vec<ScopeRef> = known
            .iter()
            .flat_map(|&class| self.evaluator.ancestors(class).to_vec())
            .filter_map(|ancestor| match ancestor {
                Ancestor::Here(class) => Some(class),
                Ancestor::Outside(_) => None,
            })
            .collect();
        bases.sort_unstable();
        bases.dedup();
        for base in bases {
            let below = self.evaluator.descendants(base);
            let leaves: Vec<_> = below
                .iter()
                .copied()
                .filter(|&class| self.evaluator.descendants(class).len() == 1)
                .collect();
            let used = leaves.iter().filter(|class| known.contains(class)).count();
            if leaves.len() < 2 || used * 2 < leaves.len() {
                continue;
            }
            for class in leaves {
                self.event(&EventId::Class(class));
            }
        }
    }

    fn unresolved(&mut self, sites: &Sites) {
        for (site, reason) in &sites.unresolved {
            if site.kind == SiteKind::Publish && self.publish_declared(site) {
                continue;
            }
            let scope = self.evaluator.scope_of(site.at);
            self.wiring.unresolved.push(Unresolved {
                site: site.kind,
                function: self.evaluator.function_path(scope),
                location: self.site_location(site),
                verb: site.verb.clone(),
                adapter: site.adapter.name.clone(),
                reason: reason.clone(),
            });
        }
    }

    /// A publish that cannot be told, but says in a comment what it is: `# wiring: publishes A, B`,
    /// on its line or the one above.
    fn publish_declared(&mut self, site: &Site) -> bool {
        let location = self.site_location(site);
        let comments = &self.evaluator.project.file(site.at.file).summary.comments;
        let lines = [location.line, location.line.saturating_sub(1)];
        let said = comments.iter().filter(|(line, _)| lines.contains(line));
        let names: Vec<String> = said
            .filter_map(|(_, text)| details::declared_names(text))
            .flatten()
            .collect();
        let scope = self.evaluator.scope_of(site.at);
        let awaited = self.evaluator.is_awaited(site.at);
        for name in &names {
            let event = self.event_called(site.at.file, name);
            let event = self.event(&event);
            let sent = Sent {
                event: event.clone(),
                grade: Grade::Inferred,
                at: site.at,
                awaited,
                of: None,
                closure: None,
            };
            self.note_sent(scope, sent);
            self.wiring.publishes.push(Publish {
                event,
                function: self.evaluator.function_path(scope),
                module: self.evaluator.project.file(site.at.file).module.clone(),
                location: location.clone(),
                verb: site.verb.clone(),
                adapter: site.adapter.name.clone(),
                grade: Grade::Inferred,
                reason: "a comment says so".to_owned(),
                through: site.through.clone(),
                made_at: Vec::new(),
                awaited,
            });
        }
        !names.is_empty()
    }

    fn cascades(&mut self, sites: &Sites) {
        let mut flow = Flow::new(self.evaluator, &sites.inside);
        let mut handlers: Vec<_> = self
            .handlers
            .iter()
            .map(|(id, classes)| (id.clone(), classes.clone()))
            .collect();
        handlers.sort();
        for (id, classes) in handlers {
            let handler = self.handler_id(&id);
            let Some(function) = id.function() else {
                let details = self.handler_details(&id, &[], &flow);
                self.wiring.handlers.push(details);
                continue;
            };
            let closure = match id {
                HandlerId::Closure(_, made) => Some(made),
                _ => None,
            };
            let mut reached = Vec::new();
            for &class in &classes {
                reached.extend(flow.reached(function, Some(class)));
            }
            if classes.is_empty() {
                reached = flow.reached(function, None);
            }
            for reached in &reached {
                let sent = self.sent.get(&reached.function).into_iter().flatten();
                for sent in sent {
                    let is_of_another = closure.is_some() && sent.closure.is_some();
                    if is_of_another && closure != sent.closure {
                        continue;
                    }
                    if !may_send(self.evaluator, sent, reached.this) {
                        continue;
                    }
                    let mut path = reached.path.clone();
                    path.push(self.step(sent.at));
                    self.wiring.cascades.push(Cascade {
                        handler: handler.clone(),
                        event: sent.event.clone(),
                        grade: reached.grade.max(sent.grade),
                        path,
                        awaited: sent.awaited,
                    });
                }
            }
            let mut details = self.handler_details(&id, &reached, &flow);
            // Only some buses hand over the event as the one argument that a handler takes.
            let takes_event = self.wiring.subscriptions.iter().any(|one| {
                one.handler == handler && matches!(&*one.adapter, "buswork" | "table" | "bubus")
            });
            if !takes_event {
                details.misfit.clear();
                details.accepts.clear();
            }
            self.wiring.handlers.push(details);
        }
        // The shortest way of the surest is shown.
        self.wiring.cascades.sort_by(|a, b| {
            let key = |one: &Cascade| (one.grade, one.path.len());
            (&a.handler, &a.event, key(a)).cmp(&(&b.handler, &b.event, key(b)))
        });
        self.wiring
            .cascades
            .dedup_by(|a, b| a.handler == b.handler && a.event == b.event);
    }

    pub(super) fn step(&self, at: ExpressionRef) -> Step {
        Step {
            function: self.evaluator.function_path(self.evaluator.scope_of(at)),
            location: self.location(at),
        }
    }

    pub(super) fn location(&self, at: ExpressionRef) -> Location {
        Location {
            file: self.evaluator.project.file(at.file).path.clone(),
            line: self.evaluator.line_of(at),
        }
    }

    pub(super) fn site_location(&self, site: &Site) -> Location {
        let location = self.location(site.at);
        Location {
            line: site.line.unwrap_or(location.line),
            ..location
        }
    }

    fn finish(mut self) -> Wiring {
        let mut known: Vec<_> = std::mem::take(&mut self.events).into_iter().collect();
        known.sort();
        for (id, path) in &known {
            let event = self.event_details(id, path, &known);
            self.wiring.events.push(event);
        }
        self.coverage();
        self.modules();
        self.wiring
    }

    fn coverage(&mut self) {
        let mut publishes: BTreeMap<&Location, Grade> = BTreeMap::new();
        for publish in self
            .wiring
            .publishes
            .iter()
            .filter(|one| one.verb != "construct")
        {
            let grade = publishes.entry(&publish.location).or_insert(publish.grade);
            *grade = (*grade).max(publish.grade);
        }
        let mut subscriptions: BTreeMap<&Location, Grade> = BTreeMap::new();
        for subscription in &self.wiring.subscriptions {
            let grade = subscriptions
                .entry(&subscription.location)
                .or_insert(subscription.grade);
            *grade = (*grade).max(subscription.grade);
        }
        let mut coverage_of_publishes = Coverage::default();
        let mut coverage_of_subscriptions = Coverage::default();
        for grade in publishes.into_values() {
            coverage_of_publishes.count(Some(grade));
        }
        for grade in subscriptions.into_values() {
            coverage_of_subscriptions.count(Some(grade));
        }
        for unresolved in &self.wiring.unresolved {
            match unresolved.site {
                SiteKind::Publish => coverage_of_publishes.count(None),
                SiteKind::Subscribe => coverage_of_subscriptions.count(None),
            }
        }
        self.wiring.publish_coverage = coverage_of_publishes;
        self.wiring.subscribe_coverage = coverage_of_subscriptions;
    }

    fn modules(&mut self) {
        let wiring = &self.wiring;
        let mut files: FxHashSet<&str> = FxHashSet::default();
        files.extend(
            wiring
                .events
                .iter()
                .filter_map(|one| one.location.as_ref())
                .map(|l| &*l.file),
        );
        files.extend(
            wiring
                .handlers
                .iter()
                .filter_map(|one| one.location.as_ref())
                .map(|l| &*l.file),
        );
        files.extend(wiring.publishes.iter().map(|one| &*one.location.file));
        files.extend(wiring.subscriptions.iter().map(|one| &*one.location.file));
        let read = (0..).zip(&self.evaluator.project.files);
        let modules = read
            .filter(|(_, file)| files.contains(&*file.path))
            .map(|(id, file)| Module {
                name: file.module.clone(),
                file: file.path.clone(),
                reached: self.reach.is_imported(id),
            });
        self.wiring.modules = modules.collect();
    }
}

/// Whether an object that is known to be of a class may be the one that sends.
fn may_send(evaluator: &Evaluator<'_>, sent: &Sent, this: Option<ScopeRef>) -> bool {
    let (Some(of), Some(this)) = (sent.of, this) else {
        return true;
    };
    evaluator.is_subclass(of, this) || evaluator.is_subclass(this, of)
}
