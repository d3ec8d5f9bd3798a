//! The table of subscriptions: subscribe compiles, publish only reads.
//!
//! For each concrete key that was published there is a *plan*: an immutable slice of entries in
//! call order. A publish takes a snapshot of it without waiting and walks it. A subscription that
//! comes or goes evicts just the plans that it concerns, found through an index; the next publish
//! of such a key compiles its plan anew.
//!
//! The table is generic over the key `K`, the handler `H` and what the owner keeps with a plan,
//! `X`. This is so that the Python glue can hold Python objects where the garbage collector sees
//! them, while Rust holds closures.
//!
//! **No foreign code runs under the lock.** Nothing of `H` or `X` is called, made or dropped while
//! the registry is locked: what a change removes is handed back in a [`Removed`], to be dropped by
//! the caller afterwards.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::fmt;
use std::hash::Hash;

use crate::entry::{Entry, Identity, Options};
use crate::hash::{KeyState, hash};
use crate::order;
use crate::sync::{Arc, Mutex, Swap, lock};

mod compile;
mod registry;

pub use self::compile::{Arranged, Gathered, Plan};
use self::registry::{Compiled, Registry};

/// A change to one key copies one shard, so the cost of a subscribe does not grow with the number
/// of other keys until there are very many.
const SHARDS: usize = if cfg!(loom) { 1 } else { 64 };

type Map<K, V> = HashMap<K, V, KeyState>;
type Shard<K, H, X> = Map<K, Arc<Plan<K, H, X>>>;

/// What a change took out of the table. Dropping it may run foreign code (the destructor of a
/// handler), so it is returned rather than dropped under the lock.
#[must_use = "drop it where running foreign code is safe"]
pub struct Removed<K, H, X> {
    entries: Vec<Arc<Entry<K, H>>>,
    shards: Vec<Arc<Shard<K, H, X>>>,
    plans: Vec<Compiled<K, H, X>>,
}

impl<K, H, X> Removed<K, H, X> {
    fn nothing() -> Self {
        Self {
            entries: Vec::new(),
            shards: Vec::new(),
            plans: Vec::new(),
        }
    }

    /// The entries that are no longer in the table.
    pub fn entries(&self) -> &[Arc<Entry<K, H>>] {
        &self.entries
    }
}

impl<K, H, X> fmt::Debug for Removed<K, H, X> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Removed")
            .field("entries", &self.entries.len())
            .field("plans", &self.plans.len())
            .finish_non_exhaustive()
    }
}

/// The name of a subscription is taken by another one of the same table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameTaken;

/// What [`Table::subscribe`] returns: the entry and what it evicted, or the handler back.
pub type Subscribed<K, H, X> = Result<(Arc<Entry<K, H>>, Removed<K, H, X>), (NameTaken, H)>;

/// Subscriptions by key, and the compiled plans that a publish walks. See the [module](self).
pub struct Table<K, H, X> {
    shards: Box<[Swap<Shard<K, H, X>>]>,
    registry: Mutex<Registry<K, H, X>>,
}

impl<K: Copy + Eq + Hash, H, X> Table<K, H, X> {
    /// An empty table.
    pub fn new() -> Self {
        let empty = Arc::new(Shard::default());
        Self {
            shards: (0..SHARDS).map(|_| Swap::new(Arc::clone(&empty))).collect(),
            registry: Mutex::new(Registry::new()),
        }
    }

    /// Calls `read` with the plan of `key`, if it is compiled. Nothing is locked meanwhile.
    #[inline]
    pub fn with_plan<R>(&self, key: &K, read: impl FnOnce(Option<&Arc<Plan<K, H, X>>>) -> R) -> R {
        let shard = self.shards[Self::shard_of(key)].load();
        read(shard.get(key))
    }

    /// The plan of `key`, if it is compiled.
    pub fn plan(&self, key: &K) -> Option<Arc<Plan<K, H, X>>> {
        self.with_plan(key, |plan| plan.map(Arc::clone))
    }

    /// The first half of a compile: the entries subscribed to any key of `lineage`, and those that
    /// have to be asked. `inherits` says whether an entry found under another key
    /// than `key` itself counts.
    pub fn gather(&self, key: &K, lineage: &[K], inherits: impl Fn(&H) -> bool) -> Gathered<K, H> {
        let registry = lock(&self.registry);
        let mut entries = Vec::new();
        for ancestor in lineage {
            for entry in registry.subscribed.get(ancestor).into_iter().flatten() {
                if ancestor == key || inherits(entry.handler()) {
                    entries.push(Arc::clone(entry));
                }
            }
        }
        let searching = registry.searching.clone();
        Gathered {
            entries,
            searching,
            generation: registry.generation,
        }
    }

