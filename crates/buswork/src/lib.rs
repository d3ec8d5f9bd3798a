//! `fn publish(&self, event: &E)` runs every `Fn(&E)` that is subscribed.
//!
//! Buswork is an in-process event bus: a program publishes an event, an ordinary value, and the
//! bus routes it to every handler subscribed to its type. Neither side knows the other.
//!
//! ```
//! use buswork::EventBus;
//!
//! struct OrderPlaced { order_id: String, amount: f64 }
//!
//! let bus = EventBus::new();
//! bus.subscribe(|order: &OrderPlaced| println!("confirm {}", order.order_id));
//! bus.on::<OrderPlaced>()
//!     .priority(10)
//!     .when(|order| order.amount > 1000.0)
//!     .named("fraud")
//!     .subscribe(|order: &OrderPlaced| Err(format!("{} looks odd", order.order_id)));
//!
//! let error = bus.publish(&OrderPlaced { order_id: "123".into(), amount: 4999.0 }).unwrap_err();
//! assert_eq!(error.failures()[0].name(), "fraud");
//! ```
//!
//! | to | there is | |
//! | --- | --- | --- |
//! | run the handlers now | [`publish`](EventBus::publish) | returns their failures as an [`Error`] |
//! | | [`deliver`](EventBus::deliver) | returns a [`Report`], delivery by delivery |
//! | run them later | [`post`](EventBus::post) | tells failures to [`OnError`] and the log |
//! | wait for what was posted | [`drain`](EventBus::drain), [`close`](EventBus::close) | |
//! | route by a name | [`topic`](EventBus::topic), [`publish_to`](EventBus::publish_to) | `orders.*.placed` |
//! | stand between | [`add_middleware`](EventBus::add_middleware) | sees, times or refuses every publish |
//! | look on | [`observe`](EventBus::observe) | sees each delivery |
//! | see what came of what | [`trace`](EventBus::trace), [`tracing`](EventBus::tracing) | in a file, or as a tree |
//! | survive handlers that fail | [`policy`], [`dead_letters`](EventBus::dead_letters) | retry, timeout, breaker, limit |
//! | count | [`stats`](EventBus::stats) | |
//! | test | [`testing`] | records what was published, mutes what should not run |
//! | await handlers | [`AsyncEventBus`] | the same bus, with futures |
//!
//! # Ordering
//! Handlers run one after another on the publisher's thread: high priority first, then in order of
//! subscription. A nested publish runs to its end before the handler that published goes on. Events
//! that are posted reach each handler in order, one at a time, beside other handlers.
//!
//! # Errors
//! Every handler runs, whatever the others do. Failures (errors and panics) are collected, and
//! [`publish`](EventBus::publish) returns them as one [`Error`] when all have run; each
//! [`Failure`] names the handler, where it was subscribed, and where the event was published. An
//! [`OnError`] on the bus or on a subscription changes that. [`deliver`](EventBus::deliver) returns
//! a [`Report`] instead. What fails in the background is given to [`OnError::Call`], or logged (crate
//! `log`).
//!
//! A [`policy`](SubscriptionBuilder::policy) has a handler that failed tried again, leaves it in peace for a while,
//! or limits how many deliveries it has in progress; what has failed to its end is kept.
//!
//! # Back-pressure
//! A publish has none: it takes as long as its handlers. Posted deliveries wait in a queue with room
//! for `max_pending` of them; [`Overflow`] says what a post does when it is full. By default it waits,
//! but on a thread that works off posted deliveries, of whatever bus, it fails.
//!
//! # Cancellation
//! A [`Subscription`] is cancelled, paused and resumed at any time; the handler is not called from then
//! on, not even by a publish under way or a delivery that was posted before. A running handler is never
//! interrupted. On [`AsyncEventBus`], dropping the future of a publish drops those of its handlers.
//!
//! # Re-entrancy
//! A handler may publish, post, subscribe, cancel, and drop the bus. A publish in progress keeps the
//! handlers that it started with, but one that was cancelled or paused meanwhile is not called.
//! More than `max_depth` nested publishes are an error that ends every enclosing publish at once. A
//! posted delivery is nested in nothing. A handler must not drain or close its own bus, and gets an
//! error if it does.
//!
//! # Threads
//! Any thread may publish, post and subscribe at any time. No lock is held while a handler, a layer, a
//! predicate or a destructor runs. A publish never waits for a subscribe. A bus that is posted to starts
//! threads when there is something to do, one or two unless handlers are slow, 32 at most, and lets
//! them end when there is nothing for some seconds.
//!
//! # The end
//! A bus whose last handle is dropped delivers what was posted first. **Nobody waits at the end of a
//! process**: what is pending when `main` returns is lost, unless it was waited for by
//! [`drain`](EventBus::drain) or [`close`](EventBus::close).
//!
//! # Features
//! None by default. `tokio`: `post`, `drain` and `close` on [`AsyncEventBus`], in tasks of a tokio
//! runtime. All else of it needs no runtime.
//!
//! # Not promised
//! Which thread runs a handler is the publisher's choice, so handlers are `Send + Sync`. Between
//! publishes of different threads there is no order, nor between a publish and a post. A handler that
//! another thread was already calling may still be running when `cancel` returns. A posted event is
//! delivered at most once, and not through a crash.
//!
//! # Be careful when
//! a handler publishes with an error in hand. This loses it:
//!
//! ```
//! # struct Placed; struct Paid;
//! # let bus = buswork::EventBus::new();
//! # let inner = bus.clone();
//! bus.subscribe(move |_: &Placed| {
//!     let _ = inner.publish(&Paid);
//! });
//! ```
//!
//! and this reports it to whoever published `Placed`:
//!
//! ```
//! # struct Placed; struct Paid;
//! # let bus = buswork::EventBus::new();
//! # let inner = bus.clone();
//! bus.subscribe(move |_: &Placed| inner.publish(&Paid));
//! ```
//!
//! A handler that holds a clone of its own bus keeps the bus alive; [`clear`](EventBus::clear)
//! breaks the circle.
//!
//! An event that is an `Arc` already is published as such by `publish_shared` on the async bus. By
//! `publish` it would be an event of type `Arc<OrderPlaced>`, which nobody handles:
//!
//! ```
//! # use std::sync::Arc;
//! # struct OrderPlaced;
//! # let bus = buswork::AsyncEventBus::new();
//! # let order = Arc::new(OrderPlaced);
//! let publish = bus.publish_shared(Arc::clone(&order));
//! # drop(publish);
//! ```
//!
//! # For other languages
//! The engine under the bus, [`table`], [`entry`], [`chain`], [`isolation`], [`backlog`], [`policy`], [`topic`] and [`hash`],
//! is generic over key and handler, so that glue for another language can keep its own objects in it.

