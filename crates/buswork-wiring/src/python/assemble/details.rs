//! What is told of an event and of a handler besides their edges.

use super::super::evaluate::{Ancestor, Context, Evaluator, Value};
use super::super::facts::{ExpressionKind, Parameter, ParameterKind, ScopeKind, StatementKind};
use super::super::flow::{Flow, Reached};
use super::super::project::{ExpressionRef, ScopeRef};
use super::super::sites::{EventId, HandlerId};
use super::Assembly;
use crate::graph::{Blocking, Event, EventKind, Field, Handler, HandlerKind, Location};

/// Calls that block a thread, by their dotted paths; a path that ends in `.` stands for all below.
const BLOCKING: &[&str] = &[
    "time.sleep",
    "builtins.open",
    "builtins.input",
    "requests.",
    "urllib.request.urlopen",
    "urllib3.",
    "http.client.",
    "subprocess.run",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "subprocess.Popen",
    "os.system",
    "os.popen",
    "os.wait",
    "os.waitpid",
    "socket.create_connection",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "smtplib.",
    "ftplib.",
    "sqlite3.connect",
    "psycopg2.connect",
    "psycopg.connect",
    "pymysql.connect",
    "httpx.get",
    "httpx.post",
    "httpx.put",
    "httpx.delete",
    "httpx.request",
    "shutil.copy",
    "shutil.copytree",
    "shutil.rmtree",
    "shutil.move",
];

impl Assembly<'_, '_> {
    pub(super) fn event_details(
        &self,
        id: &EventId,
        path: &str,
        known: &[(EventId, String)],
    ) -> Event {
        let name = match id {
            EventId::Class(_) | EventId::Outside(_) | EventId::Signal(..) | EventId::Made(..) => {
                path.rsplit('.').next().unwrap_or_default().to_owned()
            }
            _ => path.to_owned(),
        };
        let kind = match id {
            EventId::Outside(path) if is_signal(path) => EventKind::Signal,
            EventId::Class(_) | EventId::Outside(_) | EventId::Made(..) => EventKind::Class,
            EventId::Signal(..) => EventKind::Signal,
            EventId::Name(_) => EventKind::Name,
            EventId::Template(_) => EventKind::Template,
            EventId::Topic(_) => EventKind::Topic,
            EventId::Any => EventKind::Any,
        };
        let module = match id {
            EventId::Class(scope) => self.evaluator.project.file(scope.file).module.clone(),
            EventId::Signal(_, call) | EventId::Made(_, call) => {
                self.evaluator.project.file(call.file).module.clone()
            }
            EventId::Outside(path) => path
                .rsplit_once('.')
                .map_or("", |(module, _)| module)
                .to_owned(),
            _ => String::new(),
        };
        let mut event = Event {
            id: path.to_owned(),
            name,
            kind,
            module,
            location: None,
            doc: String::new(),
            fields: Vec::new(),
            bases: Vec::new(),
            frozen: None,
            published_by: Vec::new(),
            handled_by: Vec::new(),
        };
        match id {
            EventId::Class(class) => {
                let facts = self.evaluator.project.facts(class.file);
                event.location = Some(self.scope_location(*class));
                event.doc.clone_from(&facts.scope(class.id).doc);
                event.fields = self.evaluator.fields(*class);
                event.frozen = self.evaluator.is_frozen(*class);
                event.bases = self.bases(*class, known);
            }
            EventId::Signal(_, call) | EventId::Made(_, call) => {
                event.location = Some(self.location(*call));
            }
            _ => {}
        }
        event
    }

    /// The ancestors of an event that are events, and a wildcard.
    fn bases(&self, class: ScopeRef, known: &[(EventId, String)]) -> Vec<String> {
        let ancestors = self.evaluator.ancestors(class);
        let above = ancestors.iter().skip(1).filter_map(|ancestor| {
            let id = match ancestor {
                Ancestor::Here(class) => EventId::Class(*class),
                Ancestor::Outside(path) => EventId::Outside(path.clone()),
            };
            known
                .iter()
                .find(|(known, _)| *known == id)
                .map(|(_, path)| path.clone())
        });
        above.collect()
    }

    fn scope_location(&self, scope: ScopeRef) -> Location {
        Location {
            file: self.evaluator.project.file(scope.file).path.clone(),
            line: self
                .evaluator
                .project
                .facts(scope.file)
                .scope(scope.id)
                .line,
        }
    }

