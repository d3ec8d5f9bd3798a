//! The graph held against what ran: every edge confirmed, not seen, or seen at run time only.
//!
//! The share of the edges seen at run time that the graph has is its recall. It is printed with
//! every result, so that nobody has to believe the graph.

mod find;
mod observed;
mod part;
mod same;
mod text;

use serde::{Deserialize, Serialize};

use self::find::Finder;
use crate::graph::{Location, Wiring};

/// What was seen at run time. Events are called `module.qualname`, functions `module:qualname`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Observed {
    /// Function → event.
    pub publishes: Vec<ObservedPublish>,
    /// Event → handler.
    pub deliveries: Vec<ObservedDelivery>,
    /// Handler → event.
    pub cascades: Vec<ObservedCascade>,
}

/// A place that published an event.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObservedPublish {
    /// The event.
    pub event: String,
    /// The function that called the bus; empty if that is not known.
    #[serde(default)]
    pub function: String,
    /// Its file, as the run time knows it; empty if that is not known.
    #[serde(default)]
    pub file: String,
    /// The line of the call; 0 if that is not known.
    #[serde(default)]
    pub line: u32,
    /// How often.
    pub count: u64,
}

/// An event that was delivered to a handler.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObservedDelivery {
    /// The event.
    pub event: String,
    /// The handler: a function of Python, the name of a subscription of Rust.
    pub handler: String,
    /// Where the handler begins in Python, or where it is subscribed in Rust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// What the handler is subscribed to, as far as that is known: a base class, a wildcard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscribed: Vec<String>,
    /// How often.
    pub count: u64,
}

/// An event that was published while a handler ran.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObservedCascade {
    /// The handler.
    pub cause_handler: String,
    /// Where the handler begins or is subscribed, if deliveries to it tell that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The event.
    pub event: String,
    /// How often.
    pub count: u64,
}

/// The graph held against what ran. Prints as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Confirmation {
    /// How often each of [`Wiring::publishes`] was seen, in the same order; 0 for not seen.
    pub publishes: Vec<u64>,
    /// How often each of [`Wiring::subscriptions`] was seen.
    pub subscriptions: Vec<u64>,
    /// How often each of [`Wiring::cascades`] was seen.
    pub cascades: Vec<u64>,
    /// What was seen, and is not in the graph, sorted.
    pub only_at_run_time: Observed,
    /// Of the places that publish.
    pub publish_recall: Recall,
    /// Of the deliveries.
    pub delivery_recall: Recall,
    /// Of the cascades.
    pub cascade_recall: Recall,
    /// Of all.
    pub recall: Recall,
    /// Edges of the graph that were not seen, as sentences of a kind and two names.
    pub not_seen: Vec<NotSeen>,
    /// Subscriptions that were said never to come about, and did: indices into
    /// [`Wiring::subscriptions`].
    pub refuted: Vec<usize>,
}

/// How many of the edges that were seen the graph has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Recall {
    /// Different edges seen at run time.
    pub seen: usize,
    /// Those of them in the graph.
    pub found: usize,
}

/// An edge of the graph that was not seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotSeen {
    /// `publish`, `subscription` or `cascade`.
    pub kind: &'static str,
    /// Where it begins: a function, an event, a handler.
    pub from: String,
    /// Where it leads.
    pub to: String,
    /// Where it is made.
    pub place: String,
}

impl Recall {
    /// The share; none if nothing was seen.
    #[expect(clippy::cast_precision_loss, reason = "a share of a count of edges")]
    pub fn share(self) -> Option<f64> {
        (self.seen > 0).then(|| self.found as f64 / self.seen as f64)
    }

    fn count(&mut self, is_found: bool) {
        self.seen += 1;
        self.found += usize::from(is_found);
    }

    fn add(self, other: Self) -> Self {
        Self {
            seen: self.seen + other.seen,
            found: self.found + other.found,
        }
    }
}

/// Holds a [finished](Wiring::finish) graph against what ran.
pub fn confirm(wiring: &Wiring, observed: &Observed) -> Confirmation {
    let finder = Finder::of(wiring);
    let mut confirmation = Confirmation {
        publishes: vec![0; wiring.publishes.len()],
        subscriptions: vec![0; wiring.subscriptions.len()],
        cascades: vec![0; wiring.cascades.len()],
        only_at_run_time: Observed::default(),
        publish_recall: Recall::default(),
        delivery_recall: Recall::default(),
        cascade_recall: Recall::default(),
        recall: Recall::default(),
        not_seen: Vec::new(),
        refuted: Vec::new(),
    };
    confirmation.hold_publishes(&finder, observed);
    confirmation.hold_deliveries(&finder, observed);
    confirmation.hold_cascades(&finder, observed);
    confirmation.recall = confirmation
        .publish_recall
        .add(confirmation.delivery_recall)
        .add(confirmation.cascade_recall);
    confirmation.not_seen = not_seen(wiring, &confirmation);
    confirmation.refuted = (0..wiring.subscriptions.len())
        .filter(|&index| confirmation.subscriptions[index] > 0)
        .filter(|&index| crate::routes::never(wiring, &wiring.subscriptions[index]).is_some())
        .collect();
    confirmation
}

