//! The list of statements, and what it adds up to.

use std::collections::{BTreeMap, HashMap};

use crate::record::database::StatDatabase;
use crate::record::server::Server;
use crate::record::statements::{StatementDelta, StatementWindow};
use crate::record::{QueryId, Ratio, Run, Span};

use super::groups::{Group, groups};
use crate::analyze::conclusions::{Plan, Statement, StatementsCoverage};
use crate::analyze::plans;

/// All statements with a call in the window, the ids of one parse tree as one, most execution time first, and what they add up to.
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
    let statements: Vec<Statement> = groups(window)
        .iter()
        .map(|group| {
            let mut statement = statement(group, window, run.server.as_ref(), total);
            statement.plan = plan(group, &plans);
            weigh(&mut statement, run);
            statement
        })
        .collect();
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

/// Gives the insights of a statement's plan the time that they stand for.
fn weigh(statement: &mut Statement, run: &Run) {
    let window = run.meta.window.secs();
    let taken = plans::Taken {
        share_ratio: statement.share_ratio,
        ms_per_sec: statement.total_exec_ms / window.max(f64::MIN_POSITIVE),
        mean_ms: statement.mean_exec_ms,
    };
    if let Some(plan) = statement.plan.as_mut().filter(|_| window > 0.0) {
        plans::weigh(plan, taken);
    }
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
    group: &Group<'_>,
    window: &StatementWindow,
    server: Option<&Server>,
    total: f64,
) -> Statement {
    let counters = &group.counters;
    let key = group.leading().key;
    let text = window.texts.get(&key.queryid.0);
    let measured = |setting| server.and_then(|s| s.setting_on(setting)) == Some(true);
    let io_timing = measured("track_io_timing");
    let name = |names: fn(&Server) -> &BTreeMap<u32, String>, oid| {
        server.and_then(|s| names(s).get(&oid)).cloned()
    };
    Statement {
        query_id: key.queryid.to_string(),
        query_ids: group.ids().map(|id| id.to_string()).collect(),
        fingerprint: text.and_then(|t| t.fingerprint.clone()),
        query: text.map_or_else(|| "<text not read>".to_owned(), |t| t.query.clone()),
        user: name(|s| &s.role_names, key.userid),
        database: name(|s| &s.database_names, key.dbid),
        toplevel: key.toplevel,
        calls: counters.calls,
        rows: counters.rows,
        total_exec_ms: counters.total_exec_time.0,
        mean_exec_ms: (counters.calls > 0)
            .then(|| counters.total_exec_time.0 / counters.calls as f64),
        stddev_exec_ms: group.stddev_exec_time.map(|m| m.0),
        total_plan_ms: measured("pg_stat_statements.track_planning")
            .then_some(counters.total_plan_time.0),
        shared_blks_hit: counters.shared_blks_hit,
        shared_blks_read: counters.shared_blks_read,
        blk_read_ms: io_timing.then_some(counters.shared_blk_read_time.0),
        shared_blks_dirtied: counters.shared_blks_dirtied,
        temp_blks_written: counters.temp_blks_written,
        temp_blk_ms: counters.temp_blk_time().filter(|_| io_timing).map(|m| m.0),
        wal_bytes: counters.wal_bytes,
        wal_fpi: counters.wal_fpi,
        jit_ms: counters.jit_time().map(|m| m.0),
        parallel_workers_to_launch: counters.parallel_workers_to_launch,
        parallel_workers_launched: counters.parallel_workers_launched,
        share_ratio: Ratio::of(counters.total_exec_time.0, total).map(|r| r.0),
        statistics_reset: group.members.iter().any(|d| d.partial),
        plan: None,
    }
}

/// The plan of the entry with the most time that has one, else the reason why there is none.
fn plan(group: &Group<'_>, plans: &HashMap<QueryId, Plan>) -> Option<Plan> {
    let known = || group.ids().filter_map(|id| plans.get(&id));
    let best = known().find(|plan| plan.text.is_some());
    best.or_else(|| known().next()).cloned()
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
    fn ids_of_one_tree_are_one_row_with_the_plan_of_whichever_has_one() {
        use crate::record::plan::{PlanMode, PlanRecord};
        let mut run = fixture::run();
        let mut window = fixture::statement_window(vec![
            fixture::delta(1, 10, 100.0),
            fixture::delta(2, 5, 300.0),
        ]);
        for text in window.texts.values_mut() {
            text.fingerprint = Some("one tree".to_owned());
        }
        run.statements = Some(window);
        let record = |id, plan: Option<serde_json::Value>| PlanRecord {
            query_id: QueryId(id),
            mode: PlanMode::Generic,
            error: plan.is_none().then(|| "no privilege".to_owned()),
            plan,
        };
        let scan = serde_json::json!({"Plan": {"Node Type": "Result", "Total Cost": 0.01,
            "Plan Rows": 1, "Plan Width": 4}});
        run.plans = vec![record(2, None), record(1, Some(scan))];
        let (statements, coverage) = conclude(&run);
        let [one] = &statements.unwrap()[..] else {
            panic!("one row");
        };
        assert_eq!((one.query_id.as_str(), one.calls), ("2", 15));
        assert_eq!(one.query_ids, ["2", "1"]);
        assert_eq!(one.mean_exec_ms, Some(400.0 / 15.0));
        assert!(one.plan.as_ref().unwrap().text.is_some());
        assert_eq!(coverage.unwrap().entries, 2, "entries of the view");
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
