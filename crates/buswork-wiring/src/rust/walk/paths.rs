//! Paths as values: variables, functions, statics, and types without fields.

use rustc_hash::FxHashMap;
use syn::{ExprPath, Fields};

use super::Walker;
use crate::rust::facts::{How, Value};
use crate::rust::items::{Item, TypeKind};
use crate::rust::lower::{Scope, names};
use crate::rust::names::Space;
use crate::rust::types::{Index, Ty, last};

/// What a path names.
#[derive(Debug, Clone)]
pub(super) enum Named {
    /// A function, and the type before its name: `OrderPlaced::new`.
    Function(Vec<Index>, Option<Ty>),
    /// A function of a type that is not in the code that is read, or was derived for it.
    Associated(Ty, String),
    /// A function, a constant or else of another crate.
    Ext(String),
    /// A struct or a variant, which is made by it.
    Type(Item, Index),
    Static(Index),
    /// A local variable.
    Local(Value),
    Unknown,
}

impl Walker<'_, '_> {
    /// What a path names as a value.
    pub(super) fn named(&mut self, path: &ExprPath) -> Named {
        if path.qself.is_none()
            && let Some(name) = path.path.get_ident()
        {
            let name = name.to_string();
            let found = self.names.iter().rev().find_map(|scope| scope.get(&name));
            if let Some(value) = found {
                return Named::Local(value.clone());
            }
        }
        let segments = names(&path.path);
        let name = segments[segments.len() - 1].clone();
        if let Some(qualified) = &path.qself {
            let ty = self.program.lower(&self.scope, &qualified.ty);
            return self.associated(ty, name);
        }
        if segments[0] == "Self" {
            let owner = self.scope.owner.clone().unwrap_or_default();
            return match (&owner, segments.len()) {
                (Ty::Own(index, _), 1) => Named::Type(Item::Type(*index), *index),
                (Ty::Own(index, _), 2) if self.is_variant(*index, &name) => {
                    Named::Type(Item::Variant(*index, name), *index)
                }
                _ => self.associated(owner, name),
            };
        }
        if segments.len() == 2
            && let Some(parameter) = self
                .scope
                .generics
                .iter()
                .find(|name| ***name == *segments[0])
        {
            return self.associated(Ty::Param(parameter.clone()), name);
        }
        let is_absolute = path.path.leading_colon.is_some();
        let module = self.scope.module;
        let Some((item, taken)) = self
            .program
            .find(module, is_absolute, &segments, Space::Values)
        else {
            return Named::Unknown;
        };
        match item {
            Item::Type(index) if taken + 1 == segments.len() => {
                let mut prefix = path.path.clone();
                prefix.segments.pop();
                prefix.segments.pop_punct();
                let ty = self.program.lower_path(&self.scope, &prefix, 0);
                let ty = if ty.is_unknown() {
                    self.generic(index)
                } else {
                    ty
                };
                self.associated(ty, name)
            }
            _ if taken != segments.len() => Named::Unknown,
            Item::Function(index) => Named::Function(vec![index], None),
            Item::Static(index) => Named::Static(index),
            Item::Type(index) | Item::Variant(index, _) => Named::Type(item, index),
            Item::Ext(path) => match path.rsplit_once("::") {
                Some((ty, function)) if ty.starts_with("buswork::") => {
                    Named::Associated(Ty::ext(ty, Vec::new()), function.to_owned())
                }
                _ => Named::Ext(path),
            },
            Item::Module(_) => Named::Unknown,
        }
    }

    /// A function of a type, by its name.
    fn associated(&self, ty: Ty, name: String) -> Named {
        let types = self.types.clone();
        let found = self.program.methods_of(&ty, &name, &types);
        if found.is_empty() {
            return match &ty {
                Ty::Ext(path, _) if !path.starts_with("buswork::") => {
                    Named::Ext(format!("{path}::{name}"))
                }
                _ => Named::Associated(ty, name),
            };
        }
        Named::Function(found, Some(ty))
    }

    fn is_variant(&self, index: Index, name: &str) -> bool {
        let variant = Item::Variant(index, name.to_owned());
        self.program.fields_of(&variant).is_some()
    }

    /// What a path gives that is not called.
    pub(super) fn path(&mut self, path: &ExprPath) -> Value {
        match self.named(path) {
            Named::Local(value) => value,
            Named::Function(found, _) => match found[..] {
                [function] => Value::named(Ty::Function(function)),
                _ => Value::unknown(),
            },
            Named::Static(index) => {
                let item = &self.program.statics[index];
                let scope = Scope {
                    module: item.module,
                    generics: Vec::new(),
                    owner: None,
                    types: FxHashMap::default(),
                };
                let ty = self.program.lower(&scope, item.ty);
                let how = How::Through(format!("by the type of `{}`", super::text_of(path)).into());
                Value {
                    ty,
                    how,
                    ..Value::default()
                }
            }
            Named::Type(item, index) => {
                let ty = self.generic(index);
                let is_whole = match (&item, self.program.types[index].kind) {
                    (Item::Type(_), TypeKind::Struct(Fields::Unit)) => true,
                    (Item::Variant(..), _) => {
                        let fields = self.program.fields_of(&item);
                        matches!(fields, Some((_, Fields::Unit)))
                    }
                    _ => false,
                };
                if !is_whole {
                    return Value::named(Ty::Call(std::rc::Rc::default(), ty.into()));
                }
                let line = path
                    .path
                    .segments
                    .first()
                    .map_or(0, |part| super::line_of(&part.ident));
                self.made(ty, line)
            }
            // `LazyLock::new(EventBus::new)`.
            Named::Associated(ty, name) if name == "new" || name == "default" => {
                Value::named(Ty::Call(std::rc::Rc::default(), ty.into()))
            }
            Named::Ext(path) => from_another_crate(&path),
            _ => Value::unknown(),
        }
    }
}

/// A type of another crate that is made without fields: by its name, it is one.
pub(super) fn from_another_crate(path: &str) -> Value {
    let name = last(path);
    let is_type = name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase);
    if !is_type || !path.contains("::") {
        return Value::unknown();
    }
    let reason = format!("`{name}` is taken for a type of another crate");
    Value::through(Ty::ext(path, Vec::new()), reason)
}
