//! Functions that hand a parameter to the bus: from a site back to their callers.

use std::rc::Rc;

use super::super::evaluate::{Caller, Context, Held, Value};
use super::super::facts::ExpressionKind;
use super::super::project::{ExpressionRef, ScopeRef};
use super::{Finder, Operand, Protocol, Site};
use crate::graph::{Grade, Location, Step};

/// Wrappers around wrappers that are followed.
pub(super) const MOST_WRAPPERS: usize = 6;

impl Finder<'_, '_> {
    /// Goes on at the callers of a function that hands a parameter to the bus. Says whether there
    /// are any.
    pub(super) fn callers_of(
        &mut self,
        site: &Site,
        function: ScopeRef,
        index: usize,
        protocol: &Rc<Protocol>,
    ) -> bool {
        let is_new_wrapper = site.through.len() < MOST_WRAPPERS;
        if !is_new_wrapper {
            return false;
        }
        self.found.inside.insert(function);
        let through = self.through(site, function);
        let mut is_followed = false;
        for caller in self.evaluator.callers(function).iter() {
            let mut given = self.evaluator.arguments_for(caller, function, index);
            if given.is_empty() {
                given.extend(self.default_event(caller, function, index, protocol));
            }
            if given.is_empty() {
                continue;
            }
            if !self
                .seen
                .insert((caller.call, site.kind, Some((function, index))))
            {
                is_followed = true;
                continue;
            }
            let mut next = site.clone();
            next.adapter = protocol.clone();
            next.at = caller.call;
            next.line = None;
            next.verb = self.evaluator.name_of(function);
            next.event = Operand::Expressions(given, Context::default());
            next.grade = site.grade.max(by_name_only(caller));
            next.through.clone_from(&through);
            is_followed = true;
            self.pending.push(next);
        }
        is_followed
    }

    /// The function that takes the event or the handler from its callers.
    pub(super) fn wrapper(
        &self,
        event: Option<(ScopeRef, usize)>,
        handler: Option<(ScopeRef, usize)>,
    ) -> Option<ScopeRef> {
        match (event, handler) {
            (Some((event, _)), Some((handler, _))) => {
                // `def on(self, event): def decorator(handler): …`
                let is_within = self.evaluator.is_within(handler, event);
                Some(if is_within { event } else { handler })
            }
            (Some((function, _)), None) | (None, Some((function, _))) => {
                let facts = self.evaluator.project.facts(function.file);
                let scope = facts.scope(function.id);
                let parent = ScopeRef {
                    file: function.file,
                    id: scope.parent,
                };
                let is_decorator = handler.is_some() && facts.scope(parent.id).is_function();
                Some(if is_decorator { parent } else { function })
            }
            (None, None) => None,
        }
    }

    /// Goes on at the callers of a function that subscribes its parameters.
    pub(super) fn subscribers(
        &mut self,
        site: &Site,
        function: ScopeRef,
        event: Option<(ScopeRef, usize)>,
        handler: Option<(ScopeRef, usize)>,
    ) -> bool {
        if site.through.len() >= MOST_WRAPPERS {
            return false;
        }
        self.found.inside.insert(function);
        let through = self.through(site, function);
        let mut is_followed = false;
        let key = event.or(handler);
        for caller in self.evaluator.callers(function).iter() {
            if !self.seen.insert((caller.call, site.kind, key)) {
                is_followed = true;
                continue;
            }
            let mut next = site.clone();
            next.at = caller.call;
            next.line = None;
            next.verb = self.evaluator.name_of(function);
            next.grade = site.grade.max(by_name_only(caller));
            next.through.clone_from(&through);
            if let Some((of, index)) = event
                && of == function
            {
                match self.evaluator.argument_for(caller, function, index) {
                    Some(argument) => next.event = Operand::one(argument),
                    None => continue,
                }
            }
            is_followed = true;
            self.as_subclass(&mut next, caller.call, function);
            if handler.is_none() {
                self.hold_parameters(&mut next, caller, function);
            }
            match handler {
                Some((of, index)) if of == function => {
                    match self.evaluator.argument_for(caller, function, index) {
                        Some(argument) => {
                            next.handler = Some(Operand::one(argument));
                            self.pending.push(next);
                        }
                        None => self.apply(next),
                    }
                }
                Some(_) => self.apply(next),
                None => self.pending.push(next),
            }
        }
        // A decorator without arguments: `@register` on the function itself.
        if let Some((of, 0)) = handler
            && of == function
        {
            is_followed |= self.bare_decorated(site, function, &through);
        }
        is_followed
    }

