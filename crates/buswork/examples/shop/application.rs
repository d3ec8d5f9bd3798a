//! The composition root: the one place that knows all modules, and wires them to the bus.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use buswork::{EventBus, Unhandled};

use crate::analytics::Analytics;
use crate::events::StockReordered;
use crate::post_office::PostOffice;
use crate::{billing, inventory, orders};

/// What is left of one run of the shop.
pub struct Run {
    pub analytics: Arc<Analytics>,
    pub mbox: PathBuf,
    pub elapsed: Duration,
}

/// Wires the shop and feeds it purchases; the mails go to `mbox`, which is made anew. What runs is
/// recorded in `trace`, if that is given.
pub fn run(
    purchases: impl BufRead,
    mbox: PathBuf,
    trace: Option<&Path>,
) -> Result<Run, Box<dyn Error>> {
    let mails = create(&mbox)?;
    let bus = EventBus::builder().unhandled(Unhandled::Raise).build();
    let tracing = trace.map(|path| bus.trace(path)).transpose()?;
    // Nobody has to act on it, and an observer is no handler.
    bus.set_unhandled::<StockReordered>(Unhandled::Ignore);

    inventory::subscribe(&bus);
    billing::subscribe(&bus);
    let post_office = PostOffice::subscribe(&bus, mails);
    let analytics = Analytics::subscribe(&bus);

    let started = Instant::now();
    let taken = orders::take(&bus, purchases);
    let elapsed = started.elapsed();

    // The bus holds the handlers, and inventory and billing hold the bus, for they publish. Nothing
    // else would end that circle. No `?` stands between it and the wiring, so that a failed run is
    // freed too.
    bus.clear();
    drop(tracing);
    taken?;
    post_office.flush()?;
    Ok(Run {
        analytics,
        mbox,
        elapsed,
    })
}

fn create(mbox: &Path) -> Result<BufWriter<File>, String> {
    let file = File::create(mbox).map_err(|error| format!("{}: {error}", mbox.display()))?;
    Ok(BufWriter::new(file))
}
