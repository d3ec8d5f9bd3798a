//! What somebody means by a name.

use crate::nearest::nearest;

/// What was found under a name.
pub(super) enum Found {
    One(String),
    Several(Vec<String>),
    None { nearest: Vec<String> },
}

/// Whether an id and a name are what is meant.
type Look<'a> = dyn Fn(&str, &str) -> bool + 'a;

/// Looks among pairs of id and name: for the id itself, else the name, else the last parts of an id,
/// else the same in any case.
pub(super) fn find(written: &str, known: &[(&str, &str)]) -> Found {
    let lower = written.to_lowercase();
    let looks: [&Look<'_>; 4] = [
        &|id, _| id == written,
        &|_, name| name == written,
        &|id, _| is_end(id, written),
        &|id, name| name.to_lowercase() == lower || is_end(&id.to_lowercase(), &lower),
    ];
    for look in looks {
        let found = known.iter().filter(|(id, name)| look(id, name));
        let mut ids: Vec<String> = found.map(|&(id, _)| id.to_owned()).collect();
        match ids.len() {
            0 => {}
            1 => return Found::One(ids.remove(0)),
            _ => return Found::Several(ids),
        }
    }
    Found::None {
        nearest: similar(written, known),
    }
}

fn is_end(id: &str, written: &str) -> bool {
    id.strip_suffix(written)
        .is_some_and(|rest| rest.ends_with(['.', ':']))
}

fn similar(written: &str, known: &[(&str, &str)]) -> Vec<String> {
    let last = written.rsplit([':', '.']).next().unwrap_or(written);
    let mut names = nearest(written, known.iter().map(|&(_, name)| name));
    names.extend(nearest(last, known.iter().map(|&(_, name)| name)));
    let mut ids: Vec<String> = Vec::new();
    for name in names {
        for (id, _) in known.iter().filter(|(_, other)| *other == name) {
            if !ids.iter().any(|other| other == id) {
                ids.push((*id).to_owned());
            }
        }
    }
    ids.truncate(5);
    ids
}
