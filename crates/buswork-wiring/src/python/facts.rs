//! What is kept of a Python file: its names, scopes, statements and expressions, without what
//! wiring never depends on. It can be stored, and knows nothing of the parser.

use serde::{Deserialize, Serialize};

use super::words::Words;
use crate::graph::About;

/// An index into [`Facts::names`].
pub(crate) type Name = u32;
/// An index into [`Facts::expressions`].
pub(crate) type ExpressionId = u32;
/// An index into [`Facts::scopes`]; 0 is the module.
pub(crate) type ScopeId = u32;
/// An index into [`Scope::blocks`]; 0 is what always runs.
pub(crate) type BlockId = u32;

/// The module's own scope.
pub(crate) const MODULE: ScopeId = 0;
/// The expression that stands for all that does not matter: numbers, comparisons, slices.
pub(crate) const NOTHING: ExpressionId = 0;

/// A file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) names: Vec<String>,
    pub(crate) expressions: Vec<Expression>,
    pub(crate) scopes: Vec<Scope>,
}

/// What is known of a file at a glance: enough to tell whether its [`Facts`] are needed.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a hint of its own, and they make no state"
)]
pub(crate) struct Summary {
    /// Lines in the file.
    pub(crate) lines: u32,
    /// What is called, and decorators, sorted: the last name, behind that of the receiver if there
    /// is one (`bus.publish`).
    pub(crate) called: Words,
    /// Names of functions and methods, each as often as it is there.
    pub(crate) functions: Words,
    /// Last names of bases of classes.
    pub(crate) bases: Words,
    /// Absolute and relative names of modules that it imports: dots, then the dotted name.
    pub(crate) imports: Words,
    /// Texts that may be the dotted path of a module or something in it.
    pub(crate) mentions: Words,
    /// Last names of tables that something is added to an entry of, or whose entries are set.
    pub(crate) added: Words,
    pub(crate) set: Words,
    /// Last names of tables whose entries are called, and of those that are looked up by a type.
    pub(crate) dispatched: Words,
    pub(crate) dispatched_by_type: Words,
    /// Whether a table is written down whose name speaks of handlers.
    pub(crate) has_tables: bool,
    /// Whether a function within a function sets an attribute of something it gets.
    pub(crate) has_marks: bool,
    /// Whether something of a type like `Handler[Event]` is said in a call.
    pub(crate) has_handler_types: bool,
    /// Whether it has a test `__name__ == "__main__"`.
    pub(crate) is_program: bool,
    /// Syntax errors and the like, with their lines.
    pub(crate) problems: Vec<(u32, String)>,
    /// Comments that say what is published: line, and the text behind `#`.
    pub(crate) comments: Vec<(u32, String)>,
    /// Comments that ask to overlook something: line, text, and the code that they speak of.
    pub(crate) ignores: Vec<(u32, String, About)>,
}

/// A module, class, function or lambda.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Scope {
    pub(crate) kind: ScopeKind,
    pub(crate) name: Name,
    /// As in `__qualname__`.
    pub(crate) qualname: String,
    pub(crate) parent: ScopeId,
    /// The line of `def` or `class`.
    pub(crate) line: u32,
    /// The last line of its body.
    pub(crate) end: u32,
    /// The statement of the parent that it stands in.
    pub(crate) at: u32,
    pub(crate) is_async: bool,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) returns: Option<ExpressionId>,
    pub(crate) decorators: Vec<ExpressionId>,
    /// Bases of a class.
    pub(crate) bases: Vec<ExpressionId>,
    /// Keywords of a `class` statement.
    pub(crate) keywords: Vec<(Name, ExpressionId)>,
    pub(crate) statements: Vec<Statement>,
    /// The block that each block stands in; the first is its own.
    pub(crate) blocks: Vec<BlockId>,
    /// Every call in it, not in scopes within, in order.
    pub(crate) calls: Vec<ExpressionId>,
    pub(crate) yields: Vec<Yield>,
    /// First paragraph of the docstring.
    pub(crate) doc: String,
    /// Names that `global` or `nonlocal` take from outside.
    pub(crate) outer: Vec<Name>,
    /// Scopes directly within.
    pub(crate) within: Vec<ScopeId>,
}

