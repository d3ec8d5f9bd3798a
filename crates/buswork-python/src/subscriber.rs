//! A handler as the table holds it: the Python objects of one subscription, and how they are let
//! go.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use buswork::SkipReason;
use buswork::topic::Pattern;
use buswork::trace::HandlerName;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyWeakref, PyWeakrefMethods};

use crate::calling;
use crate::imports;
use crate::on::Flags;
use crate::on_error::OnError;
use crate::policed::Policed;
use crate::routing::TypeKey;
use crate::slot::Slot;

pub(crate) type Entry = buswork::entry::Entry<TypeKey, Subscriber>;
pub(crate) type Table = buswork::table::Table<TypeKey, Subscriber, crate::plan::Decisions>;
pub(crate) type Plan = buswork::table::Plan<TypeKey, Subscriber, crate::plan::Decisions>;

/// One subscription's objects. Each is owned here alone; see [`crate::collection`].
pub(crate) struct Subscriber {
    /// The handler, or with `weak` a weak reference to it or to its object.
    callee: Slot,
    /// The function of a weak bound method.
    function: Option<Slot>,
    /// What the function of ten calls in this handler's place: the handler, or nothing while
    /// it must not be called. Made when the first such function is.
    lane: OnceLock<Slot>,
    when: Option<Slot>,
    pub(crate) on_error: Option<OnError>,
    /// The classes and patterns subscribed to, a tuple.
    types: Slot,
    pub(crate) patterns: Box<[Pattern]>,
    pub(crate) name: String,
    /// Where the handler's code begins, `file:line`.
    pub(crate) location: Option<String>,
    pub(crate) exact: bool,
    pub(crate) weak: bool,
    /// Called in the background only, also by a publish.
    pub(crate) background: bool,
    /// Whether its types are looked at again when somebody registers with an ABC: one of them is
    /// an ABC, and none had virtual subclasses yet.
    is_closed: AtomicBool,
    /// Whether the object of a weak handler has died.
    is_gone: AtomicBool,
    /// Whether it was seen to return something inside of a function of ten.
    returns: AtomicBool,
    /// What it is called in a trace, if there ever was one.
    pub(crate) traced: OnceLock<HandlerName>,
    /// Its policy, or figures alone.
    pub(crate) policed: Option<Box<Policed>>,
    /// What its handler declares to publish, a tuple.
    publishes: Option<Slot>,
}

impl Subscriber {
    #[expect(
        clippy::too_many_arguments,
        reason = "one subscription, as the user wrote it"
    )]
    pub(crate) fn new(
        callee: &Bound<'_, PyAny>,
        function: Option<&Bound<'_, PyAny>>,
        when: Option<&Bound<'_, PyAny>>,
        on_error: Option<OnError>,
        types: &Bound<'_, PyAny>,
        patterns: Box<[Pattern]>,
        name: String,
        location: Option<String>,
        flags: Flags,
        is_closed: bool,
        policed: Option<Policed>,
        publishes: Option<&Bound<'_, PyTuple>>,
    ) -> PyResult<Self> {
        Ok(Self {
            callee: Slot::new(callee)?,
            function: function.map(Slot::new).transpose()?,
            lane: OnceLock::new(),
            when: when.map(Slot::new).transpose()?,
            on_error,
            types: Slot::new(types)?,
            patterns,
            name,
            location,
            exact: flags.exact,
            weak: flags.weak,
            background: flags.background,
            is_closed: AtomicBool::new(is_closed),
            is_gone: AtomicBool::new(false),
            returns: AtomicBool::new(false),
            traced: OnceLock::new(),
            policed: policed.map(Box::new),
            publishes: publishes
                .map(|types| Slot::new(types.as_any()))
                .transpose()?,
        })
    }

    /// Whether something has to be asked before a call.
    pub(crate) fn is_guarded(&self) -> bool {
        let policed = self.policed.as_ref();
        let is_regulated = policed.is_some_and(|policed| policed.is_asked());
        let calls_on_error = matches!(self.on_error, Some(OnError::Call(_)));
        self.weak || self.background || self.when.is_some() || calls_on_error || is_regulated
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Notes that one of its types may have virtual subclasses now.
    pub(crate) fn open(&self) {
        self.is_closed.store(false, Ordering::Relaxed);
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
        if !self.weak {
            return Some(callee);
        }
        let referent = callee.cast::<PyWeakref>().ok()?.upgrade()?;
        match &self.function {
            None => Some(referent),
            Some(function) => calling::bound_method(&function.get(py)?, &referent).ok(),
        }
    }

    /// The handler of a subscription that is not weak.
    #[inline]
    pub(crate) fn plain<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.callee.get(py)
    }

    pub(crate) fn when<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.when.as_ref().and_then(|when| when.get(py))
    }

    /// What its handler declares to publish; `None` when it declares nothing, or has ended.
    pub(crate) fn publishes<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.publishes.as_ref()?.get(py)
    }

    /// The classes and patterns subscribed to; `None` when the subscription has ended.
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

    /// Lets every object go, so that no stale plan and no handle keeps one alive. Destructors may
    /// run here: hold no lock.
    pub(crate) fn empty(&self, py: Python<'_>) {
        if let (Some(lane), Ok(nothing)) = (self.lane.get(), imports::nothing(py)) {
            lane.set(nothing);
        }
        self.callee.empty(py);
        if let Some(function) = &self.function {
            function.empty(py);
        }
        self.types.empty(py);
        if let Some(when) = &self.when {
            when.empty(py);
        }
        if let Some(on_error) = &self.on_error {
            on_error.empty(py);
        }
        if let Some(policed) = &self.policed {
            policed.empty(py);
        }
        if let Some(publishes) = &self.publishes {
            publishes.empty(py);
        }
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.callee.visit(visit)?;
        if let Some(function) = &self.function {
            function.visit(visit)?;
        }
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
        if let Some(publishes) = &self.publishes {
            publishes.visit(visit)?;
        }
        match &self.policed {
            Some(policed) => policed.visit(visit),
            None => Ok(()),
        }
    }
}

/// Brings the lane of an entry up to date after a change of its state. Two threads may change it at
/// once, so the state is looked at again when the lane is written.
pub(crate) fn follow(py: Python<'_>, entry: &Entry) -> PyResult<()> {
    let subscriber = entry.handler();
    let Some(lane) = subscriber.lane.get() else {
        return Ok(());
    };
    loop {
        let was_active = entry.is_active();
        match subscriber.callee.get(py) {
            Some(handler) if was_active => lane.set(&handler),
            _ => lane.set(imports::nothing(py)?),
        }
        if entry.is_active() == was_active {
            return Ok(());
        }
    }
}
