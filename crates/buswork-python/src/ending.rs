//! The buses that have posted, so that what is pending can be delivered before the program ends,
//! and forgotten in a forked child.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, ThreadId};

use pyo3::prelude::*;

use crate::background::Background;
use crate::failure;
use crate::imports;
use crate::posted;
use crate::traces;

/// Every background that was ever posted to, and still is there.
static ALL: Mutex<Vec<Weak<Background>>> = Mutex::new(Vec::new());

/// Whether what was pending has been delivered, and threads may be ended at any time.
static HAS_FINISHED: AtomicBool = AtomicBool::new(false);

/// The thread that delivers what is pending at the end of the program, while it does.
static FINISHES: Mutex<Option<ThreadId>> = Mutex::new(None);
static IS_FINISHING: AtomicBool = AtomicBool::new(false);

/// After how many seconds the end of the program tells what it waits for.
const PATIENCE: f64 = 5.0;

/// Notes a background, at its first post.
#[inline]
pub(crate) fn remember(py: Python<'_>, background: &Arc<Background>) -> PyResult<()> {
    if background.is_remembered() {
        return Ok(());
    }
    imports::load_for_posts(py)?;
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if !background.is_remembered() {
        all.retain(|known| known.strong_count() > 0);
        all.push(Arc::downgrade(background));
        background.note_remembered();
    }
    Ok(())
}

/// Whether the program has come so far to its end that no thread can be trusted with a delivery:
/// who posts now has to deliver.
pub(crate) fn has_finished() -> bool {
    HAS_FINISHED.load(Ordering::Acquire)
}

fn all() -> Vec<Arc<Background>> {
    let all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.iter().filter_map(Weak::upgrade).collect()
}

/// Whether the program is ending, so that nothing may wait for long.
#[inline]
pub(crate) fn is_finishing() -> bool {
    IS_FINISHING.load(Ordering::Relaxed) || has_finished()
}

/// Whether a post of this thread has to wait, as the program ends. Else a daemon thread that posts
/// on and on would keep it from doing so; what handlers post is still delivered.
#[inline]
pub(crate) fn holds_up_posts() -> bool {
    IS_FINISHING.load(Ordering::Relaxed)
        && *FINISHES.lock().unwrap_or_else(PoisonError::into_inner) != Some(thread::current().id())
}

fn set_finishing(is_finishing: bool) {
    let finishes = is_finishing.then(|| thread::current().id());
    *FINISHES.lock().unwrap_or_else(PoisonError::into_inner) = finishes;
    IS_FINISHING.store(is_finishing, Ordering::Relaxed);
}

/// Delivers what is pending, on every bus, at the end of the program.
#[pyfunction]
pub(crate) fn finish_posts(py: Python<'_>) -> PyResult<()> {
    set_finishing(true);
    let finished = finish_all(py);
    traces::flush_traces(py);
    HAS_FINISHED.store(true, Ordering::Release);
    set_finishing(false);
    finished
}

fn finish_all(py: Python<'_>) -> PyResult<()> {
    loop {
        let mut is_done = true;
        for background in all() {
            if background.state().backlog.pending() == 0 {
                continue;
            }
            is_done = false;
            if let Err(error) = finish(py, &background) {
                tell_of_pending(py)?;
                return Err(error);
            }
        }
        if is_done {
            return Ok(());
        }
    }
}

/// Names what will not be delivered, on every bus.
fn tell_of_pending(py: Python<'_>) -> PyResult<()> {
    for background in all() {
        if background.state().backlog.pending() > 0 {
            let message = format!(
                "the end of the program was interrupted, with {}",
                background.describe_pending()
            );
            failure::log_line(py, "error", &message)?;
        }
    }
    Ok(())
}

fn finish(py: Python<'_>, background: &Arc<Background>) -> PyResult<()> {
    background.abandon_idle_loops(py)?;
    background.wake_rested(py);
    background.run_here(py)?;
    while !background.wait_for_end(py, Some(PATIENCE))? {
        let message = format!(
            "the program waits for its end, with {}",
            background.describe_pending()
        );
        failure::log_line(py, "warning", &message)?;
        background.abandon_idle_loops(py)?;
    }
    Ok(())
}

/// Forgets what is pending, in a forked child.
#[pyfunction]
pub(crate) fn forget_posts() {
    posted::forget_delivery();
    set_finishing(false);
    for background in all() {
        background.forget();
    }
}
