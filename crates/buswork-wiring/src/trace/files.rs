//! The files of a trace that was rotated.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The files of the trace at `path`, oldest first: those that are full, `path.2` and `path.1`, and the
/// one that was written last, which is the only one if there are no others.
///
/// What is at hand is listed, up to the first number that is missing.
pub fn files(path: &Path) -> Vec<PathBuf> {
    let full = (1_u32..).map(|number| {
        let mut name = OsString::from(path);
        name.push(format!(".{number}"));
        PathBuf::from(name)
    });
    let mut files: Vec<PathBuf> = full.take_while(|full| full.is_file()).collect();
    files.reverse();
    files.push(path.to_path_buf());
    files
}
