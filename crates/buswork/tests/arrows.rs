//! The arrows between the rooms: which crate may depend on which, read from `cargo metadata`.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// The arrows that the design has. A crate that is not named here may depend on no other of ours.
const ARROWS: &[(&str, &str)] = &[
    ("buswork-cli", "buswork-wiring"),
    ("buswork-cli", "buswork-journal"),
    ("buswork-python", "buswork"),
    ("buswork-python", "buswork-journal"),
    ("buswork-brokers-python", "buswork-brokers"),
    ("buswork-journal", "buswork"),
    ("buswork-brokers", "buswork"),
];

/// What the core must not need, unless asked for it: an interpreter, or a runtime.
const NOT_IN_THE_CORE: &[&str] = &["pyo3", "tokio", "async-std", "smol"];

#[test]
fn the_crates_depend_on_each_other_only_as_designed() {
    let wrong = wrong_arrows(&dependencies());
    assert!(
        wrong.is_empty(),
        "arrows that the design does not have: {wrong:?}"
    );
}

#[test]
fn the_core_needs_no_python_and_no_runtime() {
    let wrong: Vec<_> = dependencies()
        .into_iter()
        .filter(|(from, to)| from == "buswork" && NOT_IN_THE_CORE.contains(&to.as_str()))
        .collect();
    assert!(wrong.is_empty(), "the core depends on {wrong:?}");
}

#[test]
fn an_arrow_that_is_not_in_the_design_is_found() {
    let arrows = [
        ("buswork-python".to_owned(), "buswork".to_owned()),
        ("buswork".to_owned(), "log".to_owned()),
        ("buswork".to_owned(), "buswork-python".to_owned()),
    ];
    assert_eq!(
        wrong_arrows(&arrows),
        [("buswork".to_owned(), "buswork-python".to_owned())]
    );
}

fn wrong_arrows(dependencies: &[(String, String)]) -> Vec<(String, String)> {
    let ours = |name: &str| name == "buswork" || name.starts_with("buswork-");
    dependencies
        .iter()
        .filter(|(_, to)| ours(to))
        .filter(|(from, to)| !ARROWS.contains(&(from.as_str(), to.as_str())))
        .cloned()
        .collect()
}

/// Every normal dependency of every crate of the workspace, by name, but for optional ones of others.
fn dependencies() -> Vec<(String, String)> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--manifest-path",
            manifest,
        ])
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let mut found = BTreeSet::new();
    for package in metadata["packages"].as_array().expect("packages") {
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let is_ours = dependency["path"].is_string();
            if dependency["kind"].is_null() && (is_ours || dependency["optional"] == false) {
                let name = |value: &Value| value.as_str().expect("a name").to_owned();
                found.insert((name(&package["name"]), name(&dependency["name"])));
            }
        }
    }
    assert!(!found.is_empty(), "the metadata have no dependency at all");
    found.into_iter().collect()
}
