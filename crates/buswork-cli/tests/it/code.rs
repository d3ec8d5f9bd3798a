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