#![forbid(unsafe_code)]
#![deny(missing_docs, unreachable_pub)]

mod async_bus;
pub mod backlog;
mod builder;
mod bus;
mod careful;
mod causal;
pub mod chain;
mod dead_letters;
mod delivery;
mod dispatch;
pub mod entry;
mod error;
mod failure;
mod handler;
pub mod hash;
mod inner;
pub mod isolation;
mod middleware;
mod observe;
mod on_error;
mod order;
mod plan;
mod policed;
pub mod policy;
mod post;
mod posting;
mod report;
mod rounds;
mod settings;
mod stats;
mod subscription;
mod sync;
pub mod table;
pub mod testing;
pub mod topic;
mod topics;
pub mod trace;
mod unhandled;

pub use async_bus::{AsyncEventBus, AsyncHandler, AsyncMiddleware, AsyncNext, SharedEvent};
pub use backlog::Overflow;
pub use builder::{BusBuilder, SubscriptionBuilder};
pub use bus::EventBus;
pub use dead_letters::{DeadLetter, DeadLettered, DeadLetters, FailedAttempt};
pub use delivery::{SkipReason, Status};
pub use error::Error;
pub use failure::Failure;
pub use handler::{BoxError, Handler, Outcome};
pub use middleware::{EventRef, Middleware, Next};
pub use observe::{Observer, Published};
pub use on_error::OnError;
pub use report::{Delivery, Report};
pub use stats::HandlerStats;
pub use subscription::{Subscription, SubscriptionGuard};
pub use unhandled::Unhandled;

/// The Rust snippets of the project's README, to be run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// Those of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/rust.md")]
struct Guide;
