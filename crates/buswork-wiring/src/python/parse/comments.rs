//! Comments with a meaning, and the code that they speak of.

use ruff_python_ast::token::{Token, TokenKind};
use ruff_text_size::{Ranged, TextSize};

use super::super::facts::Summary;
use crate::graph::About;

/// Keeps the comments of a file that speak to us.
pub(super) fn read(
    source: &str,
    tokens: &[Token],
    line: impl FnMut(TextSize) -> u32,
    summary: &mut Summary,
) {
    let mut reader = Reader {
        line,
        statements: Vec::new(),
        is_open: false,
        last: 0,
        comments: Vec::new(),
        waiting: 0,
    };
    for token in tokens {
        reader.token(token);
    }
    for comment in &reader.comments {
        let text = &source[comment.range.0.to_usize()..comment.range.1.to_usize()];
        for part in starts(text) {
            if part.starts_with("wiring:") {
                let part = part.split('#').next().unwrap_or_default().trim_end();
                summary.comments.push((comment.line, part.to_owned()));
            }
            if part.starts_with("buswork:") {
                let about = reader.about(comment);
                summary.ignores.push((comment.line, part.to_owned(), about));
                break;
            }
        }
    }
}

/// What stands behind each `#`, up to the end: `# noqa: E501 # buswork: ignore[BW001] why`.
fn starts(text: &str) -> impl Iterator<Item = &str> {
    let marks = text.match_indices('#');
    marks.map(|(at, _)| text[at..].trim_start_matches('#').trim())
}

/// A statement, or the head of one that has a block.
struct Statement {
    first: u32,
    last: u32,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Decorator,
    /// `async`, of which the next word tells more.
    Async,
    Definition,
    Other,
}

struct Comment {
    line: u32,
    range: (TextSize, TextSize),
    /// The statement that it speaks of, and the line in it; none if that is not known.
    of: Option<(usize, u32)>,
}

/// The state while the tokens of a file are read.
struct Reader<L> {
    line: L,
    statements: Vec<Statement>,
    /// Whether the last statement goes on.
    is_open: bool,
    /// The line of the last token of code.
    last: u32,
    comments: Vec<Comment>,
    /// How many of the comments, the last ones, wait for the code that comes next.
    waiting: usize,
}

impl<L: FnMut(TextSize) -> u32> Reader<L> {
    fn token(&mut self, token: &Token) {
        match token.kind() {
            TokenKind::Comment => self.comment(token),
            TokenKind::Newline => {
                let line = (self.line)(token.start());
                if let Some(statement) = self.statements.last_mut() {
                    statement.last = statement.last.max(line);
                }
                self.is_open = false;
            }
            TokenKind::NonLogicalNewline
            | TokenKind::Indent
            | TokenKind::Dedent
            | TokenKind::EndOfFile => {}
            kind => self.code(kind, token.start()),
        }
    }

    fn comment(&mut self, token: &Token) {
        let line = (self.line)(token.start());
        let is_behind = self.is_open && self.last == line;
        let of = is_behind.then(|| (self.statements.len() - 1, line));
        let follows = self
            .comments
            .last()
            .is_some_and(|last| last.line + 1 == line);
        self.waiting = match (is_behind, follows) {
            (true, _) => 0,
            (false, true) => self.waiting + 1,
            (false, false) => 1,
        };
        self.comments.push(Comment {
            line,
            range: (token.start(), token.end()),
            of,
        });
    }

    fn code(&mut self, kind: TokenKind, start: TextSize) {
        let line = (self.line)(start);
        if !self.is_open {
            self.is_open = true;
            self.statements.push(Statement {
                first: line,
                last: line,
                kind: match kind {
                    TokenKind::At => Kind::Decorator,
                    TokenKind::Def | TokenKind::Class => Kind::Definition,
                    TokenKind::Async => Kind::Async,
                    _ => Kind::Other,
                },
            });
        } else if let Some(statement) = self.statements.last_mut()
            && statement.kind == Kind::Async
        {
            statement.kind = match kind {
                TokenKind::Def => Kind::Definition,
                _ => Kind::Other,
            };
        }
        self.last = line;
        if self.waiting == 0 {
            return;
        }
        let statement = self.statements.len() - 1;
        // A blank line between them: it speaks of something else.
        let is_next = self
            .comments
            .last()
            .is_some_and(|last| last.line + 1 == line);
        let first = self.comments.len() - self.waiting;
        for comment in &mut self.comments[first..] {
            comment.of = is_next.then_some((statement, line));
        }
        self.waiting = 0;
    }

    fn about(&self, comment: &Comment) -> About {
        let Some((index, line)) = comment.of else {
            return About {
                line: comment.line,
                first: comment.line,
                last: comment.line,
                definition: 0,
            };
        };
        let Some(definition) = self.definition_of(index) else {
            let Statement { first, last, .. } = self.statements[index];
            return About {
                line,
                first,
                last,
                definition: 0,
            };
        };
        let above = self.statements[..definition].iter().rev();
        let decorators = above.take_while(|one| one.kind == Kind::Decorator).count();
        About {
            line: self.statements[index].first,
            first: self.statements[definition - decorators].first,
            last: self.statements[definition].last,
            definition: self.statements[definition].first,
        }
    }

    /// The `def` or `class` of which a statement is the head, or a decorator.
    fn definition_of(&self, index: usize) -> Option<usize> {
        let below = self.statements[index..].iter();
        let decorators = below.take_while(|one| one.kind == Kind::Decorator).count();
        let definition = index + decorators;
        let statement = self.statements.get(definition)?;
        (statement.kind == Kind::Definition).then_some(definition)
    }
}
