//! Takes orders: reads purchases, a row each, and publishes what they mean.

use std::error::Error;
use std::io::BufRead;

use buswork::EventBus;

use crate::events::{Date, Dollars, OrderPlaced, RowRejected};

const COLUMNS: &str = "customer_id, date, number_of_cds, dollar_value";

/// Publishes an `OrderPlaced` a purchase, and a `RowRejected` for each row that is none.
///
/// The first line is a header. Columns are parted by runs of blanks.
pub fn take(bus: &EventBus, purchases: impl BufRead) -> Result<(), Box<dyn Error>> {
    let mut number = 0;
    for (line, bytes) in (1..).zip(purchases.split(b'\n')) {
        let bytes = bytes?;
        let text = String::from_utf8_lossy(&bytes);
        let fields: Vec<&str> = text.split_whitespace().collect();
        if line == 1 || fields.is_empty() {
            continue;
        }
        match read(number + 1, &fields) {
            Ok(order) => {
                number += 1;
                bus.publish(&order)?;
            }
            Err(reason) => bus.publish(&RowRejected { line, reason })?,
        }
    }
    Ok(())
}

fn read(number: u64, fields: &[&str]) -> Result<OrderPlaced, String> {
    let &[customer, day, discs, dollars] = fields else {
        return Err(format!("{} columns instead of {COLUMNS}", fields.len()));
    };
    Ok(OrderPlaced {
        number,
        customer: customer.to_owned(),
        day: read_day(day)
            .ok_or_else(|| format!("{} is no date of the form 19970131", quoted(day)))?,
        discs: read_discs(discs).ok_or_else(|| format!("{} is no number of CDs", quoted(discs)))?,
        dollars: Dollars::parse(dollars)
            .ok_or_else(|| format!("{} is no amount of dollars", quoted(dollars)))?,
    })
}

fn read_day(text: &str) -> Option<Date> {
    if text.len() != 8 || !is_digits(text) {
        return None;
    }
    let number = |part: &str| part.parse().ok();
    Date::new(
        number(&text[..4])?,
        number(&text[4..6])?,
        number(&text[6..])?,
    )
}

fn read_discs(text: &str) -> Option<u32> {
    if !is_digits(text) {
        return None;
    }
    text.parse().ok().filter(|&discs| discs > 0)
}

/// Asked before `parse`, which would take a plus sign too.
fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The beginning of a text that came from outside, safe to show on a terminal.
fn quoted(text: &str) -> String {
    let beginning: String = text.chars().take(20).collect();
    format!("'{}'", beginning.escape_debug())
}
