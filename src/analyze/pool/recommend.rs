//! Which size follows from a replay, and why.

use crate::analyze::conclusions::{Evidence, Expected, Recommendation};
use crate::analyze::database_time::{average_on_cpu, hides_sessions};
use crate::record::Run;
use crate::record::load::Arrival;
use crate::record::pool::PoolRecord;
use crate::stats::{LatencyHistogram, MIN_SLICES, round_to_count, time_weighted_quantile};

use super::budget::Seen;
use super::draft::{
    CONNECTIONS_PER_CORE, CORES_TARGET, Draft, HELD_IDLE_RATIO, OVERSIZED_RATIO, UNKNOWN,
    WAITS_TARGET, cores, cores_full_at, target_text,
};
use super::fleet::{Ground, finish};
use super::gauges::{Varying, varying};
use super::interval::interval;
use super::model::{Demand, MAX_SIZE, Model};
use super::room::{self, MainWait, NEAR_SATURATION_RATIO};
use super::{NoRecommendation, PoolOptions};

/// Leases without which nothing is concluded; below ten times as many the report says so.
pub(super) const MIN_LEASES: u64 = 100;

/// A wait of a pool that is too small: 95th percentile in milliseconds …
const HIGH_WAIT_P95_MS: f64 = 5.0;

/// … and share of the time of all operations.
const HIGH_WAIT_RATIO: f64 = 0.2;

/// Acquires that gave up, as a share of all, that count as a high wait by themselves.
const TIMED_OUT_RATIO: f64 = 0.01;

/// Time for new connections as a share of leases from which connecting is the problem.
const CHURN_RATIO: f64 = 0.5;

/// Facts of a replay that decide.
struct Facts<'a> {
    pool: &'a PoolRecord,
    per_sec: f64,
    /// The load of the whole window.
    model: Model,
    /// The load that the size is made for: that of the rush, where there was one.
    to_size: Model,
    varying: Varying,
    /// Sampling error of the mean lease, as a share of it.
    lease_error: f64,
    wait_p95_ms: f64,
    wait_ratio: f64,
    held_idle_ratio: f64,
    connect_ratio: f64,
    in_use_p99: f64,
    on_cpu: Option<f64>,
    cores: Option<f64>,
    /// What its sessions wait for in the server, where more of them would wait too.
    main_wait: Option<MainWait>,
}

/// The size that follows from a replay.
pub(super) fn from_replay(
    run: &Run,
    pool: &PoolRecord,
    options: &PoolOptions,
) -> Result<Recommendation, NoRecommendation> {
    let facts = facts(run, pool)?;
    let instances = options.instances.max(1);
    let mut draft = decide(&facts, instances)?;
    draft.fleet_size = facts.fleet_size(&mut draft, instances);
    draft.reasons.splice(0..0, summary(run, &facts));
    if draft.interval.is_some() {
        draft.reasons.extend(facts.varying.sampled.doubt());
    }
    if pool.lease.count() < 10 * MIN_LEASES {
        draft.reasons.push(format!(
            "{} leases are few: replay for longer to narrow the interval",
            pool.lease.count()
        ));
    }
    if options.instances > 1 {
        draft.reasons.push(format!(
            "the replay is taken for the load of one instance; {} of them ask the server for {} \
             times as much, which was not measured",
            options.instances, options.instances
        ));
    }
    let seen = Seen::beside_a_replay(run);
    finish(draft, &Ground::of(run, &seen, options))
}

fn total_ms(histogram: &LatencyHistogram) -> f64 {
    histogram.mean_ms().unwrap_or(0.0) * histogram.count() as f64
}

/// Leases that begin per second, of the time in which requests could begin: that the last ones took long to end is no
/// smaller load. In an open loop whose leases fill the pool, more begin than end, and the time that they took is it.
fn leases_per_sec(pool: &PoolRecord, open: bool) -> f64 {
    let begun = pool.begun.unwrap_or(pool.length).0.min(pool.length.0);
    let full = open && pool.lease_total.0 >= f64::from(pool.pool_size) * begun;
    let length = if full { pool.length.0 } else { begun };
    pool.lease.count() as f64 / length * 1000.0
}

