//! What a trace says was seen.

use rustc_hash::FxHashMap;

use super::{Observed, ObservedCascade, ObservedDelivery, ObservedPublish};
use crate::graph::Location;
use crate::trace::{Cascade, Delivered, Published, Trace};

impl From<&Trace> for Observed {
    fn from(trace: &Trace) -> Self {
        let mut places: FxHashMap<&str, Vec<Location>> = FxHashMap::default();
        for delivered in &trace.deliveries {
            let known = places.entry(&delivered.handler).or_default();
            known.extend(delivered.location().filter(|at| !known.contains(at)));
        }
        Self {
            publishes: trace.publishes.iter().map(publish).collect(),
            deliveries: trace.deliveries.iter().map(delivery).collect(),
            cascades: trace
                .cascades
                .iter()
                .map(|cascade| followed(cascade, places.get(cascade.handler.as_str())))
                .collect(),
        }
    }
}

fn publish(published: &Published) -> ObservedPublish {
    let mut publish = ObservedPublish {
        event: published.event.clone(),
        count: published.count,
        ..ObservedPublish::default()
    };
    if let Some(site) = &published.site {
        publish.function.clone_from(&site.function);
        publish.file.clone_from(&site.location.file);
        publish.line = site.location.line;
    }
    publish
}

fn delivery(delivered: &Delivered) -> ObservedDelivery {
    ObservedDelivery {
        event: delivered.event.clone(),
        handler: delivered.handler.clone(),
        subscribed: delivered.subscribed.clone(),
        location: delivered.location(),
        count: delivered.count,
    }
}

/// A cascade names its handler only; deliveries to it tell where that is, if there is one of the
/// name.
fn followed(cascade: &Cascade, places: Option<&Vec<Location>>) -> ObservedCascade {
    ObservedCascade {
        cause_handler: cascade.handler.clone(),
        location: places.and_then(|places| match &places[..] {
            [place] => Some(place.clone()),
            _ => None,
        }),
        event: cascade.event.clone(),
        count: cascade.count,
    }
}
