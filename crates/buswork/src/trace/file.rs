//! A trace that is written to a file: bounded, rotated, and never in the way of a publish.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::dispatch::{Delivery, Dispatch};
use super::edges::Edges;
use super::id::{Id, generation};
use super::lines;
use super::rotation;
use super::tracers::now;

/// So many bytes are written at a time,
const BUFFER: usize = 1 << 16;
/// or, where less comes, at the first record after so long.
const EVERY: Duration = Duration::from_secs(1);

/// How long the files of a trace may become, and how many are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many bytes of records a file takes. Its header and its summary of the edges come on top.
    pub max_bytes: u64,
    /// How many full files are kept, beside the one that is being written.
    pub keep: u32,
}

impl Default for Limits {
    /// 16 MiB a file, and four full ones.
    fn default() -> Self {
        Self {
            max_bytes: 16 << 20,
            keep: 4,
        }
    }
}

/// What is told of a disk that fails.
type Tell = Box<dyn Fn(&str) + Send + Sync>;

/// The file of one trace.
pub struct TraceFile {
    path: PathBuf,
    limits: Limits,
    id: Id,
    generation: u64,
    state: Mutex<State>,
    tell: Tell,
}

struct State {
    /// None when the trace has ended.
    output: Option<Output>,
    edges: Edges,
}

struct Output {
    file: File,
    buffer: Vec<u8>,
    /// Bytes of records in this file, those in the buffer among them, and of summaries behind them.
    records: u64,
    /// Whether there are records behind the last summary.
    is_news: bool,
    flushed: Instant,
    /// A forked child has the same file open, and must not write to it.
    process: u32,
}

impl TraceFile {
    /// Opens a file for a trace, readable for its owner only. A file that is there already is kept as
    /// if it were a full one of this trace.
    ///
    /// `tell` is told, once and with nothing locked, when the file cannot be written to. The trace has
    /// ended then.
    ///
    /// # Errors
    /// When it cannot be opened, or something is there that is no ordinary file: a pipe would have each
    /// publish wait for its reader.
    pub fn open(
        path: impl Into<PathBuf>,
        limits: Limits,
        tell: impl Fn(&str) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let path = path.into();
        let id = Id::next();
        let file = rotation::open(&path, limits.keep)?;
        let edges = Edges::default();
        let output = Output::new(file, id, &edges);
        Ok(Self {
            path,
            limits,
            id,
            generation: generation(),
            state: Mutex::new(State {
                output: Some(output),
                edges,
            }),
            tell: Box::new(tell),
        })
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it takes no more records: it was closed, could not be written to, or belongs to the
    /// process that has forked this one.
    pub fn is_closed(&self) -> bool {
        !self.is_live() || self.state().output.is_none()
    }

    /// Writes what is in the buffer. The trace goes on.
    ///
    /// It may be called as often as one likes: nothing is added that is not recorded anyway.
    pub fn flush(&self) {
        self.change(|output, _, _| output.flush(Instant::now()));
    }

    /// Writes what is in the buffer, and a summary of the edges, for a program that is about to end. The
    /// trace goes on.
    pub fn finish(&self) {
        self.change(|output, edges, _| output.finish(edges));
    }

    /// Ends the trace, with a summary of the edges.
    pub fn close(&self) {
        self.finish();
        if self.is_live() {
            let output = self.state().output.take();
            drop(output);
        }
    }

    pub(super) fn event(&self, dispatch: &Dispatch) {
        self.record(dispatch.published, |edges, out| {
            edges.event(dispatch);
            lines::event(out, dispatch);
        });
    }

    pub(super) fn delivery(&self, dispatch: &Dispatch, delivery: &Delivery, now: Instant) {
        self.record(now, |edges, out| {
            edges.delivery(dispatch, delivery);
            lines::delivery(out, dispatch, delivery);
        });
    }

    fn record(&self, now: Instant, write: impl FnOnce(&mut Edges, &mut Vec<u8>)) {
        self.change(|output, edges, this| {
            let before = output.buffer.len();
            write(edges, &mut output.buffer);
            output.records += (output.buffer.len() - before) as u64;
            output.is_news = true;
            if output.records > this.limits.max_bytes {
                return output.rotate(this, edges);
            }
            let is_due = now.saturating_duration_since(output.flushed) >= EVERY;
            if output.buffer.len() >= BUFFER || is_due {
                output.flush(now)?;
            }
            Ok(())
        });
    }

    /// Changes what is being written, unless the trace has ended. It ends when that fails.
    fn change(&self, change: impl FnOnce(&mut Output, &mut Edges, &Self) -> io::Result<()>) {
        if !self.is_live() {
            return;
        }
        let mut state = self.state();
        let State { output, edges } = &mut *state;
        let Some(open) = output else { return };
        let Err(error) = change(open, edges, self) else {
            return;
        };
        let failed = output.take();
        drop(state);
        drop(failed);
        (self.tell)(&format!(
            "the trace {} has ended, as it cannot be written: {error}",
            self.path.display()
        ));
    }

    fn is_live(&self) -> bool {
        self.generation == generation()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TraceFile {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for TraceFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TraceFile({})", self.path.display())
    }
}

impl Output {
    /// A file begins with a header, and with the edges of those before it.
    fn new(file: File, trace: Id, edges: &Edges) -> Self {
        let mut buffer = Vec::with_capacity(BUFFER + BUFFER / 4);
        lines::header(&mut buffer, trace.as_u128(), now());
        edges.write(&mut buffer);
        Self {
            file,
            buffer,
            records: 0,
            is_news: false,
            flushed: Instant::now(),
            process: process::id(),
        }
    }

    fn flush(&mut self, now: Instant) -> io::Result<()> {
        self.flushed = now;
        if self.process == process::id() {
            self.file.write_all(&self.buffer)?;
        }
        self.buffer.clear();
        self.buffer.shrink_to(2 * BUFFER);
        Ok(())
    }

    fn finish(&mut self, edges: &Edges) -> io::Result<()> {
        if std::mem::take(&mut self.is_news) {
            let before = self.buffer.len();
            edges.write(&mut self.buffer);
            self.records += (self.buffer.len() - before) as u64;
        }
        self.flush(Instant::now())
    }

    /// Ends a file that is full, and begins the next one.
    fn rotate(&mut self, trace: &TraceFile, edges: &Edges) -> io::Result<()> {
        self.finish(edges)?;
        if self.process != process::id() {
            return Ok(());
        }
        let file = rotation::open(&trace.path, trace.limits.keep)?;
        *self = Self::new(file, trace.id, edges);
        Ok(())
    }
}
