//! Throws damaged code at the reader: `fuzz_reader SECONDS SEED FOLDER…`.
//!
//! Takes files of Python and Rust below the folders, damages them, scans each heap of some as a
//! project, and has the result checked and drawn. A panic, or a scan that takes very long, ends it
//! with 1; a stack that overflows ends it by a signal. The heap stays in `target/fuzz` then, and its
//! seed is printed: given as SEED, with the same folders, it comes first.

mod damage;
mod random;

use std::error::Error;
use std::fs;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use buswork_wiring::config::Config;
use buswork_wiring::graph::Wiring;
use buswork_wiring::render::{github, json, mermaid, table, tree};
use buswork_wiring::scan::{Options, scan_with};
use buswork_wiring::{lock, rules};

use damage::damaged;
use random::Random;

/// What is larger is cut: many small heaps find more than a few large ones.
const LARGEST: u64 = 1 << 17;
/// A heap this size is read in a hundredth of this.
const PATIENCE: Duration = Duration::from_secs(30);
const FILES: usize = 5;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments
        .next()
        .ok_or("say for how many seconds")?
        .parse()?;
    let first: u64 = arguments.next().ok_or("name a seed")?.parse()?;
    let mut sources = Vec::new();
    for folder in arguments {
        collect(Path::new(&folder), &mut sources)?;
    }
    sources.sort();
    if sources.is_empty() {
        return Err("name folders with code in them".into());
    }
    let heap = PathBuf::from("target/fuzz");
    let end = Instant::now() + Duration::from_secs(seconds);
    let watch = watch();
    let mut seed = first;
    loop {
        fill(&heap, &sources, seed)?;
        watch.send(Some(seed))?;
        let result = panic::catch_unwind(AssertUnwindSafe(|| read(&heap)));
        watch.send(None)?;
        if result.is_err() {
            say(&format!(
                "a panic: SEED={seed}, the heap is in {}",
                heap.display()
            ))?;
            return Ok(ExitCode::FAILURE);
        }
        seed += 1;
        if Instant::now() >= end {
            break;
        }
    }
    let count = seed - first;
    say(&format!(
        "{count} heaps from {} files: no panic",
        sources.len()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn say(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}")
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() && !path.is_symlink() {
            collect(&path, into)?;
        } else if matches!(extension, Some("py" | "pyi" | "rs")) {
            into.push(path);
        }
    }
    Ok(())
}

/// Puts some damaged files into a folder, which is emptied first.
fn fill(heap: &Path, sources: &[PathBuf], seed: u64) -> std::io::Result<()> {
    let _ = fs::remove_dir_all(heap);
    fs::create_dir_all(heap.join("pack"))?;
    let mut random = Random::new(seed);
    let read = |random: &mut Random| {
        let path = &sources[random.below(sources.len())];
        let mut bytes = fs::read(path).unwrap_or_default();
        bytes.truncate(usize::try_from(LARGEST).unwrap_or(usize::MAX));
        (path.clone(), bytes)
    };
    let mut modules = Vec::new();
    for number in 0..=random.below(FILES) {
        let (path, mut bytes) = read(&mut random);
        let (_, other) = read(&mut random);
        for _ in 0..random.below(6) {
            bytes = damaged(bytes, &other, &mut random);
        }
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = match random.below(4) {
            0 => format!("pack/{stem}.{extension}"),
            1 => format!("pack/__init__.{extension}"),
            2 => format!("{stem}.{extension}"),
            _ => format!("file{number}.{extension}"),
        };
        let module = name.trim_end_matches(".py").replace('/', ".");
        modules.push((name.clone(), module));
        fs::write(heap.join(name), bytes)?;
    }
    for _ in 0..random.below(4) {
        let (_, module) = &modules[random.below(modules.len())];
        let (name, _) = &modules[random.below(modules.len())];
        let path = heap.join(name);
        let import = format!(
            "from {module} import {}\n",
            random.one_of(&["*", "bus", "Event"])
        );
        let rest = fs::read(&path)?;
        fs::write(path, [import.as_bytes(), &rest].concat())?;
    }
    Ok(())
}

/// All that is done with code.
fn read(heap: &Path) {
    let config = Config::default();
    let options = Options {
        threads: 1,
        ..Options::default()
    };
    let wiring = scan_with(heap, &[heap.to_path_buf()], &config, &options);
    let again: Wiring = serde_json::from_str(&json::json(&wiring)).expect("JSON is read again");
    assert_eq!(again, wiring);
    let locked = lock::write(&wiring);
    let locked = lock::read(&locked).expect("a lock file is read again");
    assert_eq!(lock::compare(&locked, &wiring), []);
    rules::check(&wiring, &config);
    tree::tree(&wiring, &tree::TreeOptions::default());
    table::table(&wiring, None, false);
    mermaid::mermaid(&wiring);
    github::github(&wiring, &[], &[]);
}

/// Ends the process when a heap takes too long.
fn watch() -> Sender<Option<u64>> {
    let (sender, receiver) = mpsc::channel::<Option<u64>>();
    thread::spawn(move || {
        let mut at_work = None;
        loop {
            match receiver.recv_timeout(PATIENCE) {
                Ok(now) => at_work = now,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(seed) = at_work {
                        let _ = say(&format!("it takes very long: SEED={seed}"));
                        std::process::exit(1);
                    }
                }
            }
        }
    });
    sender
}
