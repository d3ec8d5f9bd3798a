//! A glance at a file: what is called in it, what it imports, which tables it fills and empties. It
//! tells whether the file's facts will ever be needed, and costs a fraction of them.

use ruff_python_ast::token::TokenKind;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Comprehension, Decorator, Expr, ExprCall, ModModule, Stmt};
use ruff_python_parser::Parsed;
use ruff_source_file::LineIndex;
use ruff_text_size::{Ranged, TextSize};
use rustc_hash::FxHashSet;

use super::super::facts::Summary;
use super::super::words::Words;
use super::{DEEPEST, index, is_main_test};

/// The summary of a file.
pub(super) fn at<'a>(
    source: &'a str,
    parsed: &'a Parsed<ruff_python_ast::Mod>,
    module: &'a ModModule,
) -> (Summary, bool) {
    let mut glance = Glance::default();
    glance.visit_body(&module.body);
    let too_deep = glance.too_deep;
    let mut summary = glance.summary();
    let mut lines = None;
    let mut line = |offset: TextSize| {
        let lines = lines.get_or_insert_with(|| LineIndex::from_source_text(source));
        index(lines.line_index(offset).get())
    };
    for error in parsed.errors() {
        let text = format!("{}; the rest of the file was read", error.error);
        summary.problems.push((line(error.location.start()), text));
    }
    if too_deep {
        let text = format!("nested deeper than {DEEPEST}; not read below that");
        summary.problems.push((0, text));
    }
    if source.contains("buswork:") || source.contains("wiring:") {
        let comments = parsed.tokens().iter().filter(|token| token.kind() == TokenKind::Comment);
        for token in comments {
            let text = source[token.range()].trim_start_matches('#').trim();
            if text.contains("buswork:") || text.starts_with("wiring:") {
                summary.comments.push((line(token.start()), text.to_owned()));
            }
        }
    }
    summary.lines = line_count(source);
    (summary, too_deep)
}

fn line_count(source: &str) -> u32 {
    let breaks = source.bytes().filter(|&byte| byte == b'\n').count();
    index(breaks + usize::from(!source.is_empty() && !source.ends_with('\n')))
}

#[derive(Default)]
struct Glance<'a> {
    /// The last name of the receiver, empty without one, and that of what is called.
    called: Vec<(&'a str, &'a str)>,
    functions: Vec<&'a str>,
    bases: Vec<&'a str>,
    imports: Vec<String>,
    mentions: Vec<&'a str>,
    /// Last names of tables that entries are added to, and of those whose entries are set.
    added: Vec<&'a str>,
    set: Vec<&'a str>,
    /// Last names of tables whose entries are called or gone through.
    dispatched: Vec<&'a str>,
    /// Variables that are bound to an entry of a table, with its last name.
    entries: Vec<(&'a str, &'a str)>,
    /// Variables that are called or gone through.
    used: FxHashSet<&'a str>,
    has_tables: bool,
    is_program: bool,
    depth: u32,
    too_deep: bool,
}

impl<'a> Glance<'a> {
    fn summary(mut self) -> Summary {
        for &(variable, table) in &self.entries {
            if self.used.contains(variable) {
                self.dispatched.push(table);
            }
        }
        self.called.sort_unstable();
        self.called.dedup();
        let called = self.called.iter().map(|(of, name)| match *of {
            "" => (*name).to_owned(),
            of => format!("{of}.{name}"),
        });
        let called: Vec<_> = called.collect();
        self.functions.sort_unstable();
        Summary {
            called: called.iter().map(String::as_str).collect(),
            functions: self.functions.into_iter().collect(),
            bases: distinct(self.bases),
            imports: distinct(self.imports.iter().map(String::as_str).collect()),
            mentions: distinct(self.mentions),
            added: distinct(self.added),
            set: distinct(self.set),
            dispatched: distinct(self.dispatched),
            has_tables: self.has_tables,
            is_program: self.is_program,
            ..Summary::default()
        }
    }