    pub(super) fn handler_details(
        &self,
        id: &HandlerId,
        reached: &[Reached],
        flow: &Flow<'_, '_>,
    ) -> Handler {
        let path = self.handler_id(id);
        let (module, name) = path.split_once(':').unwrap_or(("", &path));
        let mut handler = Handler {
            name: name.to_owned(),
            module: module.to_owned(),
            id: path.clone(),
            kind: HandlerKind::External,
            location: None,
            doc: String::new(),
            is_async: false,
            parameter: String::new(),
            annotation: String::new(),
            accepts: Vec::new(),
            misfit: String::new(),
            declares: None,
            mutates: Vec::new(),
            blocking: Vec::new(),
        };
        let Some(function) = id.function() else {
            return handler;
        };
        let facts = self.evaluator.project.facts(function.file);
        let scope = facts.scope(function.id);
        handler.kind = self.kind(function);
        handler.location = Some(self.scope_location(function));
        handler.doc.clone_from(&scope.doc);
        handler.is_async = scope.is_async;
        handler.declares = self.declared(function);
        if scope.is_async {
            handler.blocking = self.blocking(reached, flow);
        }
        let skip = usize::from(self.has_receiver(function));
        let own = &scope.parameters[skip.min(scope.parameters.len())..];
        let Some(parameters) = self.left_open(id, own) else {
            return handler;
        };
        handler.misfit = misfit(&parameters);
        if let Some(parameter) = parameters.first()
            && parameter.kind == ParameterKind::Plain
        {
            facts
                .text(parameter.name)
                .clone_into(&mut handler.parameter);
            handler.mutates = self.mutations(function, parameter.name);
            if let Some(annotation) = parameter.annotation {
                handler.annotation = facts.written(annotation);
                let at = ExpressionRef {
                    file: function.file,
                    id: annotation,
                };
                handler.accepts = self.accepted(at);
            }
        }
        handler
    }

    /// The parameters that a `partial` leaves for the event; none where that cannot be told.
    fn left_open(&self, id: &HandlerId, parameters: &[Parameter]) -> Option<Vec<Parameter>> {
        let (HandlerId::Function(function), Some(partial)) =
            (id, self.partial.get(id).copied().flatten())
        else {
            return Some(parameters.to_vec());
        };
        let facts = self.evaluator.project.facts(function.file);
        let (mut filled, named) = self.evaluator.filled_in(partial)?;
        let open = parameters.iter().filter(|one| {
            if one.kind == ParameterKind::Plain && filled > 0 {
                filled -= 1;
                return false;
            }
            !named.iter().any(|name| name == facts.text(one.name))
        });
        Some(open.copied().collect())
    }

    fn has_receiver(&self, function: ScopeRef) -> bool {
        self.evaluator.class_of_method(function).is_some() && !self.evaluator.is_static(function)
    }

    fn kind(&self, function: ScopeRef) -> HandlerKind {
        let facts = self.evaluator.project.facts(function.file);
        let scope = facts.scope(function.id);
        if scope.kind == ScopeKind::Lambda {
            return HandlerKind::Lambda;
        }
        match facts.scope(scope.parent).kind {
            ScopeKind::Class if facts.text(scope.name) == "__call__" => HandlerKind::Object,
            ScopeKind::Class => HandlerKind::Method,
            ScopeKind::Module => HandlerKind::Function,
            ScopeKind::Function | ScopeKind::Lambda => HandlerKind::Nested,
        }
    }

    /// Ids of the events that an annotation allows.
    fn accepted(&self, annotation: ExpressionRef) -> Vec<String> {
        let classes = self.evaluator.classes_in(annotation);
        let mut accepted: Vec<_> = classes
            .iter()
            .filter_map(|value| match value {
                Value::Object(class) => Some(self.evaluator.dotted_path_of(*class)),
                Value::MadeObject(_, call) => match self.evaluator.class_made_by(*call) {
                    EventId::Made(path, _) => Some(path.to_string()),
                    _ => None,
                },
                Value::ExternalObject(path, None) if &**path == "builtins.object" => {
                    Some("*".to_owned())
                }
                Value::ExternalObject(path, None) if !path.starts_with("typing") => {
                    Some(path.to_string())
                }
                _ => None,
            })
            .collect();
        let is_whole = accepted.len() == classes.len();
        accepted.sort();
        accepted.dedup();
        if is_whole { accepted } else { Vec::new() }
    }

    /// What the decorators of a handler say that it publishes.
    fn declared(&self, function: ScopeRef) -> Option<Vec<String>> {
        let facts = self.evaluator.project.facts(function.file);
        let scope = facts.scope(function.id);
        let mut declared: Option<Vec<String>> = None;
        for &decorator in &scope.decorators {
            let at = ExpressionRef {
                file: function.file,
                id: decorator,
            };
            let Some(list) = self.evaluator.arguments(at).named("publishes") else {
                continue;
            };
            let found = self.evaluator.elements(list, &Context::default());
            let names = declared.get_or_insert_default();
            names.extend(found.iter().filter_map(|fact| match &fact.value {
                Value::Class(class) => Some(self.evaluator.dotted_path_of(*class)),
                Value::Text(text) | Value::External(text) => Some(text.to_string()),
                _ => None,
            }));
        }
        declared
    }

    /// The event that a name means in a file.
    pub(super) fn event_called(&self, file: u32, name: &str) -> EventId {
        let found = self.evaluator.member_of_module(file, name);
        let class = found.iter().find_map(|fact| match fact.value {
            Value::Class(class) => Some(EventId::Class(class)),
            _ => None,
        });
        class.unwrap_or_else(|| EventId::Name(name.into()))
    }

