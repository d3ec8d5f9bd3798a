//! What a person wants to know of a run.

use std::cmp::Reverse;
use std::fmt::Display;

use crate::analytics::{Sales, Traffic};
use crate::application::Run;

/// Writes the report.
pub fn write(run: &Run) -> String {
    let traffic = run.analytics.traffic();
    [
        sales(&run.analytics.sales()),
        events(&traffic, run),
        handlers(&traffic),
        format!("The mails are in {}", run.mbox.display()),
    ]
    .join("\n\n")
}

fn sales(sales: &Sales) -> String {
    let mut lines = vec![
        "Sales".to_owned(),
        row("purchases", sales.purchases),
        row("customers", sales.customers.len()),
        row("CDs", sales.discs),
        row("dollars", sales.dollars),
        row("rejected rows", sales.rejected),
    ];
    for rejected in &sales.first_rejections {
        lines.push(format!("    line {}: {}", rejected.line, rejected.reason));
    }
    if sales.rejected > sales.first_rejections.len() {
        lines.push("    ...".to_owned());
    }
    lines.join("\n")
}

fn events(traffic: &Traffic, run: &Run) -> String {
    let mut published: Vec<_> = traffic.published.iter().collect();
    published.sort_by_key(|(_, count)| Reverse(**count));
    let events: u64 = traffic.published.values().sum();
    let deliveries: u64 = traffic
        .handled
        .values()
        .map(|handled| handled.deliveries)
        .sum();

    let mut lines = vec!["Events published".to_owned()];
    for (event_type, &count) in published {
        let name = event_type.rsplit("::").next().unwrap_or(event_type);
        lines.push(row(name, count));
    }
    let rate = u128::from(events) * 1_000_000_000 / run.elapsed.as_nanos().max(1);
    lines.push(format!(
        "{}  in {:.2} s: {} a second",
        row("in all", events),
        run.elapsed.as_secs_f64(),
        grouped(rate)
    ));
    lines.push(row("deliveries", deliveries));
    lines.join("\n")
}

fn handlers(traffic: &Traffic) -> String {
    let mut handled: Vec<_> = traffic.handled.iter().collect();
    handled.sort_by_key(|(_, handled)| Reverse(handled.deliveries));

    let mut lines = vec!["Who handled what (deliveries, place)".to_owned()];
    for (name, handled) in handled {
        let (file, line) = (handled.place.file(), handled.place.line());
        let deliveries = grouped(handled.deliveries);
        lines.push(format!("  {name:<28}{deliveries:>10}  {file}:{line}"));
    }
    lines.join("\n")
}

fn row(label: &str, figure: impl Display) -> String {
    format!("  {label:<16}{:>16}", grouped(figure))
}

/// With a comma between thousands, as in `2,500,315.63`.
fn grouped(figure: impl Display) -> String {
    let text = figure.to_string();
    let whole = text.find('.').unwrap_or(text.len());
    let mut grouped = String::new();
    for (index, character) in text.char_indices() {
        if index > 0 && index < whole && (whole - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(character);
    }
    grouped
}