/// What sort of scope.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ScopeKind {
    #[default]
    Module,
    Class,
    Function,
    Lambda,
}

/// What a generator hands out.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Yield {
    One(ExpressionId),
    Each(ExpressionId),
}

/// A parameter of a function.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Parameter {
    pub(crate) name: Name,
    pub(crate) annotation: Option<ExpressionId>,
    pub(crate) default: Option<ExpressionId>,
    pub(crate) kind: ParameterKind,
}

/// How a parameter is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ParameterKind {
    Plain,
    KeywordOnly,
    Rest,
    KeywordRest,
}

/// A statement, in the order of the source.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Statement {
    pub(crate) block: BlockId,
    pub(crate) kind: StatementKind,
}

/// What a statement does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum StatementKind {
    /// `import a.b` (binds `a`) or `import a.b as c`.
    Import {
        module: Name,
        alias: Option<Name>,
    },
    /// `from ..a import b as c`; the module's leading dots are counted.
    From {
        level: u32,
        module: Name,
        name: Name,
        bound: Name,
    },
    /// `from a import *`.
    Star {
        level: u32,
        module: Name,
    },
    /// `target = value`.
    Bind {
        target: ExpressionId,
        value: ExpressionId,
    },
    /// `target: annotation = value`.
    Annotated {
        target: ExpressionId,
        annotation: ExpressionId,
        value: Option<ExpressionId>,
    },
    /// `target += value`; with [`NOTHING`], `del target.part` and `del target[key]`.
    Augment {
        target: ExpressionId,
        value: ExpressionId,
    },
    /// `for target in iterable`, and in comprehensions.
    Each {
        target: ExpressionId,
        iterable: ExpressionId,
    },
    /// `with value as target`; [`NOTHING`] without a target.
    Enter {
        target: ExpressionId,
        value: ExpressionId,
    },
    /// In the branch where `subject` is known to be an instance of `class`.
    Narrow {
        subject: ExpressionId,
        class: ExpressionId,
    },
    /// A name bound to what cannot be told: `except … as error`, patterns, `del`.
    Blank {
        name: Name,
    },
    /// `def`, `class`.
    Define(ScopeId),
    Return(ExpressionId),
    /// An expression that stands alone, or in a place that binds nothing.
    Evaluate(ExpressionId),
}

/// An expression, and where it is evaluated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Expression {
    pub(crate) line: u32,
    pub(crate) scope: ScopeId,
    /// Index of the statement that it is part of.
    pub(crate) at: u32,
    pub(crate) kind: ExpressionKind,
}

/// What an expression is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum ExpressionKind {
    Nothing,
    /// `None`.
    None,
    Name(Name),
    Attribute(ExpressionId, Name),
    Call(ExpressionId, Vec<Argument>),
    Text(Name),
    /// A string with holes: its text with `{}` for each, and what fills them, if that is known.
    Template(Name, Vec<ExpressionId>),
    /// A number, `True`, `False`, as written.
    Literal(Name),
    Sequence(Vec<ExpressionId>),
    Mapping(Vec<(Option<ExpressionId>, ExpressionId)>),
    /// One of several: `a if c else b`, `a or b`.
    Either(Vec<ExpressionId>),
    /// `a | b` and `a + b`.
    Both(ExpressionId, ExpressionId),
    Subscript(ExpressionId, ExpressionId),
    Lambda(ScopeId),
    Await(ExpressionId),
    Starred(ExpressionId),
    /// `[element for …]`; the clauses are [`StatementKind::Each`] before.
    Comprehension(ExpressionId),
    /// `{key: element for …}`.
    MappingComprehension(ExpressionId, ExpressionId),
    /// `(name := value)`.
    Assign(ExpressionId, ExpressionId),
    /// Anything else that has calls within; only these are kept.
    Other(Vec<ExpressionId>),
    /// What one of several targets gets: `b` of `a, b = value` the one of index 1.
    Part(ExpressionId, u32),
}

