//! Prints the graph of some code as JSON: `scan_json ROOT PATH…`. What the scores are made from.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use buswork_wiring::config::Config;
use buswork_wiring::scan::scan;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = PathBuf::from(arguments.next().ok_or("name a root folder")?);
    let paths: Vec<_> = arguments.map(PathBuf::from).collect();
    let wiring = scan(&root, &paths, &Config::default());
    serde_json::to_writer_pretty(std::io::stdout().lock(), &wiring)?;
    writeln!(std::io::stdout())?;
    Ok(())
}
