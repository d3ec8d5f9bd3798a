//! What runs posted deliveries on an event loop: the coroutine of a task that takes one after
//! another, as long as none of them waits.
//!
//! A handler that waits for something has the task for itself from then on: the task ends with it,
//! and another one takes what is ready. So each handler that waits is a task of its own, and a
//! thousand that do not wait cost one task.
//!
//! **A loop that ends** cancels its tasks and waits for them. A runner that is cancelled does not
//! stop: it runs what is left, one delivery after another, since its loop waits for it. What its
//! handlers post anew meanwhile is given up, and logged.

use std::sync::{Arc, Mutex, PoisonError};

use buswork::backlog::Ticket;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::background::{Background, Wakes};
use crate::calling::Invoke;
use crate::coroutine::Given;
use crate::exception;
use crate::handling::{Progress, Waiting};
use crate::imports;
use crate::loops::is_closed;
use crate::posted::Posted;
use crate::turns::InBackground;

/// After how many deliveries the loop gets its turn.
const TURN: u32 = 32;

/// The coroutine of one task, in the shape that `collections.abc.Coroutine` asks for.
#[pyclass(frozen, module = "buswork._buswork")]
pub(crate) struct Runner {
    background: Arc<Background>,
    event_loop: Py<PyAny>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The delivery that waits for something.
    waiting: Option<Waiting>,
    has_begun: bool,
    /// Whether it is up to another one to run what is ready on the loop.
    is_relieved: bool,
    /// Of a loop that is ending: how many deliveries may still be begun. More than were pending
    /// would be without end, where handlers post anew.
    left: Option<usize>,
    phase: Phase,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Waiting,
    Running,
    Ended,
}

/// What the task is to do.
enum Next {
    /// Wait for this; `None` gives the loop a turn.
    Yield(Py<PyAny>),
    Turn,
    End,
}

