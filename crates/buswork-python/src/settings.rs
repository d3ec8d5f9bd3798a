//! What was said of a bus besides its subscriptions, and can be said anew at any time. Each change
//! evicts the plans that were compiled under the old one.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

use buswork::trace::Tracers;
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyTuple, PyType};

use crate::bus::Bus;
use crate::on_error::OnError;
use crate::policy::Policy;
use crate::registration::is_same;
use crate::routing;
use crate::tracing::Tracing;
use crate::unhandled::Unhandled;

/// What `__init__`, `set_unhandled`, `add_middleware` and tests say.
#[derive(Default)]
pub(crate) struct Settings {
    defaults: Defaults,
    unhandled_by_type: Vec<(Py<PyType>, Unhandled)>,
    /// The cache token under which the subscribed ABCs were looked at last.
    looked_at: Option<Py<PyAny>>,
    /// The middleware, outermost first.
    layers: Option<Py<PyTuple>>,
    watcher: Option<Py<PyAny>>,
    tracing: Tracing,
}

/// What `__init__` says of all handlers and events.
pub(crate) struct Defaults {
    pub(crate) on_error: Arc<OnError>,
    pub(crate) unhandled: Unhandled,
    pub(crate) policy: Option<Py<Policy>>,
    pub(crate) stats: StatsKept,
}

/// Which figures are kept of handlers without a policy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatsKept {
    None,
    Counts,
    /// And how long calls take.
    Latency,
}

impl StatsKept {
    pub(crate) fn parse(given: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(is_kept) = given.cast::<PyBool>() {
            return Ok(if is_kept.is_true() {
                Self::Counts
            } else {
                Self::None
            });
        }
        match given.extract::<String>().as_deref() {
            Ok("latency") => Ok(Self::Latency),
            _ => Err(PyValueError::new_err(format!(
                "stats must be True, False or \"latency\", got {given}"
            ))),
        }
    }
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            on_error: Arc::new(OnError::Raise),
            unhandled: Unhandled::Ignore,
            policy: None,
            stats: StatsKept::None,
        }
    }
}

/// What stands around a publish.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings {
    pub(crate) has_layers: bool,
    /// Whether a test watches.
    pub(crate) is_watched: bool,
}

impl Surroundings {
    pub(crate) fn are_there(self) -> bool {
        self.has_layers || self.is_watched
    }
}

impl Bus {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn on_error(&self) -> Arc<OnError> {
        Arc::clone(&self.settings().defaults.on_error)
    }

