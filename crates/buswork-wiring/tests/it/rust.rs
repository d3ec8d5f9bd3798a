//! Reading Rust: what is found in a fixture for each thing that it can do.

mod broken;
mod modules;
mod shop;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use buswork_wiring::graph::{Step, Wiring};
use buswork_wiring::scan::read_rust;

/// Reads files that are given as text.
pub fn read(files: &[(&str, &str)]) -> Wiring {
    let files: Vec<_> = files
        .iter()
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
        .collect();
    read_rust(&files)
}

/// Reads one fixture, as the library `shop`.
fn fixture(name: &str) -> Wiring {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rust");
    let text = fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
    let wiring = read(&[("shop/src/lib.rs", &text)]);
    assert!(wiring.problems.is_empty(), "{:?}", wiring.problems);
    wiring
}

/// All edges, a line each.
pub fn edges(wiring: &Wiring) -> String {
    let mut text = String::new();
    for publish in &wiring.publishes {
        let (function, event, line) = (&publish.function, &publish.event, publish.location.line);
        write!(
            text,
            "{line}: {function} {} {event} [{}]",
            publish.verb, publish.grade
        )
        .unwrap();
        let notes = [
            publish.reason.clone(),
            prefixed("through", &steps(&publish.through)),
            prefixed("made in", &listed(&publish.made_at)),
            if publish.awaited {
                String::new()
            } else {
                "not awaited".to_owned()
            },
        ];
        note(&mut text, &notes);
    }
    for subscription in &wiring.subscriptions {
        let (event, handler) = (&subscription.event, &subscription.handler);
        let (line, verb) = (subscription.location.line, &subscription.verb);
        let function = &subscription.function;
        write!(
            text,
            "{line}: {function} {verb} {event} => {handler} [{}]",
            subscription.grade
        )
        .unwrap();
        let options: Vec<String> = subscription
            .options
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        note(
            &mut text,
            &[
                subscription.reason.clone(),
                options.join(" "),
                subscription.never.clone(),
            ],
        );
    }
    for cascade in &wiring.cascades {
        let (handler, event) = (&cascade.handler, &cascade.event);
        write!(text, "{handler} >> {event} [{}]", cascade.grade).unwrap();
        let waits = if cascade.awaited {
            String::new()
        } else {
            "not awaited".to_owned()
        };
        note(&mut text, &[steps(&cascade.path), waits]);
    }
    for site in &wiring.unresolved {
        let (function, line, verb) = (&site.function, site.location.line, &site.verb);
        writeln!(text, "{line}: {function} {verb} ? {}", site.reason).unwrap();
    }
    text
}

fn note(text: &mut String, notes: &[String]) {
    let notes: Vec<&str> = notes
        .iter()
        .map(String::as_str)
        .filter(|note| !note.is_empty())
        .collect();
    let notes = notes.join("; ");
    writeln!(
        text,
        "{}",
        if notes.is_empty() {
            notes
        } else {
            format!(" ({notes})")
        }
    )
    .unwrap();
}

fn prefixed(word: &str, text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("{word} {text}")
    }
}

fn steps(steps: &[Step]) -> String {
    let steps: Vec<String> = steps
        .iter()
        .map(|step| format!("{}:{}", step.function, step.location.line))
        .collect();
    steps.join(" > ")
}

