//! The causal chain of the async bus. It follows the context, as tasks and threads are none of its
//! lines: a handler's task has a copy of its publisher's context, and so a link to its publish.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use buswork::chain::{cycle, too_deep};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyType, PyWeakrefMethods, PyWeakrefReference};

use crate::bus::Bus;
use crate::context;
use crate::gate::Gate;
use crate::imports;
use crate::publish::recursion_error;
use crate::routing::TypeKey;

/// From this depth on, publishes of a chain are counted by their depth.
const COUNTED_FROM: u32 = 4;
/// How many publishes of one chain, in a cycle, may be in progress at one depth.
const CROWD: u32 = 4_096;

/// What the publishes of one chain share.
#[derive(Default)]
struct Chain {
    /// How many are in progress, by their depth.
    ///
    /// Handlers that wait before they publish run side by side, so a cycle with a fan-out of two
    /// would have 2^100 publishes in progress before any were 100 deep.
    counts: Mutex<Vec<u32>>,
    /// The message of a publish that was refused. It dooms all of them: the outermost will raise
    /// it, and cancel what is left.
    refusal: OnceLock<String>,
    /// Weak references to what its publishes wait for, to be woken by a refusal.
    gates: Mutex<Gates>,
}

/// Weak references, and how many there may be before they are looked through for dead ones.
struct Gates {
    references: Vec<Py<PyWeakrefReference>>,
    limit: usize,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            references: Vec::new(),
            limit: 64,
        }
    }
}

impl Chain {
    /// Counts one more publish, or one less, and says how many of its depth there are then.
    fn count(&self, depth: u32, more: bool) -> u32 {
        let Some(place) = depth.checked_sub(COUNTED_FROM) else {
            return 0;
        };
        let mut counts = lock(&self.counts);
        let place = place as usize;
        if counts.len() <= place {
            counts.resize(place + 1, 0);
        }
        let count = &mut counts[place];
        *count = if more {
            *count + 1
        } else {
            count.saturating_sub(1)
        };
        *count
    }

    /// Dooms every publish, and wakes those that wait.
    #[cold]
    fn refuse(&self, py: Python<'_>, message: String) {
        if self.refusal.set(message).is_err() {
            return;
        }
        let gates = std::mem::take(&mut *lock(&self.gates));
        for gate in gates.references {
            let Some(gate) = gate.bind(py).upgrade() else {
                continue;
            };
            if let Ok(gate) = gate.cast_into::<Gate>()
                && let Err(error) = Gate::wake(&gate)
            {
                error.write_unraisable(py, Some(gate.as_any()));
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A publish, and the one that it is nested in.
///
/// A publish that has ended is no link any more: what a handler left behind in the background goes on
/// in a chain of its own.
#[pyclass(frozen, module = "buswork._buswork")]
pub(crate) struct Link {
    outer: Mutex<Option<Py<Link>>>,
    bus: usize,
    depth: u32,
    class: Py<PyType>,
    /// What it was published to, if that is a topic.
    topic: Option<Arc<str>>,
    chain: Arc<Chain>,
    has_ended: AtomicBool,
}

/// A publish whose link is in the current context, until this is dropped. Its publish ends then too,
/// unless somebody else has taken that over.
pub(crate) struct Entered<'py> {
    link: Bound<'py, Link>,
    goes_on: bool,
    _set: context::Set<'py>,
}

impl<'py> Entered<'py> {
    pub(crate) fn link(&self) -> &Bound<'py, Link> {
        &self.link
    }

    /// Leaves it to the round to end the publish.
    pub(crate) fn go_on(&mut self) {
        self.goes_on = true;
    }

    pub(crate) fn is_nested(&self) -> bool {
        lock(&self.link.get().outer).is_some()
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if !self.goes_on {
            self.link.get().end();
        }
    }
}

impl Link {
    /// Puts a publish on `bus` into the current context.
    pub(crate) fn enter<'py>(
        py: Python<'py>,
        bus: &Bus,
        class: &Bound<'py, PyType>,
        topic: Option<&str>,
    ) -> PyResult<Entered<'py>> {
        let link = Self::begin(py, bus, class, topic)?;
        let set = context::set(imports::chain(py)?, link.as_any())?;
        Ok(Entered {
            link,
            goes_on: false,
            _set: set,
        })
    }

