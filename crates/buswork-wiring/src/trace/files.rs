//! The files of a trace that was rotated.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::lines::records;
use super::record::Record;

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

/// Those of the [`files`] that are of the same trace as the last, which is always among them. A bus
/// keeps the trace of an earlier run as if it were a full file of the new one.
pub fn files_of_one_trace(path: &Path) -> Vec<PathBuf> {
    let newest = trace_of(path);
    let mut files = files(path);
    files.retain(|file| file == path || (newest.is_some() && trace_of(file) == newest));
    files
}

fn trace_of(path: &Path) -> Option<u128> {
    match records(File::open(path).ok()?).next()?.ok()? {
        Record::Trace(header) => Some(header.trace),
        _ => None,
    }
}
