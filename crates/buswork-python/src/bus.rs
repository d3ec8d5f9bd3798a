//! `Bus`: what the sync and the async bus have in common, which is all but publishing. Its methods
//! convert, call and convert back.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use buswork::policy::{DeadLetters as _, DeadLettersInMemory};
use pyo3::exceptions::{PyLookupError, PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::background::{Background, Phase};
use crate::calling::Invoke;
use crate::collection;
use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::event_types::EventTypes;
use crate::explain;
use crate::imports;
use crate::on::{Flags, On, Wishes, whole};
use crate::on_error::OnError;
use crate::plan;
use crate::policy::Policy;
use crate::post;
use crate::registration::{default_name, is_same};
use crate::settings::{Defaults, Settings, StatsKept};
use crate::stats::{self, HandlerStats};
use crate::subscriber::{Entry, Table};
use crate::subscription::Subscription;
use crate::topics;
use crate::traces::{Trace, Tracing};
use crate::unhandled::Unhandled;

/// How many dead letters are kept where nothing is said.
const DEAD_LETTERS: usize = 1_000;

/// What every bus has.
#[pyclass(frozen, subclass, dict, weakref, module = "buswork._buswork")]
pub(crate) struct Bus {
    /// False as long as the memory is zeroed but not yet filled. On Python 3.11 the collector can
    /// come by then: while the object, allocated and tracked already, is given its `__dict__`.
    is_made: AtomicBool,
    table: Arc<Table>,
    background: Arc<Background>,
    recent_topics: topics::Recent,
    number: usize,
    /// Whether it awaits what handlers return.
    is_async: bool,
    max_depth: AtomicU32,
    /// Whether an ABC or a protocol was ever named, so that each plan has to keep a cache token.
    pub(crate) uses_abcs: AtomicBool,
    pub(crate) settings: Mutex<Settings>,
    letters: Mutex<DeadLettersInMemory<Py<DeadLetter>>>,
}

impl Bus {
    pub(crate) fn new(py: Python<'_>, is_async: bool) -> PyResult<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        imports::load(py)?;
        if is_async {
            imports::prepare_for_async(py)?;
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let table = Arc::new(Table::new());
        Ok(Self {
            is_made: AtomicBool::new(true),
            background: Background::new(number, &table),
            table,
            recent_topics: topics::Recent::new(),
            number,
            is_async,
            max_depth: AtomicU32::new(100),
            uses_abcs: AtomicBool::new(false),
            settings: Mutex::default(),
            letters: Mutex::new(DeadLettersInMemory::new(DEAD_LETTERS)),
        })
    }

    #[inline]
    pub(crate) fn table(&self) -> &Arc<Table> {
        &self.table
    }

    #[inline]
    pub(crate) fn background(&self) -> &Arc<Background> {
        &self.background
    }

    /// A number of its own, which tells it from other buses in a causal chain.
    #[inline]
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Whether it awaits what handlers return.
    pub(crate) fn is_async(&self) -> bool {
        self.is_async
    }

    #[inline]
    pub(crate) fn max_depth(&self) -> u32 {
        self.max_depth.load(Ordering::Relaxed)
    }

    /// The deliveries that have failed to their end.
    pub(crate) fn letters(&self) -> MutexGuard<'_, DeadLettersInMemory<Py<DeadLetter>>> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn letters_visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(letters) = self.letters.try_lock() else {
            return Ok(());
        };
        let mut visited = Ok(());
        letters.each(&mut |_, letter| {
            if visited.is_ok() {
                visited = visit.call(letter);
            }
        });
        visited
    }

    pub(crate) fn recent_topics(&self) -> &topics::Recent {
        &self.recent_topics
    }

    /// Notes that an ABC or a protocol is named. Plans without a token are made anew.
    pub(crate) fn use_abcs(&self) {
        if !self.uses_abcs.swap(true, Ordering::AcqRel) {
            drop(self.table.evict_all());
        }
    }

    fn handle(&self, py: Python<'_>, entry: &Arc<Entry>) -> Option<Subscription> {
        Subscription::of(py, entry, &self.table)
    }
}

