//! How one delivery ended: a status, and for a skipped one the reason.

use std::fmt;

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// The handler returned.
    Ok,
    /// The handler failed: it returned an error or panicked.
    Failed,
    /// The handler was not called.
    Skipped(SkipReason),
}

/// Why a handler was not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// The subscription was cancelled after the publish began.
    Cancelled,
    /// The subscription is paused.
    Paused,
    /// Its predicate said no.
    When,
    /// It was for one call, and that is spent.
    Once,
    /// The object that it was bound to weakly no longer exists (Python only).
    Gone,
    /// An earlier handler failed under the policy "stop".
    Stopped,
    /// It is muted for a test.
    Muted,
    /// Its limit had no room for the delivery, and drops.
    Limit,
    /// It takes only events that are posted; in Python it was posted to.
    Posted,
}

impl SkipReason {
    /// The reason that a word says: the inverse of [`as_str`](Self::as_str).
    pub fn from_word(word: &str) -> Option<Self> {
        const ALL: [SkipReason; 9] = [
            SkipReason::Cancelled,
            SkipReason::Paused,
            SkipReason::When,
            SkipReason::Once,
            SkipReason::Gone,
            SkipReason::Stopped,
            SkipReason::Muted,
            SkipReason::Limit,
            SkipReason::Posted,
        ];
        ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// The reason in one word, the same in both languages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Paused => "paused",
            Self::When => "when",
            Self::Once => "once",
            Self::Gone => "gone",
            Self::Stopped => "stopped",
            Self::Muted => "muted",
            Self::Limit => "limit",
            Self::Posted => "posted",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
