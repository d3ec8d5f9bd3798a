//! Ways to damage a file.

use crate::random::Random;

/// What the reader looks for, and what opens something that is to be closed.
const WORDS: [&str; 44] = [
    "bus",
    ".publish(",
    ".subscribe(",
    "@bus.on(",
    "class ",
    "def ",
    "async def ",
    "lambda ",
    "import *",
    "from . import ",
    "from .. import ",
    "self",
    "*",
    "**",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\"\"\"",
    "f\"{",
    "'",
    "\\",
    "\n",
    "\t",
    ":",
    ",",
    "=",
    ":=",
    "->",
    "match x:\n case ",
    "try:\n ",
    "yield ",
    "await ",
    "global bus\n",
    "type X = X\n",
    "# wiring: publishes ",
    "# buswork: ignore[",
    "impl Handler<E> for E {",
    "fn f<'a>(",
    "mod m;",
    "\u{feff}",
    "\u{202e}注",
];

/// Of these, a heap of thousands is nothing unusual in generated code.
const DEEP: [(&str, &str); 10] = [
    ("(", ")"),
    ("[", "]"),
    ("{", "}"),
    ("f(", ")"),
    ("not ", ""),
    ("x.", "x"),
    ("lambda: ", "0"),
    ("a if b else ", "c"),
    ("1 + ", "1"),
    ("{**", "}"),
];

/// The bytes, damaged in one way.
pub fn damaged(mut bytes: Vec<u8>, other: &[u8], random: &mut Random) -> Vec<u8> {
    let at = random.below(bytes.len() + 1);
    match random.below(14) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(..at)),
        2 => {
            let end = (at + random.below(200)).min(bytes.len());
            drop(bytes.drain(at..end));
        }
        3 => splice(&mut bytes, at, random.one_of(&WORDS).as_bytes()),
        4 => {
            let from = random.below(other.len() + 1);
            let end = (from + random.below(2_000)).min(other.len());
            splice(&mut bytes, at, &other[from..end]);
        }
        5 => {
            let end = (at + random.below(500)).min(bytes.len());
            let part = bytes[at..end].to_vec();
            for _ in 0..=random.below(20) {
                splice(&mut bytes, at, &part);
            }
        }
        6 => flip(&mut bytes, random),
        7 => bytes = lines_swapped(&bytes, random),
        8 => bytes = names_swapped(&bytes, random),
        9 => splice(&mut bytes, at, &deep(random)),
        10 => bytes = indented(&bytes, random),
        _ => bytes = entangled(&bytes, random),
    }
    bytes
}

fn splice(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    drop(bytes.splice(at..at, part.iter().copied()));
}

fn flip(bytes: &mut [u8], random: &mut Random) {
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << (random.byte() % 8);
        }
    }
}

fn lines_swapped(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    for _ in 0..=random.below(10) {
        let (left, right) = (random.below(lines.len()), random.below(lines.len()));
        lines.swap(left, right);
    }
    lines.join(&b'\n')
}

/// One name for another, everywhere: circles of imports, bases and assignments come of it.
fn names_swapped(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let is_apart = |character: char| !character.is_alphanumeric() && character != '_';
    let names: Vec<&str> = text.split(is_apart).filter(|name| name.len() > 2).collect();
    if names.is_empty() {
        return bytes.to_vec();
    }
    let (old, new) = (random.one_of(&names), random.one_of(&names));
    text.replace(old, new).into_bytes()
}

/// Statements that go round in circles, of names that the file has.
fn entangled(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let is_apart = |character: char| !character.is_alphanumeric() && character != '_';
    let names: Vec<&str> = text.split(is_apart).filter(|name| name.len() > 2).collect();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if names.is_empty() {
        return bytes.to_vec();
    }
    // Few names, so that they meet.
    let few: Vec<&str> = (0..3).map(|_| random.one_of(&names)).collect();
    for _ in 0..=random.below(8) {
        let at = random.below(lines.len() + 1);
        let next = lines.get(at).map_or("", String::as_str);
        let indent = next[..next.len() - next.trim_start().len()].to_owned();
        let (one, other) = (random.one_of(&few), random.one_of(&few));
        let statement = match random.below(16) {
            0 => format!("{one} = {other}"),
            1 => format!("{one}.extend({other})"),
            2 => format!("{one} += {other}"),
            3 => format!("{one}.append({other})"),
            4 => format!("{one}.{other} = {one}"),
            5 => format!("self.{one} = self.{other}"),
            6 => format!("self.{one}.extend(self.{other})"),
            7 => format!("class {one}({other}): {other} = {one}"),
            8 => format!("for {one} in {other}: bus.publish({one})"),
            9 => format!("def {one}({other}): return {other}({one})"),
            10 => format!("{one} = [{other}, *{one}]"),
            11 => format!("{one} = {{**{other}, {one}: {one}}}"),
            12 => format!("{one} = lambda {other}: {one}({other})"),
            13 => format!("bus.subscribe({one}, {other})"),
            14 => format!("bus.publish({one}({other}))"),
            _ => format!(
                "@{one}.on({other})\n{indent}def {other}(self, {one}: {other}): {one}.publish({other})"
            ),
        };
        lines.insert(at, format!("{indent}{statement}"));
    }
    lines.join("\n").into_bytes()
}

fn deep(random: &mut Random) -> Vec<u8> {
    let (open, close) = DEEP[random.below(DEEP.len())];
    let depth = 1 << random.below(15);
    let body = format!("{}x{}", open.repeat(depth), close.repeat(depth));
    format!("\ndeep = {body}\nbus.publish({body})\n").into_bytes()
}

fn indented(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let (first, count) = (random.below(text.lines().count()), random.below(30));
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let is_within = (first..first + count).contains(&number);
        lines.push(if is_within {
            format!("    {line}")
        } else {
            line.to_owned()
        });
    }
    lines.join("\n").into_bytes()
}
