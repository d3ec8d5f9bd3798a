//! Where deliveries are kept that have failed to their end.

use std::collections::VecDeque;

/// A store of dead letters: the port between a bus and whatever keeps them.
///
/// `L` is a letter: what is known of one failed delivery. Each has an id, which is never used again.
pub trait DeadLetters<L> {
    /// An id for a letter that is to be kept.
    fn next_id(&mut self) -> u64;

    /// Keeps a letter under an id that it was given, or had before it was taken out. Returns a letter that
    /// had to go for it, if there was one.
    fn keep(&mut self, id: u64, letter: L) -> Option<L>;

    /// Takes a letter out, to be tried again or thrown away.
    fn take(&mut self, id: u64) -> Option<L>;

    /// Shows each letter, the oldest first.
    fn each(&self, look: &mut dyn FnMut(u64, &L));

    /// How many there are.
    fn count(&self) -> usize;

    /// How many had to go for others, ever.
    fn lost(&self) -> u64;
}

/// Dead letters in memory, the newest of them.
///
/// # Examples
/// ```
/// use buswork::policy::{DeadLetters, DeadLettersInMemory};
///
/// let mut letters = DeadLettersInMemory::new(2);
/// let mut keep = |text| {
///     let id = letters.next_id();
///     (id, letters.keep(id, text))
/// };
/// let (first, _) = keep("first");
/// keep("second");
/// assert_eq!(keep("third").1, Some("first"));
/// assert_eq!((letters.count(), letters.lost()), (2, 1));
/// assert_eq!(letters.take(first), None);
/// ```
#[derive(Debug)]
pub struct DeadLettersInMemory<L> {
    letters: VecDeque<(u64, L)>,
    most: usize,
    next: u64,
    lost: u64,
}

impl<L> DeadLettersInMemory<L> {
    /// A store that keeps so many letters at most.
    pub const fn new(most: usize) -> Self {
        Self {
            letters: VecDeque::new(),
            most,
            next: 1,
            lost: 0,
        }
    }

    /// Changes how many letters it keeps. Returns those that have to go.
    pub fn set_most(&mut self, most: usize) -> Vec<L> {
        self.most = most;
        let excess = self.letters.len().saturating_sub(most);
        self.lost += excess as u64;
        self.letters
            .drain(..excess)
            .map(|(_, letter)| letter)
            .collect()
    }

    /// Takes all of them out.
    pub fn take_all(&mut self) -> Vec<(u64, L)> {
        std::mem::take(&mut self.letters).into()
    }
}

impl<L> DeadLetters<L> for DeadLettersInMemory<L> {
    fn next_id(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        id
    }

    fn keep(&mut self, id: u64, letter: L) -> Option<L> {
        let place = self.letters.partition_point(|(other, _)| *other < id);
        self.letters.insert(place, (id, letter));
        if self.letters.len() <= self.most {
            return None;
        }
        self.lost += 1;
        self.letters.pop_front().map(|(_, oldest)| oldest)
    }

    fn take(&mut self, id: u64) -> Option<L> {
        let place = self.letters.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.letters.remove(place).map(|(_, letter)| letter)
    }

    fn each(&self, look: &mut dyn FnMut(u64, &L)) {
        for (id, letter) in &self.letters {
            look(*id, letter);
        }
    }

    fn count(&self) -> usize {
        self.letters.len()
    }

    fn lost(&self) -> u64 {
        self.lost
    }
}
