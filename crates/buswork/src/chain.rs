//! The recursion guard: how deep publishes are nested, decided here for both languages.
//!
//! A chain is the stack of publishes in progress of one causal line of execution (a thread, for
//! direct publishes). Depth is counted a bus: that another bus stands in between does not reset
//! it, and the depth of another bus does not count.

use std::cell::{Cell, RefCell};

/// One publish in progress.
#[derive(Debug, Clone, Copy)]
struct Link<L> {
    bus: usize,
    depth: u32,
    event: L,
}

/// The publishes in progress of one causal chain. `L` names an event type.
///
/// The innermost stands apart from the others, so that a publish that is not nested costs two
/// stores.
#[derive(Debug)]
pub struct Chain<L: Copy> {
    innermost: Cell<Option<Link<L>>>,
    enclosing: RefCell<Vec<Link<L>>>,
}

/// Whether a publish began a chain or was entered in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "give it to `leave`"]
pub enum Nesting {
    /// It began the chain.
    Outermost,
    /// Another publish is in progress around it.
    Nested,
}

impl<L: Copy + PartialEq> Chain<L> {
    /// A chain with no publish in progress.
    pub const fn new() -> Self {
        Self {
            innermost: Cell::new(None),
            enclosing: RefCell::new(Vec::new()),
        }
    }

    /// Enters a publish of `event` on the bus numbered `bus`. What it returns is to be given to
    /// [`leave`](Self::leave).
    ///
    /// # Errors
    /// The event types that go round, outermost first, when this would be the `max_depth + 1`th
    /// publish on that bus within the chain. Nothing was entered then.
    #[inline]
    pub fn enter(&self, bus: usize, event: L, max_depth: u32) -> Result<Nesting, Vec<L>> {
        let (nesting, depth) = match self.innermost.get() {
            None => (Nesting::Outermost, 1),
            Some(outer) => (Nesting::Nested, self.nest(bus, outer)),
        };
        if depth > max_depth {
            return Err(self.refuse(event));
        }
        self.innermost.set(Some(Link { bus, depth, event }));
        Ok(nesting)
    }

    /// Leaves the publish entered last.
    #[inline]
    pub fn leave(&self, nesting: Nesting) {
        self.innermost.set(match nesting {
            Nesting::Outermost => None,
            Nesting::Nested => self.enclosing.borrow_mut().pop(),
        });
    }

    /// Whether no publish is in progress.
    pub fn is_empty(&self) -> bool {
        self.innermost.get().is_none()
    }

    /// Puts `outer` among the enclosing ones, and says how deep the next publish on `bus` is.
    #[inline(never)]
    fn nest(&self, bus: usize, outer: Link<L>) -> u32 {
        let mut enclosing = self.enclosing.borrow_mut();
        enclosing.push(outer);
        let last = enclosing.iter().rev().find(|link| link.bus == bus);
        last.map_or(1, |link| link.depth + 1)
    }

    /// The cycle that `event` would close; undoes what [`nest`](Self::nest) did.
    #[cold]
    fn refuse(&self, event: L) -> Vec<L> {
        let mut enclosing = self.enclosing.borrow_mut();
        let path: Vec<L> = enclosing
            .iter()
            .map(|link| link.event)
            .chain([event])
            .collect();
        if self.innermost.get().is_some() {
            enclosing.pop();
        }
        cycle(&path)
    }
}

impl<L: Copy + PartialEq> Default for Chain<L> {
    fn default() -> Self {
        Self::new()
    }
}

/// The shortest tail of `path` that repeats itself, closed by its first member (`A, B, A`).
/// A path that does not repeat (a long line of different types) is cut to its last members.
fn cycle<L: Copy + PartialEq>(path: &[L]) -> Vec<L> {
    const SHOWN: usize = 10;
    let last = path.len() - 1;
    let back = (1..=last / 2).find(|&period| {
        (0..period).all(|offset| path[last - offset] == path[last - offset - period])
    });
    match back {
        Some(period) => path[last - period..].to_vec(),
        None => path[path.len().saturating_sub(SHOWN)..].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_closed_by_its_first_member() {
        assert_eq!(cycle(&[9, 1, 2, 3, 1, 2, 3, 1]), [1, 2, 3, 1]);
        assert_eq!(cycle(&[5, 5, 5]), [5, 5]);
    }

    #[test]
    fn a_path_without_a_cycle_is_cut_to_its_end() {
        let path: Vec<u32> = (0..40).collect();
        assert_eq!(cycle(&path), (30..40).collect::<Vec<_>>());
    }

    #[test]
    fn depth_is_counted_a_bus() {
        let chain = Chain::new();
        let outermost = chain.enter(1, 'a', 2).unwrap();
        let second = chain.enter(2, 'b', 1).unwrap();
        let third = chain.enter(1, 'a', 2).unwrap();
        assert!(chain.enter(2, 'b', 1).is_err());
        for nesting in [third, second, outermost] {
            chain.leave(nesting);
        }
        assert!(chain.is_empty());
    }
}
