//! What is said of an index's use, from small facts.

use super::*;
use crate::analyze::conclusions::{Evidence, IndexVerdict};
use crate::analyze::fixture::{at, index, load_result, run_with_indexes, scans};
use crate::analyze::indexes::{Judged, judge};
use crate::record::Bytes;
use crate::record::indexes::{ForeignKey, NodeIndexScans, SavedIndex, SavedScans};
use crate::record::replication::{ReplicationWindow, Slot};

fn run() -> Run {
    run_with_indexes(vec![(index(1, 1, "i", &[2]), 0)])
}

fn one(run: &Run) -> Judged {
    judge(run).unwrap().remove(0)
}

fn facts(run: &mut Run) -> &mut IndexFacts {
    &mut run.indexes.facts.as_mut().unwrap()[0]
}

#[test]
fn an_index_that_nobody_scanned_for_long_is_unused() {
    let judged = one(&run());
    assert_eq!(judged.index.verdict, IndexVerdict::DropUnused);
    assert_eq!(
        judged.index.remediation_sql.as_deref(),
        Some("DROP INDEX CONCURRENTLY public.i;")
    );
    assert!(
        judged.index.reason.contains("60 days"),
        "{}",
        judged.index.reason
    );
    assert!(judged.doubts.is_empty());
}

#[test]
fn purposes_that_no_scan_counts_protect() {
    let changes: [fn(&mut IndexFacts); 6] = [
        |i| i.constraint_name = Some("c".to_owned()),
        |i| i.indisunique = true,
        |i| i.indisexclusion = true,
        |i| i.indisreplident = true,
        |i| i.extension_owned = true,
        |i| i.parent = Some(9),
    ];
    for change in changes {
        let mut run = run();
        change(facts(&mut run));
        let judged = one(&run);
        assert_eq!(
            judged.index.verdict,
            IndexVerdict::Keep,
            "{}",
            judged.index.reason
        );
        assert!(matches!(judged.usage, Usage::Protected(_)));
    }
}

/// A standby `s1` whose counters began so many days ago.
fn standby(days: i64, idx_scan: i64) -> NodeIndexScans {
    let mut life = run().life[1].clone();
    life.in_recovery = true;
    life.database_stats_reset = Some(at(-days * 86_400));
    NodeIndexScans {
        node: "s1".to_owned(),
        rows: vec![scans(1, "i", idx_scan)],
        life: Some(life),
        application_name: Some("walreceiver".to_owned()),
    }
}

#[test]
fn standbys_are_asked_or_nothing_is_said() {
    let mut run = run();
    run.indexes.standbys_not_asked = Some(1);
    assert!(matches!(one(&run).usage, Usage::Unknown(r) if r.contains("--replica")));
    run.indexes.standbys_not_asked = None;
    assert!(matches!(one(&run).usage, Usage::Unknown(_)));
    run.indexes.standbys_not_asked = Some(0);
    run.indexes.standbys.push(standby(50, 4));
    assert!(matches!(one(&run).usage, Usage::Protected(r) if r.contains("s1")));
    run.indexes.standbys[0] = standby(50, 0);
    let judged = one(&run).index;
    assert_eq!(judged.verdict, IndexVerdict::DropUnused);
    assert_eq!(
        judged.reason,
        "never scanned: 60 days on the primary, 50 days on the standby s1"
    );
    run.indexes.standbys_unread = vec!["index scans of s2: no connection".to_owned()];
    assert!(matches!(one(&run).usage, Usage::Unknown(r) if r.contains("s2")));
}

#[test]
fn the_youngest_counters_of_all_nodes_decide() {
    let mut run = run();
    run.indexes.standbys.push(standby(2, 0));
    assert!(matches!(one(&run).usage, Usage::NotByWorkload(r) if r.contains("2.0 days only")));
    run.indexes.standbys[0].life = None;
    assert!(matches!(one(&run).usage, Usage::Unknown(r) if r.contains("s1")));
    run.indexes.standbys[0] = standby(50, 0);
    run.indexes.standbys[0].rows.clear();
    assert!(
        matches!(one(&run).usage, Usage::Unknown(_)),
        "it lacks the index"
    );
}

