//! Why the command could not do what it was asked for.

use std::fmt::Display;
use std::io;
use std::path::Path;

use buswork_wiring::text::printable;

/// What went wrong and how to mend it, most often in one line. The command ends with 2.
#[derive(Debug)]
pub(crate) struct Failure {
    lines: Vec<String>,
}

impl Failure {
    /// One line. A line end within it is part of a name, and is shown as one.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            lines: vec![message.into()],
        }
    }

    /// Several lines.
    pub(crate) fn of_lines(text: &str) -> Self {
        Self {
            lines: text.lines().map(str::to_owned).collect(),
        }
    }

    /// The same, told of something in particular.
    pub(crate) fn about(mut self, name: &str) -> Self {
        if let Some(first) = self.lines.first_mut() {
            *first = format!("{name}: {first}");
        }
        self
    }

    /// What a terminal may be given.
    pub(crate) fn printable(&self) -> String {
        let lines: Vec<_> = self.lines.iter().map(|line| printable(line)).collect();
        lines.join("\n")
    }

    /// A file that could not be read or written.
    pub(crate) fn of_file(path: &Path, did: &str, error: &io::Error) -> Self {
        Self::new(format!("{} could not be {did}: {error}", path.display()))
    }
}

impl<E: Display + std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}
