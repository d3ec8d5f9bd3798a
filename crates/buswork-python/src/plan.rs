//! What is decided for a class when its plan is compiled, so that a publish has only to run it.
//!
//! From Python 3.12 on, a Python function that calls ten handlers one after another costs less
//! than ten crossings from native code, as the interpreter calls Python functions in place. So
//! ten neighbours that need nothing checked are called through such a function
//! (`buswork._ten`). It finds them in cells, which a cancel or a pause changes at once.

use std::sync::Arc;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use crate::bus::Bus;
use crate::calling::Invoke;
use crate::exception;
use crate::failure;
use crate::imports;
use crate::routing::{self, TypeKey};
use crate::settings::Surroundings;
use crate::subscriber::{Entry, Plan, follow};
use crate::topics;
use crate::tracing::Traced;
use crate::unhandled::Unhandled;

/// How many handlers a shipped function calls.
pub(crate) const TEN: usize = 10;

/// Which way a publish takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Road {
    /// There is nothing to look at before the plan is run.
    Fast,
    /// The same, and deliveries are counted.
    Counted,
    Careful,
}

/// The decisions that go with a plan.
pub(crate) struct Decisions {
    /// Weak reference to the class, whose callback evicts the plan.
    _class: Option<Py<PyAny>>,
    pub(crate) tens: Vec<Ten>,
    pub(crate) road: Road,
    pub(crate) unhandled: Unhandled,
    /// Events of this class are classes, and nobody is subscribed to `type`: a wrong use.
    pub(crate) refuses_classes: bool,
    pub(crate) surroundings: Surroundings,
    /// What traces are told, if there are any.
    pub(crate) traced: Option<Traced>,
    /// Whether figures of some of the handlers are kept that have no policy.
    pub(crate) counts: bool,
    /// Whether some of the handlers are called in the background only.
    pub(crate) has_background: bool,
    /// What `abc.get_cache_token()` said, on a bus that has to do with ABCs or protocols.
    token: Option<Py<PyAny>>,
}

/// Ten neighbours in a plan, from `start` on, and the function that calls them.
pub(crate) struct Ten {
    pub(crate) start: usize,
    pub(crate) function: Py<PyAny>,
}

impl Decisions {
    /// The decisions for a topic, which is no class.
    pub(crate) fn of_topic(bus: &Bus, entries: &[Arc<Entry>]) -> Self {
        Self {
            _class: None,
            tens: Vec::new(),
            road: Road::Careful,
            unhandled: bus.unhandled_topics(),
            refuses_classes: false,
            surroundings: bus.surroundings(),
            traced: bus.traces().of_plan(None),
            has_background: has_background(entries),
            counts: counts(entries),
            token: None,
        }
    }

    /// The decisions for some of the handlers, for once.
    pub(crate) fn careful(&self) -> Self {
        Self {
            _class: None,
            tens: Vec::new(),
            road: Road::Careful,
            unhandled: self.unhandled,
            refuses_classes: self.refuses_classes,
            surroundings: self.surroundings,
            traced: self.traced.clone(),
            has_background: self.has_background,
            counts: self.counts,
            token: None,
        }
    }

    /// Whether no ABC got a new virtual subclass since this was decided.
    pub(crate) fn is_current(&self, py: Python<'_>) -> PyResult<bool> {
        match &self.token {
            None => Ok(true),
            Some(token) => token.bind(py).eq(routing::cache_token(py)?),
        }
    }

    /// The weak reference to the class is not visited: to a collector that knew all its owners, it
    /// would be garbage like its bus, and be cleared without its callback. Should a destructor then
    /// bring the bus back to life, the plan of the dead class would be there still.
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        for ten in &self.tens {
            visit.call(&ten.function)?;
        }
        Ok(())
    }
}

/// The plan for events of `class`, or of a topic.
pub(crate) fn plan_for(
    bus: &Bus,
    class: &Bound<'_, PyType>,
    topic: Option<&str>,
) -> PyResult<Arc<Plan>> {
    match topic {
        None => plan(bus, class),
        Some(topic) => Ok(topics::plan(bus, topic)),
    }
}