/// What a run saved so many days ago, whose counters then covered 20 days, found of the index.
fn saved(days_ago: i64, standby: Option<&str>, idx_scan: i64) -> SavedScans {
    SavedScans {
        run_id: "old".to_owned(),
        standby: standby.map(str::to_owned),
        application_name: standby.map(|_| "walreceiver".to_owned()),
        since: Some(at(-(days_ago + 20) * 86_400)),
        until: at(-days_ago * 86_400),
        workload: None,
        rows: vec![SavedIndex {
            schemaname: "public".to_owned(),
            indexrelname: "i".to_owned(),
            definition: index(1, 1, "i", &[2]).definition,
            idx_scan,
        }],
    }
}

#[test]
fn saved_runs_lengthen_the_evidence_or_refute_it() {
    let mut run = run();
    run.life[1].database_stats_reset = Some(at(-3 * 86_400));
    run.indexes.saved = vec![saved(5, None, 0)];
    let judged = one(&run);
    assert_eq!(
        judged.index.reason,
        "never scanned: 23 days on the primary (with 1 saved run)"
    );
    assert_eq!(judged.index.verdict, IndexVerdict::DropUnused);
    run.indexes.saved = vec![saved(5, None, 2)];
    assert!(
        matches!(one(&run).usage, Usage::Protected(r) if r.contains("2 times on the primary, by the saved run old"))
    );
    run.indexes.saved = vec![saved(5, None, 0)];
    run.indexes.saved[0].rows[0].definition.push('x');
    assert!(
        matches!(one(&run).usage, Usage::NotByWorkload(_)),
        "it was another index then"
    );
    run.indexes.saved = vec![saved(200, None, 0)];
    assert!(
        matches!(one(&run).usage, Usage::NotByWorkload(_)),
        "too long ago"
    );
}

#[test]
fn a_saved_run_of_the_standby_stands_for_asking_it_for_some_days() {
    let mut run = run();
    run.indexes.standbys_not_asked = Some(1);
    run.indexes.standbys_not_asked_names = vec!["walreceiver".to_owned()];
    run.indexes.saved = vec![saved(1, Some("s1"), 0)];
    let reason = one(&run).index.reason;
    assert!(reason.contains("20 days on the standby s1"), "{reason}");
    run.indexes.saved = vec![saved(8, Some("s1"), 0)];
    assert!(matches!(one(&run).usage, Usage::Unknown(_)));
    run.indexes.saved = vec![saved(1, Some("s1"), 0)];
    run.indexes.standbys_not_asked_names = vec!["another".to_owned()];
    assert!(matches!(one(&run).usage, Usage::Unknown(_)));
}

#[test]
fn an_index_younger_than_the_counters_is_not_unused() {
    let mut run = run();
    // The table had 100 000 entries to add.
    let blocks = run.indexes.statio_user_indexes.as_mut().unwrap();
    blocks.last[0].idx_blks_hit = 80_000;
    assert!(matches!(one(&run).usage, Usage::NotByWorkload(r) if r.contains("younger")));
    // A saved run of ten days ago had it already.
    run.indexes.saved = vec![saved(10, None, 0)];
    assert_eq!(one(&run).index.verdict, IndexVerdict::DropUnused);
    run.indexes.saved.clear();
    run.indexes.statio_user_indexes = None;
    assert!(one(&run).doubts[0].contains("as old as the counters"));
}

