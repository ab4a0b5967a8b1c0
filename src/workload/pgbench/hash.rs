//! Functions whose results are the same in pgbench, bit for bit: hashes and the permutation.

/// FNV-1a (Fowler, Noll and Vo) over the eight bytes of a number, its basis changed by a seed.
pub(super) fn fnv1a(value: i64, seed: i64) -> i64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let start = BASIS ^ seed.cast_unsigned();
    let bytes = value.to_le_bytes();
    let hash = bytes.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
    });
    hash.cast_signed()
}

/// `MurmurHash2` of 64 bits (Appleby) over the eight bytes of a number.
pub(super) fn murmur2(value: i64, seed: i64) -> i64 {
    const MUL: u64 = 0xc6a4_a793_5bd1_e995;
    const ROTATION: u32 = 47;
    let mix = |bits: u64| bits ^ (bits >> ROTATION);
    let key = mix(value.cast_unsigned().wrapping_mul(MUL)).wrapping_mul(MUL);
    let start = seed.cast_unsigned() ^ MUL.wrapping_mul(8);
    let hash = (start ^ key).wrapping_mul(MUL);
    mix(mix(hash).wrapping_mul(MUL)).cast_signed()
}

/// Where `value` goes in the permutation of 0 to `size - 1` that belongs to `seed`. `size` is at least 1;
/// values outside of the range are taken modulo it, as unsigned numbers.
///
/// Six rounds: an odd factor, an exclusive or and a rotation on the lower and on the upper half, which
/// overlap, then an offset; every step can be undone, so that no two values meet.
pub(super) fn permute(value: i64, size: i64, seed: i64) -> i64 {
    let (value, size) = (value.cast_unsigned(), size.cast_unsigned());
    if size < 2 {
        return 0;
    }
    let mut random = Xoroshiro::new(seed.cast_unsigned());
    let bits = size.ilog2();
    let mask = (1_u64 << bits) - 1;
    let mut place = value % size;
    for _ in 0..6 {
        let (factor, noise) = (random.next() & mask | 1, random.next() & mask);
        if place <= mask {
            place = stir(place, factor, noise, mask, bits);
        }
        let (factor, noise) = (random.next() & mask | 1, random.next() & mask);
        let mirrored = size - 1 - place;
        if mirrored <= mask {
            place = size - 1 - stir(mirrored, factor, noise, mask, bits);
        }
        let offset = random.up_to(size - 1);
        // Both are below 2^63, so that the sum does not overflow.
        place = (place + offset) % size;
    }
    place.cast_signed()
}

fn stir(value: u64, factor: u64, noise: u64, mask: u64, bits: u32) -> u64 {
    let value = (value.wrapping_mul(factor) ^ noise) & mask;
    (value << 1) & mask | (value >> (bits - 1))
}

/// xoroshiro128** (Blackman and Vigna), seeded by `SplitMix64`: PostgreSQL's own generator.
struct Xoroshiro(u64, u64);

impl Xoroshiro {
    fn new(seed: u64) -> Self {
        let mut seeds = crate::stats::SplitMix64::new(seed);
        match (seeds.next_u64(), seeds.next_u64()) {
            // All zeros would stay so; any other state does.
            (0, 0) => Self(0x5851_F42D_4C95_7F2D, 0x1405_7B7E_F767_814F),
            (first, second) => Self(first, second),
        }
    }

    fn next(&mut self) -> u64 {
        let Self(first, second) = *self;
        let mixed = first ^ second;
        self.0 = first.rotate_left(24) ^ mixed ^ (mixed << 16);
        self.1 = mixed.rotate_left(37);
        first.wrapping_mul(5).rotate_left(7).wrapping_mul(9)
    }

    /// Evenly from 0 to `most`: the highest bits, drawn again while they are too large.
    fn up_to(&mut self, most: u64) -> u64 {
        if most == 0 {
            return 0;
        }
        loop {
            let drawn = self.next() >> most.leading_zeros();
            if drawn <= most {
                return drawn;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn hashes_have_the_values_that_the_tests_of_pgbench_expect() {
        assert_eq!(murmur2(10, 5432), -5_817_877_081_768_721_676);
        assert_eq!(fnv1a(10, 5432), -7_793_829_335_365_542_153);
    }

    #[test]
    fn the_permutation_has_the_values_that_the_tests_of_pgbench_expect() {
        let size = i64::MAX - 10;
        for (back, place) in [
            (1, 520_382_784_483_822_430),
            (2, 1_143_715_004_660_802_862),
            (3, 447_293_596_416_496_998),
            (4, 916_527_772_266_572_956),
            (5, 2_763_809_008_686_028_849),
            (6, 8_648_551_549_198_294_572),
            (7, 4_542_876_852_200_565_125),
        ] {
            assert_eq!(permute(size - back, size, 5432), place);
        }
        assert_eq!((permute(0, 2, 5431), permute(1, 2, 5431)), (0, 1));
        assert_eq!((permute(0, 2, 5433), permute(1, 2, 5433)), (1, 0));
    }

    #[test]
    fn no_two_values_of_a_permutation_meet() {
        for size in (1..70).chain([1000]) {
            let places: BTreeSet<i64> = (0..size).map(|v| permute(v, size, 42)).collect();
            assert_eq!(places, (0..size).collect(), "{size}");
        }
    }
}
