//! The event classes of a scenario. Rust must know its types beforehand, so they are numbered.

use std::panic::resume_unwind;

use std::sync::Arc;

use buswork::{
    AsyncEventBus, Error, EventBus, Handler, Report, Subscription, SubscriptionBuilder, Unhandled,
};

use super::program::{Options, When};
use super::runner::Scripted;
use crate::executor::block_on;

pub(super) struct Event<const NUMBER: usize>;

/// Both buses have to leave the same traces, as long as no handler waits.
pub(super) enum Bus {
    Sync(EventBus),
    Async(AsyncEventBus),
}

impl Bus {
    pub(super) fn clear(&self) {
        match self {
            Self::Sync(bus) => bus.clear(),
            Self::Async(bus) => bus.clear(),
        }
    }
}

/// What can be done with one event class.
pub(super) struct EventType {
    pub(super) subscribe: fn(&Bus, &Options, Scripted) -> Subscription,
    pub(super) publish: fn(&Bus) -> Result<(), Error>,
    pub(super) deliver: fn(&Bus) -> Result<Report, Error>,
    pub(super) handlers: fn(&Bus) -> Vec<Subscription>,
    pub(super) set_unhandled: fn(&Bus, Unhandled),
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
            publish: |bus| match bus {
                Bus::Sync(bus) => bus.publish(&Event::<NUMBER>),
                Bus::Async(bus) => block_on(bus.publish(Event::<NUMBER>)),
            },
            deliver: |bus| match bus {
                Bus::Sync(bus) => bus.deliver(&Event::<NUMBER>),
                Bus::Async(bus) => block_on(bus.deliver(Event::<NUMBER>)),
            },
            handlers: |bus| match bus {
                Bus::Sync(bus) => bus.handlers::<Event<NUMBER>>(),
                Bus::Async(bus) => bus.handlers::<Event<NUMBER>>(),
            },
            set_unhandled: |bus, unhandled| match bus {
                Bus::Sync(bus) => bus.set_unhandled::<Event<NUMBER>>(unhandled),
                Bus::Async(bus) => bus.set_unhandled::<Event<NUMBER>>(unhandled),
            },
        }
    }
}

fn subscribe<const NUMBER: usize>(bus: &Bus, options: &Options, handler: Scripted) -> Subscription {
    match bus {
        Bus::Sync(bus) => {
            with_options(bus.on::<Event<NUMBER>>(), options, &handler).subscribe(handler)
        }
        Bus::Async(bus) => {
            let subscribing = with_options(bus.on::<Event<NUMBER>>(), options, &handler);
            let handler = Arc::new(handler);
            subscribing.subscribe(move |event: Arc<Event<NUMBER>>| {
                let handler = Arc::clone(&handler);
                async move { handler.handle(&event) }
            })
        }
    }
}

fn with_options<'bus, const NUMBER: usize, B>(
    subscribing: SubscriptionBuilder<'bus, Event<NUMBER>, B>,
    options: &Options,
    handler: &Scripted,
) -> SubscriptionBuilder<'bus, Event<NUMBER>, B> {
    let mut subscribing = subscribing
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
    subscribing
}
