//! What an expression may be at run time: a class, a function, an object of a class, a text.
//!
//! An evaluation follows names, imports, attributes, calls, loops and annotations, as far as the code
//! tells. It asks for what it needs and no more, remembers what it found, and stops at what is not
//! part of the project. It knows nothing of events.

mod annotations;
mod arguments;
mod attributes;
mod bindings;
mod builtins;
mod callers;
mod calls;
mod classes;
mod elements;
mod outside;
mod texts;
mod values;

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

pub(crate) use arguments::Arguments;
pub(crate) use bindings::Binding;
pub(crate) use callers::Caller;
pub(crate) use classes::Ancestor;
pub(crate) use values::{Fact, Found, Value};

use super::facts::{ExpressionKind, ScopeKind};
use super::project::{ExpressionRef, FileId, Project, ScopeRef};
use super::sites::NamedSignals;
use crate::graph::Grade;

/// Evaluations within evaluations; beyond that, what comes out is unknown.
const DEEPEST: u32 = 48;
/// Alternatives kept of one expression.
const MOST: usize = 48;

/// A variable, by its scope and name, and the value that it is held at.
pub(crate) type Held = ((ScopeRef, u32), ExpressionRef);

/// What is known where an expression is evaluated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Context {
    /// The class of `self`, where that is a subclass of the one that the code stands in.
    pub(crate) this: Option<ScopeRef>,
    /// Values of loop variables that are held still, by scope and name.
    pub(crate) fixed: Option<Rc<Vec<Held>>>,
    /// Whether parameters come out as themselves: for following an argument back to the callers.
    pub(crate) parameters: bool,
}

/// Evaluates expressions of a project.
#[derive(Debug)]
pub(crate) struct Evaluator<'p> {
    pub(crate) project: &'p Project,
    known: RefCell<FxHashMap<(ExpressionRef, Context), Found>>,
    /// What came out while something was cut short: it holds within the evaluation under way, and is
    /// worked out again by the next one.
    provisional: RefCell<FxHashMap<(ExpressionRef, Context), Found>>,
    /// Collections whose elements are being gathered.
    gathering: RefCell<FxHashSet<(ExpressionRef, Context)>>,
    /// Names that are being looked for in modules that star each other.
    starring: RefCell<FxHashSet<(FileId, String)>>,
    provisional_callers: RefCell<FxHashMap<ScopeRef, Rc<[Caller]>>>,
    /// How often an evaluation was cut short: at itself, or for being too deep.
    cuts: Cell<u64>,
    under_way: RefCell<FxHashSet<(ExpressionRef, Context)>>,
    ancestors: RefCell<FxHashMap<ScopeRef, Rc<[Ancestor]>>>,
    callers: RefCell<FxHashMap<ScopeRef, Rc<[Caller]>>>,
    attributes: RefCell<FxHashMap<ScopeRef, Rc<attributes::Assigned>>>,
    /// The signals that a function gives by their names.
    pub(super) named_signals: OnceCell<NamedSignals>,
    /// Which of several handlers of one name a function is, from the second on.
    ordinals: RefCell<FxHashMap<ScopeRef, usize>>,
    depth: Cell<u32>,
}

impl Context {
    /// Where `self` is an object of this class.
    pub(crate) fn of(this: Option<ScopeRef>) -> Self {
        Self {
            this,
            ..Self::default()
        }
    }

    /// The same, within the methods of another class.
    fn within(&self, this: Option<ScopeRef>) -> Self {
        Self {
            this,
            fixed: None,
            parameters: self.parameters,
        }
    }
}

impl<'p> Evaluator<'p> {
    pub(crate) fn new(project: &'p Project) -> Self {
        Self {
            project,
            known: RefCell::default(),
            provisional: RefCell::default(),
            gathering: RefCell::default(),
            starring: RefCell::default(),
            provisional_callers: RefCell::default(),
            cuts: Cell::new(0),
            under_way: RefCell::default(),
            ancestors: RefCell::default(),
            callers: RefCell::default(),
            attributes: RefCell::default(),
            named_signals: OnceCell::new(),
            ordinals: RefCell::default(),
            depth: Cell::new(0),
        }
    }

