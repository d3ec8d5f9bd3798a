//! The files of a project as modules: what each is called, and which one an import means.

use std::cell::OnceCell;

use rustc_hash::{FxHashMap, FxHashSet};

use super::facts::{
    ExpressionKind, Facts, MODULE, Name, Scope, ScopeId, ScopeKind, StatementKind, Summary,
};
use super::store::{Packed, Stored};

/// An index into [`Project::files`].
pub(crate) type FileId = u32;

/// A scope of the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ScopeRef {
    pub(crate) file: FileId,
    pub(crate) id: ScopeId,
}

/// An expression of the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ExpressionRef {
    pub(crate) file: FileId,
    pub(crate) id: u32,
}

/// One file.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    /// Its dotted name.
    pub(crate) module: String,
    /// Whether it is an `__init__.py`.
    pub(crate) is_package: bool,
    pub(crate) summary: Summary,
    stored: Stored,
    facts: OnceCell<Facts>,
    names: OnceCell<Names>,
}

/// Where each name of a file is bound, and what is called by it.
#[derive(Debug)]
struct Names {
    /// Statements that bind a name, in order.
    bound: FxHashMap<(ScopeId, Name), Vec<u32>>,
    /// Those in functions within that bind it by `global` or `nonlocal`.
    bound_within: FxHashMap<(ScopeId, Name), Vec<(ScopeId, u32)>>,
    /// Statements `from … import *`.
    stars: Vec<u32>,
    /// Calls, by the last name of what is called.
    calls: FxHashMap<Name, Vec<u32>>,
    /// Other names of things, by their last names: of `register = self.register_listener` and
    /// `from shop import emit as send`, the second by the first.
    aliases: FxHashMap<Name, Vec<Name>>,
    by_text: FxHashMap<String, Name>,
}

/// All files, and the index over them.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) files: Vec<File>,
    modules: FxHashMap<String, Vec<FileId>>,
    /// Files by the last part of their modules' names.
    last_parts: FxHashMap<String, Vec<FileId>>,
    /// Files by what is called in them.
    callers: FxHashMap<String, Vec<FileId>>,
    /// Files by the names of their functions and methods, a file as often as it has the name.
    functions: FxHashMap<String, Vec<FileId>>,
    /// Files by the last names of bases of their classes.
    derived: FxHashMap<String, Vec<FileId>>,
}

impl Project {
    /// Puts files together; each is a path, what is known of it, and its facts. `roots` are
    /// folders whose modules are imported by their path below them.
    pub(crate) fn new(read: Vec<(String, Summary, Stored)>, roots: &[String]) -> Self {
        let packages: FxHashSet<String> = read
            .iter()
            .filter_map(|(path, ..)| path.strip_suffix("__init__.py"))
            .map(|folder| folder.trim_end_matches('/').to_owned())
            .collect();
        let imported: FxHashSet<&str> = read
            .iter()
            .flat_map(|(_, summary, _)| summary.imports.iter())
            .filter_map(|import| import.split('.').next())
            .collect();
        // A folder that others import by its name is a package, though it has no `__init__.py`.
        let roots: Vec<String> = roots
            .iter()
            .map(|root| match root.rsplit_once('/') {
                Some((parent, name)) if imported.contains(name) => parent.to_owned(),
                None if imported.contains(root.as_str()) => String::new(),
                _ => root.clone(),
            })
            .collect();
        let files: Vec<File> = read
            .into_iter()
            .map(|(path, summary, stored)| File {
                module: module_name(&path, &packages, &roots),
                is_package: path == "__init__.py" || path.ends_with("/__init__.py"),
                path,
                summary,
                stored,
                facts: OnceCell::new(),
                names: OnceCell::new(),
            })
            .collect();
        let mut project = Self {
            files: Vec::new(),
            modules: FxHashMap::default(),
            last_parts: FxHashMap::default(),
            callers: FxHashMap::default(),
            functions: FxHashMap::default(),
            derived: FxHashMap::default(),
        };
        for (index, file) in files.iter().enumerate() {
            project.index(id(index), file);
        }
        project.files = files;
        project
    }

