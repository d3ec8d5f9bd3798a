//! Calls of functions and methods.

use std::rc::Rc;

use syn::{Expr, ExprCall, ExprMethodCall, PathArguments};

use super::Walker;
use super::bus::bus_at;
use super::paths::Named;
use crate::rust::facts::{BlockingCall, Call, Guess, How, Target, Value};
use crate::rust::items::Types;
use crate::rust::lower::names;
use crate::rust::types::{Binding, Index, Ty};

/// A call as it stands.
pub(super) struct Calling<'e> {
    pub(super) name: String,
    pub(super) line: u32,
    pub(super) column: usize,
    pub(super) inputs: Vec<&'e Expr>,
    pub(super) turbofish: Vec<Ty>,
}

impl Walker<'_, '_> {
    /// `function(…)`.
    pub(super) fn call(&mut self, call: &ExprCall) -> Value {
        let Expr::Path(path) = &*call.func else {
            let function = self.value(&call.func);
            self.all(call.args.iter());
            return Value::named(self.output_of(&function.ty));
        };
        let Some(last) = path.path.segments.last() else {
            return Value::unknown();
        };
        let calling = Calling {
            name: last.ident.to_string(),
            line: super::line_of(&last.ident),
            column: last.ident.span().start().column,
            inputs: call.args.iter().collect(),
            turbofish: self.program.turbofish(&self.scope, &last.arguments),
        };
        match self.named(path) {
            Named::Local(value) => {
                self.all(call.args.iter());
                Value::named(self.output_of(&value.ty))
            }
            Named::Function(found, owner) => self.call_function(&calling, &found, owner),
            Named::Type(item, index) => {
                let fields = self.program.fields_of(&item);
                let generic = self.generic(index);
                let mut binding = Binding::default();
                for (place, input) in call.args.iter().enumerate() {
                    let wanted = fields.and_then(|(index, fields)| {
                        let Ty::Own(_, arguments) = &generic else {
                            return None;
                        };
                        self.program
                            .part(index, arguments, fields, &place.to_string())
                    });
                    let value = self.value_for(input, wanted.as_ref());
                    if let Some(wanted) = wanted {
                        wanted.learn(&value.ty, &mut binding);
                    }
                }
                let line = path
                    .path
                    .segments
                    .first()
                    .map_or(0, |part| super::line_of(&part.ident));
                self.made(generic.bound(&binding), line)
            }
            Named::Associated(ty, _) => self.call_associated(&calling, ty),
            Named::Ext(path_name) => self.call_ext(&calling, &path_name),
            Named::Static(_) => {
                self.all(call.args.iter());
                Value::unknown()
            }
            Named::Unknown => {
                let path_name = names(&path.path).join("::");
                self.call_ext(&calling, &path_name)
            }
        }
    }

