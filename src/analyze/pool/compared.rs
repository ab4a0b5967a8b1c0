//! Pools under the same load in turns: which is faster, if that can be told.

use crate::analyze::conclusions::{ComparedPool, PoolChange, PoolComparison};
use crate::record::Millis;
use crate::record::comparison::{self, PoolBlock};
use crate::record::load::Arrival;
use crate::stats::{Change, LatencyHistogram, MIN_PAIRS, compare_pairs, noise_floor};

/// What is compared.
struct Metric {
    name: &'static str,
    /// A larger value is the better one.
    more_is_better: bool,
    of: fn(&PoolBlock) -> Option<f64>,
}

const THROUGHPUT: Metric = Metric {
    name: "throughput",
    more_is_better: true,
    of: PoolBlock::throughput,
};

const P50: Metric = Metric {
    name: "p50",
    more_is_better: false,
    of: |block| block.p50.map(|ms| ms.0),
};

const METRICS: [Metric; 5] = [
    THROUGHPUT,
    P50,
    Metric {
        name: "p99",
        more_is_better: false,
        of: |block| block.p99.map(|ms| ms.0),
    },
    Metric {
        name: "acquire",
        more_is_better: false,
        of: |block| block.acquire_mean.map(|ms| ms.0),
    },
    Metric {
        name: "driver_cpu",
        more_is_better: false,
        of: |block| block.driver_cpu_per_request().map(|ms| ms.0),
    },
];

