//! Expressions: what they do, and what they give.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use syn::{Expr, Member, UnOp};

use super::Walker;
use super::patterns::filled;
use crate::rust::facts::{How, Value};
use crate::rust::types::Ty;

impl Walker<'_, '_> {
    /// What an expression gives, where this type is asked for.
    pub(super) fn value_for(&mut self, expression: &Expr, wanted: Option<&Ty>) -> Value {
        let value = match (expression, wanted) {
            (Expr::Closure(closure), Some(Ty::Call(inputs, _))) => self.closure(closure, inputs),
            _ => self.value(expression),
        };
        match wanted {
            Some(wanted) if value.ty.has_gap() => {
                let ty = filled(wanted, &value.ty);
                value.with(ty)
            }
            _ => value,
        }
    }

    /// What an expression gives.
    pub(super) fn value(&mut self, expression: &Expr) -> Value {
        match expression {
            Expr::Path(path) => self.path(path),
            Expr::Struct(literal) => self.literal(literal),
            Expr::Call(call) => self.call(call),
            Expr::MethodCall(call) => self.method_call(call),
            Expr::Macro(call) => self.macro_value(&call.mac),
            Expr::Closure(closure) => self.closure(closure, &[]),
            Expr::Field(field) => self.field(field),
            Expr::Reference(reference) => {
                let value = self.value(&reference.expr);
                let ty = value.ty.clone();
                value.with(if ty.is_unknown() { ty } else { ty.reference() })
            }
            Expr::Paren(inner) => self.value(&inner.expr),
            Expr::Group(inner) => self.value(&inner.expr),
            Expr::Unary(unary) => {
                let value = self.value(&unary.expr);
                match unary.op {
                    UnOp::Deref(_) => {
                        let ty = self.program.deref(&value.ty).unwrap_or_default();
                        value.with(ty)
                    }
                    _ => value,
                }
            }
            Expr::Await(wait) => {
                let value = self.value(&wait.base);
                let future = self.program.derefs(&value.ty).into_iter().find_map(|ty| {
                    ty.inside("Future")
                        .or_else(|| ty.inside("BoxFuture"))
                        .or_else(|| {
                            ty.inside("Pin")
                                .and_then(|ty| ty.pointee()?.inside("Future"))
                        })
                });
                value.with(future.unwrap_or_default())
            }
            Expr::Try(attempt) => {
                let value = self.value(&attempt.expr);
                let ty = value
                    .ty
                    .inside("Result")
                    .or_else(|| value.ty.inside("Option"));
                value.with(ty.unwrap_or_default())
            }
            Expr::Async(block) => {
                let value = self.block(&block.block);
                let ty = Ty::ext("Future", vec![value.ty.clone()]);
                value.with(ty)
            }
            Expr::Block(block) => self.block(&block.block),
            Expr::Unsafe(block) => self.block(&block.block),
            Expr::Const(block) => self.block(&block.block),
            Expr::TryBlock(block) => self.block(&block.block),
            _ => self.control(expression),
        }
    }

    /// Branches, loops, and all that is made of other expressions.
    fn control(&mut self, expression: &Expr) -> Value {
        match expression {
            Expr::If(branch) => {
                self.names.push(FxHashMap::default());
                self.value(&branch.cond);
                let value = self.block(&branch.then_branch);
                self.names.pop();
                match &branch.else_branch {
                    Some((_, other)) => either(value, self.value(other)),
                    None => value,
                }
            }
            Expr::Let(condition) => {
                let value = self.value(&condition.expr);
                self.bind(&condition.pat, value);
                Value::unknown()
            }
            Expr::Match(choice) => self.choice(choice),
            Expr::ForLoop(each) => {
                let list = self.value(&each.expr);
                let item = self.program.item(&list.ty);
                self.names.push(FxHashMap::default());
                self.bind(&each.pat, list.with(item));
                self.block(&each.body);
                self.names.pop();
                Value::unknown()
            }
            Expr::While(repeat) => {
                self.names.push(FxHashMap::default());
                self.value(&repeat.cond);
                self.block(&repeat.body);
                self.names.pop();
                Value::unknown()
            }
            Expr::Loop(repeat) => {
                self.block(&repeat.body);
                Value::unknown()
            }
            Expr::Assign(assign) => self.assign(assign),
            Expr::Tuple(tuple) => {
                let parts = tuple.elems.iter().map(|part| self.value(part).ty).collect();
                Value::named(Ty::Tuple(parts))
            }
            Expr::Array(array) => {
                let mut item: Option<Value> = None;
                for part in &array.elems {
                    let value = self.value(part);
                    item.get_or_insert(value);
                }
                let item = item.unwrap_or_default();
                let ty = Ty::ext("Array", vec![item.ty.clone()]);
                item.with(ty)
            }
            Expr::Repeat(repeat) => {
                let item = self.value(&repeat.expr);
                let ty = Ty::ext("Array", vec![item.ty.clone()]);
                item.with(ty)
            }
            Expr::Index(index) => {
                let list = self.value(&index.expr);
                self.value(&index.index);
                let item = match self.program.item(list.ty.bare()) {
                    Ty::Tuple(parts) if parts.len() == 2 => parts[1].clone(),
                    item => item,
                };
                list.with(item)
            }
            Expr::Cast(cast) => {
                self.value(&cast.expr);
                Value::named(self.program.lower(&self.scope, &cast.ty))
            }
            Expr::Binary(binary) => {
                self.value(&binary.left);
                self.value(&binary.right);
                Value::unknown()
            }
            Expr::Range(range) => {
                for end in [&range.start, &range.end].into_iter().flatten() {
                    self.value(end);
                }
                Value::unknown()
            }
            Expr::Return(end) => self.ended(end.expr.as_deref()),
            Expr::Break(end) => self.ended(end.expr.as_deref()),
            Expr::Yield(end) => self.ended(end.expr.as_deref()),
            Expr::RawAddr(address) => self.ended(Some(&address.expr)),
            _ => Value::unknown(),
        }
    }

