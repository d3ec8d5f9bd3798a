//! What the configuration speaks of and is not there: a mistyped folder or module changes what is
//! found, without a word.

use std::path::Path;

use crate::config::Config;

/// What is to be said of folders that imports start from, and of modules that programs start from.
pub(super) fn folders_and_modules(root: &Path, config: &Config) -> Vec<String> {
    let roots = config.source_roots.iter();
    let roots = roots.filter(|folder| !root.join(folder).is_dir());
    let roots = roots.map(|folder| format!("`source-roots` names `{folder}`, which is no folder"));
    let entries = config.entry_points.iter();
    let entries = entries.filter(|entry| !is_there(root, config, entry));
    let entries = entries.map(|entry| {
        format!("`entry-points` names `{entry}`, which is no module and no file here")
    });
    roots.chain(entries).collect()
}

/// Whether a file or a dotted module is below one of the folders that imports start from.
fn is_there(root: &Path, config: &Config, entry: &str) -> bool {
    let named = entry.split(':').next().unwrap_or_default();
    let path = named.replace('.', "/");
    let own = config.source_roots.iter().map(String::as_str);
    let mut folders = own.chain(["", "src"]).map(|folder| root.join(folder));
    root.join(named).exists()
        || folders.any(|folder| {
            folder.join(format!("{path}.py")).is_file() || folder.join(&path).is_dir()
        })
}
