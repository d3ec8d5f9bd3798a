//! The example shop, run as a user runs it: its sums, its mails, its rejected rows, and that its
//! modules are strangers.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/shop/sample.txt"
);
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/shop");

#[test]
fn the_sample_is_summed_up_and_mailed() {
    let folder = folder("sample");
    let output = shop(&["--data", SAMPLE, "--out", folder.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "a bar, but no terminal");

    let text = fs::read_to_string(SAMPLE).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect())
        .collect();
    let good: Vec<&Vec<&str>> = rows
        .iter()
        .filter(|row| row.len() == 4 && row[1] != "19970230" && row[2].parse::<u64>().is_ok())
        .collect();
    let customers: BTreeSet<&str> = good.iter().map(|row| row[0]).collect();
    let discs: usize = good
        .iter()
        .map(|row| row[2].parse::<usize>().unwrap())
        .sum();
    let cents: usize = good
        .iter()
        .map(|row| row[3].replace('.', "").parse::<usize>().unwrap())
        .sum();

    let report = String::from_utf8(output.stdout).unwrap();
    let expected = [
        ("purchases", good.len()),
        ("customers", customers.len()),
        ("CDs", discs),
        ("dollars", cents),
        ("rejected rows", rows.len() - good.len()),
        ("OrderPlaced", good.len()),
        ("InvoicePaid", good.len()),
        ("RowRejected", rows.len() - good.len()),
        ("inventory::reserve", good.len()),
        ("billing::bill", good.len()),
        ("post_office::confirm", good.len()),
        ("analytics::count_order", good.len()),
        ("analytics::count_money", good.len()),
        ("analytics::count_rejection", rows.len() - good.len()),
    ];
    for (label, figure) in expected {
        assert_eq!(figure_of(&report, label), figure, "{label} in\n{report}");
    }

    let mbox = fs::read_to_string(folder.join("mails.mbox")).unwrap();
    assert_eq!(mbox.matches("\nSubject: Your order ").count(), good.len());
    assert!(
        mbox.starts_with(
            "From shop@example.com Sat Apr 19 00:00:00 1997\n\
             From: shop@example.com\n\
             To: customer-00009@example.com\n\
             Subject: Your order 1\n\
             \n\
             Thank you for 2 CDs at $24.00.\n\
             \n\
             From shop@example.com Wed Jun 11 00:00:00 1997\n"
        ),
        "{}",
        &mbox[..500]
    );
}

#[test]
fn the_report_says_where_a_handler_was_subscribed() {
    let folder = folder("places");
    let output = shop(&["--data", SAMPLE, "--out", folder.to_str().unwrap()]);
    let report = String::from_utf8(output.stdout).unwrap();
    for (handler, file) in [
        ("billing::bill", "billing.rs"),
        ("inventory::reserve", "inventory.rs"),
    ] {
        let source = fs::read_to_string(Path::new(SOURCES).join(file)).unwrap();
        let (_, place) = line_of(&report, handler).rsplit_once('/').unwrap();
        let line: usize = place
            .strip_prefix(&format!("{file}:"))
            .unwrap()
            .parse()
            .unwrap();
        assert!(
            source
                .lines()
                .nth(line - 1)
                .unwrap()
                .contains(".subscribe(")
        );
    }
}