    /// The second half: makes the plan of `key`, and keeps it unless the table has changed since
    /// it was gathered, in which case the plan is good for this once.
    pub fn install(
        &self,
        key: K,
        lineage: &[K],
        arranged: Arranged<K, H>,
        extra: X,
    ) -> Arc<Plan<K, H, X>> {
        let generation = arranged.generation();
        let plan = arranged.into_plan(extra);
        let mut registry = lock(&self.registry);
        if registry.generation != generation || registry.compiled.contains_key(&key) {
            return plan;
        }
        for &ancestor in lineage {
            registry.dependents.entry(ancestor).or_default().insert(key);
        }
        registry.compiled.insert(
            key,
            Compiled {
                lineage: lineage.into(),
                plan: Arc::clone(&plan),
            },
        );
        let shard = &self.shards[Self::shard_of(&key)];
        let mut next = Shard::clone(&shard.load());
        next.insert(key, Arc::clone(&plan));
        let old = shard.swap(Arc::new(next));
        drop(registry);
        drop(old);
        plan
    }

    /// Adds a subscription to `keys`. With `searching`, it is asked at every compile whether it
    /// matches, whatever the lineage.
    ///
    /// # Errors
    /// [`NameTaken`] when another subscription has the name that the options give.
    pub fn subscribe(
        &self,
        keys: Box<[K]>,
        options: Options,
        searching: bool,
        handler: H,
    ) -> Subscribed<K, H, X> {
        let mut registry = lock(&self.registry);
        if options
            .name
            .as_ref()
            .is_some_and(|name| registry.names.contains_key(name))
        {
            return Err((NameTaken, handler));
        }
        let sequence = registry.next_sequence;
        registry.next_sequence += 1;
        registry.len += 1;
        let entry = Arc::new(Entry::new(keys, options, sequence, handler));
        if let Some(name) = entry.given_name() {
            registry.names.insert(Arc::clone(name), sequence);
        }
        for (index, key) in entry.keys().iter().enumerate() {
            if !entry.keys()[..index].contains(key) {
                registry
                    .subscribed
                    .entry(*key)
                    .or_default()
                    .push(Arc::clone(&entry));
                registry.note(*key, &entry);
            }
        }
        if searching {
            registry.searching.push(Arc::clone(&entry));
        }
        let mut removed = Removed::nothing();
        self.touch(&mut registry, entry.keys(), searching, &mut removed);
        Ok((entry, removed))
    }

    /// Takes an entry out. Nothing happens to one that is out already.
    pub fn remove(&self, entry: &Arc<Entry<K, H>>) -> Removed<K, H, X> {
        let mut registry = lock(&self.registry);
        let mut removed = Removed::nothing();
        self.take(&mut registry, entry, &mut removed);
        removed
    }

    /// Takes all entries out, and all plans.
    pub fn clear(&self) -> Removed<K, H, X> {
        let mut registry = lock(&self.registry);
        let mut removed = Removed::nothing();
        let mut entries: Vec<_> = registry.all().cloned().collect();
        order::arrange(&mut entries);
        registry.subscribed = Map::default();
        registry.searching = Vec::new();
        registry.names = HashMap::new();
        registry.known = HashMap::new();
        registry.len = 0;
        removed.entries = entries;
        self.touch(&mut registry, &[], true, &mut removed);
        removed
    }

    /// Forgets the plans of `key` and of all keys that have it in their lineage.
    pub fn evict(&self, key: &K) -> Removed<K, H, X> {
        let mut registry = lock(&self.registry);
        let mut removed = Removed::nothing();
        self.touch(&mut registry, &[*key], false, &mut removed);
        removed
    }

    /// Forgets every plan.
    pub fn evict_all(&self) -> Removed<K, H, X> {
        let mut registry = lock(&self.registry);
        let mut removed = Removed::nothing();
        self.touch(&mut registry, &[], true, &mut removed);
        removed
    }

    /// All entries, in call order.
    pub fn entries(&self) -> Vec<Arc<Entry<K, H>>> {
        let mut entries: Vec<_> = lock(&self.registry).all().cloned().collect();
        order::arrange(&mut entries);
        entries
    }

    /// The entries subscribed to exactly `key`, in order of subscription.
    pub fn subscribed_to(&self, key: &K) -> Vec<Arc<Entry<K, H>>> {
        lock(&self.registry)
            .subscribed
            .get(key)
            .cloned()
            .unwrap_or_default()
    }

    /// Whether a handler of that identity is subscribed to exactly `key`.
    pub fn knows(&self, key: &K, identity: Identity) -> bool {
        lock(&self.registry).known.contains_key(&(*key, identity))
    }

