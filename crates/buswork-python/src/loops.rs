//! The event loops that an async bus delivers on: which are to run something, and the bus's home.

use std::sync::Arc;

use buswork::backlog::Ticket;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyWeakref, PyWeakrefMethods};

use crate::background::{Background, Wakes};
use crate::calling::Invoke;
use crate::exception;
use crate::failure;
use crate::imports;
use crate::posted::Posted;
use crate::runner::Runner;

/// The loops of one bus, by their addresses: they are held as long as deliveries wait for them.
#[derive(Default)]
pub(crate) struct Loops {
    known: Vec<EventLoop>,
    /// The tasks of handlers that wait for something, by their loops, which hold them weakly.
    tasks: Vec<(Ticket, usize, Py<PyAny>)>,
    home: Option<Home>,
}

struct EventLoop {
    object: Py<PyAny>,
    /// Whether a task is on its way, or at work, that runs what is ready.
    is_run: bool,
    /// How many tasks in a row came to nothing before they began.
    failures: u8,
}

/// How many may do so before what waits is given up.
const ATTEMPTS: u8 = 3;

/// What a loop needs, that something was posted to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Nobody,
    Runner,
    /// There are posts to other loops. Those that are closed hold up their lines for ever: nobody
    /// tells of a loop that it is.
    RunnerOfOneMore,
}

/// Where posts from other threads are delivered.
struct Home {
    reference: Py<PyWeakref>,
    /// Whether somebody entered the bus there, and did not just publish.
    is_entered: bool,
}

impl Loops {
    /// Whether somebody has to be found to run what is ready on a loop; it is taken for found then.
    #[inline]
    pub(crate) fn needs_run(&mut self, event_loop: &Bound<'_, PyAny>) -> Need {
        let runner = event_loop.as_ptr() as usize;
        if let Some(known) = self.find(runner) {
            if std::mem::replace(&mut known.is_run, true) {
                return Need::Nobody;
            }
            return Need::Runner;
        }
        let is_first = self.known.is_empty();
        self.known.push(EventLoop {
            object: event_loop.clone().unbind(),
            is_run: true,
            failures: 0,
        });
        if is_first {
            Need::Runner
        } else {
            Need::RunnerOfOneMore
        }
    }

    /// Whether somebody has to be found for a loop that has something to do.
    pub(crate) fn is_to_be_run(&mut self, runner: usize) -> bool {
        let known = self.find(runner);
        known.is_some_and(|one| !std::mem::replace(&mut one.is_run, true))
    }

    #[inline]
    fn find(&mut self, runner: usize) -> Option<&mut EventLoop> {
        let mut known = self.known.iter_mut();
        known.find(|one| one.object.as_ptr() as usize == runner)
    }

    /// Whether deliveries wait for a loop, or are in progress on it.
    pub(crate) fn is_known(&mut self, event_loop: &Bound<'_, PyAny>) -> bool {
        self.find(event_loop.as_ptr() as usize).is_some()
    }

    pub(crate) fn get(&mut self, py: Python<'_>, runner: usize) -> Option<Py<PyAny>> {
        Some(self.find(runner)?.object.clone_ref(py))
    }

    /// Whether somebody runs what is ready on a loop.
    pub(crate) fn is_run(&mut self, runner: usize) -> bool {
        self.find(runner).is_some_and(|one| one.is_run)
    }

    /// Notes whether somebody does.
    pub(crate) fn set_run(&mut self, runner: usize, is_run: bool) {
        if let Some(known) = self.find(runner) {
            known.is_run = is_run;
        }
    }

    /// Notes that a task has begun.
    pub(crate) fn note_begun(&mut self, runner: usize) {
        if let Some(known) = self.find(runner) {
            known.failures = 0;
        }
    }

    /// Notes that a task came to nothing. Says whether another one is worth trying.
    pub(crate) fn may_try_again(&mut self, runner: usize) -> bool {
        self.find(runner).is_none_or(|known| {
            known.failures += 1;
            known.failures < ATTEMPTS
        })
    }

    /// Lets a loop go that has nothing to do. To be dropped without a lock.
    #[must_use]
    pub(crate) fn forget(&mut self, runner: usize) -> Option<Py<PyAny>> {
        let mut known = self.known.iter();
        let place = known.position(|one| one.object.as_ptr() as usize == runner)?;
        Some(self.known.swap_remove(place).object)
    }

