//! What the items of one file declare.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item as Syntax, Stmt, TraitItem, UseTree};

use super::facts::Unread;
use super::items::{Function, Impl, Item, Place, Static, TypeItem, TypeKind, UsePath};
use super::macros;
use super::parse::line;
use super::tree::{Outside, Tree};
use super::types::{Index, Ty};
use super::walk::VERBS;

/// Goes through the items of one file.
pub(super) struct Declaring<'t, 'a> {
    pub(super) tree: &'t mut Tree<'a>,
    /// Modules whose code lies in other files.
    pub(super) outside: &'t mut Vec<Outside>,
    /// Modules within the file that these items stand in.
    pub(super) inside: Vec<String>,
}

impl<'a> Declaring<'_, 'a> {
    pub(super) fn items(&mut self, items: &'a [Syntax], module: Index) {
        for item in items {
            self.item(item, module);
        }
    }

    fn item(&mut self, item: &'a Syntax, module: Index) {
        match item {
            Syntax::Mod(item) => self.module(item, module),
            Syntax::Use(item) => {
                let is_absolute = item.leading_colon.is_some();
                self.uses(
                    &item.tree,
                    UsePath {
                        is_absolute,
                        segments: Vec::new(),
                    },
                    module,
                );
            }
            Syntax::Fn(item) if !is_test(&item.attrs) => {
                let place = Place::Free;
                let function = self.function(
                    &item.sig,
                    Some(&item.block),
                    &item.attrs,
                    module,
                    place,
                    None,
                );
                self.name(&item.sig.ident, Item::Function(function), module);
            }
            Syntax::Impl(item) if !is_test(&item.attrs) => self.implementation(item, module),
            Syntax::Trait(item) if !is_test(&item.attrs) => self.interface(item, module),
            Syntax::Const(item) => self.value(&item.ident, &item.ty, Some(&item.expr), module),
            Syntax::Static(item) => self.value(&item.ident, &item.ty, Some(&item.expr), module),
            Syntax::Macro(item) => self.definition(item, module),
            Syntax::ExternCrate(item) => {
                let segments = vec![item.ident.to_string()];
                let name = item.rename.as_ref().map_or(&item.ident, |(_, name)| name);
                let path = UsePath {
                    is_absolute: true,
                    segments,
                };
                self.use_as(name.to_string(), path, module);
            }
            Syntax::Struct(item) if !is_test(&item.attrs) => {
                let kind = TypeKind::Struct(&item.fields);
                self.ty(&item.ident, &item.generics, &item.attrs, kind, module);
            }
            Syntax::Enum(item) if !is_test(&item.attrs) => {
                self.ty(
                    &item.ident,
                    &item.generics,
                    &item.attrs,
                    TypeKind::Enum(item),
                    module,
                );
            }
            Syntax::Union(item) => {
                self.ty(
                    &item.ident,
                    &item.generics,
                    &item.attrs,
                    TypeKind::Union,
                    module,
                );
            }
            Syntax::Type(item) => {
                let kind = TypeKind::Alias(&item.ty);
                self.ty(&item.ident, &item.generics, &item.attrs, kind, module);
            }
            _ => {}
        }
    }

    fn module(&mut self, item: &'a syn::ItemMod, parent: Index) {
        let name = item.ident.to_string();
        let source = self.tree.program.modules[parent].source;
        let is_test = is_test(&item.attrs);
        let Some((_, items)) = &item.content else {
            let module = if is_test {
                parent
            } else {
                self.tree.add_child(parent, &name, source)
            };
            let (path, inside) = (path_attribute(&item.attrs), self.inside.clone());
            self.outside.push(Outside {
                module,
                name,
                path,
                inside,
                is_test,
                source,
            });
            return;
        };
        if is_test {
            return;
        }
        let module = self.tree.add_child(parent, &name, source);
        self.inside
            .push(path_attribute(&item.attrs).unwrap_or(name));
        self.items(items, module);
        self.inside.pop();
    }

    /// What a macro of the code would do where it is used is not known.
    fn definition(&mut self, item: &syn::ItemMacro, module: Index) {
        let (true, Some(name)) = (item.mac.path.is_ident("macro_rules"), &item.ident) else {
            return;
        };
        let tokens = item.mac.tokens.clone().into_iter().collect();
        let name = name.to_string();
        let calls = macros::calls(tokens, &VERBS);
        let unread = calls.into_iter().map(|(verb, line)| {
            (
                module,
                Unread {
                    verb,
                    line,
                    name: name.clone(),
                },
            )
        });
        self.tree.program.unread.extend(unread);
    }

    fn uses(&mut self, tree: &UseTree, mut path: UsePath, module: Index) {
        match tree {
            UseTree::Path(part) => {
                path.segments.push(part.ident.to_string());
                self.uses(&part.tree, path, module);
            }
            UseTree::Name(part) if part.ident == "self" => {
                let name = path.segments.last().cloned().unwrap_or_default();
                self.use_as(name, path, module);
            }
            UseTree::Name(part) => {
                path.segments.push(part.ident.to_string());
                self.use_as(part.ident.to_string(), path, module);
            }
            UseTree::Rename(part) => {
                if part.ident != "self" {
                    path.segments.push(part.ident.to_string());
                }
                self.use_as(part.rename.to_string(), path, module);
            }
            UseTree::Glob(_) => self.tree.program.modules[module].globs.push(path),
            UseTree::Group(group) => {
                for part in &group.items {
                    self.uses(part, path.clone(), module);
                }
            }
        }
    }

    fn use_as(&mut self, name: String, path: UsePath, module: Index) {
        let owner = self.tree.program.modules[module].owner;
        self.tree.program.crates[owner].knows_bus |= path.segments[..] == ["buswork"];
        self.tree.program.modules[module]
            .uses
            .entry(name)
            .or_default()
            .push(path);
    }

    fn name(&mut self, name: &syn::Ident, item: Item, module: Index) {
        let names = &mut self.tree.program.modules[module].names;
        names.entry(name.to_string()).or_default().push(item);
    }

    fn ty(
        &mut self,
        ident: &syn::Ident,
        generics: &syn::Generics,
        attributes: &'a [Attribute],
        kind: TypeKind<'a>,
        module: Index,
    ) {
        let around = &self.tree.program.modules[module];
        let name = ident.to_string();
        let within = &around.within;
        let item = TypeItem {
            path: format!("{}::{within}{name}", around.name),
            name,
            module,
            kind,
            generics: type_parameters(generics),
            attributes,
            line: line(ident.span()),
        };
        self.tree.program.types.push(item);
        let index = self.tree.program.types.len() - 1;
        self.name(ident, Item::Type(index), module);
    }

    fn value(
        &mut self,
        name: &syn::Ident,
        ty: &'a syn::Type,
        value: Option<&'a syn::Expr>,
        module: Index,
    ) {
        self.tree.program.statics.push(Static { module, ty, value });
        self.name(
            name,
            Item::Static(self.tree.program.statics.len() - 1),
            module,
        );
    }

    fn function(
        &mut self,
        signature: &'a syn::Signature,
        block: Option<&'a syn::Block>,
        attributes: &'a [Attribute],
        module: Index,
        place: Place,
        owner: Option<&str>,
    ) -> Index {
        let name = signature.ident.to_string();
        let within = &self.tree.program.modules[module].within;
        let qualified = match owner {
            Some(owner) => format!("{within}{owner}::{name}"),
            None => format!("{within}{name}"),
        };
        self.tree.program.functions.push(Function {
            name,
            qualified: qualified.clone(),
            module,
            signature,
            block,
            place,
            attributes,
            line: line(signature.ident.span()),
            types: Rc::default(),
        });
        let index = self.tree.program.functions.len() - 1;
        if let Some(block) = block {
            let within = format!("{qualified}::");
            Blocks {
                declaring: self,
                around: module,
                within: &within,
            }
            .visit_block(block);
        }
        index
    }

    fn implementation(&mut self, item: &'a syn::ItemImpl, module: Index) {
        let place = Place::Impl(self.tree.program.impls.len());
        self.tree.program.impls.push(Impl {
            module,
            item,
            functions: Vec::new(),
            owner: Ty::Unknown,
            interface: None,
            types: FxHashMap::default(),
            line: line(item.impl_token.span),
        });
        let owner = owner_name(&item.self_ty);
        for part in &item.items {
            let ImplItem::Fn(part) = part else { continue };
            if is_test(&part.attrs) {
                continue;
            }
            let (block, name) = (Some(&part.block), Some(owner.as_str()));
            let function = self.function(&part.sig, block, &part.attrs, module, place, name);
            let Place::Impl(index) = place else { continue };
            self.tree.program.impls[index].functions.push(function);
        }
    }

    fn interface(&mut self, item: &'a syn::ItemTrait, module: Index) {
        let index = self.tree.program.types.len();
        self.ty(
            &item.ident,
            &item.generics,
            &item.attrs,
            TypeKind::Trait,
            module,
        );
        let owner = item.ident.to_string();
        for part in &item.items {
            let TraitItem::Fn(part) = part else { continue };
            let (block, place) = (part.default.as_ref(), Place::Trait(index));
            let function =
                self.function(&part.sig, block, &part.attrs, module, place, Some(&owner));
            let functions = &mut self.tree.program.methods.defaults;
            functions.entry(index).or_default().push(function);
        }
    }
}

