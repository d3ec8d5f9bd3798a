//! `bus.stats()`: what has become of each handler's deliveries, in numbers.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use buswork::policy::{BreakerState, Stats};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::bus::Bus;
use crate::policed::{loop_time, now};
use crate::subscriber::Entry;

/// The figures of one handler at one moment.
#[pyclass(frozen, module = "buswork")]
pub(crate) struct HandlerStats {
    #[pyo3(get)]
    name: String,
    stats: Stats,
    #[pyo3(get)]
    waiting: usize,
    /// Holds the entry for its latency, and visits nothing.
    entry: Arc<Entry>,
}

/// The figures of all handlers that have any, in order of subscription.
pub(crate) fn of(py: Python<'_>, bus: &Bus) -> PyResult<Vec<HandlerStats>> {
    let moment = if bus.is_async() {
        loop_time(py)?
    } else {
        now()
    };
    let mut entries = bus.table().entries();
    entries.sort_by_key(|entry| entry.sequence());
    let stats = entries.into_iter().filter_map(|entry| {
        let policed = entry.handler().policed.as_ref()?;
        let posted = bus.background().state().backlog.waiting(entry.sequence());
        let waiting = posted + policed.waiting().count();
        Some(HandlerStats {
            name: entry.handler().name.clone(),
            stats: policed.regulator.stats(moment),
            waiting,
            entry,
        })
    });
    Ok(stats.collect())
}

#[pymethods]
impl HandlerStats {
    #[getter]
    fn delivered(&self) -> u64 {
        self.stats.delivered
    }

    #[getter]
    fn failed(&self) -> u64 {
        self.stats.failed
    }

    #[getter]
    fn retried(&self) -> u64 {
        self.stats.retried
    }

    #[getter]
    fn timed_out(&self) -> u64 {
        self.stats.timed_out
    }

    #[getter]
    fn skipped(&self) -> u64 {
        self.stats.skipped
    }

    #[getter]
    fn dropped(&self) -> u64 {
        self.stats.dropped
    }

    #[getter]
    fn dead_lettered(&self) -> u64 {
        self.stats.dead_lettered
    }

    #[getter]
    fn in_progress(&self) -> usize {
        self.stats.in_progress
    }

    #[getter]
    fn breaker(&self) -> Option<&'static str> {
        self.stats.breaker.map(BreakerState::as_str)
    }

    /// How long calls took that were not longer than so many of all.
    #[pyo3(signature = (part = 0.5))]
    fn latency(&self, part: f64) -> PyResult<Option<f64>> {
        if !(0.0..=1.0).contains(&part) {
            return Err(PyValueError::new_err(format!(
                "part must be from 0 to 1, such as 0.99, got {part}"
            )));
        }
        let policed = self.entry.handler().policed.as_ref();
        let latency = policed.and_then(|policed| policed.regulator.figures().latency());
        let quantile = latency.and_then(|latency| latency.quantile(part));
        Ok(quantile.as_ref().map(Duration::as_secs_f64))
    }

    fn __repr__(&self) -> String {
        let Stats {
            delivered,
            failed,
            retried,
            timed_out,
            skipped,
            dropped,
            dead_lettered,
            ..
        } = self.stats;
        let mut text = format!("<HandlerStats {}: {delivered} delivered", self.name);
        for (count, what) in [
            (failed, "failed"),
            (retried, "retried"),
            (timed_out, "timed out"),
            (skipped, "skipped"),
            (dropped, "dropped"),
            (dead_lettered, "dead-lettered"),
            (self.stats.in_progress as u64, "in progress"),
            (self.waiting as u64, "waiting"),
        ] {
            if count > 0 {
                let _ = write!(text, ", {count} {what}");
            }
        }
        if let Some(state) = self.breaker() {
            let _ = write!(text, ", breaker {state}");
        }
        text.push('>');
        text
    }
}
