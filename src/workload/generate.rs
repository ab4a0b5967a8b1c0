//! How parameter values are drawn.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rand::Rng;
use rand::distr::Distribution as _;
use rand::distr::weighted::WeightedIndex;
use rand_distr::Zipf;

use super::Value;

/// Letters of generated text: no capital, so that it reads like a word.
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

/// The description of a generator, as the file has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Generator {
    /// `uniform LO HI` with integers: every integer from `lo` to `hi` is as likely.
    Uniform {
        /// Smallest.
        lo: i64,
        /// Largest.
        hi: i64,
    },
    /// `uniform LO HI` with decimals: evenly between, with `scale` digits behind the point.
    UniformDecimal {
        /// Smallest, in units of the last digit.
        lo: i64,
        /// Largest, in units of the last digit.
        hi: i64,
        /// Digits behind the point.
        scale: u32,
    },
    /// `zipf LO HI S`: `lo + k − 1` with a probability proportional to `k^−s` (Zipf's law).
    Zipf {
        /// Smallest and most likely.
        lo: i64,
        /// Largest and least likely.
        hi: i64,
        /// Exponent, above 0; 1 is Zipf's own.
        s: f64,
    },
    /// `choice A:6 B:3 'on hold':1`.
    Choice {
        /// Values with their weights, at least one.
        values: Vec<(String, u32)>,
    },
    /// `sequence START`: counts up, over all clients of a run; the next run begins at the start again.
    Sequence {
        /// First value.
        start: i64,
    },
    /// `text N`: `n` random letters.
    Text {
        /// Characters.
        length: usize,
    },
}

/// A generator at work. A sequence counts over all that share the drawer.
#[derive(Debug)]
pub struct Drawer(Kind);

#[derive(Debug)]
enum Kind {
    Uniform(i64, i64),
    UniformDecimal(i64, i64, u32),
    Zipf(i64, i64, Zipf<f64>),
    Choice(Vec<Arc<str>>, Option<WeightedIndex<u32>>),
    Sequence(AtomicI64),
    Text(usize),
}

impl Drawer {
    /// Puts a generator to work. Bounds that the parser refuses are drawn as `lo`.
    #[must_use]
    pub fn new(generator: &Generator) -> Self {
        Self(match generator {
            &Generator::Uniform { lo, hi } => Kind::Uniform(lo, hi.max(lo)),
            &Generator::UniformDecimal { lo, hi, scale } => {
                Kind::UniformDecimal(lo, hi.max(lo), scale)
            }
            &Generator::Zipf { lo, hi, s } => {
                let count = hi.saturating_sub(lo) as f64 + 1.0;
                match Zipf::new(count, s) {
                    Ok(zipf) => Kind::Zipf(lo, hi, zipf),
                    Err(_) => Kind::Uniform(lo, lo),
                }
            }
            Generator::Choice { values } => Kind::Choice(
                values
                    .iter()
                    .map(|(value, _)| value.as_str().into())
                    .collect(),
                WeightedIndex::new(values.iter().map(|(_, weight)| *weight)).ok(),
            ),
            &Generator::Sequence { start } => Kind::Sequence(AtomicI64::new(start)),
            &Generator::Text { length } => Kind::Text(length),
        })
    }

    /// One value.
    pub fn draw<R: Rng>(&self, rng: &mut R) -> Value {
        match &self.0 {
            Kind::Uniform(lo, hi) => Value::Int(rng.random_range(*lo..=*hi)),
            Kind::UniformDecimal(lo, hi, scale) => {
                Value::Text(decimal(rng.random_range(*lo..=*hi), *scale).into())
            }
            Kind::Zipf(lo, hi, zipf) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a rank is a whole number within 1 and hi − lo + 1"
                )]
                let rank = zipf.sample(rng) as i64;
                Value::Int(lo.saturating_add(rank - 1).min(*hi))
            }
            Kind::Choice(values, index) => {
                let chosen = index.as_ref().map_or(0, |index| index.sample(rng));
                values
                    .get(chosen)
                    .map_or(Value::Null, |v| Value::Text(Arc::clone(v)))
            }
            Kind::Sequence(next) => Value::Int(next.fetch_add(1, Ordering::Relaxed)),
            Kind::Text(length) => {
                let letter = |_| char::from(LETTERS[rng.random_range(0..LETTERS.len())]);
                Value::Text((0..*length).map(letter).collect::<String>().into())
            }
        }
    }
}

