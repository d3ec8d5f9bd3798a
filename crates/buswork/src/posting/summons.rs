//! How many threads there are, and which of them does what: decided here, without a thread in sight.
//!
//! One thread works as long as it gets on, however many quick handlers there are. Beside it, as soon
//! as there is more to do than it can take at once, or something rests meanwhile, one stands by and looks
//! every few milliseconds:
//! when nothing was taken since it last looked, though something is ready, a handler is slow, and the
//! one that stood by begins to work, with another one standing by. It does so too when there was always
//! something ready meanwhile, as long as there are processors left. So a slow handler holds up others
//! for a few milliseconds, once, and a burst of quick ones wakes two threads at most.

/// How many threads a bus has at most.
pub(crate) const MOST: usize = 32;
/// After so many looks at which nothing was ready, whoever stands by goes to rest.
const QUIET_LOOKS: u32 = 100;

/// The threads of a bus. Those that neither rest nor stand by nor are inside a handler look for
/// something to do.
#[derive(Debug, Default)]
pub(crate) struct Staff {
    threads: usize,
    resting: usize,
    /// How many of those that rested were called, and have not woken yet.
    called: usize,
    running: usize,
    /// How many of those that run were found to be slow. Nobody counts on them.
    slow: usize,
    /// Grows whenever those that run are found to be slow.
    epoch: u64,
    standby: Standby,
    /// Grows with each thread that begins to stand by, so that the one before it knows.
    shift: u64,
    /// How many deliveries were ever taken.
    takes: u64,
    /// How often nothing was ready behind one that was taken.
    dries: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Standby {
    #[default]
    Nobody,
    /// Whoever comes next is to stand by.
    Wanted,
    Somebody,
}

/// Who is to be woken or started, once nothing is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Summons {
    Nobody,
    Resting,
    Standby,
    New,
}

/// What whoever stands by saw when it last looked.
#[derive(Debug, Default)]
pub(crate) struct Look {
    takes: u64,
    dries: u64,
    quiet: u32,
}

impl Staff {
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    fn searching(&self) -> usize {
        let standby = usize::from(self.standby != Standby::Nobody);
        self.threads - self.resting - self.running - standby
    }

    /// Whom to summon when so many lines are ready.
    #[inline]
    pub(crate) fn summon(&mut self, ready: usize) -> Summons {
        let searching = self.searching();
        if ready <= searching {
            return Summons::Nobody;
        }
        if searching + self.running == self.slow {
            return self.summon_worker();
        }
        if self.standby != Standby::Nobody {
            return Summons::Nobody;
        }
        let summons = self.call_or_hire();
        if summons != Summons::Nobody {
            self.standby = Standby::Wanted;
        }
        summons
    }

    fn summon_worker(&mut self) -> Summons {
        if self.resting == 0 && self.standby == Standby::Somebody {
            self.standby = Standby::Nobody;
            return Summons::Standby;
        }
        self.call_or_hire()
    }

    fn call_or_hire(&mut self) -> Summons {
        if self.resting > 0 {
            self.resting -= 1;
            self.called += 1;
            Summons::Resting
        } else if self.threads < MOST {
            self.threads += 1;
            Summons::New
        } else {
            Summons::Nobody
        }
    }

    /// A new thread could not be had.
    pub(crate) fn not_hired(&mut self) {
        self.threads -= 1;
        if self.standby == Standby::Wanted {
            self.standby = Standby::Nobody;
        }
    }

    /// The shift of this thread, which looks for something to do, if it is to stand by now.
    pub(crate) fn stand_by(&mut self) -> Option<u64> {
        if self.standby != Standby::Wanted {
            return None;
        }
        self.standby = Standby::Somebody;
        self.shift += 1;
        Some(self.shift)
    }

    /// Whether a shift was ended, for its thread to work.
    pub(crate) fn is_relieved(&self, shift: u64) -> bool {
        self.standby != Standby::Somebody || self.shift != shift
    }

    pub(crate) fn leave_standby(&mut self) {
        self.standby = Standby::Nobody;
    }

    pub(crate) fn look(&self) -> Look {
        Look {
            takes: self.takes,
            dries: self.dries,
            quiet: 0,
        }
    }

    /// Whether whoever stands by is to leave its place: to work, or to rest.
    pub(crate) fn look_again(&mut self, look: &mut Look, ready: usize, processors: usize) -> bool {
        if ready == 0 {
            look.quiet += 1;
            return look.quiet > QUIET_LOOKS;
        }
        let is_stuck = look.takes == self.takes;
        let is_piling_up = look.dries == self.dries && self.running < processors;
        *look = self.look();
        if is_stuck {
            self.slow = self.running;
            self.epoch += 1;
        }
        is_stuck || is_piling_up
    }

