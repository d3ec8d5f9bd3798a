//! What a project says about its wiring, and what it is told when that means nothing.

use std::fs;

use buswork_wiring::config::{Config, ConfigError, Level};
use insta::assert_snapshot;

const WHOLE: &str = r#"
[project]
name = "shop"

[tool.ruff]
line-length = 100

[tool.buswork.wiring]
presets = ["buswork", "blinker"]
external = ["automation_*"]
library = true
entry-points = ["shop.main"]
source-roots = ["src"]
exclude = ["tests/**"]
max-depth = 4
max-fan-out = 20
severity = { BW001 = "error", request-response = "off" }

[[tool.buswork.wiring.ignore]]
rule = "BW002"
handler = "shop.audit:*"
reason = "called by the auditors' own tool"

[tool.buswork.boundaries.ordering]
modules = ["shop.orders.*"]

[tool.buswork.boundaries.billing]
modules = ["shop.billing.*"]
hears = ["ordering"]
"#;

fn refused(text: &str) -> String {
    Config::parse("pyproject.toml", text)
        .unwrap_err()
        .to_string()
}

#[test]
fn every_key_is_read() {
    let config = Config::parse("pyproject.toml", WHOLE).unwrap();

    assert_eq!(
        config.presets.as_deref(),
        Some(&["buswork".to_owned(), "blinker".to_owned()][..])
    );
    assert_eq!(config.external, ["automation_*"]);
    assert!(config.library);
    assert_eq!(config.entry_points, ["shop.main"]);
    assert_eq!(config.source_roots, ["src"]);
    assert_eq!(config.exclude, ["tests/**"]);
    assert_eq!((config.max_depth, config.max_fan_out), (Some(4), Some(20)));
    assert_eq!(config.severity["BW001"], Level::Error);
    assert_eq!(
        config.severity["BW301"],
        Level::Off,
        "a rule can be called by its name too"
    );
    assert_eq!(config.ignores[0].handler.as_deref(), Some("shop.audit:*"));
    assert_eq!(config.ignores[0].location.to_string(), "pyproject.toml:19");
    assert_eq!(config.boundaries["billing"].hears, ["ordering"]);
}

#[test]
fn a_module_is_in_the_context_whose_pattern_it_matches() {
    let config = Config::parse("pyproject.toml", WHOLE).unwrap();

    assert_eq!(config.context_of("shop.billing.cards"), Some("billing"));
    assert_eq!(config.context_of("shop.billing"), Some("billing"));
    assert_eq!(config.context_of("shop.billings"), None);

    let nested = WHOLE.replace("shop.orders.*", "shop.*");
    let config = Config::parse("pyproject.toml", &nested).unwrap();
    assert_eq!(
        config.context_of("shop.billing.cards"),
        Some("billing"),
        "the longer pattern"
    );
    assert_eq!(config.context_of("shop.cart"), Some("ordering"));
}

#[test]
fn a_file_of_its_own_has_the_same_keys_at_the_top_or_in_a_table() {
    let top = "library = true\n[boundaries.billing]\nmodules = ['billing']\n";
    let nested = "[wiring]\nlibrary = true\n[boundaries.billing]\nmodules = ['billing']\n";
    for text in [top, nested] {
        let config = Config::parse("buswork.toml", text).unwrap();
        assert!(config.library);
        assert_eq!(config.boundaries["billing"].modules, ["billing"]);
    }
}

#[test]
fn what_is_not_said_is_the_default() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Config::find(folder.path()).unwrap().file.is_empty());

    fs::write(
        folder.path().join("pyproject.toml"),
        "[project]\nname = 'shop'\n",
    )
    .unwrap();
    assert!(Config::find(folder.path()).unwrap().presets.is_none());
}

