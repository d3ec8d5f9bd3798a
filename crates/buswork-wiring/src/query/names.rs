//! What a name stands for, when a person gives it.

use std::collections::BTreeSet;

use super::QueryError;
use crate::graph::Wiring;
use crate::nearest::nearest;

/// A way to take a name: whether `wanted` stands for the thing with this id and name. Ids are
/// given with dots only.
type Way = fn(wanted: &str, id: &str, name: &str) -> bool;

/// From the strictest to the loosest.
const WAYS: [Way; 6] = [
    |wanted, id, _| wanted == id,
    |wanted, _, name| wanted == name,
    |wanted, id, _| is_end_of_path(wanted, id),
    |wanted, id, name| {
        let wanted = wanted.to_lowercase();
        wanted == name.to_lowercase() || is_end_of_path(&wanted, &id.to_lowercase())
    },
    |wanted, id, _| id.contains(wanted),
    |wanted, id, _| id.to_lowercase().contains(&wanted.to_lowercase()),
];

/// All things that the name stands for: at least one.
pub(super) fn matching<'a, T>(
    wanted: &str,
    what: &'static str,
    things: &'a [T],
    named: impl Fn(&T) -> (&str, &str),
) -> Result<Vec<&'a T>, QueryError> {
    let dotted = dotted(wanted);
    for way in WAYS {
        let found: Vec<&T> = things
            .iter()
            .filter(|thing| {
                let (id, name) = named(thing);
                !wanted.is_empty() && way(&dotted, &self::dotted(id), &self::dotted(name))
            })
            .collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Err(QueryError::unknown(
        what,
        wanted,
        near(wanted, things.iter().map(named)),
    ))
}

/// All modules that the name stands for, and those below them: at least one.
pub(super) fn modules_matching<'a>(
    wiring: &'a Wiring,
    wanted: &str,
) -> Result<BTreeSet<&'a str>, QueryError> {
    let named: BTreeSet<&str> = wiring
        .modules
        .iter()
        .map(|module| &module.name)
        .chain(wiring.events.iter().map(|event| &event.module))
        .chain(wiring.handlers.iter().map(|handler| &handler.module))
        .chain(wiring.publishes.iter().map(|publish| &publish.module))
        .chain(
            wiring
                .subscriptions
                .iter()
                .map(|subscription| &subscription.module),
        )
        .map(String::as_str)
        .filter(|name| !name.is_empty())
        .collect();
    // A package may have nothing to show in its own module, and so be none of the named.
    let is_package = named.iter().any(|module| is_within(module, wanted));
    let packages: Vec<&str> = if is_package {
        vec![wanted]
    } else {
        let all: Vec<&str> = named.iter().copied().collect();
        matching(wanted, "module", &all, |name| (name, name))?
            .into_iter()
            .copied()
            .collect()
    };
    let within = |module: &&str| packages.iter().any(|package| is_within(module, package));
    Ok(named.into_iter().filter(within).collect())
}

/// Whether it is this module, or one below this package.
fn is_within(module: &str, package: &str) -> bool {
    module
        .strip_prefix(package)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("::"))
}

/// Handlers' ids have a colon between module and name, but people write a dot.
fn dotted(name: &str) -> String {
    name.replace("::", ".").replace(':', ".")
}

fn is_end_of_path(wanted: &str, id: &str) -> bool {
    id.strip_suffix(wanted)
        .is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// The ids whose names are spelled most like it.
fn near<'a>(wanted: &str, things: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let spellings = |(id, name): (&'a str, &'a str)| {
        [id, name, name.rsplit(['.', ':']).next().unwrap_or(name)].map(|one| (one, id))
    };
    let known: Vec<(&str, &str)> = things.flat_map(spellings).collect();
    let mut ids: Vec<String> = Vec::new();
    for spelling in nearest(wanted, known.iter().map(|(spelling, _)| *spelling)) {
        ids.extend(
            known
                .iter()
                .filter(|(one, _)| *one == spelling)
                .map(|(_, id)| (*id).to_owned()),
        );
    }
    let mut seen = BTreeSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    ids
}
