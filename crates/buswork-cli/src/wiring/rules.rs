//! `buswork wiring rules`: what a code means.

use std::fmt::Write;
use std::process::ExitCode;

use buswork_wiring::nearest::nearest;
use buswork_wiring::rules::{Rule, rule, rules};

use crate::failure::Failure;
use crate::output::Terminal;

/// Characters a line of prose.
const WIDTH: usize = 88;

pub(super) fn run(code: Option<&str>, terminal: &Terminal) -> Result<ExitCode, Failure> {
    let text = match code {
        None => list(),
        Some(code) => told(rule(code).ok_or_else(|| unknown(code))?),
    };
    terminal.write(None, &text)?;
    Ok(ExitCode::SUCCESS)
}

fn unknown(code: &str) -> Failure {
    let known = rules().iter().flat_map(|rule| [rule.code, rule.name]);
    let near = nearest(code, known);
    match near.first() {
        Some(near) => Failure::new(format!(
            "no rule is called `{code}`; did you mean `{near}`?"
        )),
        None => Failure::new(format!(
            "no rule is called `{code}`; `buswork wiring rules` lists them all"
        )),
    }
}

fn list() -> String {
    let longest = rules()
        .iter()
        .map(|rule| rule.name.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for rule in rules() {
        let Rule {
            code,
            name,
            severity,
            summary,
            ..
        } = rule;
        let _ = writeln!(text, "{code}  {name:longest$}  {severity:7}  {summary}");
    }
    text
}

/// The text in lines that are pleasant to read.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    for paragraph in text.lines() {
        let mut length = 0;
        for word in paragraph.split_whitespace() {
            let needed = word.chars().count() + 1;
            if length > 0 && length + needed > WIDTH {
                lines.push('\n');
                length = 0;
            }
            if length > 0 {
                lines.push(' ');
            }
            lines.push_str(word);
            length += needed;
        }
        lines.push('\n');
    }
    lines
}

fn told(rule: &Rule) -> String {
    let Rule {
        code,
        name,
        severity,
        summary,
        explanation,
        fix,
        example,
    } = rule;
    let mut text = format!("{code} {name} ({severity})\n");
    for paragraph in [*summary, *explanation, &format!("Fix: {fix}")] {
        let _ = write!(text, "\n{}", wrapped(paragraph));
    }
    for (title, code) in [("Wrong", example.bad), ("Right", example.good)] {
        let _ = write!(text, "\n{title}:\n");
        for line in code.trim_end().lines() {
            let _ = writeln!(text, "{}", format!("    {line}").trim_end());
        }
    }
    text
}
