use buswork_wiring::graph::Wiring;
use buswork_wiring::render::json::json;

use crate::graphs::nasty::nasty;
use crate::graphs::shop::shop;

#[test]
fn it_is_the_whole_graph() {
    for wiring in [shop(), nasty(), Wiring::of_code()] {
        let text = json(&wiring);
        assert_eq!(serde_json::from_str::<Wiring>(&text).unwrap(), wiring);
        assert_eq!(text, json(&wiring), "the same bytes");
        assert!(text.is_ascii() || !text.contains('\u{1b}'));
    }
}
