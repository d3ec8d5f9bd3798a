//! Looking for mistakes.

use buswork_wiring::graph::{Problem, Wiring};

use crate::workplace::{Workplace, map, map_with};

fn misfit(wiring: &mut Wiring) {
    "takes no argument".clone_into(&mut wiring.handlers[0].misfit);
}

/// The first event has no handler, the second handler misses its argument.
fn with_mistakes() -> Workplace {
    let place = Workplace::new();
    let text = map_with(3, |wiring| {
        wiring.subscriptions.remove(0);
        wiring.handlers.remove(0);
        misfit(wiring);
    });
    place.file("map.json", &text);
    place
}

#[test]
fn clean_is_0() {
    let place = Workplace::new();
    place.file("map.json", &map(3));
    let answer = place.run(&["wiring", "map.json", "--check"]);
    assert_eq!(answer.code, Some(0), "{}", answer.out);
    assert!(answer.out.starts_with("no findings\n"));
}

#[test]
fn findings_are_1_and_only_when_asked_for() {
    let place = with_mistakes();
    let answer = place.run(&["wiring", "map.json", "--check"]);
    assert_eq!(answer.code, Some(1));
    insta::assert_snapshot!(answer.out);
    assert_eq!(place.run(&["wiring", "map.json"]).code, Some(0));
}

#[test]
fn a_tree_shows_what_is_wrong() {
    let answer = with_mistakes().run(&["wiring", "map.json", "--check", "--format", "tree"]);
    assert_eq!(answer.code, Some(1));
    insta::assert_snapshot!(answer.out);
}

#[test]
fn remarks_count_if_it_is_strict() {
    let place = Workplace::new();
    place.file(
        "pyproject.toml",
        "[tool.buswork.wiring]\nseverity = { BW304 = \"info\" }\n",
    );
    let text = map_with(1, misfit);
    place.file("map.json", &text);
    assert_eq!(place.run(&["wiring", "map.json", "--check"]).code, Some(0));
    assert_eq!(
        place
            .run(&["wiring", "map.json", "--check", "--strict"])
            .code,
        Some(1)
    );
    assert_eq!(
        place.run(&["wiring", "map.json", "--strict"]).code,
        Some(2),
        "it needs --check"
    );
}

#[test]
fn a_file_that_was_not_read_is_2() {
    let place = Workplace::new();
    let text = map_with(1, |wiring| {
        let message = "expected an expression".to_owned();
        wiring.problems.push(Problem {
            file: "broken.py".to_owned(),
            line: 3,
            message,
        });
    });
    place.file("map.json", &text);
    let answer = place.run(&["wiring", "map.json", "--check"]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer.out.contains("broken.py:3   expected an expression"),
        "{}",
        answer.out
    );
    assert_eq!(
        place.run(&["wiring", "map.json"]).code,
        Some(0),
        "the map is shown all the same"
    );
}

#[test]
fn programs_get_every_finding() {
    let place = with_mistakes();
    let github = place.run(&["wiring", "map.json", "--check", "--format", "github"]);
    assert_eq!(github.code, Some(1));
    assert_eq!(github.out.matches("::error ").count(), 1, "{}", github.out);
    assert_eq!(
        github.out.matches("::warning ").count(),
        1,
        "{}",
        github.out
    );
    let sarif = place.run(&[
        "wiring",
        "map.json",
        "--format",
        "sarif",
        "--event",
        "OrderPlaced2",
    ]);
    assert_eq!(sarif.code, Some(0), "no --check, no failure");
    let log: serde_json::Value = serde_json::from_str(&sarif.out).unwrap();
    assert_eq!(
        log["runs"][0]["results"].as_array().unwrap().len(),
        2,
        "selected or not"
    );
}

#[test]
fn a_configuration_that_means_nothing_is_2() {
    let place = Workplace::new();
    place.file("map.json", &map(1));
    place.file("pyproject.toml", "[tool.buswork.wiring]\nexternl = []\n");
    let answer = place.run(&["wiring", "map.json", "--check"]);
    assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""));
    assert!(
        answer.err.contains("did you mean `external`"),
        "{}",
        answer.err
    );
    place.file("other/buswork.toml", "external = [\"*\"]\n");
    let answer = place.run(&[
        "wiring",
        "map.json",
        "--check",
        "--config",
        "other/buswork.toml",
    ]);
    assert_eq!(answer.code, Some(0), "{}", answer.err);
}

#[test]
fn a_rule_is_told_by_its_code_or_name() {
    let place = Workplace::new();
    let all = place.run(&["wiring", "rules"]);
    assert!(all.out.lines().count() > 10 && all.out.contains("BW101"));
    let one = place.run(&["wiring", "rules", "bw101"]);
    assert!(one.out.starts_with("BW101 cycle (error)\n"), "{}", one.out);
    assert_eq!(place.run(&["wiring", "rules", "cycle"]), one);
    let none = place.run(&["wiring", "rules", "BW999"]);
    assert_eq!((none.code, none.out.as_str()), (Some(2), ""));
}

#[test]
fn options_of_the_map_do_not_go_before_a_subcommand() {
    let answer = Workplace::new().run(&["wiring", "--check", "rules"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("subcommand"), "{}", answer.err);
}

#[test]
fn what_the_configuration_names_and_is_not_there_is_remarked_on() {
    let place = Workplace::new();
    place.file("src/shop/main.py", "class OrderPlaced: ...\n");
    place.file(
        "src/shop/orders.py",
        "from buswork import EventBus\nclass Placed: ...\nEventBus().publish(Placed())\n",
    );
    place.file(
        "buswork.toml",
        "external = ['*']\nsource-roots = ['src', 'scr']\n\
         entry-points = ['shop.main', 'shop.man:run', 'src/shop/main.py']\n\
         [boundaries.ordering]\nmodules = ['shop.orders', 'shop.order.*']\n",
    );
    let answer = place.run(&["wiring", ".", "--check"]);
    assert_eq!(answer.code, Some(0), "{}", answer.out);
    insta::assert_snapshot!(answer.err, @r"
    `source-roots` names `scr`, which is no folder
    `entry-points` names `shop.man:run`, which is no module and no file here
    the context `ordering` names `shop.order.*`, but nothing that was read is in such a module
    ");
    assert_eq!(place.run(&["wiring", ".", "--check", "--quiet"]).err, "");
}
