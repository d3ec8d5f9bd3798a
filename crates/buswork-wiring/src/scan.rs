//! Reads all files below some paths, and links them into one graph.

mod unmet;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::adapters::{Adapter, presets};
use crate::cache::{self, Cache, Hash};
use crate::config::Config;
use crate::declared;
use crate::graph::{Problem, Wiring};
use crate::python::{self, ReadFile, Stored};
use crate::rust;
use crate::sources::{self, Source};

/// The stack of a thread that parses: deep trees are taken apart, and let go, recursively.
const STACK: usize = 64 << 20;

/// How to scan, besides what the project says.
#[derive(Default)]
pub struct Options<'a> {
    /// A folder to remember in what was read; none to remember nothing.
    pub cache: Option<PathBuf>,
    /// Threads that parse; 0 for as many as there are cores.
    pub threads: usize,
    /// Told now and then how many files are read, and how many there are.
    pub progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
    /// Told what takes nothing from the result: that the cache could not be written.
    pub remark: Option<&'a (dyn Fn(&str) + Sync)>,
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("cache", &self.cache)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// Reads the Python and Rust files at or below `paths`, and links them into one graph. Locations
/// are relative to `root`.
///
/// Never fails: what cannot be read is listed in [`Wiring::problems`]. Nothing is imported or run,
/// and no symbolic link is followed.
///
/// # Examples
/// ```
/// use buswork_wiring::{config::Config, scan::scan};
///
/// let folder = std::env::temp_dir().join("buswork-wiring-scan");
/// std::fs::create_dir_all(&folder)?;
/// std::fs::write(folder.join("shop.py"), "
/// from buswork import EventBus
///
/// class OrderPlaced: ...
///
/// bus = EventBus()
///
/// @bus.on(OrderPlaced)
/// def confirm(order: OrderPlaced): ...
///
/// bus.publish(OrderPlaced())
/// ")?;
/// let wiring = scan(&folder, &[folder.clone()], &Config::default());
/// assert_eq!(wiring.subscriptions[0].handler, "shop:confirm");
/// assert_eq!(wiring.publishes[0].event, "shop.OrderPlaced");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn scan(root: &Path, paths: &[PathBuf], config: &Config) -> Wiring {
    scan_with(root, paths, config, &Options::default())
}

/// The same, with a cache, threads, and word of the progress.
pub fn scan_with(root: &Path, paths: &[PathBuf], config: &Config, options: &Options<'_>) -> Wiring {
    let found = sources::find(root, paths, &config.exclude);
    let mut problems = found.problems;
    let cache = Cache::open(options.cache.as_deref());
    let read = read_all(root, &found.python, &cache, options);
    if let Some(remark) = options.remark {
        for text in unmet::folders_and_modules(root, config) {
            remark(&text);
        }
    }
    problems.extend(read.problems);
    let shown: Vec<String> = paths
        .iter()
        .map(|path| sources::relative(root, path))
        .collect();
    let mut roots = config.source_roots.clone();
    roots.extend(shown.iter().filter(|path| *path != ".").cloned());
    let adapters = adapters(config);
    let (files, keeps) = (read.files, cache.keeps());
    let mut entry_points = config.entry_points.clone();
    entry_points.extend(declared::programs(root, paths));
    let linked = on_deep_stack(|| python::link(files, &roots, &entry_points, &adapters, keeps));
    let mut wiring = linked.wiring;
    if keeps && (read.parsed > 0 || linked.unpacked > 0 || cache.len() > read.hashes.len()) {
        let known = read.hashes.into_iter().zip(linked.known).collect();
        if let (Err(error), Some(remark)) = (cache.store(known), options.remark) {
            remark(&format!(
                "the cache {} was not written: {error}",
                cache.shown()
            ));
        }
    }
    let (rust_sources, more) = read_rust_files(root, &found.rust);
    problems.extend(more);
    if !rust_sources.is_empty() {
        wiring.extend(rust::read(&rust_sources));
    }
    wiring.problems.extend(problems);
    wiring.scope.paths = shown;
    wiring.finish();
    wiring
}

/// The project's adapters before the presets, so that they may speak of the same calls.
fn adapters(config: &Config) -> Vec<Adapter> {
    let presets = presets().into_iter().filter(|preset| {
        config
            .presets
            .as_ref()
            .is_none_or(|wanted| wanted.contains(&preset.name))
    });
    config.adapters.iter().cloned().chain(presets).collect()
}