impl Runner {
    pub(crate) fn new(background: &Arc<Background>, event_loop: &Bound<'_, PyAny>) -> Self {
        Self {
            background: Arc::clone(background),
            event_loop: event_loop.clone().unbind(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn number(&self) -> usize {
        self.event_loop.as_ptr() as usize
    }

    /// Goes on. An error is an interrupt, and goes through the loop.
    fn go_on<'py>(&self, py: Python<'py>, given: Given<'py>) -> PyResult<Next> {
        let is_cancelled = match &given {
            Given::Error(error) => error.is_instance(imports::cancelled_error(py)?)?,
            _ => false,
        };
        let waiting = {
            let mut state = self.state();
            if state.phase == Phase::Ended {
                return Err(PyRuntimeError::new_err("cannot reuse an ended coroutine"));
            }
            if is_cancelled && state.left.is_none() {
                state.left = Some(self.background.state().backlog.pending());
            }
            state.phase = Phase::Running;
            if !std::mem::replace(&mut state.has_begun, true) {
                self.background.state().loops.note_begun(self.number());
            }
            state.waiting.take()
        };
        let next = self.go_on_from(py, waiting, given);
        self.state().phase = match &next {
            Ok(Next::Yield(_) | Next::Turn) => Phase::Waiting,
            Ok(Next::End) | Err(_) => Phase::Ended,
        };
        next
    }

    fn go_on_from<'py>(
        &self,
        py: Python<'py>,
        waiting: Option<Waiting>,
        given: Given<'py>,
    ) -> PyResult<Next> {
        if let Some(waiting) = waiting {
            let ticket = waiting.ticket;
            match waiting.resume(py, given) {
                Ok(Progress::Waits(waiting, yielded)) => return Ok(self.wait(*waiting, yielded)),
                Ok(Progress::Ended | Progress::Cancelled) => {
                    if !self.settle(py, ticket, false) {
                        return Ok(Next::End);
                    }
                }
                Err(error) => {
                    self.settle(py, ticket, true);
                    return Err(error);
                }
            }
        }
        // One that comes between two handlers may have been asked for by the first.
        self.forget_own_cancellation(py);
        let task = imports::current_task(py)?.invoke0()?;
        let mut left = self.state().left;
        let mut turn = 0;
        let mut done = None;
        loop {
            let Some((ticket, posted)) = self.take(py, done, &mut left)? else {
                return Ok(Next::End);
            };
            let background = match left {
                None => InBackground::Yes,
                Some(_) => InBackground::OfEndingLoop,
            };
            match posted.begin(py, ticket, &task, background) {
                Ok(Progress::Cancelled) if left.is_none() => {
                    self.settle(py, ticket, false);
                    return Ok(Next::End);
                }
                Ok(Progress::Ended | Progress::Cancelled) => {}
                Ok(Progress::Waits(waiting, yielded)) => {
                    self.state().left = left;
                    self.keep_task(ticket, &task);
                    self.hand_over(py);
                    return Ok(self.wait(*waiting, yielded));
                }
                Err(error) => {
                    self.settle(py, ticket, true);
                    return Err(error);
                }
            }
            done = Some(ticket);
            turn += 1;
            if turn >= TURN && left.is_none() {
                self.end_delivery(py, ticket);
                return Ok(Next::Turn);
            }
        }
    }

    fn wait(&self, waiting: Waiting, yielded: Py<PyAny>) -> Next {
        self.state().waiting = Some(waiting);
        Next::Yield(yielded)
    }

    /// Ends a delivery and takes the next one; `None` when there is nothing left.
    fn take(
        &self,
        py: Python<'_>,
        done: Option<Ticket>,
        left: &mut Option<usize>,
    ) -> PyResult<Option<(Ticket, Posted)>> {
        let number = self.number();
        let mut wakes = Wakes::default();
        let may_begin = match left {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        };
        let mut state = self.background.state();
        if let Some(ticket) = done {
            state.done(ticket, number, &mut wakes);
        }
        if !may_begin && state.backlog.is_ready(number) {
            drop(state);
            self.background.wake(py, wakes);
            self.background.discard_ready(py, number)?;
            return Ok(None);
        }
        let taken = state.backlog.take(number);
        let mut forgotten = None;
        if taken.is_none() {
            state.loops.set_run(number, false);
            if state.backlog.pending() == 0 {
                forgotten = state.loops.forget(number);
            }
        }
        drop(state);
        drop(forgotten);
        self.background.wake(py, wakes);
        Ok(taken)
    }

    fn end_delivery(&self, py: Python<'_>, ticket: Ticket) {
        let mut wakes = Wakes::default();
        let mut state = self.background.state();
        state.done(ticket, self.number(), &mut wakes);
        drop(state);
        self.background.wake(py, wakes);
    }

    /// Ends the delivery that this task belonged to, or that was interrupted. Says whether the task
    /// goes on with others: it does so when its loop is ending, unless somebody else does.
    fn settle(&self, py: Python<'_>, ticket: Ticket, is_interrupted: bool) -> bool {
        let number = self.number();
        self.forget_own_cancellation(py);
        let mut own = self.state();
        let mut wakes = Wakes::default();
        let mut state = self.background.state();
        let task = state.loops.forget_task(ticket);
        if !own.is_relieved {
            state.loops.set_run(number, false);
        }
        state.done(ticket, number, &mut wakes);
        let goes_on = own.left.is_some() && !is_interrupted && !state.loops.is_run(number);
        own.is_relieved = !goes_on;
        if goes_on {
            state.loops.set_run(number, true);
        } else if state.backlog.is_ready(number) {
            state.wake_runner(number, &mut wakes);
        }
        drop((state, own));
        drop(task);
        self.background.wake(py, wakes);
        goes_on
    }

    /// Takes a cancellation for none that ends the loop, if it was a handler's own: of a timeout in it,
    /// which takes it back, or of one that cancelled itself.
    fn forget_own_cancellation(&self, py: Python<'_>) {
        if self.state().left.is_none() {
            return;
        }
        let is_ending = self.is_loop_ending(py).unwrap_or_else(|error| {
            exception::defer(py, error);
            false
        });
        if !is_ending {
            self.state().left = None;
        }
    }

    /// Whether every task of the loop is being cancelled, which is what happens to a loop that ends.
    fn is_loop_ending(&self, py: Python<'_>) -> PyResult<bool> {
        let tasks = imports::all_tasks(py)?.invoke1((&self.event_loop,))?;
        for task in tasks.try_iter()? {
            let cancelling = task?.invoke_method0(pyo3::intern!(py, "cancelling"))?;
            if !cancelling.is_truthy()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Leaves what is ready to another task, as this one has to wait with its handler.
    fn hand_over(&self, py: Python<'_>) {
        {
            let mut own = self.state();
            if own.left.is_some() {
                return;
            }
            own.is_relieved = true;
        }
        let number = self.number();
        let mut wakes = Wakes::default();
        let mut state = self.background.state();
        state.loops.set_run(number, false);
        if state.backlog.is_ready(number) {
            state.wake_runner(number, &mut wakes);
        }
        drop(state);
        self.background.wake(py, wakes);
    }

    fn keep_task(&self, ticket: Ticket, task: &Bound<'_, PyAny>) {
        let task = task.clone().unbind();
        let mut state = self.background.state();
        state.loops.keep_task(ticket, self.number(), task);
    }
}

#[pymethods]
impl Runner {
    fn __await__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        Ok(match self.go_on(py, Given::Nothing)? {
            Next::Yield(yielded) => Some(yielded),
            Next::Turn => Some(py.None()),
            Next::End => None,
        })
    }

    fn send<'py>(&self, py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Py<PyAny>> {
        let given = if value.is_none() {
            Given::Nothing
        } else {
            Given::Value(value.clone())
        };
        self.answer(py, given)
    }

    #[pyo3(signature = (error, value = None, _traceback = None))]
    fn throw<'py>(
        &self,
        py: Python<'py>,
        error: &Bound<'py, PyAny>,
        value: Option<&Bound<'py, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let error = match value {
            Some(value) => value.clone(),
            None if error.is_callable() => error.invoke0()?,
            None => error.clone(),
        };
        self.answer(py, Given::Error(error))
    }

    /// Ends it where it is. What is left is given up, if the loop is closed.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.give_up(py)
    }

    #[getter]
    #[expect(clippy::unused_self, reason = "asked of an object, not of its class")]
    fn __name__(&self) -> &'static str {
        "deliver_posts"
    }

    #[getter]
    #[expect(clippy::unused_self, reason = "asked of an object, not of its class")]
    fn __qualname__(&self) -> &'static str {
        "buswork.deliver_posts"
    }

    #[getter]
    fn cr_running(&self) -> bool {
        self.state().phase == Phase::Running
    }

    #[getter]
    fn cr_suspended(&self) -> bool {
        let state = self.state();
        state.phase == Phase::Waiting && state.waiting.is_some()
    }

    /// The coroutine of the handler that waits.
    #[getter]
    fn cr_await(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let state = self.state();
        let waiting = state.waiting.as_ref()?;
        Some(waiting.coroutine.clone_ref(py))
    }

    /// The frame of the handler that waits.
    #[getter]
    fn cr_frame(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let coroutine = self.cr_await(py)?;
        let frame = coroutine.getattr(py, pyo3::intern!(py, "cr_frame")).ok()?;
        (!frame.is_none(py)).then_some(frame)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        match self.cr_await(py) {
            None => "<buswork.deliver_posts>".to_owned(),
            Some(coroutine) => format!("<buswork.deliver_posts awaiting {}>", coroutine.bind(py)),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        let Ok(state) = self.state.try_lock() else {
            return Ok(());
        };
        match &state.waiting {
            Some(waiting) => waiting.visit(&visit),
            None => Ok(()),
        }
    }

    fn __clear__(&self, py: Python<'_>) {
        if let Err(error) = self.give_up(py) {
            error.write_unraisable(py, None);
        }
    }
}

