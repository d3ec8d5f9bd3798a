//! A limit, or bulkhead: how many deliveries of a handler are in progress at once.
//!
//! The pattern is Michael Nygard's (Release It!, 2007, "Bulkheads").

use std::fmt;

/// How many deliveries of a handler are in progress at once, and how many may wait for their turn.
///
/// # Examples
/// ```
/// use buswork::policy::{Limit, WhenFull};
///
/// let limit = Limit::new(4).queue(100).when_full(WhenFull::DropOld);
/// assert_eq!(limit.to_string(), "4, queue 100, drop_old");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    concurrency: usize,
    queue: Option<usize>,
    when_full: WhenFull,
}

/// What becomes of a delivery when as many wait as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenFull {
    /// It fails. The default.
    #[default]
    Raise,
    /// It is dropped, and counted.
    DropNew,
    /// The oldest one that waits is dropped, and counted. Where none waits, the new one is.
    DropOld,
}

impl WhenFull {
    /// What a word says: `"raise"`, `"drop_new"`, `"drop_old"`.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Raise, Self::DropNew, Self::DropOld]
            .into_iter()
            .find(|one| one.as_str() == word)
    }

    /// The word for it: the inverse of [`from_word`](Self::from_word).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raise => "raise",
            Self::DropNew => "drop_new",
            Self::DropOld => "drop_old",
        }
    }
}

impl Limit {
    /// So many deliveries at once, of any number that wait.
    ///
    /// # Panics
    /// When there may be none.
    pub fn new(concurrency: usize) -> Self {
        assert!(concurrency > 0, "a limit lets at least 1 delivery through");
        Self {
            concurrency,
            queue: None,
            when_full: WhenFull::default(),
        }
    }

    /// How many deliveries may wait for their turn.
    #[must_use]
    pub fn queue(mut self, deliveries: usize) -> Self {
        self.queue = Some(deliveries);
        self
    }

    /// What becomes of one more.
    #[must_use]
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// How many deliveries are in progress at once, at most.
    pub const fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// How many may wait, if that is limited.
    pub const fn room(&self) -> Option<usize> {
        self.queue
    }

    /// What becomes of one more.
    pub const fn overflow(&self) -> WhenFull {
        self.when_full
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.concurrency)?;
        if let Some(queue) = self.queue {
            write!(formatter, ", queue {queue}")?;
        }
        if self.when_full != WhenFull::default() {
            write!(formatter, ", {}", self.when_full.as_str())?;
        }
        Ok(())
    }
}
