//! `EventBus`: the class, its settings, and its methods, which convert, call and convert back.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use buswork::entry::Options;
use pyo3::exceptions::{PyLookupError, PyUserWarning, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::collection;
use crate::deliver;
use crate::event_types::EventTypes;
use crate::explain;
use crate::imports;
use crate::plan;
use crate::policy::{OnError, Unhandled};
use crate::publish;
use crate::registration::{check_handler, check_predicate, default_name, is_same, location};
use crate::report::Report;
use crate::subscriber::{Entry, Subscriber, Table};
use crate::subscription::Subscription;
use crate::weak::WeakHandler;

/// What `__init__` and `set_unhandled` say.
struct Settings {
    on_error: Arc<OnError>,
    unhandled: Unhandled,
    unhandled_by_type: Vec<(Py<PyType>, Unhandled)>,
}

/// The bus. See the stub for its documentation.
#[pyclass(frozen, subclass, dict, weakref, module = "buswork")]
pub(crate) struct EventBus {
    /// False as long as the memory is zeroed but not yet filled. On Python 3.11 the collector can
    /// come by then: while the object, allocated and tracked already, is given its `__dict__`.
    is_made: AtomicBool,
    table: Arc<Table>,
    number: usize,
    max_depth: AtomicU32,
    settings: Mutex<Settings>,
}

impl EventBus {
    #[inline]
    pub(crate) fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// A number of its own, which tells it from other buses in a causal chain.
    #[inline]
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    #[inline]
    pub(crate) fn max_depth(&self) -> u32 {
        self.max_depth.load(Ordering::Relaxed)
    }

    pub(crate) fn on_error(&self) -> Arc<OnError> {
        Arc::clone(&self.settings().on_error)
    }

    /// What happens to unheard events of `class`: what was said of the nearest class in its MRO,
    /// or of an ABC, or of all. Runs foreign code for ABCs.
    pub(crate) fn unhandled(&self, class: &Bound<'_, PyType>) -> PyResult<Unhandled> {
        let py = class.py();
        let (general, by_type) = {
            let settings = self.settings();
            let by_type: Vec<_> = settings
                .unhandled_by_type
                .iter()
                .map(|(class, unhandled)| (class.clone_ref(py), *unhandled))
                .collect();
            (settings.unhandled, by_type)
        };
        for ancestor in class.mro() {
            if let Some((_, unhandled)) = by_type.iter().find(|(class, _)| class.is(&ancestor)) {
                return Ok(*unhandled);
            }
        }
        for (asked, unhandled) in &by_type {
            if class.is_subclass(asked.bind(py))? {
                return Ok(*unhandled);
            }
        }
        Ok(general)
    }

    pub(crate) fn settings_visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(settings) = self.settings.try_lock() else {
            return Ok(());
        };
        settings.on_error.visit(visit)?;
        for (class, _) in &settings.unhandled_by_type {
            visit.call(class)?;
        }
        Ok(())
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, py: Python<'_>, entry: &Arc<Entry>) -> Option<Subscription> {
        Subscription::of(py, entry, &self.table)
    }

    /// Adds a subscription; what `subscribe`, `on` and `include` come down to.
    fn add(
        &self,
        types: &EventTypes<'_>,
        handler: &Bound<'_, PyAny>,
        wishes: Wishes<'_>,
    ) -> PyResult<Subscription> {
        check_handler(handler)?;
        if let Some(when) = &wishes.when {
            check_predicate(when)?;
        }
        let on_error = wishes.on_error.as_ref().map(OnError::parse).transpose()?;
        self.warn_of_repetition(types, handler)?;
        let weak = if wishes.flags.weak {
            Some(WeakHandler::new(&self.table, handler)?)
        } else {
            None
        };
        let given_name: Option<Arc<str>> = wishes.name.as_deref().map(Arc::from);
        let subscriber = Subscriber::new(
            weak.as_ref().map_or(handler, |weak| &weak.reference),
            wishes.when.as_ref(),
            on_error,
            types.classes.as_any(),
            wishes.name.unwrap_or_else(|| default_name(handler)),
            location(handler),
            wishes.flags.exact,
            wishes.flags.weak,
        )?;
        let options = Options {
            priority: wishes.priority,
            once: wishes.flags.once,
            guarded: subscriber.is_guarded(),
            name: given_name,
        };
        let searching = types.is_virtual && !wishes.flags.exact;
        match self
            .table
            .subscribe(types.keys.clone(), options, searching, subscriber)
        {
            Ok((entry, removed)) => {
                drop(removed);
                if let Some(weak) = weak {
                    weak.belongs_to(&entry);
                }
                Ok(Subscription::new(
                    &entry,
                    &self.table,
                    types.classes.clone().unbind(),
                ))
            }
            Err((_, subscriber)) => Err(PyValueError::new_err(format!(
                "a subscription named {:?} is on this bus already: cancel it first, or choose another name",
                subscriber.name
            ))),
        }
    }

    fn warn_of_repetition(
        &self,
        types: &EventTypes<'_>,
        handler: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = handler.py();
        for (key, class) in types.keys.iter().zip(types.classes.iter()) {
            for entry in self.table.subscribed_to(key) {
                let Some(known) = entry.handler().handler(py) else {
                    continue;
                };
                if is_same(&known, handler)? {
                    let message = format!(
                        "{} is subscribed to {} already and will run twice: cancel the first subscription, if that is not meant",
                        default_name(handler),
                        imports::class_name(class.cast::<PyType>()?),
                    );
                    let category = py.get_type::<PyUserWarning>();
                    imports::warn(py)?.call1((message, category, 1))?;
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// The options of a subscription, as given.
struct Wishes<'py> {
    name: Option<String>,
    priority: i64,
    when: Option<Bound<'py, PyAny>>,
    on_error: Option<Bound<'py, PyAny>>,
    flags: Flags,
}

#[pymethods]
impl EventBus {
    /// Takes anything, so that a subclass may have an `__init__` of its own.
    #[new]
    #[pyo3(
        signature = (*arguments, **_options),
        text_signature = "(*, on_error='raise', unhandled='ignore', max_depth=100)"
    )]
    fn new(arguments: &Bound<'_, PyTuple>, _options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        imports::load_all(arguments.py())?;
        Ok(Self {
            is_made: AtomicBool::new(true),
            table: Arc::new(Table::new()),
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            max_depth: AtomicU32::new(100),
            settings: Mutex::new(Settings {
                on_error: Arc::new(OnError::Raise),
                unhandled: Unhandled::Ignore,
                unhandled_by_type: Vec::new(),
            }),
        })
    }

    #[pyo3(signature = (*, on_error = None, unhandled = "ignore", max_depth = 100))]
    fn __init__(
        &self,
        on_error: Option<&Bound<'_, PyAny>>,
        unhandled: &str,
        max_depth: u32,
    ) -> PyResult<()> {
        if max_depth == 0 {
            return Err(PyValueError::new_err("max_depth must be at least 1, got 0"));
        }
        let on_error = Arc::new(on_error.map_or(Ok(OnError::Raise), OnError::parse)?);
        let unhandled = Unhandled::parse(unhandled)?;
        self.max_depth.store(max_depth, Ordering::Relaxed);
        let old = {
            let mut settings = self.settings();
            settings.unhandled = unhandled;
            std::mem::replace(&mut settings.on_error, on_error)
        };
        drop(self.table.evict_all());
        drop(old);
        Ok(())
    }

    #[pyo3(signature = (event_type, handler, *, name = None, priority = 0, when = None, once = false, weak = false, exact = false, on_error = None))]
    #[expect(clippy::too_many_arguments, reason = "the options are the interface")]
    fn subscribe<'py>(
        &self,
        event_type: &Bound<'py, PyAny>,
        handler: &Bound<'py, PyAny>,
        name: Option<String>,
        priority: i64,
        when: Option<Bound<'py, PyAny>>,
        once: bool,
        weak: bool,
        exact: bool,
        on_error: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Subscription> {
        let flags = Flags { once, weak, exact };
        let wishes = Wishes {
            name,
            priority,
            when,
            on_error,
            flags,
        };
        self.add(&EventTypes::one(event_type)?, handler, wishes)
    }

    #[pyo3(signature = (*event_types, name = None, priority = 0, when = None, once = false, weak = false, exact = false, on_error = None))]
    #[expect(clippy::too_many_arguments, reason = "the options are the interface")]
    fn on<'py>(
        this: &Bound<'py, Self>,
        event_types: &Bound<'py, PyTuple>,
        name: Option<String>,
        priority: i64,
        when: Option<Bound<'py, PyAny>>,
        once: bool,
        weak: bool,
        exact: bool,
        on_error: Option<Bound<'py, PyAny>>,
    ) -> PyResult<On> {
        let py = this.py();
        let types = EventTypes::read(py, event_types.iter())?;
        Ok(On {
            bus: this.clone().unbind(),
            types: types.classes.unbind(),
            callables: (when.map(Bound::unbind), on_error.map(Bound::unbind)),
            name,
            priority,
            flags: Flags { once, weak, exact },
        })
    }

    fn unsubscribe(
        &self,
        event_type: &Bound<'_, PyAny>,
        handler: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = event_type.py();
        let types = EventTypes::one(event_type)?;
        let mut found = false;
        let mut among_others = None;
        for entry in self.table.subscribed_to(&types.keys[0]) {
            let Some(known) = entry.handler().handler(py) else {
                continue;
            };
            if !is_same(&known, handler)? {
                continue;
            }
            let same_types = entry.keys().len() == types.keys.len()
                && entry.keys().iter().all(|key| types.keys.contains(key));
            if same_types {
                collection::end(py, &self.table, &entry);
                found = true;
            } else {
                among_others = entry.handler().types(py);
            }
        }
        if found {
            return Ok(());
        }
        let name = default_name(handler);
        let asked = imports::class_names(&types.classes);
        Err(PyLookupError::new_err(match among_others {
            Some(classes) => {
                let together = imports::class_names(classes.cast::<PyTuple>()?);
                format!(
                    "{name} is subscribed to {together} in one subscription, not to {asked} alone: unsubscribe({together}, ...), or cancel the subscription"
                )
            }
            None => format!("{name} is not subscribed to {asked}"),
        }))
    }

    fn clear(&self, py: Python<'_>) {
        collection::clear(py, &self.table);
    }

    #[inline]
    fn publish(&self, event: &Bound<'_, PyAny>) -> PyResult<()> {
        publish::publish(self, event)
    }

    fn deliver(&self, event: &Bound<'_, PyAny>) -> PyResult<Report> {
        deliver::deliver(self, event)
    }

    fn include<'py>(
        this: &Bound<'py, Self>,
        source: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        imports::include(this.py())?.call1((this, source))
    }

    fn set_unhandled(&self, event_type: &Bound<'_, PyAny>, policy: &str) -> PyResult<()> {
        let types = EventTypes::one(event_type)?;
        let unhandled = Unhandled::parse(policy)?;
        let mut replaced = Vec::new();
        {
            let mut settings = self.settings();
            for class in types.classes.iter() {
                let class = class.cast_into::<PyType>()?.unbind();
                let known = settings
                    .unhandled_by_type
                    .iter()
                    .position(|(c, _)| c.is(&class));
                if let Some(index) = known {
                    replaced.push(settings.unhandled_by_type.swap_remove(index));
                }
                settings.unhandled_by_type.push((class, unhandled));
            }
        }
        drop(replaced);
        drop(self.table.evict_all());
        Ok(())
    }

    fn handlers(&self, event_type: &Bound<'_, PyAny>) -> PyResult<Vec<Subscription>> {
        let py = event_type.py();
        let types = EventTypes::one(event_type)?;
        let mut entries = Vec::new();
        for class in types.classes.iter() {
            entries.extend_from_slice(plan::plan(self, class.cast::<PyType>()?)?.entries());
        }
        entries.sort_by_key(|entry| (std::cmp::Reverse(entry.priority()), entry.sequence()));
        entries.dedup_by_key(|entry| entry.sequence());
        Ok(entries
            .iter()
            .filter_map(|entry| self.handle(py, entry))
            .collect())
    }

    fn explain(&self, event_type: &Bound<'_, PyAny>) -> PyResult<String> {
        explain::explain(self, event_type)
    }

    fn __repr__(this: &Bound<'_, Self>) -> String {
        let class = imports::class_name(&this.get_type());
        match this.get().table.len() {
            1 => format!("<{class} with 1 subscription>"),
            count => format!("<{class} with {count} subscriptions>"),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.is_made.load(Ordering::Relaxed) {
            return Ok(());
        }
        collection::visit(self, &visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        collection::clear(py, &self.table);
        let old = {
            let mut settings = self.settings();
            let by_type = std::mem::take(&mut settings.unhandled_by_type);
            (
                std::mem::replace(&mut settings.on_error, Arc::new(OnError::Raise)),
                by_type,
            )
        };
        drop(old);
    }
}

impl Drop for EventBus {
    fn drop(&mut self) {
        // Handles may outlive the bus: let them hold husks. A bus is dropped by the interpreter,
        // on an attached thread.
        Python::attach(|py| collection::clear(py, &self.table));
    }
}

/// What `bus.on(...)` returns: subscribes what it is called with, and returns it unchanged.
#[pyclass(frozen, module = "buswork._buswork")]
struct On {
    bus: Py<EventBus>,
    types: Py<PyTuple>,
    /// What `when` and `on_error` were given; the rest is plain data.
    callables: (Option<Py<PyAny>>, Option<Py<PyAny>>),
    name: Option<String>,
    priority: i64,
    flags: Flags,
}

/// The options that are yes or no.
#[derive(Clone, Copy)]
struct Flags {
    once: bool,
    weak: bool,
    exact: bool,
}

#[pymethods]
impl On {
    /// Subscribes a handler; what `include` uses, to have the handle.
    fn subscribe(&self, handler: &Bound<'_, PyAny>) -> PyResult<Subscription> {
        let py = handler.py();
        let types = EventTypes::read(py, self.types.bind(py).iter())?;
        let bound =
            |object: &Option<Py<PyAny>>| object.as_ref().map(|object| object.bind(py).clone());
        let wishes = Wishes {
            name: self.name.clone(),
            priority: self.priority,
            when: bound(&self.callables.0),
            on_error: bound(&self.callables.1),
            flags: self.flags,
        };
        self.bus.get().add(&types, handler, wishes)
    }

    fn __call__<'py>(&self, handler: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.subscribe(&handler)?;
        Ok(handler)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!(
            "<decorator on {}>",
            imports::class_names(self.types.bind(py))
        )
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.bus)?;
        visit.call(&self.types)?;
        visit.call(&self.callables.0)?;
        visit.call(&self.callables.1)
    }
}
