//! What was read before: summaries and facts of Python files, by the hash of what they say.
//!
//! One file, written whole and renamed into place. It carries the number of its form and a checksum;
//! a cache that is damaged, older or newer is as good as none.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::python::{Packed, Summary};

/// Changes with the form of the facts and of the file.
const FORM: &[u8; 12] = b"buswork-w005";
/// Form, checksum, length of the index.
const HEAD: usize = FORM.len() + 8 + 8;

/// A file's content, as a key.
pub(crate) type Hash = u128;

/// What is known of a file.
pub(crate) type Known = (Summary, Option<Packed>);

/// What is known of files, by what the files say.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    path: Option<PathBuf>,
    known: FxHashMap<Hash, Known>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    hash: Hash,
    summary: Summary,
    /// Where the facts lie among those of all files, if they were ever needed.
    facts: Option<(usize, usize)>,
}

/// The key of a text.
pub(crate) fn hash(text: &[u8]) -> Hash {
    xxh3_128(text)
}

impl Cache {
    /// The cache in a folder; an empty one that keeps nothing without a folder.
    pub(crate) fn open(folder: Option<&Path>) -> Self {
        let Some(folder) = folder else {
            return Self::default();
        };
        let path = folder.join(concat!("wiring-", env!("CARGO_PKG_VERSION"), ".bin"));
        let known = fs::read(&path).ok().and_then(load).unwrap_or_default();
        Self {
            path: Some(path),
            known,
        }
    }

    /// What is known of a file that says this.
    pub(crate) fn get(&self, hash: Hash) -> Option<Known> {
        self.known.get(&hash).cloned()
    }

    /// How many files it knows.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// The file, to be shown.
    pub(crate) fn shown(&self) -> String {
        self.path
            .as_deref()
            .unwrap_or(Path::new(""))
            .display()
            .to_string()
    }

    /// Whether there is a file to keep things in.
    pub(crate) fn keeps(&self) -> bool {
        self.path.is_some()
    }

    /// Keeps these, and nothing else.
    pub(crate) fn store(&self, files: Vec<(Hash, Known)>) -> io::Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let mut bodies = Vec::new();
        let mut index = Vec::with_capacity(files.len());
        for (hash, (summary, packed)) in files {
            let facts = packed.map(|packed| {
                let start = bodies.len();
                bodies.extend_from_slice(packed.bytes());
                (start, bodies.len())
            });
            index.push(Entry {
                hash,
                summary,
                facts,
            });
        }
        let index = postcard::to_allocvec(&index).map_err(io::Error::other)?;
        let mut content = Vec::with_capacity(HEAD + index.len() + bodies.len());
        content.extend_from_slice(FORM);
        content.extend_from_slice(&[0; 8]);
        content.extend_from_slice(&(index.len() as u64).to_le_bytes());
        content.extend_from_slice(&index);
        content.extend_from_slice(&bodies);
        let sum = xxh3_64(&content[HEAD..]);
        content[FORM.len()..FORM.len() + 8].copy_from_slice(&sum.to_le_bytes());
        write_whole(path, &content)
    }
}

fn load(content: Vec<u8>) -> Option<FxHashMap<Hash, Known>> {
    let number = |start: usize| {
        let bytes = content.get(start..start + 8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    if content.get(..FORM.len())? != FORM {
        return None;
    }
    let sum = number(FORM.len())?;
    let index = usize::try_from(number(FORM.len() + 8)?).ok()?;
    if xxh3_64(content.get(HEAD..)?) != sum {
        return None;
    }
    let bodies = HEAD.checked_add(index)?;
    let entries: Vec<Entry> = postcard::from_bytes(content.get(HEAD..bodies)?).ok()?;
    let buffer = Arc::new(content);
    let known = entries.into_iter().map(|entry| {
        let part = |(start, end)| Packed::part(&buffer, bodies + start, bodies + end);
        (entry.hash, (entry.summary, entry.facts.and_then(part)))
    });
    Some(known.collect())
}

/// How many files were written.
static WRITERS: AtomicU64 = AtomicU64::new(0);

/// Writes a file beside, and renames it into place. The folder says of itself that it is a cache.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    if !folder.is_dir() {
        fs::create_dir_all(folder)?;
        fs::write(folder.join(".gitignore"), "*\n")?;
        fs::write(
            folder.join("CACHEDIR.TAG"),
            "Signature: 8a477f597d28d172789f06886806bc55\n# Made by buswork wiring; it can be deleted.\n",
        )?;
    }
    // A name of its own for each writer, in this process and in others.
    let number = WRITERS.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_extension(format!("{}-{number}.new", std::process::id()));
    let written = fs::File::create(&beside).and_then(|mut file| file.write_all(content));
    written
        .and_then(|()| fs::rename(&beside, path))
        .inspect_err(|_| {
            let _ = fs::remove_file(&beside);
        })
}
