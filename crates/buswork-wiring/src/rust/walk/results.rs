//! What the methods of the standard library give.

use super::Walker;
use super::calls::Calling;
use super::patterns::filled;
use crate::rust::facts::Value;
use crate::rust::types::Ty;

/// Lists that show their items by reference.
const LISTS: [&str; 10] = [
    "Iterator",
    "VecDeque",
    "Vec",
    "Slice",
    "Array",
    "BinaryHeap",
    "HashMap",
    "BTreeMap",
    "OnceLock",
    "OnceCell",
];

impl Walker<'_, '_> {
    /// What a method gives.
    pub(super) fn result(
        &self,
        calling: &Calling<'_>,
        receiver: &Ty,
        input: Option<&Value>,
        output: Ty,
    ) -> Ty {
        let bare = receiver.bare();
        let (outer, parts) = bare.outer().unwrap_or_default();
        let first = parts.first().cloned().unwrap_or_default();
        let option = |ty: Ty| Ty::ext("Option", vec![ty]);
        match calling.name.as_str() {
            "clone" | "to_owned" | "by_ref" | "fuse" | "rev" | "filter" | "skip" | "take_while"
            | "skip_while" | "step_by" | "inspect" | "chain" | "peekable" | "or_else"
            | "map_err" | "inspect_err" | "or" | "boxed" => bare.clone(),
            "take" if outer == "Iterator" || outer == "Option" => bare.clone(),
            "into_inner" => match outer {
                "Mutex" | "RwLock" => Ty::ext("Result", vec![first]),
                _ => first,
            },
            "cloned" | "copied" if !outer.is_empty() => Ty::ext(outer, vec![first.bare().clone()]),
            "as_ref" | "as_mut" | "as_deref" | "as_deref_mut" | "borrow" | "borrow_mut"
            | "get_ref" | "get_mut" | "deref" => match outer {
                "Option" | "Result" => Ty::ext(outer, vec![first.reference()]),
                "Arc" | "Rc" | "Box" | "RefCell" | "Mutex" | "Guard" | "AsRef" | "Borrow" => {
                    first.reference()
                }
                _ => bare.clone().reference(),
            },
            "unwrap" | "expect" | "unwrap_or" | "unwrap_or_else" | "unwrap_or_default"
            | "context" | "with_context" => match (outer, calling.name.as_str()) {
                ("Option", "context" | "with_context") => Ty::ext("Result", vec![first]),
                (_, "context" | "with_context") => bare.clone(),
                _ => first,
            },
            "ok" | "upgrade" => match outer {
                "Weak" => option(Ty::ext("Arc", vec![first])),
                _ => option(first),
            },
            "ok_or" | "ok_or_else" => Ty::ext("Result", vec![first]),
            "then" | "then_some" => option(match input {
                Some(value) if calling.name == "then_some" => value.ty.clone(),
                _ => output,
            }),
            "map" | "map_or" | "map_or_else" if outer != "Iterator" => {
                match calling.name.as_str() {
                    "map" => Ty::ext(outer, vec![output]),
                    _ => output,
                }
            }
            "and_then" => output,
            "lock" | "read" | "write" | "try_lock" => self.locked(bare, first),
            "recv" | "try_recv" | "join" | "recv_timeout" => {
                let result = Ty::ext("Result", vec![first]);
                let is_async = matches!(bare, Ty::Ext(path, _) if path.starts_with("tokio"));
                if is_async {
                    Ty::ext("Future", vec![result])
                } else {
                    result
                }
            }
            "get_or_init" | "get_or_insert_with" => first.reference(),
            "parse" => Ty::ext("Result", calling.turbofish.clone()),
            "into" if outer == "Into" => first,
            "with" if outer == "LocalKey" => output,
            _ => self.result_of_list(calling, receiver, input, output),
        }
    }

    /// What a method of a list or an iterator gives.
    fn result_of_list(
        &self,
        calling: &Calling<'_>,
        receiver: &Ty,
        input: Option<&Value>,
        output: Ty,
    ) -> Ty {
        let bare = receiver.bare();
        let (outer, parts) = bare.outer().unwrap_or_default();
        let first = parts.first().cloned().unwrap_or_default();
        let option = |ty: Ty| Ty::ext("Option", vec![ty]);
        let items = |ty: Ty| Ty::ext("Iterator", vec![ty]);
        match calling.name.as_str() {
            "map" => items(output),
            "filter_map" | "flat_map" | "map_while" => items(self.program.item(&output)),
            "flatten" => match outer {
                "Option" => first,
                _ => items(self.program.item(&first)),
            },
            "iter" | "iter_mut" => items(self.program.item(&bare.clone().reference())),
            "into_iter" => items(self.program.item(receiver)),
            "drain" | "into_values" | "try_iter" => match self.program.item(bare) {
                Ty::Tuple(parts) if calling.name == "into_values" => {
                    items(parts.get(1).cloned().unwrap_or_default())
                }
                item => items(item),
            },
            "values" | "values_mut" => items(parts.get(1).cloned().unwrap_or_default().reference()),
            "next" | "next_back" | "last" | "nth" | "find" | "max_by_key" | "min_by_key"
            | "max" | "min" | "reduce" | "pop" | "pop_front" | "pop_back" | "peek" | "first"
            | "get"
                if LISTS.contains(&outer) =>
            {
                let item = match (outer, parts) {
                    ("HashMap" | "BTreeMap", [_, value]) => value.clone(),
                    _ => first,
                };
                let is_shown = matches!(calling.name.as_str(), "first" | "last" | "get" | "peek")
                    && outer != "Iterator";
                option(if is_shown { item.reference() } else { item })
            }
            "enumerate" => items(Ty::Tuple([Ty::Unknown, first].into())),
            "zip" => {
                let other = input
                    .map(|value| self.program.item(&value.ty))
                    .unwrap_or_default();
                items(Ty::Tuple([first, other].into()))
            }
            "collect" => collected(calling.turbofish.first(), first),
            "to_vec" | "into_vec" | "into_boxed_slice" => Ty::ext("Vec", vec![first]),
            _ => Ty::Unknown,
        }
    }

    /// What a lock gives.
    fn locked(&self, lock: &Ty, first: Ty) -> Ty {
        let guard = Ty::ext("Guard", vec![first]);
        match self.program.derefs(lock).iter().find_map(Ty::outer) {
            _ if matches!(lock, Ty::Ext(path, _) if path.starts_with("parking_lot")) => guard,
            _ if matches!(lock, Ty::Ext(path, _) if path.starts_with("tokio")) => {
                Ty::ext("Future", vec![guard])
            }
            Some((_, _)) => Ty::ext("Result", vec![guard]),
            None => Ty::Unknown,
        }
    }
}

/// What `collect` gives: what it is asked for, with the items in it.
fn collected(wanted: Option<&Ty>, item: Ty) -> Ty {
    let list = |item| Ty::ext("Vec", vec![item]);
    match (wanted, item.inside("Result")) {
        (Some(wanted), Some(inner)) if wanted.outer().is_some_and(|(name, _)| name == "Result") => {
            filled(wanted, &Ty::ext("Result", vec![list(inner)]))
        }
        (Some(wanted), _) => filled(wanted, &list(item)),
        (None, Some(inner)) => Ty::ext("Result", vec![list(inner)]),
        (None, None) => list(item),
    }
}
