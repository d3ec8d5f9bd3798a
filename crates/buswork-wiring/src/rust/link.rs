//! From facts to the graph.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::events::Events;
use super::facts::{How, Node, PublishSite, Spot, Topic};
use super::handlers::{Bound, bind, names};
use super::items::Program;
use super::methods::handled;
use super::resolve::{Callers, Published, publishes, subscriptions};
use super::types::{Index, Ty};
use crate::graph::{
    Grade, Handler, HandlerKind, Location, Module, Publish, SiteKind, Step, Subscription,
    Unresolved, Wiring,
};
use crate::sources::Source;

/// The adapter that all of this belongs to.
const ADAPTER: &str = "buswork";

/// Builds the graph.
pub(super) fn link(
    program: &Program<'_>,
    nodes: &[Node],
    sources: &[Source],
    unreached: &FxHashSet<Index>,
) -> Wiring {
    let callers = Callers::new(nodes);
    let mut bound = Vec::new();
    let mut unbound = Vec::new();
    for at in subscriptions(program, &callers) {
        match bind(program, nodes, &at) {
            Ok(found) => bound.extend(found),
            Err(reason) => unbound.push((at, reason)),
        }
    }
    let mut linking = Linking {
        program,
        nodes,
        sources,
        unreached,
        names: names(program, nodes, &bound),
        events: Events::default(),
        wiring: Wiring::of_code(),
        handlers: BTreeMap::new(),
    };
    let publishes = publishes(program, &callers);
    linking.meet_events(&bound, &publishes);
    linking.add_subscriptions(&bound);
    for (at, reason) in unbound {
        if at.site.options.guess.needs_event {
            continue;
        }
        linking.unresolved(
            SiteKind::Subscribe,
            at.node,
            at.site.line,
            &at.site.verb,
            reason,
        );
    }
    linking.add_impls(&bound);
    let known = linking.add_publishes(publishes);
    linking.add_unread();
    linking.add_cascades(&known);
    linking.finish()
}

pub(super) struct Linking<'p, 'a> {
    pub(super) program: &'p Program<'a>,
    pub(super) nodes: &'p [Node],
    pub(super) sources: &'p [Source],
    pub(super) unreached: &'p FxHashSet<Index>,
    /// What each node is called.
    pub(super) names: Vec<String>,
    pub(super) events: Events,
    pub(super) wiring: Wiring,
    pub(super) handlers: BTreeMap<Index, Handler>,
}

/// A publish of which the event is known.
pub(super) struct Known {
    pub(super) at: Published,
    pub(super) event: String,
    pub(super) grade: Grade,
}

impl Linking<'_, '_> {
    /// Events of sites where the receiver is a bus for sure: what else is one is told by them.
    fn meet_events(&mut self, bound: &[Bound], publishes: &[Published]) {
        for bound in bound
            .iter()
            .filter(|bound| !bound.at.site.options.guess.needs_event)
        {
            let topic = bound.at.site.options.topic.as_ref();
            self.events
                .id(self.program, self.sources, &bound.event, topic);
        }
        for at in publishes.iter().filter(|at| at.problem.is_empty()) {
            if !at.site.guess.needs_event {
                let (event, topic) = (&at.site.event, at.site.topic.as_ref());
                self.events.id(self.program, self.sources, event, topic);
            }
        }
    }

    pub(super) fn location(&self, node: Index, line: u32) -> Location {
        Location {
            file: self.sources[self.nodes[node].source].file.clone(),
            line,
        }
    }

    fn spot(&self, spot: Spot) -> Location {
        Location {
            file: self.sources[spot.source].file.clone(),
            line: spot.line,
        }
    }

    pub(super) fn step(&self, node: Index, line: u32) -> Step {
        Step {
            function: self.names[node].clone(),
            location: self.location(node, line),
        }
    }

    pub(super) fn steps(&self, path: &[(Index, u32)]) -> Vec<Step> {
        path.iter()
            .map(|&(node, line)| self.step(node, line))
            .collect()
    }

    pub(super) fn module(&self, node: Index) -> String {
        self.program.modules[self.nodes[node].module].name.clone()
    }