    /// The policy of handlers that have none of their own.
    pub(crate) fn policy<'py>(&self, py: Python<'py>) -> Option<Bound<'py, Policy>> {
        let settings = self.settings();
        let policy = settings.defaults.policy.as_ref()?;
        Some(policy.bind(py).clone())
    }

    /// Which figures are kept of handlers without a policy.
    pub(crate) fn stats_kept(&self) -> StatsKept {
        self.settings().defaults.stats
    }

    /// Sets what `__init__` says, and returns what was before.
    #[must_use]
    pub(crate) fn set_defaults(&self, defaults: Defaults) -> Defaults {
        std::mem::replace(&mut self.settings().defaults, defaults)
    }

    pub(crate) fn set_unhandled_of(&self, class: Py<PyType>, unhandled: Unhandled) {
        let mut settings = self.settings();
        let by_type = &mut settings.unhandled_by_type;
        match by_type.iter_mut().find(|(known, _)| known.is(&class)) {
            Some((_, known)) => *known = unhandled,
            None => by_type.push((class, unhandled)),
        }
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
            (settings.defaults.unhandled, by_type)
        };
        for ancestor in class.mro() {
            if let Some((_, unhandled)) = by_type.iter().find(|(class, _)| class.is(&ancestor)) {
                return Ok(*unhandled);
            }
        }
        let mut nearest: Option<&(Py<PyType>, Unhandled)> = None;
        for said in &by_type {
            if !class.is_subclass(said.0.bind(py))? {
                continue;
            }
            let is_nearer = match nearest {
                None => true,
                Some((other, _)) => said.0.bind(py).is_subclass(other.bind(py))?,
            };
            if is_nearer {
                nearest = Some(said);
            }
        }
        Ok(nearest.map_or(general, |(_, unhandled)| *unhandled))
    }

    /// What happens to unheard events of topics: what is said of all events.
    pub(crate) fn unhandled_topics(&self) -> Unhandled {
        self.settings().defaults.unhandled
    }

    /// The cache token that a plan has to keep; `None` on a bus that has nothing to do with ABCs.
    /// Looks at the subscribed ABCs anew when it is another than before. Runs foreign code.
    pub(crate) fn token(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        if !self.uses_abcs.load(Ordering::Acquire) {
            return Ok(None);
        }
        let token = routing::cache_token(py)?;
        let looked_at = {
            let settings = self.settings();
            settings.looked_at.as_ref().map(|token| token.clone_ref(py))
        };
        if !looked_at.is_some_and(|known| known.bind(py).eq(&token).unwrap_or(false)) {
            routing::look_again(py, self.table())?;
            let old = self.settings().looked_at.replace(token.clone().unbind());
            drop(old);
        }
        Ok(Some(token.unbind()))
    }

    /// The middleware, outermost first.
    pub(crate) fn layers<'py>(&self, py: Python<'py>) -> Bound<'py, PyTuple> {
        let layers = {
            let settings = self.settings();
            settings.layers.as_ref().map(|layers| layers.clone_ref(py))
        };
        layers.map_or_else(|| PyTuple::empty(py), |layers| layers.into_bound(py))
    }

    pub(crate) fn add_layer(&self, layer: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = layer.py();
        let layers = self.layers(py);
        let layers: Vec<_> = layers.iter().chain([layer.clone()]).collect();
        self.set_layers(PyTuple::new(py, layers)?);
        Ok(())
    }

    /// Takes the layer away that was added last, of those that are the same. Says whether there
    /// was one.
    pub(crate) fn remove_layer(&self, layer: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = layer.py();
        let mut layers: Vec<_> = self.layers(py).iter().collect();
        for place in (0..layers.len()).rev() {
            if is_same(&layers[place], layer)? {
                layers.remove(place);
                self.set_layers(PyTuple::new(py, layers)?);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn set_layers(&self, layers: Bound<'_, PyTuple>) {
        let layers = (!layers.is_empty()).then(|| layers.unbind());
        let old = std::mem::replace(&mut self.settings().layers, layers);
        drop(self.table().evict_all());
        drop(old);
    }

    pub(crate) fn watcher<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let settings = self.settings();
        Some(settings.watcher.as_ref()?.bind(py).clone())
    }

    pub(crate) fn set_watcher(&self, watcher: Option<Py<PyAny>>) {
        let old = std::mem::replace(&mut self.settings().watcher, watcher);
        drop(self.table().evict_all());
        drop(old);
    }

    pub(crate) fn traces(&self) -> Tracing {
        self.settings().tracing.clone()
    }

    pub(crate) fn change_traces(&self, change: impl FnOnce(&Tracers) -> Tracers) {
        let old = {
            let mut settings = self.settings();
            let changed = settings.tracing.changed(change);
            std::mem::replace(&mut settings.tracing, changed)
        };
        drop(self.table().evict_all());
        drop(old);
    }

    pub(crate) fn surroundings(&self) -> Surroundings {
        let settings = self.settings();
        Surroundings {
            has_layers: settings.layers.is_some(),
            is_watched: settings.watcher.is_some(),
        }
    }

    pub(crate) fn settings_visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(settings) = self.settings.try_lock() else {
            return Ok(());
        };
        settings.defaults.on_error.visit(visit)?;
        visit.call(&settings.defaults.policy)?;
        for (class, _) in &settings.unhandled_by_type {
            visit.call(class)?;
        }
        visit.call(&settings.layers)?;
        visit.call(&settings.watcher)
    }

    /// Lets all of it go, to be dropped without a lock.
    #[must_use]
    pub(crate) fn take_settings(&self) -> Settings {
        std::mem::take(&mut *self.settings())
    }
}
