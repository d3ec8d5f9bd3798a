//! Runs a scenario on a new bus, and writes down what happens.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use buswork::{
    AsyncEventBus, BoxError, BusBuilder, Delivery, Error, EventBus, Failure, Handler, OnError,
    Status, Subscription,
};
use serde_json::{Value, json};

use super::events::{Bus, EVENT_TYPES, Event};
use super::program::{Policy, Scenario, Settings, Step};

/// Which bus a scenario is run on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Sync,
    Async,
}

pub(super) fn run(scenario: Scenario, kind: Kind) -> Vec<Value> {
    let notes = Notes::default();
    let runner = Arc::new(Runner {
        bus: match kind {
            Kind::Sync => Bus::Sync(settled(EventBus::builder(), &scenario.bus, &notes).build()),
            Kind::Async => {
                Bus::Async(settled(AsyncEventBus::builder(), &scenario.bus, &notes).build())
            }
        },
        notes,
        scenario,
        subscriptions: Mutex::default(),
        subscribed: AtomicUsize::new(0),
    });
    for step in &runner.scenario.program {
        if let Err(error) = runner.take(step) {
            runner.notes.add(json!(["raised", describe(&*error)]));
        }
    }
    // The handlers hold the runner, which holds their bus.
    runner.bus.clear();
    runner.notes.taken()
}

fn settled<B>(mut builder: BusBuilder<B>, settings: &Settings, notes: &Notes) -> BusBuilder<B> {
    if let Some(policy) = settings.on_error {
        builder = builder.on_error(notes.on_error(policy));
    }
    if let Some(unhandled) = settings.unhandled {
        builder = builder.unhandled(unhandled);
    }
    if let Some(max_depth) = settings.max_depth {
        builder = builder.max_depth(max_depth);
    }
    builder
}

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Value>>>);

impl Notes {
    fn add(&self, entry: Value) {
        self.0.lock().unwrap().push(entry);
    }

    fn taken(&self) -> Vec<Value> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn on_error(&self, policy: Policy) -> OnError {
        match policy {
            Policy::Raise => OnError::Raise,
            Policy::Log => OnError::Log,
            Policy::Stop => OnError::Stop,
            Policy::Call => {
                let notes = self.clone();
                OnError::Call(Arc::new(move |failure| {
                    let handler = handler_of(failure.name());
                    notes.add(json!(["on_error", handler, describe_failure(failure)]));
                }))
            }
        }
    }
}

struct Runner {
    scenario: Scenario,
    bus: Bus,
    notes: Notes,
    subscriptions: Mutex<HashMap<String, Subscription>>,
    subscribed: AtomicUsize,
}

impl Runner {
    fn take(self: &Arc<Self>, step: &Step) -> Result<(), BoxError> {
        match step {
            Step::Subscribe {
                label,
                event,
                handler,
                options,
            } => {
                let handler = Scripted {
                    runner: Arc::clone(self),
                    name: handler.clone(),
                };
                let made = (EVENT_TYPES[*event].subscribe)(&self.bus, options, handler);
                self.subscriptions
                    .lock()
                    .unwrap()
                    .insert(label.clone(), made);
            }
            Step::Cancel(label) => self.on_subscription(label, Subscription::cancel),
            Step::Pause(label) => self.on_subscription(label, Subscription::pause),
            Step::Resume(label) => self.on_subscription(label, Subscription::resume),
            Step::Active(label) => self.on_subscription(label, |subscription| {
                let active = subscription.is_active();
                self.notes.add(json!(["active", label, active]));
            }),
            Step::Clear => self.bus.clear(),
            Step::SetUnhandled(event, policy) => {
                (EVENT_TYPES[*event].set_unhandled)(&self.bus, *policy);
            }
            Step::Publish { event, catch } => match (EVENT_TYPES[*event].publish)(&self.bus) {
                Err(error) if *catch && !error.is_recursion() => {
                    self.notes.add(json!(["caught", describe(&error)]));
                }
                ended => ended?,
            },
            Step::Deliver(event) => {
                let report = (EVENT_TYPES[*event].deliver)(&self.bus)?;
                let deliveries: Vec<_> =
                    report.deliveries().iter().map(describe_delivery).collect();
                self.notes.add(json!(["report", deliveries]));
            }
            Step::Handlers(event) => {
                let handlers = (EVENT_TYPES[*event].handlers)(&self.bus);
                let names: Vec<_> = handlers
                    .iter()
                    .map(|each| handler_of(each.name()))
                    .collect();
                self.notes
                    .add(json!(["handlers", self.scenario.types[*event], names]));
            }
            Step::Fail(word) => return Err(ScriptedError(word.clone()).into()),
        }
        Ok(())
    }

    /// Does something with a subscription, if the program has made it yet.
    fn on_subscription(&self, label: &str, action: impl FnOnce(&Subscription)) {
        let known = self.subscriptions.lock().unwrap().get(label).cloned();
        if let Some(subscription) = known {
            action(&subscription);
        }
    }
}

/// A handler that takes the steps that its scenario has under its name.
pub(super) struct Scripted {
    runner: Arc<Runner>,
    name: String,
}

impl Scripted {
    /// A given name must be unique on its bus, but a scripted handler may be subscribed twice.
    pub(super) fn unique_name(&self) -> String {
        let number = self.runner.subscribed.fetch_add(1, Ordering::Relaxed);
        format!("{}:{number}", self.name)
    }

    pub(super) fn on_error(&self, policy: Policy) -> OnError {
        self.runner.notes.on_error(policy)
    }
}

impl<const NUMBER: usize> Handler<Event<NUMBER>> for Scripted {
    fn handle(&self, _event: &Event<NUMBER>) -> Result<(), BoxError> {
        let Runner {
            scenario, notes, ..
        } = &*self.runner;
        notes.add(json!(["called", self.name, scenario.types[NUMBER]]));
        let mut steps = scenario.handlers[&self.name].iter();
        steps.try_for_each(|step| self.runner.take(step))
    }
}

/// What a scripted handler fails with.
#[derive(Debug)]
struct ScriptedError(String);

impl fmt::Display for ScriptedError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl StdError for ScriptedError {}

fn handler_of(name: &str) -> &str {
    name.split_once(':').map_or(name, |(handler, _)| handler)
}

fn describe(error: &(dyn StdError + 'static)) -> Value {
    if let Some(ScriptedError(word)) = error.downcast_ref() {
        return json!(word);
    }
    match error.downcast_ref::<Error>() {
        Some(error) if error.is_recursion() => json!({"recursion": true}),
        Some(error) if error.is_unhandled() => json!({"unhandled": true}),
        Some(error) if error.is_stopped() => describe_failure(&error.failures()[0]),
        Some(error) => {
            let members: Vec<_> = error.failures().iter().map(describe_failure).collect();
            json!({"group": members})
        }
        None => json!({"other": error.to_string()}),
    }
}

/// A predicate fails by a panic, since it returns no error.
fn describe_failure(failure: &Failure) -> Value {
    let error = failure.error();
    if failure.is_panic() && error.to_string() == "panicked: when" {
        return json!("when");
    }
    describe(error)
}

fn describe_delivery(delivery: &Delivery) -> Value {
    let (status, outcome) = match delivery.status() {
        Status::Ok => ("ok", Value::Null),
        Status::Failed => ("failed", delivery.failure().map(describe_failure).into()),
        Status::Skipped(reason) => ("skipped", json!(reason.as_str())),
        unknown => panic!("{unknown:?} is no status of a scenario"),
    };
    json!([handler_of(delivery.name()), status, outcome])
}
