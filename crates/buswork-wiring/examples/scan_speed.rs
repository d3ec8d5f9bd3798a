//! How long a scan takes beside the bare parse of the same files: `scan_speed FOLDER [ROUNDS]`.
//!
//! Prints lines, and a table of seconds and ratios in Markdown, medians of some rounds that
//! alternate: the bare parse on one thread, a first scan on one thread without a cache, and a second
//! scan that finds everything in the cache.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use buswork_wiring::config::Config;
use buswork_wiring::scan::{Options, scan_with};
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name a folder")?).canonicalize()?;
    let rounds: usize = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let cache = folder.join(".scan-speed-cache");
    let mut files = Vec::new();
    collect(&folder, &mut files)?;
    let (mut bare, mut cold, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    let mut lines = 0;
    for _ in 0..rounds {
        let started = Instant::now();
        let parsed: usize = files.iter().map(|path| parse(path)).sum();
        bare.push(started.elapsed());
        assert!(parsed > 0, "no file of Python below {}", folder.display());
        let _ = std::fs::remove_dir_all(&cache);
        let (seconds, read) = scan_once(&folder, None);
        cold.push(seconds);
        lines = read;
        scan_once(&folder, Some(&cache));
        warm.push(scan_once(&folder, Some(&cache)).0);
    }
    let _ = std::fs::remove_dir_all(&cache);
    let (bare, cold, warm) = (median(bare), median(cold), median(warm));
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} files, {lines} lines.\n", files.len())?;
    writeln!(out, "| what | seconds | |\n| --- | ---: | --- |")?;
    writeln!(
        out,
        "| bare parse, one thread | {:.2} | |",
        bare.as_secs_f64()
    )?;
    let ratio = cold.as_secs_f64() / bare.as_secs_f64();
    writeln!(
        out,
        "| first scan, one thread | {:.2} | {ratio:.2}× the bare parse |",
        cold.as_secs_f64()
    )?;
    let ratio = cold.as_secs_f64() / warm.as_secs_f64();
    writeln!(
        out,
        "| second scan, from its cache | {:.2} | {ratio:.1}× quicker |",
        warm.as_secs_f64()
    )?;
    writeln!(out, "\nMost memory of all this: {} MiB.", peak() / 1024)?;
    Ok(())
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            collect(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "py") {
            into.push(path);
        }
    }
    Ok(())
}

/// Reads and parses a file; 1 if it could be read.
fn parse(path: &Path) -> usize {
    let Ok(text) = std::fs::read_to_string(path) else {
        return 0;
    };
    let parsed = parse_unchecked(&text, ParseOptions::from(Mode::Module));
    std::hint::black_box(&parsed);
    1
}

fn scan_once(folder: &Path, cache: Option<&Path>) -> (Duration, usize) {
    let options = Options {
        cache: cache.map(Path::to_path_buf),
        threads: 1,
        ..Options::default()
    };
    let started = Instant::now();
    let wiring = scan_with(
        folder,
        &[folder.to_path_buf()],
        &Config::default(),
        &options,
    );
    (started.elapsed(), wiring.scope.lines)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The most memory that this process has held, in KiB; 0 where the system does not tell.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
