//! Findings in the Static Analysis Results Interchange Format 2.1.0, which code scanning services
//! read.

use std::fmt::Write;

use serde_json::{Value, json};

use super::note::{Note, RuleText, Severity};
use crate::graph::{Coverage, Location, Step, Wiring};

const FORM: &str = "https://json.schemastore.org/sarif-2.1.0.json";
const HOME: &str = "https://github.com/buswork/buswork";

/// The findings as a SARIF log of one run. Files that were not read are notifications of the run,
/// and the coverage is among its properties.
///
/// # Panics
/// Never: the log has nothing in it that JSON does not know.
pub fn sarif(wiring: &Wiring, rules: &[RuleText], notes: &[Note]) -> String {
    let problems: Vec<Value> = wiring
        .problems
        .iter()
        .map(|problem| {
            let place = Location {
                file: problem.file.clone(),
                line: problem.line,
            };
            json!({
                "level": "error",
                "message": { "text": problem.message },
                "locations": [{ "physicalLocation": physical(&place) }],
            })
        })
        .collect();
    let log = json!({
        "$schema": FORM,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "buswork-wiring",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": HOME,
                "rules": rules.iter().map(rule).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": problems,
            }],
            "results": notes.iter().map(|note| result(rules, note)).collect::<Vec<_>>(),
            "properties": {
                "publishSites": coverage(wiring.publish_coverage),
                "subscribeSites": coverage(wiring.subscribe_coverage),
            },
        }],
    });
    let mut text = serde_json::to_string_pretty(&log).expect("a log is plain data");
    text.push('\n');
    text
}

fn rule(rule: &RuleText) -> Value {
    json!({
        "id": rule.code,
        "name": rule.name,
        "shortDescription": { "text": rule.summary },
        "help": { "text": rule.help },
    })
}

fn result(rules: &[RuleText], note: &Note) -> Value {
    let message = match note.help.as_str() {
        "" => note.message.clone(),
        help => format!("{}\n{help}", note.message),
    };
    let logical: Vec<Value> = note
        .names
        .iter()
        .map(|name| json!({ "fullyQualifiedName": name }))
        .collect();
    let mut result = json!({
        "ruleId": note.rule,
        "level": match note.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "note",
        },
        "message": { "text": message },
        "partialFingerprints": { "buswork/v1": note.fingerprint },
    });
    if let Some(index) = rules.iter().position(|rule| rule.code == note.rule) {
        result["ruleIndex"] = json!(index);
    }
    let mut location = json!({});
    if let Some(place) = &note.location {
        location["physicalLocation"] = physical(place);
    }
    if !logical.is_empty() {
        location["logicalLocations"] = json!(logical);
    }
    if location != json!({}) {
        result["locations"] = json!([location]);
    }
    if !note.path.is_empty() {
        let steps: Vec<Value> = note.path.iter().map(step).collect();
        result["codeFlows"] = json!([{ "threadFlows": [{ "locations": steps }] }]);
    }
    result
}

fn step(step: &Step) -> Value {
    json!({ "location": {
        "physicalLocation": physical(&step.location),
        "message": { "text": step.function },
    } })
}

fn physical(place: &Location) -> Value {
    json!({
        "artifactLocation": { "uri": uri(&place.file), "uriBaseId": "%SRCROOT%" },
        "region": { "startLine": place.line.max(1) },
    })
}

fn coverage(coverage: Coverage) -> Value {
    json!({
        "all": coverage.sites,
        "certain": coverage.certain,
        "inferred": coverage.inferred,
        "possible": coverage.possible,
        "unresolved": coverage.unresolved,
    })
}

/// A relative path as a reference: every byte that is not plain is percent-encoded.
fn uri(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}