/// Finds blocks of a function that declare something of their own.
struct Blocks<'d, 't, 'a> {
    declaring: &'d mut Declaring<'t, 'a>,
    around: Index,
    within: &'d str,
}

impl<'a> Visit<'a> for Blocks<'_, '_, 'a> {
    fn visit_block(&mut self, block: &'a syn::Block) {
        if !block
            .stmts
            .iter()
            .any(|statement| matches!(statement, Stmt::Item(_)))
        {
            visit::visit_block(self, block);
            return;
        }
        let tree = &mut *self.declaring.tree;
        let around = &tree.program.modules[self.around];
        let (name, owner, source) = (around.name.clone(), around.owner, around.source);
        let module = tree.add_module(name, owner, Some(self.around), source);
        tree.program.modules[module].is_block = true;
        self.within
            .clone_into(&mut tree.program.modules[module].within);
        tree.program.blocks.insert(address(block), module);
        for statement in &block.stmts {
            if let Stmt::Item(item) = statement {
                self.declaring.item(item, module);
            }
        }
        let around = std::mem::replace(&mut self.around, module);
        visit::visit_block(self, block);
        self.around = around;
    }

    /// Items are declared by the block that they stand in.
    fn visit_item(&mut self, _: &'a Syntax) {}
}

/// What tells one block from all others.
pub(super) fn address(block: &syn::Block) -> usize {
    std::ptr::from_ref(block) as usize
}

