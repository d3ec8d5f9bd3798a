//! Comments that ask to overlook a rule: `// buswork: ignore[BW001] heard by the billing service`.

use crate::graph::{About, IgnoreComment, Location};
use crate::sources::Source;

const MARK: &str = "buswork: ignore[";

/// The comments of one file. Text within a string of one line is none.
pub(super) fn ignores(source: &Source) -> Vec<IgnoreComment> {
    if !source.text.contains(MARK) {
        return Vec::new();
    }
    let lines: Vec<&str> = source.text.lines().collect();
    (0..lines.len())
        .filter_map(|index| ignore(source, &lines, index))
        .collect()
}

fn ignore(source: &Source, lines: &[&str], index: usize) -> Option<IgnoreComment> {
    let number = |index: usize| u32::try_from(index + 1).ok();
    let text = lines[index];
    let line = number(index)?;
    let mut parts = comment(text)?.split("//");
    let comment = parts.find_map(|part| part.trim_start().strip_prefix(MARK))?;
    let (codes, reason) = comment.split_once(']')?;
    let about = if is_aside(text) {
        let below = lines[index..].iter().position(|text| !is_aside(text));
        below.and_then(|below| number(index + below)).map(at)
    } else {
        None
    };
    Some(IgnoreComment {
        location: Location {
            file: source.file.clone(),
            line,
        },
        codes: codes
            .split(',')
            .map(str::trim)
            .filter(|code| !code.is_empty())
            .map(str::to_owned)
            .collect(),
        reason: reason.trim().to_owned(),
        about,
    })
}

/// Whether a line is a comment or an attribute: what stands above it speaks of what is below.
fn is_aside(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("//") || text.starts_with("#[")
}

fn at(line: u32) -> About {
    About {
        line,
        first: line,
        last: line,
        definition: 0,
    }
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
