//! A hash for statement texts: eight bytes at a time, by folded multiplication. Equal hashes are
//! compared byte by byte by who uses them, so nothing depends on its quality but speed.

use std::hash::{BuildHasherDefault, Hasher as StdHasher};

const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// Hashes a text in pieces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hasher(u64);

impl Hasher {
    pub(super) fn new() -> Self {
        Self(FACTOR)
    }

    /// A piece of the text.
    #[inline]
    pub(super) fn piece(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            self.0 = fold(self.0 ^ u64::from_le_bytes(word));
        }
        let rest = chunks.remainder();
        let mut word = 0;
        for byte in rest {
            word = word << 8 | u64::from(*byte);
        }
        self.0 = fold(self.0 ^ word ^ (bytes.len() as u64) << 56);
    }

    /// What stands between two pieces.
    #[inline]
    pub(super) fn mark(&mut self, comment: bool) {
        self.0 ^= 1 + u64::from(comment);
    }

    pub(super) fn finish(self) -> u64 {
        self.0
    }
}

#[inline]
fn fold(value: u64) -> u64 {
    let product = u128::from(value) * u128::from(FACTOR);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the two halves of the product"
    )]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

/// For keys that are hashes or process numbers already.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct KeyHasher(u64);

impl StdHasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, key: u32) {
        self.write_u64(u64::from(key));
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = fold(self.0 ^ key ^ FACTOR);
    }
}

/// A map by such keys.
pub(super) type KeyMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<KeyHasher>>;
