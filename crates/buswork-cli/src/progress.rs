//! How far a long scan is, for somebody who watches.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A scan that takes less is over before anybody wonders.
const PATIENCE: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_millis(100);
const CLEAR: &str = "\r\x1b[K";

/// A line on standard error that tells how many files were read, from the second second on, and is
/// wiped away when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    counts: Arc<Counts>,
    telling: Option<(Sender<()>, JoinHandle<()>)>,
}

#[derive(Debug, Default)]
struct Counts {
    done: AtomicUsize,
    all: AtomicUsize,
}

impl Progress {
    /// Begins to tell, if somebody watches.
    pub(crate) fn begin(is_watched: bool) -> Self {
        let counts = Arc::new(Counts::default());
        let telling = is_watched.then(|| {
            let (end, ended) = mpsc::channel();
            let counts = Arc::clone(&counts);
            let thread = thread::spawn(move || {
                let mut wait = PATIENCE;
                while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                    let _ = write!(io::stderr(), "{CLEAR}{}", counts.text());
                    wait = EVERY;
                }
                if wait == EVERY {
                    let _ = write!(io::stderr(), "{CLEAR}");
                }
            });
            (end, thread)
        });
        Self { counts, telling }
    }

    /// So many files are done.
    pub(crate) fn tell(&self, done: usize, all: usize) {
        self.counts.done.fetch_max(done, Ordering::Relaxed);
        self.counts.all.store(all, Ordering::Relaxed);
    }
}

impl Counts {
    fn text(&self) -> String {
        let (done, all) = (
            self.done.load(Ordering::Relaxed),
            self.all.load(Ordering::Relaxed),
        );
        match all {
            0 => "reading".to_owned(),
            _ if done < all => format!("{done} of {all} files are read"),
            _ => "linking".to_owned(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.telling.take() {
            drop(end);
            let _ = thread.join();
        }
    }
}
