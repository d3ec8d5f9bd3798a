//! Whether a registration ever runs: is its module imported from an entry point, is its class ever
//! built? Only said where nothing in the project loads things by name.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use super::evaluate::{Ancestor, Context, Evaluator, Value};
use super::facts::{ExpressionKind, ScopeKind, StatementKind};
use super::project::{ExpressionRef, FileId, Project, ScopeRef};

/// What can be said of modules and classes.
#[derive(Debug)]
pub(crate) struct Reach {
    /// Files that an entry point imports, directly or not; none when there is no entry point, or
    /// something imports modules by names that are not written down.
    files: Option<FxHashSet<FileId>>,
    /// Whether classes may be built from lists of subclasses and the like.
    builds_by_name: bool,
}

impl Reach {
    pub(crate) fn of(project: &Project, entry_points: &[String]) -> Self {
        let calls = |names: &[&str]| names.iter().any(|name| !project.calling(name).is_empty());
        let imports_by_name = calls(&[
            "import_module",
            "__import__",
            "iter_modules",
            "walk_packages",
            "autodiscover_modules",
            "find_modules",
            "import_string",
            "load_module",
            "exec_module",
            "autodiscover_tasks",
            "scan",
            "load_setuptools_entrypoints",
            "spec_from_file_location",
            "iter_entry_points",
            "entry_points",
        ]);
        let builds_by_name = imports_by_name
            || calls(&[
                "__subclasses__",
                "globals",
                "getmembers",
                "locals",
                "create_model",
            ]);
        let files = if imports_by_name {
            None
        } else {
            reached_files(project, entry_points)
        };
        Self {
            files,
            builds_by_name,
        }
    }

    /// Whether an entry point imports a file; none if that cannot be told.
    pub(crate) fn is_imported(&self, file: FileId) -> Option<bool> {
        Some(self.files.as_ref()?.contains(&file))
    }

    /// Why code in a scope never runs; empty if it may.
    pub(crate) fn never(&self, evaluator: &Evaluator<'_>, scope: ScopeRef) -> String {
        if self.is_imported(scope.file) == Some(false) {
            let file = evaluator.project.file(scope.file);
            return format!("no entry point imports the module `{}`", file.module);
        }
        let Some(function) = evaluator.function_around(scope) else {
            return String::new();
        };
        match evaluator.class_of_method(function) {
            Some(class) => self.never_built(evaluator, class),
            None => String::new(),
        }
    }

    /// Whether it can be told which objects there are: the program starts somewhere, and builds none
    /// by names that are not written down.
    pub(crate) fn builds_in_sight(&self) -> bool {
        !self.builds_by_name && self.files.is_some()
    }

    /// Why a class has no objects; empty if it may have.
    pub(crate) fn never_built(&self, evaluator: &Evaluator<'_>, class: ScopeRef) -> String {
        if !self.builds_in_sight() {
            return String::new();
        }
        let is_built = evaluator
            .descendants(class)
            .iter()
            .any(|&class| is_used(evaluator, class) || may_be_built_by_others(evaluator, class));
        if is_built {
            return String::new();
        }
        format!("nothing builds a `{}`", evaluator.name_of(class))
    }
}

/// Whether a base may build a class, or keep it for others who do: one of a framework, or one that is
/// told of its subclasses.
fn may_be_built_by_others(evaluator: &Evaluator<'_>, class: ScopeRef) -> bool {
    evaluator
        .ancestors(class)
        .iter()
        .any(|ancestor| match ancestor {
            Ancestor::Outside(path) => !is_plain_base(path),
            Ancestor::Here(here) => {
                let facts = evaluator.project.facts(here.file);
                let scope = facts.scope(here.id);
                let mut keywords = scope.keywords.iter();
                let has_metaclass = keywords.any(|(name, value)| {
                    facts.text(*name) == "metaclass" && facts.last_name(*value) != Some("ABCMeta")
                });
                let hears_of_subclasses = evaluator
                    .own_methods(*here)
                    .into_iter()
                    .any(|method| evaluator.name_of(method) == "__init_subclass__");
                has_metaclass || hears_of_subclasses || !evaluator.knows_all_bases(*here)
            }
        })
}

/// Whether a base outside only says what sort of class this is.
fn is_plain_base(path: &str) -> bool {
    let root = path.split('.').next().unwrap_or_default();
    matches!(
        root,
        "abc" | "builtins" | "typing" | "typing_extensions" | "enum" | "collections"
    )
}

/// Whether a class is used for anything but its definition, imports, annotations and as a base.
fn is_used(evaluator: &Evaluator<'_>, class: ScopeRef) -> bool {
    let facts = evaluator.project.facts(class.file);
    let scope = facts.scope(class.id);
    if !scope.decorators.is_empty() || facts.scope(scope.parent).kind != ScopeKind::Module {
        // Who knows what a decorator does with it.
        let plain = scope.decorators.iter().all(|&decorator| {
            facts.last_name(decorator).is_some_and(|name| {
                matches!(
                    name,
                    "dataclass" | "final" | "total_ordering" | "define" | "runtime_checkable"
                )
            })
        });
        if !plain || facts.scope(scope.parent).kind != ScopeKind::Module {
            return true;
        }
    }
    let name = evaluator.name_of(class);
    for (file, _) in (0..).zip(&evaluator.project.files) {
        let is_near = file == class.file || imports_name(evaluator.project, file, &name);
        if is_near && uses(evaluator, file, class, &name) {
            return true;
        }
    }
    false
}

