//! Goes through the bodies of functions once, and writes down what they do.
//!
//! The types of values are told along the way, as far as an edge needs them: from what is written
//! out, from signatures and fields, and from what is known of the standard library.

mod bus;
mod calls;
mod closures;
mod expressions;
mod paths;
mod patterns;
mod results;
mod standard;

use std::rc::Rc;

use rustc_hash::FxHashMap;
use syn::{Block, Expr, Stmt};

use super::declare::address;
use super::facts::{Node, NodeKind, Spot, Unread, Value};
use super::items::{Program, Types};
use super::lower::Scope;
use super::macros::{self, Content};
use super::parse::line;
use super::types::{Index, Ty};

/// Verbs of the bus that publish.
pub(super) const PUBLISHING: [&str; 8] = [
    "publish",
    "publish_to",
    "publish_shared",
    "deliver",
    "deliver_to",
    "deliver_shared",
    "post",
    "post_to",
];

/// Verbs of the bus that subscribe.
pub(super) const SUBSCRIBING: [&str; 2] = ["subscribe", "subscribe_sync"];

/// All of them.
pub(super) const VERBS: [&str; 10] = {
    let [a, b, c, d, e, f, g, h] = PUBLISHING;
    let [i, j] = SUBSCRIBING;
    [a, b, c, d, e, f, g, h, i, j]
};

/// Goes through all bodies. The nodes of functions come first, in the same order.
pub(super) fn walk(program: &Program<'_>) -> Vec<Node> {
    let nodes = (0..program.functions.len()).map(|index| {
        let module = program.functions[index].module;
        Node::new(
            NodeKind::Function(index),
            module,
            program.modules[module].source,
        )
    });
    let nodes = nodes.collect();
    let scope = Scope {
        module: 0,
        generics: Vec::new(),
        owner: None,
        types: FxHashMap::default(),
    };
    let mut walker = Walker {
        program,
        nodes,
        current: 0,
        scope,
        types: Rc::default(),
        names: vec![FxHashMap::default()],
        detached: false,
        offloaded: false,
    };
    for index in 0..program.functions.len() {
        walker.function(index);
    }
    for item in &program.statics {
        if let Some(value) = item.value {
            walker.value_of_static(item.module, value);
        }
    }
    for (module, unread) in &program.unread {
        if program.crates[program.modules[*module].owner].knows_bus {
            let source = program.modules[*module].source;
            let mut node = Node::new(NodeKind::Statics, *module, source);
            node.unread.push(unread.clone());
            walker.nodes.push(node);
        }
    }
    walker.nodes
}

/// Where the walk is.
struct Walker<'p, 'a> {
    program: &'p Program<'a>,
    nodes: Vec<Node>,
    /// The node that is walked.
    current: Index,
    scope: Scope,
    /// Those of the function around.
    types: Rc<Types>,
    /// Local variables, innermost scope last.
    names: Vec<FxHashMap<String, Value>>,
    /// Within a `spawn`.
    detached: bool,
    /// Within a `spawn_blocking`.
    offloaded: bool,
}

impl Walker<'_, '_> {
    fn function(&mut self, index: Index) {
        let function = &self.program.functions[index];
        let Some(block) = function.block else { return };
        self.current = index;
        self.scope = self.program.scope_of(index);
        self.types = Rc::clone(&function.types);
        self.names = vec![FxHashMap::default()];
        if let Some(receiver) = &self.types.receiver {
            let value = Value::through(receiver.clone(), "by the type of `self`".to_owned());
            self.names[0].insert("self".to_owned(), value);
        }
        let types = Rc::clone(&self.types);
        let written = function
            .signature
            .inputs
            .iter()
            .filter_map(|input| match input {
                syn::FnArg::Typed(input) => Some(input),
                syn::FnArg::Receiver(_) => None,
            });
        for (input, (name, ty)) in written.zip(&types.inputs) {
            let name = name.as_deref().unwrap_or("…");
            let value =
                Value::through(ty.clone(), format!("by the type of the parameter `{name}`"));
            self.bind(&input.pat, value);
        }
        self.nodes[index].output = self.block(block).ty;
    }

