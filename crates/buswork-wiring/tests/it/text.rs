//! Names from code and traces, patterns, and what was probably meant.

use buswork_wiring::nearest::nearest;
use buswork_wiring::pattern::matches;
use buswork_wiring::text::printable;

#[test]
fn what_a_terminal_would_obey_is_escaped() {
    assert_eq!(
        printable("a\u{1b}]0;x\u{7}\r\n\tb\u{9b}2J"),
        r"a\x1b]0;x\x07\r\n\tb\x9b2J"
    );
    assert_eq!(
        printable("safe\u{202e}drowssap\u{2066}"),
        r"safe\u{202e}drowssap\u{2066}"
    );
    assert_eq!(
        printable("Bestellung.aufgegeben_für_愛"),
        "Bestellung.aufgegeben_für_愛"
    );
}

#[test]
fn a_pattern_takes_no_longer_than_the_product_of_the_lengths() {
    let pattern = "*a".repeat(200);
    assert!(!matches(&pattern, &"a".repeat(199)));
    assert!(matches(&pattern, &"a".repeat(200)));
    assert!(matches("", "") && matches("*", "") && !matches("?", ""));
}

#[test]
fn swapped_and_missing_letters_are_near() {
    assert_eq!(
        nearest("OrderPalced", ["OrderPlaced", "PaymentTaken"]),
        ["OrderPlaced"]
    );
    assert_eq!(
        nearest("Order", ["OrderPlaced", "PaymentTaken"]),
        ["OrderPlaced"]
    );
    assert!(nearest("Shipped", ["OrderPlaced", "PaymentTaken"]).is_empty());
}