    /// All that an expression may be. Empty when nothing is known.
    pub(crate) fn evaluate(&self, at: ExpressionRef, context: &Context) -> Found {
        let key = (at, context.clone());
        if let Some(found) = self.known.borrow().get(&key) {
            return found.clone();
        }
        if let Some(found) = self.provisional.borrow().get(&key) {
            self.cut();
            return found.clone();
        }
        if self.depth.get() >= DEEPEST || !self.under_way.borrow_mut().insert(key.clone()) {
            self.cut();
            return Found::default();
        }
        let cuts = self.cuts.get();
        self.depth.set(self.depth.get() + 1);
        let found: Found = values::distinct(self.work_out(at, context)).into();
        self.leave();
        self.under_way.borrow_mut().remove(&key);
        if self.cuts.get() == cuts || self.depth.get() == 0 {
            self.known.borrow_mut().insert(key, found.clone());
        } else {
            self.provisional.borrow_mut().insert(key, found.clone());
        }
        found
    }

    fn cut(&self) {
        self.cuts.set(self.cuts.get() + 1);
    }

    /// Goes one level deeper, unless that is too deep.
    fn enter(&self) -> bool {
        let depth = self.depth.get();
        if depth >= DEEPEST {
            self.cut();
            return false;
        }
        self.depth.set(depth + 1);
        true
    }

    fn leave(&self) {
        let depth = self.depth.get() - 1;
        self.depth.set(depth);
        if depth == 0 {
            self.provisional.borrow_mut().clear();
            self.provisional_callers.borrow_mut().clear();
        }
    }

    fn work_out(&self, at: ExpressionRef, context: &Context) -> Vec<Fact> {
        let facts = self.project.facts(at.file);
        let there = |id| ExpressionRef { file: at.file, id };
        match facts.kind(at.id) {
            ExpressionKind::Nothing | ExpressionKind::None | ExpressionKind::Other(_) => Vec::new(),
            ExpressionKind::Name(name) => self.name(at, *name, context),
            ExpressionKind::Attribute(of, name) => {
                self.attribute_of(there(*of), *name, at, context)
            }
            ExpressionKind::Call(..) => self.call(at, context),
            ExpressionKind::Text(text) => {
                vec![Fact::certain(Value::Text(facts.text(*text).into()))]
            }
            ExpressionKind::Template(text, holes) => {
                let holes = holes.iter().map(|&hole| there(hole));
                vec![self.filled(facts.text(*text), holes, context)]
            }
            ExpressionKind::Part(value, part) => {
                let found = self.evaluate(there(*value), context);
                self.part_of_display(&found, *part as usize)
            }
            ExpressionKind::Literal(text) => {
                vec![Fact::certain(Value::Literal(facts.text(*text).into()))]
            }
            ExpressionKind::Sequence(_)
            | ExpressionKind::Mapping(_)
            | ExpressionKind::Comprehension(_)
            | ExpressionKind::MappingComprehension(..) => {
                vec![Fact::certain(Value::Display(at, Box::new(context.clone())))]
            }
            ExpressionKind::Either(parts) => {
                let found = parts
                    .iter()
                    .map(|&part| self.evaluate(there(part), context));
                let found: Vec<_> = found.filter(|found| !found.is_empty()).collect();
                let grade = if found.len() > 1 {
                    Grade::Possible
                } else {
                    Grade::Certain
                };
                found
                    .iter()
                    .flat_map(|found| found.iter())
                    .map(|fact| fact.at_most(grade))
                    .collect()
            }
            ExpressionKind::Both(left, right) => {
                let texts = self.joined(there(*left), there(*right), context);
                if !texts.is_empty() {
                    return texts;
                }
                if let Some(elements) = self.added_together(there(*left), there(*right), context) {
                    return vec![elements];
                }
                vec![Fact::certain(Value::Form(at))]
            }
            ExpressionKind::Subscript(of, key) => {
                self.subscript(at, there(*of), there(*key), context)
            }
            ExpressionKind::Lambda(scope) => {
                let scope = ScopeRef {
                    file: at.file,
                    id: *scope,
                };
                vec![Fact::certain(Value::Function {
                    scope,
                    this: context.this.map(Box::new),
                })]
            }
            ExpressionKind::Await(value)
            | ExpressionKind::Assign(_, value)
            | ExpressionKind::Starred(value) => self.evaluate(there(*value), context).to_vec(),
        }
    }

