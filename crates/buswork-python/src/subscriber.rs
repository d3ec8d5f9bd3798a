//! A handler as the table holds it: the Python objects of one subscription, and how they are let
//! go.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use buswork::SkipReason;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::imports;
use crate::policy::OnError;
use crate::routing::TypeKey;
use crate::slot::Slot;

pub(crate) type Entry = buswork::entry::Entry<TypeKey, Subscriber>;
pub(crate) type Table = buswork::table::Table<TypeKey, Subscriber, crate::plan::Decisions>;
pub(crate) type Plan = buswork::table::Plan<TypeKey, Subscriber, crate::plan::Decisions>;

/// One subscription's objects. Each is owned here alone; see [`crate::collection`].
pub(crate) struct Subscriber {
    /// The handler, or with `weak` a weak reference to it.
    callee: Slot,
    /// What the function of ten calls in this handler's place: the handler, or nothing while
    /// it must not be called. Made when the first such function is.
    lane: OnceLock<Slot>,
    when: Option<Slot>,
    pub(crate) on_error: Option<OnError>,
    /// The classes subscribed to, a tuple.
    types: Slot,
    pub(crate) name: String,
    /// Where the handler's code begins, `file:line`.
    pub(crate) location: Option<String>,
    pub(crate) exact: bool,
    pub(crate) weak: bool,
    /// Whether the object of a weak handler has died.
    is_gone: AtomicBool,
    /// Whether it was seen to return something inside of a function of ten.
    returns: AtomicBool,
}

impl Subscriber {
    #[expect(
        clippy::too_many_arguments,
        reason = "one subscription, as the user wrote it"
    )]
    pub(crate) fn new(
        callee: &Bound<'_, PyAny>,
        when: Option<&Bound<'_, PyAny>>,
        on_error: Option<OnError>,
        types: &Bound<'_, PyAny>,
        name: String,
        location: Option<String>,
        exact: bool,
        weak: bool,
    ) -> PyResult<Self> {
        Ok(Self {
            callee: Slot::new(callee)?,
            lane: OnceLock::new(),
            when: when.map(Slot::new).transpose()?,
            on_error,
            types: Slot::new(types)?,
            name,
            location,
            exact,
            weak,
            is_gone: AtomicBool::new(false),
            returns: AtomicBool::new(false),
        })
    }

    /// Whether something has to be asked before a call.
    pub(crate) fn is_guarded(&self) -> bool {
        self.weak || self.when.is_some() || matches!(self.on_error, Some(OnError::Call(_)))
    }

    /// Notes that the object of a weak handler has died.
    pub(crate) fn object_died(&self) {
        self.is_gone.store(true, Ordering::Release);
    }

    /// Notes that the handler returned something.
    pub(crate) fn note_result(&self) {
        self.returns.store(true, Ordering::Relaxed);
    }

    /// Whether the handler was seen to return something.
    pub(crate) fn returns(&self) -> bool {
        self.returns.load(Ordering::Relaxed)
    }

    /// Why an ended subscription is not called: told apart from a cancel, if its object died.
    pub(crate) fn reason(&self, reason: SkipReason) -> SkipReason {
        if self.is_gone.load(Ordering::Acquire) {
            SkipReason::Gone
        } else {
            reason
        }
    }

    /// The handler; `None` when the subscription has ended or its object is gone.
    #[inline]
    pub(crate) fn handler<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let callee = self.callee.get(py)?;
        if self.weak {
            return callee.call0().ok().filter(|handler| !handler.is_none());
        }
        Some(callee)
    }

    /// The handler of a subscription that is not weak.
    #[inline]
    pub(crate) fn plain<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.callee.get(py)
    }

    pub(crate) fn when<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.when.as_ref().and_then(|when| when.get(py))
    }

    /// The classes subscribed to; `None` when the subscription has ended.
    pub(crate) fn types<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.types.get(py)
    }

    /// The cell that the function of ten reads.
    pub(crate) fn lane(&self, py: Python<'_>) -> PyResult<&Slot> {
        if let Some(lane) = self.lane.get() {
            return Ok(lane);
        }
        let made = Slot::new(imports::nothing(py)?)?;
        Ok(self.lane.get_or_init(|| made))
    }

    /// Brings the lane up to date after a change of the subscription's state.
    pub(crate) fn follow(&self, py: Python<'_>, is_active: bool) -> PyResult<()> {
        let Some(lane) = self.lane.get() else {
            return Ok(());
        };
        match self.callee.get(py) {
            Some(handler) if is_active => lane.set(&handler),
            _ => lane.set(imports::nothing(py)?),
        }
        Ok(())
    }

    /// Lets every object go, so that no stale plan and no handle keeps one alive. Destructors may
    /// run here: hold no lock.
    pub(crate) fn empty(&self, py: Python<'_>) {
        if let (Some(lane), Ok(nothing)) = (self.lane.get(), imports::nothing(py)) {
            lane.set(nothing);
        }
        self.callee.empty(py);
        self.types.empty(py);
        if let Some(when) = &self.when {
            when.empty(py);
        }
        if let Some(on_error) = &self.on_error {
            on_error.empty(py);
        }
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.callee.visit(visit)?;
        self.types.visit(visit)?;
        if let Some(lane) = self.lane.get() {
            lane.visit(visit)?;
        }
        if let Some(when) = &self.when {
            when.visit(visit)?;
        }
        if let Some(on_error) = &self.on_error {
            on_error.visit(visit)?;
        }
        Ok(())
    }
}
