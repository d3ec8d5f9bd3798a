use buswork_wiring::config::Config;
use buswork_wiring::rules::{check, rule, rules};

use crate::wired::shop;

#[test]
fn rules_are_sorted_and_say_all_there_is_to_say() {
    assert!(rules().is_sorted_by_key(|rule| rule.code));
    for rule in rules() {
        for text in [
            rule.name,
            rule.summary,
            rule.explanation,
            rule.fix,
            rule.example.bad,
        ] {
            assert!(
                !text.is_empty() && text == text.trim(),
                "{}: {text}",
                rule.code
            );
        }
        assert!(
            rule.explanation.len() > 200,
            "{} is explained too briefly",
            rule.code
        );
        assert!(!rule.example.good.is_empty(), "{}", rule.code);
    }
}

#[test]
fn a_rule_is_found_by_its_code_and_its_name() {
    assert_eq!(rule("bw101").unwrap().name, "cycle");
    assert_eq!(rule("dead-handler").unwrap().code, "BW002");
    assert!(rule("BW999").is_none());
}

#[test]
fn a_shop_that_is_as_it_should_be_has_no_findings() {
    assert_eq!(check(&shop().graph(), &Config::default()), []);
}
