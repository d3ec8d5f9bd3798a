//! The future of an async publish: it keeps its place in the causal chain, and leads the event through
//! the layers, if there are any.

use std::any::Any;
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use super::AsyncEventBus;
use super::chained::Place;
use super::handler::{AsyncCallee, BoxFuture};
use super::middleware::{AsyncNext, SharedEvent};
use super::running::{Ended, Running};
use crate::error::Error;
use crate::plan::Plan;
use crate::report::Delivery;
use crate::sync::Arc;
use crate::trace::Dispatch;

pub(crate) struct Publish<E> {
    bus: AsyncEventBus,
    event: Arc<E>,
    site: &'static Location<'static>,
    is_reported: bool,
    target: Target,
    /// Set for a topic; a plan of a type is looked up when the publish begins.
    plan: Option<Arc<Plan>>,
    place: Place,
    stage: Stage<E>,
    /// Of a posted event that is traced.
    dispatch: Option<Arc<Dispatch>>,
    /// Of a posted event: is told when the handler is called.
    begun: Option<Arc<AtomicBool>>,
}

/// Where the event goes.
#[cfg_attr(
    not(feature = "tokio"),
    expect(dead_code, reason = "posted deliveries need a runtime")
)]
pub(crate) enum Target {
    /// Through the layers, to every handler.
    Handlers,
    /// To one handler, since it was posted and has passed the layers.
    Handler(usize),
    /// Through the layers, to the queue of the posted deliveries.
    Queue(Box<dyn FnOnce() + Send>),
}

enum Stage<E> {
    New,
    Running(Running<E>),
    InLayers(BoxFuture<Result<(), Error>>, Slot),
    Muted,
    Ended,
}

/// Where the deliveries are left that the layers know nothing of.
type Slot = Arc<Mutex<Vec<Delivery>>>;
/// What is behind the layers.
type Innermost = Box<dyn FnOnce(Slot) -> BoxFuture<Result<(), Error>> + Send>;

impl<E: Any + Send + Sync> Publish<E> {
    pub(crate) fn new(
        bus: &AsyncEventBus,
        event: Arc<E>,
        site: &'static Location<'static>,
    ) -> Self {
        Self {
            bus: bus.clone(),
            event,
            site,
            is_reported: false,
            target: Target::Handlers,
            plan: None,
            place: Place::default(),
            stage: Stage::New,
            dispatch: None,
            begun: None,
        }
    }

    pub(crate) fn reported(mut self) -> Self {
        self.is_reported = true;
        self
    }

    pub(crate) fn on_plan(mut self, plan: Arc<Plan>) -> Self {
        self.plan = Some(plan);
        self
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn of_dispatch(mut self, dispatch: Option<Arc<Dispatch>>) -> Self {
        self.dispatch = dispatch;
        self
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn begins(mut self, begun: Arc<AtomicBool>) -> Self {
        self.begun = Some(begun);
        self
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn to(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    fn begin(&mut self) {
        let plan = self.plan.take();
        let plan = plan.unwrap_or_else(|| self.bus.inner.plan::<E, AsyncCallee<E>>());
        let special = &plan.extra().special;
        if let Target::Handlers = self.target {
            special.record(&*self.event, self.site, false);
            if special.is_muted {
                self.stage = Stage::Muted;
                return;
            }
        }
        let (bus, event, site) = (self.bus.clone(), Arc::clone(&self.event), self.site);
        let running = |plan, is_reported| Running::new(bus, plan, event, site, is_reported);
        let innermost: Innermost = match std::mem::replace(&mut self.target, Target::Handlers) {
            Target::Handler(place) => {
                self.stage = Stage::Running(running(plan, false).only(
                    place,
                    self.dispatch.take(),
                    self.begun.take(),
                ));
                return;
            }
            Target::Handlers if special.async_layers.is_empty() => {
                self.stage = Stage::Running(running(plan, self.is_reported));
                return;
            }
            Target::Handlers => {
                let (plan, is_reported) = (Arc::clone(&plan), self.is_reported);
                Box::new(move |left| {
                    Box::pin(async move {
                        let ended = running(plan, is_reported).await;
                        *left.lock().unwrap_or_else(PoisonError::into_inner) = ended.deliveries;
                        ended.result
                    })
                })
            }
            Target::Queue(push) => Box::new(move |_| {
                Box::pin(async {
                    push();
                    Ok(())
                })
            }),
        };
        let slot = Slot::default();
        let left = Arc::clone(&slot);
        let shared = SharedEvent::new(Arc::clone(&self.event), special, site);
        let layers = Arc::clone(&special.async_layers);
        let next = AsyncNext::new(layers, shared, move || innermost(left));
        self.stage = Stage::InLayers(Box::pin(next.run()), slot);
    }

    fn poll_stage(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        if matches!(self.stage, Stage::New) {
            self.begin();
        }
        match &mut self.stage {
            Stage::Running(running) => Pin::new(running).poll(context),
            Stage::InLayers(layers, slot) => layers.as_mut().poll(context).map(|result| {
                let mut left = slot.lock().unwrap_or_else(PoisonError::into_inner);
                let deliveries = std::mem::take(&mut *left);
                Ended { result, deliveries }
            }),
            Stage::Muted => Poll::Ready(Ended::of(Ok(()))),
            Stage::New | Stage::Ended => Poll::Pending,
        }
    }
}

impl<E: Any + Send + Sync> Future for Publish<E> {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Ended> {
        let this = &mut *self;
        let publishing = match this.bus.inner.enter::<E>() {
            Ok(publishing) => publishing,
            Err(error) => {
                this.stage = Stage::Ended;
                return Poll::Ready(Ended::of(Err(error)));
            }
        };
        let (mut place, stage) = (std::mem::take(&mut this.place), &mut *this);
        let mut polled = place.poll(&publishing, || match publishing.verdict() {
            Ok(()) => stage.poll_stage(context),
            Err(error) => Poll::Ready(Ended::of(Err(error))),
        });
        this.place = place;
        if let Err(error) = publishing.verdict() {
            polled = Poll::Ready(Ended::of(Err(error)));
        }
        if polled.is_ready() {
            // The handlers that are left are dropped within the chain.
            this.stage = Stage::Ended;
        }
        polled
    }
}
