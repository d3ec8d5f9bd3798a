//! Expressions.

use ruff_python_ast::{
    Comprehension, Expr, ExprCall, ExprFString, FStringPart, InterpolatedStringElement, Operator,
};
use ruff_python_parser::parse_expression;
use ruff_text_size::Ranged;

use super::super::facts::{
    Argument, ExpressionId, ExpressionKind, NOTHING, ScopeKind, StatementKind, Yield,
};
use super::{LONGEST_TEXT, Reader};

impl Reader {
    pub(super) fn expression(&mut self, node: &Expr) -> ExpressionId {
        self.deeper(NOTHING, |reader| reader.shallow(node))
    }

    #[expect(
        clippy::too_many_lines,
        reason = "a flat table: a kind of expression, and what is kept of it"
    )]
    fn shallow(&mut self, node: &Expr) -> ExpressionId {
        let kind = match node {
            Expr::Name(name) => ExpressionKind::Name(self.intern(&name.id)),
            Expr::Attribute(attribute) => {
                let of = self.expression(&attribute.value);
                ExpressionKind::Attribute(of, self.intern(&attribute.attr))
            }
            Expr::Call(call) => return self.call(call),
            Expr::StringLiteral(literal) => {
                let text = literal.value.to_str();
                if text.len() > LONGEST_TEXT {
                    return NOTHING;
                }
                ExpressionKind::Text(self.intern(text))
            }
            Expr::FString(string) => return self.template(string),
            Expr::NoneLiteral(_) => ExpressionKind::None,
            Expr::BooleanLiteral(literal) => {
                ExpressionKind::Literal(self.intern(if literal.value { "True" } else { "False" }))
            }
            Expr::NumberLiteral(literal) => match &literal.value {
                ruff_python_ast::Number::Int(number) => {
                    let text = number.to_string();
                    ExpressionKind::Literal(self.intern(&text))
                }
                _ => return NOTHING,
            },
            Expr::List(list) => self.sequence(&list.elts),
            Expr::Tuple(tuple) => self.sequence(&tuple.elts),
            Expr::Set(set) => self.sequence(&set.elts),
            Expr::Dict(dict) => {
                let items = dict
                    .items
                    .iter()
                    .map(|item| {
                        let key = item.key.as_ref().map(|key| self.expression(key));
                        (key, self.expression(&item.value))
                    })
                    .collect::<Vec<_>>();
                ExpressionKind::Mapping(items)
            }
            Expr::If(choice) => {
                let test = self.expression(&choice.test);
                self.keep(test);
                let body = self.expression(&choice.body);
                let otherwise = self.expression(&choice.orelse);
                ExpressionKind::Either(vec![body, otherwise])
            }
            Expr::BoolOp(operation) => {
                let values = operation
                    .values
                    .iter()
                    .map(|value| self.expression(value))
                    .collect();
                ExpressionKind::Either(values)
            }
            Expr::BinOp(operation) => {
                let left = self.expression(&operation.left);
                let right = self.expression(&operation.right);
                match operation.op {
                    Operator::BitOr | Operator::Add if left != NOTHING || right != NOTHING => {
                        ExpressionKind::Both(left, right)
                    }
                    Operator::Mod => match self.facts.kind(left) {
                        ExpressionKind::Text(text) => {
                            let text = percent_template(self.facts.text(*text));
                            let holes = match self.facts.kind(right) {
                                ExpressionKind::Sequence(parts) => parts.clone(),
                                _ => vec![right],
                            };
                            ExpressionKind::Template(self.intern(&text), holes)
                        }
                        _ => return self.other(&[left, right], node),
                    },
                    _ => return self.other(&[left, right], node),
                }
            }
            Expr::Subscript(subscript) => {
                let of = self.expression(&subscript.value);
                let key = self.expression(&subscript.slice);
                ExpressionKind::Subscript(of, key)
            }
            Expr::Lambda(lambda) => {
                let parameters = lambda.parameters.as_ref();
                let parameters = parameters
                    .map(|list| self.parameters(list))
                    .unwrap_or_default();
                let mut scope = self.open(ScopeKind::Lambda, "<lambda>", lambda.start());
                scope.end = self.line(lambda.end());
                scope.parameters = parameters;
                let id = self.within(scope, |reader| {
                    let value = reader.expression(&lambda.body);
                    reader.say(StatementKind::Return(value));
                });
                ExpressionKind::Lambda(id)
            }
            Expr::Await(wait) => ExpressionKind::Await(self.expression(&wait.value)),
            Expr::Starred(starred) => ExpressionKind::Starred(self.expression(&starred.value)),
            Expr::Named(named) => {
                let value = self.expression(&named.value);
                let target = self.expression(&named.target);
                self.say(StatementKind::Bind { target, value });
                ExpressionKind::Assign(target, value)
            }
            Expr::Yield(give) => {
                let value = give
                    .value
                    .as_ref()
                    .map_or(NOTHING, |value| self.expression(value));
                self.here().yields.push(Yield::One(value));
                return self.other(&[value], node);
            }
            Expr::YieldFrom(give) => {
                let value = self.expression(&give.value);
                self.here().yields.push(Yield::Each(value));
                return self.other(&[value], node);
            }
            Expr::ListComp(comprehension) => {
                self.clauses(&comprehension.generators);
                ExpressionKind::Comprehension(self.expression(&comprehension.elt))
            }
            Expr::SetComp(comprehension) => {
                self.clauses(&comprehension.generators);
                ExpressionKind::Comprehension(self.expression(&comprehension.elt))
            }
            Expr::Generator(comprehension) => {
                self.clauses(&comprehension.generators);
                ExpressionKind::Comprehension(self.expression(&comprehension.elt))
            }
            Expr::DictComp(comprehension) => {
                self.clauses(&comprehension.generators);
                let key = comprehension
                    .key
                    .as_ref()
                    .map_or(NOTHING, |key| self.expression(key));
                let value = self.expression(&comprehension.value);
                ExpressionKind::MappingComprehension(key, value)
            }
            Expr::UnaryOp(operation) => {
                let operand = self.expression(&operation.operand);
                return self.negated(operation.op, operand, node);
            }
            Expr::Compare(comparison) => {
                let mut parts = vec![self.expression(&comparison.left)];
                parts.extend(
                    comparison
                        .comparators
                        .iter()
                        .map(|value| self.expression(value)),
                );
                return self.other(&parts, node);
            }
            Expr::Slice(slice) => {
                let parts = [&slice.lower, &slice.upper, &slice.step]
                    .into_iter()
                    .flatten();
                let parts: Vec<_> = parts.map(|part| self.expression(part)).collect();
                return self.other(&parts, node);
            }
            Expr::TString(_)
            | Expr::BytesLiteral(_)
            | Expr::EllipsisLiteral(_)
            | Expr::IpyEscapeCommand(_) => return NOTHING,
        };
        self.push(kind, node.start())
    }

    /// An expression whose value does not matter, but the calls in it do. They are listed in their
    /// scope already; what is kept tells that they belong to this statement.
    fn other(&mut self, parts: &[ExpressionId], node: &Expr) -> ExpressionId {
        let kept: Vec<_> = parts
            .iter()
            .copied()
            .filter(|&part| self.has_calls(part))
            .collect();
        match kept.len() {
            0 => NOTHING,
            _ => self.push(ExpressionKind::Other(kept), node.start()),
        }
    }

    fn negated(
        &mut self,
        operator: ruff_python_ast::UnaryOp,
        operand: ExpressionId,
        node: &Expr,
    ) -> ExpressionId {
        let ExpressionKind::Literal(number) = self.facts.kind(operand) else {
            return self.other(&[operand], node);
        };
        if !matches!(operator, ruff_python_ast::UnaryOp::USub) {
            return NOTHING;
        }
        let text = format!("-{}", self.facts.text(*number));
        let name = self.intern(&text);
        self.push(ExpressionKind::Literal(name), node.start())
    }

    fn has_calls(&self, id: ExpressionId) -> bool {
        match self.facts.kind(id) {
            ExpressionKind::Nothing
            | ExpressionKind::None
            | ExpressionKind::Name(_)
            | ExpressionKind::Text(_)
            | ExpressionKind::Literal(_) => false,
            ExpressionKind::Template(_, holes) => holes.iter().any(|&hole| self.has_calls(hole)),
            ExpressionKind::Attribute(of, _) => self.has_calls(*of),
            _ => true,
        }
    }

    fn keep(&mut self, value: ExpressionId) {
        if self.has_calls(value) {
            self.say(StatementKind::Evaluate(value));
        }
    }

    fn sequence(&mut self, elements: &[Expr]) -> ExpressionKind {
        ExpressionKind::Sequence(
            elements
                .iter()
                .map(|element| self.expression(element))
                .collect(),
        )
    }

    fn clauses(&mut self, clauses: &[Comprehension]) {
        for clause in clauses {
            let iterable = self.expression(&clause.iter);
            let target = self.expression(&clause.target);
            self.say(StatementKind::Each { target, iterable });
            for test in &clause.ifs {
                let test = self.expression(test);
                self.keep(test);
            }
        }
    }

    fn call(&mut self, call: &ExprCall) -> ExpressionId {
        let function = self.expression(&call.func);
        let mut arguments = Vec::with_capacity(call.arguments.args.len());
        for argument in &call.arguments.args {
            arguments.push(match argument {
                Expr::Starred(starred) => Argument::Star(self.expression(&starred.value)),
                _ => Argument::Positional(self.expression(argument)),
            });
        }
        for keyword in &call.arguments.keywords {
            let value = self.expression(&keyword.value);
            arguments.push(match &keyword.arg {
                Some(name) => Argument::Named(self.intern(name), value),
                None => Argument::DoubleStar(value),
            });
        }
        // The line of the called name, not of the start of a chain over several lines.
        let offset = match &*call.func {
            Expr::Attribute(attribute) => attribute.attr.start(),
            function => function.start(),
        };
        self.push(ExpressionKind::Call(function, arguments), offset)
    }

    /// `f"konnected.{x}.update"` is the template `konnected.{}.update`.
    fn template(&mut self, string: &ExprFString) -> ExpressionId {
        let mut text = String::new();
        let mut holes = Vec::new();
        for part in &string.value {
            match part {
                FStringPart::Literal(literal) => text.push_str(&literal.value),
                FStringPart::FString(string) => {
                    for element in &string.elements {
                        match element {
                            InterpolatedStringElement::Literal(literal) => {
                                text.push_str(&literal.value);
                            }
                            InterpolatedStringElement::Interpolation(hole) => {
                                let value = self.expression(&hole.expression);
                                self.keep(value);
                                text.push_str("{}");
                                let is_as_it_is =
                                    hole.conversion.is_none() && hole.format_spec.is_none();
                                holes.push(if is_as_it_is { value } else { NOTHING });
                            }
                        }
                    }
                }
            }
        }
        if text.len() > LONGEST_TEXT {
            return NOTHING;
        }
        let name = self.intern(&text);
        let kind = if holes.is_empty() {
            ExpressionKind::Text(name)
        } else {
            ExpressionKind::Template(name, holes)
        };
        self.push(kind, string.start())
    }

    /// An annotation; what stands in quotes is read too.
    pub(super) fn annotation(&mut self, node: &Expr) -> ExpressionId {
        self.deeper(NOTHING, |reader| match node {
            Expr::StringLiteral(literal) => reader.quoted(literal.value.to_str(), node),
            Expr::Subscript(subscript) => {
                let of = reader.annotation(&subscript.value);
                let is_literal = reader.facts.last_name(of) == Some("Literal");
                let key = match &*subscript.slice {
                    slice if is_literal => reader.expression(slice),
                    Expr::Tuple(tuple) => {
                        let parts = tuple
                            .elts
                            .iter()
                            .map(|part| reader.annotation(part))
                            .collect();
                        reader.push(ExpressionKind::Sequence(parts), tuple.start())
                    }
                    slice => reader.annotation(slice),
                };
                reader.push(ExpressionKind::Subscript(of, key), node.start())
            }
            Expr::BinOp(operation) => {
                let left = reader.annotation(&operation.left);
                let right = reader.annotation(&operation.right);
                reader.push(ExpressionKind::Both(left, right), node.start())
            }
            Expr::List(list) => {
                let parts = list
                    .elts
                    .iter()
                    .map(|part| reader.annotation(part))
                    .collect();
                reader.push(ExpressionKind::Sequence(parts), node.start())
            }
            _ => reader.expression(node),
        })
    }

    fn quoted(&mut self, text: &str, node: &Expr) -> ExpressionId {
        if text.len() > LONGEST_TEXT {
            return NOTHING;
        }
        let Ok(parsed) = parse_expression(text) else {
            return NOTHING;
        };
        let expression = parsed.into_expr();
        let first = self.facts.expressions.len();
        let id = self.annotation(&expression);
        // Offsets within the quotes mean nothing in the file.
        let line = self.line(node.start());
        for made in &mut self.facts.expressions[first..] {
            made.line = line;
        }
        id
    }
}

/// `"user.%s.created"` is the template `user.{}.created`.
fn percent_template(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            result.push(character);
            continue;
        }
        match characters.next() {
            Some('%') => result.push('%'),
            Some('(') => {
                let _ = characters.by_ref().find(|&character| character == ')');
                let _ = characters.next();
                result.push_str("{}");
            }
            _ => result.push_str("{}"),
        }
    }
    result
}
