//! From a site to its events and handlers, through wrappers back to the callers where need be.

use std::rc::Rc;

use super::super::evaluate::{Binding, Caller, Context, Fact, Value};
use super::super::facts::{ExpressionKind, ScopeKind};
use super::super::project::{ExpressionRef, ScopeRef};
use super::subclasses::is_new;
use super::{EventId, Finder, FoundPublish, FoundSubscription, HandlerId, Operand, Protocol, Site};
use crate::adapters::Key;
use crate::graph::{Grade, Location, SiteKind, Step};

/// Wrappers around wrappers that are followed.
const MOST_WRAPPERS: usize = 6;

impl Finder<'_, '_> {
    /// Works a publishing site out.
    pub(super) fn publish(&mut self, site: Site) {
        if let Some(topic) = site.topic {
            return self.publish_to_topic(&site, topic);
        }
        let found = self.values(&site.event, &site);
        let (site, found) = classes_by_name(site, found);
        let mut is_resolved = false;
        let mut handed_on = None;
        for fact in &found {
            if let Value::Parameter(function, index) = fact.value {
                handed_on = Some((function, index));
                is_resolved |= self.callers_of(&site, function, index, &site.adapter.clone());
                continue;
            }
            if let Some(event) = self.evaluator.published_event(fact, &site.adapter) {
                is_resolved = true;
                self.add_publish(&site, event, fact);
            }
        }
        for class in self.versions(&site) {
            let version = site.as_of(class);
            for fact in self.values(&version.event, &version) {
                if is_new(&fact, &found)
                    && let Some(event) = self.evaluator.published_event(&fact, &site.adapter)
                {
                    is_resolved = true;
                    self.add_publish(&version, event, &fact.at_most(Grade::Inferred));
                }
            }
        }
        if is_resolved {
            return;
        }
        for fact in self.annotated(&site.event) {
            if self.is_any_of_several(&fact) {
                continue;
            }
            if let Some(event) = self.evaluator.published_event(&fact, &site.adapter) {
                is_resolved = true;
                self.add_publish(&site, event, &fact.at_most(Grade::Inferred));
            }
        }
        if !is_resolved && site.grade != Grade::Possible {
            let reason = self.reason(&site.event, handed_on);
            self.found.unresolved.push((site, reason));
        }
    }

    fn publish_to_topic(&mut self, site: &Site, topic: ExpressionRef) {
        let found = self.evaluator.evaluate(topic, &Context::default());
        let mut is_resolved = false;
        for fact in found.iter() {
            let event = match &fact.value {
                Value::Text(text) => EventId::Topic(text.clone()),
                Value::Template(text) => EventId::Template(text.clone()),
                _ => continue,
            };
            is_resolved = true;
            self.add_publish(site, event, fact);
        }
        if !is_resolved {
            let reason = "its topic is not written down where it could be found".to_owned();
            self.found.unresolved.push((site.clone(), reason));
        }
    }

    fn add_publish(&mut self, site: &Site, event: EventId, fact: &Fact) {
        let is_made_here = match &site.event {
            Operand::Expressions(list, _) => fact
                .made
                .is_none_or(|made| list.iter().any(|&at| self.strip(at) == made)),
            _ => true,
        };
        let is_object = matches!(
            fact.value,
            Value::Object(_) | Value::ExternalObject(..) | Value::MadeObject(..)
        );
        let is_signal = site.adapter.events == Key::Signal;
        let mut grade = fact.grade.max(site.grade);
        let mut reason = String::new();
        if is_signal {
            grade = site.grade.max(match fact.grade {
                Grade::Possible => Grade::Possible,
                _ => Grade::Certain,
            });
        } else if is_object && (!is_made_here || fact.made.is_none()) {
            grade = grade.max(Grade::Inferred);
        }
        if grade != Grade::Certain {
            reason = match (&event, fact.made) {
                (EventId::Template(_), _) => "its name has parts known at run time only".to_owned(),
                _ if site.grade != Grade::Certain => {
                    "its receiver is taken for a bus by its name".to_owned()
                }
                (_, Some(_)) => "the event is made elsewhere, and followed here".to_owned(),
                _ => "the event is followed by an annotation or an assignment".to_owned(),
            };
        }
        let made = fact.made.filter(|_| !is_made_here && is_object);
        self.found.publishes.push(FoundPublish {
            site: site.clone(),
            event,
            grade,
            reason,
            made,
        });
    }

    fn strip(&self, at: ExpressionRef) -> ExpressionRef {
        match self.evaluator.project.facts(at.file).kind(at.id) {
            ExpressionKind::Await(value) => self.strip(ExpressionRef {
                file: at.file,
                id: *value,
            }),
            _ => at,
        }
    }

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

