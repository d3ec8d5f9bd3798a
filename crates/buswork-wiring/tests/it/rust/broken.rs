//! Files that cannot be read, or only just: reported, never a crash.

use super::read;
use buswork_wiring::graph::Wiring;

fn problem(text: &str) -> String {
    let wiring = read(&[
        ("shop/src/lib.rs", "mod odd; mod good;"),
        ("shop/src/odd.rs", text),
    ]);
    let problem = wiring.problems.first();
    problem.map_or_else(String::new, |problem| {
        format!("{}:{} {}", problem.file, problem.line, problem.message)
    })
}

/// How many of the publishes in `text` are found; none if it was refused.
fn publishes(text: &str) -> Option<usize> {
    let wiring: Wiring = read(&[("shop/src/lib.rs", text)]);
    wiring.problems.is_empty().then_some(wiring.publishes.len())
}

#[test]
fn a_file_that_is_no_rust_is_told_with_its_line() {
    assert_eq!(
        problem("fn fine() {}\nfn broken( {}"),
        "shop/src/odd.rs:2 no Rust: it cannot be taken apart into words; skipped"
    );
    assert!(problem("fn fine() {}\n\nfn broken() { let = ; }").contains(":3 no Rust: expected"));
    assert!(problem("fn open() { \"").contains(":1 no Rust"));
    assert!(problem("\u{0}\u{1}\u{fffd}").contains("no Rust"));
    for fine in [
        "",
        "\u{feff}fn a() {}",
        "#!/usr/bin/env run\nfn a() {}",
        "// only a comment",
    ] {
        assert_eq!(problem(fine), "");
    }
}

#[test]
fn the_rest_is_read_without_the_broken_file() {
    let code =
        "use buswork::EventBus; struct E; fn run(bus: &EventBus) { bus.publish(&E).unwrap(); }";
    let wiring = read(&[
        ("shop/src/lib.rs", "mod bad; mod good;"),
        ("shop/src/bad.rs", "fn ("),
        ("shop/src/good.rs", code),
    ]);
    assert_eq!((wiring.problems.len(), wiring.publishes.len()), (1, 1));
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    let deep = |open: &str, close: &str| {
        let (open, close) = (open.repeat(10_000), close.repeat(10_000));
        problem(&format!("fn deep() {{\n let _ = {open}1{close}; }}"))
    };
    for (open, close) in [
        ("(", ")"),
        ("{", "}"),
        ("[", "]"),
        ("f(", ")"),
        ("m!(", ")"),
        ("|x| {", "}"),
    ] {
        let told = deep(open, close);
        assert_eq!(
            told, "shop/src/odd.rs:2 nested more than 256 deep; skipped",
            "{open}"
        );
    }
    for (open, close) in [
        ("!", ""),
        ("-", ""),
        ("&", ""),
        ("*", ""),
        ("|| ", ""),
        ("return ", ""),
        ("1 + ", ""),
        ("", ".f()"),
        ("", "?"),
        ("", " as u8"),
        ("a = ", ""),
        ("if x {} else ", ""),
    ] {
        let told = deep(open, close);
        let expected = "shop/src/odd.rs:2 an expression of more than 8192 words; skipped";
        assert_eq!(told, expected, "{open}{close}");
    }
    let types = format!(
        "type Deep =\n {}u8{};",
        "Vec<".repeat(10_000),
        ">".repeat(10_000)
    );
    assert!(problem(&types).contains("more than 8192 words"));
}

#[test]
fn what_is_nested_just_not_too_deep_is_read() {
    let inside = |open: &str, close: &str, times: usize| {
        let (open, close) = (open.repeat(times), close.repeat(times));
        publishes(&format!(
            "use buswork::EventBus; struct E;
             fn run(bus: &EventBus) {{ let _ = {open}{{bus.publish(&E)}}{close}; }}"
        ))
    };
    for (open, close) in [
        ("(", ")"),
        ("{", "}"),
        ("[", "]"),
        ("f(", ")"),
        ("vec!(", ")"),
        ("|x| {", "}"),
        ("async {", "}"),
        ("if x {", "}"),
        ("match x { _ => ", "}"),
        ("Some(", ")"),
    ] {
        assert_eq!(inside(open, close, 240), Some(1), "{open}");
    }
    for (open, close, times) in [
        ("!", "", 8_000),
        ("&", "", 8_000),
        ("|| ", "", 4_000),
        ("return ", "", 8_000),
        ("1 + ", "", 4_000),
        ("", ".f()", 2_700),
        ("", "?", 8_000),
        ("", " as u8", 4_000),
        ("a = ", "", 4_000),
        ("if x {} else ", "", 2_000),
    ] {
        assert_eq!(inside(open, close, times), Some(1), "{open}{close}");
    }
}

#[test]
fn a_very_long_function_is_read() {
    let lines = "    let order = E; bus.publish(&order).unwrap();\n".repeat(10_000);
    let text = format!("use buswork::EventBus; struct E;\nfn run(bus: &EventBus) {{\n{lines}}}");
    assert_eq!(publishes(&text), Some(10_000));
}

#[test]
fn recursion_in_the_code_ends() {
    let code = "use buswork::EventBus; struct E;
        type A = B; type B = A;
        trait T { fn go(&self, bus: &EventBus); }
        struct S(Box<S>);
        impl std::ops::Deref for S { type Target = S; fn deref(&self) -> &S { &self.0 } }
        fn one<X: 'static>(bus: &EventBus, x: &X) { two(bus, x) }
        fn two<X: 'static>(bus: &EventBus, x: &X) { one(bus, x); bus.publish(x).unwrap(); }
        fn run(bus: &EventBus, a: A, s: S) {
            one(bus, &E);
            s.missing();
            bus.publish(&a).unwrap();
        }";
    let wiring = read(&[("shop/src/lib.rs", code)]);
    let events: Vec<&str> = wiring
        .publishes
        .iter()
        .map(|publish| publish.event.as_str())
        .collect();
    assert_eq!(events, ["shop::E"]);
    assert_eq!(wiring.unresolved.len(), 1);
}

/// Parts of real code, torn out and put together at random: whatever comes out, it is read or
/// refused.
#[test]
fn torn_code_never_crashes() {
    let whole = [
        include_str!("../../fixtures/rust/values.rs"),
        include_str!("../../fixtures/rust/handlers.rs"),
        include_str!("../../fixtures/rust/wrappers.rs"),
        include_str!("../../fixtures/rust/asynchronous.rs"),
        include_str!("../../fixtures/rust/macros.rs"),
    ];
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut next = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % bound as u64).unwrap()
    };
    let mut read_whole = 0;
    for turn in 0..300 {
        let mut text: Vec<&str> = whole[turn % whole.len()].lines().collect();
        for _ in 0..=next(4) {
            let (from, to) = (next(text.len()), next(text.len()));
            if next(2) == 0 {
                text.swap(from, to);
            } else {
                text.remove(from);
            }
        }
        read_whole += usize::from(publishes(&text.join("\n")).is_some());
    }
    assert!(read_whole > 10, "only {read_whole} were read");
}
