//! The recursion guard: how deep publishes are nested, decided here for both languages.
//!
//! A chain is the stack of publishes in progress of one causal line of execution (a thread, for
//! direct publishes). Depth is counted a bus: that another bus stands in between does not reset
//! it, and the depth of another bus does not count.
//!
//! A recursion error has to end every enclosing publish at once, or a fan-out of two would go on
//! for 2^100 calls. A handler may well drop the error of its nested publish (`let _ = ...`, `except
//! Exception`); so the chain itself remembers: until its outermost publish has been left, each
//! further publish in it is refused, and each enclosing one has the refusal as its
//! [`verdict`](Chain::verdict).

use std::cell::{Cell, RefCell};

/// One publish in progress.
#[derive(Debug, Clone, Copy)]
struct Link<L> {
    /// Tells it from the others: 0 for the one that began the chain.
    number: u64,
    bus: usize,
    depth: u32,
    event: L,
}

/// The publishes in progress of one causal chain. `L` names an event type, `R` is what the owner
/// says of a publish that is refused.
///
/// The innermost stands apart from the others, so that a publish that is not nested costs a few
/// stores.
#[derive(Debug)]
pub struct Chain<L: Copy, R> {
    innermost: Cell<Option<Link<L>>>,
    enclosing: RefCell<Vec<Link<L>>>,
    nested: Cell<u64>,
    is_tripped: Cell<bool>,
    refusal: RefCell<Option<R>>,
}

/// A publish that was entered, to be given to [`Chain::leave`].
#[derive(Debug, Clone, Copy)]
#[must_use = "give it to `leave`"]
pub struct Entered {
    number: u64,
}

impl Entered {
    /// Whether another publish is in progress around it.
    #[inline]
    pub fn is_nested(&self) -> bool {
        self.number != 0
    }
}

impl<L: Copy + PartialEq, R: Clone> Chain<L, R> {
    /// A chain with no publish in progress.
    pub const fn new() -> Self {
        Self {
            innermost: Cell::new(None),
            enclosing: RefCell::new(Vec::new()),
            nested: Cell::new(0),
            is_tripped: Cell::new(false),
            refusal: RefCell::new(None),
        }
    }

    /// Enters a publish of `event` on the bus numbered `bus`. What it returns is to be given to
    /// [`leave`](Self::leave).
    ///
    /// # Errors
    /// The refusal, when this would be the `max_depth + 1`th publish on that bus within the chain,
    /// or when another one in it was refused before. Nothing was entered then. `refusal` is made
    /// of the event types that go round, outermost first.
    #[inline]
    pub fn enter(
        &self,
        bus: usize,
        event: L,
        max_depth: u32,
        refusal: impl FnOnce(Vec<L>) -> R,
    ) -> Result<Entered, R> {
        self.verdict()?;
        let (number, depth) = match self.innermost.get() {
            None => (0, 1),
            Some(outer) => self.nest(bus, outer),
        };
        if depth > max_depth {
            return Err(self.refuse(event, refusal));
        }
        self.innermost.set(Some(Link {
            number,
            bus,
            depth,
            event,
        }));
        Ok(Entered { number })
    }

    /// Leaves a publish. It need not be the one entered last: where a thread runs several stacks
    /// in turn (greenlets), publishes do not end in the reverse order of their beginning.
    #[inline]
    pub fn leave(&self, entered: Entered) {
        let innermost = self.innermost.get().map(|link| link.number);
        if innermost == Some(entered.number) && !entered.is_nested() {
            self.innermost.set(None);
        } else {
            self.leave_from_within(entered.number);
        }
        if self.is_tripped.get() {
            self.settle();
        }
    }

    /// Whether a publish nested in those in progress was refused.
    ///
    /// # Errors
    /// The refusal.
    #[inline]
    pub fn verdict(&self) -> Result<(), R> {
        if self.is_tripped.get() {
            self.repeat()
        } else {
            Ok(())
        }
    }

    /// Whether [`verdict`](Self::verdict) has a refusal to tell.
    #[inline]
    pub fn is_tripped(&self) -> bool {
        self.is_tripped.get()
    }

    /// Whether a publish on that bus is in progress.
    pub fn is_inside(&self, bus: usize) -> bool {
        let innermost = self.innermost.get();
        innermost.is_some_and(|link| link.bus == bus)
            || self.enclosing.borrow().iter().any(|link| link.bus == bus)
    }

    /// How deep the innermost publish is on its bus; 0 if there is none.
    pub fn depth(&self) -> u32 {
        self.innermost.get().map_or(0, |link| link.depth)
    }

    /// Whether the innermost publish has another of its event type further out.
    pub fn goes_round(&self) -> bool {
        let enclosing = self.enclosing.borrow();
        self.innermost
            .get()
            .is_some_and(|link| enclosing.iter().any(|outer| outer.event == link.event))
    }