/// What came of reading all files.
#[derive(Debug, Default)]
struct Read {
    /// In the order of the paths.
    files: Vec<ReadFile>,
    hashes: Vec<Hash>,
    problems: Vec<Problem>,
    /// How many of them had to be parsed.
    parsed: usize,
}

/// Reads all files, and takes those apart that the cache does not know.
fn read_all(root: &Path, paths: &[PathBuf], cache: &Cache, options: &Options<'_>) -> Read {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = if options.threads == 0 {
        cores
    } else {
        options.threads
    };
    let (next, total) = (AtomicUsize::new(0), paths.len());
    let done = Mutex::new(Vec::with_capacity(total));
    let work = || {
        let mut own = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(at) else { break };
            own.push((at, read_one(root, path, cache)));
            if let Some(progress) = options.progress {
                progress(at + 1, total);
            }
        }
        lock(&done).append(&mut own);
    };
    thread::scope(|scope| {
        for _ in 0..threads.min(total.div_ceil(8)).max(1) {
            let started = thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, work);
            if started.is_err() {
                work();
            }
        }
    });
    let mut done = std::mem::take(&mut *lock(&done));
    done.sort_unstable_by_key(|(at, _)| *at);
    let mut read = Read::default();
    for (_, one) in done {
        match one {
            Ok((hash, file, is_new)) => {
                read.files.push(file);
                read.hashes.push(hash);
                read.parsed += usize::from(is_new);
            }
            Err(problem) => read.problems.push(problem),
        }
    }
    read
}

type One = Result<(Hash, ReadFile, bool), Problem>;

fn read_one(root: &Path, path: &Path, cache: &Cache) -> One {
    let bytes = fs::read(path).map_err(|error| not_read(root, path, &error))?;
    let file = sources::relative(root, path);
    let hash = if cache.keeps() {
        cache::hash(&bytes)
    } else {
        0
    };
    if let Some((summary, packed)) = cache.get(hash) {
        let stored = packed.map_or_else(|| Stored::File(path.to_path_buf()), Stored::Packed);
        return Ok((
            hash,
            ReadFile {
                path: file,
                summary,
                stored,
            },
            false,
        ));
    }
    let (text, is_utf8) = sources::text_of(bytes);
    let mut summary = python::glance(&text);
    if !is_utf8 && !sources::declares_encoding(&text) {
        summary.problems.push((0, sources::LATIN.to_owned()));
    }
    let stored = Stored::File(path.to_path_buf());
    Ok((
        hash,
        ReadFile {
            path: file,
            summary,
            stored,
        },
        true,
    ))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Runs something where a deep recursion is no harm.
fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, work);
        let thread = thread.expect("a thread can be started");
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn read_rust_files(root: &Path, paths: &[PathBuf]) -> (Vec<Source>, Vec<Problem>) {
    let mut read = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        match fs::read(path) {
            Ok(bytes) => {
                let file = sources::relative(root, path);
                let (text, is_utf8) = sources::text_of(bytes);
                if !is_utf8 {
                    problems.push(sources::problem(&file, sources::LATIN));
                }
                read.push(Source { file, text });
            }
            Err(error) => problems.push(not_read(root, path, &error)),
        }
    }
    (read, problems)
}

/// Reads files of Rust that are at hand as text, each by its path. A `Cargo.toml` among them says
/// what its crate is called.
///
/// # Examples
/// ```
/// use buswork_wiring::scan::read_rust;
///
/// let code = "
///     use buswork::EventBus;
///     struct OrderPlaced;
///     fn confirm(_: &OrderPlaced) {}
///     fn main() {
///         let bus = EventBus::new();
///         bus.subscribe(confirm);
///         bus.publish(&OrderPlaced).unwrap();
///     }
/// ";
/// let wiring = read_rust(&[("shop/src/main.rs".into(), code.into())]);
/// assert_eq!(wiring.subscriptions[0].handler, "shop:confirm");
/// assert_eq!(wiring.publishes[0].event, "shop::OrderPlaced");
/// ```
pub fn read_rust(files: &[(String, String)]) -> Wiring {
    let sources = files.iter().map(|(file, text)| Source {
        file: file.clone(),
        text: text.clone(),
    });
    rust::read(&sources.collect::<Vec<_>>())
}

fn not_read(root: &Path, path: &Path, error: &std::io::Error) -> Problem {
    sources::problem(
        &sources::relative(root, path),
        &format!("not read: {error}"),
    )
}