    fn unresolved(&mut self, site: SiteKind, node: Index, line: u32, verb: &str, reason: String) {
        let step = self.step(node, line);
        let unresolved = Unresolved {
            site,
            function: step.function,
            location: step.location,
            verb: verb.to_owned(),
            adapter: ADAPTER.to_owned(),
            reason,
        };
        if self.wiring.unresolved.contains(&unresolved) {
            return;
        }
        match site {
            SiteKind::Publish => self.wiring.publish_coverage.count(None),
            SiteKind::Subscribe => self.wiring.subscribe_coverage.count(None),
        }
        self.wiring.unresolved.push(unresolved);
    }

    fn add_subscriptions(&mut self, bound: &[Bound]) {
        for bound in bound {
            let options = &bound.at.site.options;
            let (node, line) = (bound.at.node, bound.at.site.line);
            if options.guess.needs_event && !self.events.knows(self.program, &bound.event) {
                continue;
            }
            let topic = options.topic.as_ref();
            let event = self
                .events
                .id(self.program, self.sources, &bound.event, topic);
            let Some(event) = event else {
                let reason = "the pattern of its topics is known at run time only".to_owned();
                self.unresolved(SiteKind::Subscribe, node, line, &bound.at.site.verb, reason);
                continue;
            };
            self.meet_handler(bound, &event);
            let is_template = matches!(topic, Some(Topic::Template(_)));
            let (grade, reason) = match (is_template, bound.reason.is_empty()) {
                (true, _) => (Grade::Possible, "its topics are a template".to_owned()),
                (false, true) => (Grade::Certain, String::new()),
                (false, false) => (Grade::Inferred, bound.reason.clone()),
            };
            self.wiring.subscribe_coverage.count(Some(grade));
            let module = self.nodes[node].module;
            let never = if self.unreached.contains(&module) {
                format!(
                    "`{}` belongs to no module of its crate",
                    self.location(node, line).file
                )
            } else {
                String::new()
            };
            self.wiring.subscriptions.push(Subscription {
                event,
                handler: self.names[bound.handler].clone(),
                function: self.names[node].clone(),
                module: self.module(node),
                location: self.location(node, line),
                verb: bound.at.site.verb.clone(),
                adapter: ADAPTER.to_owned(),
                grade,
                reason,
                options: options.given.clone(),
                exact: false,
                never,
                apart: String::new(),
            });
        }
    }

    /// `impl Handler<E> for T` of which nothing is ever subscribed.
    fn add_impls(&mut self, bound: &[Bound]) {
        let is_open = self
            .wiring
            .unresolved
            .iter()
            .any(|site| site.site == SiteKind::Subscribe);
        for block in &self.program.impls {
            let Some(event) = block.interface.as_ref().and_then(handled) else {
                continue;
            };
            let handle = block
                .functions
                .iter()
                .copied()
                .find(|&function| self.program.functions[function].name == "handle");
            let (Some(handle), Ty::Own(owner, _)) = (handle, block.owner.bare()) else {
                continue;
            };
            let is_bound = bound.iter().any(|bound| bound.handler == handle);
            if is_open || is_bound || event.has_parameter() || event.has_gap() {
                continue;
            }
            let topic = None;
            let Some(event) = self.events.id(self.program, self.sources, &event, topic) else {
                continue;
            };
            let is_async = block
                .interface
                .as_ref()
                .and_then(Ty::outer)
                .map(|(name, _)| name)
                == Some("AsyncHandler");
            let handler = self.handler(handle, HandlerKind::Object, is_async, &event);
            self.handlers.insert(handle, handler);
            let name = &self.program.types[*owner].name;
            let module = self.program.modules[block.module].name.clone();
            self.wiring.subscriptions.push(Subscription {
                event,
                handler: self.names[handle].clone(),
                function: format!("{module}:"),
                module,
                location: self.location(handle, block.line),
                verb: "impl".to_owned(),
                adapter: ADAPTER.to_owned(),
                grade: Grade::Certain,
                reason: String::new(),
                options: Vec::new(),
                exact: false,
                never: format!("no `{name}` is ever subscribed"),
                apart: String::new(),
            });
        }
    }