#[test]
fn both_files_are_one_too_many() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pyproject.toml"), WHOLE).unwrap();
    assert!(Config::find(folder.path()).unwrap().library);

    fs::write(folder.path().join("buswork.toml"), "library = false\n").unwrap();
    let error: ConfigError = Config::find(folder.path()).unwrap_err();
    assert_snapshot!(error, @"buswork.toml: `pyproject.toml` has a `[tool.buswork]` too; keep one of the two");
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    assert_snapshot!(refused("[tool.buswork.wiring]\nlibrary = true\nmax_dept = 3\n"), @"pyproject.toml:3: unknown key `max_dept`; did you mean `max-depth`?");
    assert_snapshot!(refused("[tool.buswork.wirng]\nlibrary = true\n"), @"pyproject.toml:1: unknown key `wirng`; did you mean `wiring`?");
    assert_snapshot!(refused("[tool.buswork.boundaries.billing]\nmodule = ['a']\n"), @"pyproject.toml:2: unknown key `module`; did you mean `modules`?");
    assert_snapshot!(refused("[tool.buswork.wiring]\nseverity = { BW001 = 'eror' }\n"), @"pyproject.toml:2: unknown value `eror`; did you mean `error`?");
    assert_snapshot!(refused("[tool.buswork.wiring]\nseverity = { BW0001 = 'error' }\n"), @"pyproject.toml:2: there is no rule `BW0001`; did you mean `BW001`?");
    assert_snapshot!(refused("[tool.buswork.wiring]\nlibrary = 'yes'\n"), @r#"pyproject.toml:2: invalid type: string "yes", expected a boolean"#);
    assert_snapshot!(refused("[tool.buswork.wiring\n"), @"pyproject.toml:1: unclosed table, expected `]`");
}

#[test]
fn what_is_overlooked_needs_a_rule_a_name_and_a_reason() {
    let entry = |keys: &str| refused(&format!("[[tool.buswork.wiring.ignore]]\n{keys}\n"));

    assert_snapshot!(entry("event = 'A'\nreason = 'b'"), @r#"pyproject.toml:1: an `ignore` needs a `rule`, such as "BW001""#);
    assert_snapshot!(entry("rule = 'BW001'\nreason = 'b'"), @r#"pyproject.toml:1: an `ignore` needs an `event`, a `handler` or a `function`; to turn all of BW001 off, write severity = { BW001 = "off" }"#);
    assert_snapshot!(entry("rule = 'BW001'\nevent = 'A'"), @"pyproject.toml:1: an `ignore` needs a `reason`: say why this is no trouble here");
    assert_snapshot!(entry("rule = 'BW001'\nevnt = 'A'\nreason = 'b'"), @"pyproject.toml:3: unknown key `evnt`; did you mean `event`?");
}

#[test]
fn a_context_names_its_modules_and_hears_contexts_that_there_are() {
    assert_snapshot!(refused("[tool.buswork.boundaries.billing]\nhears = ['*']\n"), @r#"pyproject.toml:1: the context `billing` needs `modules`, such as ["shop.billing.*"]"#);
    let hears = "[tool.buswork.boundaries.billing]\nmodules = ['a']\nhears = ['biling']\n";
    assert_snapshot!(refused(hears), @"pyproject.toml:1: `billing` hears `biling`, which is no context; did you mean `billing`?");
}

#[test]
fn an_unknown_preset_is_refused_with_the_one_that_was_meant() {
    assert_snapshot!(refused("[tool.buswork.wiring]\npresets = ['buswork',\n  'djngo']\n"), @"pyproject.toml:3: there is no preset `djngo`; did you mean `django`?");
    assert_snapshot!(refused("[tool.buswork.wiring]\npresets = ['Buswork']\n"), @"pyproject.toml:2: there is no preset `Buswork`; did you mean `buswork`?");
}

#[test]
fn a_pattern_of_modules_belongs_to_one_context() {
    let text = "[boundaries.a]\nmodules = ['shop.*']\n[boundaries.b]\nmodules = ['x', 'shop.*']\n";
    let error = Config::parse("buswork.toml", text).unwrap_err();
    assert_snapshot!(error, @"buswork.toml:3: `shop.*` belongs to `a` and to `b`; a module is in one context");
}

#[test]
fn a_place_in_a_call_that_cannot_be_is_refused_in_plain_words() {
    let text = "[[adapter]]\nname = 'own'\npublish = [{ call = 'send', event = -1 }]\n";
    let error = Config::parse("buswork.toml", text).unwrap_err();
    assert_snapshot!(error, @r#"buswork.toml:3: a place in a call is the index of an argument, from 0, or one of "all", "receiver", "decorated", "annotation" and "method""#);
}
