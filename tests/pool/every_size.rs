//! What a recommended size is held against: every size, each measured by itself.

use std::fmt::Write as _;

use super::*;

/// Sizes as a sweep of all of them measured them, smallest first.
pub(crate) struct EverySize {
    points: Vec<Measured>,
}

#[derive(Clone, Copy)]
struct Measured {
    size: u64,
    throughput: f64,
    p99: f64,
}

impl EverySize {
    fn of(case: &Case, clients: u64, sizes: &[u64], duration: &str) -> Self {
        let named: Vec<String> = sizes.iter().map(u64::to_string).collect();
        let (clients, named) = (clients.to_string(), named.join(","));
        let pool = case.pool(&[
            "--clients",
            &clients,
            "--duration",
            duration,
            "--sizes",
            &named,
            "--no-verify",
        ]);
        let points = pool["sweep"].as_array().unwrap().iter().map(|p| Measured {
            size: p["pool_size"].as_u64().unwrap(),
            throughput: p["throughput_per_sec"].as_f64().unwrap(),
            p99: p["p99_ms"].as_f64().unwrap(),
        });
        Self {
            points: points.collect(),
        }
    }

    fn at(&self, size: u64) -> Measured {
        let found = self.points.iter().find(|p| p.size == size);
        *found.unwrap_or_else(|| panic!("{size} was not measured: {}", self.table()))
    }

    fn table(&self) -> String {
        self.points.iter().fold(String::new(), |mut table, p| {
            let _ = write!(
                table,
                "\n{} connections: {:.1}/s, p99 {:.1} ms",
                p.size, p.throughput, p.p99
            );
            table
        })
    }

    fn best(&self) -> (f64, f64) {
        let throughput = self.points.iter().map(|p| p.throughput);
        let p99 = self.points.iter().map(|p| p.p99);
        (
            throughput.fold(0.0, f64::max),
            p99.fold(f64::INFINITY, f64::min),
        )
    }

    /// At least 98 % of the best throughput, p99 at most 10 % above the best.
    fn is_good(&self, size: u64) -> bool {
        let (throughput, p99) = self.best();
        let this = self.at(size);
        this.throughput >= 0.98 * throughput && this.p99 <= 1.1 * p99
    }

    /// Measures every size, and judges this one: it is good, and better than two connections per core and one where those
    /// are not. Where it falls short, all sizes are measured once more, for so long that chance does not decide.
    /// `quickly` is how long the first measurement takes: what sleeps differs less from block to block than what works.
    ///
    /// # Errors
    /// It falls short, and how.
    pub(crate) fn judged(
        case: &Case,
        clients: u64,
        sizes: &[u64],
        size: u64,
        quickly: &str,
    ) -> Result<Self, String> {
        let first = Self::of(case, clients, sizes, quickly);
        say(&format!("{size} of:{}", first.table()));
        if first.is_good(size) && first.is_better_than_the_rule(size) {
            return Ok(first);
        }
        let all = Self::of(case, clients, sizes, "300s");
        say(&format!("{size} of:{}", all.table()));
        if !all.is_good(size) {
            return Err(format!("{size} is not good:{}", all.table()));
        }
        if !all.is_better_than_the_rule(size) {
            let rule = rule_of_thumb();
            return Err(format!("{size} does not beat {rule}:{}", all.table()));
        }
        Ok(all)
    }

    /// The same where falling short is a failure.
    pub(crate) fn judge(
        case: &Case,
        clients: u64,
        sizes: &[u64],
        size: u64,
        quickly: &str,
    ) -> Self {
        let judged = Self::judged(case, clients, sizes, size, quickly);
        judged.unwrap_or_else(|short| panic!("{short}"))
    }

    fn is_better_than_the_rule(&self, size: u64) -> bool {
        let (this, rule) = (self.at(size), self.at(rule_of_thumb()));
        self.is_good(rule.size) || this.throughput > rule.throughput || this.p99 < rule.p99
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
