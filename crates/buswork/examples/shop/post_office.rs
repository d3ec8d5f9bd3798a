//! Writes the confirmations, as mails in one mbox file.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use buswork::EventBus;

use crate::events::OrderPlaced;

/// Appends a mail for each order to an mbox (RFC 4155).
pub struct PostOffice<W> {
    mbox: Mutex<W>,
}

impl<W: Write + Send + 'static> PostOffice<W> {
    /// Opens the post office to the orders on the bus.
    pub fn subscribe(bus: &EventBus, mbox: W) -> Arc<Self> {
        let post_office = Arc::new(Self {
            mbox: Mutex::new(mbox),
        });
        let confirming = Arc::clone(&post_office);
        bus.on::<OrderPlaced>()
            .named("post_office::confirm")
            .subscribe(move |order: &OrderPlaced| confirming.confirm(order));
        post_office
    }

    /// Sees the last mails off. To be called at the end: a buffered writer that is only dropped
    /// keeps quiet about a full disk.
    pub fn flush(&self) -> io::Result<()> {
        self.mbox().flush()
    }

    /// Writes one mail.
    fn confirm(&self, order: &OrderPlaced) -> io::Result<()> {
        let OrderPlaced {
            number,
            customer,
            day,
            discs,
            dollars,
        } = order;
        let (weekday, month) = (day.weekday_name(), day.month_name());
        let (day, year) = (day.day(), day.year());
        write!(
            self.mbox(),
            "From shop@example.com {weekday} {month} {day:02} 00:00:00 {year}\n\
             From: shop@example.com\n\
             To: customer-{customer}@example.com\n\
             Subject: Your order {number}\n\
             \n\
             Thank you for {discs} CDs at ${dollars}.\n\
             \n"
        )
    }

    fn mbox(&self) -> MutexGuard<'_, W> {
        self.mbox.lock().expect("no writer panics")
    }
}