impl Runner {
    fn answer<'py>(&self, py: Python<'py>, given: Given<'py>) -> PyResult<Py<PyAny>> {
        match self.go_on(py, given)? {
            Next::Yield(yielded) => Ok(yielded),
            Next::Turn => Ok(py.None()),
            Next::End => Err(PyStopIteration::new_err(())),
        }
    }

    /// Ends before its time, as its task was thrown away: the loop was closed, or never ran it.
    fn give_up(&self, py: Python<'_>) -> PyResult<()> {
        let (waiting, is_relieved, has_begun) = {
            let mut state = self.state();
            if std::mem::replace(&mut state.phase, Phase::Ended) == Phase::Ended {
                return Ok(());
            }
            (state.waiting.take(), state.is_relieved, state.has_begun)
        };
        if !is_relieved {
            self.background.state().loops.set_run(self.number(), false);
        }
        if let Some(waiting) = waiting {
            // Made at once: at the end of the program it would be too late to do so later.
            let words = "the handler has not ended, and never will: its event loop is closed";
            let error = py.get_type::<PyRuntimeError>().invoke1((words,))?;
            let failed = waiting.fail(py, PyErr::from_value(error));
            self.settle(py, waiting.ticket, false);
            failed?;
        }
        if is_closed(self.event_loop.bind(py)) {
            return self.background.abandon(py, self.number());
        }
        let mut wakes = Wakes::default();
        let mut state = self.background.state();
        if !has_begun && !state.loops.may_try_again(self.number()) {
            drop(state);
            return self.background.discard_ready(py, self.number());
        }
        if state.backlog.is_ready(self.number()) {
            state.wake_runner(self.number(), &mut wakes);
        }
        drop(state);
        self.background.wake(py, wakes);
        Ok(())
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if self.state().phase == Phase::Ended {
            return;
        }
        Python::try_attach(|py| {
            if let Err(error) = self.give_up(py) {
                error.write_unraisable(py, None);
            }
        });
    }
}