    fn value_of_static(&mut self, module: Index, value: &Expr) {
        self.nodes.push(Node::new(
            NodeKind::Statics,
            module,
            self.program.modules[module].source,
        ));
        self.current = self.nodes.len() - 1;
        self.scope = Scope {
            module,
            generics: Vec::new(),
            owner: None,
            types: FxHashMap::default(),
        };
        self.types = Rc::default();
        self.names = vec![FxHashMap::default()];
        self.value(value);
    }

    fn node(&mut self) -> &mut Node {
        &mut self.nodes[self.current]
    }

    fn spot(&self, line: u32) -> Spot {
        Spot {
            source: self.nodes[self.current].source,
            line,
        }
    }

    /// A block, in a scope of its own. Gives what its last expression gives.
    fn block(&mut self, block: &Block) -> Value {
        let module = self.scope.module;
        if let Some(&inner) = self.program.blocks.get(&address(block)) {
            self.scope.module = inner;
        }
        self.names.push(FxHashMap::default());
        let value = self.statements(&block.stmts);
        self.names.pop();
        self.scope.module = module;
        value
    }

    fn statements(&mut self, statements: &[Stmt]) -> Value {
        let mut last = Value::named(Ty::Tuple(Rc::default()));
        for statement in statements {
            last = Value::named(Ty::Tuple(Rc::default()));
            match statement {
                Stmt::Local(local) => self.local(local),
                Stmt::Expr(expression, None) => last = self.value(expression),
                Stmt::Expr(expression, Some(_)) => {
                    let value = self.value(expression);
                    // What ends with `return` gives nothing that contradicts another branch.
                    if matches!(
                        expression,
                        Expr::Return(_) | Expr::Break(_) | Expr::Continue(_)
                    ) {
                        last = value;
                    }
                }
                Stmt::Macro(statement) => last = self.macro_value(&statement.mac),
                Stmt::Item(_) => {}
            }
        }
        last
    }

    fn local(&mut self, local: &syn::Local) {
        let written = match &local.pat {
            syn::Pat::Type(typed) => Some(self.program.lower(&self.scope, &typed.ty)),
            _ => None,
        };
        let mut value = Value::unknown();
        if let Some(init) = &local.init {
            value = self.value_for(&init.expr, written.as_ref());
            if let Some((_, other)) = &init.diverge {
                self.value(other);
            }
        }
        self.bind(&local.pat, value);
    }

    /// What a macro does, as far as it can be read.
    fn macro_value(&mut self, mac: &syn::Macro) -> Value {
        let name = mac
            .path
            .segments
            .last()
            .map(|part| part.ident.to_string())
            .unwrap_or_default();
        if name == "macro_rules" {
            return Value::unknown();
        }
        let (content, left) = macros::read(&mac.tokens);
        let value = match content {
            Content::Expressions(expressions) => {
                let mut first = None;
                for expression in &expressions {
                    let value = self.value(expression);
                    first.get_or_insert(value);
                }
                match (name.as_str(), first) {
                    ("vec", Some(first)) => {
                        let ty = Ty::ext("Vec", vec![first.ty.clone()]);
                        first.with(ty)
                    }
                    ("format", _) => Value::named(Ty::ext("String", Vec::new())),
                    ("dbg" | "try", Some(first)) => first,
                    _ => Value::unknown(),
                }
            }
            Content::Statements(statements) => {
                self.names.push(FxHashMap::default());
                self.statements(&statements);
                self.names.pop();
                Value::unknown()
            }
        };
        for (verb, line) in macros::calls(left, &VERBS) {
            if self.knows_bus() {
                self.node().unread.push(Unread {
                    verb,
                    line,
                    name: name.clone(),
                });
            }
        }
        value
    }

    /// Whether the crate names the crate `buswork` anywhere.
    fn knows_bus(&self) -> bool {
        let program = self.program;
        program.crates[program.modules[self.scope.module].owner].knows_bus
    }
}

/// The first line of what something is written as, cut short.
fn text_of(node: &impl syn::spanned::Spanned) -> String {
    let text = node.span().source_text().unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    if text.chars().count() <= 60 {
        return text;
    }
    let short: String = text.chars().take(59).collect();
    format!("{short}…")
}

/// The line of a word.
fn line_of(ident: &syn::Ident) -> u32 {
    line(ident.span())
}
