//! Counts. Sales are events, so handlers count them; what goes by on the bus, of whatever type, is
//! an observer's to count, for a handler hears of one type only.

use std::collections::{BTreeMap, HashSet};
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard};

use buswork::{Delivery, EventBus, Observer, Published};

use crate::events::{Dollars, InvoicePaid, OrderPlaced, RowRejected};

const REASONS_KEPT: usize = 5;

/// What the shop has sold, and what went by on the bus.
#[derive(Default)]
pub struct Analytics {
    sales: Mutex<Sales>,
    traffic: Mutex<Traffic>,
}

#[derive(Default)]
pub struct Sales {
    pub purchases: u64,
    pub customers: HashSet<String>,
    pub discs: u64,
    pub dollars: Dollars,
    pub rejected: usize,
    pub first_rejections: Vec<RowRejected>,
}

#[derive(Default)]
pub struct Traffic {
    /// Events published, by the name of their type.
    pub published: BTreeMap<&'static str, u64>,
    /// By the name of the handler: a given name is unique on its bus.
    pub handled: BTreeMap<String, Handled>,
}

pub struct Handled {
    pub deliveries: u64,
    pub place: &'static Location<'static>,
}

impl Analytics {
    /// Starts to count what happens on the bus.
    pub fn subscribe(bus: &EventBus) -> Arc<Self> {
        let analytics = Arc::new(Self::default());
        let [orders, money, rejections] = std::array::from_fn(|_| Arc::clone(&analytics));
        bus.on::<OrderPlaced>()
            .named("analytics::count_order")
            .subscribe(move |order: &OrderPlaced| orders.count_order(order));
        bus.on::<InvoicePaid>()
            .named("analytics::count_money")
            .subscribe(move |invoice: &InvoicePaid| money.count_money(invoice));
        bus.on::<RowRejected>()
            .named("analytics::count_rejection")
            .subscribe(move |row: &RowRejected| rejections.count_rejection(row));
        bus.observe(Some(analytics.clone()));
        analytics
    }

    pub fn sales(&self) -> MutexGuard<'_, Sales> {
        self.sales.lock().expect("no count panics")
    }

    pub fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().expect("no count panics")
    }

    fn count_order(&self, order: &OrderPlaced) {
        let mut sales = self.sales();
        sales.purchases += 1;
        sales.discs += u64::from(order.discs);
        if !sales.customers.contains(&order.customer) {
            sales.customers.insert(order.customer.clone());
        }
    }

    fn count_money(&self, invoice: &InvoicePaid) {
        self.sales().dollars += invoice.dollars;
    }

    /// Counts a rejected row, and keeps the first few.
    fn count_rejection(&self, row: &RowRejected) {
        let mut sales = self.sales();
        sales.rejected += 1;
        if sales.first_rejections.len() < REASONS_KEPT {
            sales.first_rejections.push(row.clone());
        }
    }
}

impl Observer for Analytics {
    fn published(&self, publish: Published) {
        *self
            .traffic()
            .published
            .entry(publish.event_type)
            .or_default() += 1;
    }

    fn delivered(&self, _: Published, delivery: &Delivery) {
        let mut traffic = self.traffic();
        // Looked up first: nothing is allocated but for the first delivery of a handler.
        if let Some(handled) = traffic.handled.get_mut(delivery.name()) {
            handled.deliveries += 1;
            return;
        }
        let first = Handled {
            deliveries: 1,
            place: delivery.subscription().location(),
        };
        traffic.handled.insert(delivery.name().to_owned(), first);
    }
}
