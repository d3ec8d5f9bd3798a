//! What was read before: the facts of Python files, by the hash of what they say.
//!
//! One file, written whole and renamed into place. It carries the number of its form and a checksum;
//! a cache that is damaged, older or newer is as good as none.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::python::{Packed, Stored, Summary};

/// Changes with the form of the facts and of the file.
const FORM: &[u8; 12] = b"buswork-w001";
/// Form, checksum, length of the index.
const HEAD: usize = FORM.len() + 8 + 8;

/// A file's content, as a key.
pub(crate) type Hash = u128;

/// Facts of files, by what the files say.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    path: Option<PathBuf>,
    known: FxHashMap<Hash, (Summary, Packed)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    hash: Hash,
    summary: Summary,
    start: usize,
    end: usize,
}

/// The key of a text.
pub(crate) fn hash(text: &[u8]) -> Hash {
    xxh3_128(text)
}

impl Cache {
    /// The cache in a folder; an empty one that keeps nothing without a folder.
    pub(crate) fn open(folder: Option<&Path>) -> Self {
        let Some(folder) = folder else { return Self::default() };
        let path = folder.join(concat!("wiring-", env!("CARGO_PKG_VERSION"), ".bin"));
        let known = fs::read(&path).ok().and_then(load).unwrap_or_default();
        Self { path: Some(path), known }
    }

    /// What is known of a file that says this.
    pub(crate) fn get(&self, hash: Hash) -> Option<(Summary, Packed)> {
        self.known.get(&hash).cloned()
    }

    /// How many files it knows.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there is a file to keep things in.
    pub(crate) fn keeps(&self) -> bool {
        self.path.is_some()
    }

    /// Keeps these, and nothing else.
    pub(crate) fn store<'a>(
        &self,
        entries: impl Iterator<Item = (Hash, &'a Summary, &'a Stored)>,
    ) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut bodies = Vec::new();
        let mut index = Vec::new();
        for (hash, summary, stored) in entries {
            let Stored::Packed(packed, _) = stored else { continue };
            let start = bodies.len();
            bodies.extend_from_slice(packed.bytes());
            index.push(Entry { hash, summary: summary.clone(), start, end: bodies.len() });
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

fn load(content: Vec<u8>) -> Option<FxHashMap<Hash, (Summary, Packed)>> {
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
    let known = entries.into_iter().filter_map(|entry| {
        let packed = Packed::part(&buffer, bodies + entry.start, bodies + entry.end)?;
        Some((entry.hash, (entry.summary, packed)))
    });
    Some(known.collect())
}

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
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = fs::File::create(&beside)?;
    file.write_all(content)?;
    drop(file);
    fs::rename(&beside, path).inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
}
