//! Tracing a bus for Rust: how it begins and ends.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Weak};

use super::dispatch::Dispatch;
use super::file::{Limits, TraceFile};
use super::id::Id;
use super::memory::Memory;
use super::tracers::Sink;
use super::tree::tree;
use crate::async_bus::AsyncEventBus;
use crate::bus::EventBus;
use crate::inner::Inner;

macro_rules! traced {
    ($bus:ident) => {
        impl $bus {
            /// Records each publish and each delivery in a file, until the handle is dropped or
            /// [closed](Trace::close), or the bus is.
            ///
            /// A record has ids that say what came of what, the publish site, the handler, how long
            /// it waited and ran, and how that ended; never the event itself, nor the text of an
            /// error. [`Limits`] bound the files; their form is told in the guide, `docs/tracing.md`.
            /// A file that is there already is kept, as a full one is. A disk that fails is told of in
            /// the log, once, and ends the trace; no publish is disturbed. While nobody traces, none
            /// of this costs anything.
            ///
            /// # Errors
            /// When the file cannot be opened.
            pub fn trace(&self, path: impl AsRef<Path>) -> io::Result<Trace> {
                self.trace_within(path, Limits::default())
            }

            /// [`trace`](Self::trace), with other limits.
            ///
            /// # Errors
            /// When the file cannot be opened.
            pub fn trace_within(
                &self,
                path: impl AsRef<Path>,
                limits: Limits,
            ) -> io::Result<Trace> {
                let file = TraceFile::open(path.as_ref(), limits, |told| log::error!("{told}"))?;
                let file = Arc::new(file);
                let tie = Tie::new(&self.inner, Sink::File(Arc::clone(&file)));
                Ok(Trace { file, tie })
            }

            /// Keeps each dispatch in memory, the newest 10,000, until the handle is dropped.
            pub fn tracing(&self) -> Tracing {
                self.tracing_within(Memory::KEPT)
            }

            /// [`tracing`](Self::tracing), with room for so many dispatches.
            pub fn tracing_within(&self, keep: usize) -> Tracing {
                let memory = Arc::new(Memory::new(keep));
                let tie = Tie::new(&self.inner, Sink::Memory(Arc::clone(&memory)));
                Tracing { memory, tie }
            }
        }
    };
}

traced!(EventBus);
traced!(AsyncEventBus);

/// A trace's place on its bus, until it is dropped.
struct Tie {
    bus: Weak<Inner>,
    sink: Sink,
}

impl Tie {
    fn new(bus: &Arc<Inner>, sink: Sink) -> Self {
        bus.trace(|tracers| tracers.with(sink.clone()));
        Self {
            bus: Arc::downgrade(bus),
            sink,
        }
    }
}

impl Drop for Tie {
    fn drop(&mut self) {
        if let Some(bus) = self.bus.upgrade() {
            bus.trace(|tracers| tracers.without(&self.sink));
        }
        self.sink.close();
    }
}

/// A trace in a file. Dropping it ends the trace. From [`EventBus::trace`].
#[must_use = "dropping it ends the trace"]
pub struct Trace {
    file: Arc<TraceFile>,
    tie: Tie,
}

impl Trace {
    /// The path of the file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Writes to the file what has been recorded by now.
    pub fn flush(&self) {
        self.file.flush();
    }

    /// Whether the trace has ended: the bus was closed, or the file could not be written to.
    pub fn is_closed(&self) -> bool {
        self.file.is_closed()
    }

    /// Ends the trace.
    pub fn close(self) {
        drop(self.tie);
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Trace({})", self.path().display())
    }
}

/// A trace in memory. Dropping it ends the trace. From [`EventBus::tracing`].
#[must_use = "dropping it ends the trace"]
pub struct Tracing {
    memory: Arc<Memory>,
    #[expect(dead_code, reason = "for its drop")]
    tie: Tie,
}

impl Tracing {
    /// What is kept, oldest first.
    pub fn dispatches(&self) -> Vec<Arc<Dispatch>> {
        self.memory.dispatches()
    }

    /// How many dispatches were dropped for want of room.
    pub fn dropped(&self) -> u64 {
        self.memory.dropped()
    }

    /// All that is kept, as a tree: see [`tree`].
    pub fn tree(&self) -> String {
        tree(&self.dispatches(), None)
    }

    /// One dispatch, and what came of it.
    pub fn tree_of(&self, root: Id) -> String {
        tree(&self.dispatches(), Some(root))
    }

    /// Writes what is kept to a new file, readable for its owner only, in the form of a trace.
    ///
    /// # Errors
    /// When it is there already, or cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.memory.save(path.as_ref())
    }
}

impl fmt::Debug for Tracing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Tracing({} dispatches)", self.memory.len())
    }
}

impl Memory {
    /// Writes what is kept to a new file, readable for its owner only.
    ///
    /// # Errors
    /// When it is there already, or cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)?.write_all(&self.write())
    }
}
