//! Dispatches as text for people: what came of what, in the order in which it began.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;

use super::dispatch::{Delivery, Dispatch, Outcome, Verb};
use super::id::Id;
use super::names::HandlerName;

/// How deep events are shown within each other. A handler that posts its own event anew is beneath
/// itself without end.
const DEEPEST: usize = 32;

/// Draws dispatches as a tree: each event, its handlers with how they ended, how long they waited and
/// ran, and beneath each handler the events that it published.
///
/// With `root` that dispatch alone, and what came of it; else all, where those are roots whose cause
/// is not among them.
pub fn tree(dispatches: &[Arc<Dispatch>], root: Option<Id>) -> String {
    let known: HashSet<Id> = dispatches.iter().map(|dispatch| dispatch.id).collect();
    let mut drawing = Drawing {
        children: HashMap::new(),
        text: String::new(),
    };
    let mut sorted: Vec<&Dispatch> = dispatches.iter().map(|dispatch| &**dispatch).collect();
    sorted.sort_by_key(|dispatch| (dispatch.published, dispatch.id));
    let mut roots = Vec::new();
    for dispatch in sorted {
        let causation = dispatch.causation().filter(|id| known.contains(id));
        if root.map_or(causation.is_none(), |root| dispatch.id == root) {
            roots.push(dispatch);
        }
        if let Some(causation) = causation {
            drawing
                .children
                .entry(causation)
                .or_default()
                .push(dispatch);
        }
    }
    for root in roots {
        drawing.event(root, "", "", 0);
    }
    drawing.text
}

struct Drawing<'a> {
    /// By the event that they came of, in order.
    children: HashMap<Id, Vec<&'a Dispatch>>,
    text: String,
}

impl<'a> Drawing<'a> {
    /// `first` stands before the event's own line, `rest` before those beneath it.
    fn event(&mut self, dispatch: &'a Dispatch, first: &str, rest: &str, depth: usize) {
        let verb = match dispatch.verb {
            Verb::Publish => "published",
            Verb::Deliver => "delivered",
            Verb::Post => "posted",
        };
        let mut line = dispatch.event.id().to_owned();
        if let Some(topic) = &dispatch.topic {
            let _ = write!(line, " on {topic}");
        }
        match &dispatch.site {
            Some(site) if site.function().is_empty() => {
                let _ = write!(line, ", {verb} at {site}");
            }
            Some(site) => {
                let _ = write!(line, ", {verb} by {site}");
            }
            None => {
                let _ = write!(line, ", {verb}");
            }
        }
        self.line(first, &line);
        if depth == DEEPEST {
            return self.line(
                rest,
                "└─ ... and what came of it, which is too deep to be shown",
            );
        }
        let children = self.children.remove(&dispatch.id).unwrap_or_default();
        let rows = rows(dispatch, children);
        let count = rows.len();
        for (index, row) in rows.into_iter().enumerate() {
            let (branch, beneath) = branches(index + 1 == count);
            self.line(&format!("{rest}{branch}"), &row.told());
            let below = format!("{rest}{beneath}");
            let events = row.published.len();
            for (index, child) in row.published.into_iter().enumerate() {
                let (branch, beneath) = branches(index + 1 == events);
                let (first, rest) = (format!("{below}{branch}"), format!("{below}{beneath}"));
                self.event(child, &first, &rest, depth + 1);
            }
        }
    }

    /// Names come from code and files, and may have anything in them: a terminal must not obey it.
    fn line(&mut self, before: &str, text: &str) {
        self.text.push_str(before);
        for one in text.chars() {
            if is_obeyed(one) {
                self.text.extend(one.escape_default());
            } else {
                self.text.push(one);
            }
        }
        self.text.push('\n');
    }
}

/// Control characters, ends of lines, and marks that turn the direction of writing or cannot be seen.
fn is_obeyed(one: char) -> bool {
    one.is_control()
        || matches!(one,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn branches(is_last: bool) -> (&'static str, &'static str) {
    if is_last {
        ("└─ ", "   ")
    } else {
        ("├─ ", "│  ")
    }
}

/// A handler, and what it published.
struct Row<'a> {
    handler: HandlerName,
    subscription: u64,
    /// None when it has not ended.
    delivery: Option<Delivery>,
    published: Vec<&'a Dispatch>,
}

fn rows<'a>(dispatch: &Dispatch, children: Vec<&'a Dispatch>) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for delivery in dispatch.deliveries() {
        rows.push(Row {
            handler: delivery.handler.clone(),
            subscription: delivery.subscription,
            delivery: Some(delivery),
            published: Vec::new(),
        });
    }
    rows.sort_by_key(|row| {
        (
            row.delivery.as_ref().map(|delivery| delivery.wait),
            row.subscription,
        )
    });
    let mut known: HashMap<u64, usize> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        known.insert(row.subscription, index);
    }
    for child in children {
        let Some(cause) = &child.cause else { continue };
        let index = *known.entry(cause.subscription).or_insert_with(|| {
            rows.push(Row {
                handler: cause.handler.clone(),
                subscription: cause.subscription,
                delivery: None,
                published: Vec::new(),
            });
            rows.len() - 1
        });
        rows[index].published.push(child);
    }
    rows
}

impl Row<'_> {
    fn told(&self) -> String {
        let name = self.handler.name();
        let Some(delivery) = &self.delivery else {
            return format!("{name}: has not ended");
        };
        let how = match &delivery.outcome {
            Outcome::Skipped(reason) => return format!("{name}: skipped, {reason}"),
            Outcome::Failed(class) => format!("failed with {class}"),
            Outcome::Ok => "ok".to_owned(),
            Outcome::Cancelled => "cancelled".to_owned(),
        };
        let (waited, ran) = (time(delivery.wait), time(delivery.run));
        format!("{name}: {how}, waited {waited}, ran {ran}")
    }
}

/// A number of nanoseconds in three or four digits.
#[expect(clippy::cast_precision_loss, reason = "it is rounded anyway")]
fn time(nanoseconds: u64) -> String {
    let number = nanoseconds as f64;
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => format!("{:.1} µs", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", number / 1e6),
        _ => format!("{:.2} s", number / 1e9),
    }
}
