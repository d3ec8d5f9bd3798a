use buswork_wiring::render::sarif::sarif;

use super::{findings, rules};
use crate::graphs::nasty::nasty;

#[test]
fn findings_as_results() {
    insta::assert_snapshot!(sarif(&nasty(), &rules(), &findings()));
}

#[test]
fn a_line_that_moves_changes_no_fingerprint() {
    let prints = |text: &str| {
        let log: serde_json::Value = serde_json::from_str(text).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap().clone();
        results
            .iter()
            .map(|one| one["partialFingerprints"].clone())
            .collect::<Vec<_>>()
    };
    let mut moved = findings();
    moved[0].location.as_mut().unwrap().line += 5;
    let before = sarif(&nasty(), &rules(), &findings());
    let after = sarif(&nasty(), &rules(), &moved);
    assert_ne!(before, after);
    assert_eq!(prints(&before), prints(&after));
}
