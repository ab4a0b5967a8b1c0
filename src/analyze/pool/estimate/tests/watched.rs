//! An application that is watched: where its sessions are in each sample, and what is recommended to it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::*;
use crate::analyze::conclusions::Recommendation;
use crate::analyze::testing::{activity, run, server, session};
use crate::record::database::StatDatabase;
use crate::record::{Millis, Span};
use crate::stats::SplitMix64;

const SETTINGS: [(&str, &str); 2] = [
    ("max_connections", "1000"),
    ("superuser_reserved_connections", "3"),
];

fn uniform(random: &mut SplitMix64) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Leases with random arrivals (so many per second, by the second of the window) and exponential lengths, on as
/// many connections as they need: what ten samples a second see of them.
pub(super) fn arrivals(
    seconds: u32,
    lease_ms: f64,
    seed: u64,
    per_sec: impl Fn(f64) -> f64,
) -> Vec<Vec<i32>> {
    let mut random = SplitMix64::new(seed);
    let mut draw = |mean: f64| -mean * (1.0 - uniform(&mut random)).ln();
    let mut samples = vec![Vec::new(); seconds as usize * 10];
    let (mut at, mut id) = (-10.0 * lease_ms, 0);
    while at < f64::from(seconds) * 1000.0 {
        at += draw(1000.0 / per_sec((at / 1000.0).max(0.0)));
        id += 1;
        let end = at + draw(lease_ms);
        let mut moment = round_to_count((at / 100.0).ceil()) as usize;
        while 100.0 * (moment as f64) < end && moment < samples.len() {
            samples[moment].push(id);
            moment += 1;
        }
    }
    samples
}

/// Where the sessions of an application are in each sample: an id for each lease.
pub(super) struct Watched {
    pub(super) samples: Vec<Vec<i32>>,
    pub(super) open: u32,
    pub(super) cores: Option<u32>,
    pub(super) transactions_per_sec: f64,
}

impl Watched {
    pub(super) fn run(&self, dress: impl Fn(usize, &mut SessionSample)) -> Run {
        let length = Millis(100.0 * self.samples.len() as f64);
        let mut run = run(length);
        run.server = Some(server(&SETTINGS, self.cores));
        let mut series = activity(self.samples.iter().map(|leases| {
            let sessions = leases.iter().enumerate().map(|(place, lease)| {
                let mut session = session(*lease, "app", "active");
                session.xact_start = Timestamp::from_second(i64::from(*lease)).ok();
                dress(place, &mut session);
                session
            });
            sessions.collect()
        }));
        for sample in &mut series.samples {
            let busy = u32::try_from(sample.sessions.len()).unwrap();
            sample.idle = BTreeMap::from([("app".to_owned(), self.open.saturating_sub(busy))]);
        }
        run.activity = Some(series);
        let transactions = self.transactions_per_sec * length.secs();
        run.database.stat_database = Some(Span {
            first_at: Millis(0.0),
            first: vec![counted(0.0)],
            last_at: length,
            last: vec![counted(transactions)],
        });
        run
    }

    pub(super) fn found(&self, dress: impl Fn(usize, &mut SessionSample)) -> Recommendation {
        recommendation(&self.run(dress))
    }
}

fn counted(transactions: f64) -> StatDatabase {
    serde_json::from_value(serde_json::json!({
        "datid": 5, "datname": "app", "numbackends": 1, "xact_commit": round_to_count(transactions),
        "xact_rollback": 0, "blks_read": 0, "blks_hit": 0, "tup_returned": 0, "tup_fetched": 0,
        "tup_inserted": 0, "tup_updated": 0, "tup_deleted": 0, "conflicts": 0, "temp_files": 0,
        "temp_bytes": 0, "deadlocks": 0, "blk_read_time": 0.0, "blk_write_time": 0.0,
        "sessions": 0, "stats_reset": null
    }))
    .unwrap()
}

pub(super) fn recommendation(run: &Run) -> Recommendation {
    from_observation(run, &PoolOptions::default()).unwrap()
}

/// Waits on `pg_sleep`: the database is not what is busy.
pub(super) fn asleep(_: usize, session: &mut SessionSample) {
    waits("Timeout", "PgSleep")(0, session);
}

pub(super) fn waits(
    class: &'static str,
    event: &'static str,
) -> impl Fn(usize, &mut SessionSample) {
    move |_, session| {
        session.wait_event_type = Some(class.to_owned());
        session.wait_event = Some(event.to_owned());
    }
}

pub(super) fn has(found: &Recommendation, words: &str) -> bool {
    found.reasons.iter().any(|reason| reason.contains(words))
}

/// As many connections in use all the time, each lease seen once.
pub(super) fn even(in_use: i32, open: u32) -> Watched {
    Watched {
        samples: (0..200)
            .map(|i| (i * 100..i * 100 + in_use).collect())
            .collect(),
        open,
        cores: Some(16),
        transactions_per_sec: f64::from(in_use) * 50.0,
    }
}

/// The size for so many busy connections at leases of 20 ms.
pub(super) fn true_size(in_use: f64) -> u32 {
    let model = Model {
        demand: super::super::super::model::Demand::Open {
            per_sec: in_use * 50.0,
        },
        lease_ms: 20.0,
        lease_scv: 1.0,
    };
    model.size().unwrap()
}
