//! The statements of the window by their share of its execution time.
//!
//! Only arithmetic on the deltas of `pg_stat_statements`; what a plan says is read in
//! [`super::plans`], what is worth a finding is decided in [`super::rules`].

use std::collections::{BTreeMap, HashMap};

use crate::record::database::StatDatabase;
use crate::record::server::Server;
use crate::record::statements::{StatementDelta, StatementWindow};
use crate::record::{QueryId, Ratio, Run, Span};

use super::conclusions::{Plan, Statement, StatementsCoverage};
use super::plans;

/// All statements with a call in the window, most execution time first, and what they add up to.
/// Both are `None` where `pg_stat_statements` was not read.
///
/// Shares are of the execution time of top-level statements: a statement inside a function is
/// counted in its caller already, so its own share is an "of which".
#[must_use]
pub fn conclude(run: &Run) -> (Option<Vec<Statement>>, Option<StatementsCoverage>) {
    let Some(window) = &run.statements else {
        return (None, None);
    };
    let total = top_level(&window.deltas)
        .map(|d| d.counters.total_exec_time.0)
        .sum();
    let plans = plans_by_id(run);
    let mut statements: Vec<Statement> = window
        .deltas
        .iter()
        .map(|delta| statement(delta, window, run.server.as_ref(), total, &plans))
        .collect();
    statements.sort_by(|a, b| b.total_exec_ms.total_cmp(&a.total_exec_ms));
    let coverage = StatementsCoverage {
        total_exec_ms: total,
        calls: top_level(&window.deltas).map(|d| d.counters.calls).sum(),
        entries: window.deltas.len() as u64,
        covered_ratio: window.covered_ratio,
        exec_over_active_ratio: exec_over_active(run, window),
        evicted: window.evicted,
        hidden_rows: window.hidden_rows,
    };
    (Some(statements), Some(coverage))
}

/// Entries that are not inside another one. Before extension 1.9 the view does not say, and with
/// the default `pg_stat_statements.track = top` every entry is one.
fn top_level(deltas: &[StatementDelta]) -> impl Iterator<Item = &StatementDelta> {
    deltas.iter().filter(|d| d.key.toplevel != Some(false))
}

fn plans_by_id(run: &Run) -> HashMap<QueryId, Plan> {
    plans::best_records(run)
        .into_iter()
        .map(|(id, record)| (id, plans::conclude(record, run)))
        .collect()
}

fn statement(
    delta: &StatementDelta,
    window: &StatementWindow,
    server: Option<&Server>,
    total: f64,
    plans: &HashMap<QueryId, Plan>,
) -> Statement {
    let counters = &delta.counters;
    let text = window.texts.get(&delta.key.queryid.0);
    let measured = |setting| server.and_then(|s| s.setting_on(setting)) == Some(true);
    let name = |names: fn(&Server) -> &BTreeMap<u32, String>, oid| {
        server.and_then(|s| names(s).get(&oid)).cloned()
    };
    Statement {
        query_id: delta.key.queryid.to_string(),
        fingerprint: text.and_then(|t| t.fingerprint.clone()),
        query: text.map_or_else(|| "<text not read>".to_owned(), |t| t.query.clone()),
        user: name(|s| &s.role_names, delta.key.userid),
        database: name(|s| &s.database_names, delta.key.dbid),
        toplevel: delta.key.toplevel,
        calls: counters.calls,
        rows: counters.rows,
        total_exec_ms: counters.total_exec_time.0,
        mean_exec_ms: delta.mean_exec_time().map(|m| m.0),
        stddev_exec_ms: delta.stddev_exec_time.map(|m| m.0),
        total_plan_ms: measured("pg_stat_statements.track_planning")
            .then_some(counters.total_plan_time.0),
        shared_blks_hit: counters.shared_blks_hit,
        shared_blks_read: counters.shared_blks_read,
        blk_read_ms: measured("track_io_timing").then_some(counters.shared_blk_read_time.0),
        temp_blks_written: counters.temp_blks_written,
        wal_bytes: counters.wal_bytes,
        share_ratio: Ratio::of(counters.total_exec_time.0, total).map(|r| r.0),
        statistics_reset: delta.partial,
        plan: plans.get(&delta.key.queryid).cloned(),
    }
}

