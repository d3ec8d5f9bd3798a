//! `bus.explain(OrderPlaced)`: why each subscription does or does not run.

use std::fmt::Write;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple, PyType};

use crate::bus::Bus;
use crate::event_types::EventTypes;
use crate::imports;
use crate::plan;
use crate::routing::TypeKey;
use crate::subscriber::Entry;
use crate::topics;
use crate::unhandled::Unhandled;

pub(crate) fn explain(bus: &Bus, event_type: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(topic) = event_type.cast::<PyString>() {
        return Ok(explain_topic(event_type.py(), bus, topics::topic(topic)?));
    }
    let mut text = String::new();
    for class in EventTypes::one(event_type)?.classes {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&explain_class(bus, &class)?);
    }
    Ok(text)
}

fn explain_topic(py: Python<'_>, bus: &Bus, topic: &str) -> String {
    let plan = topics::plan(bus, topic);
    let runs = plan.entries();
    let mut text = heading(topic, runs.len());
    for (place, entry) in runs.iter().enumerate() {
        let mut patterns = entry.handler().patterns.iter();
        let pattern = patterns.find(|pattern| pattern.matches(topic));
        let matched = pattern.map_or_else(String::new, |one| format!("subscribed to {one}"));
        let why = reason(py, entry, &matched);
        write_line(&mut text, &format!("{}.", place + 1), entry, &why);
    }
    let key = TypeKey::TOPICS;
    let others = bus.table().subscribed_to(&key);
    let unrelated = others.len().saturating_sub(runs.len());
    if unrelated > 0 {
        let noun = if unrelated == 1 {
            "subscription"
        } else {
            "subscriptions"
        };
        let _ = write!(
            text,
            "\n  {unrelated} other {noun} to patterns that it does not match"
        );
    }
    if runs.is_empty() {
        text.push_str(fate(bus.unhandled_topics()));
    }
    text
}

fn heading(name: &str, handlers: usize) -> String {
    match handlers {
        0 => format!("{name}: no handler"),
        1 => format!("{name}: 1 handler"),
        count => format!("{name}: {count} handlers, in this order"),
    }
}

/// What becomes of an event that has no handler.
fn fate(unhandled: Unhandled) -> &'static str {
    match unhandled {
        Unhandled::Ignore => "\n  an event of this type is ignored (unhandled=\"ignore\")",
        Unhandled::Warn => "\n  an event of this type is warned of in the log (unhandled=\"warn\")",
        Unhandled::Raise => "\n  publishing one raises UnhandledEvent (unhandled=\"raise\")",
    }
}

fn explain_class(bus: &Bus, class: &Bound<'_, PyType>) -> PyResult<String> {
    let py = class.py();
    let name = imports::class_name(class);
    let plan = plan::plan(bus, class)?;
    if plan.extra().refuses_classes {
        return Ok(format!(
            "{name}: publishing a class raises TypeError, since nobody is subscribed to type itself"
        ));
    }
    let runs = plan.entries();
    let mut text = heading(&name, runs.len());
    for (place, entry) in runs.iter().enumerate() {
        let why = reason(py, entry, &matched(py, entry, class)?);
        write_line(&mut text, &format!("{}.", place + 1), entry, &why);
    }
    let others = bus.table().entries();
    let mut unrelated = 0;
    for entry in &others {
        if runs.iter().any(|run| Arc::ptr_eq(run, entry)) {
            continue;
        }
        match near_miss(py, entry, class)? {
            Some(why) => write_line(&mut text, "-", entry, &why),
            None => unrelated += 1,
        }
    }
    if unrelated > 0 {
        let noun = if unrelated == 1 {
            "subscription is"
        } else {
            "subscriptions are"
        };
        let _ = write!(
            text,
            "\n  {unrelated} other {noun} to types that {name} is not"
        );
    }
    if runs.is_empty() {
        text.push_str(fate(bus.unhandled(class)?));
    }
    Ok(text)
}

fn write_line(text: &mut String, mark: &str, entry: &Entry, why: &str) {
    let place = entry.handler().location.as_ref();
    let place = place.map_or_else(String::new, |place| format!(" ({place})"));
    let _ = write!(text, "\n  {mark} {}{place}: {why}", entry.handler().name);
}

/// Why an entry of the plan runs, or why not after all.
fn reason(py: Python<'_>, entry: &Entry, matched: &str) -> String {
    let mut why = match entry.check() {
        Ok(()) => "runs, ",
        Err(buswork::SkipReason::Paused) => "does not run, it is paused; ",
        Err(_) => "does not run, it has ended; ",
    }
    .to_owned();
    why.push_str(matched);
    let subscriber = entry.handler();
    if entry.priority() != 0 {
        let _ = write!(why, ", priority {}", entry.priority());
    }
    for (holds, word) in [
        (subscriber.when(py).is_some(), "if its predicate says yes"),
        (entry.is_once(), "once"),
        (subscriber.weak, "while its object lives"),
        (subscriber.background, "in the background"),
    ] {
        if holds {
            let _ = write!(why, ", {word}");
        }
    }
    let policy = subscriber.policed.as_ref();
    let policy = policy.map(|policed| policed.regulator.policy());
    if let Some(policy) = policy.filter(|policy| !policy.is_empty()) {
        let _ = write!(why, ", policy: {policy}");
    }
    if let Some(on_error) = &subscriber.on_error {
        let _ = write!(why, ", on_error: {}", on_error.word());
    }
    why
}

fn matched(py: Python<'_>, entry: &Entry, class: &Bound<'_, PyType>) -> PyResult<String> {
    let key = TypeKey::of(class);
    if entry.keys().contains(&key) {
        return Ok("subscribed to exactly this type".to_owned());
    }
    let Some(types) = entry.handler().types(py) else {
        return Ok("ended".to_owned());
    };
    for subscribed in types.cast::<PyTuple>()?.iter() {
        let Ok(subscribed) = subscribed.cast::<PyType>() else {
            continue;
        };
        let name = imports::class_name(subscribed);
        if class.mro().iter().any(|ancestor| ancestor.is(subscribed)) {
            return Ok(format!("subscribed to its base class {name}"));
        }
        if class.is_subclass(subscribed)? {
            return Ok(format!(
                "subscribed to {name}, of which it is a virtual subclass"
            ));
        }
    }
    Ok("matched".to_owned())
}

/// Why an entry that might be expected to run is not in the plan; `None` for an unrelated one.
fn near_miss(py: Python<'_>, entry: &Entry, class: &Bound<'_, PyType>) -> PyResult<Option<String>> {
    let Some(types) = entry.handler().types(py) else {
        return Ok(None);
    };
    for subscribed in types.cast::<PyTuple>()?.iter() {
        let Ok(subscribed) = subscribed.cast::<PyType>() else {
            continue;
        };
        let name = imports::class_name(subscribed);
        if entry.handler().exact && class.is_subclass(subscribed)? {
            return Ok(Some(format!(
                "does not run, it takes exactly {name} (exact=True)"
            )));
        }
        if subscribed.is_subclass(class)? {
            return Ok(Some(format!(
                "does not run, it takes only the subclass {name}"
            )));
        }
    }
    Ok(None)
}
