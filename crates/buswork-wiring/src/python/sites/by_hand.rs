//! The functions and tables of buses that the project wrote itself.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::super::evaluate::{Context, Value};
use super::super::facts::ExpressionKind;
use super::super::homemade::{Homemade, KeyOf};
use super::super::parse::speaks_of_handlers;
use super::super::project::ExpressionRef;
use super::{Finder, Operand, Protocol, Site};
use crate::adapters::Key;
use crate::graph::SiteKind;

impl Finder<'_, '_> {
    /// The functions of buses that the project wrote, as sites whose event is a parameter.
    pub(super) fn start_homemade(&mut self, homemade: &Homemade) {
        for dispatch in &homemade.dispatches {
            self.found.inside.insert(dispatch.function);
            let protocol = Rc::new(Protocol {
                name: "by hand".to_owned(),
                events: Key::Any,
                bases: dispatch.bases,
                any: vec!["*".to_owned()],
                external: Vec::new(),
                named: Vec::new(),
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
                external: Vec::new(),
                named: Vec::new(),
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
                external: Vec::new(),
                named: Vec::new(),
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
