use buswork_wiring::config::Config;
use buswork_wiring::graph::About;
use buswork_wiring::rules::check;
use insta::assert_snapshot;

use super::{config, lines};
use crate::wired::{Wired, at, shop};

fn archived() -> Wired {
    shop()
        .event("shop.events.OrderArchived", &[])
        .event_with(|event| event.location.as_mut().unwrap().line = 20)
        .publish("shop.events.OrderArchived", "shop.archive:archive", 5)
}

fn all(wired: Wired) -> String {
    lines(&wired.graph(), &Config::default(), |_| true)
}

#[test]
fn a_comment_on_the_line_above_it_or_at_the_event_overlooks_a_finding() {
    for (file, line) in [
        ("shop/archive.py", 5),
        ("shop/archive.py", 4),
        ("shop/events.py", 20),
        ("shop/events.py", 19),
    ] {
        assert_eq!(
            all(archived().ignore(file, line, "BW001", "read elsewhere")),
            "",
            "{file}:{line}"
        );
    }
}

#[test]
fn a_comment_behind_other_code_speaks_of_that_code_only() {
    let two = archived()
        .event("shop.events.OrderShelved", &[])
        .publish("shop.events.OrderShelved", "shop.archive:archive", 6)
        .ignore("shop/archive.py", 5, "BW001", "read elsewhere");
    assert_snapshot!(all(two), @"shop/archive.py:6 warning BW001 OrderShelved is published, but nobody handles it");
}

/// A comment at this line that speaks of line 5, or of lines 4 to 8.
fn commented(line: u32, about: About) -> Wired {
    let mut wired = archived().ignore("shop/archive.py", line, "BW001", "read elsewhere");
    wired.0.ignores[0].about = Some(about);
    wired
}

#[test]
fn a_comment_speaks_of_a_whole_statement_if_its_line_has_nothing_to_find() {
    let about = |line, first| About {
        line,
        first,
        last: 8,
        definition: 0,
    };
    assert_eq!(all(commented(1, about(5, 5))), "");
    assert_eq!(all(commented(7, about(7, 4))), "");
    assert!(all(commented(7, about(7, 6))).contains("BW001"));
    let other = commented(6, about(6, 5))
        .event("shop.events.OrderShelved", &[])
        .publish("shop.events.OrderShelved", "shop.archive:archive", 6);
    assert!(all(other).contains("OrderArchived"));
}

#[test]
fn a_comment_at_a_decorator_speaks_of_the_function_but_of_no_other_decorator() {
    let about = |line| About {
        line,
        first: 27,
        last: 30,
        definition: 30,
    };
    let wired = |code: &str, line| {
        let mut wired = shop()
            .event("shop.events.OrderArchived", &[])
            .subscribe("shop.events.OrderArchived", "shop.archive:note")
            .handler_with(|handler| handler.mutates = vec![at("shop/archive.py", 33)])
            .ignore("shop/archive.py", line, code, "as it should be");
        wired.0.ignores[0].about = Some(about(line));
        all(wired)
    };
    assert!(
        !wired("BW303", 27).contains("BW303 note"),
        "of the function"
    );
    assert!(
        !wired("BW002", 29).contains("BW002 note"),
        "of this decorator"
    );
    assert!(
        wired("BW002", 27).contains("BW002 note"),
        "of another decorator"
    );
}

#[test]
fn a_comment_without_a_rule_overlooks_nothing() {
    let mut wired = shop().ignore("shop/orders.py", 13, "BW1", "");
    wired.0.ignores[0].codes.clear();
    assert_snapshot!(all(wired), @"shop/orders.py:13 error BW007 this comment names no rule, and overlooks nothing");
}

#[test]
fn a_comment_without_a_reason_overlooks_and_is_told_itself() {
    assert_snapshot!(all(archived().ignore("shop/archive.py", 5, "BW001", " ")), @"shop/archive.py:5 error BW006 BW001 is overlooked here without a reason");
}

#[test]
fn a_comment_that_overlooks_nothing_is_stale() {
    let stale = shop()
        .ignore("shop/orders.py", 12, "BW001", "read elsewhere")
        .ignore("shop/orders.py", 13, "BW1", "mistyped");
    assert_snapshot!(all(stale), @r"
    shop/orders.py:12 error BW007 BW001 is overlooked here, but does not come up
    shop/orders.py:13 error BW007 `BW1` is overlooked here, but is no rule
    ");
}

#[test]
fn an_entry_of_the_configuration_overlooks_or_is_stale() {
    let text = "
[[ignore]]
rule = 'BW001'
event = 'OrderArchived'
function = 'shop.archive:*'
reason = 'read elsewhere'

[[ignore]]
rule = 'BW002'
event = 'OrderArchived'
reason = 'read elsewhere'
";
    assert_snapshot!(lines(&archived().graph(), &config(text), |_| true), @"buswork.toml:8 error BW007 BW002 of event `OrderArchived` is overlooked, but does not come up");
}

#[test]
fn a_rule_that_is_off_is_not_told_and_what_overlooks_it_is_not_stale() {
    let off = config("severity = { BW001 = 'off' }");
    let wired = archived().ignore("shop/archive.py", 5, "BW001", "read elsewhere");
    assert_eq!(lines(&wired.graph(), &off, |_| true), "");
}

#[test]
fn a_fingerprint_stays_when_lines_move_and_differs_between_findings() {
    let fingerprints = |wired: Wired| -> Vec<String> {
        let findings = check(&wired.graph(), &Config::default());
        findings
            .into_iter()
            .map(|finding| finding.fingerprint)
            .collect()
    };
    let mut moved = archived();
    for publish in &mut moved.0.publishes {
        publish.location.line += 7;
    }
    assert_eq!(fingerprints(archived()), fingerprints(moved));

    let mut two = archived()
        .unresolved(
            buswork_wiring::graph::SiteKind::Publish,
            "shop.replay:replay",
            8,
        )
        .unresolved(
            buswork_wiring::graph::SiteKind::Publish,
            "shop.replay:replay",
            9,
        );
    two.0.unresolved[1].reason.clear();
    let mut found = fingerprints(two);
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 3);
}

#[test]
fn names_from_the_code_cannot_speak_to_the_terminal() {
    let wired = Wired::new()
        .event("a.\u{1b}[2JE", &[])
        .publish("a.\u{1b}[2JE", "a:b", 1);
    assert_snapshot!(all(wired), @r"a.py:1 warning BW001 \x1b[2JE is published, but nobody handles it");
}
