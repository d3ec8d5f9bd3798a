//! The tree of modules, and what names mean in it.

use super::read;
use buswork_wiring::graph::Wiring;

fn events(wiring: &Wiring) -> Vec<&str> {
    wiring
        .events
        .iter()
        .map(|event| event.id.as_str())
        .collect()
}

/// A file whose one function publishes what it is told to, after these lines.
fn publishing(before: &str, event: &str) -> String {
    format!(
        "use buswork::EventBus;\n{before}\n\
         fn run(bus: &EventBus) {{ bus.publish(&{event}).unwrap(); }}"
    )
}

const EVENTS: &str = "pub struct OrderPlaced; pub struct MailSent;
    pub mod deep { pub struct Tick; pub mod deeper { pub struct Tock; } }";

#[test]
fn names_are_followed_along_use() {
    let cases = [
        (
            "use crate::events::OrderPlaced;",
            "OrderPlaced",
            "shop::events::OrderPlaced",
        ),
        (
            "use crate::events::OrderPlaced as Placed;",
            "Placed",
            "shop::events::OrderPlaced",
        ),
        (
            "use crate::events::*;",
            "MailSent",
            "shop::events::MailSent",
        ),
        (
            "use super::events;",
            "events::OrderPlaced",
            "shop::events::OrderPlaced",
        ),
        (
            "use crate::events as facts;",
            "facts::deep::Tick",
            "shop::events::deep::Tick",
        ),
        (
            "use crate::{events::{self, deep::{deeper::Tock, Tick as T}}};",
            "Tock",
            "shop::events::deep::deeper::Tock",
        ),
        (
            "use crate::events::{deep::{Tick as T}};",
            "T",
            "shop::events::deep::Tick",
        ),
        ("", "crate::events::MailSent", "shop::events::MailSent"),
        ("", "super::events::MailSent", "shop::events::MailSent"),
        (
            "use crate::prelude::*;",
            "Placed",
            "shop::events::OrderPlaced",
        ),
        (
            "use crate::prelude::again::Placed;",
            "Placed",
            "shop::events::OrderPlaced",
        ),
        ("struct Own;", "Own", "shop::orders::Own"),
        ("struct Own;", "self::Own", "shop::orders::Own"),
        ("use elsewhere::Made;", "Made", "elsewhere::Made"),
        (
            "type Short = crate::events::deep::Tick;",
            "Short::new()",
            "shop::events::deep::Tick",
        ),
    ];
    for (before, written, expected) in cases {
        let wiring = read(&[
            ("shop/src/lib.rs", "mod events; mod orders; mod prelude;"),
            ("shop/src/events.rs", EVENTS),
            (
                "shop/src/prelude/mod.rs",
                "pub mod again; pub use crate::events::OrderPlaced as Placed; use again::*;",
            ),
            ("shop/src/prelude/again.rs", "pub use super::*;"),
            ("shop/src/orders.rs", &publishing(before, written)),
        ]);
        assert_eq!(events(&wiring), [expected], "{before} {written}");
    }
}

#[test]
fn a_use_within_a_function_counts_there_only() {
    let wiring = read(&[(
        "shop/src/lib.rs",
        "use buswork::EventBus;
         mod a { pub struct Tick; }
         mod b { pub struct Tick; }
         use a::Tick;
         fn outer(bus: &EventBus) { bus.publish(&Tick).unwrap(); }
         fn inner(bus: &EventBus) {
             use b::Tick;
             struct Local;
             bus.publish(&Tick).unwrap();
             bus.publish(&Local).unwrap();
         }",
    )]);
    assert_eq!(
        events(&wiring),
        ["shop::a::Tick", "shop::b::Tick", "shop::inner::Local"]
    );
}

