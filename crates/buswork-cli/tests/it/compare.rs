//! Comparing, locking and explaining.

use std::process::Command;

use buswork_wiring::graph::Wiring;

use crate::workplace::{Answer, Workplace, map, map_with};

/// The second event has another handler.
fn rerouted(wiring: &mut Wiring) {
    "shop.stock:reserve".clone_into(&mut wiring.subscriptions[1].handler);
}

#[test]
fn two_files_are_compared() {
    let place = Workplace::new();
    place.file("old.json", &map(3));
    place.file("new.json", &map_with(3, rerouted));
    let answer = place.run(&["wiring", "diff", "old.json", "new.json"]);
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    insta::assert_snapshot!(answer.out);
    let same = place.run(&["wiring", "diff", "old.json", "old.json"]);
    assert!(
        same.out.starts_with("the wiring is the same\n"),
        "{}",
        same.out
    );
    let chart = place.run(&[
        "wiring", "diff", "old.json", "new.json", "--format", "mermaid",
    ]);
    assert!(chart.out.starts_with("flowchart LR\n"), "{}", chart.out);
    let json = place.run(&["wiring", "diff", "old.json", "new.json", "--format", "json"]);
    assert!(
        serde_json::from_str::<serde_json::Value>(&json.out)
            .unwrap()
            .is_object()
    );
}

#[test]
fn what_is_no_revision_is_said_to_be_none() {
    let place = Workplace::new();
    place.file("new.json", &map(1));
    for name in ["main", "--output=x", "-x", "HEAD"] {
        let answer = place.run(&["wiring", "diff", "--", name, "new.json"]);
        assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""), "{name}");
        assert!(answer.err.contains("revision"), "{}", answer.err);
    }
    assert_eq!(
        std::fs::read_dir(place.path()).unwrap().count(),
        1,
        "nothing was written"
    );
}

/// What git says in the folder `shop`.
fn git(place: &Workplace, arguments: &[&str]) -> String {
    let identity = [
        "-c",
        "user.name=Somebody",
        "-c",
        "user.email=somebody@example.com",
    ];
    let mut git = Command::new("git");
    git.arg("-C")
        .arg(place.path().join("shop"))
        .args(identity)
        .args(arguments);
    let output = git
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A repository `shop` with one commit, of what `src` holds by then.
fn repository() -> Workplace {
    let place = Workplace::new();
    place.file("shop/src/orders.py", ORDERS);
    git(&place, &["init", "--quiet"]);
    place
}

fn commit(place: &Workplace) {
    git(place, &["add", "--force", "."]);
    git(place, &["commit", "--quiet", "--message", "one"]);
}

/// What changed between these two, in the folder `shop`.
fn compared(place: &Workplace, arguments: &[&str]) -> Answer {
    let arguments = [&["wiring", "diff"], arguments].concat();
    let mut command = place.command(&arguments);
    command
        .current_dir(place.path().join("shop"))
        .env("TMPDIR", place.path());
    Answer::of(&command.output().unwrap())
}

#[test]
fn what_is_ignored_is_left_out_on_both_sides() {
    let place = repository();
    place.file(".gitignore", "*\n");
    place.file("shop/.gitignore", "made/\n");
    place.file("shop/src/made/more.py", &ORDERS.replace("Placed", "Made"));
    commit(&place);
    let answer = compared(&place, &["HEAD", "."]);
    assert!(
        answer.out.starts_with("the wiring is the same\n"),
        "{}",
        answer.out
    );
    assert!(
        answer.out.contains("HEAD: publish sites 1"),
        "{}",
        answer.out
    );
}

#[test]
fn a_path_that_neither_side_has_is_a_mistake() {
    let place = repository();
    place.file("shop/docs/readme.md", "");
    commit(&place);
    place.file("shop/later/stock.py", "class StockLow: ...\n");
    for path in ["scr", "docs"] {
        let answer = compared(&place, &["HEAD", ".", path]);
        assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""), "{path}");
        assert!(answer.err.contains(path), "{}", answer.err);
    }
    for path in ["later", "src"] {
        assert_eq!(compared(&place, &["HEAD", ".", path]).code, Some(0));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_name_that_is_not_utf_8_is_no_reason_to_fail() {
    use std::os::unix::ffi::OsStrExt;

    let place = repository();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.py");
    std::fs::write(place.path().join("shop/src").join(name), ORDERS).unwrap();
    commit(&place);
    let answer = compared(&place, &["HEAD", "."]);
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    assert!(
        answer.out.contains("HEAD: publish sites 2"),
        "{}",
        answer.out
    );
}

#[test]
fn two_revisions_are_compared_and_the_work_tree_is_left_alone() {
    let place = Workplace::new();
    let git = |arguments: &[&str]| git(&place, arguments);
    place.file("shop/src/orders.py", ORDERS);
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "one"]);
    place.file("shop/src/billing.py", BILLING);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "two"]);
    place.file(
        "shop/src/orders.py",
        &ORDERS.replace("place_order", "place"),
    );
    place.file("shop/src/stock.py", "class StockLow: ...\n");
    git(&["add", "src/stock.py"]);
    let before = git(&["status", "--porcelain"]);

    let scratch = place.path().join("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let diff = |old: &str, new: &str| {
        let mut command = place.command(&["wiring", "diff", old, new, "src"]);
        command
            .current_dir(place.path().join("shop"))
            .env("TMPDIR", &scratch);
        let answer = Answer::of(&command.output().unwrap());
        assert_eq!(answer.code, Some(0), "{}", answer.err);
        answer.out
    };
    insta::assert_snapshot!(diff("HEAD~1", "HEAD"));
    insta::assert_snapshot!(diff("HEAD", "."));
    assert_eq!(git(&["status", "--porcelain"]), before);
    assert_eq!(
        std::fs::read_dir(&scratch).unwrap().count(),
        0,
        "nothing is left behind"
    );
}

