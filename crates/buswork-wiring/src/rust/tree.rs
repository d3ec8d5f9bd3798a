//! The tree of modules: from the roots of crates along `mod` items, file by file.

use rustc_hash::{FxHashMap, FxHashSet};

use super::declare::Declaring;
use super::items::{Crate, Item, Module, Program};
use super::packages::{Package, Role, loose_role, package_of, packages};
use super::parse::Parsed;
use super::types::Index;
use crate::sources::Source;

/// A `mod` item whose code lies in another file.
pub(super) struct Outside {
    pub(super) module: Index,
    pub(super) name: String,
    /// From `#[path = "…"]`.
    pub(super) path: Option<String>,
    /// Modules within the file that it stands in.
    pub(super) inside: Vec<String>,
    /// It is for tests only, so its file is not read.
    pub(super) is_test: bool,
    pub(super) source: usize,
}

/// The tree that grows.
pub(super) struct Tree<'a> {
    pub(super) program: Program<'a>,
    sources: &'a [Source],
    packages: Vec<Package>,
    files: FxHashMap<&'a str, &'a Parsed>,
    /// The modules of files that were met.
    met: FxHashMap<usize, Index>,
    /// Files for tests, and folders of such, which end in `/`.
    tests: FxHashSet<String>,
    /// Modules of files that no `mod` item names, though their package has a root.
    pub(super) unreached: FxHashSet<Index>,
}

/// Reads all declarations.
pub(super) fn grow<'a>(sources: &'a [Source], parsed: &'a [Parsed]) -> Tree<'a> {
    let files = parsed
        .iter()
        .map(|file| (sources[file.source].file.as_str(), file))
        .collect();
    let mut tree = Tree {
        program: Program::default(),
        sources,
        packages: packages(sources),
        files,
        met: FxHashMap::default(),
        tests: FxHashSet::default(),
        unreached: FxHashSet::default(),
    };
    let mut modules = Vec::new();
    for file in parsed {
        let path = &sources[file.source].file;
        let package = package_of(&tree.packages, path);
        match package.map_or_else(|| loose_role(path), |package| package.role(path)) {
            Role::Root { name, .. } if name == "buswork" => {}
            Role::Root { name, is_library } => tree.add_root(file, name, is_library),
            Role::Module => modules.push(file),
            Role::Test => {}
        }
    }
    tree.add_the_rest(modules);
    tree
}

impl<'a> Tree<'a> {
    fn add_root(&mut self, file: &'a Parsed, name: String, is_library: bool) {
        let root = self.add_crate(file.source, name, is_library);
        self.fill(file, root, true);
    }

    fn add_crate(&mut self, source: usize, name: String, is_library: bool) -> Index {
        let package = package_of(&self.packages, &self.sources[source].file);
        let renamed = package
            .map(|package| package.renamed.clone())
            .unwrap_or_default();
        let owner = self.program.crates.len();
        let root = self.add_module(name.clone(), owner, None, source);
        let knows_bus = renamed.values().any(|package| package == "buswork");
        self.program.crates.push(Crate {
            name,
            root,
            is_library,
            renamed,
            knows_bus,
        });
        root
    }

    /// Adds an empty module.
    pub(super) fn add_module(
        &mut self,
        name: String,
        owner: Index,
        parent: Option<Index>,
        source: usize,
    ) -> Index {
        self.program.modules.push(Module {
            name,
            within: String::new(),
            owner,
            parent,
            is_block: false,
            source,
            names: FxHashMap::default(),
            uses: FxHashMap::default(),
            globs: Vec::new(),
        });
        self.program.modules.len() - 1
    }

    /// Reads a file as the code of `module`, and goes on to the files that it names.
    ///
    /// `is_folder`: its modules lie beside it, as those of `mod.rs` and of a root do.
    fn fill(&mut self, file: &'a Parsed, module: Index, is_folder: bool) {
        let mut waiting = vec![(file, module, is_folder)];
        while let Some((file, module, is_folder)) = waiting.pop() {
            if self.met.contains_key(&file.source) {
                continue;
            }
            self.met.insert(file.source, module);
            let owner = self.program.modules[module].owner;
            self.program.crates[owner].knows_bus |=
                self.sources[file.source].text.contains("buswork::");
            let mut outside = Vec::new();
            Declaring {
                tree: self,
                outside: &mut outside,
                inside: Vec::new(),
            }
            .items(&file.tree.items, module);
            for child in outside {
                let paths = paths(&self.sources[child.source].file, is_folder, &child);
                if child.is_test {
                    self.leave_out(&paths);
                    continue;
                }
                let found = paths
                    .iter()
                    .find_map(|path| Some((path, self.files.get(path.as_str()).copied()?)));
                if let Some((path, file)) = found {
                    let is_folder = child.path.is_some() || path.ends_with("/mod.rs");
                    self.program.modules[child.module].source = file.source;
                    waiting.push((file, child.module, is_folder));
                }
            }
        }
    }