    fn index(&mut self, id: FileId, file: &File) {
        self.modules
            .entry(file.module.clone())
            .or_default()
            .push(id);
        let last = stem(&file.path).rsplit('/').next().unwrap_or_default();
        self.last_parts.entry(last.to_owned()).or_default().push(id);
        for called in file.summary.called.iter() {
            let name = called.rsplit('.').next().unwrap_or_default();
            let files = entry(&mut self.callers, name);
            if files.last() != Some(&id) {
                files.push(id);
            }
        }
        for name in file.summary.functions.iter() {
            entry(&mut self.functions, name).push(id);
        }
        for base in file.summary.bases.iter() {
            entry(&mut self.derived, base).push(id);
        }
    }

    pub(crate) fn file(&self, id: FileId) -> &File {
        &self.files[id as usize]
    }

    pub(crate) fn facts(&self, id: FileId) -> &Facts {
        let file = self.file(id);
        file.facts.get_or_init(|| file.stored.facts())
    }

    fn names(&self, id: FileId) -> &Names {
        self.file(id)
            .names
            .get_or_init(|| Names::of(self.facts(id)))
    }

    /// Files in which something of this name is called, or decorates.
    pub(crate) fn calling(&self, name: &str) -> &[FileId] {
        self.callers.get(name).map_or(&[], Vec::as_slice)
    }

    /// How many functions and methods have this name.
    pub(crate) fn count_named(&self, name: &str) -> usize {
        self.functions.get(name).map_or(0, Vec::len)
    }

    /// Functions and methods of this name, if there are no more than some.
    pub(crate) fn functions_named(&self, name: &str, most: usize) -> Vec<ScopeRef> {
        let files = self.functions.get(name).map_or(&[][..], Vec::as_slice);
        if files.len() > most {
            return Vec::new();
        }
        let is_it = |facts: &Facts, scope: &Scope| {
            scope.kind == ScopeKind::Function && facts.text(scope.name) == name
        };
        self.scopes_in(files, is_it)
    }

    /// Classes with a base of this last name.
    pub(crate) fn classes_on(&self, base: &str) -> Vec<ScopeRef> {
        let files = self.derived.get(base).map_or(&[][..], Vec::as_slice);
        self.scopes_in(files, |facts, scope| {
            scope
                .bases
                .iter()
                .any(|&id| facts.last_name(id) == Some(base))
        })
    }

    fn scopes_in(&self, files: &[FileId], is_it: impl Fn(&Facts, &Scope) -> bool) -> Vec<ScopeRef> {
        let mut files = files.to_vec();
        files.dedup();
        let mut found = Vec::new();
        for file in files {
            let facts = self.facts(file);
            let scopes = (0..)
                .zip(&facts.scopes)
                .filter(|(_, scope)| is_it(facts, scope));
            found.extend(scopes.map(|(id, _)| ScopeRef { file, id }));
        }
        found
    }

    /// What is known of each file, and of how many files facts were made that are not in the cache.
    pub(crate) fn known(&self) -> (Vec<(Summary, Option<Packed>)>, usize) {
        let mut made = 0;
        let known = self.files.iter().map(|file| {
            let packed = match (&file.stored, file.facts.get()) {
                (Stored::Packed(packed), _) => Some(packed.clone()),
                (Stored::File(_), Some(facts)) => {
                    made += 1;
                    Some(Packed::pack(facts))
                }
                (Stored::File(_), None) => None,
            };
            (file.summary.clone(), packed)
        });
        (known.collect(), made)
    }

    /// A name in a file's table of names; none if the file never says it.
    pub(crate) fn name_in(&self, file: FileId, name: &str) -> Option<Name> {
        self.names(file).by_text.get(name).copied()
    }

