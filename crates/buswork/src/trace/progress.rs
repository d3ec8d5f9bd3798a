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
    subscription: u64,
    /// None when it has ended.
    started: Option<Instant>,
}

impl InProgress {
    /// The delivery to the handler of a subscription, of which this is the number, from now on.
    pub fn new(dispatch: &Arc<Dispatch>, handler: &HandlerName, subscription: u64) -> Self {
        Self {
            dispatch: Arc::clone(dispatch),
            handler: handler.clone(),
            subscription,
            started: Some(Instant::now()),
        }
    }

    /// Begins anew: it had to wait until now.
    pub fn restart(&mut self) {
        self.started = Some(Instant::now());
    }

    /// What its handler publishes is caused by this.
    pub fn cause(&self) -> Cause {
        self.dispatch.cause_of(&self.handler, self.subscription)
    }

    /// Ends it. Nothing happens when it has ended before.
    pub fn end(&mut self, outcome: Outcome) {
        let Some(started) = self.started.take() else {
            return;
        };
        match outcome {
            Outcome::Skipped(reason) => {
                self.dispatch
                    .skipped(&self.handler, self.subscription, reason);
            }
            _ => self
                .dispatch
                .ended(&self.handler, self.subscription, started, outcome),
        }
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.end(Outcome::Cancelled);
    }
}
