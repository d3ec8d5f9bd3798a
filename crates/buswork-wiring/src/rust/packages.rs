//! Which files are roots of crates, and what the crates are called.
//!
//! By Cargo's conventions. Without a `Cargo.toml` among the sources, a folder with `src/lib.rs` or
//! `src/main.rs` is a package too, and its name is the folder's.

use rustc_hash::FxHashMap;
use toml::{Table, Value};

use crate::sources::Source;

/// A folder that holds a package.
#[derive(Debug, Default)]
pub(super) struct Package {
    /// With a `/` at its end; empty for the root of the scan.
    pub(super) folder: String,
    /// As it stands in paths: with `_`.
    pub(super) name: String,
    /// Dependencies that are called otherwise here: the name here → the crate.
    pub(super) renamed: FxHashMap<String, String>,
    /// Roots that the `Cargo.toml` names, relative to the folder → the crate.
    roots: FxHashMap<String, String>,
}

/// What a file is in its package.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The root of a crate of this name. A library can be named by others.
    Root { name: String, is_library: bool },
    /// It may be a module of one.
    Module,
    /// A test or a benchmark, which publishes on purpose: not read.
    Test,
}

/// All packages, those within others first.
pub(super) fn packages(sources: &[Source]) -> Vec<Package> {
    let mut packages: Vec<Package> = sources
        .iter()
        .filter_map(|source| {
            let folder = source.file.strip_suffix("Cargo.toml")?;
            is_folder(folder).then(|| from_manifest(folder, &source.text))?
        })
        .collect();
    for source in sources {
        let root = ["src/lib.rs", "src/main.rs"].iter().find_map(|end| {
            let folder = source.file.strip_suffix(end)?;
            is_folder(folder).then_some(folder)
        });
        let Some(folder) = root else { continue };
        if packages.iter().all(|package| package.folder != folder) {
            let name = folder_name(folder);
            packages.push(Package {
                folder: folder.to_owned(),
                name,
                ..Package::default()
            });
        }
    }
    packages.sort_by_key(|package| std::cmp::Reverse(package.folder.len()));
    packages
}

/// The package that a file is in.
pub(super) fn package_of<'a>(packages: &'a [Package], file: &str) -> Option<&'a Package> {
    packages
        .iter()
        .find(|package| file.starts_with(&package.folder))
}

impl Package {
    /// What a file is in this package.
    pub(super) fn role(&self, file: &str) -> Role {
        let inside = &file[self.folder.len()..];
        if let Some(name) = self.roots.get(inside) {
            return Role::Root {
                name: name.clone(),
                is_library: *name == self.name,
            };
        }
        let root = |name: &str| Role::Root {
            name: to_name(name),
            is_library: false,
        };
        match *inside.split('/').collect::<Vec<_>>() {
            ["src", "lib.rs"] => Role::Root {
                name: self.name.clone(),
                is_library: true,
            },
            ["src", "main.rs"] => root(&self.name),
            ["tests" | "benches", ..] => Role::Test,
            ["build.rs"] => root("build"),
            ["src", "bin", name] | ["examples", name] => root(name.trim_end_matches(".rs")),
            ["src", "bin", name, "main.rs"] | ["examples", name, "main.rs"] => root(name),
            _ => Role::Module,
        }
    }
}

/// What a file is that lies in no package.
pub(super) fn loose_role(file: &str) -> Role {
    let folder = ["main.rs", "lib.rs"]
        .iter()
        .find_map(|end| file.strip_suffix(end));
    match folder {
        Some(folder) if is_folder(folder) => Role::Root {
            name: folder_name(folder),
            is_library: file.ends_with("lib.rs"),
        },
        _ => Role::Module,
    }
}

fn from_manifest(folder: &str, text: &str) -> Option<Package> {
    let manifest: Table = text.parse().ok()?;
    let name = text_of(&manifest, "package", "name")?;
    let library = text_of(&manifest, "lib", "name").unwrap_or(name);
    let mut roots = FxHashMap::default();
    if let Some(path) = text_of(&manifest, "lib", "path") {
        roots.insert(path.to_owned(), to_name(library));
    }
    for kind in ["bin", "example"] {
        let targets = manifest
            .get(kind)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for target in targets {
            let text = |key| target.get(key).and_then(Value::as_str);
            if let (Some(path), Some(name)) = (text("path"), text("name")) {
                roots.insert(path.to_owned(), to_name(name));
            }
        }
    }
    Some(Package {
        folder: folder.to_owned(),
        name: to_name(library),
        renamed: renamed(&manifest),
        roots,
    })
}

fn text_of<'a>(manifest: &'a Table, table: &str, key: &str) -> Option<&'a str> {
    manifest.get(table)?.get(key)?.as_str()
}

/// `bus = { package = "buswork" }`.
fn renamed(manifest: &Table) -> FxHashMap<String, String> {
    let dependencies = manifest.get("dependencies").and_then(Value::as_table);
    dependencies
        .into_iter()
        .flatten()
        .filter_map(|(name, dependency)| {
            let package = dependency.get("package")?.as_str()?;
            Some((to_name(name), to_name(package)))
        })
        .collect()
}

fn is_folder(text: &str) -> bool {
    text.is_empty() || text.ends_with('/')
}

/// The name of a folder; `crate` where the scan begins in it, so that it has none.
fn folder_name(folder: &str) -> String {
    match folder.trim_end_matches('/').rsplit('/').next() {
        Some(name) if !name.is_empty() && name != "." && name != ".." => to_name(name),
        _ => "crate".to_owned(),
    }
}

fn to_name(text: &str) -> String {
    text.replace('-', "_")
}
