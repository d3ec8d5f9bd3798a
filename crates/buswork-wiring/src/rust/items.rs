//! What the code declares: modules, types, functions, `impl` blocks and statics.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::facts::Unread;
use super::types::{Index, Ty};

/// All declarations of all files.
#[derive(Default)]
pub(super) struct Program<'a> {
    pub(super) crates: Vec<Crate>,
    pub(super) modules: Vec<Module>,
    pub(super) types: Vec<TypeItem<'a>>,
    pub(super) functions: Vec<Function<'a>>,
    pub(super) impls: Vec<Impl<'a>>,
    pub(super) statics: Vec<Static<'a>>,
    /// Modules of blocks that declare something, by the address of the block.
    pub(super) blocks: FxHashMap<usize, Index>,
    pub(super) methods: Methods,
    /// Calls in definitions of macros, with the modules that these stand in.
    pub(super) unread: Vec<(Index, Unread)>,
}

/// A crate: a root file and all modules below it.
pub(super) struct Crate {
    /// As it stands in paths: with `_`.
    pub(super) name: String,
    pub(super) root: Index,
    /// Whether others can depend on it.
    pub(super) is_library: bool,
    /// Crates by the names that its `Cargo.toml` gives them, where these differ.
    pub(super) renamed: FxHashMap<String, String>,
    /// Whether it names the crate `buswork` anywhere.
    pub(super) knows_bus: bool,
}

/// A module, or a block of a function that declares something.
pub(super) struct Module {
    /// Its path: `shop::orders`.
    pub(super) name: String,
    /// What goes before the names of functions in it: `take::` within a function.
    pub(super) within: String,
    pub(super) owner: Index,
    pub(super) parent: Option<Index>,
    /// A block: what it does not declare is looked up around it.
    pub(super) is_block: bool,
    pub(super) source: usize,
    pub(super) names: FxHashMap<String, Vec<Item>>,
    pub(super) uses: FxHashMap<String, Vec<UsePath>>,
    pub(super) globs: Vec<UsePath>,
}

/// Something with a name.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Module(Index),
    Type(Index),
    Function(Index),
    Static(Index),
    /// A variant of an enumeration.
    Variant(Index, String),
    /// Of another crate.
    Ext(String),
}

/// A path as `use` has it.
#[derive(Debug, Clone)]
pub(super) struct UsePath {
    /// It begins with `::`, so with a crate.
    pub(super) is_absolute: bool,
    pub(super) segments: Vec<String>,
}

/// A type or a trait.
pub(super) struct TypeItem<'a> {
    /// Its path: `shop::events::OrderPlaced`.
    pub(super) path: String,
    pub(super) name: String,
    pub(super) module: Index,
    pub(super) kind: TypeKind<'a>,
    pub(super) generics: Vec<Rc<str>>,
    pub(super) attributes: &'a [syn::Attribute],
    pub(super) line: u32,
}

/// What a type is.
#[derive(Clone, Copy)]
pub(super) enum TypeKind<'a> {
    Struct(&'a syn::Fields),
    Enum(&'a syn::ItemEnum),
    Alias(&'a syn::Type),
    Trait,
    Union,
}

/// A function or a method.
pub(super) struct Function<'a> {
    pub(super) name: String,
    /// Its name with what it is in: `Inventory::reserve`.
    pub(super) qualified: String,
    pub(super) module: Index,
    pub(super) signature: &'a syn::Signature,
    pub(super) block: Option<&'a syn::Block>,
    pub(super) place: Place,
    pub(super) attributes: &'a [syn::Attribute],
    pub(super) line: u32,
    /// Its types, once all declarations are known.
    pub(super) types: Rc<Types>,
}

/// What a function is declared in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// A module or a block.
    Free,
    /// An `impl` block.
    Impl(Index),
    /// A trait.
    Trait(Index),
}

/// The types of a function.
#[derive(Debug, Default)]
pub(super) struct Types {
    /// Its parameters but `self`: the name, if it is a plain one, and the type.
    pub(super) inputs: Vec<(Option<String>, Ty)>,
    pub(super) output: Ty,
    /// `self`, of a method.
    pub(super) receiver: Option<Ty>,
    /// `Self`.
    pub(super) owner: Option<Ty>,
    /// Its own type parameters, for a turbofish.
    pub(super) generics: Vec<Rc<str>>,
    /// Bounds of its type parameters and of those around it.
    pub(super) bounds: FxHashMap<Rc<str>, Vec<Ty>>,
}

/// An `impl` block.
pub(super) struct Impl<'a> {
    pub(super) module: Index,
    pub(super) item: &'a syn::ItemImpl,
    pub(super) functions: Vec<Index>,
    /// The type that it is for.
    pub(super) owner: Ty,
    /// The trait.
    pub(super) interface: Option<Ty>,
    /// Types that it names: `type Item = OrderPlaced;`.
    pub(super) types: FxHashMap<String, Ty>,
    pub(super) line: u32,
}

/// A static or a constant.
pub(super) struct Static<'a> {
    pub(super) module: Index,
    pub(super) ty: &'a syn::Type,
    pub(super) value: Option<&'a syn::Expr>,
}

/// Which `impl` blocks there are for what.
#[derive(Default)]
pub(super) struct Methods {
    /// By a type of the code that is read.
    pub(super) own: FxHashMap<Index, Vec<Index>>,
    /// By a type of another crate.
    pub(super) foreign: FxHashMap<Rc<str>, Vec<Index>>,
    /// `impl<T> Trait for T`.
    pub(super) blanket: Vec<Index>,
    /// By the trait, of the code that is read.
    pub(super) by_trait: FxHashMap<Index, Vec<Index>>,
    /// Functions with a body in a trait, by the trait.
    pub(super) defaults: FxHashMap<Index, Vec<Index>>,
}

impl Program<'_> {
    /// `module:qualname` of a function.
    pub(super) fn function_id(&self, function: Index) -> String {
        let function = &self.functions[function];
        format!(
            "{}:{}",
            self.modules[function.module].name, function.qualified
        )
    }

    /// A type as people write it, with whole paths.
    pub(super) fn show(&self, ty: &Ty) -> String {
        let list = |parts: &[Ty]| {
            parts
                .iter()
                .map(|part| self.show(part))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let with = |path: &str, parts: &[Ty]| match parts {
            [] => path.to_owned(),
            parts => format!("{path}<{}>", list(parts)),
        };
        match ty {
            Ty::Ref(target) => format!("&{}", self.show(target)),
            Ty::Own(index, parts) => with(&self.types[*index].path, parts),
            Ty::Ext(path, parts) => with(path, parts),
            Ty::Param(name) => name.to_string(),
            Ty::Tuple(parts) => format!("({})", list(parts)),
            Ty::Bounds(parts) => format!("impl {}", list(parts)),
            Ty::Call(..) | Ty::Function(_) | Ty::Closure(_) => "fn".to_owned(),
            Ty::Unknown => "_".to_owned(),
        }
    }
}
