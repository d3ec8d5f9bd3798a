//! One file, from text to a tree. The only place where a file may be refused.
//!
//! The parser and all that walks its trees call themselves for each level of the code, so code that
//! is nested without end would use up the stack. It is told by its tokens, which are read without
//! recursion, and refused.

use proc_macro2::token_stream::IntoIter;
use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

use super::expand::expand;
use crate::graph::Problem;
use crate::sources::Source;

/// Brackets within brackets.
const DEEPEST: usize = 256;
/// Tokens of one expression at one level: `a + a + …` is as deep a tree as it is long.
const LONGEST: usize = 8_192;

/// A file that was read.
pub(super) struct Parsed {
    /// Where it stands in the list of sources.
    pub(super) source: usize,
    /// What it says.
    pub(super) tree: syn::File,
}

/// The tree of a source, or what is wrong with it.
pub(super) fn parse(index: usize, source: &Source) -> Result<Parsed, Problem> {
    let problem = |line, message| Problem {
        file: source.file.clone(),
        line,
        message,
    };
    let text = without_shebang(source.text.strip_prefix('\u{feff}').unwrap_or(&source.text));
    let tokens: TokenStream = text.parse().map_err(|error: proc_macro2::LexError| {
        problem(
            line(error.span()),
            "no Rust: it cannot be taken apart into words; skipped".into(),
        )
    })?;
    if let Err((place, what)) = check(&tokens) {
        return Err(problem(line(place), format!("{what}; skipped")));
    }
    let mut tree: syn::File = syn::parse2(tokens)
        .map_err(|error| problem(line(error.span()), format!("no Rust: {error}; skipped")))?;
    tree.items = expand(tree.items);
    Ok(Parsed {
        source: index,
        tree,
    })
}

/// The line that something begins on.
pub(super) fn line(span: Span) -> u32 {
    u32::try_from(span.start().line).unwrap_or(u32::MAX)
}

/// `#!/usr/bin/env …`, which is no attribute. Its line stays, so that lines count the same.
fn without_shebang(text: &str) -> &str {
    if !text.starts_with("#!") || text[2..].trim_start().starts_with('[') {
        return text;
    }
    text.find('\n').map_or("", |end| &text[end..])
}

/// Refuses what would be too deep a tree.
pub(super) fn check(tokens: &TokenStream) -> Result<(), (Span, String)> {
    let mut levels = vec![Level::new(tokens.clone())];
    while let Some(level) = levels.last_mut() {
        let Some(token) = level.tokens.next() else {
            levels.pop();
            continue;
        };
        level.count(&token);
        if level.length > LONGEST {
            let what = format!("an expression of more than {LONGEST} words");
            return Err((token.span(), what));
        }
        if let TokenTree::Group(group) = token {
            levels.push(Level::new(group.stream()));
            if levels.len() > DEEPEST {
                return Err((group.span(), format!("nested more than {DEEPEST} deep")));
            }
        }
    }
    Ok(())
}

/// The tokens between two brackets.
struct Level {
    tokens: IntoIter,
    length: usize,
    /// A block has just ended. The next token says whether the expression goes on.
    closed: bool,
}

impl Level {
    fn new(tokens: TokenStream) -> Self {
        Self {
            tokens: tokens.into_iter(),
            length: 0,
            closed: false,
        }
    }

    fn count(&mut self, token: &TokenTree) {
        let goes_on = match token {
            TokenTree::Punct(mark) => !matches!(mark.as_char(), ',' | ';' | '#'),
            TokenTree::Ident(word) => !self.closed || *word == "else",
            TokenTree::Group(_) | TokenTree::Literal(_) => true,
        };
        self.length = if goes_on { self.length + 1 } else { 0 };
        self.closed =
            matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
    }
}
