//! From types as written to types as meant.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use syn::{GenericArgument, PathArguments, ReturnType, Type, TypeParamBound};

use super::items::{Item, Program, TypeKind};
use super::names::Space;
use super::types::{Binding, Index, Ty, last};

/// Where a type is written.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) module: Index,
    /// Type parameters that can be named here.
    pub(super) generics: Vec<Rc<str>>,
    /// `Self`.
    pub(super) owner: Option<Ty>,
    /// Types that the `impl` block around names, for `Self::Item`.
    pub(super) types: FxHashMap<String, Ty>,
}

/// Aliases of aliases end somewhere.
const DEEPEST_ALIAS: usize = 16;

impl Program<'_> {
    /// What a type means.
    pub(super) fn lower(&self, scope: &Scope, ty: &Type) -> Ty {
        self.lowered(scope, ty, 0)
    }

    fn lowered(&self, scope: &Scope, ty: &Type, depth: usize) -> Ty {
        match ty {
            Type::Reference(reference) => self.lowered(scope, &reference.elem, depth).reference(),
            Type::Paren(inner) => self.lowered(scope, &inner.elem, depth),
            Type::Group(inner) => self.lowered(scope, &inner.elem, depth),
            Type::Slice(slice) => Ty::ext("Slice", vec![self.lowered(scope, &slice.elem, depth)]),
            Type::Array(array) => Ty::ext("Array", vec![self.lowered(scope, &array.elem, depth)]),
            Type::Tuple(tuple) => Ty::Tuple(
                tuple
                    .elems
                    .iter()
                    .map(|part| self.lowered(scope, part, depth))
                    .collect(),
            ),
            Type::ImplTrait(bounds) => self.lower_bounds(scope, bounds.bounds.iter()),
            Type::TraitObject(bounds) => self.lower_bounds(scope, bounds.bounds.iter()),
            Type::FnPtr(function) => {
                let inputs = function
                    .inputs
                    .iter()
                    .map(|input| self.lowered(scope, &input.ty, depth));
                Ty::Call(
                    inputs.collect(),
                    Rc::new(self.lower_output(scope, &function.output)),
                )
            }
            Type::Path(path) => self.lower_path_type(scope, path, depth),
            _ => Ty::Unknown,
        }
    }

    fn lower_path_type(&self, scope: &Scope, path: &syn::TypePath, depth: usize) -> Ty {
        if path.qself.is_some() {
            let named = path.path.segments.last();
            let name = named.map(|part| part.ident.to_string()).unwrap_or_default();
            return scope.types.get(&name).cloned().unwrap_or_default();
        }
        self.lower_path(scope, &path.path, depth)
    }

    /// What a path means as a type.
    pub(super) fn lower_path(&self, scope: &Scope, path: &syn::Path, depth: usize) -> Ty {
        let segments = names(path);
        if path.leading_colon.is_none() {
            if segments[0] == "Self" {
                return match segments.get(1) {
                    None => scope.owner.clone().unwrap_or_default(),
                    Some(name) => scope.types.get(name).cloned().unwrap_or_default(),
                };
            }
            if let Some(name) = scope.generics.iter().find(|name| ***name == *segments[0]) {
                return if segments.len() == 1 {
                    Ty::Param(Rc::clone(name))
                } else {
                    Ty::Unknown
                };
            }
        }
        let is_absolute = path.leading_colon.is_some();
        let Some((item, taken)) = self.find(scope.module, is_absolute, &segments, Space::Types)
        else {
            return Ty::Unknown;
        };
        let arguments = self.arguments(scope, &path.segments[taken - 1].arguments, depth);
        match item {
            Item::Type(index) if taken == segments.len() => self.own_type(index, arguments, depth),
            Item::Variant(index, _) => self.own_type(index, arguments, depth),
            Item::Ext(name) => ext(&name, arguments),
            _ => Ty::Unknown,
        }
    }

    /// A type of the code, or what it is an alias of.
    fn own_type(&self, index: Index, arguments: Vec<Ty>, depth: usize) -> Ty {
        let item = &self.types[index];
        let TypeKind::Alias(target) = item.kind else {
            return Ty::Own(index, arguments.into());
        };
        if depth > DEEPEST_ALIAS {
            return Ty::Unknown;
        }
        let scope = Scope {
            module: item.module,
            generics: item.generics.clone(),
            owner: None,
            types: FxHashMap::default(),
        };
        let binding: Binding = item.generics.iter().cloned().zip(arguments).collect();
        self.lowered(&scope, target, depth + 1).bound(&binding)
    }

    fn arguments(&self, scope: &Scope, arguments: &PathArguments, depth: usize) -> Vec<Ty> {
        let PathArguments::AngleBracketed(arguments) = arguments else {
            return Vec::new();
        };
        let types = arguments.args.iter().filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(self.lowered(scope, ty, depth)),
            _ => None,
        });
        types.collect()
    }

    /// The types between `::<` and `>`.
    pub(super) fn turbofish(&self, scope: &Scope, arguments: &PathArguments) -> Vec<Ty> {
        self.arguments(scope, arguments, 0)
    }

    /// What a function gives back.
    pub(super) fn lower_output(&self, scope: &Scope, output: &ReturnType) -> Ty {
        match output {
            ReturnType::Default => Ty::Tuple(Rc::default()),
            ReturnType::Type(_, ty) => self.lower(scope, ty),
        }
    }

    /// What stands for a value of which only traits are known.
    pub(super) fn lower_bounds<'b>(
        &self,
        scope: &Scope,
        bounds: impl Iterator<Item = &'b TypeParamBound>,
    ) -> Ty {
        let mut lowered: Vec<Ty> = bounds
            .filter_map(|bound| self.lower_bound(scope, bound))
            .collect();
        // `impl Iterator<Item = T>`, `impl Fn(T)`: what is used of it is told by the one bound.
        let telling = lowered.iter().position(|bound| {
            matches!(bound, Ty::Call(..))
                || matches!(bound.outer(), Some(("Iterator" | "Future", _)))
        });
        match telling {
            Some(index) => lowered.swap_remove(index),
            None => Ty::Bounds(lowered.into()),
        }
    }

    /// One trait; none for lifetimes.
    pub(super) fn lower_bound(&self, scope: &Scope, bound: &TypeParamBound) -> Option<Ty> {
        let TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let part = bound.path.segments.last()?;
        match &part.arguments {
            PathArguments::Parenthesized(arguments) => {
                let inputs = arguments
                    .inputs
                    .iter()
                    .map(|input| self.lower(scope, &input.ty));
                let output = self.lower_output(scope, &arguments.output);
                let is_async = part.ident.to_string().starts_with("Async");
                let output = if is_async {
                    Ty::ext("Future", vec![output])
                } else {
                    output
                };
                Some(Ty::Call(inputs.collect(), Rc::new(output)))
            }
            PathArguments::AngleBracketed(arguments) => {
                let named = arguments.args.iter().find_map(|argument| match argument {
                    GenericArgument::AssocType(named) => Some(self.lower(scope, &named.ty)),
                    _ => None,
                });
                let name = part.ident.to_string();
                match (name.as_str(), named) {
                    ("Future", Some(output)) => Some(Ty::ext("Future", vec![output])),
                    (
                        "Iterator" | "IntoIterator" | "DoubleEndedIterator" | "Stream",
                        Some(item),
                    ) => Some(Ty::ext("Iterator", vec![item])),
                    ("Deref", Some(target)) => Some(target.reference()),
                    _ => Some(self.lower_path(scope, &bound.path, 0)),
                }
            }
            PathArguments::None => Some(self.lower_path(scope, &bound.path, 0)),
        }
    }
}

/// A type of another crate. `std::result::Result` and the like are known by their last word, and
/// their paths differ by whether they were imported.
fn ext(path: &str, arguments: Vec<Ty>) -> Ty {
    let is_standard = ["std::", "core::", "alloc::"]
        .iter()
        .any(|start| path.starts_with(start));
    let known = ["Option", "Result", "Box", "Vec", "String"];
    let path = if is_standard && known.contains(&last(path)) {
        last(path)
    } else {
        path
    };
    Ty::ext(path, arguments)
}

/// The words of a path.
pub(super) fn names(path: &syn::Path) -> Vec<String> {
    path.segments
        .iter()
        .map(|segment| segment.ident.to_string())
        .collect()
}