    fn list(&self, py: Python<'_>) -> Vec<Py<PyAny>> {
        let known = self.known.iter();
        known.map(|one| one.object.clone_ref(py)).collect()
    }

    pub(crate) fn keep_task(&mut self, ticket: Ticket, runner: usize, task: Py<PyAny>) {
        self.tasks.push((ticket, runner, task));
    }

    #[must_use]
    pub(crate) fn forget_task(&mut self, ticket: Ticket) -> Option<Py<PyAny>> {
        let place = self.tasks.iter().position(|(known, ..)| *known == ticket)?;
        Some(self.tasks.swap_remove(place).2)
    }

    /// Lets the tasks of a loop go. To be dropped without a lock.
    #[must_use]
    fn forget_tasks(&mut self, runner: usize) -> Vec<Py<PyAny>> {
        let tasks = std::mem::take(&mut self.tasks);
        let (gone, kept) = tasks.into_iter().partition(|(_, of, _)| *of == runner);
        self.tasks = kept;
        let gone: Vec<(Ticket, usize, Py<PyAny>)> = gone;
        gone.into_iter().map(|(.., task)| task).collect()
    }
}

impl Background {
    /// Makes a loop that was published on the bus's home, unless it has one that is not closed.
    #[inline]
    pub(crate) fn note_loop(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        match self.home(event_loop.py()) {
            Some(home) if home.is(event_loop) || !is_closed(&home) => Ok(()),
            _ => self.settle_at(event_loop, false),
        }
    }

    /// Makes a loop the bus's home: because the bus was entered there, or was
    /// published on first.
    pub(crate) fn settle_at(
        &self,
        event_loop: &Bound<'_, PyAny>,
        is_entered: bool,
    ) -> PyResult<()> {
        let py = event_loop.py();
        let reference = imports::weak_reference(py)?.invoke1((event_loop,))?;
        let home = Home {
            reference: reference.cast_into::<PyWeakref>()?.unbind(),
            is_entered,
        };
        let old = self.state().loops.home.replace(home);
        drop(old);
        Ok(())
    }

    /// Ends the stay that [`settle_at`](Self::settle_at) began by entering.
    pub(crate) fn leave_home(&self) {
        let mut state = self.state();
        let is_entered = state
            .loops
            .home
            .as_ref()
            .is_some_and(|home| home.is_entered);
        let old = if is_entered {
            state.loops.home.take()
        } else {
            None
        };
        drop(state);
        drop(old);
    }

