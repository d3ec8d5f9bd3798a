//! The types of functions and `impl` blocks, once all names are known.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use syn::{FnArg, GenericParam, Generics, ImplItem, Pat, ReceiverKind, WherePredicate};

use super::declare::type_parameters;
use super::items::{Place, Program, Types};
use super::lower::Scope;
use super::types::{Index, Ty};

impl Program<'_> {
    /// Works out the types of all `impl` blocks, then those of all functions.
    pub(super) fn sign(&mut self) {
        for index in 0..self.impls.len() {
            self.sign_impl(index);
        }
        for index in 0..self.functions.len() {
            self.functions[index].types = Rc::new(self.types_of(index));
        }
    }

    fn sign_impl(&mut self, index: Index) {
        let (item, module) = (self.impls[index].item, self.impls[index].module);
        let mut scope = Scope {
            module,
            generics: type_parameters(&item.generics),
            owner: None,
            types: FxHashMap::default(),
        };
        let owner = self.lower(&scope, &item.self_ty);
        scope.owner = Some(owner.clone());
        let interface = item
            .trait_
            .as_ref()
            .map(|(path, _)| self.lower_path(&scope, path, 0));
        let mut types = FxHashMap::default();
        for part in &item.items {
            if let ImplItem::Type(part) = part {
                types.insert(part.ident.to_string(), self.lower(&scope, &part.ty));
            }
        }
        match owner.bare() {
            Ty::Own(owner, _) => self.methods.own.entry(*owner).or_default().push(index),
            Ty::Ext(path, _) => {
                self.methods
                    .foreign
                    .entry(Rc::clone(path))
                    .or_default()
                    .push(index);
            }
            Ty::Param(_) => self.methods.blanket.push(index),
            _ => {}
        }
        if let Some(Ty::Own(interface, _)) = &interface {
            self.methods
                .by_trait
                .entry(*interface)
                .or_default()
                .push(index);
        }
        let declared = &mut self.impls[index];
        (declared.owner, declared.interface, declared.types) = (owner, interface, types);
    }

    /// What can be named within a function.
    pub(super) fn scope_of(&self, function: Index) -> Scope {
        let function = &self.functions[function];
        let mut generics = type_parameters(&function.signature.generics);
        let (owner, types) = match function.place {
            Place::Free => (None, FxHashMap::default()),
            Place::Impl(index) => {
                let around = &self.impls[index];
                generics.extend(type_parameters(&around.item.generics));
                (Some(around.owner.clone()), around.types.clone())
            }
            Place::Trait(index) => {
                generics.extend(self.types[index].generics.iter().cloned());
                (Some(Ty::Param("Self".into())), FxHashMap::default())
            }
        };
        Scope {
            module: function.module,
            generics,
            owner,
            types,
        }
    }

    fn types_of(&self, index: Index) -> Types {
        let function = &self.functions[index];
        let signature = function.signature;
        let scope = self.scope_of(index);
        let mut bounds = self.bounds(&scope, &signature.generics);
        if let Place::Impl(around) = function.place {
            bounds.extend(self.bounds(&scope, &self.impls[around].item.generics));
        }
        if let Place::Trait(around) = function.place {
            bounds.insert("Self".into(), vec![Ty::Own(around, Rc::default())]);
        }
        let mut inputs = Vec::new();
        let mut receiver = None;
        for input in &signature.inputs {
            match input {
                FnArg::Receiver(given) => {
                    let owner = scope.owner.clone().unwrap_or_default();
                    receiver = Some(match &given.kind {
                        ReceiverKind::Value => owner,
                        ReceiverKind::Typed(_, ty) => self.lower(&scope, ty),
                        _ => owner.reference(),
                    });
                }
                FnArg::Typed(input) => {
                    let number = inputs.len();
                    let ty = self.lower(&scope, &input.ty);
                    inputs.push((plain(&input.pat), anonymous(ty, number, &mut bounds)));
                }
            }
        }
        let output = self.lower_output(&scope, &signature.output);
        let is_async = signature.asyncness.is_some();
        Types {
            inputs,
            output: if is_async {
                Ty::ext("Future", vec![output])
            } else {
                output
            },
            receiver,
            owner: scope.owner,
            generics: type_parameters(&signature.generics),
            bounds,
        }
    }

    fn bounds(&self, scope: &Scope, generics: &Generics) -> FxHashMap<Rc<str>, Vec<Ty>> {
        let mut bounds: FxHashMap<Rc<str>, Vec<Ty>> = FxHashMap::default();
        let written = generics
            .params
            .iter()
            .filter_map(|parameter| match parameter {
                GenericParam::Type(parameter) => {
                    Some((parameter.ident.to_string(), &parameter.bounds))
                }
                _ => None,
            });
        let clause = generics
            .where_clause
            .iter()
            .flat_map(|clause| &clause.predicates);
        let after = clause.filter_map(|predicate| match predicate {
            WherePredicate::Type(predicate) => match &predicate.bounded_ty {
                syn::Type::Path(path) => {
                    Some((path.path.get_ident()?.to_string(), &predicate.bounds))
                }
                _ => None,
            },
            _ => None,
        });
        for (name, written) in written.chain(after) {
            let lowered = written
                .iter()
                .filter_map(|bound| self.lower_bound(scope, bound));
            bounds.entry(name.into()).or_default().extend(lowered);
        }
        bounds
    }
}

/// `event: &impl Event` is a parameter without a name.
fn anonymous(ty: Ty, number: usize, bounds: &mut FxHashMap<Rc<str>, Vec<Ty>>) -> Ty {
    match ty {
        Ty::Ref(target) => anonymous((*target).clone(), number, bounds).reference(),
        Ty::Bounds(traits) if !traits.iter().any(|bound| matches!(bound, Ty::Call(..))) => {
            let name: Rc<str> = format!("impl trait {number}").into();
            bounds.insert(Rc::clone(&name), traits.to_vec());
            Ty::Param(name)
        }
        other => other,
    }
}

/// The name of a pattern that is nothing but a name.
pub(super) fn plain(pattern: &Pat) -> Option<String> {
    match pattern {
        Pat::Ident(ident) => Some(ident.ident.to_string()),
        Pat::Type(typed) => plain(&typed.pat),
        Pat::Reference(inner) => plain(&inner.pat),
        _ => None,
    }
}
