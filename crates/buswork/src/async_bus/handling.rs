//! The futures of handlers, and those of them that are pending.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::handler::BoxFuture;
use super::regulated::Ending;
use crate::failure::{Cause, Panicked};
use crate::handler::BoxError;
use crate::trace::{self, InProgress, Outcome};

/// So many are polled whenever one of them was woken. With more, each has a waker of its own, and only
/// those that were woken are polled; that costs an allocation each.
const FEW: usize = 32;

/// The handlers of one publish that have not ended.
#[derive(Default)]
pub(crate) struct Pending {
    few: Vec<Handling>,
    /// Where the next poll of the few goes on.
    next: usize,
    many: Option<FuturesUnordered<Handling>>,
}

impl Pending {
    pub(crate) fn push(&mut self, handling: Handling) {
        if self.few.len() < FEW && self.many.is_none() {
            self.few.push(handling);
            return;
        }
        let many = self.many.get_or_insert_default();
        many.extend(self.few.drain(..));
        many.push(handling);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.few.is_empty() && self.many.as_ref().is_none_or(FuturesUnordered::is_empty)
    }

    /// One that has ended, until there is none for now.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Option<Handled> {
        if let Some(many) = &mut self.many {
            return match many.poll_next_unpin(context) {
                Poll::Ready(handled) => handled,
                Poll::Pending => None,
            };
        }
        while let Some(handling) = self.few.get_mut(self.next) {
            if let Poll::Ready(handled) = Pin::new(handling).poll(context) {
                self.few.remove(self.next);
                return Some(handled);
            }
            self.next += 1;
        }
        self.next = 0;
        None
    }
}

/// The future of one handler. Its panics are caught.
pub(crate) struct Handling {
    place: usize,
    started: Option<Instant>,
    future: Option<BoxFuture<Result<(), BoxError>>>,
    /// What the traces are told, if there are any.
    progress: Option<InProgress>,
}

/// How a handler ended.
pub(crate) struct Handled {
    pub(crate) place: usize,
    pub(crate) elapsed: Duration,
    pub(crate) result: Result<(), Cause>,
}

impl Handled {
    pub(crate) fn new(place: usize, started: Option<Instant>, result: Result<(), Cause>) -> Self {
        Self {
            place,
            elapsed: started.map_or(Duration::ZERO, |started| started.elapsed()),
            result,
        }
    }
}

impl Handling {
    pub(crate) fn new(
        place: usize,
        started: Option<Instant>,
        future: BoxFuture<Result<(), BoxError>>,
        progress: Option<InProgress>,
    ) -> Self {
        Self {
            place,
            started,
            future: Some(future),
            progress,
        }
    }
}

impl Future for Handling {
    type Output = Handled;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Handled> {
        let this = &mut *self;
        let inside = this.progress.as_ref().map(InProgress::inside);
        // What it owns is dropped where its panics are caught.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let future = this.future.as_mut()?;
            let Poll::Ready(result) = future.as_mut().poll(context) else {
                return None;
            };
            this.future = None;
            Some(result.map_err(Cause::Returned))
        }));
        let result = match polled {
            Ok(None) => return Poll::Pending,
            Ok(Some(result)) => result,
            Err(payload) => {
                let _ = catch_unwind(AssertUnwindSafe(|| this.future = None));
                Err(Cause::Panicked(Panicked::new(&*payload)))
            }
        };
        drop(inside);
        if let Some(progress) = &mut this.progress {
            progress.end(outcome(&result));
        }
        Poll::Ready(Handled::new(this.place, this.started, result))
    }
}

/// What came of a handler, also where a policy has it end in its own way.
fn outcome(result: &Result<(), Cause>) -> Outcome {
    let ending = match result {
        Err(Cause::Returned(error)) => error.downcast_ref::<Ending>(),
        _ => None,
    };
    ending.map_or_else(|| trace::outcome(result), Ending::outcome)
}
