//! A set of candidates by position, cheap to copy and to compare.

/// Positions below [`Set::CAPACITY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Set([u64; 4]);

impl Set {
    /// How many different positions there can be.
    pub(super) const CAPACITY: usize = 256;

    /// The same set with one more.
    pub(super) fn with(mut self, position: usize) -> Self {
        self.0[position / 64] |= 1 << (position % 64);
        self
    }

    /// The same set with one less.
    pub(super) fn without(mut self, position: usize) -> Self {
        self.0[position / 64] &= !(1 << (position % 64));
        self
    }

    pub(super) fn contains(self, position: usize) -> bool {
        self.0[position / 64] & (1 << (position % 64)) != 0
    }

    pub(super) fn union(self, other: Self) -> Self {
        self.each(other, |a, b| a | b)
    }

    pub(super) fn common(self, other: Self) -> Self {
        self.each(other, |a, b| a & b)
    }

    pub(super) fn is_part_of(self, other: Self) -> bool {
        self.common(other) == self
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == [0; 4]
    }

    /// Ascending.
    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        (0..Self::CAPACITY).filter(move |i| self.contains(*i))
    }

    fn each(self, other: Self, join: impl Fn(u64, u64) -> u64) -> Self {
        let mut joined = self.0;
        for (mine, theirs) in joined.iter_mut().zip(other.0) {
            *mine = join(*mine, theirs);
        }
        Self(joined)
    }
}

impl FromIterator<usize> for Set {
    fn from_iter<I: IntoIterator<Item = usize>>(positions: I) -> Self {
        positions.into_iter().fold(Self::default(), Self::with)
    }
}