#[test]
fn other_uses_and_nodes_that_are_away_weaken() {
    let mut run = run();
    facts(&mut run).expressions = Some("lower(name)".to_owned());
    assert!(one(&run).doubts[0].contains("statistics of its expression"));
    facts(&mut run).expressions = None;
    run.replication = Some(ReplicationWindow {
        slots: Some(vec![Slot {
            slot_name: "away".to_owned(),
            slot_type: "physical".to_owned(),
            active: false,
            restart_lsn: None,
            wal_status: None,
            safe_wal_size: None,
            database: None,
            active_pid: None,
            xmin_age: None,
            catalog_xmin_age: None,
            inactive_since: None,
        }]),
        ..ReplicationWindow::default()
    });
    assert!(one(&run).doubts[0].contains("slot away"));
    // A look without a window watches no replication, and reads the slots all the same.
    run.replication = None;
    assert_eq!(one(&run).doubts, [""; 0]);
    run.indexes.slots_away = vec!["gone".to_owned()];
    assert!(one(&run).doubts[0].contains("slot gone"));
}

#[test]
fn young_counters_are_no_reason() {
    let mut run = run();
    run.life[1].database_stats_reset = Some(at(-3 * 86_400));
    let judged = one(&run);
    assert_eq!(judged.index.verdict, IndexVerdict::Keep);
    assert!(matches!(judged.usage, Usage::NotByWorkload(r) if r.contains("3.0 days only")));
    run.life[1].database_stats_reset = Some(at(-20 * 86_400));
    assert!(one(&run).doubts[0].contains("monthly"));
}

#[test]
fn a_loaded_table_says_nothing() {
    let mut run = run();
    let stats = run.tables.stat_user_tables.as_mut().unwrap();
    stats.last[0].n_tup_ins = 100_000;
    stats.last[0].n_tup_upd = 0;
    stats.last[0].n_tup_del = 0;
    assert!(matches!(one(&run).usage, Usage::Protected(r) if r.contains("loaded")));
    run.tables.stat_user_tables = None;
    assert!(matches!(one(&run).usage, Usage::Unknown(_)));
}

#[test]
fn the_only_index_of_a_foreign_key_stays_and_a_small_one_is_no_gain() {
    let mut run = run();
    run.indexes.foreign_keys = Some(vec![ForeignKey {
        conname: "fk".to_owned(),
        conrelid: 1,
        confrelid: 2,
        conkey: vec![2],
        confkey: vec![1],
        conindid: 0,
        conparentid: 0,
    }]);
    assert!(matches!(one(&run).usage, Usage::Protected(r) if r.contains("foreign key fk")));
    run.indexes.foreign_keys = Some(Vec::new());
    facts(&mut run).size_bytes = Some(Bytes(5 << 20));
    assert!(matches!(one(&run).usage, Usage::Small(_)));
}

#[test]
fn a_lab_reports_with_a_workload_and_without_sql() {
    let mut run = run();
    run.meta.lab = true;
    run.life[1].database_stats_reset = Some(at(0));
    assert!(matches!(one(&run).usage, Usage::Unknown(_)), "nothing ran");
    run.replay = Some(load_result());
    let judged = one(&run);
    assert_eq!(judged.index.verdict, IndexVerdict::DropUnused);
    assert_eq!(judged.index.evidence, Evidence::RuleOfThumb);
    assert_eq!(judged.index.remediation_sql, None);
    let reason = &judged.index.reason;
    assert!(
        reason.contains("app.sql in 60 s") && reason.contains("7 days"),
        "{reason}"
    );
    let stats = run.indexes.stat_user_indexes.as_mut().unwrap();
    stats.last[0].idx_scan = 3;
    assert_eq!(one(&run).usage, Usage::Used { scans: 3 });
}

#[test]
fn an_index_idle_in_this_run_is_named_with_the_workload() {
    let mut run = run_with_indexes(vec![(index(1, 1, "i", &[2]), 70)]);
    assert_eq!(one(&run).usage, Usage::Used { scans: 70 });
    run.replay = Some(load_result());
    let Usage::NotByWorkload(reason) = one(&run).usage else {
        panic!("expected NotByWorkload");
    };
    assert!(reason.contains("app.sql in 60 s") && reason.contains("70 times"));
}