    fn ended(&mut self, expression: Option<&Expr>) -> Value {
        if let Some(expression) = expression {
            self.value(expression);
        }
        Value::unknown()
    }

    fn choice(&mut self, choice: &syn::ExprMatch) -> Value {
        let subject = self.value(&choice.expr);
        let mut value: Option<Value> = None;
        for arm in &choice.arms {
            self.names.push(FxHashMap::default());
            self.bind(&arm.pat, subject.clone());
            let given = self.value(&arm.body);
            self.names.pop();
            value = Some(match value {
                Some(before) => either(before, given),
                None => given,
            });
        }
        value.unwrap_or_default()
    }

    /// An assignment tells the type of a variable that was declared without one.
    fn assign(&mut self, assign: &syn::ExprAssign) -> Value {
        let value = self.value(&assign.right);
        self.value(&assign.left);
        if let Expr::Path(path) = &*assign.left
            && let Some(name) = path.path.get_ident()
        {
            self.tell(&name.to_string(), value);
        }
        Value::unknown()
    }

    /// What is learnt of a variable after its declaration.
    pub(super) fn tell(&mut self, name: &str, value: Value) {
        let found = self
            .names
            .iter_mut()
            .rev()
            .find_map(|scope| scope.get_mut(name));
        if let Some(known) = found
            && known.ty.has_gap()
        {
            let how = How::Through(format!("through the variable `{name}`").into());
            *known = Value { how, ..value };
        }
    }

    fn field(&mut self, field: &syn::ExprField) -> Value {
        let base = self.value(&field.base);
        let name = match &field.member {
            Member::Named(ident) => ident.to_string(),
            Member::Unnamed(index) => index.index.to_string(),
        };
        let ty = self.program.field(&base.ty, &name).unwrap_or_default();
        Value::through(ty, format!("by the type of the field `{name}`"))
    }

    /// `OrderPlaced { … }`.
    fn literal(&mut self, literal: &syn::ExprStruct) -> Value {
        let ty = self.program.lower_path(&self.scope, &literal.path, 0);
        let mut binding = FxHashMap::default();
        for field in &literal.fields {
            let name = match &field.member {
                Member::Named(ident) => ident.to_string(),
                Member::Unnamed(index) => index.index.to_string(),
            };
            let wanted = match &ty {
                Ty::Own(index, _) => {
                    let generic = self.generic(*index);
                    self.program.field(&generic, &name)
                }
                _ => None,
            };
            let value = self.value_for(&field.expr, wanted.as_ref());
            if let Some(wanted) = wanted {
                wanted.learn(&value.ty, &mut binding);
            }
        }
        if let Some(rest) = &literal.rest {
            self.value(rest);
        }
        let ty = match &ty {
            Ty::Own(index, arguments) if arguments.is_empty() => {
                self.generic(*index).bound(&binding)
            }
            _ => ty,
        };
        let line = literal
            .path
            .segments
            .first()
            .map_or(0, |part| super::line_of(&part.ident));
        self.made(ty, line)
    }

    /// A type with its own parameters as arguments.
    pub(super) fn generic(&self, index: usize) -> Ty {
        let parameters = &self.program.types[index].generics;
        Ty::Own(
            index,
            parameters
                .iter()
                .map(|name| Ty::Param(Rc::clone(name)))
                .collect(),
        )
    }

    /// A value that is made here.
    pub(super) fn made(&mut self, ty: Ty, line: u32) -> Value {
        self.node().made.push((ty.clone(), line));
        Value {
            ty,
            made: vec![self.spot(line)],
            ..Value::default()
        }
    }
}

/// What two branches give: they agree, or one of them never gives anything.
fn either(one: Value, other: Value) -> Value {
    let is_nothing = |value: &Value| {
        value.ty.is_unknown() || matches!(&value.ty, Ty::Tuple(parts) if parts.is_empty())
    };
    if is_nothing(&one) {
        return other;
    }
    if is_nothing(&other) {
        return one;
    }
    let mut made = one.made.clone();
    made.extend(other.made);
    made.dedup();
    let ty = if one.ty.has_gap() {
        other.ty
    } else {
        one.ty.clone()
    };
    let how = if one.how == other.how {
        one.how.clone()
    } else {
        other.how
    };
    Value {
        ty,
        how,
        made,
        from: one.from.or(other.from),
        options: one.options,
    }
}
