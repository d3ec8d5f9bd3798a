//! Whether a name from the code and one from the run time are of the same thing.

use rustc_hash::FxHashMap;

/// A name in parts: `shop.orders:place.<locals>.inner` and `shop::orders::place::inner` both are
/// shop, orders, place, inner. Types in angle brackets, as Rust has them, are left out, and the number
/// that tells handlers of one name apart in the graph.
pub(super) fn flat(name: &str) -> String {
    let mut flat = String::with_capacity(name.len());
    let plain = without_number(name)
        .replace("::", ".")
        .replace(':', ".")
        .replace(".<locals>", "");
    let mut depth = 0_usize;
    for character in plain.chars() {
        match character {
            // `<lambda>` is a name; `Vec<Order>` is a name with types.
            '<' if depth > 0 || !(flat.is_empty() || flat.ends_with('.')) => depth += 1,
            '>' if depth > 0 => depth -= 1,
            _ if depth == 0 => flat.push(character),
            _ => {}
        }
    }
    flat
}

/// `shop:<lambda>` of `shop:<lambda>#2`.
fn without_number(name: &str) -> &str {
    match name.rsplit_once('#') {
        Some((plain, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => plain,
        _ => name,
    }
}

/// Names of the graph, to be found under those of the run time.
pub(super) struct Names {
    by_name: FxHashMap<String, Vec<usize>>,
    by_last: FxHashMap<String, Vec<(usize, String)>>,
}

impl Names {
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut by_name: FxHashMap<String, Vec<usize>> = FxHashMap::default();
        let mut by_last: FxHashMap<String, Vec<(usize, String)>> = FxHashMap::default();
        for (index, name) in names.enumerate() {
            let name = flat(name);
            by_last
                .entry(last(&name).to_owned())
                .or_default()
                .push((index, name.clone()));
            by_name.entry(name).or_default().push(index);
        }
        Self { by_name, by_last }
    }

    /// Those of the same name. If there are none: those whose name ends with it, or it with theirs,
    /// as a folder may be a package in one of the two and not in the other, and the module that is
    /// run is called `__main__`.
    pub(super) fn same_as(&self, seen: &str) -> Vec<usize> {
        let seen = flat(seen);
        if let Some(found) = self.by_name.get(&seen) {
            return found.clone();
        }
        let wanted = seen.strip_prefix("__main__.").unwrap_or(&seen);
        let Some(candidates) = self.by_last.get(last(wanted)) else {
            return Vec::new();
        };
        let is_same = |name: &str| {
            // One part alone says too little, unless it is all that `__main__` leaves.
            let is_part = |longer: &str, shorter: &str| {
                let is_told = shorter.contains('.') || seen.starts_with("__main__.");
                is_told && ends_with(longer, shorter)
            };
            is_part(name, wanted) || is_part(wanted, name)
        };
        candidates
            .iter()
            .filter(|(_, name)| is_same(name))
            .map(|&(index, _)| index)
            .collect()
    }
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn ends_with(longer: &str, shorter: &str) -> bool {
    longer
        .strip_suffix(shorter)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether the run time's path is that of a file of the graph, which is relative to a root.
pub(super) fn is_file(seen: &str, file: &str) -> bool {
    let seen = seen.replace('\\', "/");
    let seen = seen.strip_prefix("./").unwrap_or(&seen);
    let ends_with = |longer: &str, shorter: &str| {
        !shorter.is_empty()
            && longer
                .strip_suffix(shorter)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    ends_with(seen, file) || ends_with(file, seen)
}
