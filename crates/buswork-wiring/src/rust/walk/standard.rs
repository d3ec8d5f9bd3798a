//! What is known of the standard library: enough of it to follow a value through.

use syn::Expr;

use super::Walker;
use super::calls::Calling;
use super::paths::from_another_crate;
use crate::rust::facts::Value;
use crate::rust::types::{POINTERS, Ty, last};

/// Paths of functions that block the thread.
const BLOCKING: [&str; 5] = [
    "std::thread::sleep",
    "std::fs::",
    "std::net::",
    "reqwest::blocking::",
    "ureq::",
];

/// Functions that only wrap what they are given.
const WRAPPERS: [&str; 14] = [
    "Arc::new",
    "Rc::new",
    "Box::new",
    "Mutex::new",
    "RwLock::new",
    "RefCell::new",
    "Cell::new",
    "Some",
    "Ok",
    "OnceLock::from",
    "Arc::from",
    "Box::from",
    "Cow::Owned",
    "Cow::Borrowed",
];

impl Walker<'_, '_> {
    /// A call of a function of another crate, by its path.
    pub(super) fn call_ext(&mut self, calling: &Calling<'_>, path: &str) -> Value {
        if BLOCKING
            .iter()
            .any(|start| path == *start || (start.ends_with("::") && path.starts_with(start)))
        {
            self.blocks(path, calling.line);
        }
        let before = (self.detached, self.offloaded);
        self.leaving(&calling.name, path.starts_with("std::thread"));
        let mut inputs: Vec<Value> = calling
            .inputs
            .iter()
            .map(|input| self.value(input))
            .collect();
        (self.detached, self.offloaded) = before;

        let short = two_words(path);
        let wrapper = short.split("::").next().unwrap_or(short);
        let first = if inputs.is_empty() {
            Value::unknown()
        } else {
            inputs.swap_remove(0)
        };
        let inner = first.ty.clone();
        match short {
            "Err" => first.with(Ty::ext("Result", vec![Ty::Unknown, inner])),
            "Some" => first.with(Ty::ext("Option", vec![inner])),
            "Ok" => first.with(Ty::ext("Result", vec![inner])),
            "Arc::downgrade" | "Rc::downgrade" => {
                let ty = inner.bare().pointee().unwrap_or_default();
                first.with(Ty::ext("Weak", vec![ty]))
            }
            "Box::pin" | "hint::black_box" => first.with(inner),
            "array::from_fn" | "iter::from_fn" | "iter::repeat_with" => {
                let output = self.output_of(&inner);
                Value::named(Ty::ext("Iterator", vec![output]))
            }
            "LazyLock::new" | "LazyCell::new" | "Lazy::new" | "Arc::new_cyclic"
            | "Rc::new_cyclic" => {
                let output = self.output_of(&inner);
                Value::named(Ty::ext(wrapper, vec![output]))
            }
            "Arc::clone" | "Rc::clone" | "Clone::clone" | "mem::take" | "mem::replace" => {
                let ty = inner.bare().clone();
                first.with(ty)
            }
            _ if WRAPPERS.contains(&short) => first.with(Ty::ext(wrapper, vec![inner])),
            "Vec::new" | "VecDeque::new" | "HashSet::new" | "BTreeSet::new" | "HashMap::new"
            | "BTreeMap::new" | "Vec::with_capacity" => Value::named(Ty::ext(wrapper, Vec::new())),
            _ => match (calling.name.as_str(), calling.turbofish.first()) {
                // `serde_json::from_str::<OrderPlaced>(…)`.
                (name, Some(ty)) if name.starts_with("from_") => {
                    let reason = format!("by the type that `{name}` is asked for");
                    Value::through(Ty::ext("Result", vec![ty.clone()]), reason)
                }
                ("channel", Some(ty)) => Value::named(Ty::Tuple(
                    [
                        Ty::ext("Sender", vec![ty.clone()]),
                        Ty::ext("Receiver", vec![ty.clone()]),
                    ]
                    .into(),
                )),
                ("new" | "default", _) => {
                    from_another_crate(path.rsplit_once("::").map_or("", |(ty, _)| ty))
                }
                _ => from_another_crate(path),
            },
        }
    }

    /// What is handed to `spawn` runs beside the code that hands it over.
    fn leaving(&mut self, name: &str, is_thread: bool) {
        self.detached |= name.starts_with("spawn");
        self.offloaded |= matches!(name, "spawn_blocking" | "block_in_place")
            || (is_thread && name.starts_with("spawn"));
    }

