//! The page of the rules says what the rules say.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use buswork_wiring::rules::{Rule, rules};

const BEGIN: &str = "<!-- the rules, as `buswork wiring rules` tells them -->\n";
const WIDTH: usize = 115;
const END: &str = "<!-- end of the rules -->\n";

/// `UPDATE_DOCS=1 cargo test -p buswork-wiring rules::page` writes them anew.
#[test]
fn the_page_and_the_rules_agree() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/wiring-rules.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page
        .split_once(BEGIN)
        .expect("the page says where the rules begin");
    let (_, after) = rest
        .split_once(END)
        .expect("the page says where the rules end");
    let told = format!("{before}{BEGIN}\n{}{END}{after}", sections());
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, told).unwrap();
        return;
    }
    for (number, (said, meant)) in (1..).zip(page.lines().zip(told.lines())) {
        assert_eq!(
            said, meant,
            "docs/wiring-rules.md:{number}; UPDATE_DOCS=1 writes it anew"
        );
    }
    assert!(
        page == told,
        "docs/wiring-rules.md ends early; UPDATE_DOCS=1 writes it anew"
    );
}

fn sections() -> String {
    let mut text = String::from("| code | name | severity | finds |\n| --- | --- | --- | --- |\n");
    for rule in rules() {
        let Rule {
            code,
            name,
            severity,
            summary,
            ..
        } = rule;
        let link = format!("#{}-{name}", code.to_lowercase());
        writeln!(
            text,
            "| [{code}]({link}) | {name} | {severity} | {summary} |"
        )
        .unwrap();
    }
    text.push('\n');
    for rule in rules() {
        section(&mut text, rule);
    }
    text
}

fn section(text: &mut String, rule: &Rule) {
    let Rule {
        code,
        name,
        severity,
        summary,
        explanation,
        fix,
        example,
    } = rule;
    writeln!(text, "### {code} {name}\n").unwrap();
    writeln!(text, "*{severity}*: {summary}.\n").unwrap();
    writeln!(text, "{}\n", wrapped(explanation)).unwrap();
    writeln!(text, "{}\n", wrapped(&format!("*Fix*: {fix}."))).unwrap();
    for (title, code) in [("Wrong", example.bad), ("Right", example.good)] {
        // Not `python`: the blocks called so are run.
        let language = if code.starts_with('[') { "toml" } else { "py" };
        writeln!(text, "{title}:\n\n```{language}\n{code}\n```\n").unwrap();
    }
}

fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is a first line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + 1 + word.len() <= WIDTH {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}
