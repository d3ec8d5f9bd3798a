//! Why the command could not do what it was asked for.

use std::fmt::Display;
use std::io;
use std::path::Path;

/// One line that says what went wrong and how to mend it. The command ends with 2.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// A file that could not be read or written.
    pub(crate) fn of_file(path: &Path, did: &str, error: &io::Error) -> Self {
        Self(format!("{} could not be {did}: {error}", path.display()))
    }
}

impl<E: Display + std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
