//! A page of documentation, taken apart.

/// A piece of a page. All of them, put together, are the page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// What is only read.
    Text(&'a str),
    /// The remark that begins again with an empty folder.
    NewFolder(&'a str),
    /// A block that shows a file.
    File {
        name: &'a str,
        content: &'a str,
        text: &'a str,
    },
    /// A command, and what is shown to come of it.
    Command { line: &'a str, shown: &'a str },
}

const NEW_FOLDER: &str = "<!-- a new folder -->";
const FENCE: &str = "```";

pub(super) fn parts(page: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = page;
    while !rest.is_empty() {
        let (line, behind) = first_line(rest);
        let Some(label) = line.trim_end().strip_prefix(FENCE) else {
            let is_new = line.trim_end() == NEW_FOLDER;
            parts.push(if is_new {
                Part::NewFolder(line)
            } else {
                Part::Text(line)
            });
            rest = behind;
            continue;
        };
        let end = behind.find("\n```\n").map_or(behind.len(), |end| end + 1);
        let (content, behind) = behind.split_at(end);
        let text = &rest[..line.len() + content.len()];
        if let Some((_, name)) = label.split_once(" file: ") {
            parts.push(Part::File {
                name,
                content,
                text,
            });
        } else if label == "console" && content.contains("$ buswork ") {
            parts.push(Part::Text(line));
            parts.extend(commands(content));
        } else {
            parts.push(Part::Text(text));
        }
        let (fence, behind) = first_line(behind);
        parts.push(Part::Text(fence));
        rest = behind;
    }
    parts
}

fn first_line(text: &str) -> (&str, &str) {
    text.split_at(text.find('\n').map_or(text.len(), |end| end + 1))
}

/// The commands of a block, each with what stands below it.
fn commands(block: &str) -> Vec<Part<'_>> {
    let mut commands = Vec::new();
    let mut rest = block;
    while !rest.is_empty() {
        let (line, behind) = first_line(rest);
        let end = behind.find("\n$ ").map_or(behind.len(), |end| end + 1);
        let end = if behind.starts_with("$ ") { 0 } else { end };
        let (shown, behind) = behind.split_at(end);
        commands.push(Part::Command { line, shown });
        rest = behind;
    }
    commands
}

/// Whether what is shown is what came; `…` alone on a line stands for any lines.
pub(super) fn is_same(shown: &str, came: &str) -> bool {
    let mut pieces = shown.split("…\n");
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = came.strip_prefix(first) else {
        return false;
    };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, between)) = pieces.split_last() else {
        return rest.is_empty();
    };
    for piece in between {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn a_page_is_the_sum_of_its_parts() {
    let page =
        "a\n```toml file: a.toml\nx = 1\n```\n```console\n$ buswork a\nb\n\nc\n$ echo $?\n0\n```\n";
    assert_eq!(
        parts(page),
        [
            Part::Text("a\n"),
            Part::File {
                name: "a.toml",
                content: "x = 1\n",
                text: "```toml file: a.toml\nx = 1\n",
            },
            Part::Text("```\n"),
            Part::Text("```console\n"),
            Part::Command {
                line: "$ buswork a\n",
                shown: "b\n\nc\n"
            },
            Part::Command {
                line: "$ echo $?\n",
                shown: "0\n"
            },
            Part::Text("```\n"),
        ]
    );
}

#[test]
fn an_ellipsis_stands_for_any_lines() {
    assert!(is_same("a\n…\nd\n", "a\nb\nc\nd\n"));
    assert!(is_same("…\n", "a\n"));
    assert!(!is_same("a\n…\n", "b\n"));
    assert!(!is_same("a\n", "a\nb\n"));
}
