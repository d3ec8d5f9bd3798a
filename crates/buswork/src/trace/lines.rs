//! The lines of a trace: one JSON object each.

use std::process;

use super::dispatch::{Delivery, Dispatch};
use super::{SCHEMA, json};

/// The first line of a file. `trace` tells the traces of a rotated set from one another.
pub(super) fn header(out: &mut String, trace: u128, began: u64) {
    out.push_str("{\"type\":\"trace\",\"schema\":");
    json::string(out, SCHEMA);
    out.push_str(",\"trace\":");
    json::hexadecimal(out, trace);
    out.push_str(",\"process\":");
    json::number(out, process::id().into());
    out.push_str(",\"began\":");
    json::number(out, began);
    out.push_str("}\n");
}

pub(super) fn event(out: &mut String, dispatch: &Dispatch) {
    out.push_str("{\"type\":\"event\",\"id\":");
    json::hexadecimal(out, dispatch.id.as_u128());
    out.push_str(",\"causation\":");
    match dispatch.causation() {
        Some(id) => json::hexadecimal(out, id.as_u128()),
        None => out.push_str("null"),
    }
    out.push_str(",\"correlation\":");
    json::hexadecimal(out, dispatch.correlation().as_u128());
    out.push_str(",\"event\":");
    out.push_str(dispatch.event.json());
    if let Some(topic) = &dispatch.topic {
        out.push_str(",\"topic\":");
        json::string(out, topic);
    }
    out.push_str(",\"verb\":\"");
    out.push_str(dispatch.verb.as_str());
    out.push_str("\",\"site\":");
    out.push_str(dispatch.site.as_ref().map_or("null", |site| site.json()));
    out.push_str(",\"cause\":");
    out.push_str(dispatch.cause().map_or("null", |handler| handler.id_json()));
    out.push_str(",\"at\":");
    json::number(out, dispatch.at);
    out.push_str("}\n");
}

pub(super) fn delivery(out: &mut String, dispatch: &Dispatch, delivery: &Delivery) {
    out.push_str("{\"type\":\"delivery\",\"event\":");
    json::hexadecimal(out, dispatch.id.as_u128());
    out.push(',');
    out.push_str(delivery.handler.json());
    out.push_str(",\"place\":");
    json::number(out, delivery.place.into());
    out.push_str(",\"wait\":");
    json::number(out, delivery.wait);
    out.push_str(",\"run\":");
    json::number(out, delivery.run);
    out.push_str(",\"outcome\":\"");
    out.push_str(delivery.outcome.as_str());
    out.push('"');
    if let Some(reason) = delivery.outcome.reason() {
        out.push_str(",\"reason\":\"");
        out.push_str(reason.as_str());
        out.push('"');
    }
    if let Some(class) = delivery.outcome.error() {
        out.push_str(",\"error\":");
        json::string(out, class);
    }
    out.push_str("}\n");
}