/// An argument of a call.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Argument {
    Positional(ExpressionId),
    Named(Name, ExpressionId),
    Star(ExpressionId),
    DoubleStar(ExpressionId),
}

impl Facts {
    /// Those of an empty file.
    pub(crate) fn empty() -> Self {
        let nothing = Expression {
            line: 0,
            scope: MODULE,
            at: 0,
            kind: ExpressionKind::Nothing,
        };
        let module = Scope {
            blocks: vec![0],
            line: 1,
            ..Scope::default()
        };
        Self {
            names: vec![String::new()],
            expressions: vec![nothing],
            scopes: vec![module],
        }
    }

    pub(crate) fn text(&self, name: Name) -> &str {
        &self.names[name as usize]
    }

    pub(crate) fn kind(&self, id: ExpressionId) -> &ExpressionKind {
        &self.expressions[id as usize].kind
    }

    pub(crate) fn expression(&self, id: ExpressionId) -> &Expression {
        &self.expressions[id as usize]
    }

    pub(crate) fn scope(&self, id: ScopeId) -> &Scope {
        &self.scopes[id as usize]
    }

    /// The dotted text of a chain of names, as written: `self.bus.publish`.
    pub(crate) fn dotted(&self, id: ExpressionId) -> Option<String> {
        match self.kind(id) {
            ExpressionKind::Name(name) => Some(self.text(*name).to_owned()),
            ExpressionKind::Attribute(of, name) => {
                Some(format!("{}.{}", self.dotted(*of)?, self.text(*name)))
            }
            ExpressionKind::Call(function, _) => Some(format!("{}()", self.dotted(*function)?)),
            ExpressionKind::Await(value) => self.dotted(*value),
            ExpressionKind::Subscript(of, _) => Some(format!("{}[]", self.dotted(*of)?)),
            _ => None,
        }
    }

    /// An expression as it could be written: for annotations and options.
    pub(crate) fn written(&self, id: ExpressionId) -> String {
        let list = |parts: &[ExpressionId]| {
            parts
                .iter()
                .map(|&part| self.written(part))
                .collect::<Vec<_>>()
                .join(", ")
        };
        match self.kind(id) {
            ExpressionKind::None => "None".to_owned(),
            ExpressionKind::Name(name) | ExpressionKind::Literal(name) => {
                self.text(*name).to_owned()
            }
            ExpressionKind::Attribute(of, name) => {
                format!("{}.{}", self.written(*of), self.text(*name))
            }
            ExpressionKind::Text(text) | ExpressionKind::Template(text, _) => {
                format!("{:?}", self.text(*text))
            }
            ExpressionKind::Subscript(of, key) => match self.kind(*key) {
                ExpressionKind::Sequence(parts) => {
                    format!("{}[{}]", self.written(*of), list(parts))
                }
                _ => format!("{}[{}]", self.written(*of), self.written(*key)),
            },
            ExpressionKind::Both(left, right) => {
                format!("{} | {}", self.written(*left), self.written(*right))
            }
            ExpressionKind::Sequence(parts) => format!("[{}]", list(parts)),
            ExpressionKind::Call(function, _) => format!("{}(…)", self.written(*function)),
            ExpressionKind::Lambda(_) => "lambda".to_owned(),
            _ => "…".to_owned(),
        }
    }

