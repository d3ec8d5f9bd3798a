//! What may come out.

use std::rc::Rc;

use super::super::project::{ExpressionRef, FileId, ScopeRef};
use super::{Context, MOST};
use crate::graph::Grade;

/// All that an expression may be.
pub(crate) type Found = Rc<[Fact]>;

/// One thing that an expression may be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Fact {
    pub(crate) value: Value,
    pub(crate) grade: Grade,
    /// Where an object is built, arguments of a function are filled in, or a function is made that
    /// closes over what another one was given.
    pub(crate) made: Option<ExpressionRef>,
}

/// A value at run time, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Module(FileId),
    Class(ScopeRef),
    /// A function; `this` is the class of the object that it is bound to.
    Function {
        scope: ScopeRef,
        this: Option<Box<ScopeRef>>,
    },
    /// An object of a class.
    Object(ScopeRef),
    /// A name outside of the project, by its dotted path.
    External(Rc<str>),
    /// What calling such a name gives, or an object of such a class: the path, and the call.
    ExternalObject(Rc<str>, Option<ExpressionRef>),
    Text(Rc<str>),
    /// A text with holes, `{}`.
    Template(Rc<str>),
    Literal(Rc<str>),
    /// A member of an enumeration, or a constant of a class: its class and name, and its value.
    Member(ScopeRef, Rc<str>),
    /// A list, tuple, set, dictionary or comprehension that is written down.
    Display(ExpressionRef, Box<Context>),
    /// Something to iterate over, whose elements are these.
    Elements(Found),
    /// A class that a call makes, such as `namedtuple("OrderPlaced", "number")`: the path of what is
    /// called, and the call.
    Made(Rc<str>, ExpressionRef),
    /// An object of such a class.
    MadeObject(Rc<str>, ExpressionRef),
    /// The name of a class, which stands for it: `type(event).__name__`.
    NameOf(Box<Value>),
    /// A type that is no plain class: `A | B`, `Optional[A]`.
    Form(ExpressionRef),
    /// A parameter that nothing is known of: its function and its index.
    Parameter(ScopeRef, usize),
}

impl Value {
    /// The class of an object.
    pub(crate) fn class(&self) -> Option<Self> {
        match self {
            Self::Object(class) => Some(Self::Class(*class)),
            Self::ExternalObject(path, None) => Some(Self::External(path.clone())),
            Self::MadeObject(path, call) => Some(Self::Made(path.clone(), *call)),
            _ => None,
        }
    }
}

impl Fact {
    pub(crate) fn certain(value: Value) -> Self {
        Self::of(value, Grade::Certain)
    }

    pub(crate) fn of(value: Value, grade: Grade) -> Self {
        Self {
            value,
            grade,
            made: None,
        }
    }

    /// The same, no surer than this.
    pub(crate) fn at_most(&self, grade: Grade) -> Self {
        Self {
            grade: self.grade.max(grade),
            ..self.clone()
        }
    }
}

/// Drops what is there twice (the surer one stays), and what is too much.
pub(crate) fn distinct(facts: Vec<Fact>) -> Vec<Fact> {
    let mut result: Vec<Fact> = Vec::with_capacity(facts.len());
    for fact in facts {
        let same = |other: &Fact| other.value == fact.value && other.made == fact.made;
        match result.iter().position(same) {
            Some(index) => result[index].grade = result[index].grade.min(fact.grade),
            None if result.len() < MOST => result.push(fact),
            None => break,
        }
    }
    result
}