/// The names of type parameters, in order.
pub(super) fn type_parameters(generics: &syn::Generics) -> Vec<Rc<str>> {
    generics
        .type_params()
        .map(|parameter| parameter.ident.to_string().into())
        .collect()
}

/// What people call the type of an `impl` block: its last word.
fn owner_name(ty: &syn::Type) -> String {
    match ty {
        syn::Type::Path(path) => path
            .path
            .segments
            .last()
            .map_or_else(String::new, |part| part.ident.to_string()),
        syn::Type::Reference(reference) => owner_name(&reference.elem),
        syn::Type::Paren(inner) => owner_name(&inner.elem),
        syn::Type::TraitObject(object) => match object.bounds.first() {
            Some(syn::TypeParamBound::Trait(bound)) => bound
                .path
                .segments
                .last()
                .map_or_else(String::new, |part| part.ident.to_string()),
            _ => "dyn".to_owned(),
        },
        _ => "impl".to_owned(),
    }
}

/// `#[path = "…"]`.
fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("path"))
        .find_map(text_of)
}

/// The text of `#[name = "text"]`.
pub(super) fn text_of(attribute: &Attribute) -> Option<String> {
    let syn::Meta::NameValue(meta) = &attribute.meta else {
        return None;
    };
    let syn::Expr::Lit(literal) = &meta.value else {
        return None;
    };
    let syn::Lit::Str(text) = &literal.lit else {
        return None;
    };
    Some(text.value())
}

/// Whether something is there for tests only: `#[cfg(test)]`, `#[test]`, `#[tokio::test]`.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let name = attribute
            .path()
            .segments
            .last()
            .map(|part| part.ident.to_string());
        match name.as_deref() {
            Some("test" | "bench" | "rstest" | "test_case") => true,
            Some("cfg") => {
                let syn::Meta::List(list) = &attribute.meta else {
                    return false;
                };
                let condition = list.tokens.to_string().replace(' ', "");
                let parts = condition.strip_prefix("all(").unwrap_or(&condition);
                parts.split([',', ')']).any(|part| part == "test")
                    && !condition.starts_with("any(")
                    && !condition.starts_with("not(")
            }
            _ => false,
        }
    })
}
