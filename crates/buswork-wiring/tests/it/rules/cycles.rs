use buswork_wiring::config::Config;
use buswork_wiring::graph::Grade;
use buswork_wiring::rules::check;
use insta::assert_snapshot;

use super::{config, found, found_with};
use crate::wired::Wired;

/// Events `a.E0` to `a.En`, each leading to the next by a handler of its own.
fn chain(length: usize) -> Wired {
    let mut wired = Wired::new()
        .event("a.E0", &[])
        .publish("a.E0", "a:start", 1);
    for step in 1..=length {
        let handler = format!("a:h{step}");
        wired = wired
            .event(&format!("a.E{step}"), &[])
            .subscribe(&format!("a.E{}", step - 1), &handler)
            .cascade(
                &handler,
                &format!("a.E{step}"),
                100 + u32::try_from(step).unwrap(),
            );
    }
    wired
}

fn ring(length: usize) -> Wired {
    chain(length)
        .subscribe(&format!("a.E{length}"), "a:back")
        .cascade("a:back", "a.E0", 200)
}

#[test]
fn a_cycle_over_several_events_is_told_with_its_path() {
    let findings = check(&ring(2).graph(), &Config::default());
    assert_snapshot!(findings[0], @r"
    a.py:101: error BW101: E0 leads back to itself: E0 → h1 → E1 → h2 → E2 → back → E0
        a.py:101  a:h1
        a.py:102  a:h2
        a.py:200  a:back
        fix: break it where the news ends: let one handler decide and call a function, or publish an event of another meaning that the first handler does not hear
    ");
}

#[test]
fn an_event_published_by_its_own_handler_is_an_error() {
    let own = chain(0)
        .subscribe("a.E0", "a:again")
        .cascade("a:again", "a.E0", 50);
    assert_snapshot!(found("BW101", own), @"a.py:50 error BW101 E0 is published again by its own handler again");
}

#[test]
fn a_handler_of_a_base_class_that_publishes_a_subclass_hears_itself() {
    let wired = Wired::new()
        .event("a.Base", &[])
        .event("a.Derived", &["a.Base"])
        .subscribe("a.Base", "a:log")
        .cascade("a:log", "a.Derived", 50);
    assert_snapshot!(found("BW101", wired), @"a.py:50 error BW101 Derived is published again by its own handler log");
}

#[test]
fn an_inferred_edge_makes_a_cycle_a_warning_and_a_possible_one_information() {
    let graded = |grade| {
        found(
            "BW101",
            ring(2).cascade_with(|cascade| cascade.grade = grade),
        )
    };
    assert!(graded(Grade::Inferred).contains(" warning "));
    assert!(graded(Grade::Possible).contains(" info "));
}

#[test]
fn a_knot_of_many_cycles_is_told_by_the_shortest_through_each_event() {
    let mut wired = Wired::new();
    for from in 0..6 {
        wired = wired.event(&format!("a.E{from}"), &[]);
        for to in (0..6).filter(|to| *to != from) {
            let handler = format!("a:h{from}{to}");
            wired = wired.subscribe(&format!("a.E{from}"), &handler).cascade(
                &handler,
                &format!("a.E{to}"),
                50,
            );
        }
    }
    assert_snapshot!(found("BW101", wired), @r"
    a.py:50 error BW101 E0 leads back to itself: E0 → h01 → E1 → h10 → E0; it is part of a knot of 6 events
    a.py:50 error BW101 E2 leads back to itself: E2 → h20 → E0 → h02 → E2; it is part of a knot of 6 events
    a.py:50 error BW101 E3 leads back to itself: E3 → h30 → E0 → h03 → E3; it is part of a knot of 6 events
    a.py:50 error BW101 E4 leads back to itself: E4 → h40 → E0 → h04 → E4; it is part of a knot of 6 events
    a.py:50 error BW101 E5 leads back to itself: E5 → h50 → E0 → h05 → E5; it is part of a knot of 6 events
    ");
}

#[test]
fn a_registration_that_never_runs_closes_no_cycle() {
    let never = ring(2).subscription_with(|entry| entry.never = "never built".to_owned());
    assert_eq!(found("BW101", never), "");
}

#[test]
fn a_cycle_of_two_thousand_events_is_walked_without_a_stack() {
    assert_eq!(found("BW101", ring(2_000)).lines().count(), 1);
}

#[test]
fn a_cascade_deeper_than_the_limit_is_told_from_its_head() {
    assert_eq!(found("BW102", chain(5)), "");
    assert_snapshot!(found("BW102", chain(6)), @"a.py:1 info BW102 E0 sets off a chain 6 handlers deep (the limit is 5): E0 → h1 → E1 → h2 → E2 → h3 → E3 → h4 → E4 → h5 → E5 → h6 → E6");
    assert_snapshot!(found_with("BW102", chain(3), &config("max-depth = 2")), @"a.py:1 warning BW102 E0 sets off a chain 3 handlers deep (the limit is 2): E0 → h1 → E1 → h2 → E2 → h3 → E3");
}

#[test]
fn an_event_with_more_handlers_than_the_limit_is_told() {
    let mut wired = chain(0);
    for handler in 0..4 {
        wired = wired.subscribe("a.E0", &format!("a:h{handler}"));
    }
    assert_snapshot!(found_with("BW102", wired, &config("max-fan-out = 3")), @"a.py:10 warning BW102 E0 runs 4 handlers (the limit is 3)");
}

#[test]
fn a_handler_that_awaits_what_runs_it_again_is_found() {
    let mut awaited = ring(2);
    for cascade in &mut awaited.0.cascades {
        cascade.awaited = true;
    }
    assert_snapshot!(found("BW202", awaited), @"a.py:101 warning BW202 h1 awaits E1 → h2 → E2 → back → E0, which runs h1 again");
}

#[test]
fn one_hop_that_is_not_awaited_makes_it_information() {
    let mut wired = ring(2);
    wired.0.cascades[0].awaited = true;
    assert_snapshot!(found("BW202", wired), @"a.py:101 info BW202 h1 awaits E1 → h2 → E2 → back → E0, which runs h1 again");
    assert_eq!(found("BW202", ring(2)), "");
}
