//! Events with their handlers, and the events that follow, as a tree for terminals.
//!
//! ```text
//! OrderPlaced   shop/events.py:8   1 publish site · 2 handlers
//! ├─ charge               shop/billing.py:12     on
//! │  └─▶ InvoicePaid      shop/billing.py:15     certain
//! │     └─ send_receipt   shop/post_office.py:9  async  on
//! └─ reserve              shop/inventory.py:7    on
//! ```
//! `(*)` is an event that was drawn before, `↻` one that leads back to itself, `!` something wrong.

mod downstream;
mod drawing;
mod seen;
mod upstream;

use self::drawing::Drawing;
use super::figures::write_footer;
use super::note::Marker;
use crate::confirm::Confirmation;
use crate::graph::Wiring;

/// How many steps from event to event are drawn at most: a page is not wider.
const DEEPEST: usize = 32;

/// How much is told of each event and handler.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Handlers, and what follows.
    #[default]
    Handlers,
    /// Who publishes the events that the tree begins with, too.
    Publishers,
    /// Why something is not certain, too.
    Reasons,
}

/// What to draw, and how.
#[derive(Debug, Clone, Default)]
pub struct TreeOptions<'a> {
    /// Ids of the events to begin with, if they are not drawn below another of them; none for all
    /// events.
    pub roots: Option<&'a [String]>,
    /// How many steps from event to event are drawn; what follows is only named.
    pub depth: Option<usize>,
    /// Draws what causes an event, instead of what follows from it.
    pub invert: bool,
    /// How much is told.
    pub detail: Detail,
    /// The graph that this is a part of, if it is one: how much there is, is told of the whole.
    pub whole: Option<&'a Wiring>,
    /// Tells of each edge how often it was seen at run time.
    pub seen: Option<&'a Confirmation>,
    /// Paints.
    pub colour: bool,
    /// Remarks on events and handlers.
    pub markers: &'a [Marker],
}

/// The graph as a tree. Each event is drawn once; the lines at its end tell how much was resolved.
pub fn tree(wiring: &Wiring, options: &TreeOptions<'_>) -> String {
    let mut drawing = Drawing::new(wiring, options);
    let roots: Vec<&str> = match options.roots {
        Some(roots) => roots.iter().map(String::as_str).collect(),
        None => wiring
            .events
            .iter()
            .map(|event| event.id.as_str())
            .collect(),
    };
    drawing.roots(&roots);
    let mut out = drawing.into_text();
    write_footer(&mut out, wiring, options.whole, options.colour);
    out
}
