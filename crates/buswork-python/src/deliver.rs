//! The careful road: the same walk as [`crate::publish`], with a clock, a report and traces.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use buswork::SkipReason;
use buswork::isolation::Isolation;
use buswork::trace::{self, Dispatch};
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use crate::admission::{Delivered, deliver_guarded};
use crate::attempts::Attempts;
use crate::bus::Bus;
use crate::exception;
use crate::failure::Publication;
use crate::passage::{self, Verb};
use crate::place::Origin;
use crate::plan;
use crate::post;
use crate::publish::{Publishing, in_chain, mind};
use crate::report::{Delivery, Report};
use crate::rounds::Rounds;
use crate::routing::TypeKey;
use crate::subscriber::{Entry, Plan};
use crate::tracing;
use crate::watch::{self, Muting};

/// Publishes, and reports what came of each delivery.
pub(crate) fn deliver(
    this: &Bound<'_, Bus>,
    event: &Bound<'_, PyAny>,
    topic: Option<&str>,
) -> PyResult<Py<Report>> {
    let (py, bus, class) = (this.py(), this.get(), event.get_type());
    let plan = plan::plan_for(bus, &class, topic)?;
    let muting = watch::ask(bus, &plan, "deliver", event, topic)?;
    if plan.extra().surroundings.has_layers && !matches!(muting, Muting::Everybody) {
        let report = passage::publish(this, event, topic, &muting, Verb::Deliver)?;
        return report.map_or_else(|| Py::new(py, Report::empty(&class, topic)), Ok);
    }
    let origin = Origin { topic, place: None };
    post::post_background(this, &plan, event, origin, &muting)?;
    let report = in_chain(py, this.as_unbound(), TypeKey::of(&class), |publishing| {
        deliver_within(publishing, &plan, &class, event, origin, &muting)
    })?;
    Py::new(py, report)
}

/// Delivers within a chain that has been entered, and behind every layer.
pub(crate) fn deliver_within(
    publishing: &Publishing<'_>,
    plan: &Plan,
    class: &Bound<'_, PyType>,
    event: &Bound<'_, PyAny>,
    origin: Origin<'_>,
    muting: &Muting<'_>,
) -> PyResult<Report> {
    let py = event.py();
    let dispatch = match muting {
        Muting::Everybody => None,
        _ => tracing::begin(
            plan,
            class,
            origin.topic,
            origin.place,
            trace::Verb::Deliver,
        )?,
    };
    mind(plan, class, event, origin.topic, || exception::site(py))?;
    let publication = Publication::new(publishing.owner, class, event, origin);
    let walk = Walk {
        publishing,
        plan,
        publication: &publication,
        event,
        muting,
        dispatch: dispatch.as_ref(),
    };
    let mut deliveries = Vec::with_capacity(plan.entries().len());
    walk.run(Some(&mut deliveries))?;
    Ok(Report {
        event_type: class.clone().unbind(),
        topic: origin.topic.map(str::to_owned),
        deliveries: PyTuple::new(py, deliveries)?.unbind(),
    })
}

/// The walk of a plan, with all that is asked and told on the way.
pub(crate) struct Walk<'a, 'py> {
    pub(crate) publishing: &'a Publishing<'a>,
    pub(crate) plan: &'a Plan,
    pub(crate) publication: &'a Publication<'a, 'py>,
    pub(crate) event: &'a Bound<'py, PyAny>,
    pub(crate) muting: &'a Muting<'py>,
    /// What the traces are told of, if there are any.
    pub(crate) dispatch: Option<&'a Arc<Dispatch>>,
}

impl<'py> Walk<'_, 'py> {
    /// Calls each handler, and returns what the publisher is to be told. The report, if one is asked
    /// for, has everything.
    pub(crate) fn run(&self, mut report: Option<&mut Vec<Delivery>>) -> PyResult<Isolation<PyErr>> {
        let py = self.event.py();
        let mut isolation = Isolation::new();
        let mut rounds = Rounds::default();
        let mut stopped = false;
        for (place, entry) in self.plan.entries().iter().enumerate() {
            // Taken before the call, which may end the subscription.
            let taken = report.is_some().then(|| Taken::of(py, entry));
            let reason = if stopped {
                Some(SkipReason::Stopped)
            } else if entry.handler().background {
                Some(SkipReason::Posted)
            } else {
                self.muting.has(py, entry)?.then_some(SkipReason::Muted)
            };
            if let Some(reason) = reason {
                tracing::skip(py, self.dispatch, entry, reason);
                if let (Some(report), Some(taken)) = (&mut report, taken) {
                    report.push(taken.skipped(reason));
                }
                continue;
            }
            let started = report.is_some().then(Instant::now);
            let attempted = self.attempt(entry);
            if let (Some(report), Some(taken)) = (&mut report, taken) {
                let elapsed = started.map_or(0.0, |started| started.elapsed().as_secs_f64());
                report.push(taken.attempted(py, &attempted, elapsed));
            }
            let fault = attempted
                .err()
                .and_then(|fault| rounds.take(place, entry, fault));
            if let Some(fault) = fault {
                let judged = self.publication.judge(entry, fault, &mut isolation)?;
                stopped = judged.is_break();
            }
            self.publication.verdict(self.publishing, &mut isolation)?;
        }
        let goes_on = if stopped {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        };
        rounds.run(
            self.publishing.bus,
            self.event,
            self.dispatch,
            goes_on,
            |ended| {
                let report = report.as_mut();
                if let Some(delivery) = report.and_then(|report| report.get_mut(ended.place)) {
                    delivery.tried_again(py, &ended);
                }
                self.publication.verdict(self.publishing, &mut isolation)?;
                match ended.delivered {
                    Ok(_) => Ok(ControlFlow::Continue(())),
                    Err(fault) => self.publication.judge(ended.entry, fault, &mut isolation),
                }
            },
        )?;
        Ok(isolation)
    }

    fn attempt(&self, entry: &Arc<Entry>) -> Delivered<'py> {
        let bus = self.publishing.bus;
        if let Some(attempts) = Attempts::of(bus, entry, self.dispatch) {
            return attempts.first_or_never(self.event);
        }
        match self.dispatch {
            None => deliver_guarded(bus, entry, self.event),
            Some(dispatch) => tracing::deliver(bus, dispatch, entry, self.event),
        }
    }
}

/// What a report says of a handler, whatever becomes of its subscription.
struct Taken {
    handler: Option<Py<PyAny>>,
    name: String,
}

impl Taken {
    fn of(py: Python<'_>, entry: &Entry) -> Self {
        Self {
            handler: entry.handler().handler(py).map(Bound::unbind),
            name: entry.handler().name.clone(),
        }
    }

    fn skipped(self, reason: SkipReason) -> Delivery {
        Delivery::skipped(self.handler, self.name, reason)
    }

    fn attempted(self, py: Python<'_>, attempted: &Delivered<'_>, elapsed: f64) -> Delivery {
        match attempted {
            Ok(Ok(result)) => {
                Delivery::ok(self.handler, self.name, result.clone().unbind(), elapsed)
            }
            Ok(Err(reason)) => self.skipped(*reason),
            Err(fault) => {
                let exception = fault.error.value(py).clone().into_any().unbind();
                Delivery::failed(self.handler, self.name, exception, elapsed)
            }
        }
    }
}
