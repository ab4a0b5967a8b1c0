//! Pools of words that texts are made of.

use std::sync::Arc;

/// Words in the order of their bytes, one after the other in one piece of memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Pool {
    /// One of these words, so far as they are ASCII; those that differ in case only are one.
    pub(super) fn new<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Self {
        let mut words: Vec<String> = words
            .into_iter()
            .map(|word| word.as_ref().to_owned())
            .filter(|word| word.is_ascii() && !word.is_empty())
            .collect();
        words.sort_unstable();
        let mut seen = std::collections::HashSet::new();
        words.retain(|word| seen.insert(word.to_ascii_lowercase()));
        let mut pool = Self::default();
        for word in words {
            pool.bytes.extend_from_slice(word.as_bytes());
            pool.ends
                .push(u32::try_from(pool.bytes.len()).unwrap_or(u32::MAX));
        }
        pool
    }

    /// How many words.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A word by its place; empty beyond the last.
    pub(super) fn get(&self, place: usize) -> &[u8] {
        let start = if place == 0 {
            0
        } else {
            self.ends.get(place - 1).copied().unwrap_or(0)
        };
        let end = self.ends.get(place).copied().unwrap_or(start);
        &self.bytes[start as usize..end as usize]
    }

    /// All words.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|place| self.get(place))
    }

    /// The place of a word.
    pub(super) fn find(&self, word: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.get(middle).cmp(word) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// These words, which must be in order and different; an empty one may be the first.
    pub(super) fn of(words: impl IntoIterator<Item = Vec<u8>>) -> Arc<Self> {
        let mut pool = Self::default();
        for word in words {
            pool.bytes.extend_from_slice(&word);
            pool.ends
                .push(u32::try_from(pool.bytes.len()).unwrap_or(u32::MAX));
        }
        Arc::new(pool)
    }

    /// Those words that are kept.
    pub(super) fn filtered(&self, keep: impl Fn(&[u8]) -> bool) -> Arc<Self> {
        Self::of(self.iter().filter(|word| keep(word)).map(<[u8]>::to_vec))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_are_sorted_and_words_are_found() {
        let pool = Pool::new(["pear", "Apple", "apple", "fig", "caf\u{e9}"]);
        assert_eq!(
            pool.iter().collect::<Vec<_>>(),
            [b"Apple".as_slice(), b"fig", b"pear"]
        );
        assert_eq!(pool.find(b"pear"), Some(2));
        assert_eq!(pool.find(b"pea"), None);
        assert_eq!(pool.filtered(|word| word.len() < 5).len(), 2);
    }
}
