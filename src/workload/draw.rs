//! Generators at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rand::Rng;
use rand::distr::Distribution as _;
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{StandardNormal, Zipf};

use super::{Generator, Value};

/// Letters of generated text: no capital, so that it reads like a word.
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

/// Choices up to this many are all checked against the server (ours): nobody writes more by hand.
const HAND_WRITTEN: usize = 100;

/// A generator at work. A sequence counts over all that share the drawer.
#[derive(Debug)]
pub(super) struct Drawer(pub(super) Kind);

#[derive(Debug)]
pub(super) enum Kind {
    Uniform(i64, i64),
    Decimal(i64, i64, u32),
    Zipf(i64, i64, Zipf<f64>),
    Exponential(i64, i64, f64),
    Gaussian(i64, i64, f64),
    Sequence(Counter),
    Text(usize),
    Uuid,
    Timestamp(i64, i64),
    /// Tuples of known values, one beside the other, each with its chance.
    Known(Arc<Known>),
    /// An array of so many texts, made for each draw.
    Array(Arc<Known>, u32),
    /// Two values of a sorted list, this far apart.
    Range(Vec<Value>, usize),
    /// Values of intervals between neighbours of a histogram, and most common values.
    Histogram(Box<Histogram>),
    /// Filled in by whoever runs the statements.
    Result,
}

/// A sequence, with the part of a run that one of several machines has.
#[derive(Debug)]
pub(super) struct Counter {
    next: AtomicI64,
    step: i64,
}

/// Values that are known beforehand.
#[derive(Debug)]
pub(super) struct Known {
    /// `width` values per tuple.
    pub(super) values: Vec<Value>,
    pub(super) width: usize,
    /// `None`: all tuples are as likely.
    pub(super) weights: Option<WeightedAliasIndex<f64>>,
}

/// What the planner's statistics know of a column.
#[derive(Debug)]
pub(super) struct Histogram {
    /// Most common values, NULL among them where it is drawn.
    pub(super) common: Known,
    /// Chance that a value is one of the most common ones.
    pub(super) common_ratio: f64,
    /// Bounds of buckets with equally many rows.
    pub(super) bounds: Vec<Value>,
    /// Bounds are whole numbers: what lies between them may be drawn.
    pub(super) whole: bool,
}

impl Counter {
    pub(super) fn new(start: i64, step: i64) -> Self {
        Self {
            next: AtomicI64::new(start),
            step,
        }
    }

    /// Takes every `count`-th value, beginning with the one of this index.
    pub(super) fn shard(&mut self, index: u32, count: u32) {
        let start = self.next.load(Ordering::Relaxed);
        let mine = self.step.wrapping_mul(i64::from(index));
        *self = Self::new(
            start.wrapping_add(mine),
            self.step.wrapping_mul(i64::from(count)),
        );
    }

    fn draw(&self) -> i64 {
        // Wraps around at the end of 64 bits.
        self.next.fetch_add(self.step, Ordering::Relaxed)
    }
}

impl Known {
    /// Tuples of `width` values with their weights; `None` for none, or for weights that are no chances.
    pub(super) fn new(values: Vec<Value>, width: usize, weights: Vec<f64>) -> Option<Self> {
        if width == 0 || weights.is_empty() || values.len() != width * weights.len() {
            return None;
        }
        let same = weights.iter().all(|w| w.total_cmp(&weights[0]).is_eq());
        let weights = if same {
            None
        } else {
            Some(WeightedAliasIndex::new(weights).ok()?)
        };
        Some(Self {
            values,
            width,
            weights,
        })
    }

    fn draw<R: Rng>(&self, rng: &mut R) -> &[Value] {
        let count = self.values.len() / self.width;
        let index = match &self.weights {
            Some(weights) => weights.sample(rng),
            None => rng.random_range(0..count),
        };
        &self.values[index * self.width..][..self.width]
    }
}

impl Histogram {
    fn draw<R: Rng>(&self, rng: &mut R) -> Value {
        if self.bounds.is_empty() || rng.random::<f64>() < self.common_ratio {
            return self.common.draw(rng)[0].clone();
        }
        if !self.whole || self.bounds.len() < 2 {
            return self.bounds[rng.random_range(0..self.bounds.len())].clone();
        }
        let bucket = rng.random_range(0..self.bounds.len() - 1);
        match (&self.bounds[bucket], &self.bounds[bucket + 1]) {
            (Value::Int(lo), Value::Int(hi)) if lo < hi => Value::Int(rng.random_range(*lo..=*hi)),
            (lo, _) => lo.clone(),
        }
    }
}