    /// Indices of the statements of a scope that bind a name, in order.
    pub(crate) fn binding_statements(&self, scope: ScopeRef, name: Name) -> &[u32] {
        let bound = self.names(scope.file).bound.get(&(scope.id, name));
        bound.map_or(&[], Vec::as_slice)
    }

    /// All calls in a file of something of this last name, under that or another name, also those that
    /// something else is asked to make.
    pub(crate) fn calls_of(&self, file: FileId, name: &str) -> Vec<ExpressionRef> {
        let there = self.names(file);
        let Some(&name) = there.by_text.get(name) else {
            return Vec::new();
        };
        let aliases = there.aliases.get(&name).into_iter().flatten();
        let names = std::iter::once(&name).chain(aliases);
        let mut found: Vec<_> = names
            .filter_map(|name| there.calls.get(name))
            .flatten()
            .map(|&id| ExpressionRef { file, id })
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Other names that a file has for things, each behind the last name of the thing.
    pub(crate) fn aliases(&self, file: FileId) -> impl Iterator<Item = (&str, &str)> {
        let facts = self.facts(file);
        let all = self.names(file).aliases.iter();
        all.flat_map(move |(&name, aliases)| {
            aliases
                .iter()
                .map(move |&alias| (facts.text(name), facts.text(alias)))
        })
    }

    /// Statements of functions within that bind a name of a scope by `global` or `nonlocal`.
    pub(crate) fn bound_within(&self, scope: ScopeRef, name: Name) -> &[(ScopeId, u32)] {
        let bound = self.names(scope.file).bound_within.get(&(scope.id, name));
        bound.map_or(&[], Vec::as_slice)
    }

    /// Indices of the module's statements `from … import *`, in order.
    pub(crate) fn stars(&self, file: FileId) -> &[u32] {
        &self.names(file).stars
    }

    /// The file that an import means; none if it is not part of the project.
    pub(crate) fn import(&self, importer: FileId, level: u32, module: &str) -> Option<FileId> {
        let dotted = self.absolute(importer, level, module)?;
        if let Some(found) = self.modules.get(&dotted) {
            return self.nearest(importer, found);
        }
        if level > 0 || dotted.is_empty() {
            return None;
        }
        // A script imports what lies beside it; and the folder that imports start from may not be
        // known.
        let ending = format!("/{}", dotted.replace('.', "/"));
        let last = dotted.rsplit('.').next().unwrap_or_default();
        let candidates: Vec<_> = self
            .last_parts
            .get(last)?
            .iter()
            .copied()
            .filter(|&file| format!("/{}", stem(&self.file(file).path)).ends_with(&ending))
            .collect();
        self.nearest(importer, &candidates)
    }

    /// The absolute dotted name of an import.
    pub(crate) fn absolute(&self, importer: FileId, level: u32, module: &str) -> Option<String> {
        if level == 0 {
            return Some(module.to_owned());
        }
        let file = self.file(importer);
        let mut parts: Vec<&str> = file
            .module
            .split('.')
            .filter(|part| !part.is_empty())
            .collect();
        let drop = level as usize - usize::from(file.is_package);
        if drop > parts.len() {
            return None;
        }
        parts.truncate(parts.len() - drop);
        parts.extend(module.split('.').filter(|part| !part.is_empty()));
        Some(parts.join("."))
    }

    /// Of several files, the one that shares most folders with the importer.
    fn nearest(&self, importer: FileId, found: &[FileId]) -> Option<FileId> {
        let from = &self.file(importer).path;
        let shared = |file: FileId| {
            let path = &self.file(file).path;
            let pairs = from.split('/').zip(path.split('/'));
            pairs.take_while(|(left, right)| left == right).count()
        };
        found
            .iter()
            .copied()
            .max_by_key(|&file| (shared(file), std::cmp::Reverse(file)))
    }
}

/// The list under a name, which is copied only when it is new.
fn entry<'a, T>(map: &'a mut FxHashMap<String, Vec<T>>, name: &str) -> &'a mut Vec<T> {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), Vec::new());
    }
    map.get_mut(name).expect("it was put there")
}