    /// `table[key]`, `list[int]`, `Generic[T]`.
    fn subscript(
        &self,
        at: ExpressionRef,
        of: ExpressionRef,
        key: ExpressionRef,
        context: &Context,
    ) -> Vec<Fact> {
        let mut result = Vec::new();
        for fact in self.evaluate(of, context).iter() {
            match &fact.value {
                // A generic class with its parameter, or a form of `typing`.
                Value::Class(_) => result.push(fact.clone()),
                Value::External(_) => result.push(Fact::of(Value::Form(at), fact.grade)),
                _ => {}
            }
        }
        if result.is_empty() {
            result.extend(self.item(of, key, context));
        }
        result
    }

    /// The scope that an expression is evaluated in.
    pub(crate) fn scope_of(&self, at: ExpressionRef) -> ScopeRef {
        let id = self.project.facts(at.file).expression(at.id).scope;
        ScopeRef { file: at.file, id }
    }

    pub(crate) fn line_of(&self, at: ExpressionRef) -> u32 {
        self.project.facts(at.file).expression(at.id).line
    }

    /// The line of `def` or `class`.
    pub(crate) fn line_of_scope(&self, scope: ScopeRef) -> u32 {
        self.project.facts(scope.file).scope(scope.id).line
    }

    /// The innermost function around a scope, itself included; none at the level of a module or class.
    pub(crate) fn function_around(&self, mut scope: ScopeRef) -> Option<ScopeRef> {
        let facts = self.project.facts(scope.file);
        loop {
            match facts.scope(scope.id).kind {
                ScopeKind::Function | ScopeKind::Lambda => return Some(scope),
                ScopeKind::Module => return None,
                ScopeKind::Class => scope.id = facts.scope(scope.id).parent,
            }
        }
    }

    /// Whether a scope lies within another.
    pub(crate) fn is_within(&self, inner: ScopeRef, outer: ScopeRef) -> bool {
        let facts = self.project.facts(inner.file);
        let mut scope = inner.id;
        while scope != facts.scope(scope).parent {
            scope = facts.scope(scope).parent;
            if inner.file == outer.file && scope == outer.id {
                return true;
            }
        }
        false
    }

    pub(crate) fn name_of(&self, scope: ScopeRef) -> String {
        let facts = self.project.facts(scope.file);
        facts.text(facts.scope(scope.id).name).to_owned()
    }

    /// `module:qualname` of the innermost named scope around; `module:` for the module itself. With
    /// `#2` behind it where it is the second of several handlers of that name.
    pub(crate) fn path_of(&self, scope: ScopeRef) -> String {
        let path = self.plain_path_of(scope);
        match self.ordinals.borrow().get(&scope) {
            Some(ordinal) => format!("{path}#{ordinal}"),
            None => path,
        }
    }

    /// `module:qualname`, which others may share.
    pub(crate) fn plain_path_of(&self, scope: ScopeRef) -> String {
        let file = self.project.file(scope.file);
        let facts = self.project.facts(scope.file);
        format!("{}:{}", file.module, facts.scope(scope.id).qualname)
    }

    /// From now on this function is called the one of this number among those of its name.
    pub(crate) fn tell_apart(&self, scope: ScopeRef, ordinal: usize) {
        self.ordinals.borrow_mut().insert(scope, ordinal);
    }

    /// `module.qualname`.
    pub(crate) fn dotted_path_of(&self, scope: ScopeRef) -> String {
        let file = self.project.file(scope.file);
        let qualname = &self.project.facts(scope.file).scope(scope.id).qualname;
        if file.module.is_empty() {
            return qualname.clone();
        }
        format!("{}.{qualname}", file.module)
    }
}
