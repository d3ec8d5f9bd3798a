//! The lines of a trace: one JSON object each.

use std::process;

use super::dispatch::{Delivery, Dispatch};
use super::{SCHEMA, json};

/// The first line of a file. `trace` tells the traces of a rotated set from one another.
pub(super) fn header(out: &mut Vec<u8>, trace: u128, began: u64) {
    out.extend_from_slice(b"{\"type\":\"trace\",\"schema\":");
    json::string(out, SCHEMA);
    out.extend_from_slice(b",\"trace\":");
    json::hexadecimal(out, trace);
    out.extend_from_slice(b",\"process\":");
    json::number(out, process::id().into());
    out.extend_from_slice(b",\"began\":");
    json::number(out, began);
    out.extend_from_slice(b"}\n");
}

pub(super) fn event(out: &mut Vec<u8>, dispatch: &Dispatch) {
    out.extend_from_slice(b"{\"type\":\"event\",\"id\":");
    json::hexadecimal(out, dispatch.id.as_u128());
    out.extend_from_slice(b",\"causation\":");
    match dispatch.causation() {
        Some(id) => json::hexadecimal(out, id.as_u128()),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"correlation\":");
    json::hexadecimal(out, dispatch.correlation().as_u128());
    out.extend_from_slice(b",\"event\":");
    out.extend_from_slice(dispatch.event.json());
    if let Some(topic) = &dispatch.topic {
        out.extend_from_slice(b",\"topic\":");
        json::string(out, topic);
    }
    out.extend_from_slice(b",\"verb\":\"");
    out.extend_from_slice(dispatch.verb.as_str().as_bytes());
    out.extend_from_slice(b"\",\"site\":");
    out.extend_from_slice(dispatch.site.as_ref().map_or(b"null", |site| site.json()));
    out.extend_from_slice(b",\"cause\":");
    out.extend_from_slice(
        dispatch
            .cause()
            .map_or(b"null", |handler| handler.id_json()),
    );
    out.extend_from_slice(b",\"at\":");
    json::number(out, dispatch.at);
    out.extend_from_slice(b"}\n");
}

pub(super) fn delivery(out: &mut Vec<u8>, dispatch: &Dispatch, delivery: &Delivery) {
    out.extend_from_slice(b"{\"type\":\"delivery\",\"event\":");
    json::hexadecimal(out, dispatch.id.as_u128());
    out.push(b',');
    out.extend_from_slice(delivery.handler.json());
    out.extend_from_slice(b",\"subscription\":");
    json::number(out, delivery.subscription);
    out.extend_from_slice(b",\"wait\":");
    json::number(out, delivery.wait);
    out.extend_from_slice(b",\"run\":");
    json::number(out, delivery.run);
    out.extend_from_slice(b",\"outcome\":\"");
    out.extend_from_slice(delivery.outcome.as_str().as_bytes());
    out.push(b'"');
    if let Some(reason) = delivery.outcome.reason() {
        out.extend_from_slice(b",\"reason\":\"");
        out.extend_from_slice(reason.as_str().as_bytes());
        out.push(b'"');
    }
    if let Some(class) = delivery.outcome.error() {
        out.extend_from_slice(b",\"error\":");
        json::string(out, class);
    }
    out.extend_from_slice(b"}\n");
}
