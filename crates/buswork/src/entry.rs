//! One subscription as the table keeps it, and the state that decides whether a call may happen.
//!
//! **Liveness is checked a call.** A publish walks the handlers that it started with, but asks
//! each entry just before its turn: one that was cancelled or paused meanwhile is not called.
//! **`once` is spent before the call**, by one compare-and-swap, so that neither a nested publish
//! nor another thread can spend it again.

use std::fmt;
use std::sync::atomic::Ordering;

use crate::delivery::SkipReason;
use crate::sync::{Arc, AtomicU8};

/// Live, and nothing has to be looked at before the call.
const PLAIN: u8 = 0;
/// Live, but `once`, a predicate or the like must be looked at first.
const GUARDED: u8 = 1;
const PLAIN_PAUSED: u8 = 2;
const GUARDED_PAUSED: u8 = 3;
/// `once`, and spent.
const SPENT: u8 = 4;
const CANCELLED: u8 = 5;

/// What the engine must know of a subscription; the rest is the handler's own business.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// High runs first; equal ones in order of subscription.
    pub priority: i64,
    /// Ends with its first call.
    pub once: bool,
    /// Whether [`Entry::is_plain`] must say no, since the handler's owner has something to check
    /// before each call (a predicate, say). Implied by `once`.
    pub guarded: bool,
    /// A name given by the user, unique in its table.
    pub name: Option<Arc<str>>,
    /// What the owner tells handlers apart by, for [`Table::knows`](crate::table::Table::knows).
    pub identity: Option<Identity>,
}

/// What an owner tells handlers apart by: an address or two, say.
pub type Identity = (usize, usize);

/// A subscription in a [`Table`](crate::table::Table): its keys, its handler and its state.
///
/// `K` is what events are routed by, `H` is whatever the owner calls.
pub struct Entry<K, H> {
    state: AtomicU8,
    once: bool,
    sequence: u64,
    priority: i64,
    keys: Box<[K]>,
    name: Option<Arc<str>>,
    identity: Option<Identity>,
    handler: H,
}

impl<K, H> Entry<K, H> {
    pub(crate) fn new(keys: Box<[K]>, options: Options, sequence: u64, handler: H) -> Self {
        let guarded = options.once || options.guarded;
        Self {
            state: AtomicU8::new(if guarded { GUARDED } else { PLAIN }),
            once: options.once,
            sequence,
            priority: options.priority,
            keys,
            name: options.name,
            identity: options.identity,
            handler,
        }
    }

    /// An entry that stands in no table, and in no order: its sequence is the highest.
    pub fn detached(handler: H) -> Self {
        Self::new(Box::new([]), Options::default(), u64::MAX, handler)
    }

    /// What the owner calls.
    #[inline]
    pub fn handler(&self) -> &H {
        &self.handler
    }

    /// The keys that it was subscribed to, as given.
    pub fn keys(&self) -> &[K] {
        &self.keys
    }

    /// High runs first.
    pub fn priority(&self) -> i64 {
        self.priority
    }

    /// Its place in the order of subscription; unique in its table.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The name that the user gave, if any.
    pub fn given_name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    /// What the owner tells it apart by.
    pub fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// Whether it ends with its first call.
    pub fn is_once(&self) -> bool {
        self.once
    }

    /// Live, with nothing to look at before the call: one load, the whole check on the fast road.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.state.load(Ordering::Acquire) == PLAIN
    }

    /// Live: neither paused nor ended.
    pub fn is_active(&self) -> bool {
        matches!(self.state.load(Ordering::Acquire), PLAIN | GUARDED)
    }

    /// Ended for good, by a cancel or because its one call was spent.
    pub fn is_ended(&self) -> bool {
        self.state.load(Ordering::Acquire) >= SPENT
    }

    /// Why a call is not allowed now, without spending anything.
    ///
    /// # Errors
    /// The reason, when it is paused or has ended.
    pub fn check(&self) -> Result<(), SkipReason> {
        Self::verdict(self.state.load(Ordering::Acquire))
    }

    /// Asks for the right to one call, now. For a `once` entry the right is spent by this.
    ///
    /// # Errors
    /// The reason, when it is paused, has ended, or somebody else spent the one call.
    pub fn claim(&self) -> Result<(), SkipReason> {
        if !self.once {
            return self.check();
        }
        self.state
            .compare_exchange(GUARDED, SPENT, Ordering::AcqRel, Ordering::Acquire)
            .map_or_else(Self::verdict, |_| Ok(()))
    }

    /// Ends it. Says whether it was this call that did.
    pub fn cancel(&self) -> bool {
        self.change(|state| (state < SPENT).then_some(CANCELLED))
    }

    /// Keeps it subscribed, but not called until [`resume`](Self::resume). Says whether this
    /// changed anything.
    pub fn pause(&self) -> bool {
        self.change(|state| match state {
            PLAIN => Some(PLAIN_PAUSED),
            GUARDED => Some(GUARDED_PAUSED),
            _ => None,
        })
    }

    /// Ends a pause. Says whether this changed anything.
    pub fn resume(&self) -> bool {
        self.change(|state| match state {
            PLAIN_PAUSED => Some(PLAIN),
            GUARDED_PAUSED => Some(GUARDED),
            _ => None,
        })
    }

    fn change(&self, next: impl Fn(u8) -> Option<u8>) -> bool {
        let mut state = self.state.load(Ordering::Acquire);
        while let Some(wanted) = next(state) {
            match self
                .state
                .compare_exchange(state, wanted, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return true,
                Err(found) => state = found,
            }
        }
        false
    }

    fn verdict(state: u8) -> Result<(), SkipReason> {
        match state {
            PLAIN | GUARDED => Ok(()),
            PLAIN_PAUSED | GUARDED_PAUSED => Err(SkipReason::Paused),
            SPENT => Err(SkipReason::Once),
            _ => Err(SkipReason::Cancelled),
        }
    }
}

impl<K: fmt::Debug, H> fmt::Debug for Entry<K, H> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Entry")
            .field("keys", &self.keys)
            .field("name", &self.name)
            .field("priority", &self.priority)
            .field("sequence", &self.sequence)
            .field("active", &self.is_active())
            .finish_non_exhaustive()
    }
}
