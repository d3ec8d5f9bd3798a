//! Subscriptions in a loop over pairs of events and handlers.

use std::rc::Rc;

use super::super::evaluate::{Binding, Context, Evaluator, Value};
use super::super::facts::{ExpressionKind, StatementKind};
use super::super::project::{ExpressionRef, ScopeRef};
use super::{Finder, Operand, Site};

impl Finder<'_, '_> {
    /// A subscription within a loop over pairs, once for each pair: so that each event keeps its own
    /// handlers.
    pub(super) fn rows(&self, site: &Site) -> Vec<Site> {
        let (Operand::Expressions(events, context), Some(Operand::Expressions(handlers, _))) =
            (&site.event, &site.handler)
        else {
            return vec![site.clone()];
        };
        let ([event], [handler], None) = (events.as_slice(), handlers.as_slice(), &context.fixed)
        else {
            return vec![site.clone()];
        };
        let Some(iterable) = self.loop_over(*event) else {
            return vec![site.clone()];
        };
        if self.loop_over(*handler).is_none() && self.evaluator.variable(*handler).is_some() {
            return vec![site.clone()];
        }
        let rows = self.evaluator.rows(iterable);
        if rows.is_empty() {
            return vec![site.clone()];
        }
        let sites = rows.into_iter().map(|fixed| {
            let context = Context {
                fixed: Some(Rc::new(fixed)),
                ..Context::default()
            };
            let mut row = site.clone();
            row.event = Operand::Expressions(events.clone(), context.clone());
            row.handler = Some(Operand::Expressions(handlers.clone(), context));
            row
        });
        sites.collect()
    }

    /// What the loop goes over that a variable comes from.
    fn loop_over(&self, at: ExpressionRef) -> Option<ExpressionRef> {
        let facts = self.evaluator.project.facts(at.file);
        let name = match facts.kind(at.id) {
            ExpressionKind::Name(name) => *name,
            ExpressionKind::Attribute(of, _) => {
                return self.loop_over(ExpressionRef {
                    file: at.file,
                    id: *of,
                });
            }
            _ => return None,
        };
        let (_, bindings) = self.evaluator.bindings(at, name)?;
        bindings.iter().find_map(|binding| match binding {
            Binding::Element { iterable, .. } => Some(*iterable),
            _ => None,
        })
    }
}

impl Evaluator<'_> {
    /// The pairs that a loop goes over, each as the values that its variables are held at.
    pub(super) fn rows(
        &self,
        iterable: ExpressionRef,
    ) -> Vec<Vec<((ScopeRef, u32), ExpressionRef)>> {
        let Some(targets) = self.loop_targets(iterable) else {
            return Vec::new();
        };
        let facts = self.project.facts(iterable.file);
        let context = Context::default();
        if let ExpressionKind::Call(callee, _) = facts.kind(iterable.id)
            && let ExpressionKind::Attribute(of, name) = facts.kind(*callee)
            && facts.text(*name) == "items"
        {
            let of = ExpressionRef {
                file: iterable.file,
                id: *of,
            };
            let [key, value] = targets.as_slice() else {
                return Vec::new();
            };
            let pairs = self.pairs(of, &context).into_iter();
            let rows = pairs
                .filter_map(|(given, item, _)| Some(vec![((*key)?, given?), ((*value)?, item)]));
            return rows.collect();
        }
        let mut rows = Vec::new();
        for fact in self.evaluate(iterable, &context).iter() {
            let Value::Display(at, _) = &fact.value else {
                continue;
            };
            let facts = self.project.facts(at.file);
            let ExpressionKind::Sequence(elements) = facts.kind(at.id) else {
                continue;
            };
            for &element in elements {
                let ExpressionKind::Sequence(parts) = facts.kind(element) else {
                    if let [Some(only)] = targets.as_slice() {
                        rows.push(vec![(
                            *only,
                            ExpressionRef {
                                file: at.file,
                                id: element,
                            },
                        )]);
                    }
                    continue;
                };
                let pairs = targets.iter().zip(parts).filter_map(|(target, &part)| {
                    Some((
                        (*target)?,
                        ExpressionRef {
                            file: at.file,
                            id: part,
                        },
                    ))
                });
                rows.push(pairs.collect());
            }
        }
        rows
    }

    /// The variables of the loop over something, in order.
    fn loop_targets(&self, iterable: ExpressionRef) -> Option<Vec<Option<(ScopeRef, u32)>>> {
        let facts = self.project.facts(iterable.file);
        let scope_id = facts.expression(iterable.id).scope;
        let scope = ScopeRef {
            file: iterable.file,
            id: scope_id,
        };
        let target =
            facts
                .scope(scope_id)
                .statements
                .iter()
                .find_map(|statement| match statement.kind {
                    StatementKind::Each {
                        target,
                        iterable: over,
                    } if over == iterable.id => Some(target),
                    _ => None,
                })?;
        let parts = match facts.kind(target) {
            ExpressionKind::Sequence(parts) => parts.clone(),
            _ => vec![target],
        };
        let names = parts.into_iter().map(|part| match facts.kind(part) {
            ExpressionKind::Name(name) => Some((scope, *name)),
            _ => None,
        });
        Some(names.collect())
    }
}
