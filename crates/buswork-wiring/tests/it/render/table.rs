use buswork_wiring::render::table::table;

use super::is_harmless;
use crate::graphs::nasty::nasty;
use crate::graphs::shop::shop;

#[test]
fn the_shop() {
    insta::assert_snapshot!(table(&shop(), None, false));
}

#[test]
fn odd_names_stay_in_their_columns() {
    let text = table(&nasty(), None, false);
    assert!(is_harmless(&text));
    insta::assert_snapshot!(text);
}
