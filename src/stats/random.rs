//! A small generator of numbers for the bootstrap, the same on every platform.

/// `SplitMix64` (Steele, Lea and Flood 2014): good enough to draw rows with replacement, and a
/// saved run gives the same intervals whenever it is analysed again.
#[derive(Debug, Clone)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// A generator that starts from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// An index below `len`; 0 if `len` is 0. The high half of a wide product is uniform up to one
    /// part in 2^64 divided by `len` (Lemire 2019).
    pub fn index(&mut self, len: usize) -> usize {
        let product = u128::from(self.next_u64()) * (len as u128);
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// A number above 0 and below 1.
    fn open_unit(&mut self) -> f64 {
        ((self.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// A normal number of mean 0 and standard deviation 1, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.open_unit(), self.open_unit());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_first_numbers() {
        let mut generator = SplitMix64::new(1_234_567);
        assert_eq!(generator.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(generator.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn indices_stay_below_the_length_and_reach_all_of_it() {
        let mut generator = SplitMix64::new(7);
        let mut seen = [0u32; 5];
        for _ in 0..5000 {
            seen[generator.index(5)] += 1;
        }
        assert!(seen.iter().all(|n| (850..1150).contains(n)), "{seen:?}");
        assert_eq!(generator.index(0), 0);
    }
}
