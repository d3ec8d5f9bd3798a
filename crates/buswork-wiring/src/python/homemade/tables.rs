//! Tables of handlers, and what is looked up in them.

use super::super::evaluate::{Ancestor, Binding, Context, Evaluator, Value};
use super::super::facts::{Argument, ExpressionKind};
use super::super::project::{ExpressionRef, ScopeRef};
use super::{Table, is_event_name};

impl Evaluator<'_> {
    /// The table and the key of `table[key]`, `table.setdefault(key, [])`, `table.get(key)`, or a
    /// variable that is one of these.
    pub(super) fn entry(&self, of: ExpressionRef) -> Option<(ExpressionRef, ExpressionRef)> {
        let facts = self.project.facts(of.file);
        let there = |id| ExpressionRef { file: of.file, id };
        match facts.kind(of.id) {
            // In `table[owner][key]` the key is the one that speaks of events, else the first.
            ExpressionKind::Subscript(of, key) => match facts.kind(*of) {
                ExpressionKind::Subscript(table, first) => {
                    let name = facts.last_name(*key).unwrap_or_default();
                    let key = if is_event_name(name) { key } else { first };
                    Some((there(*table), there(*key)))
                }
                _ => Some((there(*of), there(*key))),
            },
            ExpressionKind::Call(function, arguments) => {
                let ExpressionKind::Attribute(table, name) = facts.kind(*function) else {
                    return None;
                };
                let Some(Argument::Positional(key)) = arguments.first() else {
                    return None;
                };
                matches!(facts.text(*name), "setdefault" | "get")
                    .then(|| (there(*table), there(*key)))
            }
            ExpressionKind::Either(parts) => parts.iter().find_map(|&part| self.entry(there(part))),
            ExpressionKind::Name(name) => {
                let (_, bindings) = self.bindings(of, *name)?;
                bindings.iter().find_map(|binding| match binding {
                    Binding::Value(value)
                        if !matches!(
                            self.project.facts(value.file).kind(value.id),
                            ExpressionKind::Name(_)
                        ) =>
                    {
                        self.entry(*value)
                    }
                    _ => None,
                })
            }
            _ => None,
        }
    }

    /// What a table may be called by others that use it.
    pub(super) fn tables(&self, table: ExpressionRef) -> Vec<Table> {
        let facts = self.project.facts(table.file);
        match facts.kind(table.id) {
            ExpressionKind::Attribute(of, name) => {
                let of = ExpressionRef {
                    file: table.file,
                    id: *of,
                };
                let name = facts.text(*name);
                let mut result = Vec::new();
                for fact in self.evaluate(of, &Context::default()).iter() {
                    match &fact.value {
                        Value::Object(class) | Value::Class(class)
                            if !self.is_computed(*class, name) =>
                        {
                            for ancestor in self.ancestors(*class).iter() {
                                if let Ancestor::Here(class) = ancestor {
                                    result.push(Table::Attribute(*class, name.to_owned()));
                                }
                            }
                        }
                        Value::Module(file) => {
                            if let Some(name) = self.project.name_in(*file, name) {
                                let scope = ScopeRef { file: *file, id: 0 };
                                result.push(Table::Variable(scope, name));
                            }
                        }
                        _ => {}
                    }
                }
                result
            }
            ExpressionKind::Name(name) => match self.bindings(table, *name) {
                Some((scope, bindings)) => {
                    let imported = bindings.iter().find_map(|binding| match binding {
                        Binding::From {
                            file,
                            level,
                            module,
                            name,
                        } => {
                            let file = self.project.import(*file, *level, module)?;
                            let name = self.project.name_in(file, name)?;
                            Some(Table::Variable(ScopeRef { file, id: 0 }, name))
                        }
                        _ => None,
                    });
                    vec![imported.unwrap_or(Table::Variable(scope, *name))]
                }
                None => Vec::new(),
            },
            // `(self.late if is_late else self.early)[key]`.
            ExpressionKind::Either(parts) => {
                let file = table.file;
                let parts = parts.iter().map(|&id| ExpressionRef { file, id });
                parts.flat_map(|part| self.tables(part)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether an attribute is a method or a property: what is looked up there is no table.
    fn is_computed(&self, class: ScopeRef, name: &str) -> bool {
        self.member(class, name).is_some_and(|(_, bindings)| {
            let is_scope = |binding: &Binding| matches!(binding, Binding::Scope(_));
            bindings.iter().all(is_scope)
        })
    }

    /// Whether a table is a variable that is written down with nothing in it.
    pub(super) fn is_empty_table(&self, table: ExpressionRef) -> bool {
        let ExpressionKind::Name(name) = self.project.facts(table.file).kind(table.id) else {
            return false;
        };
        let Some((_, bindings)) = self.bindings(table, *name) else {
            return false;
        };
        bindings.iter().all(|binding| match binding {
            Binding::Value(value) => {
                let kind = self.project.facts(value.file).kind(value.id);
                matches!(kind, ExpressionKind::Mapping(items) if items.is_empty())
            }
            _ => false,
        })
    }

    pub(crate) fn table_name(&self, table: ExpressionRef) -> String {
        let facts = self.project.facts(table.file);
        facts.last_name(table.id).unwrap_or_default().to_owned()
    }
}
