//! Types, as far as they are told: enough to say which event a value is.

use std::rc::Rc;

use rustc_hash::FxHashMap;

/// Where a type, a function or a module stands in its list in [`Program`](super::items::Program).
pub(super) type Index = usize;

/// A type.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Ty {
    /// Not told.
    #[default]
    Unknown,
    /// `&T` and `&mut T`.
    Ref(Rc<Self>),
    /// A type or a trait of the code that is read.
    Own(Index, Rc<[Self]>),
    /// One of another crate, by the path that it was named by.
    Ext(Rc<str>, Rc<[Self]>),
    /// A parameter of the function or the `impl`.
    Param(Rc<str>),
    /// `(A, B)`.
    Tuple(Rc<[Self]>),
    /// `fn(A) -> R`, `impl Fn(A) -> R`.
    Call(Rc<[Self]>, Rc<Self>),
    /// `impl A + B`, `dyn A + B`.
    Bounds(Rc<[Self]>),
    /// A function, by its name.
    Function(Index),
    /// A closure: its node.
    Closure(Index),
}

/// What stands for each parameter.
pub(super) type Binding = FxHashMap<Rc<str>, Ty>;

/// Wrappers that a method call and `*` see through.
pub(super) const POINTERS: [&str; 14] = [
    "Arc",
    "Rc",
    "Box",
    "Guard",
    "MutexGuard",
    "MappedMutexGuard",
    "RwLockReadGuard",
    "RwLockWriteGuard",
    "Ref",
    "RefMut",
    "LazyLock",
    "LazyCell",
    "Lazy",
    "Cow",
];

impl Ty {
    /// One of another crate.
    pub(super) fn ext(path: &str, arguments: Vec<Self>) -> Self {
        Self::Ext(path.into(), arguments.into())
    }

    /// `&self`.
    pub(super) fn reference(self) -> Self {
        Self::Ref(Rc::new(self))
    }

    /// Whether nothing is known of it.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// The last part of the path of a type of another crate, and its arguments.
    pub(super) fn outer(&self) -> Option<(&str, &[Self])> {
        match self {
            Self::Ext(path, arguments) => Some((last(path), arguments)),
            _ => None,
        }
    }

    /// The type that a wrapper of this name holds.
    pub(super) fn inside(&self, wrapper: &str) -> Option<Self> {
        let (name, arguments) = self.outer()?;
        (name == wrapper).then(|| arguments.first().cloned().unwrap_or_default())
    }

    /// Without references.
    pub(super) fn bare(&self) -> &Self {
        match self {
            Self::Ref(target) => target.bare(),
            other => other,
        }
    }

    /// What `*self` is, for references and the pointers of the standard library.
    pub(super) fn pointee(&self) -> Option<Self> {
        if let Self::Ref(target) = self {
            return Some((**target).clone());
        }
        let (name, arguments) = self.outer()?;
        POINTERS
            .contains(&name)
            .then(|| arguments.first().cloned().unwrap_or_default())
    }

    /// Whether a parameter is left in it.
    pub(super) fn has_parameter(&self) -> bool {
        match self {
            Self::Param(_) => true,
            Self::Ref(target) => target.has_parameter(),
            Self::Own(_, parts)
            | Self::Ext(_, parts)
            | Self::Tuple(parts)
            | Self::Bounds(parts) => parts.iter().any(Self::has_parameter),
            Self::Call(inputs, output) => {
                inputs.iter().any(Self::has_parameter) || output.has_parameter()
            }
            Self::Unknown | Self::Function(_) | Self::Closure(_) => false,
        }
    }

    /// Whether some part of it is not told.
    pub(super) fn has_gap(&self) -> bool {
        match self {
            Self::Unknown => true,
            Self::Ref(target) => target.has_gap(),
            Self::Own(_, parts) | Self::Ext(_, parts) | Self::Tuple(parts) => {
                parts.iter().any(Self::has_gap)
            }
            _ => false,
        }
    }

    /// With `binding` put in for its parameters.
    pub(super) fn bound(&self, binding: &Binding) -> Self {
        if binding.is_empty() || !self.has_parameter() {
            return self.clone();
        }
        let all = |parts: &Rc<[Self]>| parts.iter().map(|part| part.bound(binding)).collect();
        match self {
            Self::Param(name) => binding.get(name).unwrap_or(self).clone(),
            Self::Ref(target) => target.bound(binding).reference(),
            Self::Own(index, parts) => Self::Own(*index, all(parts)),
            Self::Ext(path, parts) => Self::Ext(Rc::clone(path), all(parts)),
            Self::Tuple(parts) => Self::Tuple(all(parts)),
            Self::Bounds(parts) => Self::Bounds(all(parts)),
            Self::Call(inputs, output) => Self::Call(all(inputs), Rc::new(output.bound(binding))),
            Self::Unknown | Self::Function(_) | Self::Closure(_) => self.clone(),
        }
    }

    /// Learns from `actual`, which stands where `self` is asked for, what the parameters are.
    pub(super) fn learn(&self, actual: &Self, binding: &mut Binding) {
        match (self, actual) {
            (_, Self::Unknown) => {}
            (Self::Param(name), _) => {
                binding
                    .entry(Rc::clone(name))
                    .or_insert_with(|| actual.clone());
            }
            (Self::Ref(wanted), Self::Ref(given)) => wanted.learn(given, binding),
            (Self::Own(a, wanted), Self::Own(b, given)) if a == b => zip(wanted, given, binding),
            (Self::Ext(a, wanted), Self::Ext(b, given)) if last(a) == last(b) => {
                zip(wanted, given, binding);
            }
            // `&[T]` takes an array and a list.
            (Self::Ext(a, wanted), Self::Ext(_, given)) if &**a == "Slice" => {
                zip(wanted, given, binding);
            }
            (Self::Tuple(wanted), Self::Tuple(given)) => zip(wanted, given, binding),
            (Self::Call(wanted, result), Self::Call(given, output)) => {
                zip(wanted, given, binding);
                result.learn(output, binding);
            }
            (Self::Bounds(wanted), _) => {
                wanted.iter().for_each(|bound| bound.learn(actual, binding));
            }
            // `&Arc<T>` where `&T` is asked for.
            (wanted, given) => {
                if let (Some(target), false) = (given.pointee(), matches!(wanted, Self::Ref(_))) {
                    wanted.learn(&target, binding);
                }
            }
        }
    }
}

fn zip(wanted: &[Ty], given: &[Ty], binding: &mut Binding) {
    for (wanted, given) in wanted.iter().zip(given) {
        wanted.learn(given, binding);
    }
}

/// The last part of a path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}
