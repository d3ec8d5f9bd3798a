//! Every rule: what it finds, what it leaves alone, and how it can be overlooked.

mod crossing;
mod cycles;
mod handlers;
mod page;
mod registered;
mod suppressed;
mod table;
mod unused;

use buswork_wiring::config::Config;
use buswork_wiring::graph::Wiring;
use buswork_wiring::rules::{Finding, check};

use crate::wired::Wired;

fn config(text: &str) -> Config {
    Config::parse("buswork.toml", text).unwrap()
}

/// The findings with this code, one a line.
fn found(code: &str, wired: Wired) -> String {
    found_with(code, wired, &Config::default())
}

fn found_with(code: &str, wired: Wired, config: &Config) -> String {
    lines(&wired.graph(), config, |finding| finding.rule == code)
}

fn lines(wiring: &Wiring, config: &Config, is_asked: impl Fn(&Finding) -> bool) -> String {
    let line = |finding: &Finding| {
        let Finding {
            location,
            severity,
            rule,
            message,
            ..
        } = finding;
        format!("{location} {severity} {rule} {message}")
    };
    let findings = check(wiring, config);
    findings
        .iter()
        .filter(|finding| is_asked(finding))
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}
