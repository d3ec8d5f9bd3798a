//! The map held against what ran.

use serde_json::Value;

use crate::workplace::{Workplace, map};

fn header(trace: u32) -> String {
    format!(r#"{{"type":"trace","schema":"buswork-trace/1","trace":"{trace:032x}"}}"#)
}

/// A trace in which `charge0` got `OrderPlaced0` from its publish, and so on, for these numbers.
fn trace(number: u32, edges: &[u32]) -> String {
    let event = |edge: &u32| format!("shop.events.OrderPlaced{edge}");
    let publishes: Vec<String> = edges
        .iter()
        .map(|edge| {
            let event = event(edge);
            format!(
                r#"{{"event":"{event}","site":{{"function":"shop.orders:place_order","file":"/srv/shop/orders.py","line":10}},"count":2}}"#
            )
        })
        .collect();
    let deliveries: Vec<String> = edges
        .iter()
        .map(|edge| {
            let event = event(edge);
            format!(
                r#"{{"event":"{event}","handler":"shop.billing:charge{edge}","name":"charge","count":2}}"#
            )
        })
        .collect();
    format!(
        "{}\n{{\"type\":\"edges\",\"publishes\":[{}],\"deliveries\":[{}]}}\n",
        header(number),
        publishes.join(","),
        deliveries.join(",")
    )
}

/// A map of two events, and a trace that saw the first of them.
fn confirmed() -> Workplace {
    let place = Workplace::new();
    place.file("map.json", &map(2));
    place.file("trace.jsonl", &trace(1, &[0]));
    place
}

#[test]
fn a_tree_is_marked_and_the_recall_is_printed() {
    let answer = confirmed().run(&["wiring", "map.json", "-v", "--confirm", "trace.jsonl"]);
    assert_eq!((answer.code, answer.err.as_str()), (Some(0), ""));
    insta::assert_snapshot!(answer.out);
}

#[test]
fn a_low_recall_is_1_if_that_is_asked_for() {
    let place = confirmed();
    place.file("more.jsonl", &trace(2, &[0, 7]));
    place.file("empty.jsonl", &header(3));
    let code = |trace: &str, more: &[&str]| {
        let mut arguments = vec!["wiring", "map.json", "--confirm", trace];
        arguments.extend(more);
        place.run(&arguments).code
    };
    assert_eq!(code("trace.jsonl", &["--recall", "1"]), Some(0));
    assert_eq!(code("more.jsonl", &[]), Some(0));
    assert_eq!(code("more.jsonl", &["--check"]), Some(0));
    assert_eq!(code("more.jsonl", &["--recall", "0.5"]), Some(0));
    assert_eq!(code("more.jsonl", &["--recall", "0.51"]), Some(1));
    assert_eq!(
        code("empty.jsonl", &["--recall", "0"]),
        Some(1),
        "nothing is proved"
    );
    assert_eq!(code("empty.jsonl", &[]), Some(0));
    assert_eq!(code("trace.jsonl", &["--recall", "95"]), Some(2));
    assert_eq!(
        place.run(&["wiring", "map.json", "--recall", "1"]).code,
        Some(2)
    );
}

#[test]
fn json_has_the_marks_in_the_order_of_the_edges() {
    let place = confirmed();
    let part = ["--event", "OrderPlaced0", "--check"];
    let mut arguments = vec![
        "wiring",
        "map.json",
        "--format",
        "json",
        "--confirm",
        "trace.jsonl",
    ];
    let answer = place.run(&arguments);
    assert!(
        answer
            .err
            .starts_with("static analysis had found 2 of the 2 edges")
    );
    let whole: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(whole["schema"], "buswork-wiring/1");
    assert_eq!(
        whole["confirmation"]["subscriptions"],
        serde_json::json!([2, 0])
    );
    assert_eq!(whole["confirmation"]["recall"]["seen"], 2);
    assert_eq!(whole["findings"], serde_json::json!([]));
    assert!(whole.get("lock_changes").is_none());
    arguments.extend(part);
    let part: Value = serde_json::from_str(&place.run(&arguments).out).unwrap();
    assert_eq!(
        part["confirmation"]["subscriptions"],
        serde_json::json!([2])
    );
    place.file("written.json", &answer.out);
    let read = place.run(&[
        "wiring",
        "written.json",
        "--confirm",
        "trace.jsonl",
        "--recall",
        "1",
    ]);
    assert_eq!(read.code, Some(0), "{}", read.err);
}

#[test]
fn several_traces_are_added_and_none_counts_twice() {
    let place = confirmed();
    place.file("trace.jsonl.1", &trace(1, &[0]));
    place.file("other.jsonl", &trace(2, &[1]));
    let answer = place.run(&[
        "wiring",
        "map.json",
        "--format",
        "json",
        "--confirm",
        "trace.jsonl",
        "--confirm",
        "trace.jsonl.1",
        "--confirm",
        "trace.jsonl",
        "--confirm",
        "other.jsonl",
    ]);
    let json: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(
        json["confirmation"]["subscriptions"],
        serde_json::json!([2, 2])
    );
}

#[test]
fn a_file_of_an_earlier_run_is_left_out_and_that_is_said() {
    let place = confirmed();
    place.file("trace.jsonl.1", &trace(9, &[7]));
    let answer = place.run(&[
        "wiring",
        "map.json",
        "--confirm",
        "trace.jsonl",
        "--recall",
        "1",
    ]);
    assert_eq!(answer.code, Some(0));
    assert!(answer.err.contains("earlier traces"), "{}", answer.err);
}

#[test]
fn what_is_no_trace_is_2_and_half_a_line_is_a_remark() {
    let place = confirmed();
    let run = |trace: &str| place.run(&["wiring", "map.json", "--confirm", trace]);
    for (trace, told) in [
        ("missing.jsonl", "there is no trace missing.jsonl"),
        (".", "is no file"),
        ("map.json", "the trace cannot be used: line 1 is no"),
    ] {
        let answer = run(trace);
        assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""), "{trace}");
        assert!(answer.err.contains(told), "{}", answer.err);
    }
    place.file("half.jsonl", &(trace(1, &[0]) + "{\"type\":\"ev"));
    let half = run("half.jsonl");
    assert_eq!(half.code, Some(0));
    assert!(
        half.err
            .starts_with("left out of the trace: line 3 is no record"),
        "{}",
        half.err
    );
}

#[test]
#[cfg(unix)]
fn a_trace_may_come_through_a_pipe() {
    let place = confirmed();
    let mut command = place.command(&["wiring", "map.json", "--confirm", "/dev/stdin"]);
    command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut pipe, trace(1, &[0]).as_bytes()).unwrap();
    drop(pipe);
    let answer = crate::workplace::Answer::of(&child.wait_with_output().unwrap());
    assert_eq!((answer.code, answer.err.as_str()), (Some(0), ""));
    assert!(answer.out.contains("recall"), "{}", answer.out);
}
