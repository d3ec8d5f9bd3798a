//! Turns Python source into [`Facts`]. The only place that knows the parser: `ruff_python_parser`
//! is stable in nothing, so it is met here and nowhere else.

mod expressions;
mod statements;
mod summary;
mod tables;

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_source_file::LineIndex;
use ruff_text_size::{Ranged, TextSize};
use rustc_hash::FxHashMap;

use super::facts::{
    Expression, ExpressionId, ExpressionKind, Facts, MODULE, Name, Scope, ScopeId, ScopeKind,
    Statement, StatementKind, Summary,
};

/// Deeper nesting than this is not followed: nobody wrote it, and it would cost the stack.
const DEEPEST: u32 = 400;
/// Longer strings are not names of anything.
const LONGEST_TEXT: usize = 300;

/// Reads one file. What the parser cannot make sense of is listed in the summary's problems; the
/// rest is read all the same.
pub(crate) fn parse(source: &str) -> (Summary, Facts) {
    let parsed = parse_unchecked(source, ParseOptions::from(Mode::Module));
    let mut reader = Reader::new(source);
    for error in parsed.errors() {
        let line = reader.line(error.location.start());
        reader.problems.push((
            line,
            format!("{}; the rest of the file was read", error.error),
        ));
    }
    if let Some(module) = parsed.syntax().as_module() {
        reader.module(module);
    }
    if source.contains("buswork:") || source.contains("wiring:") {
        for token in parsed
            .tokens()
            .iter()
            .filter(|token| token.kind() == TokenKind::Comment)
        {
            let text = source[token.range()].trim_start_matches('#').trim();
            if text.contains("buswork:") || text.starts_with("wiring:") {
                let line = reader.line(token.start());
                reader.comments.push((line, text.to_owned()));
            }
        }
    }
    if reader.too_deep {
        // Dropping a tree recurses as deep as it is.
        std::mem::forget(parsed);
    }
    reader.finish()
}

/// The state while a file is read.
struct Reader {
    lines: LineIndex,
    line_count: u32,
    /// The line that was asked for last, from 0.
    last_line: usize,
    facts: Facts,
    interned: FxHashMap<String, Name>,
    /// The scope being read, and the block in it.
    scope: ScopeId,
    block: u32,
    depth: u32,
    too_deep: bool,
    is_program: bool,
    problems: Vec<(u32, String)>,
    comments: Vec<(u32, String)>,
    tables: Vec<ExpressionId>,
}

impl Reader {
    fn new(source: &str) -> Self {
        let lines = LineIndex::from_source_text(source);
        let line_count = u32::try_from(lines.line_count()).unwrap_or(u32::MAX);
        let mut reader = Self {
            lines,
            line_count: if source.is_empty() { 0 } else { line_count },
            last_line: 0,
            facts: Facts::empty(),
            interned: std::iter::once((String::new(), 0)).collect(),
            scope: MODULE,
            block: 0,
            depth: 0,
            too_deep: false,
            is_program: false,
            problems: Vec::new(),
            comments: Vec::new(),
            tables: Vec::new(),
        };
        reader.here().end = line_count;
        reader
    }

    fn finish(mut self) -> (Summary, Facts) {
        if self.too_deep {
            self.problems.push((
                0,
                format!("nested deeper than {DEEPEST}; not read below that"),
            ));
        }
        (summary::of(&mut self), self.facts)
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
            None => starts.partition_point(|&start| start <= offset).saturating_sub(1),
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
