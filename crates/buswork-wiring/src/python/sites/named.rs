//! Signals that a function gives by their names: the same one for the same name, wherever it is called.

use rustc_hash::FxHashMap;

use super::super::evaluate::{Context, Evaluator, Value};
use super::super::facts::ExpressionKind;
use super::super::project::ExpressionRef;

/// By namespace and name, the call that stands for all that give the signal. No namespace is that of
/// the whole process.
pub(crate) type NamedSignals = FxHashMap<(Option<ExpressionRef>, String), ExpressionRef>;

impl Evaluator<'_> {
    /// The call that stands for all those that give the same signal as this one.
    pub(super) fn first_of_name(&self, call: ExpressionRef, makers: &[String]) -> ExpressionRef {
        let Some(key) = self.name_and_space(call) else {
            return call;
        };
        let known = self
            .named_signals
            .get_or_init(|| self.all_of_names(makers))
            .get(&key);
        known.copied().unwrap_or(call)
    }

    fn all_of_names(&self, makers: &[String]) -> NamedSignals {
        let mut result = NamedSignals::default();
        let mut names: Vec<&str> = makers
            .iter()
            .filter_map(|path| path.rsplit('.').next())
            .collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            for &file in self.project.calling(name) {
                for call in self.project.calls_of(file, name) {
                    if self.is_made_by_one_of(call, makers)
                        && let Some(key) = self.name_and_space(call)
                    {
                        self.keep_better(&mut result, key, call);
                    }
                }
            }
        }
        result
    }

    fn is_made_by_one_of(&self, call: ExpressionRef, makers: &[String]) -> bool {
        let found = self.evaluate(call, &Context::default());
        found.iter().any(|fact| {
            matches!(&fact.value, Value::ExternalObject(path, Some(_))
                if makers.iter().any(|maker| **maker == **path))
        })
    }

    /// A call that is bound to the signal's own name stands for the others, else one that is bound to
    /// any name, else the first.
    fn keep_better(
        &self,
        signals: &mut NamedSignals,
        key: (Option<ExpressionRef>, String),
        call: ExpressionRef,
    ) {
        let rank = |call: ExpressionRef| match self.path_bound_to(call) {
            Some(path) if path.rsplit('.').next() == Some(&key.1.replace('-', "_")) => 0,
            Some(_) => 1,
            None => 2,
        };
        let is_better = match signals.get(&key) {
            Some(known) => (rank(call), call) < (rank(*known), *known),
            None => true,
        };
        if is_better {
            signals.insert(key, call);
        }
    }

    /// The namespace that a call asks, and the name that it asks for.
    fn name_and_space(&self, call: ExpressionRef) -> Option<(Option<ExpressionRef>, String)> {
        let given = self.arguments(call).positional(0)?;
        let found = self.evaluate(given, &Context::default());
        let [fact] = found.as_ref() else {
            return None;
        };
        let Value::Text(name) = &fact.value else {
            return None;
        };
        let callee = self.callee(call)?;
        let space = match self.project.facts(callee.file).kind(callee.id) {
            ExpressionKind::Attribute(of, _) => self.made_object(ExpressionRef {
                file: callee.file,
                id: *of,
            }),
            _ => None,
        };
        Some((space, name.to_string()))
    }

    /// The call that makes an object of something outside.
    fn made_object(&self, at: ExpressionRef) -> Option<ExpressionRef> {
        let found = self.evaluate(at, &Context::default());
        found.iter().find_map(|fact| match fact.value {
            Value::ExternalObject(_, made) => made,
            _ => None,
        })
    }
}
