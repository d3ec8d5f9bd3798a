//! How a posted handler is called on an event loop: up to where it waits, and on from there.

use buswork::SkipReason;
use buswork::backlog::Ticket;
use buswork::trace::{InProgress, Outcome};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::awaitable;
use crate::calling::{Called, Invoke, Sent, call};
use crate::cause;
use crate::context;
use crate::coroutine::{Given, step};
use crate::failure::Fault;
use crate::imports;
use crate::on_error::OnError;
use crate::policed;
use crate::posted::{Delivering, Posted};
use crate::timed;
use crate::tracing;
use crate::turns::{self, InBackground, Turn};

/// A delivery whose handler has begun and waits for something.
pub(crate) struct Waiting {
    pub(crate) ticket: Ticket,
    posted: Posted,
    pub(crate) coroutine: Py<PyAny>,
    /// Kept for a failure: the subscription may have ended by then.
    kept: Kept,
    /// Kept for the traces, if there are any.
    progress: Option<InProgress>,
}

#[derive(Default)]
struct Kept {
    handler: Option<Py<PyAny>>,
    on_error: Option<Py<PyAny>>,
    /// What its policy keeps, if there is one.
    turn: Option<Py<Turn>>,
}

impl Kept {
    fn of(posted: &Posted, py: Python<'_>, turn: Option<&Bound<'_, Turn>>) -> Self {
        let subscriber = posted.entry.handler();
        let on_error = match &subscriber.on_error {
            Some(OnError::Call(function)) => function.get(py),
            _ => None,
        };
        Self {
            handler: subscriber.handler(py).map(Bound::unbind),
            on_error: on_error.map(Bound::unbind),
            turn: turn.map(|turn| turn.clone().unbind()),
        }
    }

    fn fault<'py>(&self, py: Python<'py>, error: PyErr) -> Fault<'py> {
        let bound = |object: &Option<Py<PyAny>>| object.as_ref().map(|it| it.bind(py).clone());
        Fault {
            error,
            handler: bound(&self.handler),
            on_error: bound(&self.on_error),
            again: None,
            attempts: self
                .turn
                .as_ref()
                .map(|turn| turn.get().attempts())
                .unwrap_or_default(),
        }
    }
}

/// How far a delivery has got.
pub(crate) enum Progress {
    Ended,
    /// It has, and has cancelled the task, which shall not be another one's.
    Cancelled,
    /// It waits for what it yielded.
    Waits(Box<Waiting>, Py<PyAny>),
}

impl Posted {
    /// Calls a handler, and runs it up to where it waits for something.
    pub(crate) fn begin(
        self,
        py: Python<'_>,
        ticket: Ticket,
        task: &Bound<'_, PyAny>,
        background: InBackground,
    ) -> PyResult<Progress> {
        let (bus, event) = (self.bus.bind(py).get(), self.event.bind(py));
        let mut kept = Kept::default();
        let mut progress = self.trace(py)?;
        let called = {
            let _entered = context::enter(self.context.bind(py))?;
            let _delivering = Delivering::of(bus.number());
            let started = if self.entry.is_plain() {
                match self.entry.handler().plain(py) {
                    None => Err(SkipReason::Cancelled),
                    Some(handler) => Ok((call(&handler, event), Some(handler))),
                }
            } else {
                let turn = Turn::of(py, &self.entry, background)?;
                kept = Kept::of(&self, py, turn.as_ref());
                match turns::deliver(bus, &self.entry, turn.as_ref(), event) {
                    Ok(delivered) => delivered.map(|result| (Called::Result(result), None)),
                    Err(error) => {
                        error.restore(py);
                        Ok((Called::Raised, None))
                    }
                }
            };
            match started {
                Err(reason) => {
                    tracing::end(progress, || Outcome::Skipped(reason));
                    return Ok(Progress::Ended);
                }
                Ok((Called::Nothing, _)) => {
                    policed::count(&self.entry, false, None);
                    tracing::end(progress, || Outcome::Ok);
                    return Ok(Progress::Ended);
                }
                Ok((Called::Result(result), _)) if !awaitable::is_awaitable(&result) => {
                    policed::count(&self.entry, false, None);
                    tracing::end(progress, || Outcome::Ok);
                    return Ok(Progress::Ended);
                }
                Ok((called, handler)) => {
                    if kept.handler.is_none() {
                        kept.handler = handler.map(Bound::unbind);
                    }
                    match called {
                        Called::Result(result) if awaitable::is_coroutine(&result) => Ok(result),
                        Called::Result(result) => imports::awaited(py)?.invoke1((result,)),
                        Called::Nothing | Called::Raised => Err(PyErr::fetch(py)),
                    }
                }
            }
        };
        match called {
            Ok(coroutine) => {
                let waiting = Waiting {
                    ticket,
                    posted: self,
                    coroutine: coroutine.unbind(),
                    kept,
                    progress,
                };
                waiting.start(task)
            }
            Err(error) => {
                tracing::end(progress.take(), || tracing::failed(py, &error));
                policed::count(&self.entry, true, None);
                self.judge(py, kept.fault(py, error))?;
                Ok(Progress::Ended)
            }
        }
    }
}

