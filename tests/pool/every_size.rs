//! What a recommended size is held against: every size, each measured by itself.

use std::fmt::Write as _;

use dbperf::record::Run;
use dbperf::record::sweep::SizeBlock;
use dbperf::stats::{LatencyHistogram, PairedRatio, compare_pairs};

use super::*;

/// Blocks of sweeps of all sizes.
pub(crate) struct EverySize {
    sizes: Vec<u64>,
    blocks: Vec<SizeBlock>,
}

#[derive(Clone, Copy)]
struct Measured {
    throughput: f64,
    p99: f64,
}

impl EverySize {
    fn new(sizes: &[u64]) -> Self {
        Self {
            sizes: sizes.to_vec(),
            blocks: Vec::new(),
        }
    }

    /// Measures all of them, once more if they were measured already.
    fn measure(&mut self, case: &Case, clients: u64, seconds: u32) {
        let named: Vec<String> = self.sizes.iter().map(u64::to_string).collect();
        let (clients, named) = (clients.to_string(), named.join(","));
        let duration = format!("{seconds}s");
        let saved = case.folder.path().join("every-size.json");
        let output = case.output(&[
            "--clients",
            &clients,
            "--duration",
            &duration,
            "--sizes",
            &named,
            "--no-verify",
            "--save",
            saved.to_str().unwrap(),
        ]);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}");
        let run: Run = serde_json::from_slice(&fs::read(saved).unwrap()).unwrap();
        let rounds = self.blocks.iter().map(|block| block.round + 1).max();
        let blocks = run.sweep.unwrap().blocks.into_iter().map(|mut block| {
            block.round += rounds.unwrap_or(0);
            block
        });
        self.blocks.extend(blocks);
    }

    fn of(&self, size: u64) -> impl Iterator<Item = &SizeBlock> {
        let blocks = self.blocks.iter();
        blocks.filter(move |block| u64::from(block.pool_size) == size)
    }

    fn at(&self, size: u64) -> Measured {
        let mut latency = LatencyHistogram::new();
        let (mut done, mut seconds) = (0, 0.0);
        for block in self.of(size) {
            latency.add(&block.latency);
            done += block.requests - block.failures;
            seconds += block.length.secs();
        }
        Measured {
            throughput: done as f64 / seconds,
            p99: latency.quantile_ms(0.99).unwrap(),
        }
    }

    fn table(&self) -> String {
        self.sizes.iter().fold(String::new(), |mut table, size| {
            let p = self.at(*size);
            let _ = write!(
                table,
                "\n{size} connections: {:.1}/s, p99 {:.1} ms",
                p.throughput, p.p99
            );
            table
        })
    }

    fn best(&self) -> (f64, f64) {
        let points = self.sizes.iter().map(|size| self.at(*size));
        points.fold((0.0, f64::INFINITY), |(throughput, p99), point| {
            (point.throughput.max(throughput), point.p99.min(p99))
        })
    }

    /// At least 98 % of the best throughput, p99 at most 10 % above the best.
    fn is_good(&self, size: u64) -> bool {
        let (throughput, p99) = self.best();
        let this = self.at(size);
        this.throughput >= 0.98 * throughput && this.p99 <= 1.1 * p99
    }

    /// It is less than that beyond chance, by blocks that lie close together: on a machine whose processors are not as
    /// fast all the time, the best of ten sizes is the one that met the best moments.
    fn is_surely_short(&self, size: u64) -> bool {
        self.sizes.iter().filter(|s| **s != size).any(|other| {
            let throughput = self.versus(size, *other, &SizeBlock::throughput);
            let p99 = self.versus(size, *other, &|block| block.latency.quantile_ms(0.99));
            throughput.interval.high < 0.98 || p99.interval.low > 1.1
        })
    }

    /// A value of one size over that of another, in blocks of the same round.
    fn versus(
        &self,
        size: u64,
        other: u64,
        value: &dyn Fn(&SizeBlock) -> Option<f64>,
    ) -> PairedRatio {
        let pairs = self.of(other).filter_map(|theirs| {
            let mine = self.of(size).find(|mine| mine.round == theirs.round)?;
            value(theirs).zip(value(mine))
        });
        let ratio = compare_pairs(&pairs.collect::<Vec<_>>()).unwrap();
        assert!(ratio.change.is_some(), "too few pairs: {}", ratio.pairs);
        ratio
    }

    /// Measures every size, and judges this one: it is good, and better than two connections per core and one where those
    /// are not. Where it falls short, all sizes are measured twice more and for longer, and then it must not be sure that
    /// it falls short. `seconds` is how long such a measurement takes, twice the first: what sleeps differs less from
    /// block to block than what works.
    ///
    /// # Errors
    /// It falls short, and how.
    pub(crate) fn judged(
        case: &Case,
        clients: u64,
        sizes: &[u64],
        size: u64,
        seconds: u32,
    ) -> Result<Self, String> {
        let mut all = Self::new(sizes);
        all.measure(case, clients, seconds / 2);
        say(&format!("{size} of:{}", all.table()));
        if all.is_good(size) && all.is_better_than_the_rule(size) {
            return Ok(all);
        }
        all.measure(case, clients, seconds);
        all.measure(case, clients, seconds);
        say(&format!("{size} of:{}", all.table()));
        if all.is_surely_short(size) {
            return Err(format!("{size} is not good:{}", all.table()));
        }
        let rule = rule_of_thumb();
        if all.is_surely_short(rule) && !all.is_better_than_the_rule(size) {
            return Err(format!("{size} does not beat {rule}:{}", all.table()));
        }
        Ok(all)
    }

    /// The same where falling short is a failure.
    pub(crate) fn judge(case: &Case, clients: u64, sizes: &[u64], size: u64, seconds: u32) -> Self {
        let judged = Self::judged(case, clients, sizes, size, seconds);
        judged.unwrap_or_else(|short| panic!("{short}"))
    }

    fn is_better_than_the_rule(&self, size: u64) -> bool {
        let (this, rule) = (self.at(size), self.at(rule_of_thumb()));
        self.is_good(rule_of_thumb()) || this.throughput > rule.throughput || this.p99 < rule.p99
    }

    /// Throughput of a size as a share of the best.
    pub(crate) fn reached(&self, size: u64) -> f64 {
        self.at(size).throughput / self.best().0
    }
}

/// Two connections for each core, and one for the disk.
pub(crate) fn rule_of_thumb() -> u64 {
    2 * cores() + 1
}

pub(crate) fn cores() -> u64 {
    std::thread::available_parallelism().unwrap().get() as u64
}
