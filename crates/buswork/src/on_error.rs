//! What the user can say about failures.

use std::fmt;

use crate::failure::Failure;
use crate::sync::Arc;

/// What a handler's failure does. Other handlers run in any case, but under `Stop`.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum OnError {
    /// It is part of the [`Error`](crate::Error) that publish returns when all have run. The default.
    #[default]
    Raise,
    /// It is logged (crate `log`), and publish returns no error for it.
    Log,
    /// It ends the publish: the rest do not run.
    Stop,
    /// It is given to this function, and publish returns no error for it. A panic of the function
    /// is logged together with the failure.
    Call(Arc<dyn Fn(&Failure) + Send + Sync>),
}

impl fmt::Debug for OnError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Raise => "Raise",
            Self::Log => "Log",
            Self::Stop => "Stop",
            Self::Call(_) => "Call(..)",
        })
    }
}