#[pymethods]
impl Bus {
    #[new]
    #[pyo3(
        signature = (*_arguments, **_options),
        text_signature = "(*, on_error='raise', unhandled='ignore', max_depth=100, max_pending=10000, overflow='wait', policy=None, stats=False, max_dead_letters=1000)"
    )]
    fn make(
        _arguments: &Bound<'_, PyTuple>,
        _options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        Err(PyTypeError::new_err(
            "Bus is what buses have in common: make an EventBus or an AsyncEventBus",
        ))
    }

    #[expect(clippy::too_many_arguments, reason = "the options are the interface")]
    #[pyo3(signature = (*, on_error = None, unhandled = "ignore", max_depth = 100, max_pending = 10_000, overflow = "wait", policy = None, stats = None, max_dead_letters = 1_000))]
    fn __init__(
        &self,
        on_error: Option<&Bound<'_, PyAny>>,
        unhandled: &str,
        #[pyo3(from_py_with = whole)] max_depth: i64,
        #[pyo3(from_py_with = whole)] max_pending: i64,
        overflow: &str,
        policy: Option<Py<Policy>>,
        stats: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = whole)] max_dead_letters: i64,
    ) -> PyResult<()> {
        let max_depth = u32::try_from(max_depth).ok().filter(|&depth| depth > 0);
        let max_depth = max_depth.ok_or_else(|| {
            PyValueError::new_err("max_depth must be at least 1, and less than 2**32")
        })?;
        let max_pending = usize::try_from(max_pending).ok().filter(|&most| most > 0);
        let max_pending =
            max_pending.ok_or_else(|| PyValueError::new_err("max_pending must be at least 1"))?;
        let overflow = post::overflow(overflow)?;
        let on_error = Arc::new(on_error.map_or(Ok(OnError::Raise), OnError::parse)?);
        let unhandled = Unhandled::parse(unhandled)?;
        let max_dead_letters = usize::try_from(max_dead_letters)
            .map_err(|_| PyValueError::new_err("max_dead_letters must not be negative"))?;
        let stats = stats.map_or(Ok(StatsKept::None), StatsKept::parse)?;
        self.background.configure(max_pending, overflow);
        self.max_depth.store(max_depth, Ordering::Relaxed);
        let old = self.set_defaults(Defaults {
            on_error,
            unhandled,
            policy,
            stats,
        });
        drop(self.table.evict_all());
        let lost = self.letters().set_most(max_dead_letters);
        drop((old, lost));
        Ok(())
    }

    /// Subscribe a handler to a type of events, and return the handle.
    #[pyo3(signature = (event_type, handler, *, name = None, priority = 0, when = None, once = false, weak = false, exact = false, on_error = None, policy = None, background = false, publishes = None))]
    #[expect(
        clippy::too_many_arguments,
        clippy::fn_params_excessive_bools,
        reason = "the options are the interface"
    )]
    fn subscribe<'py>(
        &self,
        event_type: &Bound<'py, PyAny>,
        handler: &Bound<'py, PyAny>,
        name: Option<String>,
        #[pyo3(from_py_with = whole)] priority: i64,
        when: Option<Bound<'py, PyAny>>,
        once: bool,
        weak: bool,
        exact: bool,
        on_error: Option<Bound<'py, PyAny>>,
        policy: Option<Bound<'py, Policy>>,
        background: bool,
        publishes: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Subscription> {
        let flags = Flags {
            once,
            weak,
            exact,
            background,
        };
        let wishes = Wishes {
            name,
            priority,
            when,
            on_error,
            policy,
            publishes,
            flags,
        };
        self.add(&EventTypes::one(event_type)?, handler, wishes)
    }

    /// Subscribe the decorated function, and return it unchanged.
    #[pyo3(signature = (*event_types, name = None, priority = 0, when = None, once = false, weak = false, exact = false, on_error = None, policy = None, background = false, publishes = None))]
    #[expect(
        clippy::too_many_arguments,
        clippy::fn_params_excessive_bools,
        reason = "the options are the interface"
    )]
    fn on<'py>(
        this: &Bound<'py, Self>,
        event_types: &Bound<'py, PyTuple>,
        name: Option<String>,
        #[pyo3(from_py_with = whole)] priority: i64,
        when: Option<Bound<'py, PyAny>>,
        once: bool,
        weak: bool,
        exact: bool,
        on_error: Option<Bound<'py, PyAny>>,
        policy: Option<Bound<'py, Policy>>,
        background: bool,
        publishes: Option<Bound<'py, PyAny>>,
    ) -> PyResult<On> {
        let py = this.py();
        let types = EventTypes::read(py, event_types.iter())?;
        Ok(On {
            bus: this.clone().unbind(),
            types: types.types.unbind(),
            callables: (when.map(Bound::unbind), on_error.map(Bound::unbind)),
            policy: policy.map(Bound::unbind),
            publishes: publishes.map(Bound::unbind),
            name,
            priority,
            flags: Flags {
                once,
                weak,
                exact,
                background,
            },
        })
    }

    /// End every subscription of a handler to exactly this type.
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
            if types.are_those_of(&entry) {
                collection::end(py, &self.table, &entry);
                found = true;
            } else if types.shared(types.keys[0], &entry).is_some() {
                among_others = entry.handler().types(py);
            }
        }
        if found {
            return Ok(());
        }
        let name = default_name(handler);
        let asked = imports::type_names(&types.types);
        Err(PyLookupError::new_err(match among_others {
            Some(types) if has_patterns(&types) => format!(
                "{name} is subscribed to {asked} together with others, in one subscription: cancel that"
            ),
            Some(classes) => {
                let together = imports::type_names(classes.cast::<PyTuple>()?);
                format!(
                    "{name} is subscribed to {together} in one subscription, not to {asked} alone: unsubscribe({together}, ...), or cancel the subscription"
                )
            }
            None => format!("{name} is not subscribed to {asked}"),
        }))
    }

    /// End every subscription.
    fn clear(&self, py: Python<'_>) {
        collection::clear(py, &self.table);
    }

    /// Subscribe all that a `Handlers` or an object with marked methods declares.
    fn include<'py>(
        this: &Bound<'py, Self>,
        source: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        imports::include(this.py())?.invoke1((this, source))
    }

    /// Say what happens to unheard events of a type and its subclasses.
    fn set_unhandled(&self, event_type: &Bound<'_, PyAny>, policy: &str) -> PyResult<()> {
        let types = EventTypes::classes(event_type, "set_unhandled")?;
        let unhandled = Unhandled::parse(policy)?;
        if types.is_virtual {
            self.use_abcs();
        }
        for class in types.classes {
            self.set_unhandled_of(class.unbind(), unhandled);
        }
        drop(self.table.evict_all());
        Ok(())
    }

    /// List the subscriptions of an event type, in call order.
    fn handlers(&self, event_type: &Bound<'_, PyAny>) -> PyResult<Vec<Subscription>> {
        let py = event_type.py();
        let mut entries = Vec::new();
        if let Ok(topic) = event_type.cast::<PyString>() {
            let plan = topics::plan(self, topics::topic(topic)?);
            let handles = plan.entries().iter();
            return Ok(handles.filter_map(|entry| self.handle(py, entry)).collect());
        }
        for class in EventTypes::one(event_type)?.classes {
            let plan = plan::plan(self, &class)?;
            if !plan.extra().refuses_classes {
                entries.extend_from_slice(plan.entries());
            }
        }
        entries.sort_by_key(|entry| (std::cmp::Reverse(entry.priority()), entry.sequence()));
        entries.dedup_by_key(|entry| entry.sequence());
        Ok(entries
            .iter()
            .filter_map(|entry| self.handle(py, entry))
            .collect())
    }

    /// Say why each subscription does or does not run for an event type.
    fn explain(&self, event_type: &Bound<'_, PyAny>) -> PyResult<String> {
        explain::explain(self, event_type)
    }

    /// Say what is subscribed now, as a graph.
    fn wiring<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut entries = self.table.entries();
        entries.sort_by_key(|entry| entry.sequence());
        let all = entries.iter().filter_map(|entry| self.handle(py, entry));
        imports::load_for_wiring(py)?;
        imports::wiring(py)?.invoke1((all.collect::<Vec<_>>(),))
    }

    /// Wrap each publish in a layer, inside of those that were added before. Returns it.
    fn add_middleware<'py>(&self, layer: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = layer.py();
        imports::load_for_layers(py)?;
        imports::check_layer(py)?.invoke1((&layer, self.is_async))?;
        self.add_layer(&layer)?;
        Ok(layer)
    }

    /// Take a layer away.
    fn remove_middleware(&self, layer: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.remove_layer(layer)? {
            return Ok(());
        }
        Err(PyLookupError::new_err(format!(
            "{} is no middleware of this bus",
            default_name(layer)
        )))
    }

    /// Record each publish and each delivery in a file.
    #[pyo3(signature = (path, *, max_bytes = 16_777_216, keep = 4))]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "PyO3 makes it of what is given"
    )]
    fn trace(
        this: &Bound<'_, Self>,
        path: PathBuf,
        #[pyo3(from_py_with = whole)] max_bytes: i64,
        #[pyo3(from_py_with = whole)] keep: i64,
    ) -> PyResult<Trace> {
        Trace::begin(this, &path, max_bytes, keep)
    }

    /// Keep each publish and each delivery in memory, the newest of them.
    #[pyo3(signature = (*, keep = 10_000))]
    fn tracing(
        this: &Bound<'_, Self>,
        #[pyo3(from_py_with = whole)] keep: i64,
    ) -> PyResult<Tracing> {
        Tracing::begin(this, keep)
    }

    /// What has become of each handler's deliveries.
    fn stats(&self, py: Python<'_>) -> PyResult<Vec<HandlerStats>> {
        stats::of(py, self)
    }

    /// The deliveries that have failed to their end.
    #[getter]
    fn dead_letters(this: Bound<'_, Self>) -> DeadLetters {
        DeadLetters { bus: this.unbind() }
    }

    /// Who watches this bus for tests.
    #[getter(_watcher)]
    fn get_watcher<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.watcher(py)
    }

    #[setter(_watcher)]
    fn put_watcher(&self, watcher: Option<Py<PyAny>>) {
        self.set_watcher(watcher);
    }

    /// How many posted deliveries wait, or are in progress.
    #[getter]
    fn pending(&self) -> usize {
        self.background.state().backlog.pending()
    }

    /// How many posted deliveries were dropped, ever.
    #[getter]
    fn dropped(&self) -> u64 {
        self.background.state().backlog.dropped()
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
        self.end_traces();
        collection::clear(py, &self.table);
        let letters = self.letters().take_all();
        let old = self.take_settings();
        drop((old, letters));
    }
}

/// Whether there is a pattern of topics among the types of a subscription, which no union can have.
fn has_patterns(types: &Bound<'_, PyAny>) -> bool {
    let mut given = types.try_iter().into_iter().flatten().flatten();
    given.any(|one| one.is_instance_of::<PyString>())
}

impl Drop for Bus {
    fn drop(&mut self) {
        // Handles may outlive the bus: let them hold husks. A bus is dropped by the interpreter,
        // on an attached thread.
        Python::try_attach(|py| {
            collection::clear(py, &self.table);
            self.end_traces();
            self.background.enter_phase(py, Phase::Closing);
            self.background.enter_phase(py, Phase::Closed);
        });
    }
}