    /// The event that a parameter is where a call gives nothing for it.
    fn default_event(
        &self,
        caller: &Caller,
        function: ScopeRef,
        index: usize,
        protocol: &Protocol,
    ) -> Option<ExpressionRef> {
        if self.evaluator.arguments_of(caller).has_star() {
            return None;
        }
        let facts = self.evaluator.project.facts(function.file);
        let id = facts.scope(function.id).parameters.get(index)?.default?;
        let at = ExpressionRef {
            file: function.file,
            id,
        };
        let found = self.evaluator.evaluate(at, &Context::default());
        let is_event = |fact: &Fact| self.evaluator.published_event(fact, protocol).is_some();
        found.iter().any(is_event).then_some(at)
    }

    fn through(&self, site: &Site, function: ScopeRef) -> Vec<Step> {
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

    /// The values of an operand, with parameters as themselves.
    pub(super) fn values(&self, operand: &Operand, site: &Site) -> Vec<Fact> {
        match operand {
            Operand::Expressions(list, context) => {
                let context = Context {
                    parameters: true,
                    ..context.clone()
                };
                let found = list.iter().flat_map(|&at| self.values_of(at, &context));
                found.collect()
            }
            Operand::Scope(scope) => {
                vec![Fact::certain(Value::Function {
                    scope: *scope,
                    this: None,
                })]
            }
            Operand::Method(scope, class) => {
                vec![Fact::certain(Value::Function {
                    scope: *scope,
                    this: Some(Box::new(*class)),
                })]
            }
            Operand::Name(name) => vec![Fact::certain(Value::Text(name.clone()))],
            Operand::Annotation => match &site.handler {
                Some(Operand::Scope(scope)) => self.annotation_of(*scope),
                _ => Vec::new(),
            },
        }
    }

    fn values_of(&self, at: ExpressionRef, context: &Context) -> Vec<Fact> {
        let found = self.evaluator.evaluate(at, context);
        // `subscribe(A | B, handler)` is both, a tuple or list of types as well.
        let mut result = Vec::new();
        for fact in found.iter() {
            match &fact.value {
                Value::Form(form) => {
                    let typed = self.evaluator.typed(*form, context);
                    result.extend(typed.into_iter().filter_map(|fact| {
                        let value = fact.value.class()?;
                        Some(Fact { value, ..fact })
                    }));
                }
                // What is handed over is the mapping, not its keys.
                Value::Display(at, _) if self.is_mapping(*at) => result.push(fact.clone()),
                Value::Display(..) | Value::Elements(_) => {
                    result.extend(self.evaluator.elements_of(&fact.value, context));
                }
                _ => result.push(fact.clone()),
            }
        }
        result
    }

    fn is_mapping(&self, at: ExpressionRef) -> bool {
        matches!(
            self.evaluator.project.facts(at.file).kind(at.id),
            ExpressionKind::Mapping(_) | ExpressionKind::MappingComprehension(..)
        )
    }

    /// The type that a handler's first own parameter is annotated with.
    fn annotation_of(&self, function: ScopeRef) -> Vec<Fact> {
        let facts = self.evaluator.project.facts(function.file);
        let scope = facts.scope(function.id);
        let is_method = self.evaluator.class_of_method(function).is_some();
        let parameter = scope.parameters.get(usize::from(is_method));
        let Some(annotation) = parameter.and_then(|parameter| parameter.annotation) else {
            return Vec::new();
        };
        let at = ExpressionRef {
            file: function.file,
            id: annotation,
        };
        let typed = self.evaluator.typed(at, &Context::default());
        let classes = typed.into_iter().filter_map(|fact| {
            let value = fact.value.class()?;
            Some(Fact { value, ..fact })
        });
        classes.collect()
    }

    /// The values of an operand by annotations, when nobody calls the function around.
    fn annotated(&self, operand: &Operand) -> Vec<Fact> {
        let Operand::Expressions(list, context) = operand else {
            return Vec::new();
        };
        let found = list
            .iter()
            .flat_map(|&at| self.evaluator.evaluate(at, context).to_vec());
        found.filter(Fact::is_telling).collect()
    }

    /// Whether all that is known of an event is that its class is one of those below a base.
    fn is_any_of_several(&self, fact: &Fact) -> bool {
        match fact.value {
            Value::Object(class) if fact.made.is_none() => {
                self.evaluator.descendants(class).len() > 1
            }
            _ => false,
        }
    }

    fn reason(&self, operand: &Operand, handed_on: Option<(ScopeRef, usize)>) -> String {
        if let Some((function, index)) = handed_on {
            let facts = self.evaluator.project.facts(function.file);
            let scope = facts.scope(function.id);
            let name = facts.text(scope.parameters[index].name);
            return format!(
                "hands on `{name}` of `{}`, and nothing that was read calls it with an event",
                scope.qualname
            );
        }
        let Operand::Expressions(list, _) = operand else {
            return "nothing tells which event it is".to_owned();
        };
        let facts = |at: &ExpressionRef| self.evaluator.project.facts(at.file);
        let text = list.first().and_then(|at| facts(at).dotted(at.id));
        match text {
            Some(text) => format!("what `{text}` is could not be told"),
            None => "the event is worked out at run time".to_owned(),
        }
    }

    /// Works a subscribing site out.
    pub(super) fn subscribe(&mut self, site: &Site) {
        for row in self.rows(site) {
            let before = self.found.subscriptions.len();
            for class in self.versions(&row) {
                self.subscribe_version(&row, class);
            }
            let is_resolved = self.found.subscriptions.len() > before;
            let unresolved = self.found.unresolved.len();
            self.subscribe_row(&row);
            if is_resolved {
                self.found.unresolved.truncate(unresolved);
            }
        }
    }

    /// What a site subscribes where its object is of a class below, and that is something else.
    fn subscribe_version(&mut self, site: &Site, class: ScopeRef) {
        let version = site.as_of(class);
        let Some(operand) = version.handler.clone() else {
            return;
        };
        let events = self.values(&version.event, &version);
        for handler_fact in self.values(&operand, &version) {
            let Some((handler, of)) = self.evaluator.handler(&handler_fact) else {
                continue;
            };
            let handler_fact = handler_fact.at_most(Grade::Inferred);
            for fact in &events {
                if let Some(event) = self.evaluator.subscribed_event(fact, &site.adapter) {
                    self.add_subscription(&version, &event, fact, &handler, &handler_fact, of);
                }
            }
        }
    }

    fn subscribe_row(&mut self, site: &Site) {
        let Some(handler_operand) = site.handler.clone() else {
            return;
        };
        let events = self.values(&site.event, site);
        let (site, events) = classes_by_name(site.clone(), events);
        let site = &site;
        let handlers = self.values(&handler_operand, site);
        let event_parameter = parameter_in(&events);
        let handler_parameter = parameter_in(&handlers);
        if let Some(function) = self.wrapper(event_parameter, handler_parameter)
            && self.subscribers(site, function, event_parameter, handler_parameter)
        {
            return;
        }
        let mut resolved: Vec<_> = handlers
            .iter()
            .filter_map(|fact| Some((fact.clone(), self.evaluator.handler(fact)?)))
            .collect();
        if let (Operand::Expressions(list, context), true, None) =
            (&handler_operand, resolved.is_empty(), handler_parameter)
        {
            // `warehouse.reserve` of a parameter: by its annotation, or by what callers hand over.
            let found = list
                .iter()
                .flat_map(|&at| self.evaluator.evaluate(at, context).to_vec());
            resolved.extend(found.filter_map(|fact| {
                let handler = self.evaluator.handler(&fact)?;
                Some((fact, handler))
            }));
        }
        if let Operand::Expressions(list, context) = &handler_operand {
            let is_plain = resolved.iter().any(|(_, (id, _))| match id {
                HandlerId::Function(scope) => !self.is_anonymous(*scope),
                HandlerId::Outside(_) => false,
            });
            if !is_plain {
                let wrapped = list
                    .iter()
                    .flat_map(|&at| self.evaluator.wrapped(at, context));
                let wrapped: Vec<_> = wrapped
                    .filter_map(|fact| Some((fact.clone(), self.evaluator.handler(&fact)?)))
                    .collect();
                if !wrapped.is_empty() {
                    resolved = wrapped;
                }
            }
        }
        let events = if events
            .iter()
            .all(|fact| matches!(fact.value, Value::Parameter(..)))
        {
            self.annotated(&site.event)
        } else {
            events
        };
        let mut is_resolved = false;
        let mut has_event = false;
        for fact in &events {
            let Some(event) = self.evaluator.subscribed_event(fact, &site.adapter) else {
                continue;
            };
            has_event = true;
            for (handler_fact, (handler, of)) in &resolved {
                is_resolved = true;
                self.add_subscription(site, &event, fact, handler, handler_fact, *of);
            }
        }
        if !is_resolved && site.grade != Grade::Possible {
            let reason = if has_event {
                self.reason(&handler_operand, handler_parameter)
            } else {
                self.reason(&site.event, event_parameter)
            };
            self.found
                .unresolved
                .push((site.clone(), reason.replace("with an event", "with any")));
        }
    }

    /// A lambda, or a function within another that is not the handler itself but one made for it.
    fn is_anonymous(&self, scope: ScopeRef) -> bool {
        let facts = self.evaluator.project.facts(scope.file);
        let here = facts.scope(scope.id);
        here.kind == ScopeKind::Lambda || facts.scope(here.parent).is_function()
    }

    fn add_subscription(
        &mut self,
        site: &Site,
        event: &EventId,
        event_fact: &Fact,
        handler: &HandlerId,
        handler_fact: &Fact,
        of: Option<ScopeRef>,
    ) {
        let event_grade = match event_fact.grade {
            Grade::Inferred if site.adapter.events == Key::Signal => Grade::Certain,
            grade => grade,
        };
        let grade = event_grade.max(handler_fact.grade).max(site.grade);
        let reason = match grade {
            Grade::Certain => String::new(),
            _ if matches!(event, EventId::Template(_)) => {
                "its name has parts known at run time only".to_owned()
            }
            _ if site.grade != Grade::Certain => {
                "its receiver is taken for a bus by its name".to_owned()
            }
            _ => "followed along assignments, calls or annotations".to_owned(),
        };
        self.found.subscriptions.push(FoundSubscription {
            site: site.clone(),
            event: event.clone(),
            handler: handler.clone(),
            grade,
            reason,
            of,
            partial: handler_fact.made,
        });
    }

    /// The function that takes the event or the handler from its callers.
    fn wrapper(
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

    /// A subscription within a loop over pairs, once for each pair: so that each event keeps its own
    /// handlers.
    fn rows(&self, site: &Site) -> Vec<Site> {
        let (Operand::Expressions(events, context), Some(Operand::Expressions(handlers, _))) =
            (&site.event, &site.handler)
        else {
            return vec![site.clone()];
        };
        let ([event], [handler], None) = (events.as_slice(), handlers.as_slice(), &context.fixed)
        else {
            return vec![site.clone()];
        };
        let Some(iterable) = self.loop_over(*event) else {
            return vec![site.clone()];
        };
        if self.loop_over(*handler).is_none() && self.evaluator.variable(*handler).is_some() {
            return vec![site.clone()];
        }
        let rows = self.evaluator.rows(iterable);
        if rows.is_empty() {
            return vec![site.clone()];
        }
        let sites = rows.into_iter().map(|fixed| {
            let context = Context {
                fixed: Some(Rc::new(fixed)),
                ..Context::default()
            };
            let mut row = site.clone();
            row.event = Operand::Expressions(events.clone(), context.clone());
            row.handler = Some(Operand::Expressions(handlers.clone(), context));
            row
        });
        sites.collect()
    }

    /// What the loop goes over that a variable comes from.
    fn loop_over(&self, at: ExpressionRef) -> Option<ExpressionRef> {
        let facts = self.evaluator.project.facts(at.file);
        let name = match facts.kind(at.id) {
            ExpressionKind::Name(name) => *name,
            ExpressionKind::Attribute(of, _) => {
                return self.loop_over(ExpressionRef {
                    file: at.file,
                    id: *of,
                });
            }
            _ => return None,
        };
        let (_, bindings) = self.evaluator.bindings(at, name)?;
        bindings.iter().find_map(|binding| match binding {
            Binding::Element { iterable, .. } => Some(*iterable),
            _ => None,
        })
    }
}

/// Where the name of a class stands for it, the class, and a site that goes by classes.
fn classes_by_name(mut site: Site, found: Vec<Fact>) -> (Site, Vec<Fact>) {
    let is_name = |fact: &Fact| matches!(fact.value, Value::NameOf(_));
    if !found.iter().any(is_name) {
        return (site, found);
    }
    site.adapter = Rc::new(site.adapter.by_name_of_class());
    let classes = found.into_iter().map(|fact| match fact.value {
        Value::NameOf(class) => Fact {
            value: *class,
            ..fact
        },
        _ => fact,
    });
    (site, classes.collect())
}

fn by_name_only(caller: &Caller) -> Grade {
    match caller.grade {
        Grade::Possible => Grade::Possible,
        _ if caller.is_by_port => Grade::Inferred,
        _ => Grade::Certain,
    }
}

fn parameter_in(found: &[Fact]) -> Option<(ScopeRef, usize)> {
    found.iter().find_map(|fact| match fact.value {
        Value::Parameter(function, index) => Some((function, index)),
        _ => None,
    })
}

impl SiteKind {
    /// `publish` or `subscribe`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
        }
    }
}