impl Drawer {
    /// Puts a generator to work that needs no server; `None` for one that does. Bounds that the parser
    /// refuses are drawn as `lo`.
    pub(super) fn without_server(generator: &Generator) -> Option<Self> {
        Some(Self(match generator {
            &Generator::Uniform { lo, hi } => Kind::Uniform(lo, hi.max(lo)),
            &Generator::UniformDecimal { lo, hi, scale } => Kind::Decimal(lo, hi.max(lo), scale),
            &Generator::Zipf { lo, hi, s } => {
                let count = hi.saturating_sub(lo) as f64 + 1.0;
                match Zipf::new(count, s) {
                    Ok(zipf) => Kind::Zipf(lo, hi, zipf),
                    Err(_) => Kind::Uniform(lo, lo),
                }
            }
            &Generator::Exponential { lo, hi, parameter } => Kind::Exponential(lo, hi, parameter),
            &Generator::Gaussian { lo, hi, parameter } => Kind::Gaussian(lo, hi, parameter),
            Generator::Choice { values } => {
                let texts = values.iter().map(|(v, _)| Value::Text(v.as_str().into()));
                let weights = values.iter().map(|(_, weight)| f64::from(*weight));
                Kind::Known(Arc::new(Known::new(texts.collect(), 1, weights.collect())?))
            }
            &Generator::Sequence { start, step } => Kind::Sequence(Counter::new(start, step)),
            &Generator::Text { length } => Kind::Text(length),
            Generator::Uuid => Kind::Uuid,
            &Generator::Timestamp { from, to } => Kind::Timestamp(from, to.max(from)),
            Generator::SequenceAfter { .. }
            | Generator::Column { .. }
            | Generator::Statistics { .. }
            | Generator::Range { .. }
            | Generator::Prefix { .. }
            | Generator::Array { .. }
            | Generator::Row { .. }
            | Generator::FromResult { .. } => return None,
        }))
    }

