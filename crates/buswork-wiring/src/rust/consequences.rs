//! What follows from each handler, as it stands in the graph.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::flow::{Reach, on_thread, reached};
use super::link::{Known, Linking};
use super::types::Index;
use crate::graph::{Blocking, Cascade, Grade};

impl Linking<'_, '_> {
    /// Adds the events that handlers publish in turn, and the calls in them that block.
    pub(super) fn add_cascades(&mut self, published: &[Known]) {
        let handlers: FxHashSet<Index> = self.handlers.keys().copied().collect();
        let mut by_node: BTreeMap<Index, Vec<&Known>> = BTreeMap::new();
        for known in published {
            by_node.entry(known.at.node).or_default().push(known);
        }
        let mut found = Vec::new();
        for &handler in self.handlers.keys() {
            for reached in reached(self.nodes, handler, &handlers) {
                for known in by_node.get(&reached.node).into_iter().flatten() {
                    let mut path = self.steps(&reached.path);
                    path.push(self.step(known.at.node, known.at.site.line));
                    path.extend(self.steps(&known.at.through));
                    let by_way = match (reached.reach, reached.path.is_empty()) {
                        (Reach::Possible, _) => Grade::Possible,
                        (_, false) => Grade::Inferred,
                        (_, true) => Grade::Certain,
                    };
                    found.push(Cascade {
                        handler: self.names[handler].clone(),
                        event: known.event.clone(),
                        grade: known.grade.max(by_way),
                        path,
                        awaited: known.at.site.awaited && reached.reach != Reach::Spawned,
                    });
                }
            }
        }
        self.wiring.cascades = found;
        let nodes: Vec<Index> = self.handlers.keys().copied().collect();
        for node in nodes {
            let blocking = self.blocking(node);
            if let Some(handler) = self.handlers.get_mut(&node)
                && handler.is_async
            {
                handler.blocking = blocking;
            }
        }
    }

    fn blocking(&self, handler: Index) -> Vec<Blocking> {
        let mut found = Vec::new();
        for reached in on_thread(self.nodes, handler) {
            for call in &self.nodes[reached.node].blocking {
                let mut path = self.steps(&reached.path);
                path.push(self.step(reached.node, call.line));
                found.push(Blocking {
                    call: call.call.clone(),
                    path,
                });
            }
        }
        found
    }
}