fn facts<'a>(run: &Run, pool: &'a PoolRecord) -> Result<Facts<'a>, NoRecommendation> {
    let leases = pool.lease.count();
    if leases < MIN_LEASES || pool.length.0 <= 0.0 || pool.lease_total.0 <= 0.0 {
        return Err(NoRecommendation::FewLeases(leases));
    }
    let waited = total_ms(&pool.permit_wait);
    let connecting = total_ms(&pool.connect);
    let occupied = pool.occupied_ms();
    let lease_ms = occupied / leases as f64;
    let mean = pool.lease.mean_ms().unwrap_or(lease_ms);
    let spread = pool.lease.stddev_ms().unwrap_or(0.0) / mean;
    let open = run
        .replay
        .as_ref()
        .is_some_and(|r| r.source.arrival == Arrival::Open);
    let per_sec = leases_per_sec(pool, open);
    let demand = if open {
        Demand::Open { per_sec }
    } else {
        // The law of closed loops (Denning and Buzen 1978): Z = N/X − R.
        let cycle_ms = f64::from(pool.clients) / per_sec * 1000.0;
        Demand::Closed {
            clients: pool.clients.max(1),
            think_ms: (cycle_ms - waited / leases as f64 - lease_ms).max(0.0),
        }
    };
    let operations = run.replay.as_ref().and_then(|r| {
        let mean = r.total.latency.mean?;
        Some(mean.0 * r.total.requests as f64)
    });
    let gauges: Vec<(f64, f64)> = pool
        .gauges
        .iter()
        .map(|g| (g.at.0, f64::from(g.in_use)))
        .collect();
    let model = Model {
        demand,
        lease_ms,
        lease_scv: spread * spread,
    };
    let varying = varying(pool, &model, per_sec / 1000.0, waited / leases as f64);
    let busiest = varying.busiest.as_ref();
    let activity = run.activity.as_ref().filter(|_| !hides_sessions(run));
    Ok(Facts {
        pool,
        per_sec,
        model,
        to_size: model.with_demand(busiest.map_or(1.0, |stretch| stretch.times)),
        varying,
        lease_error: 1.96 * spread / (leases as f64).sqrt(),
        wait_p95_ms: pool.permit_wait.quantile_ms(0.95).unwrap_or(0.0),
        wait_ratio: waited / operations.unwrap_or(waited + occupied).max(waited),
        held_idle_ratio: pool.held_idle_total.0 / pool.lease_total.0,
        connect_ratio: connecting / pool.lease_total.0,
        in_use_p99: time_weighted_quantile(&gauges, 0.99)
            .filter(|_| gauges.len() >= MIN_SLICES)
            .unwrap_or(f64::from(pool.in_use_max)),
        on_cpu: activity.and_then(average_on_cpu),
        cores: cores(run),
        main_wait: activity.and_then(room::of_replay),
    })
}

fn summary(run: &Run, facts: &Facts<'_>) -> Vec<String> {
    let mut reasons = vec![format!(
        "{:.0} leases/s of {:.1} ms on average keep {:.1} of {} connections in use; 95 % of waits \
         for one are below {:.1} ms, waits are {:.0} % of the time of all operations",
        facts.per_sec,
        facts.model.lease_ms,
        facts.pool.in_use_mean,
        facts.pool.pool_size,
        facts.wait_p95_ms,
        facts.wait_ratio * 100.0
    )];
    reasons.extend(facts.varying.words.clone());
    let stages = run.replay.as_ref().map_or(0, |replay| replay.stages.len());
    if stages > 1 && matches!(facts.model.demand, Demand::Closed { .. }) {
        reasons.push(format!(
            "the clients came in {stages} stages and are taken to be {} throughout, with the mean of their \
             thinking: the busiest stage may need more",
            facts.pool.clients
        ));
    }
    reasons
}

