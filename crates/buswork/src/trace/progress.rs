//! A delivery between its start and its end.

use std::sync::Arc;
use std::time::Instant;

use super::cause::Cause;
use super::dispatch::{Dispatch, Outcome};
use super::names::HandlerName;

/// A delivery that has begun. When it is dropped without having [ended](Self::end), it was
/// cancelled.
#[derive(Debug)]
pub struct InProgress {
    dispatch: Arc<Dispatch>,
    handler: HandlerName,
    place: u32,
    /// None when it has ended.
    started: Option<Instant>,
}

impl InProgress {
    /// The delivery to the handler at this place in the call order, from now on.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "no event has so many handlers"
    )]
    pub fn new(dispatch: &Arc<Dispatch>, handler: &HandlerName, place: usize) -> Self {
        Self {
            dispatch: Arc::clone(dispatch),
            handler: handler.clone(),
            place: place as u32,
            started: Some(Instant::now()),
        }
    }

    /// Begins anew: it had to wait until now.
    pub fn restart(&mut self) {
        self.started = Some(Instant::now());
    }

    /// What its handler publishes is caused by this.
    pub fn cause(&self) -> Cause {
        self.dispatch.cause_of(&self.handler, self.place)
    }

    /// Ends it. Nothing happens when it has ended before.
    pub fn end(&mut self, outcome: Outcome) {
        let Some(started) = self.started.take() else {
            return;
        };
        match outcome {
            Outcome::Skipped(reason) => self.dispatch.skipped(&self.handler, self.place, reason),
            _ => self
                .dispatch
                .ended(&self.handler, self.place, started, outcome),
        }
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.end(Outcome::Cancelled);
    }
}