    /// Has an entry asked at every compile from now on, as if it had been subscribed so.
    pub fn search(&self, entry: &Arc<Entry<K, H>>) -> Removed<K, H, X> {
        let mut registry = lock(&self.registry);
        let mut removed = Removed::nothing();
        let has =
            |entries: &[Arc<Entry<K, H>>]| entries.iter().any(|other| Arc::ptr_eq(other, entry));
        let key = entry.keys().first();
        let subscribed = key.and_then(|key| registry.subscribed.get(key));
        let is_subscribed = subscribed.is_some_and(|entries| has(entries));
        if is_subscribed && !has(&registry.searching) {
            registry.searching.push(Arc::clone(entry));
            self.touch(&mut registry, &[], true, &mut removed);
        }
        removed
    }

    /// A number that grows with every change of the subscriptions.
    pub fn generation(&self) -> u64 {
        lock(&self.registry).generation
    }

    /// How many subscriptions there are.
    pub fn len(&self) -> usize {
        lock(&self.registry).len
    }

    /// Whether there is no subscription.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn take(
        &self,
        registry: &mut Registry<K, H, X>,
        entry: &Arc<Entry<K, H>>,
        removed: &mut Removed<K, H, X>,
    ) {
        let mut found = false;
        for key in entry.keys() {
            let Place::Occupied(mut place) = registry.subscribed.entry(*key) else {
                continue;
            };
            // Search from the end: what came last often goes first.
            let Some(index) = place
                .get()
                .iter()
                .rposition(|other| Arc::ptr_eq(other, entry))
            else {
                continue;
            };
            removed.entries.push(place.get_mut().remove(index));
            found = true;
            if place.get().is_empty() {
                place.remove();
            }
            registry.forget_known(*key, entry);
        }
        if !found {
            return;
        }
        removed.entries.truncate(1);
        registry.len -= 1;
        if let Some(name) = entry.given_name() {
            registry.names.remove(name);
        }
        let before = registry.searching.len();
        registry
            .searching
            .retain(|other| !Arc::ptr_eq(other, entry));
        let searching = registry.searching.len() != before;
        self.touch(registry, entry.keys(), searching, removed);
    }

    /// Notes a change under `keys` (under every key, with `all`) and evicts the plans concerned.
    fn touch(
        &self,
        registry: &mut Registry<K, H, X>,
        keys: &[K],
        all: bool,
        removed: &mut Removed<K, H, X>,
    ) {
        registry.generation += 1;
        if all {
            let empty = Arc::new(Shard::default());
            removed.shards.extend(
                self.shards
                    .iter()
                    .map(|shard| shard.swap(Arc::clone(&empty))),
            );
            registry.dependents = Map::default();
            removed
                .plans
                .extend(std::mem::take(&mut registry.compiled).into_values());
            return;
        }
        let mut concerned: Vec<K> = Vec::new();
        for key in keys {
            concerned.extend(registry.dependents.get(key).into_iter().flatten());
        }
        concerned.sort_unstable_by_key(|key| Self::shard_of(key));
        for group in concerned.chunk_by(|a, b| Self::shard_of(a) == Self::shard_of(b)) {
            let shard = &self.shards[Self::shard_of(&group[0])];
            let mut next = Shard::clone(&shard.load());
            for key in group {
                next.remove(key);
                removed.plans.extend(registry.forget(key));
            }
            removed.shards.push(shard.swap(Arc::new(next)));
        }
    }

    #[inline]
    fn shard_of(key: &K) -> usize {
        let hash = (hash(key) >> 24) as usize;
        hash % SHARDS
    }
}

impl<K, H, X> Table<K, H, X> {
    /// Calls `visit` with each entry once and `visit_plan` with each compiled plan once, unless a
    /// change is in progress. Never waits: this is for a garbage collector, which has stopped the
    /// world, and for which "in progress" just means that the owner is in use.
    ///
    /// # Errors
    /// Whatever the visitors return ends the visit.
    #[expect(
        clippy::iter_over_hash_type,
        reason = "a collector's visit has no order"
    )]
    pub fn visit<E>(
        &self,
        mut visit: impl FnMut(&H) -> Result<(), E>,
        mut visit_plan: impl FnMut(&X) -> Result<(), E>,
    ) -> Result<(), E>
    where
        K: PartialEq,
    {
        let Ok(registry) = self.registry.try_lock() else {
            return Ok(());
        };
        for (key, entries) in &registry.subscribed {
            for entry in entries {
                // An entry stands under each of its keys; the first one speaks for it.
                if entry.keys().first() == Some(key) {
                    visit(entry.handler())?;
                }
            }
        }
        for compiled in registry.compiled.values() {
            visit_plan(compiled.plan.extra())?;
        }
        Ok(())
    }
}

impl<K: Copy + Eq + Hash, H, X> Default for Table<K, H, X> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, H, X> fmt::Debug for Table<K, H, X> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Table").finish_non_exhaustive()
    }
}
