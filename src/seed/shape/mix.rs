//! Numbers that look drawn, computed from numbers that say what for.

/// Scatters the bits of a number: the last step of Steele, Lea and Flood's `SplitMix64` (OOPSLA 2014). Different numbers
/// give different numbers.
pub(crate) const fn mix(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A number for what these names call, under a seed number.
pub(crate) fn key(seed: u64, names: &[&str]) -> u64 {
    let mut hash = mix(seed);
    for name in names {
        for byte in name.bytes() {
            hash = mix(hash ^ u64::from(byte));
        }
        // Between names, so that ("ab", "c") is not ("a", "bc"); no byte of UTF-8 has this value.
        hash = mix(hash ^ 0xff);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_seeds_are_told_apart() {
        let keys = [
            key(1, &["ab", "c"]),
            key(1, &["a", "bc"]),
            key(1, &["abc"]),
            key(2, &["ab", "c"]),
        ];
        for (i, one) in keys.iter().enumerate() {
            assert!(keys[i + 1..].iter().all(|other| other != one));
        }
    }

    #[test]
    fn the_numbers_are_the_same_on_every_platform() {
        // The first number of `SplitMix64` with the seed 0.
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
    }
}
