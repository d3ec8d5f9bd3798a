//! The graph as text.

mod github;
mod json;
mod mermaid;
mod notes;
mod sarif;
mod table;
mod tree;

use buswork_wiring::render::{Note, RuleText, Severity};

use crate::graphs::nasty::NAME;
use crate::graphs::place;

/// Findings as the rules would make them.
fn findings() -> Vec<Note> {
    let step = |function: &str, at: &str| buswork_wiring::graph::Step {
        function: function.to_owned(),
        location: place(at),
    };
    vec![
        Note {
            rule: "BW101".to_owned(),
            severity: Severity::Error,
            message: "Ping leads to Pong, and Pong to Ping".to_owned(),
            location: Some(place("ring.py:21")),
            names: vec!["ring.Ping".to_owned(), "ring.Pong".to_owned()],
            path: vec![
                step("ring:on_ping", "ring.py:21"),
                step("ring:on_pong", "ring.py:31"),
            ],
            fingerprint: "BW101 ring.Ping ring.Pong".to_owned(),
            help: "Publish one of them elsewhere.".to_owned(),
        },
        Note {
            rule: "BW001".to_owned(),
            severity: Severity::Warning,
            message: format!("nobody handles {NAME}"),
            location: Some(place("odd names,%/a:b.py:7")),
            names: vec![NAME.to_owned()],
            path: Vec::new(),
            fingerprint: format!("BW001 {NAME}"),
            help: String::new(),
        },
    ]
}

fn rules() -> Vec<RuleText> {
    let rule = |code: &str, name: &str| RuleText {
        code: code.to_owned(),
        name: name.to_owned(),
        summary: format!("about {name}"),
        help: format!("how to mend {name}"),
    };
    vec![rule("BW001", "unhandled"), rule("BW101", "event-cycle")]
}

/// Whether a terminal would do anything but show the text.
fn is_harmless(text: &str) -> bool {
    !text
        .chars()
        .any(|character| character.is_control() && character != '\n')
}
