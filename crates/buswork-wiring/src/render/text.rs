//! Text for terminals, measured and aligned.

use unicode_width::UnicodeWidthStr;

use super::paint::{Role, painted};
use crate::text::printable;

/// What separates columns.
const GAP: &str = "   ";

/// How many columns of a terminal the text takes.
pub(super) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// `1 handler`, `2 handlers`.
pub(super) fn count(number: usize, of: &str) -> String {
    if number == 1 {
        format!("1 {of}")
    } else {
        format!("{number} {of}s")
    }
}

/// A piece of a line, painted as one. Its text is escaped.
#[derive(Debug, Clone)]
pub(super) struct Span {
    text: String,
    role: Role,
}

impl Span {
    pub(super) fn new(text: impl AsRef<str>, role: Role) -> Self {
        Self {
            text: printable(text.as_ref()).into_owned(),
            role,
        }
    }
}

/// What stands in one column of one line.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell(Vec<Span>);

impl Cell {
    pub(super) fn new(text: impl AsRef<str>, role: Role) -> Self {
        Self::default().and(text, role)
    }

    /// The cell with one more piece.
    pub(super) fn and(mut self, text: impl AsRef<str>, role: Role) -> Self {
        if !text.as_ref().is_empty() {
            self.0.push(Span::new(text, role));
        }
        self
    }

    fn width(&self) -> usize {
        self.0.iter().map(|span| width(&span.text)).sum()
    }
}

/// Writes lines of cells, each column as wide as its widest cell; a column with nothing in it takes
/// no room, and no line ends in spaces.
pub(super) fn write_aligned(out: &mut String, lines: &[Vec<Cell>], colour: bool) {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    // What stands last in its line pushes nobody aside.
    let widest = |column: usize| {
        let cells = lines.iter().filter(|line| has_more(line, column));
        cells
            .filter_map(|line| line.get(column))
            .map(Cell::width)
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    for line in lines {
        for (column, cell) in line.iter().enumerate() {
            for span in &cell.0 {
                out.push_str(&painted(&span.text, span.role, colour));
            }
            if !has_more(line, column) {
                break;
            }
            if widths[column] > 0 {
                out.extend(std::iter::repeat_n(
                    ' ',
                    widths[column].saturating_sub(cell.width()),
                ));
                out.push_str(GAP);
            }
        }
        out.push('\n');
    }
}

/// Whether anything follows this column.
fn has_more(line: &[Cell], column: usize) -> bool {
    line.iter().skip(column + 1).any(|cell| !cell.0.is_empty())
}