fn listed(places: &[buswork_wiring::graph::Location]) -> String {
    places
        .iter()
        .map(|place| place.line.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// A test that compares all edges of a fixture.
macro_rules! fixtures {
    ($($test:ident: $fixture:literal;)*) => {
        $(
            #[test]
            fn $test() {
                let wiring = fixture($fixture);
                insta::assert_snapshot!($fixture, edges(&wiring));
                for coverage in [wiring.publish_coverage, wiring.subscribe_coverage] {
                    let parts = [
                        coverage.certain,
                        coverage.inferred,
                        coverage.possible,
                        coverage.unresolved,
                    ];
                    assert_eq!(coverage.sites, parts.iter().sum::<usize>());
                }
                let unresolved =
                    wiring.publish_coverage.unresolved + wiring.subscribe_coverage.unresolved;
                assert_eq!(unresolved, wiring.unresolved.len());
            }
        )*
    };
}

fixtures! {
    a_value_leads_to_its_event: "values";
    a_handler_is_a_function_a_closure_or_an_object: "handlers";
    a_handler_from_a_list_is_unresolved: "dynamic_handlers";
    a_bus_is_found_through_fields_pointers_and_statics: "receivers";
    a_receiver_is_guessed_by_its_name_or_its_event: "guesses";
    a_crate_without_the_bus_has_no_sites: "stranger";
    the_caller_of_a_wrapper_is_the_site: "wrappers";
    cascades_follow_calls: "cascades";
    the_async_bus_is_read: "asynchronous";
    topics_are_matched_to_patterns: "topics";
    macros_are_read_as_far_as_they_are_code: "macros";
    tests_are_left_out: "left_out";
}

#[test]
fn an_async_handler_that_blocks_is_told_with_the_way_there() {
    let wiring = fixture("asynchronous");
    let blocking: Vec<String> = wiring
        .handlers
        .iter()
        .flat_map(|handler| {
            let calls = handler.blocking.iter();
            calls.map(move |call| format!("{} {} by {}", handler.id, call.call, steps(&call.path)))
        })
        .collect();
    assert_eq!(
        blocking,
        [
            "shop:Mailer::confirm std::thread::sleep by shop:Mailer::confirm:21 > shop:Mailer::wait:26",
            "shop:Mailer::handle std::fs::write by shop:Mailer::handle:32",
        ]
    );
    let are_async: Vec<&str> = wiring
        .handlers
        .iter()
        .filter(|handler| handler.is_async)
        .map(|handler| handler.name.as_str())
        .collect();
    let expected = [
        "Mailer::confirm",
        "Mailer::handle",
        "bill",
        "wire::{closure#2}",
        "wire::{closure}",
    ];
    assert_eq!(are_async, expected);
}

#[test]
fn a_topic_is_an_event_below_the_patterns_that_match_it() {
    let wiring = fixture("topics");
    let bases: Vec<(&str, Vec<&str>)> = wiring
        .events
        .iter()
        .filter(|event| !event.bases.is_empty())
        .map(|event| {
            (
                event.id.as_str(),
                event.bases.iter().map(String::as_str).collect(),
            )
        })
        .collect();
    assert_eq!(
        bases,
        [
            ("orders.eu.placed", vec!["orders.*.placed"]),
            ("orders.{}.placed", vec!["orders.*.placed"]),
            // `sensors.attic.*` is for events of another type.
            ("sensors.attic.heat", vec!["sensors.**"]),
        ]
    );
}

#[test]
fn an_event_has_its_doc_and_its_fields() {
    let wiring = read(&[(
        "shop/src/lib.rs",
        "use buswork::EventBus;
         /// A customer has
         /// bought CDs.
         ///
         /// Nothing is paid yet.
         pub struct OrderPlaced { pub number: u64, lines: Vec< Line > }
         pub struct Line(u32);
         fn take(bus: &EventBus, order: &OrderPlaced) { bus.publish(order).unwrap(); }",
    )]);
    let event = wiring.event("shop::OrderPlaced").unwrap();
    assert_eq!(event.doc, "A customer has bought CDs.");
    assert_eq!(
        (event.name.as_str(), event.module.as_str()),
        ("OrderPlaced", "shop")
    );
    assert_eq!(event.location.as_ref().unwrap().line, 6);
    let fields: Vec<(&str, &str)> = event
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.annotation.as_str()))
        .collect();
    assert_eq!(fields, [("number", "u64"), ("lines", "Vec< Line >")]);
}

#[test]
fn comments_that_ask_to_overlook_a_rule_are_kept() {
    let wiring = fixture("left_out");
    let ignores: Vec<(u32, Vec<&str>, &str)> = wiring
        .ignores
        .iter()
        .map(|ignore| {
            let codes = ignore.codes.iter().map(String::as_str).collect();
            (ignore.location.line, codes, ignore.reason.as_str())
        })
        .collect();
    assert_eq!(
        ignores,
        [
            (9, vec!["BW001", "BW005"], "heard by the billing service"),
            (12, vec!["BW001"], "")
        ]
    );
}