impl Confirmation {
    /// An edge is an event and a function: of several lines of one function each may be found, or
    /// all be missed.
    fn hold_publishes(&mut self, finder: &Finder<'_>, observed: &Observed) {
        let mut sites: Vec<&ObservedPublish> = observed.publishes.iter().collect();
        sites.sort();
        for sites in sites.chunk_by(|a, b| (&a.event, edge_end(a)) == (&b.event, edge_end(b))) {
            let mut is_found = false;
            for site in sites {
                for index in finder.publishes(site) {
                    self.publishes[index] += site.count;
                    is_found = true;
                }
            }
            self.publish_recall.count(is_found);
            if !is_found {
                let missed = sites.iter().map(|&site| site.clone());
                self.only_at_run_time.publishes.extend(missed);
            }
        }
    }

    fn hold_deliveries(&mut self, finder: &Finder<'_>, observed: &Observed) {
        let mut deliveries: Vec<&ObservedDelivery> = observed.deliveries.iter().collect();
        deliveries.sort();
        let is_same = |a: &&ObservedDelivery, b: &&ObservedDelivery| {
            (&a.event, &a.handler, &a.location) == (&b.event, &b.handler, &b.location)
        };
        for same in deliveries.chunk_by(is_same) {
            let mut is_found = false;
            for delivery in same {
                for index in finder.subscriptions(delivery) {
                    self.subscriptions[index] += delivery.count;
                    is_found = true;
                }
            }
            self.delivery_recall.count(is_found);
            if !is_found {
                let count = same.iter().map(|delivery| delivery.count).sum();
                self.only_at_run_time.deliveries.push(ObservedDelivery {
                    count,
                    ..same[0].clone()
                });
            }
        }
    }

    fn hold_cascades(&mut self, finder: &Finder<'_>, observed: &Observed) {
        let mut cascades: Vec<&ObservedCascade> = observed.cascades.iter().collect();
        cascades.sort();
        let is_same = |a: &&ObservedCascade, b: &&ObservedCascade| {
            (&a.cause_handler, &a.event) == (&b.cause_handler, &b.event)
        };
        for same in cascades.chunk_by(is_same) {
            let mut is_found = false;
            for cascade in same {
                for index in finder.cascades(cascade, &observed.publishes) {
                    self.cascades[index] += cascade.count;
                    is_found = true;
                }
            }
            self.cascade_recall.count(is_found);
            if !is_found {
                let count = same.iter().map(|cascade| cascade.count).sum();
                self.only_at_run_time.cascades.push(ObservedCascade {
                    count,
                    ..same[0].clone()
                });
            }
        }
    }
}

/// The function, or the line if the function is not known.
fn edge_end(site: &ObservedPublish) -> (&str, &str, u32) {
    if site.function.is_empty() {
        return ("", &site.file, site.line);
    }
    (&site.function, "", 0)
}

fn not_seen(wiring: &Wiring, confirmation: &Confirmation) -> Vec<NotSeen> {
    let mut edges = Vec::new();
    for (publish, _) in unseen(&wiring.publishes, &confirmation.publishes) {
        let (from, to) = (publish.function.clone(), publish.event.clone());
        edges.push(NotSeen {
            kind: "publish",
            from,
            to,
            place: publish.location.to_string(),
        });
    }
    for (entry, _) in unseen(&wiring.subscriptions, &confirmation.subscriptions) {
        let (from, to) = (entry.event.clone(), entry.handler.clone());
        edges.push(NotSeen {
            kind: "subscription",
            from,
            to,
            place: entry.location.to_string(),
        });
    }
    for (cascade, _) in unseen(&wiring.cascades, &confirmation.cascades) {
        let place = cascade
            .path
            .last()
            .map(|step| step.location.to_string())
            .unwrap_or_default();
        let (from, to) = (cascade.handler.clone(), cascade.event.clone());
        edges.push(NotSeen {
            kind: "cascade",
            from,
            to,
            place,
        });
    }
    edges
}

fn unseen<'a, T>(edges: &'a [T], seen: &'a [u64]) -> impl Iterator<Item = (&'a T, &'a u64)> {
    edges.iter().zip(seen).filter(|(_, count)| **count == 0)
}