impl Names {
    fn of(facts: &Facts) -> Self {
        let mut bound: FxHashMap<(ScopeId, Name), Vec<u32>> = FxHashMap::default();
        let mut stars = Vec::new();
        let names: FxHashMap<String, Name> = facts
            .names
            .iter()
            .enumerate()
            .map(|(index, name)| (name.clone(), id(index)))
            .collect();
        for (scope_id, scope) in facts.scopes.iter().enumerate() {
            for (at, statement) in scope.statements.iter().enumerate() {
                if scope_id == MODULE as usize
                    && matches!(statement.kind, StatementKind::Star { .. })
                {
                    stars.push(id(at));
                }
                for name in bound_names(facts, &statement.kind, &names) {
                    bound.entry((id(scope_id), name)).or_default().push(id(at));
                }
            }
        }
        let bound_within = bound_within(facts, &bound);
        let calls = calls(facts);
        let aliases = aliases(facts);
        Self {
            bound,
            bound_within,
            stars,
            calls,
            aliases,
            by_text: names,
        }
    }
}

fn bound_within(
    facts: &Facts,
    bound: &FxHashMap<(ScopeId, Name), Vec<u32>>,
) -> FxHashMap<(ScopeId, Name), Vec<(ScopeId, u32)>> {
    let mut found: FxHashMap<_, Vec<_>> = FxHashMap::default();
    for (index, scope) in facts.scopes.iter().enumerate() {
        let inner = id(index);
        for &name in &scope.outer {
            let statements = bound.get(&(inner, name)).into_iter().flatten();
            let there = (owner(facts, bound, scope, name), name);
            let list: Vec<_> = statements.map(|&at| (inner, at)).collect();
            if !list.is_empty() {
                found.entry(there).or_default().extend(list);
            }
        }
    }
    found
}

/// The scope whose name it is that a function takes from outside.
fn owner(
    facts: &Facts,
    bound: &FxHashMap<(ScopeId, Name), Vec<u32>>,
    scope: &Scope,
    name: Name,
) -> ScopeId {
    let mut outer = scope.parent;
    while outer != MODULE {
        let there = facts.scope(outer);
        let is_own = there.is_function() && !there.outer.contains(&name);
        if is_own && bound.contains_key(&(outer, name)) {
            return outer;
        }
        outer = there.parent;
    }
    MODULE
}

fn calls(facts: &Facts) -> FxHashMap<Name, Vec<u32>> {
    let mut calls: FxHashMap<Name, Vec<u32>> = FxHashMap::default();
    for &call in facts.scopes.iter().flat_map(|scope| &scope.calls) {
        let ExpressionKind::Call(callee, _) = facts.kind(call) else {
            continue;
        };
        if let ExpressionKind::Name(name) | ExpressionKind::Attribute(_, name) = facts.kind(*callee)
        {
            calls.entry(*name).or_default().push(call);
        }
        let handed = facts.handed_on(call).map(|(function, _)| function);
        if let Some(ExpressionKind::Name(name) | ExpressionKind::Attribute(_, name)) =
            handed.map(|function| facts.kind(function))
        {
            calls.entry(*name).or_default().push(call);
        }
    }
    calls
}

fn aliases(facts: &Facts) -> FxHashMap<Name, Vec<Name>> {
    let mut aliases: FxHashMap<Name, Vec<Name>> = FxHashMap::default();
    for statement in facts.scopes.iter().flat_map(|scope| &scope.statements) {
        let (known, alias) = match statement.kind {
            StatementKind::Bind { target, value } => {
                match (facts.kind(value), facts.kind(target)) {
                    (
                        ExpressionKind::Name(known) | ExpressionKind::Attribute(_, known),
                        ExpressionKind::Name(alias) | ExpressionKind::Attribute(_, alias),
                    ) => (*known, *alias),
                    _ => continue,
                }
            }
            StatementKind::From { name, bound, .. } => (name, bound),
            _ => continue,
        };
        if known != alias {
            aliases.entry(known).or_default().push(alias);
        }
    }
    aliases
}

