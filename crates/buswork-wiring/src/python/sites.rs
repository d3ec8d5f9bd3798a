//! Places that publish and places that subscribe: found by the adapters' verbs and in the buses that
//! the project wrote itself, and followed back through wrappers to where the event is named.

mod by_hand;
mod calls;
mod class_names;
mod closures;
mod decorators;
mod envelopes;
mod guessed;
mod handed;
mod identity;
mod included;
mod loops;
mod marks;
mod named;
mod operands;
mod passed;
mod publishing;
mod reflected;
mod relays;
mod subclasses;
mod subscribing;
mod verbs;
mod wrappers;

use std::collections::BTreeMap;
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

pub(crate) use identity::EventId;
pub(crate) use named::NamedSignals;
pub(crate) use relays::Relay;

use super::evaluate::{Context, Evaluator};
use super::homemade::{Homemade, KeyOf};
use super::project::{ExpressionRef, ScopeRef};
use crate::adapters::{Adapter, Key};
use crate::graph::{Grade, SiteKind, Step};

/// A call (or decorator, or table entry) that publishes or subscribes.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) kind: SiteKind,
    /// The call; for a decorator without a call, the decorator.
    pub(crate) at: ExpressionRef,
    pub(crate) verb: String,
    pub(crate) adapter: Rc<Protocol>,
    pub(crate) event: Operand,
    pub(crate) handler: Option<Operand>,
    /// How sure it is that this is a site at all.
    pub(crate) grade: Grade,
    /// The way from here to the bus.
    pub(crate) through: Vec<Step>,
    pub(crate) options: Vec<(String, ExpressionRef)>,
    /// The line, when it is not that of the call.
    pub(crate) line: Option<u32>,
    /// A topic, by which the event is routed instead.
    pub(crate) topic: Option<ExpressionRef>,
    /// Whether it happens later, when something calls what is only handed to it here.
    pub(crate) later: bool,
    /// Why what it marks is never handed to a bus; empty where it may be.
    pub(crate) never: String,
}

/// What matters of an adapter when a site is worked out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Protocol {
    pub(crate) name: String,
    pub(crate) events: Key,
    pub(crate) bases: bool,
    pub(crate) any: Vec<String>,
    /// Signals of a package outside.
    pub(crate) external: Vec<String>,
    /// Functions that give the same signal for the same name.
    pub(crate) named: Vec<String>,
    pub(crate) key: KeyOf,
}

/// Something that stands in a site.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    /// One of these expressions.
    Expressions(Vec<ExpressionRef>, Context),
    /// The function under a decorator.
    Scope(ScopeRef),
    /// A method of objects of a class, which may be one below that of the method.
    Method(ScopeRef, ScopeRef),
    /// This name.
    Name(Rc<str>),
    /// The annotation of the handler's first parameter.
    Annotation,
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    pub(crate) publishes: Vec<FoundPublish>,
    pub(crate) subscriptions: Vec<FoundSubscription>,
    pub(crate) relays: Vec<Relay>,
    pub(crate) unresolved: Vec<(Site, String)>,
    /// Functions that are the bus itself: what they call is not a consequence of any one event.
    pub(crate) inside: FxHashSet<ScopeRef>,
}

/// One site and one event.
#[derive(Debug, Clone)]
pub(crate) struct FoundPublish {
    pub(crate) site: Site,
    pub(crate) event: EventId,
    pub(crate) grade: Grade,
    pub(crate) reason: String,
    pub(crate) made: Option<ExpressionRef>,
    /// The call that makes the function around, where the event depends on what that is given.
    pub(crate) closure: Option<ExpressionRef>,
}

/// One site, one event, one handler.
#[derive(Debug, Clone)]
pub(crate) struct FoundSubscription {
    pub(crate) site: Site,
    pub(crate) event: EventId,
    pub(crate) handler: HandlerId,
    pub(crate) grade: Grade,
    pub(crate) reason: String,
    /// The class that the handler is a method of, when objects of it are handed to the bus.
    pub(crate) of: Option<ScopeRef>,
    /// The `partial` that fills in some of the handler's arguments.
    pub(crate) partial: Option<ExpressionRef>,
}

/// A handler: a function, or something outside by its dotted path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum HandlerId {
    Function(ScopeRef),
    /// A function within a function, and the call that makes it: `forward_as(InvoicePaid)`.
    Closure(ScopeRef, ExpressionRef),
    Outside(Rc<str>),
}

impl HandlerId {
    /// The function, if it is in the code that was read.
    pub(crate) fn function(&self) -> Option<ScopeRef> {
        match self {
            Self::Function(scope) | Self::Closure(scope, _) => Some(*scope),
            Self::Outside(_) => None,
        }
    }
}

