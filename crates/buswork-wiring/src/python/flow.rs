//! What a function calls, and so on: which places a handler's run can come to.

mod handed;
mod implicit;

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use super::evaluate::{Context, Evaluator, Fact, Value};
use super::facts::{Argument, ExpressionKind, ScopeKind};
use super::project::{ExpressionRef, ScopeRef};
use crate::graph::{Grade, Location, Step};

/// Calls within calls that are followed.
const DEEPEST: usize = 16;
/// Functions that are looked at for one handler.
const WIDEST: usize = 4_000;
/// Classes whose own version of a method is looked at, besides the one that is named.
const MOST_OVERRIDES: usize = 24;

/// A function that a run can come to.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    pub(crate) function: ScopeRef,
    /// The class of the object that it is called on, where that is known.
    pub(crate) this: Option<ScopeRef>,
    pub(crate) grade: Grade,
    /// Whether it is handed to something that runs it elsewhere: a thread, an executor.
    pub(crate) elsewhere: bool,
    /// Whether it is what a decorator puts in the place of a function.
    replaces: bool,
    /// The calls on the way, from the start.
    pub(crate) path: Vec<Step>,
}

/// A call of a function.
#[derive(Debug, Clone)]
struct Called {
    function: ScopeRef,
    this: Option<ScopeRef>,
    at: ExpressionRef,
    grade: Grade,
    elsewhere: bool,
    /// Whether it is what a decorator puts in the place of a function.
    replaces: bool,
    /// The function around whose parameter is called, by all that is ever handed over for it.
    outer: Option<ScopeRef>,
}

/// Follows calls, and remembers what each function calls.
pub(crate) struct Flow<'a, 'p> {
    evaluator: &'a Evaluator<'p>,
    /// Not entered: what the bus does is no consequence of a handler.
    inside: &'a FxHashSet<ScopeRef>,
    known: FxHashMap<(ScopeRef, Option<ScopeRef>), Vec<Called>>,
    attributes: implicit::Attributes,
    parameters: handed::CalledParameters,
}

impl<'a, 'p> Flow<'a, 'p> {
    pub(crate) fn new(evaluator: &'a Evaluator<'p>, inside: &'a FxHashSet<ScopeRef>) -> Self {
        Self {
            evaluator,
            inside,
            known: FxHashMap::default(),
            attributes: implicit::Attributes::default(),
            parameters: handed::CalledParameters::default(),
        }
    }

    /// All functions that a run of `start` can come to, itself first, nearest first.
    pub(crate) fn reached(&mut self, start: ScopeRef, this: Option<ScopeRef>) -> Vec<Reached> {
        let mut seen = FxHashSet::default();
        let mut queue = VecDeque::new();
        let mut result = Vec::new();
        let first = Reached {
            function: start,
            this,
            grade: Grade::Certain,
            elsewhere: false,
            replaces: false,
            path: Vec::new(),
        };
        seen.insert((start, this));
        queue.push_back(first);
        while let Some(reached) = queue.pop_front() {
            if reached.path.len() < DEEPEST && result.len() < WIDEST {
                for called in self.called(reached.function, reached.this) {
                    let is_known = |outer: ScopeRef| {
                        reached.replaces || seen.iter().any(|(one, _)| *one == outer)
                    };
                    // What is called there was handed over on the way, and followed from there.
                    if called.outer.is_some_and(is_known) {
                        continue;
                    }
                    if self.inside.contains(&called.function)
                        || !seen.insert((called.function, called.this))
                    {
                        continue;
                    }
                    let mut path = reached.path.clone();
                    if !self.is_nested(called.function, reached.function) {
                        path.push(self.step(called.at));
                    }
                    let grade = reached.grade.max(called.grade).max(Grade::Inferred);
                    let elsewhere = reached.elsewhere || called.elsewhere;
                    let next = Reached {
                        function: called.function,
                        this: called.this,
                        grade,
                        elsewhere,
                        replaces: called.replaces,
                        path,
                    };
                    queue.push_back(next);
                }
            }
            result.push(reached);
        }
        result
    }

    fn is_nested(&self, inner: ScopeRef, outer: ScopeRef) -> bool {
        let facts = self.evaluator.project.facts(inner.file);
        let scope = facts.scope(inner.id);
        inner.file == outer.file && scope.parent == outer.id && scope.kind == ScopeKind::Lambda
    }

    pub(crate) fn step(&self, at: ExpressionRef) -> Step {
        let scope = self.evaluator.scope_of(at);
        Step {
            function: self.evaluator.function_path(scope),
            location: Location {
                file: self.evaluator.project.file(at.file).path.clone(),
                line: self.evaluator.line_of(at),
            },
        }
    }

    fn called(&mut self, function: ScopeRef, this: Option<ScopeRef>) -> Vec<Called> {
        if let Some(found) = self.known.get(&(function, this)) {
            return found.clone();
        }
        let found = self.find_called(function, this);
        self.known.insert((function, this), found.clone());
        found
    }

