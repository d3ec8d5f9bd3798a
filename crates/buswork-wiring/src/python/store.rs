//! Facts at rest: as they were made, or packed as bytes, in the cache and in memory, and unpacked when
//! they are needed.
//!
//! Most files of a project have nothing to do with its events. Packed facts of those stay packed, which
//! keeps memory small, and a scan that finds them in the cache quick.

use std::cell::OnceCell;
use std::sync::Arc;

use super::facts::Facts;

/// The facts of a file, in one form or the other.
#[derive(Debug)]
pub(crate) enum Stored {
    /// As they were made.
    Facts(Facts),
    /// As bytes, and unpacked since they were needed.
    Packed(Packed, OnceCell<Facts>),
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
        let bytes = postcard::to_allocvec(facts).expect("facts hold nothing that cannot be written");
        let end = bytes.len();
        Self { buffer: Arc::new(bytes), start: 0, end }
    }

    /// A part of a larger buffer.
    pub(crate) fn part(buffer: &Arc<Vec<u8>>, start: usize, end: usize) -> Option<Self> {
        (start <= end && end <= buffer.len()).then(|| Self { buffer: buffer.clone(), start, end })
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
    pub(crate) fn packed(packed: Packed) -> Self {
        Self::Packed(packed, OnceCell::new())
    }

    pub(crate) fn facts(&self) -> &Facts {
        match self {
            Self::Facts(facts) => facts,
            Self::Packed(packed, unpacked) => unpacked.get_or_init(|| packed.unpack()),
        }
    }
}
