use buswork_wiring::render::notes::notes;

use super::{findings, is_harmless};
use crate::graphs::nasty::nasty;
use crate::graphs::shop::shop;

#[test]
fn findings_with_their_paths() {
    let text = notes(&nasty(), &findings(), false);
    assert!(is_harmless(&text));
    insta::assert_snapshot!(text);
}

#[test]
fn nothing_found() {
    insta::assert_snapshot!(notes(&shop(), &[], false));
}