    fn find_called(&self, function: ScopeRef, this: Option<ScopeRef>) -> Vec<Called> {
        let facts = self.evaluator.project.facts(function.file);
        let scope = facts.scope(function.id);
        let context = Context::of(this);
        let mut result = Vec::new();
        for &call in &scope.calls {
            let at = ExpressionRef {
                file: function.file,
                id: call,
            };
            self.calls_of(at, &context, &mut result);
        }
        self.properties_used(function, &context, &mut result);
        result.extend(self.decorated(function));
        // A lambda runs somewhere below, as a rule; a nested function when it is called or handed on.
        for &inner in &scope.within {
            let is_lambda = facts.scope(inner).kind == ScopeKind::Lambda;
            if is_lambda {
                let inner = ScopeRef {
                    file: function.file,
                    id: inner,
                };
                let at = ExpressionRef {
                    file: function.file,
                    id: 0,
                };
                result.push(Called::new(inner, this, at, Grade::Inferred));
            }
        }
        result
    }

    fn calls_of(&self, at: ExpressionRef, context: &Context, into: &mut Vec<Called>) {
        let Some(callee) = self.evaluator.callee(at) else {
            return;
        };
        let found = self.evaluator.evaluate(callee, context);
        if let Some(parameter) = self.evaluator.parameter_of(callee) {
            return self.call_of_parameter(parameter, &found, at, into);
        }
        for fact in found.iter() {
            self.call_of(fact, at, into);
            if let Value::Function { scope, .. } = fact.value {
                self.handed_to(scope, at, context, into);
            }
            if let Value::External(path) = &fact.value {
                self.handed_over(path, at, context, into);
            }
        }
        if !found.iter().any(Fact::is_telling) {
            into.extend(self.by_name(callee, at));
        }
    }

    fn call_of(&self, fact: &Fact, at: ExpressionRef, into: &mut Vec<Called>) {
        let evaluator = self.evaluator;
        let grade = fact.grade;
        match &fact.value {
            Value::Function { scope, this } => {
                let this = this.as_deref().copied();
                into.push(Called::new(*scope, this, at, grade));
                if let Some(class) = this {
                    into.extend(self.overrides(*scope, class, at));
                }
            }
            Value::Class(class) => {
                for name in ["__new__", "__init__", "__post_init__"] {
                    if let Some(method) = evaluator.method(*class, name) {
                        into.push(Called::new(method, Some(*class), at, grade));
                    }
                }
            }
            Value::Object(class) => {
                if let Some(method) = evaluator.method(*class, "__call__") {
                    into.push(Called::new(method, Some(*class), at, grade));
                }
            }
            _ => {}
        }
    }

    /// The versions of a method in the subclasses of the class that an object is known to be of.
    fn overrides(&self, method: ScopeRef, class: ScopeRef, at: ExpressionRef) -> Vec<Called> {
        let name = self.evaluator.name_of(method);
        if name.starts_with("__") && name.ends_with("__") {
            return Vec::new();
        }
        let below = self
            .evaluator
            .descendants(class)
            .into_iter()
            .skip(1)
            .take(MOST_OVERRIDES);
        let versions = below.filter_map(|class| {
            let version = self.evaluator.method(class, &name)?;
            (version != method).then_some((version, class))
        });
        versions
            .map(|(function, class)| Called::new(function, Some(class), at, Grade::Inferred))
            .collect()
    }

    /// Functions handed to something outside that calls them: threads, tasks, executors.
    fn handed_over(
        &self,
        path: &str,
        at: ExpressionRef,
        context: &Context,
        into: &mut Vec<Called>,
    ) {
        let name = path.rsplit('.').next().unwrap_or_default();
        let calls = matches!(
            name,
            "submit"
                | "call_soon"
                | "call_later"
                | "call_soon_threadsafe"
                | "run_in_executor"
                | "to_thread"
                | "Thread"
                | "Timer"
                | "map"
                | "start_soon"
                | "run_sync"
                | "run"
                | "filter"
                | "sorted"
                | "spawn"
                | "start_new_thread"
                | "add_done_callback"
                | "run_coroutine_threadsafe"
                | "partial"
                | "Process"
        );
        if !calls {
            return;
        }
        let arguments = self.evaluator.arguments(at);
        let handed = arguments.all().into_iter();
        for argument in handed.chain(arguments.keywords().into_iter().map(|(_, value)| value)) {
            // Whoever calls this hands it over.
            if self.evaluator.parameter_of(argument).is_some() {
                continue;
            }
            for fact in self.evaluator.evaluate(argument, context).iter() {
                if let Value::Function { scope, this } = &fact.value {
                    let this = this.as_deref().copied();
                    into.push(Called {
                        elsewhere: true,
                        ..Called::new(*scope, this, at, Grade::Inferred)
                    });
                }
            }
        }
    }

