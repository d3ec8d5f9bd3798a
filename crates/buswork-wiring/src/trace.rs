//! What ran, as a bus has recorded it: reads the files of `bus.trace(path)`, schema
//! `buswork-trace/1`.
//!
//! A trace may come from anywhere, and end anywhere: a program that was killed leaves half a line. So
//! nothing in it is trusted. What is malformed is reported with its line, and left out.
//!
//! ```
//! let text = r#"{"type":"trace","schema":"buswork-trace/1","trace":"00000000000000000000000000000001"}
//! {"type":"edges","more":0,"cascades":[{"handler":"shop:bill","event":"shop.Paid","count":3}]}
//! {"type":"event""#;
//! let trace = buswork_wiring::trace::read(text.as_bytes());
//! assert_eq!(trace.cascades[0].count, 3);
//! assert_eq!(trace.problems[0].line, 3);
//! ```

mod edges;
mod files;
mod lines;
mod record;

use std::io::Read;

use edges::Counter;
pub use files::{files, files_of_one_trace};
pub use lines::{Records, records};
pub use record::{
    Cascade, Delivered, Delivery, Edges, Event, Header, Outcome, Published, Record, Verb,
};

/// The schema that is read. What has another is refused.
pub const SCHEMA: &str = "buswork-trace/1";

/// How many problems are kept; more are counted.
const PROBLEMS: usize = 100;

/// The distinct edges of a trace, and what could not be read of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// Place → event, sorted.
    pub publishes: Vec<Published>,
    /// Event → handler, sorted.
    pub deliveries: Vec<Delivered>,
    /// Handler → event, sorted.
    pub cascades: Vec<Cascade>,
    /// How many records had an edge for which there was no room, when it was written or read.
    pub more: u64,
    /// How many events stand in the files that were read, and how many deliveries.
    pub records: (u64, u64),
    /// What could not be read, the first hundred.
    pub problems: Vec<Problem>,
    /// How many problems there are besides.
    pub more_problems: u64,
}

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1 on, in its file.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}

/// Reads one file.
pub fn read(file: impl Read) -> Trace {
    read_all([file])
}

/// Reads the files of one rotated trace, or of several traces, oldest first.
///
/// Each file begins with the edges of those before it, and a trace that was closed ends with all of
/// them: they are not counted twice.
pub fn read_all<R: Read>(all: impl IntoIterator<Item = R>) -> Trace {
    let mut trace = Trace::default();
    let mut counter = Counter::default();
    for file in all {
        for record in records(file) {
            match record {
                Ok(record) => counter.count(record, &mut trace.records),
                Err(problem) => trace.note(problem),
            }
        }
    }
    counter.finish(&mut trace);
    trace
}

impl Trace {
    fn note(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS {
            self.problems.push(problem);
        } else {
            self.more_problems += 1;
        }
    }
}
