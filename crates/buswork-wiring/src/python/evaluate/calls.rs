//! Calls: what they give, what they hand over, and who makes them.

use std::borrow::Cow;
use std::rc::Rc;

use super::super::conventional::{is_bus_name, says};
use super::super::facts::{
    Argument, ExpressionKind, Facts, NOTHING, ParameterKind, ScopeKind, StatementKind, Yield,
};
use super::super::project::{ExpressionRef, ScopeRef};
use super::values::distinct;
use super::{Ancestor, Binding, Context, Evaluator, Fact, Value};
use crate::graph::Grade;

/// More call sites than this of one name are not gone through.
const MOST_CALLERS: usize = 4_000;

/// A name that is called in more files than this says nothing about a parameter.
const MOST_FILES: usize = 24;

/// A method with more namesakes than this is not found by its name alone.
const MOST_NAMESAKES: usize = 2;

/// A call of a function, found by its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) call: ExpressionRef,
    /// Whether the call was followed to the function; else only the name is the same.
    pub(crate) grade: Grade,
    /// Whether the function's first parameter is filled by what it is bound to.
    pub(crate) bound: bool,
    /// Whether something else is asked to make the call.
    pub(crate) is_handed_on: bool,
    /// Whether the call is one of a method above, which is left open there.
    pub(crate) is_by_port: bool,
}

/// The arguments of a call.
#[derive(Debug, Clone)]
pub(crate) struct Arguments<'a> {
    facts: &'a Facts,
    file: u32,
    list: Cow<'a, [Argument]>,
}

impl Arguments<'_> {
    pub(crate) fn positional(&self, index: usize) -> Option<ExpressionRef> {
        let before = self.list.iter().take(index + 1);
        if before
            .clone()
            .any(|argument| matches!(argument, Argument::Star(_)))
        {
            return None;
        }
        let mut plain = self.list.iter().filter_map(|argument| match argument {
            Argument::Positional(value) => Some(ExpressionRef {
                file: self.file,
                id: *value,
            }),
            _ => None,
        });
        plain.nth(index)
    }

    pub(crate) fn named(&self, name: &str) -> Option<ExpressionRef> {
        self.list.iter().find_map(|argument| match argument {
            Argument::Named(given, value) if self.facts.text(*given) == name => {
                Some(ExpressionRef {
                    file: self.file,
                    id: *value,
                })
            }
            _ => None,
        })
    }

    /// Whether some arguments come out of a collection.
    pub(crate) fn has_star(&self) -> bool {
        let is_star =
            |argument: &Argument| matches!(argument, Argument::Star(_) | Argument::DoubleStar(_));
        self.list.iter().any(is_star)
    }

    /// Whether a class is made without bases of which nothing would be known.
    fn has_no_bases(&self) -> bool {
        self.named("bases").is_none() && self.named("__base__").is_none() && !self.has_star()
    }

    /// Arguments without a name, those out of a collection as the collection.
    fn plain_and_starred(&self) -> impl Iterator<Item = ExpressionRef> {
        let values = self.list.iter().filter_map(|argument| match argument {
            Argument::Positional(value) | Argument::Star(value) => Some(ExpressionRef {
                file: self.file,
                id: *value,
            }),
            _ => None,
        });
        values.collect::<Vec<_>>().into_iter()
    }

    /// All positional arguments.
    pub(crate) fn all(&self) -> Vec<ExpressionRef> {
        let values = self.list.iter().filter_map(|argument| match argument {
            Argument::Positional(value) => Some(ExpressionRef {
                file: self.file,
                id: *value,
            }),
            _ => None,
        });
        values.collect()
    }

    /// Keyword arguments, by name.
    pub(crate) fn keywords(&self) -> Vec<(&str, ExpressionRef)> {
        let named = self.list.iter().filter_map(|argument| match argument {
            Argument::Named(name, value) => Some((
                self.facts.text(*name),
                ExpressionRef {
                    file: self.file,
                    id: *value,
                },
            )),
            _ => None,
        });
        named.collect()
    }
}

