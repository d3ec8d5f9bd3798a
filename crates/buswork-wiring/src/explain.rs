//! Why a handler gets an event, or why not.

mod names;
mod text;

use serde::Serialize;

use self::names::{Found, find};
use crate::graph::{Event, EventKind, Grade, Handler, Location, SiteKind, Wiring};
use crate::routes::{Right, Routes, never};

/// Why a handler gets an event, or why not. Prints as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Id of the event; what was asked for, if there is none such.
    pub event: String,
    /// Id of the handler; what was asked for, if there is none such.
    pub handler: String,
    /// In one word.
    pub verdict: Verdict,
    /// The reasons, the foremost first.
    pub because: Vec<Because>,
}

/// Whether the handler gets the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It does.
    Gets,
    /// It may: the code does not tell for certain.
    MayGet,
    /// It does not.
    DoesNotGet,
    /// There is no such event or handler, or several.
    Unknown,
}

/// A reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Because {
    /// A subscription brings it the event.
    Subscribed {
        /// To what.
        event: String,
        /// `own`, `base`, `pattern` or `wildcard`.
        right: &'static str,
        /// How sure.
        grade: Grade,
        /// Why not certain; empty if it is.
        why: String,
        /// Which function subscribes it.
        function: String,
        /// Where.
        location: Location,
        /// Options, as written.
        options: Vec<(String, String)>,
    },
    /// A subscription would, but never comes about.
    NeverRegistered {
        /// To what.
        event: String,
        /// Why.
        why: String,
        /// Where.
        location: Location,
    },
    /// It is subscribed to a base class, without its subclasses.
    Exact {
        /// The base class.
        event: String,
        /// Where.
        location: Location,
    },
    /// It is subscribed to a subclass only.
    Narrower {
        /// The subclass.
        event: String,
        /// Where.
        location: Location,
    },
    /// It is subscribed to another event of the same name.
    Namesake {
        /// The other.
        event: String,
        /// Where it is subscribed.
        location: Location,
    },
    /// It is subscribed to something else.
    Elsewhere {
        /// To what.
        event: String,
        /// Where.
        location: Location,
    },
    /// It is subscribed to nothing.
    NotSubscribed,
    /// Sites that subscribe something could not be resolved, and may subscribe it.
    Unresolved {
        /// How many.
        sites: usize,
    },
    /// Nobody publishes the event, nor one of its subclasses.
    NotPublished,
    /// There is no such event or handler.
    NoSuch {
        /// `event` or `handler`.
        what: &'static str,
        /// What was asked for.
        written: String,
        /// Ids of similar names.
        nearest: Vec<String>,
    },
    /// There are several of the name.
    Several {
        /// `event` or `handler`.
        what: &'static str,
        /// What was asked for.
        written: String,
        /// Their ids.
        ids: Vec<String>,
    },
}

/// Why a handler gets an event, or why not. Both can be given by id, by name, or by the last parts of
/// their id: `OrderPlaced`, `Billing.bill`, `events.OrderPlaced`.
pub fn explain(wiring: &Wiring, event: &str, handler: &str) -> Explanation {
    let events = wiring
        .events
        .iter()
        .map(|event| (event.id.as_str(), event.name.as_str()));
    let handlers = wiring
        .handlers
        .iter()
        .map(|other| (other.id.as_str(), other.name.as_str()));
    let mut unknown = Vec::new();
    let event = known(
        "event",
        event,
        find(event, &events.collect::<Vec<_>>()),
        &mut unknown,
    );
    let handler = known(
        "handler",
        handler,
        find(handler, &handlers.collect::<Vec<_>>()),
        &mut unknown,
    );
    let (Some(known_event), Some(known_handler)) = (wiring.event(&event), wiring.handler(&handler))
    else {
        return Explanation {
            event,
            handler,
            verdict: Verdict::Unknown,
            because: unknown,
        };
    };
    if !unknown.is_empty() {
        return Explanation {
            event,
            handler,
            verdict: Verdict::Unknown,
            because: unknown,
        };
    }
    let (verdict, because) = judge(wiring, known_event, known_handler);
    Explanation {
        event,
        handler,
        verdict,
        because,
    }
}

