//! Reading what a bus has recorded.

use std::fs;

use buswork_wiring::graph::{Location, SCHEMA, Step, Wiring};
use buswork_wiring::trace::{
    Outcome, Record, Verb, files, files_of_one_trace, read, read_all, records,
};

const HEADER: &str = r#"{"type":"trace","schema":"buswork-trace/1","trace":"000000000000000000000000000000aa","process":7,"began":5}"#;
const OTHER: &str =
    r#"{"type":"trace","schema":"buswork-trace/1","trace":"000000000000000000000000000000bb"}"#;
const EVENT: &str = r#"{"type":"event","id":"00000000000000000000000000000001","causation":null,"correlation":"00000000000000000000000000000001","event":"shop.Placed","verb":"publish","site":{"function":"shop:take","file":"shop.py","line":3},"cause":null,"at":9}"#;
const CAUSED: &str = r#"{"type":"event","id":"00000000000000000000000000000002","causation":"00000000000000000000000000000001","correlation":"00000000000000000000000000000001","event":"shop.Paid","topic":"eu","verb":"post","site":null,"cause":"shop:bill","at":9}"#;
const DELIVERY: &str = r#"{"type":"delivery","event":"00000000000000000000000000000001","handler":"shop:bill","name":"billing","subscribed":["shop.Event"],"file":"shop.py","line":8,"subscription":4,"wait":1,"run":2,"outcome":"failed","error":"ValueError"}"#;
const SUMMARY: &str = r#"{"type":"edges","more":2,"publishes":[{"event":"shop.Placed","site":{"function":"shop:take","file":"shop.py","line":3},"count":7}]}"#;

fn lines(lines: &[&str]) -> String {
    lines.join("\n")
}

#[test]
fn records_are_read_in_order() {
    let text = lines(&[HEADER, EVENT, "", CAUSED, DELIVERY, SUMMARY]);
    let all: Vec<_> = records(text.as_bytes()).map(Result::unwrap).collect();
    let [
        Record::Trace(header),
        Record::Event(event),
        Record::Event(caused),
        Record::Delivery(delivery),
        Record::Edges(edges),
    ] = &*all
    else {
        panic!("{all:?}")
    };
    assert_eq!((header.trace, header.process), (0xaa, 7));
    assert_eq!(
        (event.id, event.causation, event.verb),
        (1, None, Verb::Publish)
    );
    assert_eq!(caused.causation, Some(1));
    assert_eq!((caused.topic.as_deref(), &caused.site), (Some("eu"), &None));
    assert_eq!(
        delivery.location(),
        Some(Location {
            file: "shop.py".into(),
            line: 8
        })
    );
    assert_eq!(
        (delivery.outcome, delivery.error.as_deref()),
        (Outcome::Failed, Some("ValueError"))
    );
    assert_eq!(edges.more, 2);
}

#[test]
fn edges_are_counted() {
    let trace = read(lines(&[HEADER, EVENT, CAUSED, DELIVERY]).as_bytes());
    assert_eq!(trace.records, (2, 1));
    let location = Location {
        file: "shop.py".into(),
        line: 3,
    };
    let site = Some(Step {
        function: "shop:take".into(),
        location,
    });
    assert_eq!(trace.publishes[1].site, site);
    assert_eq!(trace.publishes[0].event, "shop.Paid");
    let delivered = &trace.deliveries[0];
    assert_eq!(
        (&*delivered.event, &*delivered.handler),
        ("shop.Placed", "shop:bill")
    );
    assert_eq!(delivered.subscribed, ["shop.Event"]);
    let cascade = &trace.cascades[0];
    assert_eq!(
        (&*cascade.handler, &*cascade.event),
        ("shop:bill", "shop.Paid")
    );
    assert_eq!(trace.problems, []);
}

#[test]
fn a_summary_has_what_came_before_and_is_not_counted_twice() {
    let count = |all: &[&str]| read(lines(all).as_bytes()).publishes[0].count;
    assert_eq!(count(&[HEADER, SUMMARY, EVENT]), 8);
    assert_eq!(count(&[HEADER, EVENT, EVENT, SUMMARY]), 7);
    assert_eq!(count(&[HEADER, SUMMARY, EVENT, SUMMARY]), 8);
    let full = lines(&[HEADER, EVENT, SUMMARY]);
    let next = lines(&[HEADER, SUMMARY, EVENT]);
    let trace = read_all([full.as_bytes(), next.as_bytes()]);
    assert_eq!(trace.publishes[0].count, 8);
}

#[test]
fn several_traces_are_added() {
    let (one, other) = (
        lines(&[HEADER, EVENT, SUMMARY]),
        lines(&[OTHER, EVENT, SUMMARY]),
    );
    let trace = read_all([one.as_bytes(), other.as_bytes()]);
    assert_eq!((trace.publishes[0].count, trace.more), (14, 4));
}

