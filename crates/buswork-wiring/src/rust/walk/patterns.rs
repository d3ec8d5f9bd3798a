//! Patterns: which names they give to which parts of a value.

use syn::{Member, Pat};

use super::Walker;
use crate::rust::facts::{How, Value};
use crate::rust::lower::names;
use crate::rust::names::Space;
use crate::rust::types::Ty;

impl Walker<'_, '_> {
    /// Gives names to a value and its parts.
    pub(super) fn bind(&mut self, pattern: &Pat, value: Value) {
        match pattern {
            Pat::Ident(ident) => {
                if let Some((_, inner)) = &ident.subpat {
                    self.bind(inner, value.clone());
                }
                let value = match ident.by_ref {
                    Some(_) => {
                        let ty = value.ty.clone().reference();
                        value.with(ty)
                    }
                    None => value,
                };
                self.name(ident.ident.to_string(), value);
            }
            Pat::Type(typed) => {
                let written = self.program.lower(&self.scope, &typed.ty);
                let ty = filled(&written, &value.ty);
                self.bind(&typed.pat, value.with(ty));
            }
            Pat::Paren(inner) => self.bind(&inner.pat, value),
            Pat::Guard(inner) => {
                self.bind(&inner.pat, value);
                self.value(&inner.guard);
            }
            Pat::Reference(inner) => {
                let ty = value.ty.pointee().unwrap_or_else(|| value.ty.clone());
                self.bind(&inner.pat, value.with(ty));
            }
            Pat::Or(or) => {
                for case in &or.cases {
                    self.bind(case, value.clone());
                }
            }
            Pat::Tuple(tuple) => {
                for (place, part) in tuple.elems.iter().enumerate() {
                    let inner = self.part_of(&value, |ty| match ty {
                        Ty::Tuple(parts) => parts.get(place).cloned(),
                        _ => None,
                    });
                    self.bind(part, inner);
                }
            }
            Pat::Slice(slice) => {
                for part in &slice.elems {
                    let inner = self.part_of(&value, |ty| ty.outer()?.1.first().cloned());
                    self.bind(part, inner);
                }
            }
            Pat::TupleStruct(pattern) => self.bind_tuple_struct(pattern, &value),
            Pat::Struct(pattern) => {
                for field in &pattern.fields {
                    let name = match &field.member {
                        Member::Named(ident) => ident.to_string(),
                        Member::Unnamed(index) => index.index.to_string(),
                    };
                    let inner = self.field_of_pattern(&pattern.path, &value, &name);
                    self.bind(&field.pat, inner);
                }
            }
            _ => {}
        }
    }

    /// Remembers a local variable.
    fn name(&mut self, name: String, value: Value) {
        let how = match &value.how {
            How::Named => How::Through(format!("through the variable `{name}`").into()),
            how @ How::Through(_) => how.clone(),
        };
        if let Some(scope) = self.names.last_mut() {
            scope.insert(name, Value { how, ..value });
        }
    }

    fn bind_tuple_struct(&mut self, pattern: &syn::PatTupleStruct, value: &Value) {
        let name = pattern
            .path
            .segments
            .last()
            .map(|part| part.ident.to_string());
        for (place, part) in pattern.elems.iter().enumerate() {
            let inner = match name.as_deref() {
                Some("Some" | "Ok" | "Break" | "Ready") => {
                    self.part_of(value, |ty| ty.outer()?.1.first().cloned())
                }
                Some("Err") => self.part_of(value, |ty| ty.outer()?.1.get(1).cloned()),
                _ => self.field_of_pattern(&pattern.path, value, &place.to_string()),
            };
            self.bind(part, inner);
        }
    }

    fn field_of_pattern(&mut self, path: &syn::Path, value: &Value, name: &str) -> Value {
        let segments = names(path);
        let program = self.program;
        let is_absolute = path.leading_colon.is_some();
        let own = match (&self.scope.owner, segments.first()) {
            (Some(owner), Some(first)) if first == "Self" && segments.len() == 1 => {
                let owner = owner.clone();
                program.field(&owner, name)
            }
            _ => None,
        };
        let item = program.find(self.scope.module, is_absolute, &segments, Space::Types);
        let found = item.and_then(|(item, _)| {
            let (index, fields) = program.fields_of(&item)?;
            let arguments = match value.ty.bare() {
                Ty::Own(other, arguments) if *other == index => arguments.to_vec(),
                _ => Vec::new(),
            };
            program.part(index, &arguments, fields, name)
        });
        let Some(ty) = own.or(found) else {
            return Value::unknown();
        };
        let is_reference = matches!(value.ty, Ty::Ref(_));
        let ty = if is_reference { ty.reference() } else { ty };
        Value::through(ty, format!("by the type of the field `{name}`"))
    }

    /// A part of a value. That of a reference is a reference.
    fn part_of(&self, value: &Value, part: impl Fn(&Ty) -> Option<Ty>) -> Value {
        let inner = self
            .program
            .derefs(&value.ty)
            .iter()
            .find_map(part)
            .unwrap_or_default();
        let ty = match (&value.ty, inner) {
            (_, Ty::Unknown) => Ty::Unknown,
            (Ty::Ref(_), inner @ Ty::Ref(_)) => inner,
            (Ty::Ref(_), inner) => inner.reference(),
            (_, inner) => inner,
        };
        value.clone().with(ty)
    }
}

/// A type as written, with what `_` stands for taken from the value.
pub(super) fn filled(written: &Ty, actual: &Ty) -> Ty {
    match (written, actual) {
        (Ty::Unknown, actual) => actual.clone(),
        (Ty::Ref(a), Ty::Ref(b)) => filled(a, b).reference(),
        (Ty::Ext(path, wanted), actual) if wanted.iter().any(Ty::has_gap) => {
            let given = match actual {
                Ty::Ext(_, given) => given.to_vec(),
                _ => Vec::new(),
            };
            let parts = wanted.iter().enumerate().map(|(place, wanted)| {
                let given = given.get(place).cloned().unwrap_or_default();
                filled(wanted, &given)
            });
            Ty::Ext(path.clone(), parts.collect())
        }
        (written, _) => written.clone(),
    }
}