impl Generator {
    /// Values that stand for all it can draw: both ends of a range, each choice.
    #[must_use]
    pub fn extremes(&self) -> Vec<Value> {
        match self {
            Self::Uniform { lo, hi } | Self::Zipf { lo, hi, .. } => {
                vec![Value::Int(*lo), Value::Int(*hi)]
            }
            Self::UniformDecimal { lo, hi, scale } => [*lo, *hi]
                .map(|unscaled| Value::Text(decimal(unscaled, *scale).into()))
                .into(),
            Self::Choice { values } => values
                .iter()
                .map(|(value, _)| Value::Text(value.as_str().into()))
                .collect(),
            Self::Sequence { start } => vec![Value::Int(*start)],
            Self::Text { length } => vec![Value::Text("x".repeat(*length).into())],
        }
    }
}

/// `12345` with 2 digits behind the point is `123.45`.
fn decimal(unscaled: i64, scale: u32) -> String {
    let sign = if unscaled < 0 { "-" } else { "" };
    let unit = 10u64.pow(scale);
    let value = unscaled.unsigned_abs();
    let (whole, part) = (value / unit, value % unit);
    format!("{sign}{whole}.{part:0width$}", width = scale as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    fn draw(generator: &Generator, times: usize) -> Vec<String> {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let drawer = Drawer::new(generator);
        (0..times)
            .map(|_| drawer.draw(&mut rng).as_text().unwrap())
            .collect()
    }

    fn share(drawn: &[String], value: &str) -> f64 {
        drawn.iter().filter(|v| *v == value).count() as f64 / drawn.len() as f64
    }

    #[test]
    fn uniform_reaches_both_ends_and_nothing_beyond() {
        let drawn = draw(&Generator::Uniform { lo: -1, hi: 1 }, 3000);
        for value in ["-1", "0", "1"] {
            assert!((share(&drawn, value) - 1.0 / 3.0).abs() < 0.05, "{value}");
        }
    }

    #[test]
    fn zipf_follows_the_law() {
        let drawn = draw(
            &Generator::Zipf {
                lo: 10,
                hi: 13,
                s: 1.0,
            },
            20_000,
        );
        let norm = 1.0 + 1.0 / 2.0 + 1.0 / 3.0 + 1.0 / 4.0;
        for (k, value) in ["10", "11", "12", "13"].iter().enumerate() {
            let expected = 1.0 / (k as f64 + 1.0) / norm;
            assert!((share(&drawn, value) - expected).abs() < 0.02, "{value}");
        }
    }

    #[test]
    fn choices_follow_their_weights() {
        let values = vec![("a".to_owned(), 6), ("b c".to_owned(), 2)];
        let drawn = draw(&Generator::Choice { values }, 4000);
        assert!((share(&drawn, "a") - 0.75).abs() < 0.03);
        assert!((share(&drawn, "b c") - 0.25).abs() < 0.03);
    }

    #[test]
    fn decimals_keep_their_scale() {
        for text in draw(
            &Generator::UniformDecimal {
                lo: -150,
                hi: 205,
                scale: 2,
            },
            500,
        ) {
            let value: f64 = text.parse().unwrap();
            assert!((-1.5..=2.05).contains(&value), "{text}");
            assert_eq!(text.split_once('.').unwrap().1.len(), 2, "{text}");
        }
        assert_eq!(decimal(-5, 2), "-0.05");
    }

    #[test]
    fn a_sequence_counts_and_a_text_has_its_length() {
        assert_eq!(draw(&Generator::Sequence { start: 5 }, 3), ["5", "6", "7"]);
        assert!(
            draw(&Generator::Text { length: 12 }, 5)
                .iter()
                .all(|t| t.len() == 12)
        );
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let generator = Generator::Uniform { lo: 0, hi: 1 << 40 };
        assert_eq!(draw(&generator, 10), draw(&generator, 10));
    }
}