#[test]
fn what_is_malformed_is_reported_with_its_line_and_the_rest_is_read() {
    let long = format!("{{\"type\":\"event\",\"id\":\"{}\"}}", "x".repeat(1 << 21));
    let short_id = EVENT.replacen("00000000000000000000000000000001", "+1", 1);
    let text = lines(&[
        HEADER,
        "{",
        &long,
        &short_id,
        r#"{"type":"other"}"#,
        "[]",
        EVENT,
        "{\"ty",
    ]);
    let trace = read(text.as_bytes());
    assert_eq!(trace.records, (1, 0));
    let told: Vec<_> = trace.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(told, [2, 3, 4, 5, 6, 8]);
    assert!(
        trace.problems[1].message.contains("longer"),
        "{:?}",
        trace.problems[1]
    );
    assert!(
        trace.problems[2].message.contains("32 hexadecimal"),
        "{:?}",
        trace.problems[2]
    );
}

#[test]
fn what_is_no_trace_is_refused() {
    for text in ["", "\n\n"] {
        assert_eq!(
            read(text.as_bytes()),
            buswork_wiring::trace::Trace::default()
        );
    }
    for text in [
        EVENT,
        "print('hello')\n".repeat(1000).as_str(),
        "\u{0}\u{1}",
    ] {
        let trace = read(text.as_bytes());
        assert_eq!(
            (trace.problems.len(), trace.problems[0].line),
            (1, 1),
            "{text}"
        );
    }
    let newer = HEADER.replace("trace/1", "trace/2");
    let trace = read(lines(&[&newer, EVENT]).as_bytes());
    assert!(trace.problems[0].message.contains("buswork-trace/2"));
    assert_eq!(trace.records, (0, 0));
}

#[test]
fn problems_are_bounded() {
    let mut text = lines(&[HEADER, ""]);
    text.push_str(&"nonsense\n".repeat(1000));
    let trace = read(text.as_bytes());
    assert_eq!((trace.problems.len(), trace.more_problems), (100, 900));
}

#[test]
fn no_change_of_a_byte_makes_it_panic() {
    let text = lines(&[HEADER, EVENT, CAUSED, DELIVERY, SUMMARY]);
    let mut random = 7_u64;
    for place in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        bytes[place] = random.to_be_bytes()[0];
        drop(read(&bytes[..]));
        drop(read(&text.as_bytes()[..place]));
    }
}

#[test]
fn the_files_of_a_trace_are_found_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    for name in [
        "trace.jsonl",
        "trace.jsonl.1",
        "trace.jsonl.2",
        "trace.jsonl.4",
    ] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let found = files(&path);
    let names: Vec<_> = found.iter().map(|file| file.file_name().unwrap()).collect();
    assert_eq!(names, ["trace.jsonl.2", "trace.jsonl.1", "trace.jsonl"]);
}

#[test]
fn what_a_python_bus_records_is_read_to_the_last_line() {
    // Compared with what `bus.trace()` writes by tests/test_trace_file.py.
    let text = include_str!("../../../../tests/trace_of_a_bus.jsonl");
    let trace = read(text.as_bytes());
    assert_eq!(trace.problems, []);
    assert_eq!((trace.records, trace.more), ((3, 4), 0));
    let counts: Vec<_> = trace.publishes.iter().map(|edge| edge.count).collect();
    assert_eq!(counts, [1, 1, 1]);
    let names: Vec<_> = trace
        .deliveries
        .iter()
        .map(|edge| (&*edge.name, edge.count))
        .collect();
    assert_eq!(
        names,
        [("on topic", 1), ("audit", 1), ("audit", 1), ("billing", 1)]
    );
    assert_eq!(trace.cascades[0].event, "tests.test_trace_file.Paid");
}

#[test]
fn what_a_python_bus_says_of_its_subscriptions_is_a_graph() {
    // Compared with what `bus.wiring()` returns by tests/test_wiring.py.
    let text = include_str!("../../../../tests/wiring_of_a_bus.json");
    let wiring: Wiring = serde_json::from_str(text).unwrap();
    assert_eq!((&*wiring.schema, &*wiring.source), (SCHEMA, "bus"));
    assert!(
        wiring
            .subscriptions
            .iter()
            .all(|edge| wiring.handler(&edge.handler).is_some())
    );
    let mut finished = wiring.clone();
    finished.finish();
    assert_eq!(finished, wiring);
}

#[test]
fn full_files_of_an_earlier_trace_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    let full = |number: u32| folder.path().join(format!("trace.jsonl.{number}"));
    fs::write(&path, HEADER).unwrap();
    fs::write(full(1), lines(&[HEADER, EVENT])).unwrap();
    fs::write(full(2), lines(&[OTHER, EVENT])).unwrap();
    assert_eq!(files(&path), [full(2), full(1), path.clone()]);
    assert_eq!(files_of_one_trace(&path), [full(1), path.clone()]);
    fs::write(&path, "").unwrap();
    let missing = folder.path().join("missing");
    for alone in [path, missing] {
        assert_eq!(files_of_one_trace(&alone), std::slice::from_ref(&alone));
    }
}