/// The names that a statement binds.
fn bound_names(facts: &Facts, kind: &StatementKind, names: &FxHashMap<String, Name>) -> Vec<Name> {
    match kind {
        StatementKind::Import {
            alias: Some(alias), ..
        } => vec![*alias],
        StatementKind::Import {
            module,
            alias: None,
        } => {
            let first = facts.text(*module).split('.').next().unwrap_or_default();
            // Interned when the import was: a dotted module's first part may stand nowhere else.
            names.get(first).copied().into_iter().collect()
        }
        StatementKind::From { bound, .. } => vec![*bound],
        StatementKind::Bind { target, .. }
        | StatementKind::Annotated { target, .. }
        | StatementKind::Augment { target, .. }
        | StatementKind::Each { target, .. }
        | StatementKind::Enter { target, .. }
        | StatementKind::Narrow {
            subject: target, ..
        } => facts.names_in_target(*target),
        StatementKind::Blank { name } => vec![*name],
        StatementKind::Define(scope) => vec![facts.scope(*scope).name],
        StatementKind::Star { .. } | StatementKind::Return(_) | StatementKind::Evaluate(_) => {
            Vec::new()
        }
    }
}

/// `src/shop/orders.py` is `shop.orders`.
fn module_name(path: &str, packages: &FxHashSet<String>, roots: &[String]) -> String {
    let stem = stem(path);
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let below = match topmost_package(folder, packages) {
        Some(top) => top.rsplit_once('/').map_or("", |(parent, _)| parent),
        None => roots
            .iter()
            .filter(|root| is_below(stem, root))
            .max_by_key(|root| root.len())
            .map_or("", String::as_str),
    };
    let rest = stem
        .strip_prefix(below)
        .unwrap_or(stem)
        .trim_start_matches('/');
    rest.replace('/', ".")
}

/// A path without its ending; of an `__init__.py`, its folder.
fn stem(path: &str) -> &str {
    let stem = path.strip_suffix(".py").unwrap_or(path);
    match stem.rsplit_once('/') {
        Some((folder, "__init__")) => folder,
        None if stem == "__init__" => "",
        _ => stem,
    }
}

fn is_below(path: &str, root: &str) -> bool {
    root.is_empty()
        || path
            .strip_prefix(root)
            .is_some_and(|rest| rest.starts_with('/'))
}

/// The outermost of the packages that lie directly within one another above a folder.
fn topmost_package<'a>(folder: &'a str, packages: &FxHashSet<String>) -> Option<&'a str> {
    let mut candidates = Vec::new();
    let mut current = folder;
    while !current.is_empty() {
        candidates.push(current);
        current = current.rsplit_once('/').map_or("", |(parent, _)| parent);
    }
    // A folder without `__init__.py` within a package is a part of it all the same.
    let first = candidates
        .iter()
        .position(|folder| packages.contains(*folder))?;
    let chain = candidates[first..]
        .iter()
        .take_while(|folder| packages.contains(**folder));
    chain.last().copied()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "there are less than 2^32 of anything"
)]
fn id(index: usize) -> u32 {
    index as u32
}

#[cfg(test)]
mod tests {
    use super::{FxHashSet, module_name};

    #[test]
    fn a_module_is_named_from_its_topmost_package() {
        let packages: FxHashSet<String> = ["src/shop", "src/shop/awaited"]
            .into_iter()
            .map(str::to_owned)
            .collect();
        let name = |path| module_name(path, &packages, &["src".to_owned(), "tools".to_owned()]);
        assert_eq!(name("src/shop/__init__.py"), "shop");
        assert_eq!(name("src/shop/awaited/orders.py"), "shop.awaited.orders");
        assert_eq!(name("src/shop/data/rows.py"), "shop.data.rows");
        assert_eq!(name("tools/run.py"), "run");
        assert_eq!(name("scripts/run.py"), "scripts.run");
    }
}
