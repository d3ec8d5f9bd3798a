//! Sends invoices. In this shop they are paid at once.

use buswork::{Error, EventBus};

use crate::events::{InvoicePaid, OrderPlaced};

/// Bills each order on the bus, and says when it is paid.
pub fn subscribe(bus: &EventBus) {
    let paying = bus.clone();
    bus.on::<OrderPlaced>()
        .named("billing::bill")
        .subscribe(move |order: &OrderPlaced| bill(&paying, order));
}

/// Runs for free CDs too: their invoice is over nothing.
fn bill(bus: &EventBus, order: &OrderPlaced) -> Result<(), Error> {
    bus.publish(&InvoicePaid {
        order_number: order.number,
        dollars: order.dollars,
    })
}
