//! The summary of a file.

use super::super::facts::{ExpressionKind, Facts, ScopeKind, StatementKind, Summary};
use super::{Reader, index, tables};

pub(super) fn of(reader: &mut Reader) -> Summary {
    let facts = &reader.facts;
    let mut summary = Summary {
        lines: reader.line_count,
        called: called(facts),
        imports: imports(facts),
        registrars: tables::registrars(facts),
        dispatchers: tables::dispatchers(facts),
        mentions: mentions(facts),
        tables: std::mem::take(&mut reader.tables),
        is_program: reader.is_program,
        problems: std::mem::take(&mut reader.problems),
        comments: std::mem::take(&mut reader.comments),
        ..Summary::default()
    };
    for (id, scope) in facts.scopes.iter().enumerate() {
        let name = facts.text(scope.name).to_owned();
        match scope.kind {
            ScopeKind::Class => {
                let bases = scope.bases.iter().filter_map(|&base| facts.last_name(base));
                let bases = bases.map(str::to_owned).collect();
                summary.classes.push((index(id), name, bases));
            }
            ScopeKind::Function => summary.functions.push((index(id), name)),
            ScopeKind::Module | ScopeKind::Lambda => {}
        }
    }
    summary
}

fn called(facts: &Facts) -> Vec<String> {
    let mut names: Vec<_> = facts
        .scopes
        .iter()
        .flat_map(|scope| scope.calls.iter().chain(&scope.decorators))
        .filter_map(|&call| facts.last_name(call))
        .chain(aliased(facts))
        .collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(str::to_owned).collect()
}

/// What gets another name: `register = self.register_listener`, `import emit as send`.
fn aliased(facts: &Facts) -> impl Iterator<Item = &str> {
    let statements = facts.scopes.iter().flat_map(|scope| &scope.statements);
    statements.filter_map(|statement| match statement.kind {
        StatementKind::Bind { value, .. } => match facts.kind(value) {
            ExpressionKind::Name(name) | ExpressionKind::Attribute(_, name) => {
                Some(facts.text(*name))
            }
            _ => None,
        },
        StatementKind::From { name, bound, .. } if name != bound => Some(facts.text(name)),
        _ => None,
    })
}

/// Texts like `shop.signals`: something may import them by name.
fn mentions(facts: &Facts) -> Vec<String> {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|letter| letter.is_alphanumeric() || letter == '_')
    };
    let mut texts: Vec<_> = facts
        .expressions
        .iter()
        .filter_map(|expression| match expression.kind {
            ExpressionKind::Text(text) => Some(facts.text(text)),
            _ => None,
        })
        .filter(|text| text.contains('.') && text.split(['.', ':']).all(is_part))
        .collect();
    texts.sort_unstable();
    texts.dedup();
    texts.into_iter().map(str::to_owned).collect()
}

fn imports(facts: &Facts) -> Vec<String> {
    let mut imports = Vec::new();
    for scope in &facts.scopes {
        for statement in &scope.statements {
            match &statement.kind {
                StatementKind::Import { module, .. } => {
                    imports.push(facts.text(*module).to_owned())
                }
                StatementKind::From {
                    level,
                    module,
                    name,
                    ..
                } => {
                    let dots = ".".repeat(*level as usize);
                    let module = facts.text(*module);
                    let join = if module.is_empty() { "" } else { "." };
                    imports.push(format!("{dots}{module}{join}{}", facts.text(*name)));
                }
                StatementKind::Star { level, module } => {
                    let dots = ".".repeat(*level as usize);
                    imports.push(format!("{dots}{}", facts.text(*module)));
                }
                _ => {}
            }
        }
    }
    imports.sort_unstable();
    imports.dedup();
    imports
}