    fn home<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let reference = {
            let state = self.state();
            let home = state.loops.home.as_ref();
            home.map(|home| home.reference.clone_ref(py))
        };
        reference?.bind(py).upgrade()
    }

    /// The loop that a post is delivered on: the running one, or else the home.
    pub(crate) fn loop_for_post<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(running) = imports::running_loop(py)? {
            return Ok(running);
        }
        self.refuse_when_closed()?;
        let advice = "post from a coroutine, or give the bus a home: `async with bus:` in the loop that is to deliver";
        match self.home(py) {
            Some(home) if !is_closed(&home) => Ok(home),
            Some(_) => Err(PyRuntimeError::new_err(format!(
                "no event loop runs in this thread, and the loop of the bus is closed: {advice}"
            ))),
            None => Err(PyRuntimeError::new_err(format!(
                "no event loop runs in this thread, and the bus has none: {advice}"
            ))),
        }
    }

    /// Has what is ready run by a task on a loop.
    pub(crate) fn run_on(self: &Arc<Self>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = event_loop.py();
        let runner = Bound::new(py, Runner::new(self, event_loop))?;
        let create = event_loop.getattr(pyo3::intern!(py, "create_task"))?;
        // Not at once, where the loop makes tasks eagerly: the post has to return first.
        let is_here = imports::running_loop(py)?.is_some_and(|running| running.is(event_loop));
        let later = if is_here {
            pyo3::intern!(py, "call_soon")
        } else {
            pyo3::intern!(py, "call_soon_threadsafe")
        };
        let made = event_loop.invoke_method1(later, (create, &runner));
        // A runner that never became a task says so when it is dropped.
        made.map(drop).map_err(|error| {
            if !is_closed(event_loop) {
                return error;
            }
            let refusal = PyRuntimeError::new_err(
                "the event loop that was to deliver is closed: enter the bus in another, `async with bus:`",
            );
            refusal.set_cause(py, Some(error));
            refusal
        })
    }

    /// Gives up what was posted to a loop that is closed, and says so.
    pub(crate) fn abandon(self: &Arc<Self>, py: Python<'_>, runner: usize) -> PyResult<()> {
        let mut wakes = Wakes::default();
        let mut state = self.state();
        let (lost, woken) = state.backlog.abandon(runner);
        let event_loop = state.loops.forget(runner);
        let tasks = state.loops.forget_tasks(runner);
        for other in woken {
            state.wake_runner(other, &mut wakes);
        }
        state.wake_waiting(runner, &mut wakes);
        drop(state);
        let mut told = tell_of_lost(py, &lost);
        drop((lost, event_loop));
        for task in tasks {
            // Says so of a handler that waits. Its task would be found by the collector, some day.
            told = told.and(end_task(task.bind(py)));
        }
        self.wake(py, wakes);
        told
    }

    /// Gives up what waits for its turn on a loop that is ending, and says so.
    pub(crate) fn discard_ready(self: &Arc<Self>, py: Python<'_>, runner: usize) -> PyResult<()> {
        let (mut lost, mut wakes) = (Vec::new(), Wakes::default());
        let mut state = self.state();
        while let Some((ticket, posted)) = state.backlog.take(runner) {
            lost.push(posted);
            state.done(ticket, runner, &mut wakes);
        }
        state.loops.set_run(runner, false);
        drop(state);
        let told = tell_of_lost(py, &lost);
        drop(lost);
        self.wake(py, wakes);
        told
    }

    /// Gives up what was posted to loops that are closed.
    pub(crate) fn abandon_closed_loops(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        self.abandon_loops(py, |event_loop| Ok(is_closed(event_loop)))
    }

    /// Gives up what was posted to loops that do not run any more, at the end of the program.
    pub(crate) fn abandon_idle_loops(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        self.abandon_loops(py, |event_loop| {
            let runs = event_loop.invoke_method0(pyo3::intern!(py, "is_running"))?;
            Ok(!runs.is_truthy()?)
        })
    }

    fn abandon_loops<'py>(
        self: &Arc<Self>,
        py: Python<'py>,
        is_over: impl Fn(&Bound<'py, PyAny>) -> PyResult<bool>,
    ) -> PyResult<()> {
        let loops = self.state().loops.list(py);
        for event_loop in loops {
            if is_over(event_loop.bind(py))? {
                self.abandon(py, event_loop.as_ptr() as usize)?;
            }
        }
        Ok(())
    }
}

pub(crate) fn is_closed(event_loop: &Bound<'_, PyAny>) -> bool {
    let py = event_loop.py();
    let is_closed = event_loop.invoke_method0(pyo3::intern!(py, "is_closed"));
    is_closed
        .and_then(|closed| closed.is_truthy())
        .unwrap_or_else(|error| {
            exception::defer(py, error);
            false
        })
}

/// Ends the task of a runner, as its loop never will.
fn end_task(task: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = task.py();
    // That it is destroyed is no news to be logged once more.
    let _ = task.setattr(pyo3::intern!(py, "_log_destroy_pending"), false);
    let runner = task.invoke_method0(pyo3::intern!(py, "get_coro"))?;
    runner.invoke_method0(pyo3::intern!(py, "close")).map(drop)
}

/// Names the handlers of deliveries that will not take place.
fn tell_of_lost(py: Python<'_>, lost: &[Posted]) -> PyResult<()> {
    if lost.is_empty() {
        return Ok(());
    }
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for posted in lost {
        let subscriber = posted.entry.handler();
        if let Some(policed) = &subscriber.policed {
            policed.regulator.figures().note_dropped();
        }
        let name = &*subscriber.name;
        match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    let names: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{count} to {name}"))
        .collect();
    let message = format!(
        "posted deliveries are lost, as their event loop has ended: {}; drain the bus before, or use `async with bus:`",
        names.join(", ")
    );
    failure::log_line(py, "error", &message)
}
