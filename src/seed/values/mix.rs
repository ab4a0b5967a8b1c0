//! Numbers that look random and are a pure function of what they are made from.

/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014), the mixing of `SplitMix64`: every bit of
/// the result depends on every bit of both numbers.
pub(super) fn mix(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below `count`, from one that is spread over all of `u64`; 0 if `count` is 0.
pub(super) fn below(mixed: u64, count: u64) -> u64 {
    u64::try_from((u128::from(mixed) * u128::from(count)) >> 64).unwrap_or(0)
}

/// An index below `count`, as [`below`].
pub(super) fn index(mixed: u64, count: usize) -> usize {
    usize::try_from(below(mixed, count as u64)).unwrap_or(0)
}

/// A number of a text, for seeds.
pub(super) fn of_text(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        mix(hash, u64::from(byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_below_a_count_take_all_of_them() {
        let mut seen = [0_u32; 10];
        for number in 0..10_000 {
            seen[index(mix(7, number), 10)] += 1;
        }
        assert!(
            seen.iter().all(|count| (850..1_150).contains(count)),
            "{seen:?}"
        );
        assert_eq!(below(u64::MAX, 0), 0);
        assert_ne!(mix(1, 2), mix(2, 1));
    }
}
