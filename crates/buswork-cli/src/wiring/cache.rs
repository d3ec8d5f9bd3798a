//! Where what was read is remembered: in the user's folder for caches, never among the code.

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// The folder for a scan of these paths; none where nothing can be kept. Each scan has one of its
/// own, since a cache keeps what the last scan read, and nothing else.
pub(super) fn folder(root: &Path, paths: &[PathBuf]) -> Option<PathBuf> {
    let folder = caches()?.join("buswork");
    fs::create_dir_all(&folder).ok()?;
    let mut hasher = DefaultHasher::new();
    (root, paths).hash(&mut hasher);
    Some(folder.join(format!("{:016x}", hasher.finish())))
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
