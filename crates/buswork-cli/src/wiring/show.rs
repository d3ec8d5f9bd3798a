//! The map, in the form that was asked for.

use std::fmt::Write;
use std::process::ExitCode;

use buswork_wiring::confirm::Confirmation;
use buswork_wiring::graph::Wiring;
use buswork_wiring::query::{Direction, Focus, find, select};
use buswork_wiring::render::Marker;
use buswork_wiring::render::github::github;
use buswork_wiring::render::json::{Document, document};
use buswork_wiring::render::mermaid::mermaid;
use buswork_wiring::render::notes::notes;
use buswork_wiring::render::sarif::sarif;
use buswork_wiring::render::table::table;
use buswork_wiring::render::tree::{Detail, TreeOptions, tree};

use super::arguments::{Common, Format, Selection, Show};
use super::check::Found;
use super::{check, confirm, read};
use crate::failure::Failure;
use crate::output::Terminal;

pub(super) fn run(show: &Show, common: &Common, terminal: &Terminal) -> Result<ExitCode, Failure> {
    let reading = read::read(&show.paths, common, terminal)?;
    let output = show.output.as_deref();
    let colour = terminal.paints(output);
    let wiring = &reading.wiring;
    let found = if show.shows_findings() {
        check::findings(&show.checking, common, &reading)?
    } else {
        Found::default()
    };
    if show.checking.check {
        check::tell_of_unmet(&reading, terminal);
    }
    let confirmation = confirm::held(&show.confirming, wiring, terminal)?;
    let confirmed = confirmation.as_ref();
    let mut text = match show.format {
        None if show.checking.check => notes(wiring, &found.notes, colour),
        None | Some(Format::Tree) => drawn(wiring, &found.markers, confirmed, show, colour)?,
        Some(Format::Table) => {
            let focus = focus(&show.selection);
            let whole = (!focus.is_everything()).then_some(wiring);
            table(&select(wiring, &focus)?, whole, colour)
        }
        Some(Format::Json) => {
            let part = select(wiring, &focus(&show.selection))?;
            let marks = confirmed.map(|confirmation| confirmation.of_part(wiring, &part));
            document(&Document {
                wiring: &part,
                findings: &found.findings,
                lock_changes: found.changes.as_deref(),
                confirmation: marks.as_ref(),
            })
        }
        Some(Format::Mermaid) => mermaid(&select(wiring, &focus(&show.selection))?),
        Some(Format::Sarif) => sarif(wiring, &check::texts(), &found.notes),
        Some(Format::Github) => github(wiring, &check::texts(), &found.notes),
    };
    if let Some(confirmation) = confirmed {
        if show.is_for_people() {
            let _ = write!(text, "\n{confirmation}");
        } else {
            terminal.remark(&confirmation.sentence());
        }
    }
    terminal.write(output, &text)?;
    let code = check::code(&show.checking, &reading, &found.notes);
    if code != ExitCode::SUCCESS {
        return Ok(code);
    }
    Ok(confirm::code(&show.confirming, confirmed))
}

impl Show {
    fn shows_findings(&self) -> bool {
        let format = self.format.unwrap_or(Format::Tree);
        self.checking.check || !matches!(format, Format::Table | Format::Mermaid)
    }

    fn is_for_people(&self) -> bool {
        matches!(self.format, None | Some(Format::Tree | Format::Table))
    }
}

fn focus(selection: &Selection) -> Focus {
    Focus {
        events: selection.event.clone(),
        handlers: selection.handler.clone(),
        modules: selection.module.clone(),
        direction: match (selection.upstream, selection.downstream) {
            (true, false) => Direction::Upstream,
            (false, true) => Direction::Downstream,
            _ => Direction::Both,
        },
        depth: selection.depth,
    }
}

/// A tree goes one way only: down, unless it is asked to go up. Asked for both, it begins with what
/// nothing leads to, and comes by what was named.
fn drawn(
    wiring: &Wiring,
    markers: &[Marker],
    confirmation: Option<&Confirmation>,
    show: &Show,
    colour: bool,
) -> Result<String, Failure> {
    let selection = &show.selection;
    let mut focus = focus(selection);
    let goes_both_ways = selection.upstream && selection.downstream;
    let invert = selection.invert || (selection.upstream && !selection.downstream);
    if !goes_both_ways {
        focus.direction = if invert {
            Direction::Upstream
        } else {
            Direction::Downstream
        };
    }
    // What lies one step further is named, to show that it goes on.
    focus.depth = focus.depth.map(|depth| depth.saturating_add(1));
    let roots = if focus.is_everything() || goes_both_ways {
        None
    } else {
        Some(find(wiring, &focus)?.roots(wiring))
    };
    let part = select(wiring, &focus)?;
    let detail = match (show.verbose, roots.is_some()) {
        (true, _) => Detail::Reasons,
        (false, true) => Detail::Publishers,
        (false, false) => Detail::Handlers,
    };
    let seen = confirmation.map(|confirmation| confirmation.of_part(wiring, &part));
    let options = TreeOptions {
        roots: roots.as_deref(),
        depth: selection.depth,
        invert,
        detail,
        whole: (!focus.is_everything()).then_some(wiring),
        seen: seen.as_ref(),
        colour,
        markers,
    };
    Ok(tree(&part, &options))
}
