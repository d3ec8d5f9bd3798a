//! Closures. Each is a node of its own, for it may turn out to be a handler.

use rustc_hash::FxHashMap;
use syn::{Expr, ExprClosure, Pat, Stmt};

use super::Walker;
use crate::rust::facts::{Call, Closure, Node, NodeKind, Target, Value};
use crate::rust::parse::line;
use crate::rust::signatures::plain;
use crate::rust::types::Ty;

impl Walker<'_, '_> {
    /// A closure that is called with these types, as far as that is known.
    pub(super) fn closure(&mut self, closure: &ExprClosure, wanted: &[Ty]) -> Value {
        let parent = self.current;
        let (detached, offloaded) = (self.detached, self.offloaded);
        // The span of the whole would be put together from all that is in it.
        let start = closure.inputs_begin.span;
        let node = self.nodes.len();
        let kind = NodeKind::Closure(Closure {
            parent,
            line: line(start),
            parameter: closure.inputs.first().and_then(plain).unwrap_or_default(),
            annotation: closure.inputs.first().map_or_else(String::new, annotation),
            inputs: Vec::new(),
            hands_on: None,
        });
        let (module, source) = (self.scope.module, self.nodes[parent].source);
        self.nodes.push(Node::new(kind, module, source));
        self.nodes[parent].calls.push(Call {
            targets: vec![Target::Made(node)],
            line: line(start),
            column: start.start().column,
            is_detached: detached,
            is_offloaded: offloaded,
            inputs: Vec::new(),
            turbofish: Vec::new(),
            receiver: Ty::Unknown,
            name: String::new(),
        });

        (self.current, self.detached, self.offloaded) = (node, false, false);
        self.names.push(FxHashMap::default());
        let inputs = self.inputs(closure, wanted);
        let output = self.value(&closure.body).ty;
        let output = match (&closure.output, closure.asyncness.is_some()) {
            (syn::ReturnType::Type(_, ty), _) => self.program.lower(&self.scope, ty),
            (syn::ReturnType::Default, _) => output,
        };
        let output = match closure.asyncness {
            Some(_) => Ty::ext("Future", vec![output]),
            None => output,
        };
        self.names.pop();
        self.nodes[node].output = output;
        let call = handed_on(closure).and_then(|place| {
            self.nodes[node]
                .calls
                .iter()
                .position(|call| call.is_at(place))
        });
        if let NodeKind::Closure(known) = &mut self.nodes[node].kind {
            (known.inputs, known.hands_on) = (inputs, call);
        }
        (self.current, self.detached, self.offloaded) = (parent, detached, offloaded);
        Value::named(Ty::Closure(node))
    }

    fn inputs(&mut self, closure: &ExprClosure, wanted: &[Ty]) -> Vec<Ty> {
        let mut types = Vec::new();
        for (place, input) in closure.inputs.iter().enumerate() {
            let wanted = wanted.get(place).cloned().unwrap_or_default();
            let ty = match input {
                Pat::Type(written) => self.program.lower(&self.scope, &written.ty),
                _ => wanted.clone(),
            };
            let name = plain(input).unwrap_or_else(|| "…".to_owned());
            let reason = format!("by the type of the parameter `{name}`");
            self.bind(input, Value::through(ty.clone(), reason));
            types.push(ty);
        }
        types
    }
}

impl Call {
    fn is_at(&self, (line, column): (u32, usize)) -> bool {
        self.line == line
            && self.column == column
            && matches!(self.targets[..], [Target::Function(_)])
    }
}

/// The type of a parameter, as written.
fn annotation(input: &Pat) -> String {
    match input {
        Pat::Type(typed) => super::text_of(&typed.ty),
        _ => String::new(),
    }
}

/// Where the one call is, of a closure that does nothing but hand its event on:
/// `move |order| self.confirm(order)`, with clones before it.
fn handed_on(closure: &ExprClosure) -> Option<(u32, usize)> {
    let event = plain(closure.inputs.first()?)?;
    let call = core(&closure.body)?;
    let (inputs, place) = match call {
        Expr::Call(call) => match &*call.func {
            Expr::Path(path) => (&call.args, path.path.segments.last()?.ident.span().start()),
            _ => return None,
        },
        Expr::MethodCall(call) => (&call.args, call.method.span().start()),
        _ => return None,
    };
    let is_handed = inputs
        .iter()
        .any(|input| name_of(input).is_some_and(|name| *name == event));
    let line = u32::try_from(place.line).ok()?;
    is_handed.then_some((line, place.column))
}

/// The expression that is left without what only surrounds it.
fn core(expression: &Expr) -> Option<&Expr> {
    match expression {
        Expr::Paren(inner) => core(&inner.expr),
        Expr::Group(inner) => core(&inner.expr),
        Expr::Await(wait) => core(&wait.base),
        Expr::Try(attempt) => core(&attempt.expr),
        Expr::Block(block) => core_of_block(&block.block),
        Expr::Async(block) => core_of_block(&block.block),
        Expr::Call(call) if call.args.len() == 1 && is_wrapper(&call.func) => core(&call.args[0]),
        other => Some(other),
    }
}

/// `Ok(…)`, `Box::pin(…)`.
fn is_wrapper(function: &Expr) -> bool {
    let Expr::Path(path) = function else {
        return false;
    };
    let last = path.path.segments.last().map(|part| part.ident.to_string());
    matches!(last.as_deref(), Some("Ok" | "pin"))
}

fn core_of_block(block: &syn::Block) -> Option<&Expr> {
    let mut expressions = block.stmts.iter().filter(|statement| !is_clone(statement));
    let first = expressions.next()?;
    let is_last = match expressions.next() {
        None => true,
        Some(Stmt::Expr(end, None)) => is_done(end) && expressions.next().is_none(),
        Some(_) => false,
    };
    match first {
        Stmt::Expr(expression, _) if is_last => core(expression),
        _ => None,
    }
}

/// `Ok(())`.
fn is_done(expression: &Expr) -> bool {
    matches!(expression, Expr::Call(call)
        if is_wrapper(&call.func) && matches!(call.args.first(), Some(Expr::Tuple(_))))
}

/// `let this = Arc::clone(&this);`.
fn is_clone(statement: &Stmt) -> bool {
    let Stmt::Local(local) = statement else {
        return false;
    };
    match local.init.as_ref().map(|init| &*init.expr) {
        Some(Expr::MethodCall(call)) => call.method == "clone",
        Some(Expr::Call(call)) => match &*call.func {
            Expr::Path(path) => path
                .path
                .segments
                .last()
                .is_some_and(|part| part.ident == "clone"),
            _ => false,
        },
        _ => false,
    }
}

/// The variable that is handed over, perhaps as a reference or a clone.
fn name_of(input: &Expr) -> Option<&syn::Ident> {
    match input {
        Expr::Path(path) => path.path.get_ident(),
        Expr::Reference(inner) => name_of(&inner.expr),
        Expr::Unary(inner) => name_of(&inner.expr),
        Expr::Paren(inner) => name_of(&inner.expr),
        Expr::MethodCall(call) if call.args.is_empty() => name_of(&call.receiver),
        _ => None,
    }
}
