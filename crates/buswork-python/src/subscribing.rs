//! What `subscribe`, `on` and `include` come down to: a handler and the wishes for it become an entry.

use std::sync::Arc;

use buswork::entry::Options;
use pyo3::exceptions::{PyUserWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple, PyType};

use crate::bus::Bus;
use crate::calling::Invoke;
use crate::ending;
use crate::event_types::EventTypes;
use crate::imports;
use crate::on::Wishes;
use crate::on_error::OnError;
use crate::policed::Policed;
use crate::policy::Policy;
use crate::registration::{
    check_handler, check_policy, check_predicate, default_name, identity, is_same, location,
};
use crate::routing;
use crate::settings::StatsKept;
use crate::subscriber::Subscriber;
use crate::subscription::Subscription;
use crate::weak::WeakHandler;

impl Bus {
    /// Adds a subscription; what `subscribe`, `on` and `include` come down to.
    pub(crate) fn add(
        &self,
        types: &EventTypes<'_>,
        handler: &Bound<'_, PyAny>,
        wishes: Wishes<'_>,
    ) -> PyResult<Subscription> {
        check_handler(handler, self.is_async())?;
        if let Some(when) = &wishes.when {
            check_predicate(when)?;
        }
        let on_error = wishes.on_error.as_ref().map(OnError::parse).transpose()?;
        let policed = self.policed(handler, wishes.policy.as_ref(), wishes.flags.background)?;
        let publishes = wishes.publishes.as_ref().map(declared).transpose()?;
        self.warn_of_repetition(types, handler)?;
        let is_virtual = types.is_virtual && !wishes.flags.exact;
        let weak = if wishes.flags.weak {
            Some(WeakHandler::new(self.table(), handler)?)
        } else {
            None
        };
        let given_name: Option<Arc<str>> = wishes.name.as_deref().map(Arc::from);
        let subscriber = Subscriber::new(
            weak.as_ref().map_or(handler, |weak| &weak.reference),
            weak.as_ref().and_then(|weak| weak.function.as_ref()),
            wishes.when.as_ref(),
            on_error,
            types.types.as_any(),
            types.patterns.clone(),
            wishes.name.unwrap_or_else(|| default_name(handler)),
            location(handler),
            wishes.flags,
            is_virtual && !types.is_open,
            policed,
            publishes.as_ref(),
        )?;
        let options = Options {
            priority: wishes.priority,
            once: wishes.flags.once,
            guarded: subscriber.is_guarded(),
            name: given_name,
            identity: Some(identity(handler)?),
        };
        let searching = types.is_open && !wishes.flags.exact;
        if is_virtual {
            self.use_abcs();
        }
        match self
            .table()
            .subscribe(types.keys.clone(), options, searching, subscriber)
        {
            Ok((entry, removed)) => {
                drop(removed);
                if let Some(weak) = weak {
                    weak.belongs_to(&entry);
                }
                // Somebody may have registered between the first look and now.
                routing::look_again_at(handler.py(), self.table(), &entry)?;
                Ok(Subscription::new(
                    &entry,
                    self.table(),
                    types.types.clone().unbind(),
                ))
            }
            Err((_, subscriber)) => Err(PyValueError::new_err(format!(
                "a subscription named {:?} is on this bus already: cancel it first, or choose another name",
                subscriber.name
            ))),
        }
    }

    /// The policy of a handler: its own, or the bus's.
    fn policed(
        &self,
        handler: &Bound<'_, PyAny>,
        own: Option<&Bound<'_, Policy>>,
        is_background: bool,
    ) -> PyResult<Option<Policed>> {
        let py = handler.py();
        let default = self.policy(py);
        let Some(policy) = own.or(default.as_ref()) else {
            return match self.stats_kept() {
                StatsKept::None => Ok(None),
                kept => Policed::new(None, kept, self.background()).map(Some),
            };
        };
        if self.is_async() {
            imports::prepare_for_policies(py)?;
        } else if policy.get().core.timeout_of_attempt().is_some() {
            imports::load_for_timeouts(py)?;
        }
        check_policy(handler, &policy.get().core, self.is_async(), is_background)?;
        let kept = self.stats_kept();
        if policy.get().core.is_empty() && kept == StatsKept::None {
            return Ok(None);
        }
        // A forked child has to forget what its parent's threads have in progress.
        ending::remember(py, self.background())?;
        Policed::new(Some(policy), kept, self.background()).map(Some)
    }

    fn warn_of_repetition(
        &self,
        types: &EventTypes<'_>,
        handler: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = handler.py();
        let identity = identity(handler)?;
        for key in &types.keys {
            if !self.table().knows(key, identity) {
                continue;
            }
            for entry in self.table().subscribed_to(key) {
                let Some(known) = entry.handler().handler(py) else {
                    continue;
                };
                if let Some(what) = types.shared(*key, &entry)
                    && is_same(&known, handler)?
                {
                    let message = format!(
                        "{} is subscribed to {what} already and will run twice: cancel the first subscription, if that is not meant",
                        default_name(handler),
                    );
                    let category = py.get_type::<PyUserWarning>();
                    imports::warn(py)?.invoke1((message, category, 1))?;
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// What a handler declares to publish: types of events and topics, one or several.
fn declared<'py>(given: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    let py = given.py();
    let is_one = given.cast::<PyString>().is_ok() || given.try_iter().is_err();
    let several: Vec<_> = if is_one || given.cast::<PyType>().is_ok() {
        vec![given.clone()]
    } else {
        given.try_iter()?.collect::<PyResult<_>>()?
    };
    for one in &several {
        EventTypes::one(one)?;
    }
    PyTuple::new(py, several)
}
