//! Where what was read is remembered: in the user's folder for caches, never among the code.

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// So many scans are remembered, those that were written last.
const KEPT: usize = 32;

/// The folder for a scan of these paths; none where nothing can be kept. Each scan has one of its
/// own, since a cache keeps what the last scan read, and nothing else.
pub(super) fn folder(root: &Path, paths: &[PathBuf]) -> Option<PathBuf> {
    let folder = caches()?.join("buswork");
    fs::create_dir_all(&folder).ok()?;
    let mut hasher = DefaultHasher::new();
    (root, paths).hash(&mut hasher);
    let own = folder.join(format!("{:016x}", hasher.finish()));
    // Counted with this one, which may not be there yet.
    let others = folders(&folder).into_iter().filter(|other| *other != own);
    for old in others.skip(KEPT - 1) {
        remove(&old);
    }
    Some(own)
}

/// The folders of all scans, those first that were written last.
fn folders(caches: &Path) -> Vec<PathBuf> {
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| {
            name.len() == 16 && name.chars().all(|digit| digit.is_ascii_hexdigit())
        })
    };
    let entries = fs::read_dir(caches).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path()).filter(is_ours);
    let mut dated: Vec<(SystemTime, PathBuf)> = paths
        .filter_map(|path| Some((fs::symlink_metadata(&path).ok()?.modified().ok()?, path)))
        .collect();
    dated.sort_unstable_by(|left, right| right.cmp(left));
    dated.into_iter().map(|(_, path)| path).collect()
}

/// Removes what a cache is made of, and the folder if that was all. Another process that is about to
/// write there says so, and goes without.
fn remove(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("wiring-") || name == ".gitignore" || name == "CACHEDIR.TAG" {
            let _ = fs::remove_file(entry.path());
        }
    }
    let _ = fs::remove_dir(folder);
}

/// Where this system keeps caches.
fn caches() -> Option<PathBuf> {
    let given = |name: &str| {
        let path = PathBuf::from(env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let home = || given("HOME");
    if let Some(folder) = given("XDG_CACHE_HOME") {
        return Some(folder);
    }
    match env::consts::OS {
        "windows" => given("LOCALAPPDATA"),
        "macos" => Some(home()?.join("Library/Caches")),
        _ => Some(home()?.join(".cache")),
    }
}
