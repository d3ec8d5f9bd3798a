//! The scenario corpus of both languages (`tests/scenarios/README.md`): programs of bus operations,
//! each with the trace that it must leave. Those that say so are for Rust.

mod events;
mod program;
mod runner;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use program::Scenario;
use runner::Kind;

/// How many scenarios are for Rust at the least, lest the corpus goes missing unnoticed.
const FEWEST: usize = 120;

#[test]
fn each_scenario_for_rust_leaves_its_trace() {
    run_all(Kind::Sync);
}

#[test]
fn each_scenario_for_rust_leaves_its_trace_on_the_async_bus() {
    run_all(Kind::Async);
}

fn run_all(kind: Kind) {
    let scenarios: Vec<_> = files().iter().flat_map(|path| for_rust(path)).collect();
    assert!(scenarios.len() >= FEWEST, "only {}", scenarios.len());
    let wrong: Vec<_> = scenarios
        .into_iter()
        .filter_map(|(name, scenario)| {
            let expected = scenario.trace.clone();
            disagreement(&expected, &runner::run(scenario, kind))
                .map(|what| format!("{name}: {what}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "json"))
        .collect();
    files.sort();
    files
}

fn for_rust(path: &Path) -> Vec<(String, Scenario)> {
    let text = fs::read_to_string(path).unwrap();
    let scenarios: Map<String, Value> = serde_json::from_str(&text).unwrap();
    scenarios
        .into_iter()
        .filter(|(_, scenario)| scenario["rust"] == true)
        .map(|(name, scenario)| {
            let read = Scenario::read(&name, scenario);
            (name, read)
        })
        .collect()
}

/// Where two traces part, if they do.
fn disagreement(expected: &[Value], noted: &[Value]) -> Option<String> {
    if expected == noted {
        return None;
    }
    let same = expected.iter().zip(noted).take_while(|(a, b)| a == b);
    let place = same.count();
    let told = |trace: &[Value]| {
        trace
            .get(place)
            .map_or_else(|| "the end".to_owned(), Value::to_string)
    };
    let (expected, noted) = (told(expected), told(noted));
    Some(format!("entry {place} is {noted}, not {expected}"))
}