    /// Goes one level deeper, unless that is too deep.
    fn deeper(&mut self, body: impl FnOnce(&mut Self)) {
        if self.depth >= DEEPEST {
            self.too_deep = true;
            return;
        }
        self.depth += 1;
        body(self);
        self.depth -= 1;
    }

    fn call(&mut self, call: &'a ExprCall) {
        self.called.extend(called_name(&call.func));
        match &*call.func {
            Expr::Name(name) => {
                self.used.insert(name.id.as_str());
            }
            Expr::Attribute(attribute) => {
                let name = attribute.attr.as_str();
                if matches!(name, "append" | "add" | "insert" | "appendleft" | "push") {
                    self.addition(&attribute.value);
                }
            }
            callee => self.dispatched.extend(looked_up(callee)),
        }
        // What is handed on may be called there.
        for argument in &call.arguments.args {
            if let Expr::Name(name) = argument {
                self.used.insert(name.id.as_str());
            }
        }
        for keyword in &call.arguments.keywords {
            let is_named = keyword.arg.as_deref().is_some_and(super::speaks_of_handlers);
            self.has_tables |= is_named && matches!(keyword.value, Expr::Dict(_));
        }
    }

    /// `table[key].append(value)`, or the same on a variable that is bound to the entry.
    fn addition(&mut self, to: &'a Expr) {
        match to {
            Expr::Name(name) => {
                let variable = name.id.as_str();
                let bound = self.entries.iter().rev().find(|(bound, _)| *bound == variable);
                self.added.extend(bound.map(|(_, table)| *table));
            }
            _ => self.added.extend(entry(to)),
        }
    }

    fn assigned(&mut self, target: &'a Expr, value: &'a Expr) {
        match target {
            Expr::Subscript(subscript) => self.set.extend(last_name(&subscript.value)),
            Expr::Name(name) => {
                let table = entry(value).or_else(|| looked_up(value));
                self.entries.extend(table.map(|table| (name.id.as_str(), table)));
            }
            _ => {}
        }
        if let Expr::Dict(_) = value {
            self.has_tables |= last_name(target).is_some_and(super::speaks_of_handlers);
        }
        // Another name for something: `register = self.register_listener`.
        if let Expr::Name(_) | Expr::Attribute(_) = value {
            self.called.extend(last_name(value).map(|name| ("", name)));
        }
    }

    fn iterated(&mut self, over: &'a Expr) {
        self.dispatched.extend(looked_up(over));
        if let Some(name) = variable(over) {
            self.used.insert(name);
        }
    }

    fn import(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(node) => {
                self.imports.extend(node.names.iter().map(|alias| alias.name.to_string()));
            }
            Stmt::ImportFrom(node) => {
                let dots = ".".repeat(node.level as usize);
                let module = node.module.as_deref().unwrap_or("");
                for alias in &node.names {
                    if alias.name.as_str() == "*" {
                        self.imports.push(format!("{dots}{module}"));
                        continue;
                    }
                    let join = if module.is_empty() { "" } else { "." };
                    self.imports.push(format!("{dots}{module}{join}{}", alias.name));
                    if alias.asname.is_some() {
                        self.called.push(("", alias.name.as_str()));
                    }
                }
            }
            _ => {}
        }
    }
}

impl<'a> Visitor<'a> for Glance<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(node) => self.functions.push(node.name.as_str()),
            Stmt::ClassDef(node) => {
                let bases = node.arguments.iter().flat_map(|arguments| &arguments.args);
                self.bases.extend(bases.filter_map(last_name));
            }
            Stmt::Assign(node) => {
                node.targets.iter().for_each(|target| self.assigned(target, &node.value));
            }
            Stmt::AnnAssign(node) => {
                if let Some(value) = &node.value {
                    self.assigned(&node.target, value);
                }
            }
            Stmt::For(node) => self.iterated(&node.iter),
            Stmt::If(node) => self.is_program |= is_main_test(&node.test),
            Stmt::Import(_) | Stmt::ImportFrom(_) => return self.import(statement),
            _ => {}
        }
        self.deeper(|glance| visitor::walk_stmt(glance, statement));
    }

    fn visit_decorator(&mut self, decorator: &'a Decorator) {
        self.called.extend(called_name(&decorator.expression));
        visitor::walk_decorator(self, decorator);
    }

    fn visit_comprehension(&mut self, comprehension: &'a Comprehension) {
        self.iterated(&comprehension.iter);
        visitor::walk_comprehension(self, comprehension);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Call(call) => self.call(call),
            Expr::Named(named) => self.assigned(&named.target, &named.value),
            Expr::StringLiteral(literal) => {
                let text = literal.value.to_str();
                if text.len() < 120 && is_dotted(text) {
                    self.mentions.push(text);
                }
                return;
            }
            Expr::Name(_) | Expr::NumberLiteral(_) | Expr::NoneLiteral(_) => return,
            _ => {}
        }
        self.deeper(|glance| visitor::walk_expr(glance, expression));
    }
}