    fn blocking(&self, reached: &[Reached], flow: &Flow<'_, '_>) -> Vec<Blocking> {
        let mut result: Vec<Blocking> = Vec::new();
        for reached in reached.iter().filter(|reached| !reached.elsewhere) {
            for (path, at) in flow.outside_calls(reached.function, reached.this) {
                let blocks = BLOCKING.iter().any(|known| {
                    path == *known || (known.ends_with('.') && path.starts_with(known))
                });
                if blocks && !result.iter().any(|one| one.call == path) {
                    let mut steps = reached.path.clone();
                    steps.push(self.step(at));
                    let call = path.strip_prefix("builtins.").unwrap_or(&path).to_owned();
                    result.push(Blocking { call, path: steps });
                }
            }
        }
        result
    }
}

/// Whether something outside is a signal: by where it stands, or as no class is called like that.
fn is_signal(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or_default();
    path.contains("signal") || last.starts_with(char::is_lowercase)
}

/// The names of `wiring: publishes A, B`.
pub(super) fn declared_names(comment: &str) -> Option<Vec<String>> {
    let list = comment
        .strip_prefix("wiring:")?
        .trim_start()
        .strip_prefix("publishes")?;
    let names = list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    Some(names.map(str::to_owned).collect())
}

/// What is wrong with the parameters of a handler, if it cannot take one event.
fn misfit(parameters: &[Parameter]) -> String {
    let has_rest = parameters.iter().any(|one| one.kind == ParameterKind::Rest);
    let plain = parameters
        .iter()
        .filter(|one| one.kind == ParameterKind::Plain);
    let needed = plain.clone().filter(|one| one.default.is_none()).count();
    let named = parameters.iter();
    let named = named.filter(|one| one.kind == ParameterKind::KeywordOnly && one.default.is_none());
    if plain.count() == 0 && !has_rest {
        return "takes no argument".to_owned();
    }
    if needed > 1 {
        return format!("needs {needed} arguments");
    }
    if named.count() > 0 {
        return "needs a keyword argument".to_owned();
    }
    String::new()
}

impl Evaluator<'_> {
    /// The annotated fields of a class and its ancestors; else what its constructor takes.
    fn fields(&self, class: ScopeRef) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        for ancestor in self.ancestors(class).iter().rev() {
            let Ancestor::Here(here) = ancestor else {
                continue;
            };
            let facts = self.project.facts(here.file);
            for statement in &facts.scope(here.id).statements {
                let StatementKind::Annotated {
                    target, annotation, ..
                } = statement.kind
                else {
                    continue;
                };
                let Some(name) = facts.last_name(target) else {
                    continue;
                };
                let annotation = facts.written(annotation);
                if annotation.starts_with("ClassVar") {
                    continue;
                }
                fields.retain(|field| field.name != name);
                fields.push(Field {
                    name: name.to_owned(),
                    annotation,
                });
            }
        }
        if !fields.is_empty() {
            return fields;
        }
        let Some(method) = self.method(class, "__init__") else {
            return fields;
        };
        let facts = self.project.facts(method.file);
        let parameters = facts.scope(method.id).parameters.iter().skip(1);
        let taken = parameters
            .filter(|one| matches!(one.kind, ParameterKind::Plain | ParameterKind::KeywordOnly));
        taken
            .map(|one| Field {
                name: facts.text(one.name).to_owned(),
                annotation: one
                    .annotation
                    .map(|id| facts.written(id))
                    .unwrap_or_default(),
            })
            .collect()
    }

    /// Whether objects of a class cannot be changed; none where that cannot be told.
    fn is_frozen(&self, class: ScopeRef) -> Option<bool> {
        let mut result = None;
        for ancestor in self.ancestors(class).iter() {
            let here = match ancestor {
                Ancestor::Here(here) => *here,
                Ancestor::Outside(path) => {
                    let frozen = matches!(
                        &**path,
                        "typing.NamedTuple" | "enum.Enum" | "builtins.tuple" | "builtins.str"
                    );
                    if frozen {
                        return Some(true);
                    }
                    continue;
                }
            };
            let facts = self.project.facts(here.file);
            let scope = facts.scope(here.id);
            let says = |value: ExpressionRef| {
                matches!(facts.kind(value.id), ExpressionKind::Literal(text)
                    if facts.text(*text) == "True")
            };
            for &decorator in &scope.decorators {
                let at = ExpressionRef {
                    file: here.file,
                    id: decorator,
                };
                match facts.last_name(decorator) {
                    Some("frozen") => return Some(true),
                    Some("dataclass" | "define" | "s" | "attrs" | "mutable") => {
                        let frozen = self.arguments(at).named("frozen").is_some_and(says);
                        result = result.or(Some(frozen));
                    }
                    _ => {}
                }
            }
            for &(name, value) in &scope.keywords {
                if facts.text(name) == "frozen" {
                    return Some(says(ExpressionRef {
                        file: here.file,
                        id: value,
                    }));
                }
            }
        }
        result
    }
}