    /// Makes the link of a publish on `bus`, to be ended by whoever asked for it.
    pub(crate) fn begin<'py>(
        py: Python<'py>,
        bus: &Bus,
        class: &Bound<'py, PyType>,
        topic: Option<&str>,
    ) -> PyResult<Bound<'py, Self>> {
        let outer = Self::in_progress(py)?;
        if let Some(outer) = &outer {
            outer.get().verdict(py)?;
        }
        let depth = 1 + Self::depth(py, outer.as_ref(), bus.number());
        if depth > bus.max_depth() {
            return Err(Self::refuse(py, outer.as_ref(), class, topic, |cycle| {
                too_deep(bus.max_depth(), cycle)
            }));
        }
        let chain = match &outer {
            None => Arc::default(),
            Some(outer) => Arc::clone(&outer.get().chain),
        };
        if chain.count(depth, true) > CROWD && Self::goes_round(py, outer.as_ref(), class, topic) {
            chain.count(depth, false);
            return Err(Self::refuse(py, outer.as_ref(), class, topic, |cycle| {
                let cycle: Vec<String> = cycle.collect();
                format!(
                    "{CROWD} publishes of one chain are in progress, {depth} deep: {}; break the cycle",
                    cycle.join(" -> ")
                )
            }));
        }
        let link = Self {
            outer: Mutex::new(outer.map(Bound::unbind)),
            bus: bus.number(),
            depth,
            class: class.clone().unbind(),
            topic: topic.map(Arc::from),
            chain,
            has_ended: AtomicBool::new(false),
        };
        Bound::new(py, link)
    }

    /// Whether a publish on the bus numbered `bus` is in progress, in the current context.
    pub(crate) fn is_inside(py: Python<'_>, bus: usize) -> PyResult<bool> {
        let innermost = Self::in_progress(py)?;
        Ok(Self::depth(py, innermost.as_ref(), bus) > 0)
    }

    /// The innermost publish that is in progress, in the current context.
    fn in_progress(py: Python<'_>) -> PyResult<Option<Bound<'_, Self>>> {
        let link =
            context::get(imports::chain(py)?)?.and_then(|link| link.cast_into::<Self>().ok());
        Ok(match link {
            Some(ended) if ended.get().has_ended() => ended.get().outer(py),
            link => link,
        })
    }

    /// How many publishes on `bus` are in progress.
    fn depth(py: Python<'_>, innermost: Option<&Bound<'_, Self>>, bus: usize) -> u32 {
        let mut depth = 0;
        let mut link = innermost.cloned();
        while let Some(one) = link {
            depth += u32::from(one.get().bus == bus);
            link = one.get().outer(py);
        }
        depth
    }

    /// Whether a publish of the same class is in progress further out.
    #[cold]
    fn goes_round(
        py: Python<'_>,
        innermost: Option<&Bound<'_, Self>>,
        class: &Bound<'_, PyType>,
        topic: Option<&str>,
    ) -> bool {
        let mut link = innermost.cloned();
        while let Some(one) = link {
            if one.get().class.is(class) && one.get().topic.as_deref() == topic {
                return true;
            }
            link = one.get().outer(py);
        }
        false
    }

    #[cold]
    fn refuse(
        py: Python<'_>,
        innermost: Option<&Bound<'_, Self>>,
        class: &Bound<'_, PyType>,
        topic: Option<&str>,
        message: impl FnOnce(&mut dyn Iterator<Item = String>) -> String,
    ) -> PyErr {
        let mut links = Vec::new();
        let mut link = innermost.cloned();
        while let Some(one) = link {
            link = one.get().outer(py);
            links.push(one);
        }
        let path: Vec<(TypeKey, Option<&str>)> = links
            .iter()
            .rev()
            .map(|link| {
                let link = link.get();
                (TypeKey::of(link.class.bind(py)), link.topic.as_deref())
            })
            .chain([(TypeKey::of(class), topic)])
            .collect();
        let cycle = cycle(&path);
        let message = message(&mut cycle.iter().map(|(key, topic)| match topic {
            None => key.name_in_progress(py),
            Some(topic) => format!("{} on {topic}", key.name_in_progress(py)),
        }));
        if let Some(link) = innermost {
            link.get().chain.refuse(py, message.clone());
        }
        recursion_error(py, &message)
    }

    fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// The next publish further out that is in progress. Those in between are let go, or a chain
    /// of which each hands on to the next would grow for ever.
    fn outer<'py>(&self, py: Python<'py>) -> Option<Bound<'py, Self>> {
        loop {
            let outer = {
                let outer = lock(&self.outer);
                outer.as_ref()?.bind(py).clone()
            };
            if !outer.get().has_ended() {
                return Some(outer);
            }
            let further = outer.get().outer(py).map(Bound::unbind);
            let ended = std::mem::replace(&mut *lock(&self.outer), further);
            drop(ended);
        }
    }
}

#[pymethods]
impl Link {
    /// Notes that the publish has ended.
    pub(crate) fn end(&self) {
        if !self.has_ended.swap(true, Ordering::AcqRel) {
            self.chain.count(self.depth, false);
        }
    }

    /// Raises, when a publish of the chain went too deep, whoever swallowed the error.
    pub(crate) fn verdict(&self, py: Python<'_>) -> PyResult<()> {
        match self.chain.refusal.get() {
            None => Ok(()),
            Some(message) => Err(recursion_error(py, message)),
        }
    }

    /// Has `gate` woken, should a publish of the chain go too deep while it is awaited.
    fn wake(&self, gate: &Bound<'_, Gate>) -> PyResult<()> {
        let py = gate.py();
        let gate = PyWeakrefReference::new(gate)?.unbind();
        let full = {
            let mut gates = lock(&self.chain.gates);
            gates.references.push(gate);
            if gates.references.len() < gates.limit {
                return Ok(());
            }
            std::mem::take(&mut gates.references)
        };
        // Without the lock: looking at one may be what keeps it last.
        let (mut live, dead): (Vec<_>, Vec<_>) = full
            .into_iter()
            .partition(|gate| gate.bind(py).upgrade().is_some());
        let mut gates = lock(&self.chain.gates);
        gates.limit = 64.max(2 * live.len());
        gates.references.append(&mut live);
        drop(gates);
        drop(dead);
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(outer) = self.outer.try_lock() {
            visit.call(&*outer)?;
        }
        visit.call(&self.class)
    }
}
