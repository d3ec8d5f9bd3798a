//! Classes: their ancestors and members.

use std::rc::Rc;

use super::super::facts::{ScopeKind, StatementKind};
use super::super::project::{ExpressionRef, ScopeRef};
use super::{Binding, Context, Evaluator, Value};

/// A class above another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Ancestor {
    /// One of the project.
    Here(ScopeRef),
    /// One from outside, by its dotted path.
    Outside(Rc<str>),
}

impl Evaluator<'_> {
    /// A class and all above it, nearest first: depth first, left to right, each once. That is
    /// Python's order but for diamonds.
    pub(crate) fn ancestors(&self, class: ScopeRef) -> Rc<[Ancestor]> {
        if let Some(found) = self.ancestors.borrow().get(&class) {
            return found.clone();
        }
        // Until it is known, a class is its own only ancestor: that ends a circle of bases.
        let only: Rc<[Ancestor]> = vec![Ancestor::Here(class)].into();
        self.ancestors.borrow_mut().insert(class, only);
        let cuts = self.cuts.get();
        let mut result = vec![Ancestor::Here(class)];
        for above in self.bases(class) {
            let line = match &above {
                Ancestor::Here(base) => self.ancestors(*base).to_vec(),
                Ancestor::Outside(_) => vec![above],
            };
            for ancestor in line {
                if !result.contains(&ancestor) {
                    result.push(ancestor);
                }
            }
        }
        let result: Rc<[Ancestor]> = result.into();
        if self.cuts.get() == cuts || self.depth.get() == 0 {
            self.ancestors.borrow_mut().insert(class, result.clone());
        } else {
            self.ancestors.borrow_mut().remove(&class);
        }
        result
    }

    /// The bases that stand in the `class` statement.
    fn bases(&self, class: ScopeRef) -> Vec<Ancestor> {
        let bases = &self.project.facts(class.file).scope(class.id).bases;
        let mut result = Vec::new();
        for &base in bases {
            let at = ExpressionRef {
                file: class.file,
                id: base,
            };
            for fact in self.evaluate(at, &Context::default()).iter() {
                match &fact.value {
                    Value::Class(base) if *base != class => result.push(Ancestor::Here(*base)),
                    Value::External(path) => result.push(Ancestor::Outside(path.clone())),
                    // `class Handler(Generic[T])`, `class Names(namedtuple("Names", …))`.
                    Value::Form(form) => {
                        result.extend(self.generic(*form).map(Ancestor::Outside));
                    }
                    Value::ExternalObject(path, _) | Value::Made(path, _) => {
                        result.push(Ancestor::Outside(path.clone()));
                    }
                    _ => {}
                }
            }
        }
        result
    }

    /// Whether something is known of each of the bases that stand in the `class` statement.
    pub(crate) fn knows_all_bases(&self, class: ScopeRef) -> bool {
        let bases = &self.project.facts(class.file).scope(class.id).bases;
        bases.iter().all(|&id| {
            let file = class.file;
            !self
                .evaluate(ExpressionRef { file, id }, &Context::default())
                .is_empty()
        })
    }

    pub(crate) fn is_subclass(&self, class: ScopeRef, of: ScopeRef) -> bool {
        self.ancestors(class).contains(&Ancestor::Here(of))
    }

    /// All classes below a class, itself first.
    pub(crate) fn descendants(&self, class: ScopeRef) -> Vec<ScopeRef> {
        let mut result = vec![class];
        let mut next = 0;
        while next < result.len() {
            let facts = self.project.facts(result[next].file);
            let name = facts.text(facts.scope(result[next].id).name);
            for candidate in self.project.classes_on(name) {
                if !result.contains(&candidate) && self.is_subclass(candidate, class) {
                    result.push(candidate);
                }
            }
            next += 1;
        }
        result
    }

    /// The bindings of a name in the body of a class or the nearest of its ancestors.
    pub(crate) fn member(&self, class: ScopeRef, name: &str) -> Option<(ScopeRef, Vec<Binding>)> {
        self.ancestors(class).iter().find_map(|ancestor| {
            let Ancestor::Here(ancestor) = ancestor else {
                return None;
            };
            let name = self.project.name_in(ancestor.file, name)?;
            let bindings = self.bindings_in(*ancestor, name, None);
            (!bindings.is_empty()).then_some((*ancestor, bindings))
        })
    }

    /// The method of this name, from the class or the nearest of its ancestors.
    pub(crate) fn method(&self, class: ScopeRef, name: &str) -> Option<ScopeRef> {
        let (_, bindings) = self.member(class, name)?;
        bindings.iter().rev().find_map(|binding| match binding {
            Binding::Scope(scope) if self.kind_of(*scope) == ScopeKind::Function => Some(*scope),
            _ => None,
        })
    }

    /// The methods that stand in the body of a class.
    pub(crate) fn own_methods(&self, class: ScopeRef) -> Vec<ScopeRef> {
        let facts = self.project.facts(class.file);
        let scope = facts.scope(class.id);
        let defined = scope
            .statements
            .iter()
            .filter_map(|statement| match statement.kind {
                StatementKind::Define(id) if facts.scope(id).kind == ScopeKind::Function => {
                    Some(id)
                }
                _ => None,
            });
        defined
            .map(|id| ScopeRef {
                file: class.file,
                id,
            })
            .collect()
    }

    pub(crate) fn kind_of(&self, scope: ScopeRef) -> ScopeKind {
        self.project.facts(scope.file).scope(scope.id).kind
    }

    /// The class whose body a function stands in.
    pub(crate) fn class_of_method(&self, function: ScopeRef) -> Option<ScopeRef> {
        let parent = self.project.facts(function.file).scope(function.id).parent;
        let class = ScopeRef {
            file: function.file,
            id: parent,
        };
        (function.id != parent && self.kind_of(class) == ScopeKind::Class).then_some(class)
    }

    /// Whether a class is below one of these dotted paths outside of the project.
    pub(crate) fn is_below(&self, class: ScopeRef, paths: &[String]) -> bool {
        self.ancestors(class).iter().any(|ancestor| match ancestor {
            Ancestor::Outside(path) => paths.iter().any(|known| known == &**path),
            Ancestor::Here(here) => {
                let path = self.dotted_path_of(*here);
                paths.contains(&path)
            }
        })
    }

    /// Whether the members of an enumeration are texts, which are equal to their values.
    pub(crate) fn is_enumeration_of_texts(&self, class: ScopeRef) -> bool {
        let ancestors = self.ancestors(class);
        let mut outside = ancestors.iter().filter_map(|ancestor| match ancestor {
            Ancestor::Outside(path) => Some(&**path),
            Ancestor::Here(_) => None,
        });
        self.is_enumeration(class)
            && outside.any(|path| {
                matches!(
                    path,
                    "enum.StrEnum" | "builtins.str" | "django.db.models.TextChoices"
                )
            })
    }

    pub(crate) fn is_enumeration(&self, class: ScopeRef) -> bool {
        self.ancestors(class).iter().any(|ancestor| match ancestor {
            Ancestor::Outside(path) => matches!(
                &**path,
                "enum.Enum"
                    | "enum.IntEnum"
                    | "enum.StrEnum"
                    | "enum.Flag"
                    | "enum.IntFlag"
                    | "django.db.models.TextChoices"
                    | "django.db.models.IntegerChoices"
            ),
            Ancestor::Here(_) => false,
        })
    }
}
