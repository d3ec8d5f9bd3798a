//! What a call hands over, and which parameter it fills.

use std::borrow::Cow;

use super::super::facts::{Argument, ExpressionKind, Facts, ParameterKind};
use super::super::project::{ExpressionRef, ScopeRef};
use super::{Caller, Evaluator};

/// The arguments of a call.
#[derive(Debug, Clone)]
pub(crate) struct Arguments<'a> {
    facts: &'a Facts,
    file: u32,
    list: Cow<'a, [Argument]>,
}

impl Arguments<'_> {
    pub(crate) fn positional(&self, index: usize) -> Option<ExpressionRef> {
        let before = self.list.iter().take(index + 1);
        if before
            .clone()
            .any(|argument| matches!(argument, Argument::Star(_)))
        {
            return None;
        }
        let mut plain = self.list.iter().filter_map(|argument| match argument {
            Argument::Positional(value) => Some(ExpressionRef {
                file: self.file,
                id: *value,
            }),
            _ => None,
        });
        plain.nth(index)
    }

    pub(crate) fn named(&self, name: &str) -> Option<ExpressionRef> {
        self.list.iter().find_map(|argument| match argument {
            Argument::Named(given, value) if self.facts.text(*given) == name => {
                Some(ExpressionRef {
                    file: self.file,
                    id: *value,
                })
            }
            _ => None,
        })
    }

    /// Whether some arguments come out of a collection.
    pub(crate) fn has_star(&self) -> bool {
        let is_star =
            |argument: &Argument| matches!(argument, Argument::Star(_) | Argument::DoubleStar(_));
        self.list.iter().any(is_star)
    }

    /// Whether a class is made without bases of which nothing would be known.
    pub(super) fn has_no_bases(&self) -> bool {
        self.named("bases").is_none() && self.named("__base__").is_none() && !self.has_star()
    }

    /// Arguments without a name, those out of a collection as the collection.
    fn plain_and_starred(&self) -> impl Iterator<Item = ExpressionRef> {
        let values = self.list.iter().filter_map(|argument| match argument {
            Argument::Positional(value) | Argument::Star(value) => Some(ExpressionRef {
                file: self.file,
                id: *value,
            }),
            _ => None,
        });
        values.collect::<Vec<_>>().into_iter()
    }

    /// All positional arguments.
    pub(crate) fn all(&self) -> Vec<ExpressionRef> {
        let values = self.list.iter().filter_map(|argument| match argument {
            Argument::Positional(value) => Some(ExpressionRef {
                file: self.file,
                id: *value,
            }),
            _ => None,
        });
        values.collect()
    }

    /// Keyword arguments, by name.
    pub(crate) fn keywords(&self) -> Vec<(&str, ExpressionRef)> {
        let named = self.list.iter().filter_map(|argument| match argument {
            Argument::Named(name, value) => Some((
                self.facts.text(*name),
                ExpressionRef {
                    file: self.file,
                    id: *value,
                },
            )),
            _ => None,
        });
        named.collect()
    }
}

impl<'p> Evaluator<'p> {
    pub(crate) fn arguments(&self, call: ExpressionRef) -> Arguments<'p> {
        let facts = self.project.facts(call.file);
        let list: &[Argument] = match facts.kind(call.id) {
            ExpressionKind::Call(_, list) => list,
            _ => &[],
        };
        Arguments {
            facts,
            file: call.file,
            list: list.into(),
        }
    }

    /// The function that something else is asked to call, and what it will be given.
    pub(crate) fn handed_on(&self, call: ExpressionRef) -> Option<(ExpressionRef, Arguments<'p>)> {
        let facts = self.project.facts(call.file);
        let (function, list) = facts.handed_on(call.id)?;
        let file = call.file;
        let arguments = Arguments {
            facts,
            file,
            list: list.into(),
        };
        Some((ExpressionRef { file, id: function }, arguments))
    }

    /// The arguments that a caller gives.
    pub(crate) fn arguments_of(&self, caller: &Caller) -> Arguments<'p> {
        if caller.is_handed_on
            && let Some((_, arguments)) = self.handed_on(caller.call)
        {
            return arguments;
        }
        self.arguments(caller.call)
    }

    /// The expression that is called.
    pub(crate) fn callee(&self, call: ExpressionRef) -> Option<ExpressionRef> {
        match self.project.facts(call.file).kind(call.id) {
            ExpressionKind::Call(function, _) => Some(ExpressionRef {
                file: call.file,
                id: *function,
            }),
            _ => None,
        }
    }

    /// What a `partial` fills in besides the function: how many arguments, and which by name; none
    /// where that cannot be told.
    pub(crate) fn filled_in(&self, partial: ExpressionRef) -> Option<(usize, Vec<String>)> {
        let facts = self.project.facts(partial.file);
        let ExpressionKind::Call(_, list) = facts.kind(partial.id) else {
            return None;
        };
        let mut plain = 0;
        let mut named = Vec::new();
        for argument in list {
            match argument {
                Argument::Positional(_) => plain += 1,
                Argument::Named(name, _) => named.push(facts.text(*name).to_owned()),
                Argument::Star(_) | Argument::DoubleStar(_) => return None,
            }
        }
        Some((usize::saturating_sub(plain, 1), named))
    }

    /// The argument that fills a parameter in a call.
    pub(crate) fn argument_for(
        &self,
        caller: &Caller,
        function: ScopeRef,
        index: usize,
    ) -> Option<ExpressionRef> {
        let facts = self.project.facts(function.file);
        let parameters = &facts.scope(function.id).parameters;
        let parameter = parameters.get(index)?;
        let arguments = self.arguments_of(caller);
        if let Some(found) = arguments.named(facts.text(parameter.name)) {
            return Some(found);
        }
        match parameter.kind {
            ParameterKind::Plain | ParameterKind::Rest => {
                arguments.positional(index.checked_sub(caller.bound.into())?)
            }
            ParameterKind::KeywordOnly | ParameterKind::KeywordRest => None,
        }
    }

    /// The arguments that fill a parameter in a call: of `*events`, each.
    pub(crate) fn arguments_for(
        &self,
        caller: &Caller,
        function: ScopeRef,
        index: usize,
    ) -> Vec<ExpressionRef> {
        let facts = self.project.facts(function.file);
        let parameters = &facts.scope(function.id).parameters;
        let is_rest = parameters
            .get(index)
            .is_some_and(|one| one.kind == ParameterKind::Rest);
        if !is_rest {
            return self
                .argument_for(caller, function, index)
                .into_iter()
                .collect();
        }
        let plain = parameters
            .iter()
            .filter(|one| one.kind == ParameterKind::Plain)
            .count();
        let skip = plain.saturating_sub(caller.bound.into());
        self.arguments_of(caller)
            .plain_and_starred()
            .skip(skip)
            .collect()
    }
}