fn distinct(mut words: Vec<&str>) -> Words {
    words.sort_unstable();
    words.dedup();
    words.into_iter().collect()
}

/// The last name of a chain: `publish` of `self.bus.publish`.
fn last_name(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => Some(attribute.attr.as_str()),
        Expr::Subscript(subscript) => last_name(&subscript.value),
        Expr::Call(call) => last_name(&call.func),
        _ => None,
    }
}

/// The last name of a receiver, empty without one, and that of what is called on it.
fn called_name(callee: &Expr) -> Option<(&str, &str)> {
    match callee {
        Expr::Attribute(attribute) => {
            Some((last_name(&attribute.value).unwrap_or(""), attribute.attr.as_str()))
        }
        _ => last_name(callee).map(|name| ("", name)),
    }
}

/// The table that an entry is taken from: `table[key]`, `table.setdefault(key, [])`.
fn entry(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Subscript(subscript) => last_name(&subscript.value),
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(attribute)
                if matches!(attribute.attr.as_str(), "setdefault" | "get") =>
            {
                last_name(&attribute.value)
            }
            _ => None,
        },
        Expr::BoolOp(operation) => operation.values.iter().find_map(entry),
        _ => None,
    }
}

/// The table that is looked up, by a name or a type, in what is gone through or bound.
fn looked_up(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Subscript(subscript) if is_key(&subscript.slice) => last_name(&subscript.value),
        Expr::Call(call) => {
            let first = call.arguments.args.first();
            if let Expr::Attribute(attribute) = &*call.func {
                if attribute.attr.as_str() == "get" && first.is_some_and(is_key) {
                    return last_name(&attribute.value);
                }
                return looked_up(&attribute.value);
            }
            first.and_then(looked_up)
        }
        Expr::Attribute(attribute) => looked_up(&attribute.value),
        Expr::Await(node) => looked_up(&node.value),
        Expr::Starred(node) => looked_up(&node.value),
        Expr::If(node) => looked_up(&node.body).or_else(|| looked_up(&node.orelse)),
        Expr::BoolOp(node) => node.values.iter().find_map(looked_up),
        Expr::BinOp(node) => looked_up(&node.left).or_else(|| looked_up(&node.right)),
        Expr::List(node) => node.elts.iter().find_map(looked_up),
        Expr::Tuple(node) => node.elts.iter().find_map(looked_up),
        _ => None,
    }
}

/// The variable that is gone through: itself, or `list(variable)`, `variable.copy()`.
fn variable(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Call(call) => match (&*call.func, call.arguments.args.first()) {
            (Expr::Name(_), Some(first)) => variable(first),
            (Expr::Attribute(attribute), None) => variable(&attribute.value),
            _ => None,
        },
        _ => None,
    }
}

fn is_key(expression: &Expr) -> bool {
    match expression {
        Expr::Name(_) => true,
        Expr::Attribute(attribute) => is_key(&attribute.value),
        Expr::Call(call) => call.arguments.args.len() <= 1,
        _ => false,
    }
}

/// Whether a text may be the path of a module or something in it.
fn is_dotted(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
    };
    text.contains('.') && text.split(['.', ':']).all(is_part)
}
