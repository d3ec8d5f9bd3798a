//! Topics: events that are routed by a name, to those who subscribed to a pattern of names.
//!
//! All of these subscriptions stand in the table under one key. What is worked out for a topic is
//! kept for those that were used of late, so a million topics take no more memory than a thousand.

use std::sync::Arc;

use buswork::topic::{self, MalformedTopic, Pattern};
use pyo3::exceptions::{PyUnicodeEncodeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::bus::Bus;
use crate::plan::Decisions;
use crate::routing::TypeKey;
use crate::subscriber::Plan;

pub(crate) type Recent = topic::Recent<Plan>;

/// Reads what a subscription names.
pub(crate) fn pattern(text: &Bound<'_, PyString>) -> PyResult<Pattern> {
    Pattern::parse(readable(text)?).map_err(refusal)
}

/// Reads the topic of an event.
pub(crate) fn topic<'a>(text: &'a Bound<'_, PyString>) -> PyResult<&'a str> {
    let topic = readable(text)?;
    topic::check(topic).map_err(refusal)?;
    Ok(topic)
}

/// A string as UTF-8, which half of a surrogate pair is not.
fn readable<'a>(text: &'a Bound<'_, PyString>) -> PyResult<&'a str> {
    text.to_str().map_err(|error| {
        if error.is_instance_of::<PyUnicodeEncodeError>(text.py()) {
            return PyValueError::new_err(format!(
                "topic {text:?} is malformed: it is no Unicode text"
            ));
        }
        error
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn refusal(malformed: MalformedTopic) -> PyErr {
    PyValueError::new_err(malformed.to_string())
}

/// The plan of a topic, compiled unless it was used of late.
pub(crate) fn plan(bus: &Bus, topic: &str) -> Arc<Plan> {
    let table = bus.table();
    if let Some(plan) = bus.recent_topics().get(topic, table.generation()) {
        return plan;
    }
    let key = TypeKey::TOPICS;
    let gathered = table.gather(&key, &[key], |_| true).filter(|entry| {
        let mut patterns = entry.handler().patterns.iter();
        patterns.any(|pattern| pattern.matches(topic))
    });
    let Ok(arranged) = gathered.arrange(|_| Ok::<_, std::convert::Infallible>(false));
    let generation = arranged.generation();
    let decisions = Decisions::of_topic(bus, arranged.entries());
    let plan = arranged.into_plan(decisions);
    bus.recent_topics().put(topic, generation, &plan);
    plan
}
