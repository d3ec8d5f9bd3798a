//! The map of code.

use std::fs;

use crate::workplace::{Answer, Workplace};

const SHOP: &str = "
from buswork import EventBus

class OrderPlaced: ...
class InvoicePaid: ...

bus = EventBus()

@bus.on(OrderPlaced)
def charge(order: OrderPlaced):
    bus.publish(InvoicePaid())

@bus.on(InvoicePaid)
def send_receipt(invoice: InvoicePaid): ...

def place_order():
    bus.publish(OrderPlaced())
";

#[test]
fn code_is_read() {
    let place = Workplace::new();
    place.file("src/shop.py", SHOP);
    let answer = place.run(&["wiring", "src"]);
    assert_eq!((answer.code, answer.err.as_str()), (Some(0), ""));
    insta::assert_snapshot!(answer.out);
    assert_eq!(
        place.run(&["wiring"]).out,
        answer.out,
        "the current folder is the default"
    );
    let checked = place.run(&["wiring", "src", "--check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.out);
}

#[test]
fn code_elsewhere_is_told_from_the_root_of_its_project() {
    let place = Workplace::new();
    place.file(
        "project/pyproject.toml",
        "[tool.buswork.wiring]\nexternal = [\"*\"]\n",
    );
    let code = place.file("project/src/shop.py", SHOP);
    place.file("here/other.py", "");
    let mut command = place.command(&["wiring", code.to_str().unwrap()]);
    let answer = Answer::of(
        &command
            .current_dir(place.path().join("here"))
            .output()
            .unwrap(),
    );
    assert!(answer.out.contains("   src/shop.py:4   "), "{}", answer.out);
}

#[test]
fn a_folder_without_code_is_a_mistake() {
    let place = Workplace::new();
    place.file("docs/readme.md", "");
    let answer = place.run(&["wiring", "docs", "--check"]);
    assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""));
    assert!(
        answer.err.contains("no file of Python or Rust"),
        "{}",
        answer.err
    );
}

#[test]
fn a_broken_file_is_told_and_fails_a_check_only() {
    let place = Workplace::new();
    place.file("src/shop.py", SHOP);
    place.file("src/broken.py", "def (:\n");
    let answer = place.run(&["wiring", "src"]);
    assert_eq!(answer.code, Some(0));
    assert!(
        answer.out.contains("not read:\n  src/broken.py:1"),
        "{}",
        answer.out
    );
    assert!(answer.out.contains("send_receipt"), "the others are read");
    assert_eq!(place.run(&["wiring", "src", "--check"]).code, Some(2));
}

#[test]
fn a_folder_called_like_a_subcommand_can_be_read() {
    let place = Workplace::new();
    place.file("lock/shop.py", SHOP);
    assert!(
        place
            .run(&["wiring", "./lock"])
            .out
            .contains("send_receipt")
    );
    assert!(!place.path().join("wiring.lock.json").exists());
}

#[test]
fn what_was_read_is_remembered_elsewhere_or_not_at_all() {
    let place = Workplace::new();
    place.file("src/shop.py", SHOP);
    let first = place.run(&["wiring", "src", "--no-cache"]);
    assert_eq!(fs::read_dir(place.caches()).unwrap().count(), 0);
    for _ in 0..2 {
        assert_eq!(place.run(&["wiring", "src"]), first);
    }
    assert_eq!(
        fs::read_dir(place.caches().join("buswork"))
            .unwrap()
            .count(),
        1
    );
    assert_eq!(
        fs::read_dir(place.path()).unwrap().count(),
        1,
        "the code is left alone"
    );
    fs::remove_dir_all(place.caches()).unwrap();
    fs::write(place.caches(), "in the way").unwrap();
    assert_eq!(place.run(&["wiring", "src"]), first, "it goes without");
    fs::remove_file(place.caches()).unwrap();
    fs::create_dir(place.caches()).unwrap();
}

#[test]
fn an_ignore_file_above_the_root_hides_nothing() {
    for is_repository in [false, true] {
        let place = Workplace::new();
        place.file("home/.gitignore", "*\n");
        place.file("home/project/src/shop.py", SHOP);
        place.file("home/project/src/made/shop.py", SHOP);
        place.file("home/project/.gitignore", "made/\n");
        if is_repository {
            place.file("home/project/.git/HEAD", "ref: refs/heads/main\n");
        }
        for path in [".", "src"] {
            let mut command = place.command(&["wiring", path, "--format", "json"]);
            let inside = command.current_dir(place.path().join("home/project"));
            let answer = Answer::of(&inside.output().unwrap());
            assert_eq!(answer.code, Some(0), "{}", answer.err);
            assert!(
                answer.out.contains("\"python_files\": 1,"),
                "what the project itself ignores is left out: {}",
                answer.out
            );
        }
    }
}

#[test]
fn the_caches_of_scans_long_ago_are_let_go() {
    let place = Workplace::new();
    place.file("src/shop.py", SHOP);
    let caches = place.caches().join("buswork");
    for number in 0..40 {
        let folder = caches.join(format!("{number:016x}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("wiring-0.1.0.bin"), "").unwrap();
    }
    fs::create_dir_all(caches.join("something else")).unwrap();
    place.run(&["wiring", "src"]);
    assert_eq!(fs::read_dir(&caches).unwrap().count(), 32 + 1);
    assert!(caches.join("something else").is_dir());
}

#[test]
#[cfg(unix)]
fn what_is_written_takes_the_place_of_a_link() {
    let place = Workplace::new();
    place.file("src/shop.py", SHOP);
    let elsewhere = place.file("elsewhere", "as it was");
    let link = place.path().join("wiring.lock.json");
    std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
    let answer = place.run(&["wiring", "lock", "src"]);
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "as it was");
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
    let tree = place.run(&["wiring", "src", "-o", "/dev/stdout"]);
    assert!(tree.out.contains("send_receipt"), "{}", tree.err);
}
