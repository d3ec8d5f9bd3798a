//! How it answers, whatever it is asked.

use std::process::Stdio;

use crate::workplace::{Answer, Workplace, map};

#[test]
fn help_is_an_answer() {
    let place = Workplace::new();
    let short = place.run(&["wiring", "--help"]);
    assert_eq!((short.code, short.err.as_str()), (Some(0), ""));
    insta::assert_snapshot!(short.out);
    let all = place.run(&["--help"]);
    assert_eq!(all.code, Some(0));
    assert!(all.out.contains("wiring"));
    assert_eq!(
        place.run(&["--version"]).out,
        format!("buswork {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn nothing_asked_is_wrong_use() {
    let answer = Workplace::new().run(&[]);
    assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""));
    assert!(answer.err.contains("Usage: buswork"));
}

#[test]
fn a_path_that_is_not_there_is_named() {
    let answer = Workplace::new().run(&["wiring", "srcc\u{1b}[31m"]);
    assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""));
    assert_eq!(
        answer.err,
        "error: there is no file or folder srcc\\x1b[31m: give the folder that the code is in\n"
    );
}

#[test]
fn an_unknown_option_is_wrong_use() {
    let answer = Workplace::new().run(&["wiring", "--formt", "json"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("--format"), "{}", answer.err);
}

#[test]
fn a_root_must_hold_the_paths() {
    let place = Workplace::new();
    place.file("one/a.py", "");
    place.file("two/b.py", "");
    let answer = place.run(&["wiring", "two", "--root", "one"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.contains("--root"), "{}", answer.err);
    assert_eq!(
        place.run(&["wiring", "two", "--root", "two/b.py"]).code,
        Some(2)
    );
}

#[test]
fn colours_are_for_terminals() {
    let place = Workplace::new();
    place.file("map.json", &map(2));
    let plain = place.run(&["wiring", "map.json"]);
    assert!(!plain.out.contains('\u{1b}'));
    let painted = place.run(&["wiring", "map.json", "--color", "always"]);
    assert!(painted.out.contains("\u{1b}[1;36mOrderPlaced0\u{1b}[0m"));
    assert_eq!(
        place.run(&["wiring", "map.json", "--color", "never"]),
        plain
    );
    let forced = |no_color: &str| {
        let mut command = place.command(&["wiring", "map.json"]);
        command.env("CLICOLOR_FORCE", "1").env("NO_COLOR", no_color);
        Answer::of(&command.output().unwrap())
    };
    assert_eq!(forced(""), painted);
    assert_eq!(forced("1"), plain);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let place = Workplace::new();
    place.file("map.json", &map(3000));
    for format in ["tree", "json"] {
        let mut command = place.command(&["wiring", "map.json", "--format", format]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let answer = Answer::of(&child.wait_with_output().unwrap());
        assert_eq!((answer.code, answer.err.as_str()), (Some(0), ""));
    }
}

#[test]
fn progress_is_for_terminals() {
    let place = Workplace::new();
    place.file("map.json", &map(1));
    assert_eq!(place.run(&["wiring", "map.json"]).err, "");
}
