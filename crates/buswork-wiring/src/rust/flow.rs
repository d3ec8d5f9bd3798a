//! What follows from a handler: the events that it publishes, and the calls in it that block.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use super::facts::{Node, Target};
use super::types::Index;

/// So many calls a path is followed through.
const DEEPEST: usize = 12;

/// How far the code goes on from a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// What runs before the handler ends.
    Waiting,
    /// What it spawns, too.
    Spawned,
    /// What a method may be, of several.
    Possible,
}

/// A node that is reached, and the calls on the way there: nodes and lines.
#[derive(Debug, Clone)]
pub(super) struct Reached {
    pub(super) node: Index,
    pub(super) path: Vec<(Index, u32)>,
    pub(super) reach: Reach,
}

/// All that is reached from a handler, on the surest and then the shortest way.
pub(super) fn reached(nodes: &[Node], handler: Index, handlers: &FxHashSet<Index>) -> Vec<Reached> {
    let mut found: FxHashSet<Index> = FxHashSet::default();
    let mut list: Vec<Reached> = Vec::new();
    for reach in [Reach::Waiting, Reach::Spawned, Reach::Possible] {
        let mut waiting: VecDeque<Reached> = if list.is_empty() {
            [Reached {
                node: handler,
                path: Vec::new(),
                reach,
            }]
            .into()
        } else {
            list.iter().cloned().collect()
        };
        while let Some(at) = waiting.pop_front() {
            if found.insert(at.node) {
                list.push(at.clone());
            }
            if at.path.len() >= DEEPEST {
                continue;
            }
            for call in &nodes[at.node].calls {
                let needs = match (call.targets.len(), call.is_detached) {
                    (2.., _) => Reach::Possible,
                    (_, true) => Reach::Spawned,
                    (_, false) => Reach::Waiting,
                };
                if rank(needs) > rank(reach) {
                    continue;
                }
                for target in &call.targets {
                    let (node, is_step) = match *target {
                        Target::Function(function) => (function, true),
                        Target::Made(closure) if handlers.contains(&closure) => continue,
                        Target::Made(closure) => (closure, false),
                    };
                    if found.contains(&node) {
                        continue;
                    }
                    let mut path = at.path.clone();
                    if is_step {
                        path.push((at.node, call.line));
                    }
                    let reach = if rank(needs) > rank(at.reach) {
                        needs
                    } else {
                        at.reach
                    };
                    found.insert(node);
                    list.push(Reached {
                        node,
                        path: path.clone(),
                        reach,
                    });
                    waiting.push_back(Reached { node, path, reach });
                }
            }
        }
    }
    list
}

fn rank(reach: Reach) -> u8 {
    match reach {
        Reach::Waiting => 0,
        Reach::Spawned => 1,
        Reach::Possible => 2,
    }
}

/// Nodes that run on the handler's own thread, with the way there.
pub(super) fn on_thread(nodes: &[Node], handler: Index) -> Vec<Reached> {
    let mut found: FxHashSet<Index> = [handler].into_iter().collect();
    let mut list = vec![Reached {
        node: handler,
        path: Vec::new(),
        reach: Reach::Waiting,
    }];
    let mut place = 0;
    while let Some(at) = list.get(place).cloned() {
        place += 1;
        if at.path.len() >= DEEPEST {
            continue;
        }
        for call in &nodes[at.node].calls {
            if call.is_detached || call.is_offloaded {
                continue;
            }
            let [target] = call.targets[..] else { continue };
            let (node, is_step) = match target {
                Target::Function(function) => (function, true),
                Target::Made(closure) => (closure, false),
            };
            if !found.insert(node) {
                continue;
            }
            let mut path = at.path.clone();
            if is_step {
                path.push((at.node, call.line));
            }
            list.push(Reached {
                node,
                path,
                reach: Reach::Waiting,
            });
        }
    }
    list
}