    /// The last name of a chain: `publish` of `self.bus.publish`.
    pub(crate) fn last_name(&self, id: ExpressionId) -> Option<&str> {
        match self.kind(id) {
            ExpressionKind::Name(name) | ExpressionKind::Attribute(_, name) => {
                Some(self.text(*name))
            }
            ExpressionKind::Subscript(of, _) => self.last_name(*of),
            ExpressionKind::Call(function, _) => self.last_name(*function),
            _ => None,
        }
    }

    /// A call that something else is asked to make: `loop.call_soon(bus.publish, order)` is one of
    /// `bus.publish` with `order`. The function, and what it will be given.
    pub(crate) fn handed_on(&self, call: ExpressionId) -> Option<(ExpressionId, Vec<Argument>)> {
        let ExpressionKind::Call(callee, arguments) = self.kind(call) else {
            return None;
        };
        let (ExpressionKind::Name(name) | ExpressionKind::Attribute(_, name)) = self.kind(*callee)
        else {
            return None;
        };
        match runner(self.text(*name))? {
            Runner::After(index) => {
                let Argument::Positional(function) = *arguments.get(index)? else {
                    return None;
                };
                Some((function, arguments[index + 1..].to_vec()))
            }
            Runner::Apart(index) => {
                let named = |wanted: &str| {
                    arguments.iter().find_map(|argument| match argument {
                        Argument::Named(name, value) if self.text(*name) == wanted => Some(*value),
                        _ => None,
                    })
                };
                let plain = |index: usize| match arguments.get(index) {
                    Some(Argument::Positional(value)) => Some(*value),
                    _ => None,
                };
                let function = named("target")
                    .or_else(|| named("function"))
                    .or_else(|| plain(index))?;
                let given = named("args").or_else(|| plain(index + 1));
                let given = match given.map(|given| self.kind(given)) {
                    Some(ExpressionKind::Sequence(parts)) => {
                        parts.iter().copied().map(Argument::Positional).collect()
                    }
                    Some(_) => return None,
                    None => Vec::new(),
                };
                Some((function, given))
            }
        }
    }

    /// The names in the target of an assignment.
    pub(crate) fn names_in_target(&self, target: ExpressionId) -> Vec<Name> {
        match self.kind(target) {
            ExpressionKind::Name(name) => vec![*name],
            ExpressionKind::Sequence(parts) => parts
                .iter()
                .flat_map(|&part| self.names_in_target(part))
                .collect(),
            ExpressionKind::Starred(part) => self.names_in_target(*part),
            _ => Vec::new(),
        }
    }

    /// Whether block `outer` is `inner` or holds it.
    pub(crate) fn holds(scope: &Scope, outer: BlockId, mut inner: BlockId) -> bool {
        loop {
            if outer == inner {
                return true;
            }
            let next = scope.blocks[inner as usize];
            if next == inner {
                return false;
            }
            inner = next;
        }
    }
}

/// Where something that runs a function has it, and what it gives to it.
enum Runner {
    /// The argument of this index, and all that come behind it.
    After(usize),
    /// The argument of this index, and those in a tuple: `Thread(target=send, args=(order,))`.
    Apart(usize),
}

fn runner(name: &str) -> Option<Runner> {
    Some(match name {
        "call_soon"
        | "call_soon_threadsafe"
        | "to_thread"
        | "submit"
        | "start_soon"
        | "run_sync"
        | "partial" => Runner::After(0),
        "call_later" | "call_at" | "run_in_executor" | "after" => Runner::After(1),
        "start_new_thread" => Runner::Apart(0),
        // The first of `Thread` is its group, of `Timer` the time.
        "Thread" | "Process" | "Timer" => Runner::Apart(1),
        _ => return None,
    })
}

/// Whether something of this name runs a function that it is given.
pub(crate) fn is_runner(name: &str) -> bool {
    runner(name).is_some()
}

impl Scope {
    pub(crate) fn is_function(&self) -> bool {
        matches!(self.kind, ScopeKind::Function | ScopeKind::Lambda)
    }
}
