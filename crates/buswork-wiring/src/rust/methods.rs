//! Which functions a call of a method may mean, and what types the fields and items of a type have.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::items::{Item, Program, TypeKind, Types};
use super::lower::Scope;
use super::types::{Binding, Index, Ty, last};

/// Pointers to pointers end somewhere.
const DEEPEST_POINTER: usize = 8;

impl Program<'_> {
    /// The type itself, then what it points to, and so on.
    pub(super) fn derefs(&self, ty: &Ty) -> Vec<Ty> {
        let mut all = vec![ty.clone()];
        while all.len() < DEEPEST_POINTER {
            match self.deref(&all[all.len() - 1]) {
                Some(target) => all.push(target),
                None => break,
            }
        }
        all
    }

    /// What `*value` is.
    pub(super) fn deref(&self, ty: &Ty) -> Option<Ty> {
        if let Ty::Own(index, _) = ty {
            return self.associated(*index, "Deref", "Target");
        }
        ty.pointee()
    }

    /// `type name = …` in the `impl` of a trait of another crate.
    fn associated(&self, index: Index, interface: &str, name: &str) -> Option<Ty> {
        let blocks = self.methods.own.get(&index)?;
        blocks
            .iter()
            .map(|&block| &self.impls[block])
            .find_map(|block| {
                let (found, _) = block.interface.as_ref()?.outer()?;
                (found == interface).then(|| block.types.get(name).cloned())?
            })
    }

    /// The functions that a method may be, of the first type along the pointers that has it.
    pub(super) fn methods_of(&self, ty: &Ty, name: &str, types: &Types) -> Vec<Index> {
        let found = self
            .derefs(ty)
            .iter()
            .map(|ty| self.methods_at(ty, name, types))
            .find(|found| !found.is_empty());
        found.unwrap_or_else(|| self.named(&self.methods.blanket, name).collect())
    }

    fn methods_at(&self, ty: &Ty, name: &str, types: &Types) -> Vec<Index> {
        match ty {
            Ty::Own(index, _) => self.methods_of_own(*index, name),
            Ty::Ext(path, _) => self
                .methods
                .foreign
                .get(path)
                .into_iter()
                .flat_map(|blocks| self.named(blocks, name))
                .collect(),
            Ty::Param(parameter) => {
                let bounds = types.bounds.get(parameter).into_iter().flatten();
                bounds
                    .flat_map(|bound| self.methods_at(bound, name, types))
                    .collect()
            }
            Ty::Bounds(bounds) => bounds
                .iter()
                .flat_map(|bound| self.methods_at(bound, name, types))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn methods_of_own(&self, index: Index, name: &str) -> Vec<Index> {
        let methods = &self.methods;
        if let TypeKind::Trait = self.types[index].kind {
            let blocks = methods.by_trait.get(&index).map_or(&[][..], Vec::as_slice);
            let made = self.named(blocks, name);
            return made.chain(self.default_of(index, name)).collect();
        }
        let Some(blocks) = methods.own.get(&index) else {
            return Vec::new();
        };
        let own: Vec<Index> = self.named(blocks, name).collect();
        if !own.is_empty() {
            return own;
        }
        let interfaces = blocks
            .iter()
            .filter_map(|&block| match &self.impls[block].interface {
                Some(Ty::Own(interface, _)) => Some(*interface),
                _ => None,
            });
        interfaces
            .flat_map(|interface| self.default_of(interface, name))
            .collect()
    }

    /// The function of a trait itself. Without a body it still has a signature.
    fn default_of(&self, interface: Index, name: &str) -> impl Iterator<Item = Index> {
        let functions = self
            .methods
            .defaults
            .get(&interface)
            .into_iter()
            .flatten()
            .copied();
        functions.filter(move |&function| self.functions[function].name == name)
    }

    fn named<'s>(&'s self, blocks: &'s [Index], name: &'s str) -> impl Iterator<Item = Index> + 's {
        let functions = blocks
            .iter()
            .flat_map(|&block| self.impls[block].functions.iter().copied());
        functions.filter(move |&function| self.functions[function].name == name)
    }

    /// The type of a field, along the pointers.
    pub(super) fn field(&self, ty: &Ty, name: &str) -> Option<Ty> {
        self.derefs(ty).iter().find_map(|ty| match ty {
            Ty::Own(index, arguments) => self.field_of(*index, arguments, name),
            Ty::Tuple(parts) => parts.get(name.parse::<usize>().ok()?).cloned(),
            _ => None,
        })
    }

    fn field_of(&self, index: Index, arguments: &[Ty], name: &str) -> Option<Ty> {
        let TypeKind::Struct(fields) = self.types[index].kind else {
            return None;
        };
        self.part(index, arguments, fields, name)
    }

    /// The type of a field of a struct or a variant, by its name or its number.
    pub(super) fn part(
        &self,
        index: Index,
        arguments: &[Ty],
        fields: &syn::Fields,
        name: &str,
    ) -> Option<Ty> {
        let field = fields
            .iter()
            .enumerate()
            .find(|(place, field)| match &field.ident {
                Some(ident) => ident == name,
                None => name.parse() == Ok(*place),
            });
        let (_, field) = field?;
        let binding = self.binding(index, arguments);
        Some(self.lower(&self.scope_in(index), &field.ty).bound(&binding))
    }

    /// The fields of a variant, or of a struct that is named like one.
    pub(super) fn fields_of(&self, item: &Item) -> Option<(Index, &syn::Fields)> {
        match item {
            Item::Type(index) => match self.types[*index].kind {
                TypeKind::Struct(fields) => Some((*index, fields)),
                _ => None,
            },
            Item::Variant(index, name) => match self.types[*index].kind {
                TypeKind::Enum(item) => {
                    let variant = item.variants.iter().find(|variant| variant.ident == name);
                    variant.map(|variant| (*index, &variant.fields))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// What stands for the parameters of a type.
    fn binding(&self, index: Index, arguments: &[Ty]) -> Binding {
        self.types[index]
            .generics
            .iter()
            .cloned()
            .zip(arguments.iter().cloned())
            .collect()
    }

    /// Where the fields of a type are written.
    pub(super) fn scope_in(&self, index: Index) -> Scope {
        let item = &self.types[index];
        let parameters = item
            .generics
            .iter()
            .map(|name| Ty::Param(Rc::clone(name)))
            .collect();
        Scope {
            module: item.module,
            generics: item.generics.clone(),
            owner: Some(Ty::Own(index, parameters)),
            types: FxHashMap::default(),
        }
    }

    /// What a `for` over it gives.
    pub(super) fn item(&self, ty: &Ty) -> Ty {
        match ty {
            Ty::Ref(target) => match &**target {
                Ty::Tuple(_) | Ty::Unknown => Ty::Unknown,
                target => match (self.item(target), target.outer()) {
                    (Ty::Unknown, _) => Ty::Unknown,
                    (Ty::Tuple(parts), Some(("HashMap" | "BTreeMap", _))) => {
                        Ty::Tuple(parts.iter().map(|part| part.clone().reference()).collect())
                    }
                    (item, Some(("Iterator" | "Receiver", _))) | (item @ Ty::Ref(_), _) => item,
                    (item, _) => item.reference(),
                },
            },
            Ty::Ext(path, arguments) => match last(path) {
                "HashMap" | "BTreeMap" | "IndexMap" => Ty::Tuple(Rc::clone(arguments)),
                "Arc" | "Box" | "Rc" | "Guard" => ty
                    .pointee()
                    .map(|target| self.item(&target.reference()))
                    .unwrap_or_default(),
                _ => arguments.first().cloned().unwrap_or_default(),
            },
            Ty::Own(index, _) => self
                .associated(*index, "Iterator", "Item")
                .or_else(|| self.associated(*index, "IntoIterator", "Item"))
                .unwrap_or_default(),
            _ => Ty::Unknown,
        }
    }

    /// The events that a type handles by `impl Handler<E>`, with the functions that do it.
    pub(super) fn handled_by(&self, index: Index) -> Vec<(Ty, Index)> {
        let blocks = self.methods.own.get(&index).into_iter().flatten();
        let found = blocks.filter_map(|&block| {
            let block = &self.impls[block];
            let event = handled(block.interface.as_ref()?)?;
            let mut functions = block.functions.iter().copied();
            let handle = functions.find(|&index| self.functions[index].name == "handle")?;
            Some((event, handle))
        });
        found.collect()
    }
}

/// `E` of `Handler<E>`.
pub(super) fn handled(interface: &Ty) -> Option<Ty> {
    let Ty::Ext(path, arguments) = interface else {
        return None;
    };
    let is_ours = matches!(&**path, "buswork::Handler" | "buswork::AsyncHandler");
    if is_ours {
        arguments.first().cloned()
    } else {
        None
    }
}