fn imports_name(project: &Project, file: FileId, name: &str) -> bool {
    let summary = &project.file(file).summary;
    summary
        .called
        .iter()
        .any(|called| called.rsplit('.').next() == Some(name))
        || summary
            .imports
            .iter()
            .any(|import| import.rsplit('.').next() == Some(name) || import.ends_with('.'))
        || project.name_in(file, name).is_some()
}

/// Whether a file evaluates the class somewhere: calls it, hands it on, puts it into a list.
fn uses(evaluator: &Evaluator<'_>, file: FileId, class: ScopeRef, name: &str) -> bool {
    let facts = evaluator.project.facts(file);
    let annotations: FxHashSet<u32> = annotations(facts);
    (0..).zip(&facts.expressions).any(|(id, expression)| {
        let (ExpressionKind::Name(named) | ExpressionKind::Attribute(_, named)) = expression.kind
        else {
            return false;
        };
        if facts.text(named) != name || annotations.contains(&id) {
            return false;
        }
        let found = evaluator.evaluate(ExpressionRef { file, id }, &Context::default());
        found
            .iter()
            .any(|fact| matches!(fact.value, Value::Class(is) if is == class))
    })
}

/// Expressions that are annotations or bases, or part of one.
fn annotations(facts: &super::facts::Facts) -> FxHashSet<u32> {
    let mut roots: Vec<u32> = Vec::new();
    for scope in &facts.scopes {
        roots.extend(scope.returns);
        roots.extend(&scope.bases);
        roots.extend(
            scope
                .parameters
                .iter()
                .filter_map(|parameter| parameter.annotation),
        );
        for statement in &scope.statements {
            match statement.kind {
                StatementKind::Annotated { annotation, .. } => roots.push(annotation),
                StatementKind::Narrow { class, .. } => roots.push(class),
                _ => {}
            }
        }
    }
    let mut found = FxHashSet::default();
    while let Some(id) = roots.pop() {
        if !found.insert(id) {
            continue;
        }
        match facts.kind(id) {
            ExpressionKind::Subscript(of, key) | ExpressionKind::Both(of, key) => {
                roots.extend([*of, *key]);
            }
            ExpressionKind::Attribute(of, _) => roots.push(*of),
            ExpressionKind::Sequence(parts) => roots.extend(parts),
            _ => {}
        }
    }
    found
}

fn reached_files(project: &Project, entry_points: &[String]) -> Option<FxHashSet<FileId>> {
    let mut queue: VecDeque<FileId> = (0..)
        .zip(&project.files)
        .filter(|(_, file)| {
            is_entry(
                &file.path,
                &file.module,
                file.summary.is_program,
                entry_points,
            )
        })
        .map(|(id, _)| id)
        .collect();
    if queue.is_empty() {
        return None;
    }
    let mut reached: FxHashSet<FileId> = queue.iter().copied().collect();
    while let Some(file) = queue.pop_front() {
        let summary = &project.file(file).summary;
        let mentioned = summary.mentions.iter().map(|text| text.replace(':', "."));
        for import in summary.imports.iter().map(str::to_owned).chain(mentioned) {
            for found in imported(project, file, &import) {
                if reached.insert(found) {
                    queue.push_back(found);
                }
            }
        }
    }
    Some(reached)
}

/// The files that an import runs: the module, and the packages above it.
fn imported(project: &Project, file: FileId, import: &str) -> Vec<FileId> {
    let level = import.chars().take_while(|&letter| letter == '.').count();
    let dotted = &import[level..];
    let level = u32::try_from(level).unwrap_or_default();
    let mut result = Vec::new();
    let mut end = 0;
    for (index, part) in dotted.split('.').enumerate() {
        end = end + part.len() + usize::from(index > 0);
        result.extend(project.import(file, level, &dotted[..end]));
    }
    if level > 0 {
        result.extend(project.import(file, level, ""));
    }
    // A module that is found by its ending may lie in packages whose `__init__` runs as well.
    let packages: Vec<_> = result
        .iter()
        .flat_map(|&found| {
            let module = &project.file(found).module;
            let ends = module
                .match_indices('.')
                .map(|(end, _)| module[..end].to_owned());
            ends.collect::<Vec<_>>()
        })
        .filter_map(|package| project.import(file, 0, &package))
        .collect();
    result.extend(packages);
    result
}

/// Whether a program starts at a file: by what it says, by its name, or because the project says so.
fn is_entry(path: &str, module: &str, is_program: bool, entry_points: &[String]) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_framework = matches!(
        name,
        "__main__.py"
            | "manage.py"
            | "wsgi.py"
            | "asgi.py"
            | "conftest.py"
            | "settings.py"
            | "apps.py"
            | "models.py"
            | "admin.py"
            | "urls.py"
            | "setup.py"
            | "noxfile.py"
            | "celery.py"
            | "tasks.py"
            | "app.py"
            | "main.py"
            | "cli.py"
    );
    let is_test = name.starts_with("test_") || name.ends_with("_test.py");
    let is_django = path.contains("/migrations/")
        || path.contains("/management/commands/")
        || path.contains("/templatetags/")
        || path.contains("/settings/");
    let is_named = entry_points.iter().any(|entry| {
        let entry = entry.split(':').next().unwrap_or_default();
        entry == module || entry == path
    });
    is_program || is_framework || is_test || is_django || is_named
}
