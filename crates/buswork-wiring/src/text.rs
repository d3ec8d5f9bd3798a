//! Text for a terminal: names from code and traces made safe to print, and columns that line up.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with everything escaped that a terminal would obey rather than show: control
/// characters, line ends, and marks that turn the direction of writing.
///
/// ```
/// use buswork_wiring::text::printable;
///
/// assert_eq!(printable("shop.events.OrderPlaced"), "shop.events.OrderPlaced");
/// assert_eq!(printable("\u{1b}[2Jgone"), "\\x1b[2Jgone");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ if !is_obeyed(character) => shown.push(character),
            _ if u32::from(character) < 0x100 => escape(&mut shown, "\\x", character, ""),
            _ => escape(&mut shown, "\\u{", character, "}"),
        }
    }
    Cow::Owned(shown)
}

fn escape(shown: &mut String, before: &str, character: char, after: &str) {
    let _ = write!(shown, "{before}{:02x}{after}", u32::from(character));
}

fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Rows as lines, each column as wide as its widest cell, two blanks between, none at the end.
pub(crate) fn columns(indent: &str, rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(width)
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = indent.to_owned();
        for (cell, &full) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', full + 2 - width(cell)));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[expect(clippy::ptr_arg, reason = "maps over cells")]
fn width(cell: &String) -> usize {
    cell.chars().count()
}

/// `1 event`, `2 events`.
pub(crate) fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}
