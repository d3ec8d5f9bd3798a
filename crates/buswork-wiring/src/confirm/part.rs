//! The marks of a part of a graph.

use super::Confirmation;
use crate::graph::Wiring;

impl Confirmation {
    /// The same for a [part](crate::query::select) of the graph: its edges with their counts. The
    /// recall, and what was seen at run time only, are those of the whole.
    #[must_use]
    pub fn of_part(&self, whole: &Wiring, part: &Wiring) -> Self {
        Self {
            publishes: counts(&whole.publishes, &self.publishes, &part.publishes),
            subscriptions: counts(
                &whole.subscriptions,
                &self.subscriptions,
                &part.subscriptions,
            ),
            cascades: counts(&whole.cascades, &self.cascades, &part.cascades),
            refuted: refuted(self, whole, part),
            ..self.clone()
        }
    }
}

/// The counts of those edges that the part has: both lists have one order.
fn counts<T: PartialEq>(whole: &[T], seen: &[u64], part: &[T]) -> Vec<u64> {
    places(whole, part)
        .map(|place| place.map_or(0, |at| seen[at]))
        .collect()
}

fn refuted(confirmation: &Confirmation, whole: &Wiring, part: &Wiring) -> Vec<usize> {
    places(&whole.subscriptions, &part.subscriptions)
        .enumerate()
        .filter(|(_, place)| place.is_some_and(|at| confirmation.refuted.contains(&at)))
        .map(|(index, _)| index)
        .collect()
}

/// Where in the whole each of the part stands.
fn places<'a, T: PartialEq>(whole: &'a [T], part: &'a [T]) -> impl Iterator<Item = Option<usize>> {
    let mut next = 0;
    part.iter().map(move |edge| {
        let at = next + whole[next..].iter().position(|one| one == edge)?;
        next = at + 1;
        Some(at)
    })
}