impl Posted {
    /// Begins to trace the delivery. Its context is for it alone: whatever its handler publishes, now
    /// or later, is caused by it.
    fn trace(&self, py: Python<'_>) -> PyResult<Option<InProgress>> {
        let Some(dispatch) = self.dispatch() else {
            return Ok(None);
        };
        let progress = tracing::progress(py, dispatch, &self.entry);
        cause::enter_in(self.context.bind(py), progress.cause())?;
        Ok(Some(progress))
    }
}

impl Waiting {
    /// Runs a handler up to where it waits. One that ends before may have cancelled its task, which
    /// nobody would notice but the next that waits in it.
    fn start(mut self, task: &Bound<'_, PyAny>) -> PyResult<Progress> {
        let py = task.py();
        let stepped = self.step(py, Given::Nothing)?;
        let ends = !matches!(stepped, Sent::Yielded(_));
        let is_cancelled = ends
            && task
                .invoke_method0(pyo3::intern!(py, "cancelling"))?
                .is_truthy()?;
        if !is_cancelled {
            return self.judge(py, stepped);
        }
        tracing::end(self.progress.take(), || Outcome::Cancelled);
        let error = PyErr::from_value(imports::cancelled(py)?.invoke0()?);
        self.judge(py, Sent::Raised(error))?;
        Ok(Progress::Cancelled)
    }

    /// Runs a handler on, up to where it waits again.
    pub(crate) fn resume<'py>(self, py: Python<'py>, given: Given<'py>) -> PyResult<Progress> {
        let stepped = self.step(py, given)?;
        self.judge(py, stepped)
    }

    fn step<'py>(&self, py: Python<'py>, given: Given<'py>) -> PyResult<Sent<'py>> {
        let bus = self.posted.bus.bind(py).get().number();
        let _entered = context::enter(self.posted.context.bind(py))?;
        let _delivering = Delivering::of(bus);
        Ok(step(self.coroutine.bind(py), given))
    }

    fn judge(mut self, py: Python<'_>, stepped: Sent<'_>) -> PyResult<Progress> {
        let error = match stepped {
            Sent::Yielded(yielded) => {
                return Ok(Progress::Waits(Box::new(self), yielded.unbind()));
            }
            Sent::Returned(result) => {
                policed::count(&self.posted.entry, false, None);
                tracing::end(self.progress.take(), || tracing::returned(&result));
                return Ok(Progress::Ended);
            }
            Sent::Raised(error) => error,
        };
        tracing::end(self.progress.take(), || timed::ending(py, &error));
        let error = if error.is_instance(py, imports::cancelled_error(py)?) {
            PyErr::from_value(imports::cancelled(py)?.invoke0()?)
        } else {
            error
        };
        policed::count(&self.posted.entry, true, None);
        if let Some(turn) = &self.kept.turn {
            turn.get().count_failed();
        }
        let fault = self.kept.fault(py, error);
        self.posted.judge(py, fault)?;
        Ok(Progress::Ended)
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.coroutine)?;
        visit.call(&self.kept.handler)?;
        visit.call(&self.kept.on_error)?;
        self.posted.visit(visit)
    }

    /// Notes that the handler will never end.
    pub(crate) fn fail(&self, py: Python<'_>, error: PyErr) -> PyResult<()> {
        policed::count(&self.posted.entry, true, None);
        if let Some(turn) = &self.kept.turn {
            turn.get().fail_for_good(py);
        }
        self.posted.judge(py, self.kept.fault(py, error))
    }
}