#[test]
fn modules_lie_where_rust_looks_for_them() {
    let wiring = read(&[
        (
            "shop/src/lib.rs",
            "mod plain; mod folder; #[path = \"odd/place.rs\"] mod moved;
             mod inline { mod inner; #[path = \"other.rs\"] mod named; }
             cfg_if! { if #[cfg(unix)] { mod unix; } else { mod windows; } }",
        ),
        ("shop/src/plain.rs", "mod child;"),
        ("shop/src/plain/child.rs", &publishing("struct E;", "E")),
        ("shop/src/folder/mod.rs", "mod child;"),
        ("shop/src/folder/child.rs", &publishing("struct E;", "E")),
        ("shop/src/odd/place.rs", "mod child;"),
        ("shop/src/odd/child.rs", &publishing("struct E;", "E")),
        ("shop/src/inline/inner.rs", &publishing("struct E;", "E")),
        ("shop/src/inline/other.rs", &publishing("struct E;", "E")),
        ("shop/src/unix.rs", &publishing("struct E;", "E")),
    ]);
    assert_eq!(
        events(&wiring),
        [
            "shop::folder::child::E",
            "shop::inline::inner::E",
            "shop::inline::named::E",
            "shop::moved::child::E",
            "shop::plain::child::E",
            "shop::unix::E",
        ]
    );
    assert!(
        wiring
            .modules
            .iter()
            .all(|module| module.reached == Some(true))
    );
}

#[test]
fn crates_are_named_by_their_manifest_or_their_folder() {
    let code = publishing("struct E;", "E");
    let cases = [
        ("src/main.rs", "crate::E"),
        ("web-shop/src/main.rs", "web_shop::E"),
        ("shop/src/bin/tool.rs", "tool::E"),
        ("shop/src/bin/tool/main.rs", "tool::E"),
        ("shop/examples/demo.rs", "demo::E"),
        ("demo/main.rs", "demo::E"),
        ("named/src/lib.rs", "real_name::E"),
        ("named/odd.rs", "odd_one::E"),
    ];
    for (file, expected) in cases {
        let manifest =
            "[package]\nname = \"real-name\"\n[[bin]]\nname = \"odd-one\"\npath = \"odd.rs\"";
        let files = [
            ("named/Cargo.toml", manifest),
            ("shop/src/lib.rs", ""),
            (file, code.as_str()),
        ];
        assert_eq!(events(&read(&files)), [expected], "{file}");
    }
}

#[test]
fn other_crates_of_the_workspace_are_seen() {
    let wiring = read(&[
        ("events/Cargo.toml", "[package]\nname = \"shop-events\""),
        (
            "events/src/lib.rs",
            "mod placed; pub use placed::OrderPlaced;",
        ),
        ("events/src/placed.rs", "pub struct OrderPlaced;"),
        (
            "shop/Cargo.toml",
            "[package]\nname = \"shop\"\n[dependencies]\n\
             facts = { package = \"shop-events\", path = \"../events\" }\n\
             bus = { package = \"buswork\", version = \"1\" }",
        ),
        (
            "shop/src/main.rs",
            "fn run(bus: &bus::EventBus) { bus.publish(&facts::OrderPlaced).unwrap(); }",
        ),
    ]);
    assert_eq!(events(&wiring), ["shop_events::placed::OrderPlaced"]);
}

#[test]
fn tests_of_a_package_are_left_out() {
    let code = publishing("struct E;", "E");
    let wiring = read(&[
        (
            "shop/src/lib.rs",
            "#[cfg(test)] mod tests; #[cfg(test)] mod more;",
        ),
        ("shop/src/tests.rs", &code),
        ("shop/src/more/mod.rs", "mod inner;"),
        ("shop/src/more/inner.rs", &code),
        ("shop/tests/it/main.rs", &code),
        ("shop/benches/speed.rs", &code),
    ]);
    assert!(wiring.events.is_empty(), "{:?}", events(&wiring));
}

#[test]
fn a_file_that_no_module_names_never_runs() {
    let code = "use buswork::EventBus; struct E;
        fn wire(bus: &EventBus) { bus.subscribe(|_: &E| {}); }";
    let wiring = read(&[
        ("shop/src/lib.rs", "mod known;"),
        ("shop/src/lost.rs", code),
    ]);
    assert_eq!(wiring.modules[0].name, "shop::lost");
    assert_eq!(wiring.modules[0].reached, Some(false));
    let never = &wiring.subscriptions[0].never;
    assert_eq!(
        never,
        "`shop/src/lost.rs` belongs to no module of its crate"
    );
}

#[test]
fn part_of_a_package_is_read_without_its_root() {
    let code = publishing("use crate::orders::events::E;", "E");
    let wiring = read(&[
        ("shop/src/orders/mod.rs", "mod events; mod taking;"),
        ("shop/src/orders/events.rs", "pub struct E;"),
        ("shop/src/orders/taking.rs", &code),
    ]);
    assert_eq!(events(&wiring), ["shop::orders::events::E"]);
    assert_eq!(wiring.modules[0].reached, Some(true));
}

#[test]
fn globs_that_show_each_other_end() {
    let wiring = read(&[(
        "shop/src/lib.rs",
        "use buswork::*;
         mod a { pub use super::b::*; }
         mod b { pub use super::a::*; pub struct E; }
         use a::*;
         use missing::nothing::*;
         fn run(bus: &EventBus) { bus.publish(&E).unwrap(); bus.publish(&Gone).unwrap(); }",
    )]);
    assert_eq!(events(&wiring), ["shop::b::E"]);
    assert_eq!(wiring.unresolved.len(), 1);
}
