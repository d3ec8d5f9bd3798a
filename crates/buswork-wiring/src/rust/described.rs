//! Handlers as they stand in the graph.

use super::events::{doc, written};
use super::facts::NodeKind;
use super::handlers::Bound;
use super::link::Linking;
use super::types::{Index, last};
use crate::graph::{Handler, HandlerKind};

impl Linking<'_, '_> {
    /// Describes a handler, the first time that it is met.
    pub(super) fn meet_handler(&mut self, bound: &Bound, event: &str) {
        let is_async = bound.at.site.is_async;
        if let Some(known) = self.handlers.get_mut(&bound.handler) {
            known.is_async |= is_async;
            if !known.accepts.iter().any(|other| other == event) {
                known.accepts.push(event.to_owned());
            }
            return;
        }
        let handler = self.handler(bound.handler, bound.kind, is_async, event);
        self.handlers.insert(bound.handler, handler);
    }

    pub(super) fn handler(
        &self,
        node: Index,
        kind: HandlerKind,
        is_async: bool,
        event: &str,
    ) -> Handler {
        let id = self.names[node].clone();
        let (line, parameter, annotation, text) = match &self.nodes[node].kind {
            NodeKind::Closure(closure) => (
                closure.line,
                closure.parameter.clone(),
                closure.annotation.clone(),
                String::new(),
            ),
            NodeKind::Function(index) => {
                let function = &self.program.functions[*index];
                let typed = function
                    .signature
                    .inputs
                    .iter()
                    .filter_map(|input| match input {
                        syn::FnArg::Typed(input) => Some(written(&input.ty)),
                        syn::FnArg::Receiver(_) => None,
                    });
                let names = function
                    .types
                    .inputs
                    .iter()
                    .map(|(name, ty)| (name.clone(), ty));
                let name = last(event.split('<').next().unwrap_or(event));
                let found = typed.zip(names).find(|(written, _)| written.contains(name));
                let (annotation, name) = found
                    .map(|(written, (name, _))| (written, name))
                    .unwrap_or_default();
                let doc = doc(function.attributes);
                (function.line, name.unwrap_or_default(), annotation, doc)
            }
            NodeKind::Statics => (0, String::new(), String::new(), String::new()),
        };
        Handler {
            name: qualified(&id),
            id,
            module: self.module(node),
            kind,
            location: Some(self.location(node, line)),
            doc: text,
            is_async,
            parameter,
            annotation,
            accepts: vec![event.to_owned()],
            misfit: String::new(),
            declares: None,
            mutates: Vec::new(),
            blocking: Vec::new(),
        }
    }
}

/// The part of `crate::module:qualname` after the colon that is no `::`.
fn qualified(id: &str) -> String {
    let bytes = id.as_bytes();
    let colon = (0..bytes.len()).find(|&place| {
        bytes[place] == b':'
            && bytes.get(place + 1) != Some(&b':')
            && (place == 0 || bytes[place - 1] != b':')
    });
    colon.map_or_else(|| id.to_owned(), |place| id[place + 1..].to_owned())
}