const ORDERS: &str = "
from buswork import EventBus

class OrderPlaced: ...

bus = EventBus()

def place_order():
    bus.publish(OrderPlaced())
";

const BILLING: &str = "
from orders import OrderPlaced, bus

@bus.on(OrderPlaced)
def charge(order: OrderPlaced): ...
";

#[test]
fn the_lock_file_is_written_and_held_against_the_code() {
    let place = Workplace::new();
    place.file("map.json", &map(2));
    let missing = place.run(&["wiring", "map.json", "--check", "--locked"]);
    assert_eq!(missing.code, Some(2));
    assert!(
        missing.err.contains("buswork wiring lock"),
        "{}",
        missing.err
    );

    let written = place.run(&["wiring", "lock", "map.json"]);
    assert_eq!((written.code, written.out.as_str()), (Some(0), ""));
    assert!(
        written.err.ends_with("wiring.lock.json is written\n"),
        "{}",
        written.err
    );
    assert!(
        place
            .run(&["wiring", "lock", "map.json"])
            .err
            .ends_with("is up to date\n")
    );
    assert_eq!(
        place.run(&["wiring", "lock", "map.json", "--quiet"]).err,
        ""
    );
    assert_eq!(
        place
            .run(&["wiring", "map.json", "--check", "--locked"])
            .code,
        Some(0)
    );

    place.file("map.json", &map(3));
    let changed = place.run(&["wiring", "map.json", "--check", "--locked"]);
    assert_eq!(changed.code, Some(1));
    insta::assert_snapshot!(changed.out);
    assert_eq!(
        place.run(&["wiring", "map.json", "--check"]).code,
        Some(0),
        "not asked for"
    );
    let github = place.run(&[
        "wiring", "map.json", "--check", "--locked", "--format", "github",
    ]);
    assert!(
        github.out.contains("::error file=wiring.lock.json,"),
        "{}",
        github.out
    );

    place.file("wiring.lock.json", "{}");
    assert_eq!(
        place
            .run(&["wiring", "map.json", "--check", "--locked"])
            .code,
        Some(2)
    );
}

#[test]
fn a_lock_with_something_missing_is_not_written() {
    let place = Workplace::new();
    let text = map_with(1, |wiring| {
        wiring.problems.push(buswork_wiring::graph::Problem {
            file: "broken.py".to_owned(),
            line: 3,
            message: "expected an expression".to_owned(),
        });
    });
    place.file("map.json", &text);
    let answer = place.run(&["wiring", "lock", "map.json"]);
    assert_eq!(answer.code, Some(2));
    assert!(!place.path().join("wiring.lock.json").exists());
}

#[test]
fn it_tells_why_a_handler_gets_an_event_or_why_not() {
    let place = Workplace::new();
    place.file("map.json", &map(2));
    let gets = place.run(&["wiring", "explain", "OrderPlaced1", "charge1", "map.json"]);
    assert_eq!(gets.code, Some(0));
    insta::assert_snapshot!(gets.out);
    let misses = place.run(&["wiring", "explain", "OrderPlaced1", "charge0", "map.json"]);
    assert_eq!(misses.code, Some(1));
    let unknown = place.run(&["wiring", "explain", "OrderPalced1", "charge0", "map.json"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (Some(2), ""));
    let lines: Vec<&str> = unknown.err.lines().collect();
    assert!(lines.contains(&"  shop.events.OrderPlaced1"), "{lines:?}");
}

#[test]
#[cfg(unix)]
fn a_pipe_is_no_lock_file() {
    let place = Workplace::new();
    place.file("map.json", &map(1));
    let made = Command::new("mkfifo")
        .arg(place.path().join("wiring.lock.json"))
        .status();
    assert!(made.unwrap().success());
    let answer = place.run(&["wiring", "map.json", "--check", "--locked"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("no ordinary file"), "{}", answer.err);
}

#[test]
fn a_lock_file_may_be_elsewhere() {
    let place = Workplace::new();
    place.file("map.json", &map(1));
    place.file("shop/README.md", "");
    let file = ["--lock-file", "shop/wiring.lock.json"];
    let lock = place.run(&["wiring", "lock", "map.json", file[0], file[1]]);
    assert_eq!(lock.code, Some(0), "{}", lock.err);
    assert!(place.path().join("shop/wiring.lock.json").is_file());
    assert!(!place.path().join("wiring.lock.json").exists());
    let check = |map: &str| {
        place.run(&[
            "wiring", map, "--check", "--locked", "--format", "github", file[0], file[1],
        ])
    };
    assert_eq!(check("map.json").code, Some(0));
    place.file("other.json", &map(2));
    let answer = check("other.json");
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.out.contains("file=shop/wiring.lock.json"),
        "{}",
        answer.out
    );
}
