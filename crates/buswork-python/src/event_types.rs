//! What can be subscribed to, and what everything else is told.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple, PyType};

use crate::imports;
use crate::registration::default_name;
use crate::routing::{self, TypeKey};

/// Event types as given, flattened: classes, each once, in the order given.
pub(crate) struct EventTypes<'py> {
    pub(crate) classes: Bound<'py, PyTuple>,
    pub(crate) keys: Box<[TypeKey]>,
    /// Whether one of them decides itself who its subclasses are.
    pub(crate) is_virtual: bool,
    /// Whether one of those may have virtual subclasses as things are.
    pub(crate) is_open: bool,
}

impl<'py> EventTypes<'py> {
    /// Reads event types: classes, ABCs, method-only runtime protocols, and unions of them.
    pub(crate) fn read<'a>(
        py: Python<'py>,
        given: impl IntoIterator<Item = Bound<'py, PyAny>>,
    ) -> PyResult<Self>
    where
        'py: 'a,
    {
        let mut classes: Vec<Bound<'py, PyType>> = Vec::new();
        for one in given {
            flatten(&one, &mut classes)?;
        }
        if classes.is_empty() {
            return Err(PyTypeError::new_err(
                "no event type given: name the class of the events, as in on(OrderPlaced)",
            ));
        }
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
        let keys = classes.iter().map(TypeKey::of).collect();
        Ok(Self {
            classes: PyTuple::new(py, classes)?,
            keys,
            is_virtual,
            is_open,
        })
    }

    /// Reads one event type.
    pub(crate) fn one(given: &Bound<'py, PyAny>) -> PyResult<Self> {
        Self::read(given.py(), [given.clone()])
    }
}

fn flatten<'py>(given: &Bound<'py, PyAny>, classes: &mut Vec<Bound<'py, PyType>>) -> PyResult<()> {
    let py = given.py();
    if let Ok(class) = given.cast::<PyType>()
        && !given.is(imports::typing_any(py)?)
        && !is_parametrised(given)?
    {
        if !classes.iter().any(|known| known.is(class)) {
            classes.push(class.clone());
        }
        return Ok(());
    }
    if is_alias(given) {
        return flatten(&given.getattr("__value__")?, classes);
    }
    if is_union(given)? {
        for member in given.getattr("__args__")?.try_iter()? {
            flatten(&member?, classes)?;
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
            "the event type must be a class, got the function {name}: name the type in brackets, as in @bus.on(OrderPlaced)"
        ));
    }
    if given.is_none() {
        return Ok("the event type must be a class, got None: subscribe to type(None) if None itself is the event".into());
    }
    if let Ok(text) = given.cast::<PyString>() {
        return Ok(format!(
            "the event type must be a class, got the string {:.60?}: pass the class itself, not its name",
            text.to_string_lossy()
        ));
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
            "the event type must be a class, and {given} is none at run time: pass a class"
        ));
    }
    Ok(format!(
        "the event type must be a class, got an instance of {kind}: pass the class itself, {kind}"
    ))
}
