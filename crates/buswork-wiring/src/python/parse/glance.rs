//! A glance at a file: what is called in it, what it imports, which tables it fills and empties. It
//! tells whether the file's facts will ever be needed, and costs a fraction of them.

use std::hash::Hash;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Comprehension, Decorator, Expr, ExprCall, ModModule, Pattern, Stmt};
use ruff_python_parser::Parsed;
use ruff_source_file::LineIndex;
use ruff_text_size::TextSize;
use rustc_hash::{FxBuildHasher, FxHashSet};

use super::super::facts::{Summary, is_runner};
use super::{DEEPEST, comments, index, is_main_test};

/// So many syntax errors of a file are told one by one,
const TOLD: usize = 5;
/// and of one with more than this, or with a NUL in it, only the first.
const HARDLY_PYTHON: usize = 20;

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
    let errors = parsed.errors();
    let is_hardly_python = errors.len() > HARDLY_PYTHON || source.contains('\0');
    let told = if is_hardly_python { 1 } else { TOLD };
    for (number, error) in errors.iter().take(told).enumerate() {
        let mut text = format!("{}; the rest of the file was read", error.error);
        if number + 1 == told && errors.len() > told {
            text = format!("{text}, with {} more like it", errors.len() - told);
        }
        summary.problems.push((line(error.location.start()), text));
    }
    if too_deep {
        let text = format!("nested deeper than {DEEPEST}; not read below that");
        summary.problems.push((0, text));
    }
    if source.contains("buswork:") || source.contains("wiring:") {
        comments::read(source, parsed.tokens(), &mut line, &mut summary);
    }
    summary.lines = line_count(source);
    (summary, too_deep)
}

fn line_count(source: &str) -> u32 {
    let breaks = source.bytes().filter(|&byte| byte == b'\n').count();
    index(breaks + usize::from(!source.is_empty() && !source.ends_with('\n')))
}

/// A table that is looked up: its last name, and whether by the type of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Look<'a> {
    table: &'a str,
    by_type: bool,
}

#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a hint of its own, and they make no state"
)]
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
    /// Tables whose entries are called.
    dispatched: Vec<Look<'a>>,
    /// Variables that are bound to an entry of a table, or go through one.
    entries: Vec<(&'a str, Look<'a>)>,
    /// Variables that go through others, or are bound to them: the first to the second.
    flows: Vec<(&'a str, &'a str)>,
    /// Variables that are called, or handed on with something else.
    used: FxHashSet<&'a str>,
    /// Variables that are the type of something.
    types: FxHashSet<&'a str>,
    /// Names of the module, not of a function.
    global: FxHashSet<&'a str>,
    functions_deep: u32,
    has_tables: bool,
    has_marks: bool,
    has_handler_types: bool,
    is_program: bool,
    depth: u32,
    too_deep: bool,
}

