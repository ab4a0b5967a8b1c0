//! The wait for a connection in the replay's pool, as the rules on pools report it.

use crate::analyze::conclusions::{ReplayPool, Summary};

use super::Facts;

/// The wait for a permit beside the leases that followed it.
pub(super) struct PermitWait {
    /// Over all acquires, those that did not wait included.
    pub(super) mean_ms: f64,
    /// 95th percentile.
    pub(super) p95_ms: f64,
    /// Wait over wait and lease (0 to 1).
    pub(super) ratio: f64,
    /// Milliseconds waited per second of the pool's window.
    pub(super) ms_per_sec: f64,
}

impl PermitWait {
    /// The wait of a replay, or the name of what was not recorded.
    pub(super) fn of(facts: &Facts<'_>, replay: &ReplayPool) -> Result<Self, String> {
        let wait = replay.permit_wait_ms;
        let wait = wait.ok_or("the wait for a connection was not recorded")?;
        let lease = replay.lease_ms;
        let lease = lease.ok_or("the time of leases was not recorded")?;
        let total = |s: Summary| s.mean * s.count as f64;
        let (waited, leased) = (total(wait), total(lease));
        let pool = facts.run.pool.as_ref();
        let seconds = pool.map_or(facts.window_sec(), |p| p.length.secs());
        Ok(Self {
            mean_ms: wait.mean,
            p95_ms: wait.p95,
            ratio: waited / (waited + leased).max(f64::MIN_POSITIVE),
            ms_per_sec: waited / seconds.max(f64::MIN_POSITIVE),
        })
    }

    /// Such as `requests wait 45.0 ms (75 %) for one of 3 connections`.
    pub(super) fn words(&self, replay: &ReplayPool) -> String {
        let what = match replay.pool_size {
            1 => "the only connection".to_owned(),
            size => format!("one of {size} connections"),
        };
        format!(
            "requests wait {:.1} ms ({:.0} %) for {what}",
            self.mean_ms,
            100.0 * self.ratio
        )
    }

    /// How the acquires went, for the detail.
    pub(super) fn acquires(&self, replay: &ReplayPool) -> String {
        format!(
            "{} of {} acquires waited and {} timed out, 95 % of the waits are below {:.1} ms",
            replay.waited, replay.acquires, replay.timed_out, self.p95_ms
        )
    }
}

/// The processors beside the verdict, where both are known.
pub(super) fn processors(facts: &Facts<'_>) -> String {
    let time = facts.waits().ok();
    match time.zip(facts.cores().ok()) {
        Some((time, cores)) => format!(
            "{:.1} sessions were active on average on {cores} cores",
            time.average_active_sessions
        ),
        None => "how busy the server's cores were is not known".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::{database_time, pool_case};
    use crate::record::Millis;
    use crate::record::pool::PoolRecord;

    #[test]
    fn the_wait_is_a_share_of_wait_and_lease() {
        // 6000 acquires wait 9 ms each and lease for 20 ms.
        let mut case = pool_case("too-small");
        let replay = case.conclusions.pool.clone().unwrap().replay.unwrap();
        let wait = PermitWait::of(&case.facts(), &replay).unwrap();
        assert!((wait.ratio - 9.0 / 29.0).abs() < 1e-9);
        assert!((wait.ms_per_sec - 900.0).abs() < 1e-9, "in 60 s");
        assert_eq!(
            wait.words(&replay),
            "requests wait 9.0 ms (31 %) for one of 4 connections"
        );
        let alone = ReplayPool {
            pool_size: 1,
            ..replay.clone()
        };
        assert_eq!(
            wait.words(&alone),
            "requests wait 9.0 ms (31 %) for the only connection"
        );
        case.run.pool = Some(PoolRecord {
            length: Millis(30_000.0),
            ..PoolRecord::default()
        });
        let wait = PermitWait::of(&case.facts(), &replay).unwrap();
        let of_the_pool = (wait.ms_per_sec - 1_800.0).abs() < 1e-9;
        assert!(of_the_pool, "the pool's window leaves the warm-up out");
    }

    #[test]
    fn processors_that_are_not_known_are_said() {
        let mut case = pool_case("too-small");
        assert!(processors(&case.facts()).contains("not known"));
        case.conclusions.database_time = Some(database_time(1.25, &[]));
        assert_eq!(
            processors(&case.facts()),
            "1.2 sessions were active on average on 4 cores"
        );
    }
}
