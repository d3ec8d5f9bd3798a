//! Facts at rest: packed as bytes, in memory and in the cache, and unpacked when they are needed.
//!
//! Most files of a project have nothing to do with its events. Their facts stay packed, which keeps
//! memory small, and a scan that finds them in the cache quick.

use std::sync::Arc;

use super::facts::Facts;

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

    /// Whether it came from a buffer with others: from the cache.
    pub(crate) fn is_shared(&self) -> bool {
        self.start > 0
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The facts; those of an empty file if the bytes make no sense.
    pub(crate) fn unpack(&self) -> Facts {
        postcard::from_bytes(self.bytes()).unwrap_or_else(|_| Facts::empty())
    }
}