    /// Evaluates what only matters for what it does.
    pub(super) fn all<'e>(&mut self, expressions: impl Iterator<Item = &'e Expr>) {
        for expression in expressions {
            self.value(expression);
        }
    }

    /// What a value gives that is called.
    pub(super) fn output_of(&self, ty: &Ty) -> Ty {
        match ty {
            Ty::Closure(node) => self.nodes[*node].output.clone(),
            Ty::Function(index) => self.program.functions[*index].types.output.clone(),
            Ty::Call(_, output) => (**output).clone(),
            Ty::Ref(target) => self.output_of(target),
            _ => Ty::Unknown,
        }
    }

    fn call_function(
        &mut self,
        calling: &Calling<'_>,
        found: &[Index],
        owner: Option<Ty>,
    ) -> Value {
        let types = Rc::clone(&self.program.functions[found[0]].types);
        // `Inventory::reserve(&inventory, order)`: the receiver is the first argument.
        let (receiver, inputs) = match (&types.receiver, calling.inputs.split_first()) {
            (Some(_), Some((receiver, inputs))) => (self.value(receiver).ty, inputs),
            _ => (owner.clone().unwrap_or_default(), &calling.inputs[..]),
        };
        let mut value = self.invoke(calling, found, receiver, inputs, &types);
        if owner.is_some_and(|owner| is_same(&owner, &value.ty)) {
            value.how = How::Named;
            value.made = vec![self.spot(calling.line)];
            let (ty, line) = (value.ty.clone(), calling.line);
            self.node().made.push((ty, line));
        }
        value
    }

    /// A function of a type that has none of this name in the code: `Default::default` and the like.
    fn call_associated(&mut self, calling: &Calling<'_>, ty: Ty) -> Value {
        if let (Some(kind), Some((receiver, inputs))) = (bus_at(&ty), calling.inputs.split_first())
        {
            let receiver_value = self.value(receiver);
            let rest = Calling {
                name: calling.name.clone(),
                inputs: inputs.to_vec(),
                turbofish: calling.turbofish.clone(),
                ..*calling
            };
            if let Some(value) = self.on_bus(kind, &rest, Guess::default()) {
                return value;
            }
            self.all(inputs.iter().copied());
            return if calling.name == "clone" {
                receiver_value
            } else {
                Value::unknown()
            };
        }
        self.all(calling.inputs.iter().copied());
        match calling.name.as_str() {
            "try_from" | "from_str" => Value::named(Ty::ext("Result", vec![ty, Ty::Unknown])),
            "builder" if bus_at(&ty).is_some() => {
                Value::named(Ty::ext("buswork::BusBuilder", vec![ty]))
            }
            "default" | "from" | "new" | "clone" => self.made(ty, calling.line),
            _ => Value::unknown(),
        }
    }

    /// `receiver.method(…)`.
    pub(super) fn method_call(&mut self, call: &ExprMethodCall) -> Value {
        let receiver = self.value(&call.receiver);
        let arguments = call.turbofish.clone().map(PathArguments::AngleBracketed);
        let calling = Calling {
            name: call.method.to_string(),
            line: super::line_of(&call.method),
            column: call.method.span().start().column,
            inputs: call.args.iter().collect(),
            turbofish: arguments
                .map(|arguments| self.program.turbofish(&self.scope, &arguments))
                .unwrap_or_default(),
        };
        if let Some(value) = self.by_bus(&calling, &call.receiver, &receiver) {
            return value;
        }
        let types = Rc::clone(&self.types);
        let found = self.program.methods_of(&receiver.ty, &calling.name, &types);
        if let Some(&first) = found.first() {
            let types = Rc::clone(&self.program.functions[first].types);
            let inputs = calling.inputs.clone();
            return self.invoke(&calling, &found, receiver.ty, &inputs, &types);
        }
        if calling.name.starts_with("blocking_") || calling.name == "block_on" {
            self.blocks(&format!(".{}", calling.name), calling.line);
        }
        self.standard(&calling, &call.receiver, receiver)
    }

    /// A call of functions of the code, one of which it is.
    fn invoke(
        &mut self,
        calling: &Calling<'_>,
        found: &[Index],
        receiver: Ty,
        inputs: &[&Expr],
        types: &Types,
    ) -> Value {
        let mut binding = Binding::default();
        binding.extend(
            types.generics.iter().cloned().zip(
                calling
                    .turbofish
                    .iter()
                    .filter(|ty| !ty.is_unknown())
                    .cloned(),
            ),
        );
        if let Some(owner) = &types.owner {
            owner.learn(receiver.bare(), &mut binding);
        }
        let mut values = Vec::new();
        for (place, input) in inputs.iter().enumerate() {
            let wanted = types
                .inputs
                .get(place)
                .map(|(_, ty)| callable(ty, types).bound(&binding));
            let value = self.value_for(input, wanted.as_ref());
            if let Some((_, wanted)) = types.inputs.get(place) {
                wanted.learn(&value.ty, &mut binding);
            }
            values.push(value);
        }
        let (is_detached, is_offloaded) = (self.detached, self.offloaded);
        self.node().calls.push(Call {
            targets: found.iter().map(|&index| Target::Function(index)).collect(),
            line: calling.line,
            column: calling.column,
            is_detached,
            is_offloaded,
            inputs: values,
            turbofish: calling.turbofish.clone(),
            receiver,
            name: calling.name.clone(),
        });
        for name in types.bounds.keys().chain(&types.generics) {
            binding.entry(Rc::clone(name)).or_default();
        }
        let ty = types.output.bound(&binding);
        let reason = format!("by what `{}` returns", calling.name);
        Value {
            from: Some(found[0]),
            ..Value::through(ty, reason)
        }
    }

    /// A call that blocks, unless it is on a thread of its own.
    pub(super) fn blocks(&mut self, call: &str, line: u32) {
        if self.offloaded || self.detached {
            return;
        }
        let call = call.to_owned();
        self.node().blocking.push(BlockingCall { call, line });
    }
}

/// A parameter of which a bound says that it is called.
fn callable(ty: &Ty, types: &Types) -> Ty {
    let Ty::Param(name) = ty else {
        return ty.clone();
    };
    let bounds = types.bounds.get(name).into_iter().flatten();
    bounds
        .into_iter()
        .find(|bound| matches!(bound, Ty::Call(..)))
        .unwrap_or(ty)
        .clone()
}

/// Whether it is the same type, whatever its arguments; `Option` and `Result` of it count.
fn is_same(owner: &Ty, ty: &Ty) -> bool {
    match (owner, ty) {
        (Ty::Own(a, _), Ty::Own(b, _)) => a == b,
        (Ty::Own(..), Ty::Ext(_, parts)) => parts.first().is_some_and(|part| is_same(owner, part)),
        _ => false,
    }
}
