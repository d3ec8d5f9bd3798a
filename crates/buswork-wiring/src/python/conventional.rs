//! Names that people give to the methods of a bus, for what is not recognised by what it does: a bus
//! with a queue between its halves, or one from a package that no adapter knows.

/// What a method's name says that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    Publishes,
    Subscribes,
}

/// What a method of this name does, if it belongs to a bus.
pub(crate) fn says(name: &str) -> Option<Says> {
    let name = name.trim_start_matches('_');
    let (first, rest) = name
        .split_once('_')
        .map_or((name, ""), |(first, rest)| (first, rest));
    let is_about_handlers = super::parse::speaks_of_handlers(rest) || rest.is_empty();
    match first {
        "publish" | "emit" | "dispatch" | "fire" | "trigger" | "broadcast" | "raise" | "post"
        | "send" | "notify" | "execute"
            if !super::parse::speaks_of_handlers(rest) =>
        {
            Some(Says::Publishes)
        }
        "register" | "add" | "connect" | "attach" | "bind" if !is_about_handlers => None,
        "on" | "once" | "subscribe" | "listen" | "observe" | "register" | "add" | "connect"
        | "attach" | "bind" | "addListener" | "addEventListener" | "registerHandler" => {
            Some(Says::Subscribes)
        }
        _ => None,
    }
}

/// Whether a name means nothing but subscribing, whatever it is called on.
pub(crate) fn only_subscribes(name: &str) -> bool {
    let name = name.trim_start_matches('_');
    let (first, rest) = name
        .split_once('_')
        .map_or((name, ""), |(first, rest)| (first, rest));
    match first {
        "add" | "register" | "attach" => super::parse::speaks_of_handlers(rest),
        "subscribe" | "on" | "once" | "addListener" | "addEventListener" | "registerHandler" => {
            true
        }
        _ => false,
    }
}

/// Whether a parameter is a handler by its name.
pub(crate) fn is_handler_name(name: &str) -> bool {
    let name = name.trim_start_matches('_').to_lowercase();
    matches!(
        &*name,
        "fn" | "f" | "func" | "cb" | "function" | "method" | "slot" | "action"
    ) || super::parse::speaks_of_handlers(&name)
        || name.ends_with("_func")
        || name.ends_with("_fn")
        || name.ends_with("_cb")
}

/// Whether a receiver is a bus by its name.
pub(crate) fn is_bus_name(name: &str) -> bool {
    let name = name.trim_start_matches('_').to_lowercase();
    [
        "bus",
        "event",
        "emitter",
        "dispatcher",
        "mediator",
        "hub",
        "broker",
        "signal",
        "publisher",
    ]
    .iter()
    .any(|word| name.contains(word))
}
