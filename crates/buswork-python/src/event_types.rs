//! What can be subscribed to, and what everything else is told.

use buswork::topic::Pattern;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple, PyType};

use crate::imports;
use crate::registration::default_name;
use crate::routing::{self, TypeKey};
use crate::subscriber::Entry;
use crate::topics;

/// Event types as given, flattened: classes and patterns of topics, each once, in the order given.
pub(crate) struct EventTypes<'py> {
    pub(crate) types: Bound<'py, PyTuple>,
    pub(crate) classes: Vec<Bound<'py, PyType>>,
    pub(crate) patterns: Box<[Pattern]>,
    /// The keys of the classes, and one for all patterns.
    pub(crate) keys: Box<[TypeKey]>,
    /// Whether one of them decides itself who its subclasses are.
    pub(crate) is_virtual: bool,
    /// Whether one of those may have virtual subclasses as things are.
    pub(crate) is_open: bool,
}

impl<'py> EventTypes<'py> {
    /// Reads event types: classes, ABCs, method-only runtime protocols, unions of them, and patterns
    /// of topics.
    pub(crate) fn read<'a>(
        py: Python<'py>,
        given: impl IntoIterator<Item = Bound<'py, PyAny>>,
    ) -> PyResult<Self>
    where
        'py: 'a,
    {
        let mut types: Vec<Bound<'py, PyAny>> = Vec::new();
        let mut patterns: Vec<Pattern> = Vec::new();
        for one in given {
            if let Ok(text) = one.cast::<PyString>() {
                let pattern = topics::pattern(text)?;
                if !patterns.contains(&pattern) {
                    patterns.push(pattern);
                    types.push(one);
                }
            } else {
                flatten(&one, &mut types)?;
            }
        }
        if types.is_empty() {
            return Err(PyTypeError::new_err(
                "no event type given: name the class of the events, as in on(OrderPlaced)",
            ));
        }
        let classes: Vec<Bound<'py, PyType>> = types
            .iter()
            .filter_map(|one| one.cast::<PyType>().ok().cloned())
            .collect();
        let (mut is_virtual, mut is_open) = (false, false);
        for class in &classes {
            if !routing::is_virtual(class)? {
                continue;
            }
            is_virtual = true;
            if routing::is_open(class)? {
                is_open = true;
                // What cannot answer this cannot route: a protocol with data members, or one that
                // is not for run time.
                py.get_type::<PyAny>()
                    .is_subclass(class)
                    .map_err(|error| refused(class, &error))?;
            }
        }
        let topics = (!patterns.is_empty()).then_some(TypeKey::TOPICS);
        let keys = classes.iter().map(TypeKey::of).chain(topics).collect();
        Ok(Self {
            types: PyTuple::new(py, types)?,
            classes,
            patterns: patterns.into(),
            keys,
            is_virtual,
            is_open,
        })
    }

    /// Reads classes alone, for what concerns no topics.
    pub(crate) fn classes(given: &Bound<'py, PyAny>, what: &str) -> PyResult<Self> {
        if given.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err(format!(
                "{what} takes a class, and not a topic: got {given:?}"
            )));
        }
        Self::one(given)
    }

    /// Reads one event type.
    pub(crate) fn one(given: &Bound<'py, PyAny>) -> PyResult<Self> {
        Self::read(given.py(), [given.clone()])
    }
}

impl EventTypes<'_> {
    /// Whether a subscription was made to exactly these.
    pub(crate) fn are_those_of(&self, entry: &Entry) -> bool {
        let patterns = &entry.handler().patterns;
        entry.keys().len() == self.keys.len()
            && entry.keys().iter().all(|key| self.keys.contains(key))
            && patterns.len() == self.patterns.len()
            && patterns.iter().all(|one| self.patterns.contains(one))
    }

    /// The name of what a subscription under the same key has in common with these.
    pub(crate) fn shared(&self, key: TypeKey, entry: &Entry) -> Option<String> {
        if key == TypeKey::TOPICS {
            let patterns = &entry.handler().patterns;
            let shared = self.patterns.iter().find(|one| patterns.contains(one))?;
            return Some(format!("{:?}", shared.as_str()));
        }
        let class = self
            .classes
            .iter()
            .find(|class| TypeKey::of(class) == key)?;
        Some(imports::class_name(class))
    }
}

