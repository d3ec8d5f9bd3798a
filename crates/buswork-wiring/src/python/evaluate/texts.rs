//! Texts: put together, with what is known of their parts.

use super::super::facts::ExpressionKind;
use super::super::project::ExpressionRef;
use super::{Context, Evaluator, Fact, Found, Value};
use crate::graph::Grade;

impl Evaluator<'_> {
    /// A text with its holes filled: `f"{PREFIX}.placed"`. What is not known stays a hole.
    pub(super) fn filled(
        &self,
        text: &str,
        holes: impl ExactSizeIterator<Item = ExpressionRef>,
        context: &Context,
    ) -> Fact {
        let parts: Vec<_> = text.split("{}").collect();
        let template = |text: &str| Fact::of(Value::Template(text.into()), Grade::Possible);
        // Braces that stand for themselves, names of fields: who knows which hole is which.
        if holes.len() + 1 != parts.len() {
            return template(text);
        }
        let mut filled = parts[0].to_owned();
        let mut grade = Grade::Certain;
        for (hole, after) in holes.zip(&parts[1..]) {
            match self.text_of(hole, context) {
                Some(found) => {
                    grade = grade.max(found.grade);
                    if let Value::Text(text) | Value::Template(text) | Value::Literal(text) =
                        &found.value
                    {
                        filled.push_str(text);
                    }
                }
                None => filled.push_str("{}"),
            }
            filled.push_str(after);
        }
        if filled.contains("{}") {
            return template(&filled);
        }
        Fact::of(Value::Text(filled.into()), grade)
    }

    /// Whether an expression is an attribute that classes below say otherwise.
    fn is_said_below(&self, at: ExpressionRef, context: &Context) -> bool {
        let facts = self.project.facts(at.file);
        let ExpressionKind::Attribute(of, name) = facts.kind(at.id) else {
            return false;
        };
        let of = ExpressionRef {
            file: at.file,
            id: *of,
        };
        let name = facts.text(*name);
        self.evaluate(of, context).iter().any(|fact| {
            let (Value::Object(class) | Value::Class(class)) = fact.value else {
                return false;
            };
            let own = self.member(class, name).map(|(owner, _)| owner);
            let below = self.descendants(class).into_iter().skip(1);
            fact.made.is_none() && { below }
                .any(|class| self.member(class, name).map(|(owner, _)| owner) != own)
        })
    }

    /// The one text or number that an expression is.
    fn text_of(&self, at: ExpressionRef, context: &Context) -> Option<Fact> {
        if self.is_said_below(at, context) {
            return None;
        }
        match self.evaluate(at, context).as_ref() {
            [fact]
                if matches!(
                    fact.value,
                    Value::Text(_) | Value::Template(_) | Value::Literal(_)
                ) =>
            {
                Some(fact.clone())
            }
            _ => None,
        }
    }

    /// `"a" + "b"`, and with a part that is not known, a template.
    pub(super) fn joined(
        &self,
        left: ExpressionRef,
        right: ExpressionRef,
        context: &Context,
    ) -> Vec<Fact> {
        let left = self.evaluate(left, context);
        let right = self.evaluate(right, context);
        let text = |found: &Found| match found.as_ref() {
            [
                Fact {
                    value: Value::Text(text) | Value::Template(text),
                    ..
                },
            ] => Some(text.to_string()),
            _ => None,
        };
        let (left, right) = match (text(&left), text(&right)) {
            (None, None) => return Vec::new(),
            (left, right) => (
                left.unwrap_or_else(|| "{}".into()),
                right.unwrap_or_else(|| "{}".into()),
            ),
        };
        let joined = format!("{left}{right}");
        if joined.contains("{}") {
            vec![Fact::of(Value::Template(joined.into()), Grade::Possible)]
        } else {
            vec![Fact::certain(Value::Text(joined.into()))]
        }
    }

    /// `"user.{}.created".format(name)`, `name.lower()`.
    pub(super) fn text_method(
        &self,
        callee: ExpressionRef,
        call: ExpressionRef,
        context: &Context,
    ) -> Option<Fact> {
        let facts = self.project.facts(callee.file);
        let ExpressionKind::Attribute(of, name) = facts.kind(callee.id) else {
            return None;
        };
        let name = facts.text(*name);
        if !matches!(name, "format" | "lower" | "upper" | "strip" | "casefold") {
            return None;
        }
        let found = self.evaluate(
            ExpressionRef {
                file: callee.file,
                id: *of,
            },
            context,
        );
        let [
            Fact {
                value: Value::Text(text) | Value::Template(text),
                grade,
                ..
            },
        ] = found.as_ref()
        else {
            return None;
        };
        if name == "format" {
            let given = self.arguments(call).all();
            return Some(self.filled(&holes(text), given.into_iter(), context));
        }
        let changed = match name {
            "lower" | "casefold" => text.to_lowercase(),
            "upper" => text.to_uppercase(),
            _ => text.trim().to_owned(),
        };
        let is_template = changed.contains("{}");
        Some(if is_template {
            Fact::of(Value::Template(changed.into()), Grade::Possible)
        } else {
            Fact::of(Value::Text(changed.into()), *grade)
        })
    }
}

/// A format string with `{}` for each field.
fn holes(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        result.push_str(before);
        result.push_str("{}");
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    result.push_str(rest);
    result
}
