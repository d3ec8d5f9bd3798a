//! Which handler a subscription names, and what the functions and handlers are called.

use rustc_hash::FxHashMap;

use super::facts::{How, Node, NodeKind, Target};
use super::items::{Place, Program};
use super::methods::handled;
use super::resolve::{Subscribed, input_of};
use super::types::{Index, Ty};
use crate::graph::HandlerKind;

/// A subscription of which both ends are known.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub(super) at: Subscribed,
    pub(super) event: Ty,
    /// The node of the handler.
    pub(super) handler: Index,
    pub(super) kind: HandlerKind,
    /// Why it is not certain.
    pub(super) reason: String,
}

/// Finds the handlers of a subscription; why there is none, if there is none.
pub(super) fn bind(
    program: &Program<'_>,
    nodes: &[Node],
    at: &Subscribed,
) -> Result<Vec<Bound>, String> {
    if !at.problem.is_empty() {
        return Err(at.problem.clone());
    }
    let mut handler = at.site.handler.bare().clone();
    let mut reason = match &at.site.how {
        How::Through(reason) => reason.to_string(),
        How::Named => String::new(),
    };
    if let (Ty::Call(..) | Ty::Bounds(_) | Ty::Unknown, Some(function)) = (&handler, at.site.from)
        && let Ty::Closure(node) = nodes[function].output
    {
        handler = Ty::Closure(node);
    }
    if let Ty::Closure(_) | Ty::Function(_) = handler {
        reason.clear();
    }
    if !at.through.is_empty() {
        reason = format!("through `{}`", at.through);
    }
    if !at.site.options.guess.reason.is_empty() {
        reason.clone_from(&at.site.options.guess.reason);
    }
    let owned = match &handler {
        Ty::Own(index, _) => Some(*index),
        Ty::Ext(..) => handler.pointee().and_then(|target| match target {
            Ty::Own(index, _) => Some(index),
            _ => None,
        }),
        _ => None,
    };
    if let Some(index) = owned {
        return bind_object(program, at, index, &reason);
    }
    let event = match &at.site.event {
        Ty::Unknown => [&handler, &at.site.handler]
            .into_iter()
            .find_map(|handler| {
                input_of(program, nodes, handler)?
                    .pointee()
                    .filter(|event| !event.has_gap())
            }),
        event => Some(event.clone()),
    };
    let event = event.filter(|event| !event.has_gap() && !event.has_parameter());
    let Some(event) = event else {
        return Err(format!(
            "the event that `{}` takes could not be told",
            at.site.text
        ));
    };
    let (node, kind) = match handler {
        Ty::Closure(node) => called_by(program, nodes, node),
        Ty::Function(index) => (index, kind_of(program, index)),
        _ => return Err(format!("the handler `{}` could not be told", at.site.text)),
    };
    Ok(vec![Bound {
        at: at.clone(),
        event,
        handler: node,
        kind,
        reason,
    }])
}

fn bind_object(
    program: &Program<'_>,
    at: &Subscribed,
    index: Index,
    reason: &str,
) -> Result<Vec<Bound>, String> {
    let name = &program.types[index].name;
    let wanted = &at.site.event;
    let fitting: Vec<(Ty, Index)> = program
        .handled_by(index)
        .into_iter()
        .filter(|(event, _)| wanted.is_unknown() || event == wanted || event.has_parameter())
        .collect();
    match fitting.len() {
        0 => Err(format!("no `impl Handler` of `{name}` was found")),
        1 => {
            let (event, handler) = fitting[0].clone();
            let event = if event.has_parameter() {
                wanted.clone()
            } else {
                event
            };
            if event.has_gap() {
                return Err(format!("the event that `{name}` takes could not be told"));
            }
            let (kind, reason) = (HandlerKind::Object, reason.to_owned());
            Ok(vec![Bound {
                at: at.clone(),
                event,
                handler,
                kind,
                reason,
            }])
        }
        _ => Err(format!(
            "`{name}` handles several events, and which is not said"
        )),
    }
}

/// What a closure does nothing but call, or itself.
fn called_by(program: &Program<'_>, nodes: &[Node], node: Index) -> (Index, HandlerKind) {
    if let NodeKind::Closure(closure) = &nodes[node].kind
        && let Some(call) = closure.hands_on
        && let [Target::Function(function)] = nodes[node].calls[call].targets[..]
        && program.functions[function].block.is_some()
    {
        return (function, kind_of(program, function));
    }
    (node, HandlerKind::Lambda)
}

fn kind_of(program: &Program<'_>, function: Index) -> HandlerKind {
    let function = &program.functions[function];
    match function.place {
        Place::Free if program.modules[function.module].is_block => HandlerKind::Nested,
        Place::Free => HandlerKind::Function,
        Place::Impl(_) | Place::Trait(_) => HandlerKind::Method,
    }
}

/// What each node is called: `module:qualname`.
///
/// A closure is called after the function that it stands in, unless it is a handler. Handlers in one
/// function are numbered, from the second on, so that names do not change with lines.
pub(super) fn names(program: &Program<'_>, nodes: &[Node], bound: &[Bound]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(nodes.len());
    let mut counts: FxHashMap<String, usize> = FxHashMap::default();
    for (index, node) in nodes.iter().enumerate() {
        let name = match &node.kind {
            NodeKind::Function(function) => function_name(program, *function),
            NodeKind::Statics => format!("{}:", program.modules[node.module].name),
            NodeKind::Closure(closure) => {
                let around = names[closure.parent].clone();
                if bound.iter().any(|bound| bound.handler == index) {
                    let count = counts.entry(around.clone()).or_default();
                    *count += 1;
                    let part = if around.ends_with(':') { "" } else { "::" };
                    match *count {
                        1 => format!("{around}{part}{{closure}}"),
                        count => format!("{around}{part}{{closure#{count}}}"),
                    }
                } else {
                    around
                }
            }
        };
        names.push(name);
    }
    names
}

/// `handle` of a type that handles several events is told apart by the event.
fn function_name(program: &Program<'_>, index: Index) -> String {
    let id = program.function_id(index);
    let Place::Impl(block) = program.functions[index].place else {
        return id;
    };
    let block = &program.impls[block];
    let (Some(event), Ty::Own(owner, _)) = (
        block.interface.as_ref().and_then(handled),
        block.owner.bare(),
    ) else {
        return id;
    };
    if program.handled_by(*owner).len() < 2 {
        return id;
    }
    let shown = program.show(&event);
    format!("{id}::<{}>", super::types::last(&shown))
}
