//! Sites whose event or handler is a parameter: whoever calls that function is the site.

use rustc_hash::FxHashMap;

use super::facts::{Call, How, Node, NodeKind, PublishSite, SubscribeSite, Target, Value};
use super::items::Program;
use super::types::{Binding, Index, Ty};

/// Wrappers of wrappers end somewhere.
const DEEPEST: usize = 6;

/// A publish, at the place that names the event.
#[derive(Debug, Clone)]
pub(super) struct Published {
    /// The node that it stands in.
    pub(super) node: Index,
    pub(super) site: PublishSite,
    /// From here to the call of the bus: nodes and lines. Empty if this is it.
    pub(super) through: Vec<(Index, u32)>,
    /// Why there is no event; empty if there is one.
    pub(super) problem: String,
}

/// A subscription, at the place that names the handler.
#[derive(Debug, Clone)]
pub(super) struct Subscribed {
    pub(super) node: Index,
    pub(super) site: SubscribeSite,
    /// The function that subscribes it for this place; empty if this is it.
    pub(super) through: String,
    pub(super) problem: String,
}

/// All calls of each function: nodes, and the place among their calls.
pub(super) struct Callers<'f> {
    nodes: &'f [Node],
    of: FxHashMap<Index, Vec<(Index, usize)>>,
}

impl<'f> Callers<'f> {
    pub(super) fn new(nodes: &'f [Node]) -> Self {
        let mut of: FxHashMap<Index, Vec<(Index, usize)>> = FxHashMap::default();
        for (index, node) in nodes.iter().enumerate() {
            for (place, call) in node.calls.iter().enumerate() {
                for target in &call.targets {
                    if let Target::Function(function) = target {
                        of.entry(*function).or_default().push((index, place));
                    }
                }
            }
        }
        Self { nodes, of }
    }

    /// The function that a node is, or stands in.
    fn function_of(&self, mut node: Index) -> Option<Index> {
        loop {
            match &self.nodes[node].kind {
                NodeKind::Function(index) => return Some(*index),
                NodeKind::Closure(closure) => node = closure.parent,
                NodeKind::Statics => return None,
            }
        }
    }

    fn calls_of(&self, function: Index) -> impl Iterator<Item = (Index, &'f Call)> {
        let places = self.of.get(&function).into_iter().flatten();
        places.map(|&(node, place)| (node, &self.nodes[node].calls[place]))
    }
}

/// All publishes, at the places that name the event.
pub(super) fn publishes(program: &Program<'_>, callers: &Callers<'_>) -> Vec<Published> {
    let mut found = Vec::new();
    for (node, facts) in callers.nodes.iter().enumerate() {
        for site in &facts.publishes {
            let (site, through, problem) = (site.clone(), Vec::new(), String::new());
            let first = Published {
                node,
                site,
                through,
                problem,
            };
            follow_publish(program, callers, first, 0, &mut found);
        }
    }
    found
}

fn follow_publish(
    program: &Program<'_>,
    callers: &Callers<'_>,
    mut at: Published,
    depth: usize,
    found: &mut Vec<Published>,
) {
    if !at.site.event.has_parameter() {
        if at.site.event.has_gap() {
            at.problem = format!("the type of `{}` could not be told", at.site.text);
        }
        found.push(at);
        return;
    }
    let shown = shown(program, &at.site.event);
    let function = callers.function_of(at.node).filter(|_| depth < DEEPEST);
    let Some(function) = function else {
        at.problem = format!("the event is generic: `{shown}`");
        found.push(at);
        return;
    };
    let name = &program.functions[function].qualified;
    let mut is_called = false;
    for (node, call) in callers.calls_of(function) {
        if node == at.node || at.through.iter().any(|(other, _)| *other == node) {
            continue;
        }
        is_called = true;
        let binding = binding(program, callers.nodes, function, call);
        let given = given(program, function, call, &at.site.event);
        let mut next = at.clone();
        next.through.insert(0, (at.node, at.site.line));
        next.node = node;
        next.site.line = call.line;
        next.site.verb.clone_from(&call.name);
        next.site.event = at.site.event.bound(&binding);
        next.site.awaited &= !call.is_detached;
        next.site.made = given.map(|value| value.made.clone()).unwrap_or_default();
        next.site.from = given.and_then(|value| value.from);
        next.site.how = match given.map(|value| &value.how) {
            Some(How::Through(reason)) => How::Through(reason.clone()),
            _ => How::Through(format!("through `{name}`").into()),
        };
        follow_publish(program, callers, next, depth + 1, found);
    }
    if !is_called {
        at.problem = format!("`{name}` is generic over `{shown}`, and nobody was seen calling it");
        found.push(at);
    }
}