/// Finds all sites of a project.
pub(crate) fn find(evaluator: &Evaluator<'_>, adapters: &[Adapter]) -> Sites {
    let adapters: &[Adapter] = &spoken(evaluator, adapters);
    let homemade = Homemade::find(evaluator);
    let mut finder = Finder {
        evaluator,
        adapters,
        protocols: adapters.iter().map(Protocol::of).map(Rc::new).collect(),
        found: Sites::default(),
        pending: Vec::new(),
        seen: FxHashSet::default(),
        decorated: FxHashMap::default(),
    };
    finder.start_homemade(&homemade);
    finder.start_adapters();
    finder.start_marks();
    finder.start_tables(&homemade);
    finder.work_off();
    finder.start_named_classes();
    finder.work_off();
    finder.start_unknown();
    finder.start_containers();
    finder.work_off();
    finder.start_reflected();
    finder.work_off();
    finder.start_unknown_publishes();
    finder.work_off();
    finder.join_names_with_classes();
    finder.found
}

/// The adapters of buses that the project imports, or that are known by other things than a package.
fn spoken(evaluator: &Evaluator<'_>, adapters: &[Adapter]) -> Vec<Adapter> {
    let files = &evaluator.project.files;
    let imported: FxHashSet<&str> = files
        .iter()
        .flat_map(|file| file.summary.imports.iter())
        .filter_map(|import| import.split('.').next())
        .collect();
    let is_here = |path: &String| {
        let root = path.split('.').next().unwrap_or_default();
        root.contains('*')
            || imported.contains(root)
            || files
                .iter()
                .any(|file| file.module.split('.').next() == Some(root))
    };
    let mut result = Vec::new();
    for adapter in adapters {
        let verbs = adapter
            .publish
            .iter()
            .chain(&adapter.subscribe)
            .chain(&adapter.marks);
        let mut dotted = verbs
            .map(|verb| &verb.call)
            .filter(|call| call.contains('.'));
        let classes = adapter
            .conventions
            .iter()
            .flat_map(|convention| &convention.classes);
        if adapter.buses.iter().chain(classes).any(is_here) || dotted.any(is_here) {
            result.push(adapter.clone());
        } else if !adapter.receivers.is_empty() {
            result.push(Adapter {
                buses: Vec::new(),
                ..adapter.clone()
            });
        }
    }
    result
}

/// A call that was gone back to, for a parameter of what it calls.
type Passed = (ExpressionRef, SiteKind, Option<(ScopeRef, usize)>);

struct Finder<'a, 'p> {
    evaluator: &'a Evaluator<'p>,
    adapters: &'a [Adapter],
    protocols: Vec<Rc<Protocol>>,
    found: Sites,
    pending: Vec<Site>,
    seen: FxHashSet<Passed>,
    /// By file: the function under each decorator.
    decorated: FxHashMap<u32, Rc<BTreeMap<u32, ScopeRef>>>,
}

impl Finder<'_, '_> {
    /// Works out the sites that are known so far, and those that come up on the way.
    fn work_off(&mut self) {
        while let Some(site) = self.pending.pop() {
            match site.kind {
                SiteKind::Publish => self.publish(site),
                SiteKind::Subscribe => self.subscribe(&site),
            }
        }
    }
}

impl Protocol {
    /// The same, where what is handed over is the class or an object of it, and the key its name.
    fn by_name_of_class(&self) -> Self {
        Self {
            name: self.name.clone(),
            events: Key::Any,
            bases: self.bases,
            any: self.any.clone(),
            external: self.external.clone(),
            named: self.named.clone(),
            key: KeyOf::Class,
        }
    }

    fn of(adapter: &Adapter) -> Self {
        Self {
            name: adapter.name.clone(),
            events: adapter.events,
            bases: adapter.bases,
            any: adapter.any.clone(),
            external: adapter.external.clone(),
            named: adapter.named.clone(),
            key: KeyOf::Itself,
        }
    }
}

impl Site {
    fn new(kind: SiteKind, at: ExpressionRef, verb: &str, adapter: &Rc<Protocol>) -> Self {
        Self {
            kind,
            at,
            verb: verb.to_owned(),
            adapter: adapter.clone(),
            event: Operand::Annotation,
            handler: None,
            grade: Grade::Certain,
            through: Vec::new(),
            options: Vec::new(),
            line: None,
            topic: None,
            later: false,
            never: String::new(),
        }
    }
}

impl Operand {
    pub(crate) fn one(at: ExpressionRef) -> Self {
        Self::Expressions(vec![at], Context::default())
    }
}

impl SiteKind {
    /// `publish` or `subscribe`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
        }
    }
}
