use buswork_wiring::render::github::github;

use super::{findings, is_harmless, rules};
use crate::graphs::nasty::nasty;

#[test]
fn a_command_a_finding_and_none_smuggled_in() {
    let text = github(&nasty(), &rules(), &findings());
    assert!(is_harmless(&text));
    assert!(text.lines().all(|line| line.starts_with("::")), "{text}");
    insta::assert_snapshot!(text);
}
