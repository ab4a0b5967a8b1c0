//! Who leads by a resource other than time.

use crate::analyze::conclusions::{Statement, StatementLeader};

/// Share of a resource's total from which a statement is worth naming (postgres-mcp selects statements by it).
const WORTH_NAMING: f64 = 0.05;

/// A key of the statements' JSON with what a statement has of it; `None` where it is not measured.
type Resource = (&'static str, fn(&Statement) -> Option<f64>);

const RESOURCES: [Resource; 7] = [
    ("shared_blks_read", |s| Some(s.shared_blks_read as f64)),
    ("blk_read_ms", |s| s.blk_read_ms),
    ("shared_blks_dirtied", |s| {
        Some(s.shared_blks_dirtied as f64)
    }),
    ("temp_blks_written", |s| Some(s.temp_blks_written as f64)),
    ("wal_bytes", |s| Some(s.wal_bytes as f64)),
    ("total_plan_ms", |s| s.total_plan_ms),
    // Squared deviations add up over statements as no deviation does.
    ("stddev_exec_ms", |s| {
        Some(s.calls as f64 * s.stddev_exec_ms?.powi(2))
    }),
];

/// The statement that has most of each resource, where that is a share worth naming. Those inside functions are left
/// out, as their part is in that of their caller.
#[must_use]
pub fn leaders(statements: &[Statement]) -> Vec<StatementLeader> {
    let top_level = || statements.iter().filter(|s| s.toplevel != Some(false));
    let leader = |(key, amount): &Resource| {
        let amounts = || top_level().filter_map(|s| Some((s, amount(s)?)));
        let total: f64 = amounts().map(|(_, amount)| amount).sum();
        let (first, most) = amounts().max_by(|a, b| a.1.total_cmp(&b.1))?;
        let share = most / total;
        (total > 0.0 && share >= WORTH_NAMING).then(|| StatementLeader {
            resource: (*key).to_owned(),
            query_id: first.query_id.clone(),
            user: first.user.clone(),
            database: first.database.clone(),
            share_ratio: share,
        })
    };
    RESOURCES.iter().filter_map(leader).collect()
}

#[cfg(test)]
mod tests {
    use crate::analyze::conclusions::StatementLeader;
    use crate::analyze::{fixture, statements};
    use crate::record::Millis;
    use crate::record::statements::StatementDelta;

    fn leaders(deltas: Vec<StatementDelta>) -> Vec<StatementLeader> {
        let mut run = fixture::run();
        run.statements = Some(fixture::statement_window(deltas));
        super::leaders(&statements::conclude(&run).0.unwrap())
    }

    #[test]
    fn each_resource_has_the_one_that_takes_most_of_it() {
        let mut reader = fixture::delta(1, 10, 10.0);
        reader.counters.shared_blks_read = 900;
        let mut writer = fixture::delta(2, 10, 500.0);
        writer.counters.shared_blks_read = 100;
        writer.counters.wal_bytes = 5_000;
        writer.stddev_exec_time = Some(Millis(3.0));
        let found = leaders(vec![reader, writer]);
        let found: Vec<_> = found
            .iter()
            .map(|l| (l.resource.as_str(), l.query_id.as_str(), l.share_ratio))
            .collect();
        // Times of reads and of planning are not measured, nothing was dirtied, nothing spilled.
        assert_eq!(
            found,
            [
                ("shared_blks_read", "1", 0.9),
                ("wal_bytes", "2", 1.0),
                ("stddev_exec_ms", "2", 1.0)
            ]
        );
    }

    #[test]
    fn a_statement_inside_a_function_leads_nothing_and_a_trifle_is_not_named() {
        let mut inner = fixture::delta(1, 1, 1.0);
        inner.key.toplevel = Some(false);
        inner.counters.wal_bytes = 9_000;
        let even = (2..40).map(|id| {
            let mut delta = fixture::delta(id, 1, 1.0);
            delta.counters.wal_bytes = 100;
            delta
        });
        let all: Vec<_> = even.chain([inner]).collect();
        assert_eq!(leaders(all), []);
    }
}
