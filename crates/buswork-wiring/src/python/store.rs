//! Facts at rest: in their file, to be read again, or packed as bytes, in the cache.
//!
//! Most files of a project have nothing to do with its events. Their facts are never made, which keeps
//! memory small and a scan quick.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::facts::Facts;
use super::parse;
use crate::sources::text_of;

/// Where the facts of a file come from when they are needed.
#[derive(Debug)]
pub(crate) enum Stored {
    /// The file itself, which is read again.
    File(PathBuf),
    /// Packed, from the cache.
    Packed(Packed),
}

/// The packed facts of a file: a part of a buffer that may be shared with others.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    buffer: Arc<Vec<u8>>,
    start: usize,
    end: usize,
}

impl Packed {
    /// Packs facts into a buffer of their own.
    pub(crate) fn pack(facts: &Facts) -> Self {
        let bytes =
            postcard::to_allocvec(facts).expect("facts hold nothing that cannot be written");
        let end = bytes.len();
        Self {
            buffer: Arc::new(bytes),
            start: 0,
            end,
        }
    }

    /// A part of a larger buffer.
    pub(crate) fn part(buffer: &Arc<Vec<u8>>, start: usize, end: usize) -> Option<Self> {
        (start <= end && end <= buffer.len()).then(|| Self {
            buffer: buffer.clone(),
            start,
            end,
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The facts; those of an empty file if the bytes make no sense.
    fn unpack(&self) -> Facts {
        postcard::from_bytes(self.bytes()).unwrap_or_else(|_| Facts::empty())
    }
}

impl Stored {
    /// The facts. A file that cannot be read any more has none.
    pub(crate) fn facts(&self) -> Facts {
        match self {
            Self::File(path) => {
                let bytes = fs::read(path).unwrap_or_default();
                parse::facts(&text_of(bytes).0)
            }
            Self::Packed(packed) => packed.unpack(),
        }
    }
}