impl<'a> Glance<'a> {
    fn summary(mut self) -> Summary {
        // A variable that goes through another hands on that it is called.
        for _ in 0..3 {
            for &(to, from) in &self.flows {
                if self.used.contains(to) {
                    self.used.insert(from);
                }
            }
        }
        let called = self
            .entries
            .iter()
            .filter(|(variable, _)| self.used.contains(variable));
        let looks: Vec<_> = self
            .dispatched
            .iter()
            .chain(called.map(|(_, look)| look))
            .collect();
        let by_type = looks
            .iter()
            .filter(|look| look.by_type)
            .map(|look| look.table);
        let called = distinct(self.called)
            .into_iter()
            .map(|(of, name)| match of {
                "" => name.to_owned(),
                of => format!("{of}.{name}"),
            });
        let called: Vec<_> = called.collect();
        Summary {
            called: called.iter().map(String::as_str).collect(),
            functions: self.functions.into_iter().collect(),
            bases: distinct(self.bases).into_iter().collect(),
            imports: self.imports.iter().map(String::as_str).collect(),
            mentions: distinct(self.mentions).into_iter().collect(),
            dispatched_by_type: distinct(by_type.collect()).into_iter().collect(),
            dispatched: distinct(looks.iter().map(|look| look.table).collect())
                .into_iter()
                .collect(),
            added: distinct(self.added).into_iter().collect(),
            set: distinct(self.set).into_iter().collect(),
            has_tables: self.has_tables,
            has_marks: self.has_marks,
            has_handler_types: self.has_handler_types,
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
                if let Expr::Name(of) = &*attribute.value
                    && super::runs_handlers(name)
                {
                    self.used.insert(of.id.as_str());
                }
            }
            callee => self.dispatched.extend(self.looked_up(callee)),
        }
        if last_name(&call.func).is_some_and(is_runner) {
            let keywords = call.arguments.keywords.iter().map(|keyword| &keyword.value);
            for handed in call.arguments.args.iter().chain(keywords) {
                if let Expr::Name(_) | Expr::Attribute(_) = handed {
                    self.called.extend(called_name(handed));
                }
            }
        }
        // What is handed on with an event may be called there.
        if call.arguments.args.len() + call.arguments.keywords.len() > 1 {
            for argument in &call.arguments.args {
                if let Expr::Name(name) = argument {
                    self.used.insert(name.id.as_str());
                }
            }
        }
        let mut given = call.arguments.args.iter();
        self.has_handler_types |= given.any(is_handler_type);
        for keyword in &call.arguments.keywords {
            self.has_handler_types |= is_handler_type(&keyword.value);
            let is_named = keyword
                .arg
                .as_deref()
                .is_some_and(super::speaks_of_handlers);
            self.has_tables |= is_named && matches!(keyword.value, Expr::Dict(_));
        }
    }

    /// `table[key].append(value)`, or the same on a variable that is bound to the entry.
    fn addition(&mut self, to: &'a Expr) {
        match to {
            Expr::Name(name) => {
                let variable = name.id.as_str();
                let bound = self
                    .entries
                    .iter()
                    .rev()
                    .find(|(bound, _)| *bound == variable);
                self.added.extend(bound.map(|(_, look)| look.table));
            }
            _ => match entry(to) {
                // `(self.late if is_late else self.early)[key].append(value)`.
                Some(Expr::If(either)) => {
                    let tables = [&either.body, &either.orelse];
                    let tables = tables.map(|table| self.table(table));
                    self.added.extend(tables.into_iter().flatten());
                }
                table => self.added.extend(table.and_then(|table| self.table(table))),
            },
        }
    }

    fn assigned(&mut self, target: &'a Expr, value: &'a Expr) {
        match target {
            Expr::Subscript(subscript) => match &*subscript.value {
                // `table[key][number] = handler` adds to what is there.
                Expr::Subscript(inner) => self.added.extend(self.table(&inner.value)),
                table => self.set.extend(self.table(table)),
            },
            Expr::Name(name) => {
                let name = name.id.as_str();
                if self.functions_deep == 0 {
                    self.global.insert(name);
                }
                if is_type(value) {
                    self.types.insert(name);
                }
                let added = entry(value).and_then(|table| self.table(table));
                let added = added.map(|table| Look {
                    table,
                    by_type: false,
                });
                let look = self.looked_up(value).or(added);
                self.entries.extend(look.map(|look| (name, look)));
                self.flows.extend(variable(value).map(|from| (name, from)));
            }
            _ => {}
        }
        if let Expr::Attribute(attribute) = target
            && let Expr::Name(of) = &*attribute.value
        {
            self.has_marks |= self.functions_deep > 1 && of.id.as_str() != "self";
        }
        if let Expr::Dict(_) = value {
            self.has_tables |= last_name(target).is_some_and(super::speaks_of_handlers);
        }
        // Another name for something: `register = self.register_listener`.
        if let Expr::Name(_) | Expr::Attribute(_) = value {
            self.called.extend(last_name(value).map(|name| ("", name)));
        }
    }

    fn iterated(&mut self, target: &'a Expr, over: &'a Expr) {
        let targets = match target {
            Expr::Tuple(tuple) => tuple.elts.as_slice(),
            _ => std::slice::from_ref(target),
        };
        let (look, from) = (self.looked_up(over), variable(over));
        for target in targets {
            let Expr::Name(name) = target else { continue };
            let name = name.id.as_str();
            if is_type(over) {
                self.types.insert(name);
            }
            self.entries.extend(look.map(|look| (name, look)));
            self.flows.extend(from.map(|from| (name, from)));
        }
    }

    /// The last name of a table that more than one function can get at: an attribute, or a name of
    /// the module.
    fn table(&self, mut table: &'a Expr) -> Option<&'a str> {
        loop {
            match table {
                Expr::Name(name) => {
                    let name = name.id.as_str();
                    return self.global.contains(name).then_some(name);
                }
                Expr::Attribute(attribute) => return Some(attribute.attr.as_str()),
                Expr::Subscript(subscript) => table = &subscript.value,
                _ => return None,
            }
        }
    }

    /// The table that is looked up, by a name or a type, in what is called, gone through or bound.
    fn looked_up(&self, expression: &'a Expr) -> Option<Look<'a>> {
        self.looked_up_within(expression, DEEPEST)
    }

    /// The same, so many levels deep.
    fn looked_up_within(&self, expression: &'a Expr, levels: u32) -> Option<Look<'a>> {
        let levels = levels.checked_sub(1)?;
        let within = |part: &'a Expr| self.looked_up_within(part, levels);
        let look = |of: &'a Expr, key: &'a Expr| {
            let by_type = is_type(key)
                || matches!(key, Expr::Name(name) if self.types.contains(name.id.as_str()));
            self.table(of).map(|table| Look { table, by_type })
        };
        match expression {
            Expr::Subscript(subscript) if is_key(&subscript.slice) => {
                look(&subscript.value, &subscript.slice)
            }
            Expr::Call(call) => {
                let first = call.arguments.args.first();
                if let Expr::Attribute(attribute) = &*call.func {
                    return match first {
                        Some(key) if attribute.attr.as_str() == "get" && is_key(key) => {
                            look(&attribute.value, key)
                        }
                        _ => within(&attribute.value),
                    };
                }
                first.and_then(within)
            }
            Expr::Attribute(attribute) => within(&attribute.value),
            Expr::Await(node) => within(&node.value),
            Expr::Starred(node) => within(&node.value),
            Expr::If(node) => within(&node.body).or_else(|| within(&node.orelse)),
            Expr::BoolOp(node) => node.values.iter().find_map(within),
            Expr::BinOp(node) => within(&node.left).or_else(|| within(&node.right)),
            Expr::List(node) => node.elts.iter().find_map(within),
            Expr::Tuple(node) => node.elts.iter().find_map(within),
            _ => None,
        }
    }

    fn import(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(node) => {
                self.imports
                    .extend(node.names.iter().map(|alias| alias.name.to_string()));
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
                    self.imports
                        .push(format!("{dots}{module}{join}{}", alias.name));
                    self.global
                        .insert(alias.asname.as_ref().unwrap_or(&alias.name).as_str());
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
                node.targets
                    .iter()
                    .for_each(|target| self.assigned(target, &node.value));
            }
            Stmt::AnnAssign(node) => {
                if let Some(value) = &node.value {
                    self.assigned(&node.target, value);
                }
            }
            Stmt::Return(node) => {
                let look = node
                    .value
                    .as_deref()
                    .and_then(|value| self.looked_up(value));
                let is_named = |look: &Look<'_>| super::speaks_of_handlers(look.table);
                self.dispatched.extend(look.filter(is_named));
            }
            Stmt::For(node) => self.iterated(&node.target, &node.iter),
            Stmt::If(node) => self.is_program |= is_main_test(&node.test),
            Stmt::Import(_) | Stmt::ImportFrom(_) => return self.import(statement),
            _ => {}
        }
        let is_function = matches!(statement, Stmt::FunctionDef(_));
        self.functions_deep += u32::from(is_function);
        self.deeper(|glance| visitor::walk_stmt(glance, statement));
        self.functions_deep -= u32::from(is_function);
    }

    fn visit_decorator(&mut self, decorator: &'a Decorator) {
        self.called.extend(called_name(&decorator.expression));
        visitor::walk_decorator(self, decorator);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        self.deeper(|glance| visitor::walk_pattern(glance, pattern));
    }

    fn visit_comprehension(&mut self, comprehension: &'a Comprehension) {
        self.iterated(&comprehension.target, &comprehension.iter);
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

fn distinct<T: Copy + Eq + Hash>(words: Vec<T>) -> Vec<T> {
    let mut seen = FxHashSet::with_capacity_and_hasher(words.len(), FxBuildHasher);
    words
        .into_iter()
        .filter(|word| seen.insert(*word))
        .collect()
}

/// The last name of a chain: `publish` of `self.bus.publish`.
///
/// Here and below, a chain is gone along by a loop: it may be as long as the file.
fn last_name(mut expression: &Expr) -> Option<&str> {
    loop {
        match expression {
            Expr::Name(name) => return Some(name.id.as_str()),
            Expr::Attribute(attribute) => return Some(attribute.attr.as_str()),
            Expr::Subscript(subscript) => expression = &subscript.value,
            Expr::Call(call) => expression = &call.func,
            _ => return None,
        }
    }
}

/// The last name of a receiver, empty without one, and that of what is called on it.
fn called_name(callee: &Expr) -> Option<(&str, &str)> {
    match callee {
        Expr::Attribute(attribute) => Some((
            last_name(&attribute.value).unwrap_or(""),
            attribute.attr.as_str(),
        )),
        _ => last_name(callee).map(|name| ("", name)),
    }
}

/// The table that an entry is taken from: `table[key]`, `table.setdefault(key, [])`.
fn entry(expression: &Expr) -> Option<&Expr> {
    match expression {
        Expr::Subscript(subscript) => Some(&subscript.value),
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(attribute)
                if matches!(attribute.attr.as_str(), "setdefault" | "get") =>
            {
                Some(&attribute.value)
            }
            _ => None,
        },
        Expr::BoolOp(operation) => operation.values.iter().find_map(entry),
        _ => None,
    }
}

/// Whether this is `Handler[Event]`.
fn is_handler_type(expression: &Expr) -> bool {
    let Expr::Subscript(subscript) = expression else {
        return false;
    };
    last_name(&subscript.value).is_some_and(super::speaks_of_handlers)
}

/// Whether this is `type(x)`, `x.__class__` or the like.
fn is_type(mut expression: &Expr) -> bool {
    loop {
        expression = match expression {
            Expr::Call(call) => match &*call.func {
                Expr::Name(name) => return name.id.as_str() == "type",
                Expr::Attribute(attribute) => &attribute.value,
                _ => return false,
            },
            Expr::Attribute(attribute) if attribute.attr.as_str() == "__class__" => return true,
            Expr::Attribute(attribute) => &attribute.value,
            Expr::Subscript(subscript) => &subscript.value,
            _ => return false,
        }
    }
}

/// The variable that is gone through: itself, or `list(variable)`, `variable.copy()`.
fn variable(mut expression: &Expr) -> Option<&str> {
    loop {
        expression = match expression {
            Expr::Name(name) => return Some(name.id.as_str()),
            Expr::Call(call) => match (&*call.func, call.arguments.args.first()) {
                (Expr::Name(_), Some(first)) => first,
                (Expr::Attribute(attribute), None) => &attribute.value,
                _ => return None,
            },
            _ => return None,
        }
    }
}

fn is_key(mut expression: &Expr) -> bool {
    loop {
        match expression {
            Expr::Name(_) => return true,
            Expr::Attribute(attribute) => expression = &attribute.value,
            Expr::Call(call) => return call.arguments.args.len() <= 1,
            _ => return false,
        }
    }
}

/// Whether a text may be the path of a module or something in it.
fn is_dotted(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|letter| letter.is_alphanumeric() || letter == '_')
    };
    text.contains('.') && text.split(['.', ':']).all(is_part)
}