    /// One value; of a tuple the first.
    pub(super) fn draw<R: Rng>(&self, rng: &mut R) -> Value {
        match &self.0 {
            Kind::Uniform(lo, hi) => Value::Int(rng.random_range(*lo..=*hi)),
            Kind::Decimal(lo, hi, scale) => Value::Decimal {
                unscaled: rng.random_range(*lo..=*hi),
                scale: *scale,
            },
            Kind::Zipf(lo, hi, zipf) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a rank is a whole number within 1 and hi − lo + 1"
                )]
                let rank = zipf.sample(rng) as i64;
                Value::Int(lo.saturating_add(rank - 1).min(*hi))
            }
            Kind::Exponential(lo, hi, parameter) => {
                let cut = (-parameter).exp();
                let uniform = 1.0 - rng.random::<f64>();
                between(*lo, *hi, -(cut + (1.0 - cut) * uniform).ln() / parameter)
            }
            Kind::Gaussian(lo, hi, parameter) => {
                let deviation = loop {
                    let drawn: f64 = StandardNormal.sample(rng);
                    if drawn.abs() < *parameter {
                        break drawn;
                    }
                };
                between(*lo, *hi, (deviation + parameter) / (2.0 * parameter))
            }
            Kind::Sequence(counter) => Value::Int(counter.draw()),
            Kind::Text(length) => {
                let letter = |_| char::from(LETTERS[rng.random_range(0..LETTERS.len())]);
                Value::Text((0..*length).map(letter).collect::<String>().into())
            }
            Kind::Uuid => {
                let mut bytes: [u8; 16] = rng.random();
                // RFC 9562: version 4 and its variant.
                bytes[6] = bytes[6] & 0x0f | 0x40;
                bytes[8] = bytes[8] & 0x3f | 0x80;
                Value::Uuid(bytes)
            }
            Kind::Timestamp(from, to) => Value::Timestamp(rng.random_range(*from..=*to)),
            Kind::Known(known) => known.draw(rng)[0].clone(),
            Kind::Histogram(histogram) => histogram.draw(rng),
            Kind::Array(known, count) => {
                let mut array = String::from("{");
                for index in 0..*count {
                    if index > 0 {
                        array.push(',');
                    }
                    push_element(&known.draw(rng)[0], &mut array);
                }
                array.push('}');
                Value::Text(array.into())
            }
            Kind::Range(values, _) => values.first().cloned().unwrap_or(Value::Null),
            Kind::Result => Value::Null,
        }
    }

    /// The user wrote every value by hand.
    pub(super) fn is_choice(&self) -> bool {
        matches!(&self.0, Kind::Known(known) if known.width == 1 && known.values.len() <= HAND_WRITTEN)
    }

    /// Values that stand for all that one of its slots can be: both ends of a range, each choice.
    pub(super) fn extremes(&self, slot: usize) -> Vec<Value> {
        match &self.0 {
            Kind::Uniform(lo, hi)
            | Kind::Zipf(lo, hi, _)
            | Kind::Exponential(lo, hi, _)
            | Kind::Gaussian(lo, hi, _) => vec![Value::Int(*lo), Value::Int(*hi)],
            &Kind::Decimal(lo, hi, scale) => [lo, hi]
                .map(|unscaled| Value::Decimal { unscaled, scale })
                .into(),
            Kind::Sequence(counter) => vec![Value::Int(counter.next.load(Ordering::Relaxed))],
            Kind::Text(length) => vec![shared(&"x".repeat(*length))],
            Kind::Uuid => vec![Value::Uuid([0; 16])],
            Kind::Timestamp(from, to) => vec![Value::Timestamp(*from), Value::Timestamp(*to)],
            Kind::Known(known) => {
                let mine = known.values.iter().skip(slot).step_by(known.width);
                mine.cloned().collect()
            }
            Kind::Array(known, _) => {
                let first = known.values.first().map(|value| {
                    let mut array = String::from("{");
                    push_element(value, &mut array);
                    array.push('}');
                    Value::Text(array.into())
                });
                first.into_iter().collect()
            }
            Kind::Range(values, _) => values.clone(),
            Kind::Histogram(histogram) => {
                let common = histogram.common.values.iter();
                common.chain(&histogram.bounds).cloned().collect()
            }
            Kind::Result => Vec::new(),
        }
    }

    /// Fills the slots of one parameter, one or several.
    pub(super) fn fill<R: Rng>(&self, rng: &mut R, slots: &mut [Value]) {
        match &self.0 {
            Kind::Known(known) => slots.clone_from_slice(known.draw(rng)),
            Kind::Range(values, distance) => {
                let from = rng.random_range(0..values.len() - distance);
                slots[0].clone_from(&values[from]);
                slots[1].clone_from(&values[from + distance]);
            }
            _ => slots[0] = self.draw(rng),
        }
    }
}

/// The whole number at this part (0 to 1) of the way from `lo` to `hi`, as pgbench counts it.
fn between(lo: i64, hi: i64, part: f64) -> Value {
    let count = hi.saturating_sub(lo) as f64 + 1.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a whole number from 0 to hi − lo"
    )]
    let offset = (count * part) as i64;
    Value::Int(lo.saturating_add(offset).min(hi))
}

/// A value as an element of an array's text.
fn push_element(value: &Value, array: &mut String) {
    match value {
        Value::Text(text) => {
            array.push('"');
            for c in text.chars() {
                if matches!(c, '"' | '\\') {
                    array.push('\\');
                }
                array.push(c);
            }
            array.push('"');
        }
        other => array.push_str(other.as_text().as_deref().unwrap_or("NULL")),
    }
}

