//! The words within macros.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Block, Expr, Stmt, Token};

use super::parse::{check, line};

/// What the words of a macro are.
pub(super) enum Content {
    /// `vec![a, b]`, `println!("{}", a)`, `matches!(a, _)`.
    Expressions(Vec<Expr>),
    /// `thread_local! { … }`, `select! { … }`: what could be read of it as code.
    Statements(Vec<Stmt>),
}

/// Reads the words of a macro as code, as far as they are.
///
/// What is left are words that are no code by themselves, such as the pattern of a `select!`.
pub(super) fn read(tokens: &TokenStream) -> (Content, Vec<TokenTree>) {
    if check(tokens).is_err() {
        return (
            Content::Expressions(Vec::new()),
            tokens.clone().into_iter().collect(),
        );
    }
    let list = Punctuated::<Expr, Token![,]>::parse_terminated;
    if let Ok(expressions) = list.parse2(tokens.clone()) {
        return (
            Content::Expressions(expressions.into_iter().collect()),
            Vec::new(),
        );
    }
    let repeat = Punctuated::<Expr, Token![;]>::parse_terminated;
    if let Ok(expressions) = repeat.parse2(tokens.clone()) {
        return (
            Content::Expressions(expressions.into_iter().collect()),
            Vec::new(),
        );
    }
    if let Ok(statements) = Block::parse_within.parse2(tokens.clone()) {
        return (Content::Statements(statements), Vec::new());
    }
    piecemeal(tokens)
}

/// What stands between commas and arrows, each by itself.
fn piecemeal(tokens: &TokenStream) -> (Content, Vec<TokenTree>) {
    let mut pieces = Pieces::default();
    let mut tokens = tokens.clone().into_iter().peekable();
    while let Some(token) = tokens.next() {
        let next = match tokens.peek() {
            Some(TokenTree::Punct(mark)) => mark.as_char(),
            _ => ' ',
        };
        match &token {
            TokenTree::Punct(mark) if matches!(mark.as_char(), ',' | ';') => pieces.end(),
            TokenTree::Punct(mark) if mark.as_char() == '=' && next == '>' => {
                tokens.next();
                pieces.end();
            }
            // `pattern = future` of a `select!`.
            TokenTree::Punct(mark) if mark.as_char() == '=' && next != '=' => pieces.leave(),
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && next != '.' => {
                pieces.piece.push(token);
                pieces.end();
            }
            _ => pieces.piece.push(token),
        }
    }
    pieces.end();
    (Content::Statements(pieces.statements), pieces.left)
}

#[derive(Default)]
struct Pieces {
    piece: Vec<TokenTree>,
    statements: Vec<Stmt>,
    left: Vec<TokenTree>,
}

impl Pieces {
    fn end(&mut self) {
        let words: TokenStream = self.piece.drain(..).collect();
        if words.is_empty() {
            return;
        }
        match syn::parse2::<Expr>(words.clone()) {
            Ok(expression) => self.statements.push(Stmt::Expr(expression, None)),
            Err(_) => self.left.extend(words),
        }
    }

    /// The piece is no code.
    fn leave(&mut self) {
        self.left.append(&mut self.piece);
    }
}

/// Calls of these verbs as methods, `.verb(…)`, with their lines.
pub(super) fn calls(tokens: Vec<TokenTree>, verbs: &[&str]) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    let mut levels = vec![tokens];
    while let Some(tokens) = levels.pop() {
        for (place, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => levels.push(group.stream().into_iter().collect()),
                TokenTree::Ident(word) if place > 0 => {
                    let is_method = matches!(&tokens[place - 1], TokenTree::Punct(mark)
                        if mark.as_char() == '.');
                    let is_called = matches!(tokens.get(place + 1), Some(TokenTree::Group(group))
                        if group.delimiter() == Delimiter::Parenthesis);
                    let verb = word.to_string();
                    if is_method && is_called && verbs.contains(&verb.as_str()) {
                        found.push((verb, line(word.span())));
                    }
                }
                _ => {}
            }
        }
    }
    found.sort_by_key(|(_, line)| *line);
    found
}
