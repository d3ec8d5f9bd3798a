//! What can be changed on a bus later, and what of it a plan has to look at. Each change evicts the
//! plans that were compiled under the old settings.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::panic::Location;

use crate::async_bus::AsyncLayers;
use crate::middleware::{EventRef, Middleware};
use crate::observe::{Observer, Published};
use crate::sync::Arc;
use crate::testing::Recording;
use crate::trace::{self, Cause, Dispatch, Traced, Verb};
use crate::unhandled::Unhandled;

/// The settings themselves.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) unhandled: HashMap<TypeId, Unhandled>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    /// The first one is outermost.
    pub(crate) layers: Arc<[Arc<dyn Middleware>]>,
    pub(crate) async_layers: AsyncLayers,
    pub(crate) recordings: Vec<Arc<Recording>>,
    pub(crate) tracing: trace::Settings,
    /// How often each type is muted.
    pub(crate) muted: HashMap<TypeId, usize>,
}

impl Settings {
    /// What concerns a plan of events of type `E`, for `topic` if it is one of a topic.
    pub(crate) fn special<E: Any>(&self, default: Unhandled, topic: Option<&str>) -> Special {
        let key = TypeId::of::<E>();
        Special {
            unhandled: self.unhandled.get(&key).copied().unwrap_or(default),
            observer: self.observer.clone(),
            layers: Arc::clone(&self.layers),
            async_layers: Arc::clone(&self.async_layers),
            recordings: self.recordings.clone(),
            traced: self.tracing.of_type::<E>(topic),
            is_muted: self.muted.get(&key).is_some_and(|times| *times > 0),
            topic: topic.map(Into::into),
        }
    }
}

/// What a publish that is out of the ordinary has to look at; see
/// [`is_special`](crate::plan::Compiled::is_special).
pub(crate) struct Special {
    pub(crate) unhandled: Unhandled,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) layers: Arc<[Arc<dyn Middleware>]>,
    pub(crate) async_layers: AsyncLayers,
    pub(crate) recordings: Vec<Arc<Recording>>,
    pub(crate) traced: Option<Traced>,
    /// Whether nothing is to run at all.
    pub(crate) is_muted: bool,
    pub(crate) topic: Option<Box<str>>,
}

impl Special {
    /// Whether somebody stands between the publisher and the handlers, or looks on.
    pub(crate) fn is_watched(&self) -> bool {
        let has_layers = !self.layers.is_empty() || !self.async_layers.is_empty();
        let is_seen = !self.recordings.is_empty() || self.traced.is_some();
        self.observer.is_some() || has_layers || self.is_muted || is_seen
    }

    /// Shows an event to the recorders.
    pub(crate) fn record<E: Any>(
        &self,
        event: &E,
        site: &'static Location<'static>,
        is_posted: bool,
    ) {
        let topic = self.topic.as_deref();
        for recording in &self.recordings {
            recording.write(event, topic, site, is_posted, self.is_muted);
        }
    }

    /// Tells the observer that an event has come to the handlers, who have not run yet.
    pub(crate) fn tell_published<E>(&self, site: &'static Location<'static>) {
        if let Some(observer) = &self.observer {
            observer.published(self.published::<E>(site));
        }
    }

    /// Tells the traces of an event that has come to the handlers.
    pub(crate) fn dispatch(
        &self,
        verb: Verb,
        site: &'static Location<'static>,
    ) -> Option<Arc<Dispatch>> {
        let traced = self.traced.as_ref()?;
        Some(traced.publish(verb, site, Cause::current()))
    }

    pub(crate) fn published<E>(&self, site: &'static Location<'static>) -> Published<'_> {
        Published {
            event_type: type_name::<E>(),
            topic: self.topic.as_deref(),
            site,
        }
    }

    pub(crate) fn event<'a, E: Any>(
        &'a self,
        event: &'a E,
        site: &'static Location<'static>,
    ) -> EventRef<'a> {
        EventRef::new(event, self.published::<E>(site))
    }
}