fn known(what: &'static str, written: &str, found: Found, unknown: &mut Vec<Because>) -> String {
    let written = written.to_owned();
    match found {
        Found::One(id) => return id,
        Found::Several(ids) => unknown.push(Because::Several {
            what,
            written: written.clone(),
            ids,
        }),
        Found::None { nearest } => {
            unknown.push(Because::NoSuch {
                what,
                written: written.clone(),
                nearest,
            });
        }
    }
    written
}

fn judge(wiring: &Wiring, event: &Event, handler: &Handler) -> (Verdict, Vec<Because>) {
    let routes = Routes::of(wiring);
    let index = wiring.events.partition_point(|other| other.id < event.id);
    let mut because = Vec::new();
    let mut best: Option<Grade> = None;
    for route in routes.to(index) {
        let entry = &wiring.subscriptions[route.subscription];
        if entry.handler != handler.id {
            continue;
        }
        let (event, location) = (entry.event.clone(), entry.location.clone());
        if let Some(why) = never(wiring, entry) {
            because.push(Because::NeverRegistered {
                event,
                why,
                location,
            });
            continue;
        }
        best = Some(best.map_or(route.grade, |best| best.min(route.grade)));
        because.push(Because::Subscribed {
            event,
            right: right(route.right),
            grade: route.grade,
            why: entry.reason.clone(),
            function: entry.function.clone(),
            location,
            options: entry.options.clone(),
        });
    }
    let verdict = match best {
        Some(Grade::Certain | Grade::Inferred) => Verdict::Gets,
        Some(Grade::Possible) => Verdict::MayGet,
        None => Verdict::DoesNotGet,
    };
    if verdict == Verdict::DoesNotGet {
        because.extend(why_not(wiring, event, handler, because.is_empty()));
    } else if !is_published(wiring, event) {
        because.push(Because::NotPublished);
    }
    because.sort_by_key(weight);
    (verdict, because)
}

fn right(right: Right) -> &'static str {
    match right {
        Right::Own => "own",
        Right::Base => "base",
        Right::Pattern => "pattern",
        Right::Wildcard => "wildcard",
    }
}

/// What explains most comes first.
fn weight(because: &Because) -> u8 {
    match because {
        Because::Subscribed { .. } => 0,
        Because::NeverRegistered { .. } => 1,
        Because::Exact { .. } => 2,
        Because::Narrower { .. } => 3,
        Because::Namesake { .. } => 4,
        Because::Elsewhere { .. } | Because::NotSubscribed => 5,
        Because::Unresolved { .. } => 6,
        Because::NotPublished | Because::NoSuch { .. } | Because::Several { .. } => 7,
    }
}

fn why_not(wiring: &Wiring, event: &Event, handler: &Handler, unexplained: bool) -> Vec<Because> {
    let mut because = Vec::new();
    for entry in wiring
        .subscriptions
        .iter()
        .filter(|entry| entry.handler == handler.id)
    {
        let location = entry.location.clone();
        let subscribed = entry.event.clone();
        let other = wiring.event(&entry.event);
        let is_subclass = other.is_some_and(|other| other.bases.contains(&event.id));
        let is_namesake = other.is_some_and(|other| other.name == event.name);
        if entry.event == event.id {
            continue;
        }
        because.push(if entry.exact && event.bases.contains(&entry.event) {
            Because::Exact {
                event: subscribed,
                location,
            }
        } else if is_subclass {
            Because::Narrower {
                event: subscribed,
                location,
            }
        } else if is_namesake {
            Because::Namesake {
                event: subscribed,
                location,
            }
        } else {
            Because::Elsewhere {
                event: subscribed,
                location,
            }
        });
    }
    if because.is_empty() && unexplained {
        because.push(Because::NotSubscribed);
    }
    let sites = wiring
        .unresolved
        .iter()
        .filter(|site| site.site == SiteKind::Subscribe)
        .count();
    if sites > 0 {
        because.push(Because::Unresolved { sites });
    }
    because
}

fn is_published(wiring: &Wiring, event: &Event) -> bool {
    let is_it = |other: &Event| other.id == event.id || other.bases.contains(&event.id);
    let mut published = wiring
        .events
        .iter()
        .filter(|other| !other.published_by.is_empty());
    published.any(|other| is_it(other) || crate::routes::names_meet(other, event))
        || event.kind == EventKind::Any
}
