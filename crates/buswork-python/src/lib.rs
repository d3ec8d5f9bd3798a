//! The native half of the Python package `buswork`: glue between the engine and Python objects.
//!
//! Public documentation is in the stub, `python/buswork/_buswork.pyi`. Where a thing is decided:
//!
//! | question | room |
//! | --- | --- |
//! | order, isolation, recursion, liveness, `once` | the crate `buswork` |
//! | which subscriptions an event's class has (MRO, ABCs) | [`routing`] |
//! | which subscriptions a topic has | [`topics`] |
//! | who owns which Python reference, and how the collector sees it | [`collection`] |
//! | the fast road of a publish | [`publish`], [`tens`], [`admission`] |
//! | the careful road, for a report | [`deliver`] |
//! | middleware | [`passage`] |
//! | what tests see, and whom they mute | [`watch`] |
//! | what a failure turns into | [`failure`] |
//! | how async handlers are started, and what their publish awaits | [`async_bus`], [`gate`] |
//! | the causal chain of the async bus | [`causal`] |
//! | what traces are told, and what came of what | [`tracing`], [`cause`], [`sites`] |
//! | what a policy does on the sync bus | [`policed`], [`attempts`]; again and in later rounds [`rounds`], too late [`deadline`] |
//! | on the async bus | [`turns`] |
//! | what is kept of what has failed, and counted | [`dead_letters`], [`stats`] |
//! | what is posted, and when it is delivered | [`post`], [`background`]; where there is no room [`room`] |
//! | who delivers it | [`workers`]; [`loops`], [`runner`], [`handling`] |
//! | what may be subscribed, and what a wrong use is told | [`subscribing`], [`event_types`], [`registration`] |
//!
//! `unsafe` is in [`awaitable`], [`calling`], [`context`], [`exception`], [`place`], [`routing`],
//! [`sites`] and [`slot`] alone.

mod admission;
mod async_bus;
mod attempt;
mod attempts;
mod awaitable;
mod background;
mod bus;
mod calling;
mod causal;
mod cause;
mod collection;
mod context;
mod coroutine;
mod dead_letters;
mod deadline;
mod deliver;
mod dispatches;
mod ending;
mod event_types;
mod exception;
mod explain;
mod failure;
mod gate;
mod handling;
mod imports;
mod loops;
mod on;
mod on_error;
mod passage;
mod place;
mod plan;
mod policed;
mod policy;
mod post;
mod posted;
mod publish;
mod registration;
mod report;
mod room;
mod rounds;
mod routing;
mod runner;
mod running;
mod settings;
mod sites;
mod slot;
mod stats;
mod subscriber;
mod subscribing;
mod subscription;
mod sync_bus;
mod tasks;
mod tens;
mod timed;
mod topics;
mod traces;
mod tracing;
mod turns;
mod unhandled;
mod waiting;
mod watch;
mod weak;
mod workers;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _buswork {
    #[pymodule_export]
    use crate::async_bus::AsyncBus;
    #[pymodule_export]
    use crate::attempt::Attempt;
    #[pymodule_export]
    use crate::awaitable::is_awaitable_object;
    #[pymodule_export]
    use crate::bus::Bus;
    #[pymodule_export]
    use crate::causal::Link;
    #[pymodule_export]
    use crate::cause::Cause;
    #[pymodule_export]
    use crate::dead_letters::{Attempted, DeadLetter, DeadLettered, DeadLetters};
    #[pymodule_export]
    use crate::deadline::Deadline;
    #[pymodule_export]
    use crate::dispatches::{Dispatch, TracedDelivery};
    #[pymodule_export]
    use crate::ending::{finish_posts, forget_posts};
    #[pymodule_export]
    use crate::failure::Failure;
    #[pymodule_export]
    use crate::gate::Gate;
    #[pymodule_export]
    use crate::passage::{Passage, Passing};
    #[pymodule_export]
    use crate::policy::{Breaker, Limit, Policy, Retry};
    #[pymodule_export]
    use crate::report::{Delivery, Report};
    #[pymodule_export]
    use crate::runner::Runner;
    #[pymodule_export]
    use crate::running::{Publish, Running};
    #[pymodule_export]
    use crate::stats::HandlerStats;
    #[pymodule_export]
    use crate::subscription::Subscription;
    #[pymodule_export]
    use crate::sync_bus::EventBus;
    #[pymodule_export]
    use crate::timed::Timed;
    #[pymodule_export]
    use crate::traces::{Trace, Tracing, flush_traces, forget_traces};
    #[pymodule_export]
    use crate::turns::Turn;
    #[pymodule_export]
    use crate::watch::{classes_of, is_same_handler, topic_matches};
    #[pymodule_export]
    use crate::workers::Worker;
}
