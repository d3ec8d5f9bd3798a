//! What can happen in the shop. Plain data; no module owns it.

pub use crate::date::Date;
pub use crate::dollars::Dollars;

/// A customer has bought CDs.
#[derive(Debug, Clone)]
pub struct OrderPlaced {
    pub number: u64,
    pub customer: String,
    pub day: Date,
    pub discs: u32,
    pub dollars: Dollars,
}

/// The invoice of an order is paid.
#[derive(Debug, Clone)]
#[expect(
    dead_code,
    reason = "it tells all it knows; nobody asks for the order yet"
)]
pub struct InvoicePaid {
    pub order_number: u64,
    pub dollars: Dollars,
}

/// The shelf needs filling. It may owe CDs: then fewer than none are left.
#[derive(Debug, Clone)]
pub struct StockLow {
    pub discs_left: i64,
}

/// CDs were ordered from the supplier, and came.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "it tells all it knows; nobody asks how many yet")]
pub struct StockReordered {
    pub discs: i64,
}

/// A row of the purchase file could not be read.
#[derive(Debug, Clone)]
pub struct RowRejected {
    pub line: usize,
    pub reason: String,
}
