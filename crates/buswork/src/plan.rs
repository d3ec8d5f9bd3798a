//! What the buses for Rust keep in the table: subscribers with their event type erased, and plans
//! in which it is known again.

use std::any::{Any, TypeId, type_name};
use std::convert::Infallible;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::OnceLock;

use crate::entry::Entry;
use crate::error::Error;
use crate::handler::Handler;
use crate::inner::Inner;
use crate::on_error::OnError;
use crate::policed::Policed;
use crate::settings::Special;
use crate::sync::Arc;
use crate::table;
use crate::topic::{self, Pattern, Recent};
use crate::trace::HandlerName;
use crate::unhandled::Unhandled;

pub(crate) type Plan = table::Plan<TypeId, Subscriber, Compiled>;
pub(crate) type Table = table::Table<TypeId, Subscriber, Compiled>;
pub(crate) type Predicate<E> = Box<dyn Fn(&E) -> bool + Send + Sync>;

/// The key of the subscriptions to topics with events of type `E`.
pub(crate) struct Topic<E>(PhantomData<E>);

/// The handler of an entry, with its event type erased.
pub(crate) struct Subscriber {
    /// An `Arc<C>`, where `C` is what its bus calls; a plan downcasts it once, not every call.
    pub(crate) callee: Arc<dyn Any + Send + Sync>,
    pub(crate) name: Arc<str>,
    pub(crate) event: &'static str,
    pub(crate) location: &'static Location<'static>,
    pub(crate) on_error: Option<OnError>,
    /// Which topics, if it is subscribed to topics.
    pub(crate) pattern: Option<Pattern>,
    /// Its policy, or figures alone.
    pub(crate) policed: Option<Arc<Policed>>,
    /// Whether a publish passes it by.
    pub(crate) is_only_posted: bool,
    /// What it is called in a trace, if there ever was one.
    pub(crate) traced_name: OnceLock<HandlerName>,
}

/// What the sync bus calls.
pub(crate) struct Callee<E> {
    pub(crate) handler: Box<dyn Handler<E>>,
    pub(crate) when: Option<Predicate<E>>,
}

/// A callee that may have a predicate.
pub(crate) trait Guarded<E> {
    fn predicate(&self) -> Option<&Predicate<E>>;
}

impl<E> Guarded<E> for Callee<E> {
    #[inline]
    fn predicate(&self) -> Option<&Predicate<E>> {
        self.when.as_ref()
    }
}

/// What a plan keeps for its type: the handlers with their type known, and what was decided.
pub(crate) struct Compiled {
    /// A `Box<[Step<C>]>`.
    steps: Box<dyn Any + Send + Sync>,
    /// Whether the fast road has to look at `special` first.
    pub(crate) is_special: bool,
    pub(crate) special: Special,
    /// The plans of single topics, in the plan of all topics of a type. They are forgotten with it.
    topics: Recent<Plan>,
}

pub(crate) struct Step<C> {
    pub(crate) entry: Arc<Entry<TypeId, Subscriber>>,
    pub(crate) callee: Arc<C>,
}

/// The typed steps of a plan. Plans are kept by `TypeId`, so the downcast holds.
#[inline]
pub(crate) fn steps<C: Any>(plan: &Plan) -> &[Step<C>] {
    plan.extra()
        .steps
        .downcast_ref::<Box<[Step<C>]>>()
        .map_or(&[], |steps| steps)
}

impl Inner {
    /// The plan of the events of type `E` whose bus calls `C`s.
    pub(crate) fn plan<E: Any, C: Any + Send + Sync>(&self) -> Arc<Plan> {
        self.table
            .plan(&TypeId::of::<E>())
            .unwrap_or_else(|| self.compile::<E, C>())
    }

    #[cold]
    pub(crate) fn compile<E: Any, C: Any + Send + Sync>(&self) -> Arc<Plan> {
        self.compile_key::<E, C>(TypeId::of::<E>())
    }

    fn compile_key<E: Any, C: Any + Send + Sync>(&self, key: TypeId) -> Arc<Plan> {
        let gathered = self.table.gather(&key, &[key], |_| false);
        let Ok(arranged) = gathered.arrange(|_| Ok::<_, Infallible>(false));
        let compiled = self.decide::<E, C>(arranged.entries(), None);
        self.table.install(key, &[key], arranged, compiled)
    }

    /// The plan of the events of type `E` that are published to `topic`.
    pub(crate) fn plan_of_topic<E: Any, C: Any + Send + Sync>(
        &self,
        topic: &str,
    ) -> Result<Arc<Plan>, Error> {
        // What is kept goes with the plan that it is kept in, so one generation is enough.
        const ONLY: u64 = 0;
        let key = TypeId::of::<Topic<E>>();
        let all = self
            .table
            .plan(&key)
            .unwrap_or_else(|| self.compile_key::<E, C>(key));
        let topics = &all.extra().topics;
        if let Some(plan) = topics.get(topic, ONLY) {
            return Ok(plan);
        }
        topic::check(topic).map_err(Error::malformed_topic)?;
        let is_matched = |entry: &&Arc<Entry<TypeId, Subscriber>>| {
            let pattern = entry.handler().pattern.as_ref();
            pattern.is_some_and(|pattern| pattern.matches(topic))
        };
        let entries: Vec<_> = all.entries().iter().filter(is_matched).cloned().collect();
        let compiled = self.decide::<E, C>(&entries, Some(topic));
        let plan = Arc::new(Plan::new(entries, compiled));
        topics.put(topic, ONLY, &plan);
        Ok(plan)
    }

    fn decide<E: Any, C: Any + Send + Sync>(
        &self,
        entries: &[Arc<Entry<TypeId, Subscriber>>],
        topic: Option<&str>,
    ) -> Compiled {
        let steps: Box<[Step<C>]> = entries
            .iter()
            .filter_map(|entry| {
                let callee = Arc::clone(&entry.handler().callee).downcast::<C>().ok()?;
                let entry = Arc::clone(entry);
                Some(Step { entry, callee })
            })
            .collect();
        let special = self.settings().special::<E>(self.unhandled, topic);
        let is_policed = entries.iter().any(|entry| {
            let subscriber = entry.handler();
            subscriber.policed.is_some() || subscriber.is_only_posted
        });
        let is_minded = steps.is_empty() && special.unhandled != Unhandled::Ignore;
        Compiled {
            steps: Box::new(steps),
            is_special: is_minded || is_policed || special.is_watched(),
            special,
            topics: Recent::new(),
        }
    }
}

/// Returns the error of an event that nobody is subscribed to, or logs it, if its bus minds.
pub(crate) fn mind_unhandled<E: Any>(
    plan: &Plan,
    site: &'static Location<'static>,
) -> Result<(), Error> {
    if !plan.entries().is_empty() {
        return Ok(());
    }
    let special = &plan.extra().special;
    let error = || Error::unhandled(type_name::<E>(), special.topic.as_deref(), site);
    match special.unhandled {
        Unhandled::Ignore => Ok(()),
        Unhandled::Raise => Err(error()),
        Unhandled::Warn => {
            log::warn!("{}", error());
            Ok(())
        }
    }
}