    /// Refuses the innermost publish after all: it, each enclosing one, and each further one in this
    /// chain have the refusal as their verdict. `refusal` is made of the event types that go round.
    #[cold]
    pub fn trip(&self, refusal: impl FnOnce(Vec<L>) -> R) {
        let enclosing = self.enclosing.borrow();
        let path = enclosing.iter().map(|link| link.event);
        let path: Vec<L> = path
            .chain(self.innermost.get().map(|link| link.event))
            .collect();
        drop(enclosing);
        if !path.is_empty() {
            self.refusal.replace(Some(refusal(cycle(&path))));
            self.is_tripped.set(true);
        }
    }

    /// Puts `outer` among the enclosing ones. Returns the number of the next publish, and how deep
    /// it is on `bus`.
    #[inline(never)]
    fn nest(&self, bus: usize, outer: Link<L>) -> (u64, u32) {
        let number = self.nested.get() + 1;
        self.nested.set(number);
        let mut enclosing = self.enclosing.borrow_mut();
        enclosing.push(outer);
        let last = enclosing.iter().rev().find(|link| link.bus == bus);
        (number, last.map_or(1, |link| link.depth + 1))
    }

    /// Undoes what [`nest`](Self::nest) did, and trips the chain.
    #[cold]
    #[inline(never)]
    fn refuse(&self, event: L, refusal: impl FnOnce(Vec<L>) -> R) -> R {
        let path: Vec<L> = self
            .enclosing
            .borrow()
            .iter()
            .map(|link| link.event)
            .chain([event])
            .collect();
        let refusal = refusal(cycle(&path));
        // A limit of zero refuses even the outermost publish: no chain to unwind then.
        if self.innermost.get().is_some() {
            self.enclosing.borrow_mut().pop();
            self.refusal.replace(Some(refusal.clone()));
            self.is_tripped.set(true);
        }
        refusal
    }

    #[cold]
    #[inline(never)]
    fn repeat(&self) -> Result<(), R> {
        match &*self.refusal.borrow() {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(()),
        }
    }

    #[inline(never)]
    fn leave_from_within(&self, number: u64) {
        let mut enclosing = self.enclosing.borrow_mut();
        if self
            .innermost
            .get()
            .is_some_and(|link| link.number == number)
        {
            self.innermost.set(enclosing.pop());
        } else {
            enclosing.retain(|link| link.number != number);
        }
    }

    /// Ends the refusal when the outermost publish has been left.
    #[cold]
    #[inline(never)]
    fn settle(&self) {
        if self.innermost.get().is_none() {
            self.is_tripped.set(false);
            self.refusal.replace(None);
        }
    }
}

impl<L: Copy + PartialEq, R: Clone> Default for Chain<L, R> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a refused publish is told, with the names of the event types that go round.
pub fn too_deep(max_depth: u32, cycle: impl IntoIterator<Item = String>) -> String {
    let cycle: Vec<String> = cycle.into_iter().collect();
    format!(
        "publishes are nested more than {max_depth} deep: {}; break the cycle, or raise max_depth",
        cycle.join(" -> ")
    )
}

/// The shortest tail of `path` that repeats itself, closed by its first member (`A, B, A`).
/// A path that does not repeat (a long line of different types) is cut to its last members.
pub fn cycle<L: Copy + PartialEq>(path: &[L]) -> Vec<L> {
    const SHOWN: usize = 10;
    let last = path.len() - 1;
    let back = (1..=path.len() / 2).find(|&period| {
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

    type Letters = Chain<char, String>;

    fn enter(chain: &Letters, bus: usize, event: char, max_depth: u32) -> Result<Entered, String> {
        chain.enter(bus, event, max_depth, |cycle| cycle.into_iter().collect())
    }

    #[test]
    fn depth_is_counted_a_bus() {
        let chain = Letters::new();
        let outermost = enter(&chain, 1, 'a', 2).unwrap();
        let second = enter(&chain, 2, 'b', 1).unwrap();
        let third = enter(&chain, 1, 'a', 2).unwrap();
        assert_eq!(enter(&chain, 2, 'b', 1).unwrap_err(), "bab");
        for entered in [third, second, outermost] {
            chain.leave(entered);
        }
    }

    #[test]
    fn a_refusal_is_remembered_until_the_outermost_publish_is_left() {
        let chain = Letters::new();
        let outermost = enter(&chain, 1, 'a', 2).unwrap();
        let second = enter(&chain, 1, 'a', 2).unwrap();
        assert!(chain.verdict().is_ok());
        assert_eq!(enter(&chain, 1, 'a', 2).unwrap_err(), "aa");
        assert_eq!(enter(&chain, 7, 'z', 9).unwrap_err(), "aa");
        chain.leave(second);
        assert_eq!(chain.verdict().unwrap_err(), "aa");
        chain.leave(outermost);
        assert!(chain.verdict().is_ok());
        assert!(enter(&chain, 7, 'z', 9).is_ok());
    }

    #[test]
    fn publishes_of_several_stacks_may_end_in_any_order() {
        let chain = Letters::new();
        for _ in 0..10 {
            let first = enter(&chain, 1, 'a', 2).unwrap();
            let second = enter(&chain, 1, 'b', 2).unwrap();
            chain.leave(first);
            chain.leave(second);
        }
        let alone = enter(&chain, 1, 'c', 1).unwrap();
        assert!(!alone.is_nested());
        chain.leave(alone);
    }
}