    fn add_publishes(&mut self, publishes: Vec<Published>) -> Vec<Known> {
        let mut known = Vec::new();
        let mut counted = FxHashSet::default();
        for at in publishes {
            let (node, line, verb) = (at.node, at.site.line, at.site.verb.clone());
            let guess = &at.site.guess;
            if guess.needs_event && !self.events.knows(self.program, &at.site.event) {
                continue;
            }
            if !at.problem.is_empty() {
                self.unresolved(SiteKind::Publish, node, line, &verb, at.problem);
                continue;
            }
            let (event, topic) = (&at.site.event, at.site.topic.as_ref());
            let Some(event) = self.events.id(self.program, self.sources, event, topic) else {
                let reason = "its topic is known at run time only".to_owned();
                self.unresolved(SiteKind::Publish, node, line, &verb, reason);
                continue;
            };
            let (grade, reason) = grade(&at.site);
            if counted.insert((
                self.location(node, line),
                event.clone(),
                at.site.text.clone(),
            )) {
                self.wiring.publish_coverage.count(Some(grade));
            }
            self.wiring.publishes.push(Publish {
                event: event.clone(),
                function: self.names[node].clone(),
                module: self.module(node),
                location: self.location(node, line),
                verb,
                adapter: ADAPTER.to_owned(),
                grade,
                reason,
                through: self.steps(&at.through),
                made_at: self.made_at(&at),
                awaited: at.site.awaited,
            });
            known.push(Known { at, event, grade });
        }
        known
    }

    /// Where the event is made, when that is not the line of the publish.
    fn made_at(&self, at: &Published) -> Vec<Location> {
        let here = self.location(at.node, at.site.line);
        let mut made: Vec<Location> = at.site.made.iter().map(|&spot| self.spot(spot)).collect();
        if let (true, Some(function)) = (made.is_empty(), at.site.from) {
            let facts = &self.nodes[function].made;
            let fitting = facts.iter().filter(|(ty, _)| *ty == at.site.event);
            made.extend(fitting.map(|&(_, line)| self.location(function, line)));
        }
        made.retain(|place| *place != here);
        made.sort();
        made.dedup();
        made
    }

    fn add_unread(&mut self) {
        for (index, node) in self.nodes.iter().enumerate() {
            for unread in &node.unread {
                let site = if unread.verb.starts_with("subscribe") {
                    SiteKind::Subscribe
                } else {
                    SiteKind::Publish
                };
                let reason = format!(
                    "the words of the macro `{}!` are no plain code",
                    unread.name
                );
                self.unresolved(site, index, unread.line, &unread.verb, reason);
            }
        }
    }

    fn finish(mut self) -> Wiring {
        self.wiring.handlers = self.handlers.into_values().collect();
        self.wiring.events = self.events.into_list();
        let mut named: FxHashSet<&str> = FxHashSet::default();
        named.extend(self.wiring.events.iter().map(|event| event.module.as_str()));
        named.extend(
            self.wiring
                .handlers
                .iter()
                .map(|handler| handler.module.as_str()),
        );
        named.extend(
            self.wiring
                .publishes
                .iter()
                .map(|publish| publish.module.as_str()),
        );
        named.extend(
            self.wiring
                .subscriptions
                .iter()
                .map(|subscription| subscription.module.as_str()),
        );
        let mut modules: Vec<Module> = Vec::new();
        for (index, module) in self.program.modules.iter().enumerate() {
            let is_new = modules.iter().all(|other| other.name != module.name);
            if !module.is_block && is_new && named.contains(module.name.as_str()) {
                modules.push(Module {
                    name: module.name.clone(),
                    file: self.sources[module.source].file.clone(),
                    reached: Some(!self.unreached.contains(&index)),
                });
            }
        }
        self.wiring.modules = modules;
        self.wiring
    }
}

/// How sure a publish is, and why it is not certain.
fn grade(site: &PublishSite) -> (Grade, String) {
    if let Some(Topic::Template(_)) = site.topic {
        return (Grade::Possible, "its topic is a template".to_owned());
    }
    if !site.guess.reason.is_empty() {
        return (Grade::Inferred, site.guess.reason.clone());
    }
    match &site.how {
        How::Named => (Grade::Certain, String::new()),
        How::Through(reason) => (Grade::Inferred, reason.to_string()),
    }
}
