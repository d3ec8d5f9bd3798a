//! The files of one trace: `trace.jsonl` is being written, `trace.jsonl.1` is the newest of those
//! that are full.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Opens a new file for its owner alone. One that is there already is kept, as a full one is.
///
/// Nothing that is there is ever opened, so that nothing is waited for: a pipe that nobody reads, or a
/// terminal, is refused.
pub(super) fn open(path: &Path, keep: u32) -> io::Result<File> {
    if let Ok(target) = fs::metadata(path)
        && !target.is_file()
    {
        return Err(refusal(path, &target));
    }
    if fs::symlink_metadata(path).is_ok() {
        shift(path, keep)?;
    }
    let mut options = OpenOptions::new();
    // It must not be there: no link that somebody has put there is followed.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn refusal(path: &Path, target: &Metadata) -> io::Error {
    if target.is_dir() {
        return io::ErrorKind::IsADirectory.into();
    }
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "{} is no ordinary file: a trace is written to one, which is renamed when it is full",
            path.display()
        ),
    )
}

/// Makes the name free: each full file gets the next number, and the last is gone.
fn shift(path: &Path, keep: u32) -> io::Result<()> {
    if keep == 0 {
        return fs::remove_file(path);
    }
    for number in (1..keep).rev() {
        let full = numbered(path, number);
        if fs::symlink_metadata(&full).is_ok() {
            fs::rename(&full, numbered(path, number + 1))?;
        }
    }
    fs::rename(path, numbered(path, 1))
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    PathBuf::from(name)
}