impl Facts<'_> {
    fn waits_are_high(&self) -> bool {
        let counters = self.pool.counters;
        let gave_up = counters.timed_out as f64 > TIMED_OUT_RATIO * counters.acquires as f64;
        gave_up || (self.wait_p95_ms >= HIGH_WAIT_P95_MS && self.wait_ratio >= HIGH_WAIT_RATIO)
    }

    /// Cores in use as a share of all.
    fn busy_ratio(&self) -> Option<f64> {
        Some(self.on_cpu? / self.cores?)
    }

    /// Cores in use as a share of all, and all of them, where none is left: a wait is reason enough to look
    /// for room a little earlier.
    fn no_cores(&self) -> Option<(f64, f64)> {
        let limit = if self.waits_are_high() {
            NEAR_SATURATION_RATIO
        } else {
            1.0
        };
        let busy = self.busy_ratio().filter(|busy| *busy >= limit)?;
        Some((busy, self.cores?))
    }

    /// The number of connections at which every core is busy, at the present CPU use of a lease.
    fn cores_full_at(&self) -> Option<u32> {
        cores_full_at(self.cores, self.on_cpu?, self.pool.in_use_mean)
    }

    fn measured(&self) -> Expected {
        Expected {
            throughput_per_sec: Some(self.per_sec),
            p99_ms: None,
            wait_p99_ms: self.pool.permit_wait.quantile_ms(0.99),
        }
    }

    /// Connections of one pool for the load of all instances. A shared queue needs fewer than the sum
    /// of separate ones; where all cores are busy, more of them serve nobody.
    fn fleet_size(&self, draft: &mut Draft, instances: u32) -> u32 {
        let sum = draft.size.saturating_mul(instances);
        if instances == 1 {
            return sum;
        }
        if draft.verdict == "database-saturated" {
            // More instances share the same locks and the same disk; cores serve so many.
            let rule = match self.no_cores() {
                Some((_, cores)) => cores_rule(cores),
                None => draft.size,
            };
            return sum.min(rule.max(draft.size));
        }
        let shared = self.to_size.times(instances);
        let shared = shared.and_then(|model| model.size());
        let wanted = shared.map_or(sum, |shared| shared.min(sum));
        match self.cores_full_at().map(|full| full.max(draft.size)) {
            Some(full) if full < wanted => {
                draft.reasons.push(format!(
                    "the load of {instances} instances would need {wanted} connections, but at the \
                     present use of CPU by a lease all cores are busy from {full} on: the server does \
                     not have the cores for so many instances"
                ));
                draft.expected = UNKNOWN;
                full
            }
            _ => wanted,
        }
    }

    fn interval(&self) -> Option<(u32, u32)> {
        interval(&self.to_size, &self.varying.sampled, self.lease_error)
    }

    /// What the model expects of a size: the throughput of the window, and the waits of its rush.
    fn expected(&self, size: u32) -> Expected {
        Expected {
            throughput_per_sec: self.model.outcome(size).map(|o| o.throughput_per_sec),
            p99_ms: None,
            wait_p99_ms: self.to_size.outcome(size).map(|o| o.wait_p99_ms),
        }
    }

    /// The present size, kept.
    fn keep(&self, verdict: &'static str, evidence: Evidence, reasons: Vec<String>) -> Draft {
        Draft {
            size: self.pool.pool_size,
            fleet_size: self.pool.pool_size,
            interval: self.interval(),
            verdict,
            evidence,
            target: target_text(&self.model),
            expected: self.measured(),
            reasons,
        }
    }
}

