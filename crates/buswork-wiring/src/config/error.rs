//! What is wrong with a configuration, and what was probably meant.

use std::error::Error;
use std::fmt;
use std::ops::Range;

use crate::nearest::nearest;
use crate::text::printable;

/// What is wrong with a configuration: `pyproject.toml:12: unknown key `max-dept`; did you mean
/// `max-depth`?`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, relative to the root.
    pub file: String,
    /// The line, if it is known.
    pub line: Option<u32>,
    /// What is wrong, and how to mend it.
    pub message: String,
}

impl ConfigError {
    pub(super) fn new(file: &str, line: Option<u32>, message: String) -> Self {
        Self {
            file: file.to_owned(),
            line,
            message,
        }
    }

    pub(super) fn at(file: &str, text: &str, span: Range<usize>, message: String) -> Self {
        Self::new(file, Some(line_of(text, span.start)), message)
    }

    pub(super) fn of_toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let line = error.span().map(|span| line_of(text, span.start));
        Self::new(file, line, reworded(error.message()))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", printable(&self.file))?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        write!(formatter, ": {}", printable(&self.message))
    }
}

impl Error for ConfigError {}

pub(super) fn line_of(text: &str, offset: usize) -> u32 {
    let before = text.get(..offset).unwrap_or(text);
    u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX)
}

/// `; did you mean …?`, or the names there are.
pub(super) fn suggestion(written: &str, known: &[&str]) -> String {
    if let Some(meant) = nearest(written, known.iter().copied()).first() {
        return format!("; did you mean `{meant}`?");
    }
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("; there are {}", known.join(", "))
}

/// The parser's message, which names the unknown and then the known between back quotes, in our
/// words; any other message as it is.
fn reworded(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let Some((written, known)) = quoted.split_first() else {
        return message.to_owned();
    };
    let what = if message.starts_with("unknown field") {
        "key"
    } else if message.starts_with("unknown variant") {
        "value"
    } else {
        return message.to_owned();
    };
    format!("unknown {what} `{written}`{}", suggestion(written, known))
}