/// Σ execution time of all entries (dbperf's own included, since they are active too) over
/// Δ`pg_stat_database.active_time` of the databases that both views know. Below 1, statements are
/// missing: failed ones, evicted ones, or time spent in planning, parsing and waiting for the
/// client. `None` before PostgreSQL 14 or where a counter was reset.
fn exec_over_active(run: &Run, window: &StatementWindow) -> Option<f64> {
    let active = active_time_by_database(run.database.stat_database.as_ref()?)?;
    let mut exec = 0.0;
    let mut databases = std::collections::BTreeSet::new();
    for delta in top_level(&window.deltas).chain(top_level(&window.own)) {
        if active.contains_key(&delta.key.dbid) {
            exec += delta.counters.total_exec_time.0;
            databases.insert(delta.key.dbid);
        }
    }
    let busy: f64 = databases.iter().filter_map(|d| active.get(d)).sum();
    Ratio::of(exec, busy).map(|r| r.0)
}

fn active_time_by_database(span: &Span<StatDatabase>) -> Option<BTreeMap<u32, f64>> {
    let mut active = BTreeMap::new();
    for last in span.last.iter().filter(|row| row.datid != 0) {
        let Some(first) = span.first.iter().find(|row| row.datid == last.datid) else {
            continue;
        };
        let delta = last.active_time?.0 - first.active_time?.0;
        if delta < 0.0 || first.stats_reset != last.stats_reset {
            return None;
        }
        active.insert(last.datid, delta);
    }
    Some(active)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture;
    use crate::record::Millis;

    #[test]
    fn nothing_read_is_nothing_concluded() {
        assert_eq!(conclude(&fixture::run()), (None, None));
    }

    #[test]
    fn statements_are_sorted_and_share_the_top_level_time() {
        let mut run = fixture::run();
        let mut window = fixture::statement_window(vec![
            fixture::delta(1, 10, 100.0),
            fixture::delta(2, 5, 300.0),
        ]);
        let mut nested = fixture::delta(3, 5, 200.0);
        nested.key.toplevel = Some(false);
        window.deltas.push(nested);
        run.statements = Some(window);
        let (statements, coverage) = conclude(&run);
        let statements = statements.unwrap();
        let ids: Vec<_> = statements.iter().map(|s| s.query_id.as_str()).collect();
        assert_eq!(ids, ["2", "3", "1"]);
        assert_eq!(statements[0].share_ratio, Some(0.75));
        assert_eq!(statements[0].mean_exec_ms, Some(60.0));
        assert_eq!(statements[0].user.as_deref(), Some("app"));
        let coverage = coverage.unwrap();
        assert!((coverage.total_exec_ms - 400.0).abs() < 1e-9);
        assert_eq!((coverage.calls, coverage.entries), (15, 3));
        assert_eq!(coverage.exec_over_active_ratio, None);
    }

    #[test]
    fn what_the_server_does_not_track_is_absent_and_not_zero() {
        let mut run = fixture::run();
        run.statements = Some(fixture::statement_window(vec![fixture::delta(1, 1, 1.0)]));
        fixture::set(&mut run, "track_io_timing", "off");
        fixture::set(&mut run, "pg_stat_statements.track_planning", "off");
        let row = |run: &Run| conclude(run).0.unwrap().remove(0);
        assert_eq!(
            (row(&run).blk_read_ms, row(&run).total_plan_ms),
            (None, None)
        );
        fixture::set(&mut run, "track_io_timing", "on");
        fixture::set(&mut run, "pg_stat_statements.track_planning", "on");
        assert_eq!(
            (row(&run).blk_read_ms, row(&run).total_plan_ms),
            (Some(0.0), Some(0.0))
        );
    }

    #[test]
    fn coverage_compares_the_same_databases_and_refuses_a_reset() {
        let mut run = fixture::run();
        run.statements = Some(fixture::statement_window(vec![
            fixture::delta(1, 10, 90.0),
            fixture::delta(2, 1, 5.0),
        ]));
        let row = |active: f64| {
            let mut row = fixture::stat_database();
            row.active_time = Some(Millis(active));
            row
        };
        run.database.stat_database = Some(fixture::span(vec![row(50.0)], vec![row(150.0)]));
        let ratio = |run: &Run| conclude(run).1.unwrap().exec_over_active_ratio;
        assert!((ratio(&run).unwrap() - 0.95).abs() < 1e-9);
        run.database.stat_database = Some(fixture::span(vec![row(150.0)], vec![row(50.0)]));
        assert_eq!(ratio(&run), None);
    }
}