/// All subscriptions, at the places that name the handler.
pub(super) fn subscriptions(program: &Program<'_>, callers: &Callers<'_>) -> Vec<Subscribed> {
    let mut found = Vec::new();
    for (node, facts) in callers.nodes.iter().enumerate() {
        for site in &facts.subscribes {
            let first = Subscribed {
                node,
                site: site.clone(),
                through: String::new(),
                problem: String::new(),
            };
            follow_subscription(program, callers, first, 0, &mut found);
        }
    }
    found
}

fn follow_subscription(
    program: &Program<'_>,
    callers: &Callers<'_>,
    mut at: Subscribed,
    depth: usize,
    found: &mut Vec<Subscribed>,
) {
    if !at.site.handler.has_parameter() && !at.site.event.has_parameter() {
        found.push(at);
        return;
    }
    let function = callers.function_of(at.node).filter(|_| depth < DEEPEST);
    let Some(function) = function else {
        "the handler is generic".clone_into(&mut at.problem);
        found.push(at);
        return;
    };
    let name = &program.functions[function].qualified;
    let mut is_called = false;
    for (node, call) in callers.calls_of(function) {
        if node == at.node {
            continue;
        }
        is_called = true;
        let binding = binding(program, callers.nodes, function, call);
        let mut next = at.clone();
        if let Some(value) = given(program, function, call, &at.site.handler) {
            next.site.from = value.from;
        }
        (next.node, next.site.line) = (node, call.line);
        next.site.verb.clone_from(&call.name);
        next.site.handler = at.site.handler.bound(&binding);
        next.site.event = at.site.event.bound(&binding);
        next.through.clone_from(name);
        follow_subscription(program, callers, next, depth + 1, found);
    }
    if !is_called {
        let shown = shown(program, &at.site.handler);
        at.problem = format!("`{name}` is generic over `{shown}`, and nobody was seen calling it");
        found.push(at);
    }
}

/// What the parameters of a function are at one call of it.
fn binding(program: &Program<'_>, nodes: &[Node], function: Index, call: &Call) -> Binding {
    let types = &program.functions[function].types;
    let named = call.turbofish.iter().filter(|ty| !ty.is_unknown());
    let mut binding: Binding = types.generics.iter().cloned().zip(named.cloned()).collect();
    if let Some(owner) = &types.owner {
        owner.learn(call.receiver.bare(), &mut binding);
    }
    for ((_, wanted), given) in types.inputs.iter().zip(&call.inputs) {
        wanted.learn(&given.ty, &mut binding);
    }
    let handlers: Vec<(&Ty, Ty)> = types
        .bounds
        .iter()
        .filter_map(|(name, bounds)| {
            let input = input_of(program, nodes, binding.get(name)?)?;
            Some(bounds.iter().map(move |bound| (bound, input.clone())))
        })
        .flatten()
        .collect();
    for (bound, input) in handlers {
        match bound {
            Ty::Call(inputs, _) => {
                if let Some(wanted) = inputs.first() {
                    wanted.learn(&input, &mut binding);
                }
            }
            Ty::Ext(_, parts) => {
                if let (Some(wanted), Some(event)) = (parts.first(), input.pointee()) {
                    wanted.learn(&event, &mut binding);
                }
            }
            _ => {}
        }
    }
    for name in &types.generics {
        binding.entry(name.clone()).or_default();
    }
    binding
}

/// The type of what a handler takes.
pub(super) fn input_of(program: &Program<'_>, nodes: &[Node], handler: &Ty) -> Option<Ty> {
    match handler {
        Ty::Closure(node) => match &nodes[*node].kind {
            NodeKind::Closure(closure) => closure.inputs.first().cloned(),
            _ => None,
        },
        Ty::Function(index) => program.functions[*index]
            .types
            .inputs
            .first()
            .map(|(_, ty)| ty.clone()),
        Ty::Call(inputs, _) => inputs.first().cloned(),
        Ty::Own(index, _) => match program.handled_by(*index)[..] {
            [(ref event, _)] => Some(event.clone().reference()),
            _ => None,
        },
        Ty::Ref(target) => input_of(program, nodes, target),
        _ => None,
    }
}

/// What is given for the parameter that a type is made of.
fn given<'c>(program: &Program<'_>, function: Index, call: &'c Call, ty: &Ty) -> Option<&'c Value> {
    let inputs = program.functions[function].types.inputs.iter();
    let place = inputs
        .zip(&call.inputs)
        .find(|((_, wanted), _)| wanted.bare() == ty.bare());
    place.map(|(_, value)| value)
}

/// A parameter as it stands in a sentence.
fn shown(program: &Program<'_>, ty: &Ty) -> String {
    let shown = program.show(ty);
    if shown.starts_with("impl trait ") {
        "impl Trait".to_owned()
    } else {
        shown
    }
}
