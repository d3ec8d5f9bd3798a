//! Turns Python source into [`Facts`]. The only place that knows the parser: `ruff_python_parser`
//! is stable in nothing, so it is met here and nowhere else.

mod comments;
mod expressions;
mod glance;
mod statements;

use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_source_file::LineIndex;
use ruff_text_size::TextSize;
use rustc_hash::FxHashMap;

use super::facts::{
    Expression, ExpressionId, ExpressionKind, Facts, MODULE, Name, Scope, ScopeId, ScopeKind,
    Statement, StatementKind, Summary,
};

/// Deeper nesting than this is not followed: nobody wrote it, and it would cost the stack.
const DEEPEST: u32 = 400;
/// Longer strings are not names of anything.
const LONGEST_TEXT: usize = 300;

/// Looks at a file. What the parser cannot make sense of is listed in the summary's problems; the
/// rest is read all the same.
pub(crate) fn glance(source: &str) -> Summary {
    let parsed = parse_unchecked(source, ParseOptions::from(Mode::Module));
    let Some(module) = parsed.syntax().as_module() else {
        return Summary::default();
    };
    let (summary, too_deep) = glance::at(source, &parsed, module);
    let_go(parsed, too_deep);
    summary
}

/// Reads a file whole.
pub(crate) fn facts(source: &str) -> Facts {
    let parsed = parse_unchecked(source, ParseOptions::from(Mode::Module));
    let mut reader = Reader::new(source);
    if let Some(module) = parsed.syntax().as_module() {
        reader.module(module);
    }
    let_go(parsed, reader.too_deep);
    reader.facts
}

/// Drops a tree, unless it is so deep that dropping it would cost the stack.
fn let_go<T>(parsed: ruff_python_parser::Parsed<T>, too_deep: bool) {
    if too_deep {
        std::mem::forget(parsed);
    }
}

/// Whether a table's name says what it holds.
pub(crate) fn speaks_of_handlers(name: &str) -> bool {
    let name = name.to_lowercase();
    [
        "handler", "listener", "subscri", "callback", "observer", "hook", "receiver", "reaction",
    ]
    .iter()
    .any(|word| name.contains(word))
}

/// Whether calling a method of this name may be what runs a handler: `entry.handler(event)`.
pub(crate) fn runs_handlers(name: &str) -> bool {
    matches!(
        name,
        "__call__" | "call" | "func" | "fn" | "invoke" | "notify" | "run" | "execute"
    ) || name.contains("handle")
        || speaks_of_handlers(name)
}

/// Whether this is `__name__ == "__main__"`.
fn is_main_test(test: &ruff_python_ast::Expr) -> bool {
    let ruff_python_ast::Expr::Compare(node) = test else {
        return false;
    };
    matches!(&*node.left, ruff_python_ast::Expr::Name(name) if name.id.as_str() == "__name__")
}

/// The state while a file is read.
struct Reader {
    lines: LineIndex,
    /// The line that was asked for last, from 0.
    last_line: usize,
    facts: Facts,
    interned: FxHashMap<String, Name>,
    /// The scope being read, and the block in it.
    scope: ScopeId,
    block: u32,
    depth: u32,
    too_deep: bool,
}

impl Reader {
    fn new(source: &str) -> Self {
        let lines = LineIndex::from_source_text(source);
        let line_count = u32::try_from(lines.line_count()).unwrap_or(u32::MAX);
        let mut reader = Self {
            lines,
            last_line: 0,
            facts: Facts::empty(),
            interned: std::iter::once((String::new(), 0)).collect(),
            scope: MODULE,
            block: 0,
            depth: 0,
            too_deep: false,
        };
        reader.here().end = line_count;
        reader
    }

    /// The line of an offset. Most are asked for in order, near the one before.
    fn line(&mut self, offset: TextSize) -> u32 {
        let starts = self.lines.line_starts();
        let is_in = |line: usize| {
            starts.get(line).is_some_and(|&start| start <= offset)
                && starts.get(line + 1).is_none_or(|&next| offset < next)
        };
        let last = self.last_line;
        let line = match [last, last + 1].into_iter().find(|&line| is_in(line)) {
            Some(line) => line,
            None => starts
                .partition_point(|&start| start <= offset)
                .saturating_sub(1),
        };
        self.last_line = line;
        index(line + 1)
    }

    fn intern(&mut self, text: &str) -> Name {
        if let Some(&name) = self.interned.get(text) {
            return name;
        }
        let name = index(self.facts.names.len());
        self.facts.names.push(text.to_owned());
        self.interned.insert(text.to_owned(), name);
        name
    }

    fn here(&mut self) -> &mut Scope {
        &mut self.facts.scopes[self.scope as usize]
    }

    /// Index of the statement that comes next in this scope.
    fn position(&self) -> u32 {
        index(self.facts.scopes[self.scope as usize].statements.len())
    }

    fn push(&mut self, kind: ExpressionKind, offset: TextSize) -> ExpressionId {
        let line = self.line(offset);
        let (scope, at) = (self.scope, self.position());
        let is_call = matches!(kind, ExpressionKind::Call(..));
        let id = index(self.facts.expressions.len());
        self.facts.expressions.push(Expression {
            line,
            scope,
            at,
            kind,
        });
        if is_call {
            self.here().calls.push(id);
        }
        id
    }

    fn say(&mut self, kind: StatementKind) {
        let block = self.block;
        self.here().statements.push(Statement { block, kind });
    }

    /// Opens a scope within this one, reads it by `body`, and comes back.
    fn within(&mut self, scope: Scope, body: impl FnOnce(&mut Self)) -> ScopeId {
        let id = index(self.facts.scopes.len());
        let (outer, block) = (self.scope, self.block);
        self.facts.scopes.push(scope);
        self.facts.scopes[outer as usize].within.push(id);
        self.scope = id;
        self.block = 0;
        body(self);
        self.scope = outer;
        self.block = block;
        id
    }

    fn open(&mut self, kind: ScopeKind, name: &str, offset: TextSize) -> Scope {
        let parent = &self.facts.scopes[self.scope as usize];
        let qualname = match parent.kind {
            ScopeKind::Module => name.to_owned(),
            ScopeKind::Class => format!("{}.{name}", parent.qualname),
            ScopeKind::Function | ScopeKind::Lambda => {
                format!("{}.<locals>.{name}", parent.qualname)
            }
        };
        Scope {
            kind,
            name: self.intern(name),
            qualname,
            parent: self.scope,
            line: self.line(offset),
            at: self.position(),
            blocks: vec![0],
            ..Scope::default()
        }
    }

    /// Reads `body` in a block of its own: it may run, or not.
    fn branch(&mut self, body: impl FnOnce(&mut Self)) {
        let outer = self.block;
        let scope = self.here();
        let inner = index(scope.blocks.len());
        scope.blocks.push(outer);
        self.block = inner;
        body(self);
        self.block = outer;
    }

    /// Goes one level deeper, unless that is too deep.
    fn deeper<T>(&mut self, otherwise: T, body: impl FnOnce(&mut Self) -> T) -> T {
        if self.depth >= DEEPEST {
            self.too_deep = true;
            return otherwise;
        }
        self.depth += 1;
        let result = body(self);
        self.depth -= 1;
        result
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a file holds less than 2^32 of anything"
)]
fn index(length: usize) -> u32 {
    length as u32
}