    /// The only method of this name in the project, when nothing is known of the receiver.
    fn by_name(&self, callee: ExpressionRef, at: ExpressionRef) -> Option<Called> {
        let facts = self.evaluator.project.facts(callee.file);
        let ExpressionKind::Attribute(_, name) = facts.kind(callee.id) else {
            return None;
        };
        let name = facts.text(*name);
        if is_common(name) || name.len() < 5 {
            return None;
        }
        let named = self.evaluator.project.functions_named(name, 8).into_iter();
        let methods = named.filter(|&found| self.evaluator.class_of_method(found).is_some());
        let methods: Vec<_> = methods.collect();
        let [only] = methods.as_slice() else {
            return None;
        };
        let this = self.evaluator.class_of_method(*only)?;
        let given = self.evaluator.arguments(at).all().len();
        let scope = self.evaluator.project.facts(only.file).scope(only.id);
        (given < scope.parameters.len().max(1)).then_some(Called::new(
            *only,
            Some(this),
            at,
            Grade::Possible,
        ))
    }

    /// The calls in a function of things outside, by their dotted paths.
    pub(crate) fn outside_calls(
        &self,
        function: ScopeRef,
        this: Option<ScopeRef>,
    ) -> Vec<(String, ExpressionRef)> {
        let facts = self.evaluator.project.facts(function.file);
        let context = Context::of(this);
        let mut result = Vec::new();
        for &call in &facts.scope(function.id).calls {
            let at = ExpressionRef {
                file: function.file,
                id: call,
            };
            let Some(callee) = self.evaluator.callee(at) else {
                continue;
            };
            for fact in self.evaluator.evaluate(callee, &context).iter() {
                if let Value::External(path) = &fact.value {
                    result.push((path.to_string(), at));
                }
            }
        }
        result
    }
}

impl Called {
    fn new(function: ScopeRef, this: Option<ScopeRef>, at: ExpressionRef, grade: Grade) -> Self {
        Self {
            function,
            this,
            at,
            grade,
            elsewhere: false,
            replaces: false,
            outer: None,
        }
    }
}

/// Names that many things outside have, too.
fn is_common(name: &str) -> bool {
    matches!(
        name,
        "append"
            | "extend"
            | "insert"
            | "remove"
            | "index"
            | "count"
            | "clear"
            | "update"
            | "items"
            | "values"
            | "setdefault"
            | "format"
            | "strip"
            | "split"
            | "join"
            | "replace"
            | "encode"
            | "decode"
            | "startswith"
            | "endswith"
            | "lower"
            | "upper"
            | "write"
            | "close"
            | "flush"
            | "commit"
            | "rollback"
            | "execute"
            | "fetchone"
            | "fetchall"
            | "filter"
            | "first"
            | "query"
            | "delete"
            | "create"
            | "start"
            | "cancel"
            | "acquire"
            | "release"
            | "result"
            | "submit"
            | "connect"
            | "debug"
            | "warning"
            | "error"
            | "exception"
            | "critical"
            | "isoformat"
            | "total_seconds"
    )
}

impl Evaluator<'_> {
    /// `module:qualname` of the function around a scope; `module:` at the level of the module.
    pub(crate) fn function_path(&self, scope: ScopeRef) -> String {
        match self.function_around(scope) {
            Some(function) => self.path_of(function),
            None => format!("{}:", self.project.file(scope.file).module),
        }
    }

    /// The function that an expression is a decorator of.
    pub(crate) fn decorated_by(&self, at: ExpressionRef) -> Option<ScopeRef> {
        let facts = self.project.facts(at.file);
        let within = &facts.scope(facts.expression(at.id).scope).within;
        let decorated = within
            .iter()
            .find(|&&id| facts.scope(id).decorators.contains(&at.id));
        decorated.map(|&id| ScopeRef { file: at.file, id })
    }

    /// Whether the value of a call is awaited where it is made.
    pub(crate) fn is_awaited(&self, call: ExpressionRef) -> bool {
        let facts = self.project.facts(call.file);
        facts.expressions[call.id as usize..]
            .iter()
            .take(8)
            .any(|one| matches!(one.kind, ExpressionKind::Await(value) if value == call.id))
    }

    /// Positional arguments that a call hands over to functions of the project.
    pub(crate) fn calls_with(&self, file: u32, value: u32) -> Vec<ExpressionRef> {
        let facts = self.project.facts(file);
        let scope = facts.scope(facts.expression(value).scope);
        let holding = scope.calls.iter().filter(|&&call| match facts.kind(call) {
            ExpressionKind::Call(_, list) => list.iter().any(|argument| match argument {
                Argument::Positional(given) | Argument::Named(_, given) => *given == value,
                _ => false,
            }),
            _ => false,
        });
        holding.map(|&id| ExpressionRef { file, id }).collect()
    }
}
