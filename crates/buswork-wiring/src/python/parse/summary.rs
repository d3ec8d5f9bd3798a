//! The summary of a file.

use super::super::facts::{
    ExpressionId, ExpressionKind, Facts, Name, ScopeKind, StatementKind, Summary,
};
use super::super::words::Words;
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
    let mut names = Vec::new();
    for (id, scope) in facts.scopes.iter().enumerate() {
        match scope.kind {
            ScopeKind::Class => {
                let bases = scope.bases.iter().filter_map(|&base| facts.last_name(base));
                let bases = bases.map(str::to_owned).collect();
                summary.classes.push((index(id), facts.text(scope.name).to_owned(), bases));
            }
            ScopeKind::Function => {
                summary.functions.push(index(id));
                names.push(facts.text(scope.name));
            }
            ScopeKind::Module | ScopeKind::Lambda => {}
        }
    }
    summary.function_names = names.into_iter().collect();
    summary
}

fn called(facts: &Facts) -> Words {
    let mut names: Vec<(Option<Name>, Name)> = facts
        .scopes
        .iter()
        .flat_map(|scope| scope.calls.iter().chain(&scope.decorators))
        .filter_map(|&call| called_name(facts, call))
        .chain(aliased(facts).map(|name| (None, name)))
        .collect();
    names.sort_unstable();
    names.dedup();
    let words: Vec<_> = names
        .into_iter()
        .map(|(receiver, name)| match receiver {
            Some(receiver) => format!("{}.{}", facts.text(receiver), facts.text(name)),
            None => facts.text(name).to_owned(),
        })
        .collect();
    words.iter().map(String::as_str).collect()
}

/// The last name of what is called, and that of its receiver.
fn called_name(facts: &Facts, id: ExpressionId) -> Option<(Option<Name>, Name)> {
    match facts.kind(id) {
        ExpressionKind::Name(name) => Some((None, *name)),
        ExpressionKind::Attribute(of, name) => {
            Some((called_name(facts, *of).map(|(_, receiver)| receiver), *name))
        }
        ExpressionKind::Subscript(of, _) | ExpressionKind::Call(of, _) => called_name(facts, *of),
        _ => None,
    }
}

/// What gets another name: `register = self.register_listener`, `import emit as send`.
fn aliased(facts: &Facts) -> impl Iterator<Item = Name> {
    let statements = facts.scopes.iter().flat_map(|scope| &scope.statements);
    statements.filter_map(|statement| match statement.kind {
        StatementKind::Bind { value, .. } => match facts.kind(value) {
            ExpressionKind::Name(name) | ExpressionKind::Attribute(_, name) => Some(*name),
            _ => None,
        },
        StatementKind::From { name, bound, .. } if name != bound => Some(name),
        _ => None,
    })
}

/// Texts like `shop.signals`: something may import them by name.
fn mentions(facts: &Facts) -> Words {
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
    texts.into_iter().collect()
}

fn imports(facts: &Facts) -> Words {
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
    imports.iter().map(String::as_str).collect()
}