impl<'p> Evaluator<'p> {
    pub(crate) fn arguments(&self, call: ExpressionRef) -> Arguments<'p> {
        let facts = self.project.facts(call.file);
        let list: &[Argument] = match facts.kind(call.id) {
            ExpressionKind::Call(_, list) => list,
            _ => &[],
        };
        Arguments {
            facts,
            file: call.file,
            list: list.into(),
        }
    }

    /// The function that something else is asked to call, and what it will be given.
    pub(crate) fn handed_on(&self, call: ExpressionRef) -> Option<(ExpressionRef, Arguments<'p>)> {
        let facts = self.project.facts(call.file);
        let (function, list) = facts.handed_on(call.id)?;
        let file = call.file;
        let arguments = Arguments {
            facts,
            file,
            list: list.into(),
        };
        Some((ExpressionRef { file, id: function }, arguments))
    }

    /// The arguments that a caller gives.
    pub(crate) fn arguments_of(&self, caller: &Caller) -> Arguments<'p> {
        if caller.is_handed_on
            && let Some((_, arguments)) = self.handed_on(caller.call)
        {
            return arguments;
        }
        self.arguments(caller.call)
    }

    /// The expression that is called.
    pub(crate) fn callee(&self, call: ExpressionRef) -> Option<ExpressionRef> {
        match self.project.facts(call.file).kind(call.id) {
            ExpressionKind::Call(function, _) => Some(ExpressionRef {
                file: call.file,
                id: *function,
            }),
            _ => None,
        }
    }

    /// What a call gives.
    pub(super) fn call(&self, at: ExpressionRef, context: &Context) -> Vec<Fact> {
        let Some(callee) = self.callee(at) else {
            return Vec::new();
        };
        if let Some(found) = self.taken(callee, at, context) {
            return found;
        }
        if let Some(found) = self.text_method(callee, at, context) {
            return vec![found];
        }
        if let Some(found) = self.made_by_new(callee, at, context) {
            return found;
        }
        let mut result = Vec::new();
        for fact in self.evaluate(callee, context).iter() {
            let found = match &fact.value {
                Value::Class(class) => {
                    let mut built = Fact::certain(Value::Object(*class));
                    built.made = Some(at);
                    vec![built]
                }
                Value::Function { scope, this } => {
                    self.call_of_function(*scope, this.as_deref().copied(), at, context)
                }
                Value::External(path) => self.call_of_external(path, at, context),
                Value::Made(path, call) => {
                    let mut built = Fact::certain(Value::MadeObject(path.clone(), *call));
                    built.made = Some(at);
                    vec![built]
                }
                Value::Object(class) => match self.method(*class, "__call__") {
                    Some(method) => self.call_of_function(method, Some(*class), at, context),
                    None => Vec::new(),
                },
                _ => Vec::new(),
            };
            result.extend(found.iter().map(|found| found.at_most(fact.grade)));
        }
        result
    }

    /// `super().__new__(cls)`, `object.__new__(cls)`.
    fn made_by_new(
        &self,
        callee: ExpressionRef,
        call: ExpressionRef,
        context: &Context,
    ) -> Option<Vec<Fact>> {
        let facts = self.project.facts(callee.file);
        let ExpressionKind::Attribute(_, name) = facts.kind(callee.id) else {
            return None;
        };
        if facts.text(*name) != "__new__" {
            return None;
        }
        let class = self.arguments(call).positional(0)?;
        let found = self.evaluate(class, context);
        let made = found.iter().filter_map(|fact| match fact.value {
            Value::Class(class) => Some(Fact {
                made: Some(call),
                ..Fact::of(Value::Object(class), fact.grade)
            }),
            _ => None,
        });
        Some(made.collect())
    }

    /// What a function gives in this call: where it hands on a parameter, what this call puts in.
    fn call_of_function(
        &self,
        function: ScopeRef,
        this: Option<ScopeRef>,
        call: ExpressionRef,
        context: &Context,
    ) -> Vec<Fact> {
        let caller = Caller {
            call,
            grade: Grade::Inferred,
            bound: this.is_some(),
            is_handed_on: false,
            is_by_port: false,
        };
        let mut result = Vec::new();
        for fact in self.returned(function, &context.within(this)) {
            let handed = match fact.value {
                Value::Parameter(of, index) if of == function => {
                    self.argument_for(&caller, function, index)
                }
                _ => None,
            };
            match handed {
                Some(argument) => result.extend(self.evaluate(argument, context).iter().cloned()),
                None => result.push(fact),
            }
        }
        result
            .iter()
            .map(|fact| fact.at_most(Grade::Inferred))
            .collect()
    }

    /// What a `partial` fills in besides the function: how many arguments, and which by name; none
    /// where that cannot be told.
    pub(crate) fn filled_in(&self, partial: ExpressionRef) -> Option<(usize, Vec<String>)> {
        let facts = self.project.facts(partial.file);
        let ExpressionKind::Call(_, list) = facts.kind(partial.id) else {
            return None;
        };
        let mut plain = 0;
        let mut named = Vec::new();
        for argument in list {
            match argument {
                Argument::Positional(_) => plain += 1,
                Argument::Named(name, _) => named.push(facts.text(*name).to_owned()),
                Argument::Star(_) | Argument::DoubleStar(_) => return None,
            }
        }
        Some((usize::saturating_sub(plain, 1), named))
    }

    /// What a function gives: what it returns, what it yields, or what its annotation says.
    pub(crate) fn returned(&self, function: ScopeRef, context: &Context) -> Vec<Fact> {
        let facts = self.project.facts(function.file);
        let scope = facts.scope(function.id);
        let there = |id| ExpressionRef {
            file: function.file,
            id,
        };
        let annotated = || {
            let found = scope
                .returns
                .map(|returns| self.typed(there(returns), context));
            found.unwrap_or_default()
        };
        if !scope.yields.is_empty() {
            let mut elements = Vec::new();
            for give in &scope.yields {
                elements.extend(match give {
                    Yield::One(NOTHING) => Vec::new(),
                    Yield::One(value) => self.evaluate(there(*value), context).to_vec(),
                    Yield::Each(value) => self.elements(there(*value), context).to_vec(),
                });
            }
            if elements.iter().any(Fact::is_telling) {
                return vec![Fact::certain(Value::Elements(distinct(elements).into()))];
            }
            return annotated();
        }
        let mut result = Vec::new();
        for statement in &scope.statements {
            if let StatementKind::Return(value) = statement.kind {
                result.extend(self.evaluate(there(value), context).iter().cloned());
            }
        }
        // What comes from outside tells less than an annotation that names a class of the project.
        let is_outside = |fact: &Fact| {
            matches!(fact.value, Value::ExternalObject(..) | Value::External(_))
                || !fact.is_telling()
        };
        if result.iter().any(|fact| !is_outside(fact)) {
            return distinct(result);
        }
        let annotated = annotated();
        let is_better = annotated.iter().any(|fact| !is_outside(fact));
        if is_better || !result.iter().any(Fact::is_telling) && !annotated.is_empty() {
            return annotated;
        }
        distinct(result)
    }

    /// What `with value as name` gives.
    pub(super) fn entered(&self, value: ExpressionRef, context: &Context) -> Vec<Fact> {
        let mut result = Vec::new();
        for fact in self.evaluate(value, context).iter() {
            let Value::Object(class) = fact.value else {
                // A generator made to a context manager gives what it yields.
                match &fact.value {
                    Value::Elements(found) => result.extend(found.iter().cloned()),
                    _ => result.push(fact.clone()),
                }
                continue;
            };
            let method = self
                .method(class, "__enter__")
                .or_else(|| self.method(class, "__aenter__"));
            let inner = context.within(Some(class));
            let found = method
                .map(|method| self.returned(method, &inner))
                .unwrap_or_default();
            if found.iter().any(Fact::is_telling) {
                result.extend(found);
            } else {
                result.push(fact.clone());
            }
        }
        result
    }

    /// Something taken from a collection: `events.pop(0)`, `queue.get()`, `table.get(key)`, `next(x)`.
    fn taken(
        &self,
        callee: ExpressionRef,
        call: ExpressionRef,
        context: &Context,
    ) -> Option<Vec<Fact>> {
        let facts = self.project.facts(callee.file);
        let ExpressionKind::Attribute(of, name) = facts.kind(callee.id) else {
            return None;
        };
        let of = ExpressionRef {
            file: callee.file,
            id: *of,
        };
        let arguments = self.arguments(call);
        match facts.text(*name) {
            "pop" | "popleft" | "get_nowait" | "popitem" => {
                let found = self.elements(of, context);
                (!found.is_empty()).then(|| found.to_vec())
            }
            "get" | "setdefault" => {
                let mut found = match arguments.positional(0) {
                    Some(key) => self.item(of, key, context),
                    None => self.elements(of, context).to_vec(),
                };
                if found.is_empty() {
                    return None;
                }
                if let Some(default) = arguments.positional(1) {
                    found.extend(self.evaluate(default, context).iter().cloned());
                }
                Some(found)
            }
            "copy" | "union" => {
                let found = self.evaluate(of, context);
                let is_collection = found
                    .iter()
                    .any(|fact| matches!(fact.value, Value::Display(..) | Value::Elements(_)));
                is_collection.then(|| found.to_vec())
            }
            "values" => {
                let pairs = self.pairs(of, context);
                let found = pairs
                    .iter()
                    .flat_map(|(_, value, inner)| self.evaluate(*value, inner).to_vec());
                let found: Vec<_> = found.collect();
                (!found.is_empty()).then(|| vec![Fact::certain(Value::Elements(found.into()))])
            }
            "keys" => {
                let found = self.elements(of, context);
                (!found.is_empty()).then(|| vec![Fact::certain(Value::Elements(found))])
            }
            _ => None,
        }
    }

    /// What the call of something outside gives: known functions hand on what they get, classes are
    /// built, and of the rest only the name is kept.
    fn call_of_external(&self, path: &str, at: ExpressionRef, context: &Context) -> Vec<Fact> {
        let arguments = self.arguments(at);
        let first = arguments.positional(0);
        let handed = |value: Option<ExpressionRef>| {
            value
                .map(|value| self.evaluate(value, context).to_vec())
                .unwrap_or_default()
        };
        match path {
            "functools.partial" => {
                let mut found = handed(first);
                for fact in &mut found {
                    if matches!(fact.value, Value::Function { .. }) {
                        fact.made = Some(at);
                    }
                }
                found
            }
            "functools.partialmethod"
            | "copy.copy"
            | "copy.deepcopy"
            | "dataclasses.replace"
            | "attr.evolve"
            | "attrs.evolve"
            | "weakref.ref"
            | "weakref.proxy"
            | "weakref.WeakMethod"
            | "asyncio.create_task"
            | "asyncio.ensure_future"
            | "asyncio.wait_for"
            | "asyncio.shield"
            | "builtins.iter"
            | "types.MethodType"
            | "functools.lru_cache"
            | "functools.cache"
            | "inspect.unwrap" => handed(first),
            "typing.cast" | "typing_extensions.cast" => first
                .map(|class| self.typed(class, context))
                .unwrap_or_default(),
            "builtins.list" | "builtins.tuple" | "builtins.set" | "builtins.sorted"
            | "builtins.reversed" | "builtins.frozenset" | "collections.deque" => {
                let found = first
                    .map(|first| self.elements(first, context))
                    .unwrap_or_default();
                vec![Fact::certain(Value::Elements(found))]
            }
            "builtins.next" | "builtins.max" | "builtins.min" | "random.choice" => first
                .map(|first| self.elements(first, context).to_vec())
                .unwrap_or_default(),
            "builtins.filter" => {
                let second = arguments.positional(1);
                let found = second
                    .map(|second| self.elements(second, context))
                    .unwrap_or_default();
                vec![Fact::certain(Value::Elements(found))]
            }
            "itertools.chain" => {
                let all = arguments.all();
                let found = all
                    .iter()
                    .flat_map(|&part| self.elements(part, context).to_vec());
                vec![Fact::certain(Value::Elements(
                    found.collect::<Vec<_>>().into(),
                ))]
            }
            "builtins.super" => self.super_object(at, context),
            "builtins.type" => {
                let found = handed(first);
                let classes = found.iter().filter_map(|fact| match &fact.value {
                    Value::Parameter(..) => Some(fact.clone()),
                    Value::Object(_) | Value::MadeObject(..) => {
                        Some(Fact::of(fact.value.class()?, fact.grade))
                    }
                    _ => None,
                });
                classes.collect()
            }
            "builtins.getattr" => self.named_attribute(at, context),
            _ if makes_a_class(path) && self.arguments(at).has_no_bases() => {
                vec![Fact::certain(Value::Made(path.into(), at))]
            }
            _ => {
                let mut fact = Fact::certain(Value::ExternalObject(path.into(), Some(at)));
                fact.made = Some(at);
                vec![fact]
            }
        }
    }

    /// `super()`: an object of the next class above.
    fn super_object(&self, at: ExpressionRef, context: &Context) -> Vec<Fact> {
        let _ = context;
        let mut scope = self.scope_of(at);
        let facts = self.project.facts(at.file);
        while facts.scope(scope.id).kind != ScopeKind::Class {
            if scope.id == facts.scope(scope.id).parent {
                return Vec::new();
            }
            scope.id = facts.scope(scope.id).parent;
        }
        let above = self.ancestors(scope);
        let above = above.get(1).map(|ancestor| match ancestor {
            Ancestor::Here(class) => Value::Object(*class),
            Ancestor::Outside(path) => Value::ExternalObject(path.clone(), None),
        });
        above.map(Fact::certain).into_iter().collect()
    }

    /// `getattr(object, "name")`.
    fn named_attribute(&self, at: ExpressionRef, context: &Context) -> Vec<Fact> {
        let arguments = self.arguments(at);
        let (Some(object), Some(name)) = (arguments.positional(0), arguments.positional(1)) else {
            return Vec::new();
        };
        let mut result = Vec::new();
        for name in self.evaluate(name, context).iter() {
            let Value::Text(name) = &name.value else {
                continue;
            };
            for fact in self.evaluate(object, context).iter() {
                let found = self.attribute(&fact.value, name, context);
                result.extend(found.iter().map(|fact| fact.at_most(Grade::Inferred)));
            }
        }
        result
    }

    /// The argument that fills a parameter in a call.
    pub(crate) fn argument_for(
        &self,
        caller: &Caller,
        function: ScopeRef,
        index: usize,
    ) -> Option<ExpressionRef> {
        let facts = self.project.facts(function.file);
        let parameters = &facts.scope(function.id).parameters;
        let parameter = parameters.get(index)?;
        let arguments = self.arguments_of(caller);
        if let Some(found) = arguments.named(facts.text(parameter.name)) {
            return Some(found);
        }
        match parameter.kind {
            ParameterKind::Plain | ParameterKind::Rest => {
                arguments.positional(index.checked_sub(caller.bound.into())?)
            }
            ParameterKind::KeywordOnly | ParameterKind::KeywordRest => None,
        }
    }

    /// The arguments that fill a parameter in a call: of `*events`, each.
    pub(crate) fn arguments_for(
        &self,
        caller: &Caller,
        function: ScopeRef,
        index: usize,
    ) -> Vec<ExpressionRef> {
        let facts = self.project.facts(function.file);
        let parameters = &facts.scope(function.id).parameters;
        let is_rest = parameters
            .get(index)
            .is_some_and(|one| one.kind == ParameterKind::Rest);
        if !is_rest {
            return self
                .argument_for(caller, function, index)
                .into_iter()
                .collect();
        }
        let plain = parameters
            .iter()
            .filter(|one| one.kind == ParameterKind::Plain)
            .count();
        let skip = plain.saturating_sub(caller.bound.into());
        self.arguments_of(caller)
            .plain_and_starred()
            .skip(skip)
            .collect()
    }

    /// What callers hand over for a parameter.
    pub(super) fn handed_over_by_callers(&self, function: ScopeRef, index: usize) -> Vec<Fact> {
        let name = self.name_of(function);
        let called = match self.class_of_method(function) {
            Some(class) if name == "__init__" => self.name_of(class),
            _ => name,
        };
        if self.project.calling(&called).len() > MOST_FILES {
            return Vec::new();
        }
        let mut result = Vec::new();
        for caller in self.callers(function).iter() {
            let Some(argument) = self.argument_for(caller, function, index) else {
                continue;
            };
            let grade = caller.grade.max(Grade::Inferred);
            let found = self.evaluate(argument, &Context::default());
            result.extend(
                found
                    .iter()
                    .filter(|fact| fact.is_telling())
                    .map(|f| f.at_most(grade)),
            );
        }
        distinct(result)
    }

    /// The calls of a function in the project.
    pub(crate) fn callers(&self, function: ScopeRef) -> Rc<[Caller]> {
        if let Some(found) = self.callers.borrow().get(&function) {
            return found.clone();
        }
        if let Some(found) = self.provisional_callers.borrow().get(&function) {
            self.cut();
            return found.clone();
        }
        // Until they are known there are none: that ends a circle.
        self.provisional_callers
            .borrow_mut()
            .insert(function, Vec::new().into());
        let cuts = self.cuts.get();
        let is_outermost = self.depth.get() == 0;
        let found: Rc<[Caller]> = self.find_callers(function).into();
        if self.cuts.get() == cuts || is_outermost {
            self.callers.borrow_mut().insert(function, found.clone());
        } else {
            self.provisional_callers
                .borrow_mut()
                .insert(function, found.clone());
        }
        found
    }

    fn find_callers(&self, function: ScopeRef) -> Vec<Caller> {
        let facts = self.project.facts(function.file);
        let scope = facts.scope(function.id);
        if !scope.is_function() {
            return Vec::new();
        }
        let class = self.class_of_method(function);
        let bound_to = match scope.kind {
            ScopeKind::Lambda => self.name_of_lambda(function),
            _ => Some(facts.text(scope.name).to_owned()),
        };
        let Some(own) = bound_to.as_deref() else {
            return Vec::new();
        };
        let mut names: Vec<String> = vec![own.to_owned()];
        if own == "__init__"
            && let Some(class) = class
        {
            let below = self.descendants(class);
            names = below.iter().map(|class| self.name_of(*class)).collect();
            names.push("__init__".to_owned());
        }
        let mut candidates = Vec::new();
        for name in &names {
            for &file in self.project.calling(name) {
                candidates.extend(self.project.calls_of(file, name));
            }
        }
        if candidates.len() > MOST_CALLERS {
            return Vec::new();
        }
        let is_only = self.project.count_named(own) <= MOST_NAMESAKES;
        let callers = candidates.into_iter();
        callers
            .filter_map(|call| self.caller(call, function, class, is_only))
            .collect()
    }

    /// A call as one of a function, if it is.
    pub(crate) fn caller_at(&self, call: ExpressionRef, function: ScopeRef) -> Option<Caller> {
        self.caller(call, function, self.class_of_method(function), false)
    }

    /// The name that a lambda is bound to: `send = lambda event: bus.publish(event)`.
    fn name_of_lambda(&self, function: ScopeRef) -> Option<String> {
        let facts = self.project.facts(function.file);
        let outer = facts.scope(facts.scope(function.id).parent);
        outer.statements.iter().find_map(|statement| match statement.kind {
            StatementKind::Bind { target, value }
            | StatementKind::Annotated {
                target,
                value: Some(value),
                ..
            } => {
                let is_it = matches!(facts.kind(value), ExpressionKind::Lambda(id) if *id == function.id);
                is_it.then(|| facts.last_name(target).map(str::to_owned))?
            }
            _ => None,
        })
    }

    fn caller(
        &self,
        call: ExpressionRef,
        function: ScopeRef,
        class: Option<ScopeRef>,
        is_only: bool,
    ) -> Option<Caller> {
        let callee = self.callee(call)?;
        let Some((handed, _)) = self.handed_on(call) else {
            return self.caller_by(callee, call, function, class, is_only);
        };
        let found = self.caller_by(handed, call, function, class, false);
        let found = found.map(|found| Caller {
            is_handed_on: true,
            ..found
        });
        found.or_else(|| self.caller_by(callee, call, function, class, false))
    }

    fn caller_by(
        &self,
        callee: ExpressionRef,
        call: ExpressionRef,
        function: ScopeRef,
        class: Option<ScopeRef>,
        is_only: bool,
    ) -> Option<Caller> {
        let found = self.evaluate(callee, &Context::default());
        let is_static = self.is_static(function);
        for fact in found.iter() {
            match &fact.value {
                Value::Function { scope, .. } if *scope == function => {
                    let bound = class.is_some() && !is_static && self.is_bound(callee, function);
                    return Some(Caller {
                        call,
                        grade: fact.grade,
                        bound,
                        is_handed_on: false,
                        is_by_port: false,
                    });
                }
                // A port: what the class below makes of it is what runs.
                Value::Function { scope, .. }
                    if class.is_some_and(|class| self.is_made_good(*scope, function, class)) =>
                {
                    return Some(Caller {
                        call,
                        grade: fact.grade,
                        bound: !is_static,
                        is_handed_on: false,
                        is_by_port: true,
                    });
                }
                Value::Class(built)
                    if class.is_some() && self.method(*built, "__init__") == Some(function) =>
                {
                    return Some(Caller {
                        call,
                        grade: fact.grade,
                        bound: true,
                        is_handed_on: false,
                        is_by_port: false,
                    });
                }
                _ => {}
            }
        }
        let is_known = found.iter().any(Fact::is_telling);
        let facts = self.project.facts(callee.file);
        let is_method_call = match facts.kind(callee.id) {
            // `button.connect(…)`: a name that buses share with everything is not enough.
            ExpressionKind::Attribute(of, name) => {
                says(facts.text(*name)).is_none() || facts.last_name(*of).is_some_and(is_bus_name)
            }
            _ => false,
        };
        (!is_known && is_only && class.is_some() && is_method_call).then_some(Caller {
            call,
            grade: Grade::Possible,
            bound: !is_static,
            is_handed_on: false,
            is_by_port: false,
        })
    }

    /// Whether a method does what another one of a class above leaves open.
    fn is_made_good(&self, port: ScopeRef, method: ScopeRef, class: ScopeRef) -> bool {
        let above = self.class_of_method(port);
        port != method
            && above.is_some_and(|above| above != class && self.is_subclass(class, above))
            && self.is_left_open(port)
            && self.name_of(port) == self.name_of(method)
    }

    /// Whether a method does nothing but say that classes below will.
    fn is_left_open(&self, method: ScopeRef) -> bool {
        let facts = self.project.facts(method.file);
        let scope = facts.scope(method.id);
        let mut decorators = scope.decorators.iter();
        if decorators.any(|&id| facts.last_name(id) == Some("abstractmethod")) {
            return true;
        }
        scope
            .statements
            .iter()
            .all(|statement| match statement.kind {
                StatementKind::Evaluate(value) => {
                    matches!(facts.kind(value), ExpressionKind::Text(_))
                        || facts.last_name(value) == Some("NotImplementedError")
                }
                StatementKind::Return(value) => facts.last_name(value) == Some("NotImplemented"),
                _ => false,
            })
    }

    pub(crate) fn is_static(&self, function: ScopeRef) -> bool {
        let facts = self.project.facts(function.file);
        let decorators = facts.scope(function.id).decorators.iter();
        decorators
            .filter_map(|&id| facts.last_name(id))
            .any(|name| name == "staticmethod")
    }

    /// Whether a callee is a method of an object, not `Class.method` with the object handed over.
    fn is_bound(&self, callee: ExpressionRef, function: ScopeRef) -> bool {
        let facts = self.project.facts(callee.file);
        let of = match facts.kind(callee.id) {
            ExpressionKind::Attribute(of, _) => ExpressionRef {
                file: callee.file,
                id: *of,
            },
            // `register = self.register_listener`.
            ExpressionKind::Name(name) => {
                let Some((_, bindings)) = self.bindings(callee, *name) else {
                    return false;
                };
                return bindings.iter().any(|binding| match binding {
                    Binding::Value(value) => self.is_bound(*value, function),
                    _ => false,
                });
            }
            _ => return false,
        };
        let found = self.evaluate(of, &Context::default());
        let is_of_class = !found.is_empty()
            && found
                .iter()
                .all(|fact| matches!(fact.value, Value::Class(_)));
        let scope = self.project.facts(function.file);
        let decorators = scope.scope(function.id).decorators.iter();
        let is_class_method = decorators
            .filter_map(|&id| scope.last_name(id))
            .any(|name| name == "classmethod");
        !is_of_class || is_class_method
    }

    pub(crate) fn name_of(&self, scope: ScopeRef) -> String {
        let facts = self.project.facts(scope.file);
        facts.text(facts.scope(scope.id).name).to_owned()
    }
}

/// Functions that give a class by the name of what they get.
fn makes_a_class(path: &str) -> bool {
    matches!(
        path,
        "collections.namedtuple"
            | "typing.NamedTuple"
            | "dataclasses.make_dataclass"
            | "pydantic.create_model"
            | "attr.make_class"
            | "attrs.make_class"
            | "msgspec.defstruct"
    )
}
