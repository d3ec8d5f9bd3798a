//! Events, who publishes them, who handles them, and what follows, in columns.

use super::figures::write_footer;
use super::names::{Names, function};
use super::paint::Role;
use super::text::{Cell, write_aligned};
use crate::graph::{Event, Grade, Handler, Publish, Wiring};
use crate::routes::{Route, Routes, never};

const HEADINGS: [&str; 6] = [
    "EVENT",
    "PUBLISHED BY",
    "AT",
    "HANDLED BY",
    "AT",
    "THEN PUBLISHES",
];

/// The graph as a table: a row a handler or publish site, whichever an event has more of. If it is a
/// part, how much there is, is told of the whole.
pub fn table(wiring: &Wiring, whole: Option<&Wiring>, colour: bool) -> String {
    let names = Names::of(whole.unwrap_or(wiring));
    let mut lines = vec![
        HEADINGS
            .map(|heading| Cell::new(heading, Role::Heading))
            .to_vec(),
    ];
    let routes = Routes::of(wiring);
    for (index, event) in wiring.events.iter().enumerate() {
        let mut rows = rows(wiring, &names, event, routes.to(index));
        if let Some(known) = whole.and_then(|whole| whole.event(&event.id)) {
            say_what_is_elsewhere(&mut rows[0], event, known);
        }
        lines.extend(rows);
    }
    let mut out = String::new();
    write_aligned(&mut out, &lines, colour);
    out.push('\n');
    if has_doubts(wiring, &routes) {
        write_aligned(
            &mut out,
            &[vec![Cell::new("~ inferred   ? possible", Role::Faint)]],
            colour,
        );
    }
    write_footer(&mut out, wiring, whole, colour);
    out
}

fn rows<'a>(
    wiring: &'a Wiring,
    names: &Names<'a>,
    event: &'a Event,
    routes: &[Route],
) -> Vec<Vec<Cell>> {
    let publishes: Vec<&Publish> = event
        .published_by
        .iter()
        .map(|&index| &wiring.publishes[index])
        .collect();
    let rows = publishes.len().max(routes.len()).max(1);
    (0..rows)
        .map(|row| {
            let name = if row == 0 { names.event(&event.id) } else { "" };
            let mut cells = vec![Cell::new(name, Role::Event)];
            cells.extend(publisher(publishes.get(row).copied()));
            cells.extend(handler(wiring, names, routes.get(row)));
            cells
        })
        .collect()
}

/// A cell that is empty in a part of the map only says so.
fn say_what_is_elsewhere(row: &mut [Cell], event: &Event, known: &Event) {
    let columns = [
        (1, event.published_by.len(), known.published_by.len()),
        (3, event.handled_by.len(), known.handled_by.len()),
    ];
    for (column, here, all) in columns {
        if here == 0 && all > 0 {
            row[column] = Cell::new(format!("{all}, not shown"), Role::Faint);
        }
    }
}

fn publisher(publish: Option<&Publish>) -> [Cell; 2] {
    let Some(publish) = publish else {
        return Default::default();
    };
    [
        graded(
            Cell::new(function(&publish.function), Role::Plain),
            publish.grade,
        ),
        Cell::new(publish.location.to_string(), Role::Faint),
    ]
}

fn handler<'a>(wiring: &'a Wiring, names: &Names<'a>, route: Option<&Route>) -> [Cell; 3] {
    let Some(route) = route else {
        return Default::default();
    };
    let subscription = &wiring.subscriptions[route.subscription];
    let id = subscription.handler.as_str();
    let location: Option<&Handler> = wiring.handler(id);
    let at = location.and_then(|handler| handler.location.as_ref());
    let mut then = Cell::default();
    for (number, cascade) in wiring.cascades_of(id).enumerate() {
        let separator = if number == 0 { "" } else { ", " };
        let event = names.event(&cascade.event);
        then = graded(
            then.and(separator, Role::Plain).and(event, Role::Event),
            cascade.grade,
        );
    }
    let mut name = graded(Cell::new(names.handler(id), Role::Plain), route.grade);
    if never(wiring, subscription).is_some() {
        name = name.and(" !", Role::Wrong);
    }
    [
        name,
        Cell::new(
            at.unwrap_or(&subscription.location).to_string(),
            Role::Faint,
        ),
        then,
    ]
}

fn graded(cell: Cell, grade: Grade) -> Cell {
    match grade {
        Grade::Certain => cell,
        Grade::Inferred => cell.and(" ~", Role::Doubt),
        Grade::Possible => cell.and(" ?", Role::Doubt),
    }
}

/// Whether any mark was made.
fn has_doubts(wiring: &Wiring, routes: &Routes) -> bool {
    let publishes = wiring.publishes.iter().map(|one| one.grade);
    let routes = (0..wiring.events.len())
        .flat_map(|event| routes.to(event))
        .map(|one| one.grade);
    let cascades = wiring.cascades.iter().map(|one| one.grade);
    publishes
        .chain(routes)
        .chain(cascades)
        .any(|grade| grade != Grade::Certain)
}