/// The plan for `class`, compiled unless there is a current one.
pub(crate) fn plan(bus: &Bus, class: &Bound<'_, PyType>) -> PyResult<Arc<Plan>> {
    let py = class.py();
    let key = TypeKey::of(class);
    let found = bus.table().plan(&key);
    match found {
        Some(plan) if plan.extra().is_current(py)? => Ok(plan),
        Some(_) => {
            // A virtual subclass was registered somewhere: any plan may have changed.
            drop(bus.table().evict_all());
            compile(bus, class)
        }
        None => compile(bus, class),
    }
}

#[cold]
fn compile(bus: &Bus, class: &Bound<'_, PyType>) -> PyResult<Arc<Plan>> {
    let py = class.py();
    let key = TypeKey::of(class);
    let lineage = routing::lineage(class);
    // Taken before anybody is asked, so that what changes meanwhile is noticed.
    let token = bus.token(py)?;
    let gathered = bus
        .table()
        .gather(&key, &lineage, |subscriber| !subscriber.exact);
    let arranged = gathered.arrange(|entry| matches(entry, class))?;
    let entries = arranged.entries();
    let unhandled = if entries.is_empty() {
        bus.unhandled(class)?
    } else {
        Unhandled::Ignore
    };
    let object = TypeKey::of(&py.get_type::<PyAny>());
    let refuses_classes = routing::is_metaclass(class)
        && !entries.iter().any(|entry| {
            entry
                .keys()
                .iter()
                .any(|key| *key != object && lineage.contains(key))
        });
    let surroundings = bus.surroundings();
    let traced = bus.traces().of_plan(Some(class));
    let is_surrounded = surroundings.are_there() || traced.is_some();
    let (has_background, counts) = (has_background(entries), counts(entries));
    let is_surrounded = is_surrounded || has_background;
    let is_special = entries.is_empty() || refuses_classes || is_surrounded;
    let decisions = Decisions {
        _class: Some(routing::watch(bus.table(), class)?.unbind()),
        tens: if bus.is_async() {
            Vec::new()
        } else {
            tens(py, entries)?
        },
        road: match is_special || token.is_some() {
            true => Road::Careful,
            false if counts => Road::Counted,
            false => Road::Fast,
        },
        counts,
        unhandled,
        refuses_classes,
        surroundings,
        traced,
        has_background,
        token,
    };
    Ok(bus.table().install(key, &lineage, arranged, decisions))
}

/// Whether a subscription to an ABC or protocol matches. One that fails to say so is left out, which
/// is logged: it must not keep the others from their events.
fn matches(entry: &Entry, class: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = class.py();
    let error = match routing::matches(entry, class) {
        Err(error) if exception::is_isolated(py, &error) => error,
        answered => return answered,
    };
    let what = format!(
        "handler {} gets no {}, since its event type failed to say whether that is a subclass",
        entry.handler().name,
        imports::class_name(class)
    );
    failure::log(py, &what, &error)?;
    Ok(false)
}

fn counts(entries: &[Arc<Entry>]) -> bool {
    let mut policed = entries
        .iter()
        .filter_map(|entry| entry.handler().policed.as_ref());
    policed.any(|policed| policed.is_figures_alone)
}

fn has_background(entries: &[Arc<Entry>]) -> bool {
    entries.iter().any(|entry| entry.handler().background)
}

fn tens(py: Python<'_>, entries: &[Arc<Entry>]) -> PyResult<Vec<Ten>> {
    let mut tens = Vec::new();
    if entries.len() < TEN || py.version_info() < (3, 12) {
        return Ok(tens);
    }
    let mut start = 0;
    while let Some(run) = entries.get(start..start + TEN) {
        if let Some(guarded) = run.iter().rposition(|entry| walks_alone(entry)) {
            start += guarded + 1;
            continue;
        }
        let mut cells = Vec::with_capacity(TEN);
        for entry in run {
            cells.push(entry.handler().lane(py)?.cell(py));
            follow(py, entry)?;
        }
        let function = imports::ten(py)?
            .invoke1(PyTuple::new(py, cells)?)?
            .unbind();
        tens.push(Ten { start, function });
        start += TEN;
    }
    Ok(tens)
}

/// Whether an entry is called by itself: something is asked before its call, or what it returns
/// would end the function of ten.
fn walks_alone(entry: &Entry) -> bool {
    let subscriber = entry.handler();
    let is_guarded = subscriber.is_guarded() || subscriber.policed.is_some();
    entry.is_once() || is_guarded || subscriber.returns()
}
