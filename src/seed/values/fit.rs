//! Forms of text made to have a length: which words of their pools are taken.

use std::sync::Arc;

use super::forms::GROW;
use super::mix::of_text;
use super::template::{DECIMAL, Part, Template};
use super::words::Pool;

/// How far the mean length may be from what is wanted, as a share of it.
const TOLERANCE: f64 = 0.04;
/// Steps in which words are left out.
const STEPS: usize = 200;

/// What lengths a text may and should have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lengths {
    /// Never less.
    pub(super) least: usize,
    /// Never more.
    pub(super) most: usize,
    /// On the mean.
    pub(super) mean: Option<f64>,
}

/// A pool's words from the shortest on, with sums of their lengths.
struct Ranked {
    pool: Arc<Pool>,
    /// Places of the words.
    order: Vec<usize>,
    /// The sum of the lengths of the first words.
    sums: Vec<usize>,
}

impl Ranked {
    fn new(pool: &Arc<Pool>) -> Self {
        let mut order: Vec<usize> = (0..pool.len()).collect();
        // Words of one length in an order that has nothing to do with the alphabet.
        order.sort_by_key(|place| {
            let word = pool.get(*place);
            (word.len(), of_text(&String::from_utf8_lossy(word)))
        });
        let mut sums = vec![0];
        let mut sum = 0;
        for place in &order {
            sum += pool.get(*place).len();
            sums.push(sum);
        }
        Self {
            pool: Arc::clone(pool),
            order,
            sums,
        }
    }

    /// The words that a step leaves: negative ones leave the short ones, positive ones the long ones.
    fn kept(&self, step: isize) -> std::ops::Range<usize> {
        let all = self.order.len();
        let left = (all - all * step.unsigned_abs() / STEPS).max(1);
        if step < 0 { 0..left } else { all - left..all }
    }

    fn mean(&self, step: isize) -> f64 {
        let kept = self.kept(step);
        (self.sums[kept.end] - self.sums[kept.start]) as f64 / kept.len() as f64
    }

    fn most(&self, step: isize) -> usize {
        self.kept(step)
            .next_back()
            .map_or(0, |last| self.pool.get(self.order[last]).len())
    }

    fn least(&self, step: isize) -> usize {
        self.kept(step)
            .next()
            .map_or(0, |first| self.pool.get(self.order[first]).len())
    }

    fn part(&self, step: isize) -> Part {
        if step == 0 {
            return Part::Words(Arc::clone(&self.pool));
        }
        let mut places: Vec<usize> = self.order[self.kept(step)].to_vec();
        places.sort_unstable();
        Part::Words(Pool::of(
            places.iter().map(|place| self.pool.get(*place).to_vec()),
        ))
    }
}

/// A form with at least `need` different texts of these lengths. Where it may grow and must, it gets digits.
pub(super) fn fit(form: &[Part], need: u64, lengths: Lengths, grow: bool) -> Option<Template> {
    let form: Vec<Part> = form
        .iter()
        .filter(|part| grow || !is_growth(part))
        .cloned()
        .collect();
    let ranked: Vec<Option<Ranked>> = form
        .iter()
        .map(|part| match part {
            Part::Words(pool) => Some(Ranked::new(pool)),
            _ => None,
        })
        .collect();
    let sized =
        |step: isize, measure: &dyn Fn(&Ranked, isize) -> f64, fixed: &dyn Fn(&Part) -> f64| {
            let parts = form.iter().zip(&ranked);
            parts
                .map(|(part, ranked)| {
                    ranked
                        .as_ref()
                        .map_or_else(|| fixed(part), |ranked| measure(ranked, step))
                })
                .sum::<f64>()
        };
    let count = |step: isize| {
        let parts = form.iter().zip(&ranked);
        parts.fold(1_u64, |count, (part, ranked)| {
            let own = ranked
                .as_ref()
                .map_or_else(|| part.count(), |ranked| ranked.kept(step).len() as u64);
            count.saturating_mul(own)
        })
    };
    let limit = isize::try_from(STEPS).unwrap_or(0) - 1;
    let mut best: Option<(f64, isize, u32)> = None;
    for step in -limit..=limit {
        let count = count(step);
        let digits = if grow && form.iter().any(is_growth) {
            missing(count, need)
        } else {
            0
        };
        if count.saturating_mul(10_u64.saturating_pow(digits)) < need {
            continue;
        }
        let more = f64::from(digits);
        let most = more
            + sized(step, &|ranked, step| ranked.most(step) as f64, &|part| {
                part.lengths().2 as f64
            });
        let least = more
            + sized(step, &|ranked, step| ranked.least(step) as f64, &|part| {
                part.lengths().0 as f64
            });
        if most > lengths.most as f64 || least < lengths.least as f64 {
            continue;
        }
        let mean = more + sized(step, &Ranked::mean, &|part| part.lengths().1);
        let distance = match lengths.mean {
            Some(wanted) => (mean - wanted).abs() / wanted.max(1.0),
            None => 0.0,
        } + 1e-6 * step.unsigned_abs() as f64;
        if best.is_none_or(|(least, ..)| distance < least) {
            best = Some((distance, step, digits));
        }
    }
    let (distance, step, digits) = best?;
    if distance > TOLERANCE {
        return None;
    }
    let parts = form.iter().zip(&ranked).map(|(part, ranked)| match ranked {
        Some(ranked) => ranked.part(step),
        None if is_growth(part) => Part::Digits(DECIMAL, digits),
        None => part.clone(),
    });
    Some(Template::new(parts.collect()))
}

fn is_growth(part: &Part) -> bool {
    matches!((part, &GROW), (Part::Digits(own, 0), Part::Digits(grow, 0)) if own == grow)
}

/// Digits that are missing for there to be enough.
fn missing(count: u64, need: u64) -> u32 {
    (0..20)
        .find(|digits| count.saturating_mul(10_u64.saturating_pow(*digits)) >= need)
        .unwrap_or(20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::values::kinds::{Kind, kind};

    #[test]
    fn lengths_are_met_by_leaving_words_out() {
        let Kind::Forms(forms) = kind("customer", "email") else {
            panic!()
        };
        for mean in [24.0, 26.0, 28.0, 30.0] {
            let lengths = Lengths {
                least: 0,
                most: 40,
                mean: Some(mean),
            };
            let template = fit(&forms[0], 1_000, lengths, false).unwrap();
            assert!((template.lengths().1 / mean - 1.0).abs() < 0.05);
            assert!(template.lengths().2 <= 40 && template.capacity() >= 1_000);
        }
        let lengths = Lengths {
            least: 0,
            most: 10,
            mean: None,
        };
        assert!(fit(&forms[0], 1_000, lengths, false).is_none());
    }

    #[test]
    fn digits_make_room() {
        let Kind::Forms(forms) = kind("customer", "email") else {
            panic!()
        };
        let lengths = Lengths {
            least: 0,
            most: 100,
            mean: None,
        };
        let template = fit(&forms[1], 10_000_000_000, lengths, true).unwrap();
        assert!(template.capacity() >= 10_000_000_000);
    }
}