/// A text that is shared by all draws.
pub(super) fn shared(text: &str) -> Value {
    Value::Text(Arc::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    fn draw(generator: &Generator, times: usize) -> Vec<String> {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let drawer = Drawer::without_server(generator).unwrap();
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
        let (lo, hi, s) = (10, 13, 1.0);
        let drawn = draw(&Generator::Zipf { lo, hi, s }, 20_000);
        let norm = 1.0 + 1.0 / 2.0 + 1.0 / 3.0 + 1.0 / 4.0;
        for (k, value) in ["10", "11", "12", "13"].iter().enumerate() {
            let expected = 1.0 / (k as f64 + 1.0) / norm;
            assert!((share(&drawn, value) - expected).abs() < 0.02, "{value}");
        }
    }

    #[test]
    fn exponential_falls_off_as_in_pgbench() {
        let (lo, hi, parameter) = (1, 4, 2.0);
        let drawn = draw(&Generator::Exponential { lo, hi, parameter }, 20_000);
        // pgbench's page: i is drawn with (exp(−p·(i−lo)/n) − exp(−p·(i+1−lo)/n)) / (1 − exp(−p)).
        for i in 0..4 {
            let edge = |i: f64| (-2.0 * i / 4.0).exp();
            let expected = (edge(f64::from(i)) - edge(f64::from(i + 1))) / (1.0 - (-2.0f64).exp());
            let found = share(&drawn, &(i + 1).to_string());
            assert!((found - expected).abs() < 0.02, "{i}: {found} {expected}");
        }
    }

    #[test]
    fn gaussian_is_a_bell_within_its_bounds() {
        let (lo, hi, parameter) = (1, 100, 2.5);
        let drawn = draw(&Generator::Gaussian { lo, hi, parameter }, 20_000);
        let numbers: Vec<i64> = drawn.iter().map(|d| d.parse().unwrap()).collect();
        assert!(numbers.iter().all(|n| (1..=100).contains(n)));
        // Two standard deviations of 2.5 are the middle 80 %; within ±2.5 of them lie 98.76 %.
        let middle = numbers.iter().filter(|n| (11..=90).contains(*n)).count() as f64 / 20_000.0;
        assert!((middle - 0.9545 / 0.9876).abs() < 0.01, "{middle}");
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
        let (lo, hi, scale) = (-150, 205, 2);
        for text in draw(&Generator::UniformDecimal { lo, hi, scale }, 500) {
            let value: f64 = text.parse().unwrap();
            assert!((-1.5..=2.05).contains(&value), "{text}");
            assert_eq!(text.split_once('.').unwrap().1.len(), 2, "{text}");
        }
    }

    #[test]
    fn a_sequence_counts_and_a_text_has_its_length() {
        assert_eq!(
            draw(&Generator::Sequence { start: 5, step: 1 }, 3),
            ["5", "6", "7"]
        );
        assert_eq!(
            draw(&Generator::Sequence { start: 5, step: -2 }, 3),
            ["5", "3", "1"]
        );
        let texts = draw(&Generator::Text { length: 12 }, 5);
        assert!(texts.iter().all(|t| t.len() == 12));
    }

    #[test]
    fn shards_of_a_sequence_share_its_values() {
        let mut seen = Vec::new();
        for index in 0..3 {
            let mut counter = Counter::new(10, 2);
            counter.shard(index, 3);
            seen.extend((0..4).map(|_| counter.draw()));
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..12).map(|i| 10 + 2 * i).collect::<Vec<i64>>());
    }

    #[test]
    fn a_uuid_is_a_random_one_of_version_4() {
        let drawn = draw(&Generator::Uuid, 50);
        for uuid in &drawn {
            assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"), "{uuid}");
            assert!("89ab".contains(&uuid[19..20]), "{uuid}");
        }
        assert_ne!(drawn[0], drawn[1]);
    }

    #[test]
    fn tuples_stay_together() {
        let values = ["1", "a", "2", "b"].map(shared).to_vec();
        let drawer = Drawer(Kind::Known(Arc::new(
            Known::new(values, 2, vec![3.0, 1.0]).unwrap(),
        )));
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let (mut slots, mut first) = (vec![Value::Null; 2], 0);
        for _ in 0..4000 {
            drawer.fill(&mut rng, &mut slots);
            let pair = (slots[0].as_text().unwrap(), slots[1].as_text().unwrap());
            assert!([("1", "a"), ("2", "b")].contains(&(&pair.0, &pair.1)));
            first += u32::from(pair.0 == "1");
        }
        assert!((2900..3100).contains(&first), "{first}");
    }

    #[test]
    fn an_array_has_its_elements_quoted() {
        let known = Known::new(vec![shared(r#"a"\,b"#)], 1, vec![1.0]).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let drawn = Drawer(Kind::Array(Arc::new(known), 2)).draw(&mut rng);
        assert_eq!(drawn.as_text().unwrap(), r#"{"a\"\\,b","a\"\\,b"}"#);
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let generator = Generator::Uniform { lo: 0, hi: 1 << 40 };
        assert_eq!(draw(&generator, 10), draw(&generator, 10));
    }
}
