//! Comments that ask to overlook a rule: `// buswork: ignore[BW001] heard by the billing service`.

use crate::graph::{IgnoreComment, Location};
use crate::sources::Source;

const MARK: &str = "buswork: ignore[";

/// The comments of one file. Text within a string of one line is none.
pub(super) fn ignores(source: &Source) -> Vec<IgnoreComment> {
    if !source.text.contains(MARK) {
        return Vec::new();
    }
    (1..)
        .zip(source.text.lines())
        .filter_map(|(line, text)| ignore(source, line, text))
        .collect()
}

fn ignore(source: &Source, line: u32, text: &str) -> Option<IgnoreComment> {
    let comment = comment(text)?.trim_start().strip_prefix(MARK)?;
    let (codes, reason) = comment.split_once(']')?;
    Some(IgnoreComment {
        location: Location {
            file: source.file.clone(),
            line,
        },
        codes: codes
            .split(',')
            .map(|code| code.trim().to_owned())
            .collect(),
        reason: reason.trim().to_owned(),
    })
}

/// What follows the first `//` that is in no string.
fn comment(text: &str) -> Option<&str> {
    let mut in_string = false;
    let mut escaped = false;
    for (place, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            '/' if !in_string && text[place..].starts_with("//") => {
                return Some(&text[place + 2..]);
            }
            _ => {}
        }
    }
    None
}
