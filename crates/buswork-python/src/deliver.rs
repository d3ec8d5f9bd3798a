//! The careful road: the same walk as [`crate::publish`], with a clock and a report.

use std::time::Instant;

use buswork::SkipReason;
use buswork::isolation::Isolation;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use crate::admission::deliver_guarded;
use crate::bus::Bus;
use crate::exception;
use crate::failure::Publication;
use crate::passage::{self, Verb};
use crate::place::Origin;
use crate::plan;
use crate::publish::{Publishing, in_chain, mind};
use crate::report::{Delivery, Report};
use crate::routing::TypeKey;
use crate::subscriber::Plan;
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
    let report = in_chain(py, bus, TypeKey::of(&class), |publishing| {
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
    mind(plan, class, event, origin.topic, || exception::site(py))?;
    walk(publishing, plan, class, event, origin, muting)
}

fn walk(
    publishing: &Publishing<'_>,
    plan: &Plan,
    class: &Bound<'_, PyType>,
    event: &Bound<'_, PyAny>,
    origin: Origin<'_>,
    muting: &Muting<'_>,
) -> PyResult<Report> {
    let py = event.py();
    let publication = Publication::new(publishing.bus, class, event, origin);
    let mut isolation = Isolation::new();
    let mut deliveries = Vec::with_capacity(plan.entries().len());
    let mut stopped = false;
    for entry in plan.entries() {
        // Taken before the call, which may end the subscription.
        let handler = entry.handler().handler(py).map(Bound::unbind);
        let name = entry.handler().name.clone();
        if stopped {
            deliveries.push(Delivery::skipped(handler, name, SkipReason::Stopped));
            continue;
        }
        if muting.has(py, entry)? {
            deliveries.push(Delivery::skipped(handler, name, SkipReason::Muted));
            continue;
        }
        let started = Instant::now();
        let attempted = deliver_guarded(publishing.bus, entry, event);
        let elapsed = started.elapsed().as_secs_f64();
        deliveries.push(match attempted {
            Ok(Ok(result)) => Delivery::ok(handler, name, result.unbind(), elapsed),
            Ok(Err(reason)) => Delivery::skipped(handler, name, reason),
            Err(fault) => {
                let exception = fault.error.value(py).clone().into_any().unbind();
                stopped = publication.judge(entry, fault, &mut isolation)?.is_break();
                Delivery::failed(handler, name, exception, elapsed)
            }
        });
        publication.verdict(publishing, &mut isolation)?;
    }
    Ok(Report {
        event_type: class.clone().unbind(),
        topic: origin.topic.map(str::to_owned),
        deliveries: PyTuple::new(py, deliveries)?.unbind(),
    })
}