    fn leave_out(&mut self, paths: &[String]) {
        for path in paths {
            let folder = path.trim_end_matches("/mod.rs").trim_end_matches(".rs");
            self.tests.insert(format!("{folder}/"));
            self.tests.insert(path.clone());
        }
    }

    /// Files that no `mod` item names: part of a package was read, or they are left over.
    fn add_the_rest(&mut self, mut files: Vec<&'a Parsed>) {
        files.sort_by_key(|file| {
            let path = &self.sources[file.source].file;
            (path.matches('/').count(), !path.ends_with("mod.rs"), path)
        });
        let mut roots: FxHashMap<String, Index> = FxHashMap::default();
        for file in files {
            let path = &self.sources[file.source].file;
            let is_test = self.tests.iter().any(|test| {
                path == test || (test.ends_with('/') && path.starts_with(test.as_str()))
            });
            if is_test || self.met.contains_key(&file.source) {
                continue;
            }
            let (folder, name) = self.home(path);
            if name == "buswork" {
                continue;
            }
            let known = self.program.crates.iter().find(|owner| owner.name == name);
            let is_left_over = known.is_some() && !roots.contains_key(&folder);
            let root = match (roots.get(&folder), known) {
                (Some(&root), _) => root,
                (None, Some(owner)) => owner.root,
                (None, None) => self.add_crate(file.source, name, true),
            };
            if !is_left_over {
                roots.insert(folder.clone(), root);
            }
            let first = self.program.modules.len();
            let module = self.module_at(root, &path[folder.len()..], file.source);
            self.fill(file, module, path.ends_with("mod.rs"));
            if is_left_over {
                self.unreached.extend(first..self.program.modules.len());
            }
        }
    }

    /// The folder that modules of a file without a root are counted from, and its crate's name.
    fn home(&self, path: &str) -> (String, String) {
        if let Some(package) = package_of(&self.packages, path) {
            let sources = format!("{}src/", package.folder);
            let folder = if path.starts_with(&sources) {
                sources
            } else {
                package.folder.clone()
            };
            return (folder, package.name.clone());
        }
        if let Some(place) = path.rfind("/src/") {
            let name = path[..place]
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .replace('-', "_");
            return (path[..place + 5].to_owned(), name);
        }
        let folder = path.rfind('/').map_or("", |end| &path[..=end]);
        let name = folder
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default();
        let name = if name.is_empty() || name == "src" {
            "crate"
        } else {
            name
        };
        (folder.to_owned(), name.replace('-', "_"))
    }

    /// The module for a path such as `orders/mod.rs`, with those around it.
    fn module_at(&mut self, root: Index, path: &str, source: usize) -> Index {
        let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
        let mut module = root;
        for part in path.split('/') {
            let found = self.program.modules[module]
                .names
                .get(part)
                .and_then(|items| {
                    items.iter().find_map(|item| match item {
                        Item::Module(index) => Some(*index),
                        _ => None,
                    })
                });
            module = found.unwrap_or_else(|| self.add_child(module, part, source));
        }
        module
    }

    /// Adds an empty module within another.
    pub(super) fn add_child(&mut self, parent: Index, name: &str, source: usize) -> Index {
        let around = &self.program.modules[parent];
        let path = format!("{}::{name}", around.name);
        let owner = around.owner;
        let child = self.add_module(path, owner, Some(parent), source);
        let names = &mut self.program.modules[parent].names;
        names
            .entry(name.to_owned())
            .or_default()
            .push(Item::Module(child));
        child
    }
}

/// Where the code of a module may lie.
fn paths(file: &str, is_folder: bool, child: &Outside) -> Vec<String> {
    let (folder, name) = file
        .rsplit_once('/')
        .map_or(("", file), |(folder, name)| (folder, name));
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    if !is_folder && (child.path.is_none() || !child.inside.is_empty()) {
        parts.push(name.trim_end_matches(".rs"));
    }
    parts.extend(child.inside.iter().map(String::as_str));
    if let Some(path) = &child.path {
        return vec![joined(parts, path)];
    }
    let name = child.name.trim_start_matches("r#");
    vec![
        joined(parts.clone(), &format!("{name}.rs")),
        joined(parts, &format!("{name}/mod.rs")),
    ]
}

fn joined<'a>(mut parts: Vec<&'a str>, path: &'a str) -> String {
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
