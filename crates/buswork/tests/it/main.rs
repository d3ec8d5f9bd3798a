//! The bus for Rust, through its public face; a file a behaviour.

mod async_deliver;
#[cfg(feature = "tokio")]
mod async_policies;
#[cfg(feature = "tokio")]
mod async_post;
mod async_publish;
mod async_recursion;
mod backlog;
mod backlog_rests;
mod deliver;
mod executor;
mod middleware;
mod observe;
mod policies;
mod policy;
mod post;
mod post_random;
mod publish;
mod random;
mod recursion;
mod scenarios;
mod shop;
mod subscribe;
mod testing;
mod threads;
mod topics;
mod trace;

use std::sync::{Arc, Mutex};

/// What happened, in order.
#[derive(Debug, Clone, Default)]
struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct OrderPlaced {
    number: u32,
}

fn order(number: u32) -> OrderPlaced {
    OrderPlaced { number }
}
