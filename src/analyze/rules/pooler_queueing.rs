//! `pooler-queueing`: clients wait in `PgBouncer` for a server connection.

use std::collections::BTreeMap;

use crate::analyze::conclusions::Severity;
use crate::analyze::figures::duration;

use super::draft::Draft;
use super::text::percent;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "pooler-queueing",
    judge,
};

/// One pool over the readings.
#[derive(Default)]
struct Queue {
    /// Readings in which clients waited.
    waited: usize,
    most_waiting: u64,
    longest_ms: f64,
}

fn judge(facts: &Facts<'_>) -> Judgement {
    let window = facts.run.pgbouncer.as_ref();
    let window = window.ok_or_else(|| {
        "PgBouncer's console was not asked (--pgbouncer DSN, if there is one)".to_owned()
    })?;
    if window.samples.is_empty() {
        return Err(facts.missing("pgbouncer"));
    }
    let mut queues: BTreeMap<(&str, &str), Queue> = BTreeMap::new();
    for pool in window.samples.iter().flat_map(|s| &s.pools) {
        let queue = queues.entry((&pool.database, &pool.user)).or_default();
        queue.waited += usize::from(pool.cl_waiting > 0);
        queue.most_waiting = queue.most_waiting.max(pool.cl_waiting);
        queue.longest_ms = queue.longest_ms.max(pool.longest_wait().0);
    }
    let readings = window.samples.len();
    let found = queues.iter().filter_map(|((database, user), queue)| {
        let share = queue.waited as f64 / readings as f64;
        let long = queue.longest_ms >= 1000.0 * t::POOLER_WAIT_SEC;
        let often = share >= t::POOLER_QUEUE_RATIO && readings >= t::POOLER_MIN_SAMPLES;
        (long || often).then(|| fired(facts, &format!("{database}, {user}"), queue, share))
    });
    Ok(found.collect())
}

fn fired(facts: &Facts<'_>, name: &str, queue: &Queue, share: f64) -> Outcome {
    Draft::new(RULE.id, Severity::Warning)
        .about("pool", name)
        .title(&format!(
            "clients waited in PgBouncer's pool of {name} in {} of the readings, for up to {}",
            percent(share),
            duration(queue.longest_ms)
        ))
        .detail(format!(
            "Up to {} clients waited at once. A wait shorter than the time between two readings \
             can be missed, and a client that still waits has waited longer in the end",
            queue.most_waiting
        ))
        .note(
            "first look at the server: where it is saturated, or transactions are held idle, more \
             connections only move the queue. Otherwise raise default_pool_size (or the \
             database's pool_size) within max_connections, and RELOAD; the recommendation of the \
             pool section says how far",
        )
        .fire(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::Case;
    use crate::record::pgbouncer::{PgBouncerWindow, PoolRow, Sample};

    /// Readings of one pool: clients that wait, and how long in microseconds.
    fn case(readings: &[(u64, u64)]) -> Case {
        let sample = |(waiting, micros): &(u64, u64)| Sample {
            pools: vec![PoolRow {
                database: "shop".to_owned(),
                user: "app".to_owned(),
                cl_waiting: *waiting,
                maxwait_us: *micros,
                ..PoolRow::default()
            }],
            ..Sample::default()
        };
        let mut case = Case::new();
        case.run.pgbouncer = Some(PgBouncerWindow {
            samples: readings.iter().map(sample).collect(),
            ..PgBouncerWindow::default()
        });
        case
    }

    #[test]
    fn often_or_long_is_a_warning() {
        let mut often = vec![(0, 0); 95];
        often.extend([(3, 200_000); 5]);
        let finding = case(&often).the_finding(&RULE);
        assert_eq!(finding.subject.name, "shop, app");
        assert!(
            finding
                .title
                .contains("5.0 % of the readings, for up to 200 ms")
        );
        let long = [(0, 0), (1, 1_000_000), (0, 0)];
        case(&long).the_finding(&RULE);
        case(&[(1, 10), (0, 0), (0, 0)]).assert_quiet(&RULE);
        often.pop();
        often.push((0, 0));
        case(&often).assert_quiet(&RULE);
    }

    #[test]
    fn without_its_console_nothing_is_decided() {
        assert!(Case::new().missing_fact(&RULE).contains("--pgbouncer"));
        assert!(case(&[]).missing_fact(&RULE).contains("pgbouncer"));
    }
}
