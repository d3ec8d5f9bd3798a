//! The handles of traces: `bus.trace(path)` and `bus.tracing()`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use buswork::trace::{self, Limits, Memory, Sink, TraceFile, forget};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyTuple, PyWeakrefMethods, PyWeakrefReference};

use crate::bus::Bus;
use crate::calling::Invoke;
use crate::dispatches::Dispatch;
use crate::exception;
use crate::failure::log_line;
use crate::imports;

/// Every trace in a file, so that what is in their buffers is written before the program ends.
static FILES: Mutex<Vec<Weak<TraceFile>>> = Mutex::new(Vec::new());

fn files() -> std::sync::MutexGuard<'static, Vec<Weak<TraceFile>>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes what is in the buffers of all traces, at the end of the program.
#[pyfunction]
pub(crate) fn flush_traces(py: Python<'_>) {
    let all: Vec<_> = files().iter().filter_map(Weak::upgrade).collect();
    py.detach(|| all.iter().for_each(|file| file.finish()));
}

/// Ends all traces in a forked child: they are the parent's.
#[pyfunction]
pub(crate) fn forget_traces() {
    forget();
    files().clear();
}

/// A trace's place on its bus, which is not held by it.
struct Tie {
    bus: Py<PyWeakrefReference>,
    sink: Sink,
}

impl Tie {
    fn new(bus: &Bound<'_, Bus>, sink: Sink) -> PyResult<Self> {
        let py = bus.py();
        imports::load_for_tracing(py)?;
        imports::prepare_tracing(py)?.invoke0()?;
        let reference = PyWeakrefReference::new(bus)?.unbind();
        bus.get().add_trace(&sink);
        Ok(Self {
            bus: reference,
            sink,
        })
    }

    fn close(&self, py: Python<'_>) {
        let bus = self.bus.bind(py).upgrade();
        if let Some(bus) = bus.and_then(|bus| bus.cast_into::<Bus>().ok()) {
            bus.get().remove_trace(&self.sink);
        }
        // A disk may be slow: others run meanwhile.
        py.detach(|| self.sink.close());
    }
}

/// A trace in a file.
#[pyclass(frozen, weakref, module = "buswork")]
pub(crate) struct Trace {
    file: Arc<TraceFile>,
    tie: Tie,
}

impl Trace {
    pub(crate) fn begin(
        bus: &Bound<'_, Bus>,
        path: &Path,
        max_bytes: i64,
        keep: i64,
    ) -> PyResult<Self> {
        let max_bytes = u64::try_from(max_bytes).ok().filter(|&most| most > 0);
        let max_bytes =
            max_bytes.ok_or_else(|| PyValueError::new_err("max_bytes must be at least 1"))?;
        let keep = u32::try_from(keep)
            .map_err(|_| PyValueError::new_err("keep must be at least 0, and less than 2**32"))?;
        let limits = Limits { max_bytes, keep };
        let file = bus.py().detach(|| TraceFile::open(path, limits, tell));
        let file = file.map_err(|error| failure(&error, path))?;
        let file = Arc::new(file);
        let tie = Tie::new(bus, Sink::File(Arc::clone(&file)))?;
        let mut all = files();
        all.retain(|known| known.strong_count() > 0);
        all.push(Arc::downgrade(&file));
        drop(all);
        Ok(Self { file, tie })
    }
}

/// `errno.EISDIR`, wherever there is a Python.
const IS_A_FOLDER: i32 = 21;

/// The exception that Python's own `open` would raise.
fn failure(error: &std::io::Error, path: &Path) -> PyErr {
    let is_folder = error.kind() == ErrorKind::IsADirectory;
    let number = error
        .raw_os_error()
        .or_else(|| is_folder.then_some(IS_A_FOLDER));
    match number {
        Some(number) => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or(&text).to_owned();
            PyOSError::new_err((number, text, path.as_os_str().to_owned()))
        }
        None => PyOSError::new_err(error.to_string()),
    }
}

/// Writes to the log that a trace has ended.
fn tell(told: &str) {
    Python::try_attach(|py| {
        if let Err(error) = log_line(py, "error", told) {
            exception::defer(py, error);
        }
    });
}

#[pymethods]
impl Trace {
    #[getter]
    fn path(&self) -> String {
        self.file.path().to_string_lossy().into_owned()
    }

    #[getter]
    fn closed(&self) -> bool {
        self.file.is_closed()
    }

    fn flush(&self, py: Python<'_>) {
        py.detach(|| self.file.flush());
    }

    fn close(&self, py: Python<'_>) {
        self.tie.close(py);
    }

    fn __enter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    #[pyo3(signature = (*_details))]
    fn __exit__(&self, py: Python<'_>, _details: &Bound<'_, PyTuple>) {
        self.close(py);
    }

    fn __repr__(&self) -> String {
        let ended = if self.closed() { ", ended" } else { "" };
        format!("<Trace in {}{ended}>", self.path())
    }
}

/// A trace in memory.
#[pyclass(frozen, weakref, module = "buswork")]
pub(crate) struct Tracing {
    memory: Arc<Memory>,
    tie: Tie,
}

impl Tracing {
    pub(crate) fn begin(bus: &Bound<'_, Bus>, keep: i64) -> PyResult<Self> {
        let keep = usize::try_from(keep).ok().filter(|&keep| keep > 0);
        let keep = keep.ok_or_else(|| PyValueError::new_err("keep must be at least 1"))?;
        let memory = Arc::new(Memory::new(keep));
        let tie = Tie::new(bus, Sink::Memory(Arc::clone(&memory)))?;
        Ok(Self { memory, tie })
    }
}

#[pymethods]
impl Tracing {
    #[getter]
    fn dispatches<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let all = self.memory.dispatches().into_iter().map(Dispatch);
        PyTuple::new(py, all.collect::<Vec<_>>())
    }

    #[getter]
    fn dropped(&self) -> u64 {
        self.memory.dropped()
    }

    #[getter]
    fn closed(&self) -> bool {
        self.memory.is_closed()
    }

    #[pyo3(signature = (dispatch = None))]
    fn tree(&self, dispatch: Option<&Bound<'_, Dispatch>>) -> String {
        let root = dispatch.map(|dispatch| dispatch.get().0.id());
        trace::tree(&self.memory.dispatches(), root)
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "PyO3 makes it of what is given"
    )]
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.memory.save(&path))
            .map_err(|error| failure(&error, &path))
    }

    fn close(&self, py: Python<'_>) {
        self.tie.close(py);
    }

    fn __enter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    #[pyo3(signature = (*_details))]
    fn __exit__(&self, py: Python<'_>, _details: &Bound<'_, PyTuple>) {
        self.close(py);
    }

    fn __len__(&self) -> usize {
        self.memory.len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.dispatches(py)?.try_iter()
    }

    fn __repr__(&self) -> String {
        let count = match self.memory.len() {
            1 => "1 dispatch".to_owned(),
            count => format!("{count} dispatches"),
        };
        match self.memory.dropped() {
            0 => format!("<Tracing, {count}>"),
            dropped => format!("<Tracing, {count}, {dropped} dropped>"),
        }
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        // Nobody can look at it any more.
        Python::try_attach(|py| self.tie.close(py));
    }
}
