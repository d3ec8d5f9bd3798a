//! The event classes of a scenario. Rust must know its types beforehand, so they are numbered.

use std::panic::resume_unwind;

use buswork::{Error, EventBus, Report, Subscription, SubscriptionBuilder, Unhandled};

use super::program::{Options, When};
use super::runner::Scripted;

pub(super) struct Event<const NUMBER: usize>;

/// What can be done with one event class.
pub(super) struct EventType {
    pub(super) subscribe: fn(&EventBus, &Options, Scripted) -> Subscription,
    pub(super) publish: fn(&EventBus) -> Result<(), Error>,
    pub(super) deliver: fn(&EventBus) -> Result<Report, Error>,
    pub(super) handlers: fn(&EventBus) -> Vec<Subscription>,
    pub(super) set_unhandled: fn(&EventBus, Unhandled),
}

/// As many as a scenario may have.
pub(super) const EVENT_TYPES: [EventType; 4] = [
    EventType::numbered::<0>(),
    EventType::numbered::<1>(),
    EventType::numbered::<2>(),
    EventType::numbered::<3>(),
];

impl EventType {
    const fn numbered<const NUMBER: usize>() -> Self {
        Self {
            subscribe: subscribe::<NUMBER>,
            publish: |bus| bus.publish(&Event::<NUMBER>),
            deliver: |bus| bus.deliver(&Event::<NUMBER>),
            handlers: EventBus::handlers::<Event<NUMBER>>,
            set_unhandled: EventBus::set_unhandled::<Event<NUMBER>>,
        }
    }
}

fn subscribe<const NUMBER: usize>(
    bus: &EventBus,
    options: &Options,
    handler: Scripted,
) -> Subscription {
    let mut subscribing: SubscriptionBuilder<'_, Event<NUMBER>> = bus
        .on()
        .named(handler.unique_name())
        .priority(options.priority);
    if options.once {
        subscribing = subscribing.once();
    }
    subscribing = match options.when {
        None => subscribing,
        Some(When::Yes) => subscribing.when(|_| true),
        Some(When::No) => subscribing.when(|_| false),
        // As a panic, which the hook does not print.
        Some(When::Fail) => subscribing.when(|_| resume_unwind(Box::new("when"))),
    };
    if let Some(policy) = options.on_error {
        subscribing = subscribing.on_error(handler.on_error(policy));
    }
    subscribing.subscribe(handler)
}