    /// Where a subclass calls a method of its base, `self` in there is an object of the subclass.
    fn as_subclass(&self, site: &mut Site, call: ExpressionRef, function: ScopeRef) {
        let Some(base) = self.evaluator.class_of_method(function) else {
            return;
        };
        let around = self
            .evaluator
            .function_around(self.evaluator.scope_of(call));
        let class = around.and_then(|around| self.evaluator.class_of_method(around));
        let Some(class) = class.filter(|class| self.evaluator.is_subclass(*class, base)) else {
            return;
        };
        if let Some(Operand::Expressions(_, context)) = &mut site.handler
            && context.this.is_none()
        {
            context.this = Some(class);
        }
    }

    /// Where a wrapper makes the handler of its parameters, such as `log_calls(handler)`, those are what
    /// this caller gives.
    fn hold_parameters(&self, site: &mut Site, caller: &Caller, function: ScopeRef) {
        let Some(Operand::Expressions(_, context)) = &mut site.handler else {
            return;
        };
        let facts = self.evaluator.project.facts(function.file);
        let parameters = facts.scope(function.id).parameters.iter().enumerate();
        let given = parameters.filter_map(|(index, parameter)| {
            let argument = self.evaluator.argument_for(caller, function, index)?;
            Some(((function, parameter.name), argument))
        });
        let given: Vec<Held> = given.collect();
        let held = context.fixed.iter().flat_map(|fixed| fixed.iter().copied());
        context.fixed = Some(Rc::new(held.chain(given).collect()));
    }

    fn bare_decorated(&mut self, site: &Site, function: ScopeRef, through: &[Step]) -> bool {
        let name = self.evaluator.name_of(function);
        let mut is_followed = false;
        for &file in self.evaluator.project.calling(&name) {
            let facts = self.evaluator.project.facts(file);
            for (id, scope) in (0..).zip(&facts.scopes) {
                for &decorator in &scope.decorators {
                    if facts.last_name(decorator) != Some(&name)
                        || matches!(facts.kind(decorator), ExpressionKind::Call(..))
                    {
                        continue;
                    }
                    let at = ExpressionRef {
                        file,
                        id: decorator,
                    };
                    let found = self.evaluator.evaluate(at, &Context::default());
                    let is_it = found.iter().any(|fact| {
                        matches!(fact.value, Value::Function { scope, .. } if scope == function)
                    });
                    if !is_it || !self.seen.insert((at, site.kind, Some((function, 0)))) {
                        continue;
                    }
                    let mut next = site.clone();
                    next.at = at;
                    next.line = None;
                    next.verb.clone_from(&name);
                    next.through = through.to_vec();
                    next.handler = Some(Operand::Scope(ScopeRef { file, id }));
                    is_followed = true;
                    self.pending.push(next);
                }
            }
        }
        is_followed
    }

    pub(super) fn through(&self, site: &Site, function: ScopeRef) -> Vec<Step> {
        let step = Step {
            function: self.evaluator.path_of(function),
            location: Location {
                line: site.line.unwrap_or_else(|| self.evaluator.line_of(site.at)),
                ..self.location(site.at)
            },
        };
        std::iter::once(step)
            .chain(site.through.iter().cloned())
            .collect()
    }

    pub(super) fn location(&self, at: ExpressionRef) -> Location {
        Location {
            file: self.evaluator.project.file(at.file).path.clone(),
            line: self.evaluator.line_of(at),
        }
    }
}

fn by_name_only(caller: &Caller) -> Grade {
    match caller.grade {
        Grade::Possible => Grade::Possible,
        _ if caller.is_by_port => Grade::Inferred,
        _ => Grade::Certain,
    }
}
