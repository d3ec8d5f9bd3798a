//! How far a long scan is, for somebody who watches.

use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A scan that takes less is over before anybody wonders.
const PATIENCE: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_millis(250);
const CLEAR: &str = "\r\x1b[K";

/// A line on standard error that tells how long it has taken, from the second second on, and is
/// wiped away when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress(Option<(Sender<()>, JoinHandle<()>)>);

impl Progress {
    /// Begins to tell, if somebody watches.
    pub(crate) fn begin(is_watched: bool, what: &str) -> Self {
        if !is_watched {
            return Self(None);
        }
        let (end, ended) = mpsc::channel();
        let what = what.to_owned();
        let told = thread::spawn(move || {
            let begun = Instant::now();
            let mut wait = PATIENCE;
            while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                let seconds = begun.elapsed().as_secs();
                let _ = write!(io::stderr(), "{CLEAR}{what}: {seconds} s");
                wait = EVERY;
            }
            if wait == EVERY {
                let _ = write!(io::stderr(), "{CLEAR}");
            }
        });
        Self(Some((end, told)))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((end, told)) = self.0.take() {
            drop(end);
            let _ = told.join();
        }
    }
}
