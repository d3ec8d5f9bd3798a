//! The trivial hash of the table: its keys are addresses or `TypeId`s, spread by one multiplication.

use std::hash::{BuildHasherDefault, Hash, Hasher};

/// Builds [`KeyHasher`]s.
pub type KeyState = BuildHasherDefault<KeyHasher>;

/// Multiplies by 2^64 / φ (Knuth, The Art of Computer Programming, vol. 3, § 6.4) and folds the
/// halves, so that both the low and the high bits of the outcome depend on the whole key.
#[derive(Default, Debug, Clone, Copy)]
pub struct KeyHasher(u64);

impl Hasher for KeyHasher {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        let product = (self.0 ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = product ^ (product >> 32);
    }

    #[inline]
    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    #[inline]
    fn write_i32(&mut self, value: i32) {
        self.write_u64(u64::from(value.cast_unsigned()));
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }
}

/// The hash of `key` under [`KeyHasher`].
#[inline]
pub(crate) fn hash<K: Hash>(key: &K) -> u64 {
    let mut hasher = KeyHasher::default();
    key.hash(&mut hasher);
    hasher.finish()
}