/// The verdicts against the first pool that has blocks.
pub(super) fn conclude(found: &comparison::PoolComparison) -> PoolComparison {
    // A schedule, or a pause between requests, decides how many requests there are: then only
    // their latency tells pools apart.
    let judge = if found.arrival == Arrival::Closed && !found.thinks {
        THROUGHPUT
    } else {
        P50
    };
    let reference = found.pools.iter().position(|pool| !pool.blocks.is_empty());
    let same = same_pairs(found, &judge);
    let pools = found.pools.iter().enumerate().map(|(index, pool)| {
        let other = reference.filter(|reference| *reference != index);
        compared(pool, other.map(|reference| &found.pools[reference]), &judge)
    });
    PoolComparison {
        reference: reference.map(|index| found.pools[index].name.clone()),
        judged_by: judge.name.to_owned(),
        block_ms: found.block.0,
        rounds: found.rounds,
        noise_ratio: noise_floor(&same),
        noise_pairs: count(same.len()),
        pools: pools.collect(),
    }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

/// Blocks of the first pool with nothing of another pool between them: the two at the begin, and those where
/// one round ends with it and the next begins with it.
fn same_pairs(found: &comparison::PoolComparison, judge: &Metric) -> Vec<(f64, f64)> {
    let twice = found.twice.chunks_exact(2).map(|pair| (&pair[0], &pair[1]));
    let first = found.pools.first().map(|pool| pool.blocks.as_slice());
    let blocks = first.unwrap_or_default();
    let seams = blocks.iter().filter(|block| block.round % 2 == 1);
    let seams = seams.filter_map(|block| {
        let next = blocks.iter().find(|next| next.round == block.round + 1)?;
        Some((block, next))
    });
    let pairs = twice.chain(seams);
    pairs
        .filter_map(|(a, b)| (judge.of)(a).zip((judge.of)(b)))
        .collect()
}

fn compared(
    pool: &comparison::ComparedPool,
    reference: Option<&comparison::ComparedPool>,
    judge: &Metric,
) -> ComparedPool {
    let changes: Vec<PoolChange> = reference.map_or_else(Vec::new, |reference| {
        let changes = METRICS.iter().map(|metric| change(metric, reference, pool));
        changes.flatten().collect()
    });
    let judged = changes.iter().find(|change| change.metric == judge.name);
    let verdict = judged.and_then(|change| change.verdict.clone());
    let few = match judged {
        Some(change) if verdict.is_none() => Some(format!(
            "{} pairs of blocks are too few for a verdict; at least {MIN_PAIRS} are needed, so replay for longer",
            change.pairs
        )),
        _ => None,
    };
    let sum = |of: fn(&PoolBlock) -> u64| pool.blocks.iter().map(of).sum::<u64>();
    let (requests, failures) = (sum(|b| b.requests), sum(|b| b.failures));
    let length: Millis = pool.blocks.iter().map(|block| block.length).sum();
    let measured = pool.pool.as_ref();
    ComparedPool {
        name: pool.name.clone(),
        blocks: count(pool.blocks.len()),
        requests,
        failures,
        throughput_per_sec: (length.0 > 0.0)
            .then(|| requests.saturating_sub(failures) as f64 / length.secs()),
        p50_ms: pool.latency.quantile_ms(0.50),
        p99_ms: pool.latency.quantile_ms(0.99),
        permit_wait_p99_ms: measured.and_then(|p| p.permit_wait.quantile_ms(0.99)),
        acquire_mean_ms: measured
            .filter(|p| p.counters.acquires > 0)
            .map(|p| p.acquire_total.0 / p.counters.acquires as f64),
        connect_mean_ms: connects(pool).mean_ms(),
        recycle_mean_ms: measured.and_then(|p| p.recycle.mean_ms()),
        driver_cpu_ratio: weighted(pool, length, |b| Some(b.driver.cpu_ratio? * b.length.0)),
        driver_cpu_ms_per_request: weighted(pool, Millis(requests as f64), |b| {
            Some(b.driver_cpu_per_request()?.0 * b.requests as f64)
        }),
        verdict,
        reason: pool.failure.clone().or(few),
        changes,
    }
}

/// Connections of a new pool, and those that were made in the blocks.
fn connects(pool: &comparison::ComparedPool) -> LatencyHistogram {
    let mut all = pool.first_connects.clone();
    if let Some(measured) = &pool.pool {
        all.add(&measured.connect);
    }
    all
}

/// The sum over all blocks, by `whole`; `None` if one block does not tell.
fn weighted(
    pool: &comparison::ComparedPool,
    whole: Millis,
    of: impl Fn(&PoolBlock) -> Option<f64>,
) -> Option<f64> {
    let parts: Option<Vec<f64>> = pool.blocks.iter().map(of).collect();
    Some(parts?.iter().sum::<f64>() / whole.0).filter(|_| whole.0 > 0.0)
}

fn change(
    metric: &Metric,
    reference: &comparison::ComparedPool,
    pool: &comparison::ComparedPool,
) -> Option<PoolChange> {
    let pairs = pool.blocks.iter().filter_map(|block| {
        let other = reference
            .blocks
            .iter()
            .find(|other| other.round == block.round)?;
        (metric.of)(other).zip((metric.of)(block))
    });
    let found = compare_pairs(&pairs.collect::<Vec<_>>())?;
    Some(PoolChange {
        metric: metric.name.to_owned(),
        pairs: count(found.pairs),
        ratio: found.ratio,
        low_ratio: found.interval.low,
        high_ratio: found.interval.high,
        threshold_ratio: found.threshold,
        verdict: found
            .change
            .map(|change| words(change, metric.more_is_better).to_owned()),
    })
}

fn words(change: Change, more_is_better: bool) -> &'static str {
    match (change, more_is_better) {
        (Change::Higher, true) | (Change::Lower, false) => "faster",
        (Change::Lower, true) | (Change::Higher, false) => "slower",
        (Change::NoneSeen, _) => "no difference seen",
        (Change::TooNoisy, _) => "too noisy to tell",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::load::DriverRecord;

    /// A block of one second.
    fn block(round: u32, requests: u64, p50: f64) -> PoolBlock {
        PoolBlock {
            round,
            length: Millis(1000.0),
            requests,
            failures: 0,
            p50: Some(Millis(p50)),
            p99: Some(Millis(3.0 * p50)),
            acquire_mean: None,
            driver: DriverRecord {
                threads: 1,
                cpu_ratio: Some(0.5),
                ..DriverRecord::default()
            },
        }
    }

    fn pool(name: &str, rounds: u32, requests: u64, p50: f64) -> comparison::ComparedPool {
        comparison::ComparedPool {
            name: name.to_owned(),
            blocks: (0..rounds)
                .map(|r| block(r, requests + u64::from(r % 3), p50))
                .collect(),
            ..comparison::ComparedPool::default()
        }
    }

    fn case(pools: Vec<comparison::ComparedPool>) -> comparison::PoolComparison {
        comparison::PoolComparison {
            arrival: Arrival::Closed,
            thinks: false,
            block: Millis(1000.0),
            block_warmup: Millis(250.0),
            rounds: 10,
            pools,
            twice: vec![block(0, 1000, 1.0), block(1, 1010, 1.0)],
        }
    }

    #[test]
    fn the_first_pool_is_what_others_are_compared_with() {
        let found = conclude(&case(vec![
            pool("first", 10, 1000, 1.0),
            pool("second", 10, 700, 1.4),
            pool("none", 10, 1300, 0.7),
            pool("again", 10, 1000, 1.0),
        ]));
        assert_eq!(found.reference.as_deref(), Some("first"));
        let verdicts: Vec<Option<&str>> = found
            .pools
            .iter()
            .map(|pool| pool.verdict.as_deref())
            .collect();
        assert_eq!(
            verdicts,
            [
                None,
                Some("slower"),
                Some("faster"),
                Some("no difference seen")
            ]
        );
        let changes = &found.pools[1].changes;
        assert!((changes[0].ratio - 0.7).abs() < 0.01);
        assert!((changes[1].ratio - 1.4).abs() < 1e-9);
        assert_eq!(changes[1].verdict.as_deref(), Some("slower"));
        // No acquire was timed, so there is nothing to say about acquires.
        let metrics: Vec<&str> = changes
            .iter()
            .map(|change| change.metric.as_str())
            .collect();
        assert_eq!(metrics, ["throughput", "p50", "p99", "driver_cpu"]);
        assert_eq!(found.pools[0].throughput_per_sec, Some(1000.9));
        assert_eq!(found.pools[0].driver_cpu_ratio, Some(0.5));
        let cpu = found.pools[2].driver_cpu_ms_per_request.unwrap();
        assert!((cpu - 500.0 / 1300.9).abs() < 1e-6, "{cpu}");
        // The two at the begin, and rounds 1 and 2, 3 and 4, 5 and 6, 7 and 8.
        assert_eq!(found.noise_pairs, 5);
        assert!(found.noise_ratio.unwrap() < 0.01);
    }

    #[test]
    fn a_pool_that_fails_is_a_row_with_the_reason() {
        let mut broken = pool("first", 0, 0, 0.0);
        broken.failure = Some("cannot connect".to_owned());
        let found = conclude(&case(vec![
            broken,
            pool("second", 10, 1000, 1.0),
            pool("none", 4, 1000, 1.0),
        ]));
        assert_eq!(found.reference.as_deref(), Some("second"));
        let first = &found.pools[0];
        assert_eq!(first.reason.as_deref(), Some("cannot connect"));
        assert_eq!((first.throughput_per_sec, first.p50_ms), (None, None));
        assert_eq!((&first.verdict, first.changes.len()), (&None, 0));
        let few = found.pools[2].reason.as_deref().unwrap();
        assert!(
            found.pools[2].verdict.is_none() && few.contains("4 pairs"),
            "{few}"
        );
    }

    #[test]
    fn with_a_schedule_or_pauses_latency_decides() {
        let mut open = case(vec![pool("a", 10, 1000, 1.0), pool("b", 10, 1000, 1.5)]);
        open.arrival = Arrival::Open;
        let found = conclude(&open);
        assert_eq!(found.judged_by, "p50");
        assert_eq!(found.pools[1].verdict.as_deref(), Some("slower"));
        (open.arrival, open.thinks) = (Arrival::Closed, true);
        assert_eq!(conclude(&open).pools[1].verdict.as_deref(), Some("slower"));
    }
}