/// The table of verdicts: waits, cores, held idle, connecting, room in the database.
fn decide(facts: &Facts<'_>, instances: u32) -> Result<Draft, NoRecommendation> {
    if let Some((busy, cores)) = facts.no_cores() {
        return Ok(saturated(facts, busy, cores, instances));
    }
    if !facts.waits_are_high() {
        return Ok(low_waits(facts));
    }
    if facts.held_idle_ratio >= HELD_IDLE_RATIO {
        let wanted = match facts.to_size.size() {
            Some(wanted) => format!("{wanted} would be needed"),
            None => format!("not even {MAX_SIZE} would do"),
        };
        return Ok(facts.keep(
            "held-idle",
            Evidence::Estimated,
            vec![format!(
                "{:.0} % of the time of a lease the connection does nothing: give it back while \
                 the application does other work, before adding connections ({wanted} with leases as \
                 they are)",
                facts.held_idle_ratio * 100.0
            )],
        ));
    }
    if facts.connect_ratio >= CHURN_RATIO {
        return Ok(facts.keep(
            "connection-churn",
            Evidence::Estimated,
            vec![format!(
                "{} new connections took {:.0} % of the time of all leases: keep idle connections \
                 open for longer, or use a pooler, before adding connections",
                facts.pool.connect.count(),
                facts.connect_ratio * 100.0
            )],
        ));
    }
    if let Some(main) = &facts.main_wait {
        return Ok(Draft {
            interval: None,
            target: WAITS_TARGET.to_owned(),
            ..facts.keep(
                "database-saturated",
                Evidence::RuleOfThumb,
                vec![main.words("while clients waited for connections")],
            )
        });
    }
    too_small(facts)
}

/// The usual start value.
fn cores_rule(cores: f64) -> u32 {
    round_to_count(cores) * CONNECTIONS_PER_CORE
}

fn saturated(facts: &Facts<'_>, busy: f64, cores: f64, instances: u32) -> Draft {
    let rule = cores_rule(cores);
    let each = (rule / instances).max(1).min(facts.pool.pool_size);
    Draft {
        size: each,
        fleet_size: each,
        interval: None,
        verdict: "database-saturated",
        evidence: Evidence::RuleOfThumb,
        target: CORES_TARGET.to_owned(),
        expected: UNKNOWN,
        reasons: vec![format!(
            "{:.1} sessions on average were executing without a wait on {cores:.0} cores ({:.0} %): \
             more connections would wait for a core instead of a permit. Do not grow the pool; \
             make the statements cheaper. {CONNECTIONS_PER_CORE} connections per core is the usual \
             start value",
            busy * cores,
            busy * 100.0
        )],
    }
}

fn too_small(facts: &Facts<'_>) -> Result<Draft, NoRecommendation> {
    let mut reasons = Vec::new();
    let wanted = facts.to_size.size().ok_or(NoRecommendation::NoSize)?;
    let mut size = wanted.max(facts.pool.pool_size + 1);
    if let Some(full) = facts.cores_full_at()
        && full < size
    {
        size = full.max(facts.pool.pool_size + 1);
        reasons.push(format!(
            "the target would need {wanted} connections, but at the present use of CPU by a lease \
             all cores are busy from {full} on"
        ));
    }
    if facts.busy_ratio().is_none() {
        reasons.push(
            "cores or activity of the server are not known: whether it can serve more was not \
             checked"
                .to_owned(),
        );
    }
    reasons.push(
        "the model takes leases to be as long at the new size as now; replay at that size to prove \
         it"
        .to_owned(),
    );
    Ok(Draft {
        size,
        fleet_size: size,
        interval: facts
            .interval()
            .map(|(low, high)| (low.min(size), high.max(size))),
        verdict: "too-small",
        evidence: Evidence::Estimated,
        target: target_text(&facts.model),
        expected: facts.expected(size),
        reasons,
    })
}

fn low_waits(facts: &Facts<'_>) -> Draft {
    let present = facts.pool.pool_size;
    let in_use = round_to_count(facts.in_use_p99.ceil());
    let needed = facts.to_size.size().map(|size| size.max(in_use));
    let oversized = facts.in_use_p99 < OVERSIZED_RATIO * f64::from(present);
    let Some(needed) = needed.filter(|needed| oversized && *needed < present) else {
        let reasons = vec!["the waits do not ask for another size".to_owned()];
        return facts.keep("fits", Evidence::Measured, reasons);
    };
    Draft {
        size: needed,
        fleet_size: needed,
        interval: facts.interval(),
        verdict: "too-large",
        evidence: Evidence::Estimated,
        target: target_text(&facts.model),
        expected: facts.expected(needed),
        reasons: vec![format!(
            "99 % of the time no more than {:.0} of {present} connections were in use: the pool is \
             larger than this load of {} clients needs",
            facts.in_use_p99, facts.pool.clients
        )],
    }
}