    /// A delivery is taken. What this returns is for [`done`](Self::done).
    #[inline]
    pub(crate) fn take(&mut self, ready_behind: usize) -> u64 {
        self.takes += 1;
        self.dries += u64::from(ready_behind == 0);
        self.running += 1;
        self.epoch
    }

    #[inline]
    pub(crate) fn done(&mut self, epoch: u64) {
        self.running -= 1;
        // Whoever has run since before they were found to be slow is one of them.
        self.slow -= usize::from(epoch < self.epoch);
    }

    pub(crate) fn rest(&mut self) {
        self.resting += 1;
    }

    /// Whether a thread that rests was called.
    pub(crate) fn is_called(&mut self) -> bool {
        let is_called = self.called > 0;
        if is_called {
            self.called -= 1;
        }
        is_called
    }

    /// A thread that rests looks for something to do, without being called.
    pub(crate) fn get_up(&mut self) {
        self.resting -= 1;
    }

    /// A thread that rests goes.
    pub(crate) fn leave_rest(&mut self) {
        self.resting -= 1;
        self.leave();
    }

    pub(crate) fn leave(&mut self) {
        self.threads -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread that was summoned comes, and takes a delivery, with so many lines ready behind it.
    fn take(staff: &mut Staff, ready_behind: usize) -> (u64, Summons) {
        let epoch = staff.take(ready_behind);
        (epoch, staff.summon(ready_behind))
    }

    #[test]
    fn one_thread_for_one_line_and_one_more_stands_by_for_several() {
        let mut staff = Staff::default();
        assert_eq!(staff.summon(1), Summons::New);
        assert_eq!(staff.summon(1), Summons::Nobody);
        assert_eq!(staff.summon(3), Summons::New);
        assert_eq!(staff.summon(20), Summons::Nobody);
        assert_eq!(staff.threads(), 2);
        assert_eq!(staff.stand_by(), Some(1));
        assert_eq!(staff.stand_by(), None);
        let (_, summons) = take(&mut staff, 19);
        assert_eq!(summons, Summons::Nobody);
    }

    #[test]
    fn a_slow_handler_is_relieved_and_not_counted_on_any_more() {
        let mut staff = Staff::default();
        let _ = staff.summon(1);
        let _ = staff.summon(2);
        let shift = staff.stand_by().unwrap();
        let (epoch, _) = take(&mut staff, 1);
        let mut look = staff.look();
        assert!(
            staff.look_again(&mut look, 1, 1),
            "nothing was taken meanwhile"
        );
        staff.leave_standby();
        assert!(staff.is_relieved(shift));
        let (quick, _) = take(&mut staff, 0);
        staff.done(quick);
        staff.rest();
        // The slow one is still running: what comes now is for the one that rests, at once.
        assert_eq!(staff.summon(1), Summons::Resting);
        assert!(staff.is_called() && !staff.is_called());
        staff.done(epoch);
        assert_eq!((staff.running, staff.slow), (0, 0));
    }

    #[test]
    fn whoever_stands_by_rests_when_it_is_quiet_and_works_when_it_piles_up() {
        let mut staff = Staff::default();
        let _ = staff.summon(1);
        let _ = staff.summon(2);
        let _ = staff.stand_by();
        let mut look = staff.look();
        for _ in 0..QUIET_LOOKS {
            assert!(!staff.look_again(&mut look, 0, 2));
        }
        assert!(staff.look_again(&mut look, 0, 2));
        let mut look = staff.look();
        let (epoch, _) = take(&mut staff, 2);
        staff.done(epoch);
        let (epoch, _) = take(&mut staff, 1);
        // Something was taken, and something was ready behind it each time.
        assert!(
            !staff.look_again(&mut look, 1, 1),
            "there is no processor left"
        );
        staff.done(epoch);
        let (epoch, _) = take(&mut staff, 1);
        assert!(staff.look_again(&mut look, 1, 3));
        staff.done(epoch);
    }

    #[test]
    fn there_are_never_more_than_so_many() {
        let mut staff = Staff::default();
        for _ in 0..3 * MOST {
            if staff.summon(100) == Summons::Nobody {
                let mut look = staff.look();
                let _ = staff.stand_by();
                assert!(staff.look_again(&mut look, 100, 1));
                staff.leave_standby();
            }
            let _ = take(&mut staff, 100);
            if staff.threads() == MOST {
                break;
            }
        }
        assert_eq!(staff.threads(), MOST);
        assert_eq!(staff.call_or_hire(), Summons::Nobody);
    }
}