fn flatten<'py>(given: &Bound<'py, PyAny>, types: &mut Vec<Bound<'py, PyAny>>) -> PyResult<()> {
    let py = given.py();
    if let Ok(class) = given.cast::<PyType>()
        && !given.is(imports::typing_any(py)?)
        && !is_parametrised(given)?
    {
        if !types.iter().any(|known| known.is(class)) {
            types.push(class.clone().into_any());
        }
        return Ok(());
    }
    if is_alias(given) {
        return flatten(&given.getattr("__value__")?, types);
    }
    if is_union(given)? {
        for member in given.getattr("__args__")?.try_iter()? {
            flatten(&member?, types)?;
        }
        return Ok(());
    }
    Err(PyTypeError::new_err(advice(given)?))
}

/// `type Payment = Card | Cash`, of Python 3.12.
fn is_alias(given: &Bound<'_, PyAny>) -> bool {
    given
        .get_type()
        .name()
        .is_ok_and(|name| name == "TypeAliasType")
}

fn is_union(given: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = given.py();
    if given.is_instance(imports::union_type(py)?)? {
        return Ok(true);
    }
    let origin = given.getattr_opt("__origin__").unwrap_or(None);
    Ok(origin.is_some_and(|origin| imports::typing_union(py).is_ok_and(|union| origin.is(union))))
}

/// `list[int]`: on Python 3.11 an instance of `type` by `isinstance`, but not a class.
fn is_parametrised(given: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(given.get_type().name()? == "GenericAlias")
}

fn refused(class: &Bound<'_, PyType>, error: &PyErr) -> PyErr {
    let py = class.py();
    let name = imports::class_name(class);
    let advice = if class.hasattr("_is_protocol").unwrap_or(false) {
        "a protocol must be @runtime_checkable and have methods only"
    } else {
        "subscribe to a class that can say which classes are its subclasses"
    };
    let refusal = PyTypeError::new_err(format!(
        "cannot subscribe to {name}: {}; {advice}",
        error.value(py)
    ));
    refusal.set_cause(py, Some(error.clone_ref(py)));
    refusal
}

/// What to do instead, for something that is not an event type.
fn advice(given: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = given.py();
    let kind = imports::class_name(&given.get_type());
    if given.is(imports::typing_any(py)?) {
        return Ok("cannot subscribe to typing.Any: subscribe to object to get every event".into());
    }
    if given.get_type().is(imports::function_type(py)?) {
        let name = default_name(given);
        return Ok(format!(
            "the event type must be a class or a topic, got the function {name}: name the type in brackets, as in @bus.on(OrderPlaced)"
        ));
    }
    if given.is_none() {
        return Ok("the event type must be a class or a topic, got None: subscribe to type(None) if None itself is the event".into());
    }
    if let Ok(Some(origin)) = given.getattr_opt("__origin__")
        && let Ok(class) = origin.cast::<PyType>()
    {
        let name = imports::class_name(class);
        return Ok(format!(
            "cannot subscribe to a parametrised type: the bus sees no type arguments at run time; subscribe to {name}"
        ));
    }
    if given
        .getattr_opt("__supertype__")
        .is_ok_and(|supertype| supertype.is_some())
    {
        return Ok("cannot subscribe to a NewType: there are no instances of it at run time; subscribe to the class that it stands for".into());
    }
    let module = given.get_type().module();
    if module.is_ok_and(|module| module == "typing") {
        return Ok(format!(
            "the event type must be a class or a topic, and {given} is none at run time: pass a class"
        ));
    }
    Ok(format!(
        "the event type must be a class or a topic, got an instance of {kind}: pass the class itself, {kind}"
    ))
}
