//! Who is told of what a bus does.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::cause::Cause;
use super::dispatch::{Dispatch, Verb};
use super::file::TraceFile;
use super::id::Id;
use super::memory::Memory;
use super::names::{EventName, Site};

/// One trace of a bus.
#[derive(Debug, Clone)]
pub enum Sink {
    /// In a file.
    File(Arc<TraceFile>),
    /// In memory.
    Memory(Arc<Memory>),
}

impl Sink {
    /// Whether both are the same trace.
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(one), Self::File(other)) => Arc::ptr_eq(one, other),
            (Self::Memory(one), Self::Memory(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// Ends the trace.
    pub fn close(&self) {
        match self {
            Self::File(file) => file.close(),
            Self::Memory(memory) => memory.close(),
        }
    }

    /// Whether it has ended.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::File(file) => file.is_closed(),
            Self::Memory(memory) => memory.is_closed(),
        }
    }

    fn event(&self, dispatch: &Arc<Dispatch>) {
        match self {
            Self::File(file) => file.event(dispatch),
            Self::Memory(memory) => memory.event(dispatch),
        }
    }
}

/// What is known of a publish when it begins.
#[derive(Debug)]
pub struct Publication {
    /// The event's type.
    pub event: EventName,
    /// The topic that it is published to, if any.
    pub topic: Option<Arc<str>>,
    /// How it was given to the bus.
    pub verb: Verb,
    /// Where it was published, if that is known.
    pub site: Option<Site>,
    /// What it came of, if a handler published it.
    pub cause: Option<Cause>,
}

/// The traces of a bus, all of which are told of the same dispatches.
#[derive(Debug, Clone, Default)]
pub struct Tracers {
    sinks: Arc<[Sink]>,
    files: Arc<[Arc<TraceFile>]>,
}

impl Tracers {
    /// Whether nobody is to be told.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.sinks.is_empty()
    }

    /// All of them.
    pub fn sinks(&self) -> &[Sink] {
        &self.sinks
    }

    /// These, and one more.
    #[must_use]
    pub fn with(&self, sink: Sink) -> Self {
        Self::of(self.sinks.iter().cloned().chain([sink]))
    }

    /// These without one.
    #[must_use]
    pub fn without(&self, sink: &Sink) -> Self {
        let others = self.sinks.iter().filter(|other| !other.is(sink));
        Self::of(others.cloned())
    }

    /// These without the ones in files.
    #[must_use]
    pub fn without_files(&self) -> Self {
        let others = self
            .sinks
            .iter()
            .filter(|sink| matches!(sink, Sink::Memory(_)));
        Self::of(others.cloned())
    }

    /// Ends those in files.
    pub fn close_files(&self) {
        for file in &*self.files {
            file.close();
        }
    }

    fn of(sinks: impl Iterator<Item = Sink>) -> Self {
        let sinks: Arc<[Sink]> = sinks.collect();
        let files = sinks.iter().filter_map(|sink| match sink {
            Sink::File(file) => Some(Arc::clone(file)),
            Sink::Memory(_) => None,
        });
        let files = files.collect();
        Self { sinks, files }
    }

    /// Tells of a publish, which begins now.
    pub fn publish(&self, publication: Publication) -> Arc<Dispatch> {
        let Publication {
            event,
            topic,
            verb,
            site,
            cause,
        } = publication;
        let dispatch = Arc::new(Dispatch {
            id: Id::next(),
            cause,
            event,
            topic,
            verb,
            site,
            at: now(),
            published: Instant::now(),
            files: Arc::clone(&self.files),
            deliveries: std::sync::Mutex::default(),
            keeps: self.files.len() < self.sinks.len(),
        });
        for sink in &*self.sinks {
            sink.event(&dispatch);
        }
        dispatch
    }
}

/// The time, in nanoseconds since 1970.
pub(super) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}