#[test]
fn a_malformed_row_is_told_with_line_and_reason_and_the_run_goes_on() {
    let folder = folder("malformed");
    let data = folder.join("purchases.txt");
    let rows: &[&[u8]] = &[
        b"1 19970101 1 1.00",
        b"1 19970101",
        b"",
        b"  \t ",
        b"1 19970101 0 1.00",
        b"1 19970101 1 NaN",
        b"1 \xff\x1b[31m 1 1.00",
        b"1 19970229 1 1.00",
        b"1 19970101 +1 1.00",
        b"1 19970101 1 1.005",
        b"2 19960229 1200 3.5",
    ];
    let header = b"customer_id date number_of_cds dollar_value";
    fs::write(&data, [&[&header[..]], rows].concat().join(&b"\r\n"[..])).unwrap();

    let output = shop(&[
        "--data",
        data.to_str().unwrap(),
        "--out",
        folder.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{output:?}");
    let report = String::from_utf8(output.stdout).unwrap();
    let told: Vec<&str> = report
        .lines()
        .filter(|line| line.starts_with("    "))
        .map(str::trim)
        .collect();
    assert_eq!(
        told,
        [
            "line 3: 2 columns instead of customer_id, date, number_of_cds, dollar_value",
            "line 6: '0' is no number of CDs",
            "line 7: 'NaN' is no amount of dollars",
            "line 8: '\u{fffd}\\u{1b}[31m' is no date of the form 19970131",
            "line 9: '19970229' is no date of the form 19970131",
            "...",
        ]
    );
    for (label, figure) in [
        ("rejected rows", 7),
        ("RowRejected", 7),
        ("purchases", 2),
        ("CDs", 1201),
        ("dollars", 450),
        ("StockLow", 1),
        ("StockReordered", 1),
        ("inventory::reorder", 1),
    ] {
        assert_eq!(figure_of(&report, label), figure, "{label} in\n{report}");
    }
    let mbox = fs::read_to_string(folder.join("mails.mbox")).unwrap();
    assert!(mbox.contains("From shop@example.com Thu Feb 29 00:00:00 1996\n"));
    assert!(mbox.contains("Subject: Your order 2\n\nThank you for 1200 CDs at $3.50.\n"));
}

#[test]
fn a_missing_file_is_refused_and_the_way_out_is_named() {
    let output = shop(&["--data", "no/such/file.txt"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "shop: there is no file no/such/file.txt: name the purchases by --data\n"
    );
}

#[test]
fn wrong_arguments_are_refused_with_the_usage() {
    for (arguments, complaint) in [
        (
            &["--dada", "x"][..],
            "shop: unknown argument --dada\nusage: ",
        ),
        (&["--data"], "shop: --data needs a value\nusage: "),
    ] {
        let output = shop(arguments);
        assert_eq!(output.status.code(), Some(2));
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.starts_with(complaint), "{message}");
    }
}

#[test]
fn unnamed_purchases_are_the_real_ones_beside_the_checkout_or_the_sample_and_it_says_which() {
    let folder = folder("unnamed");
    let output = shop(&["--out", folder.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let report = String::from_utf8(output.stdout).unwrap();

    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let real = checkout
        .unwrap()
        .with_file_name("shared/data/cdnow_master.txt");
    if !real.is_file() {
        assert!(report.starts_with("Purchases: sample.txt, a small sample"));
        return;
    }
    assert!(report.starts_with(&format!("Purchases: {}\n", real.display())));
    for (label, figure) in [
        ("purchases", 69_659),
        ("customers", 23_570),
        ("CDs", 167_881),
        ("dollars", 250_031_563),
        ("rejected rows", 0),
    ] {
        assert_eq!(figure_of(&report, label), figure, "{label} in\n{report}");
    }
}

#[test]
fn a_module_knows_the_bus_and_the_events_and_no_other_module() {
    for module in ["orders", "billing", "inventory", "post_office", "analytics"] {
        let source = fs::read_to_string(format!("{SOURCES}/{module}.rs")).unwrap();
        assert!(source.contains("use crate::events::"), "{module}");
        assert!(!source.contains("super::"), "{module}");
        for (place, _) in source.match_indices("crate::") {
            assert!(source[place..].starts_with("crate::events::"), "{module}");
        }
    }
}

/// Runs the example. `cargo test` builds it beside the tests, but not when it is told to build one
/// test alone (`--test it`).
fn shop(arguments: &[&str]) -> Output {
    let tests = std::env::current_exe().unwrap();
    let example = tests
        .ancestors()
        .nth(2)
        .unwrap()
        .join("examples")
        .join(format!("shop{}", std::env::consts::EXE_SUFFIX));
    assert!(
        example.is_file(),
        "there is no {}: build it by `cargo build --example shop`, in the profile of this test",
        example.display()
    );
    Command::new(example).args(arguments).output().unwrap()
}

fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("shop")
        .join(test);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn line_of<'report>(report: &'report str, label: &str) -> &'report str {
    let beginning = format!("  {label} ");
    report
        .lines()
        .find(|line| line.starts_with(&beginning))
        .unwrap_or_else(|| panic!("no {label} in\n{report}"))
}

/// The figure behind a label, without its commas and its point.
fn figure_of(report: &str, label: &str) -> usize {
    let line = line_of(report, label);
    let figure = line[2 + label.len()..].split_whitespace().next().unwrap();
    figure.replace([',', '.'], "").parse().unwrap()
}