    /// A call of a method that is not in the code.
    pub(super) fn standard(
        &mut self,
        calling: &Calling<'_>,
        written: &Expr,
        receiver: Value,
    ) -> Value {
        let seen = self.seen_through(&receiver.ty, &calling.name);
        let wanted = self.handed(&seen, &calling.name);
        let before = (self.detached, self.offloaded);
        self.leaving(&calling.name, false);
        let inputs: Vec<Value> = calling
            .inputs
            .iter()
            .map(|input| match input {
                Expr::Closure(closure) => self.closure(closure, &wanted),
                other => self.value(other),
            })
            .collect();
        (self.detached, self.offloaded) = before;
        if let (
            "push" | "push_back" | "push_front" | "insert" | "push_str",
            Expr::Path(path),
            Some(item),
        ) = (calling.name.as_str(), written, inputs.last())
        {
            self.pushed(path, &receiver, item);
        }
        let output = inputs
            .last()
            .map(|input| self.output_of(&input.ty))
            .unwrap_or_default();
        let ty = self.result(calling, &seen, inputs.first(), output);
        receiver.with(ty)
    }

    /// What a method is of: not of the pointer, but for its own few.
    fn seen_through(&self, ty: &Ty, method: &str) -> Ty {
        if let Ty::Param(name) = ty.bare() {
            // `bus: impl AsRef<EventBus>`.
            let bounds = self.types.bounds.get(name).into_iter().flatten();
            let mut telling = bounds
                .filter(|bound| matches!(bound.outer(), Some(("AsRef" | "Borrow" | "Into", _))));
            return telling.next().unwrap_or(ty).clone();
        }
        if method.starts_with("borrow") {
            let pointed = Self::pointed(ty);
            let is_cell = matches!(pointed.bare().outer(), Some(("RefCell", _)));
            return if is_cell { pointed } else { ty.clone() };
        }
        if matches!(
            method,
            "clone" | "as_ref" | "as_mut" | "upgrade" | "deref" | "get_mut"
        ) {
            return ty.clone();
        }
        Self::pointed(ty)
    }

    /// What the pointers lead to.
    fn pointed(ty: &Ty) -> Ty {
        let mut seen = ty.clone();
        while let Some((name, _)) = seen.bare().outer()
            && POINTERS.contains(&name)
            && let Some(target) = seen.bare().pointee()
        {
            seen = target.reference();
        }
        seen
    }

    /// `events.push(OrderPlaced { … })` tells what `let mut events = Vec::new()` holds.
    fn pushed(&mut self, path: &syn::ExprPath, receiver: &Value, item: &Value) {
        let (Some(name), Some((list, []))) = (path.path.get_ident(), receiver.ty.bare().outer())
        else {
            return;
        };
        let ty = Ty::ext(list, vec![item.ty.clone()]);
        let name = name.to_string();
        let found = self
            .names
            .iter_mut()
            .rev()
            .find_map(|scope| scope.get_mut(&name));
        if let Some(known) = found {
            known.ty = ty;
            known.made.clone_from(&item.made);
        }
    }

    /// What a method hands to the closure that it is given.
    fn handed(&self, receiver: &Ty, method: &str) -> Vec<Ty> {
        let Some((name, parts)) = receiver.bare().outer() else {
            return Vec::new();
        };
        let first = parts.first().cloned().unwrap_or_default();
        match (name, method) {
            ("Result", "map_err" | "unwrap_or_else" | "or_else" | "inspect_err") => {
                parts.get(1).cloned().into_iter().collect()
            }
            ("Option" | "Result", "inspect" | "filter") | ("LocalKey", "with") => {
                vec![first.reference()]
            }
            ("Iterator", "fold" | "try_fold" | "scan") => vec![Ty::Unknown, first],
            (
                "Iterator",
                "filter" | "inspect" | "find" | "skip_while" | "take_while" | "partition"
                | "max_by_key" | "min_by_key",
            ) => vec![first.reference()],
            ("Option" | "Result" | "Iterator", _) => vec![first],
            (_, "retain" | "retain_mut" | "for_each") => {
                vec![self.program.item(&receiver.bare().clone().reference())]
            }
            _ => Vec::new(),
        }
    }
}

/// The last two words of a path, or the only one.
fn two_words(path: &str) -> &str {
    let name = last(path);
    if matches!(name, "Some" | "Ok" | "Err") {
        return name;
    }
    let before = path.len() - name.len();
    let start = path[..before.saturating_sub(2)]
        .rfind("::")
        .map_or(0, |place| place + 2);
    &path[start..]
}
