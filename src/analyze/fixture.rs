//! Small hand-written facts for the tests of this room.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::record::database::StatDatabase;
use crate::record::indexes::{IndexFacts, IndexWindow, StatUserIndex, StatioUserIndex};
use crate::record::run::{Host, RunMeta};
use crate::record::server::{Privileges, Server, ServerLife, Setting};
use crate::record::statements::{
    StatementCounters, StatementDelta, StatementKey, StatementText, StatementWindow,
};
use crate::record::tables::{ColumnFacts, StatUserTable, TableFacts};
use crate::record::what_if::ColumnStats;
use crate::record::{Bytes, Millis, QueryId, Run, Span};

/// 2026-11-23 16:00 UTC, and seconds after it.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_449_600 + second).unwrap()
}

/// A run of 60 s on a PostgreSQL 15 with 4 cores in which nothing was read.
pub(crate) fn run() -> Run {
    let meta = RunMeta {
        run_id: "test".to_owned(),
        started_at: at(0),
        ended_at: at(60),
        window: Millis(60_000.0),
        since: None,
        dbperf_version: "0".to_owned(),
        command: "dbperf analyze".to_owned(),
        interrupted: false,
        lab: false,
        load_command: None,
    };
    Run {
        server: Some(server()),
        life: vec![life(0), life(60)],
        ..Run::of(meta, Host::default())
    }
}

fn server() -> Server {
    Server {
        address: "localhost:5432/app".to_owned(),
        target_source: "argument".to_owned(),
        version: "15.18".to_owned(),
        version_num: 150_018,
        system_identifier: Some("7".to_owned()),
        database: "app".to_owned(),
        database_oid: 5,
        size_bytes: Some(Bytes(1 << 30)),
        in_recovery: false,
        tls: false,
        protection: None,
        connection_warnings: Vec::new(),
        extensions: BTreeMap::new(),
        extension_default_versions: BTreeMap::new(),
        settings: BTreeMap::new(),
        privileges: Privileges {
            role: "dbperf".to_owned(),
            superuser: false,
            read_all_stats: true,
            read_all_settings: true,
            read_all_data: false,
        },
        through_pooler: None,
        cores: Some(4),
        round_trip: Some(Millis(0.2)),
        role_names: BTreeMap::from([(10, "app".to_owned())]),
        database_names: BTreeMap::from([(5, "app".to_owned())]),
        connection_limits: None,
    }
}

/// Statistics that have run for 60 days.
fn life(second: i64) -> ServerLife {
    ServerLife {
        at: at(second),
        postmaster_start_time: at(-60 * 86_400),
        system_identifier: Some("7".to_owned()),
        timeline_id: Some(1),
        in_recovery: false,
        bgwriter_stats_reset: Some(at(-60 * 86_400)),
        database_stats_reset: None,
        statements_stats_reset: None,
        statements_dealloc: Some(0),
    }
}

/// Sets a server setting.
pub(crate) fn set(run: &mut Run, name: &str, value: &str) {
    let setting = Setting {
        reset_val: value.to_owned(),
        unit: None,
        source: "default".to_owned(),
        pending_restart: false,
    };
    let server = run.server.as_mut().unwrap();
    server.settings.insert(name.to_owned(), setting);
}

/// Rows at both ends of the window.
pub(crate) fn span<T>(first: Vec<T>, last: Vec<T>) -> Span<T> {
    Span {
        first_at: Millis(0.0),
        first,
        last_at: Millis(60_000.0),
        last,
    }
}

/// A statement of role 10 in database 5.
pub(crate) fn delta(id: i64, calls: i64, total_exec_ms: f64) -> StatementDelta {
    StatementDelta {
        key: StatementKey {
            userid: 10,
            dbid: 5,
            queryid: QueryId(id),
            toplevel: Some(true),
        },
        counters: StatementCounters {
            calls,
            rows: calls,
            total_exec_time: Millis(total_exec_ms),
            ..StatementCounters::default()
        },
        stddev_exec_time: Some(Millis(0.0)),
        partial: false,
        stats_since: None,
    }
}

/// A window with a text for every delta: `select * from tasks where id = $<queryid>`.
pub(crate) fn statement_window(deltas: Vec<StatementDelta>) -> StatementWindow {
    let texts = deltas.iter().map(|d| {
        let id = d.key.queryid.0;
        let query = format!("select * from tasks where id = ${id}");
        let text = StatementText {
            query,
            fingerprint: None,
        };
        (id, text)
    });
    StatementWindow {
        extension_version: "1.10".to_owned(),
        texts: texts.collect(),
        deltas,
        covered_ratio: 1.0,
        ..StatementWindow::default()
    }
}

/// Database 5 with every counter at zero.
pub(crate) fn stat_database() -> StatDatabase {
    StatDatabase {
        datid: 5,
        datname: Some("app".to_owned()),
        numbackends: 1,
        xact_commit: 0,
        xact_rollback: 0,
        blks_read: 0,
        blks_hit: 0,
        tup_returned: 0,
        tup_fetched: 0,
        tup_inserted: 0,
        tup_updated: 0,
        tup_deleted: 0,
        conflicts: 0,
        temp_files: 0,
        temp_bytes: 0,
        deadlocks: 0,
        blk_read_time: Millis(0.0),
        blk_write_time: Millis(0.0),
        session_time: Some(Millis(0.0)),
        active_time: Some(Millis(0.0)),
        idle_in_transaction_time: Some(Millis(0.0)),
        sessions: Some(0),
        sessions_abandoned: Some(0),
        sessions_fatal: Some(0),
        sessions_killed: Some(0),
        stats_reset: None,
    }
}

/// A table of 100 000 rows and 50 MB with the columns `id int`, `a int`, `b int`, `name text`.
pub(crate) fn table(relid: u32, name: &str) -> TableFacts {
    let column = |attnum, attname: &str, type_name: &str| ColumnFacts {
        attnum,
        attname: attname.to_owned(),
        type_name: type_name.to_owned(),
        not_null: true,
        stattarget: None,
    };
    TableFacts {
        relid,
        schemaname: "public".to_owned(),
        relname: name.to_owned(),
        relkind: "r".to_owned(),
        reltuples: 100_000.0,
        relpages: 6_400,
        reloptions: Vec::new(),
        parent: None,
        partition_key: None,
        size_bytes: Some(Bytes(50 << 20)),
        columns: vec![
            column(1, "id", "integer"),
            column(2, "a", "integer"),
            column(3, "b", "integer"),
            column(4, "name", "text"),
        ],
    }
}

/// Counters of a table of 100 000 live rows that lives: rows come, change and go.
pub(crate) fn table_stats(relid: u32, name: &str) -> StatUserTable {
    StatUserTable {
        relid,
        schemaname: "public".to_owned(),
        relname: name.to_owned(),
        seq_scan: 0,
        seq_tup_read: 0,
        idx_scan: Some(0),
        idx_tup_fetch: Some(0),
        n_tup_ins: 50_000,
        n_tup_upd: 50_000,
        n_tup_del: 10_000,
        n_tup_hot_upd: 0,
        n_tup_newpage_upd: None,
        n_live_tup: 100_000,
        n_dead_tup: 0,
        n_mod_since_analyze: 0,
        last_vacuum: None,
        last_autovacuum: Some(at(-3600)),
        last_analyze: None,
        last_autoanalyze: Some(at(-3600)),
    }
}

/// A plain btree index of 20 MB on the attributes `keys`.
pub(crate) fn index(oid: u32, relid: u32, name: &str, keys: &[i16]) -> IndexFacts {
    IndexFacts {
        indexrelid: oid,
        indrelid: relid,
        schemaname: "public".to_owned(),
        relname: "tasks".to_owned(),
        indexrelname: name.to_owned(),
        relkind: "i".to_owned(),
        amname: "btree".to_owned(),
        indnkeyatts: i16::try_from(keys.len()).unwrap(),
        indkey: keys.to_vec(),
        indclass: keys.iter().map(|_| 1978).collect(),
        indcollation: keys.iter().map(|_| 0).collect(),
        indoption: keys.iter().map(|_| 0).collect(),
        indisunique: false,
        indisprimary: false,
        indisexclusion: false,
        indimmediate: true,
        indisreplident: false,
        indisclustered: false,
        indisvalid: true,
        indisready: true,
        indnullsnotdistinct: Some(false),
        expressions: None,
        predicate: None,
        reloptions: Vec::new(),
        constraint_name: None,
        parent: None,
        definition: format!("CREATE INDEX {name} ON public.tasks USING btree (x)"),
        size_bytes: Some(Bytes(20 << 20)),
        building: false,
        builds_hidden: false,
        reltuples: 100_000.0,
        relpages: 2_560,
        tablespace: None,
        stat_targets: Vec::new(),
        has_comment: false,
        extension_owned: false,
    }
}

/// Scans of an index.
pub(crate) fn scans(oid: u32, name: &str, idx_scan: i64) -> StatUserIndex {
    StatUserIndex {
        relid: 1,
        indexrelid: oid,
        schemaname: "public".to_owned(),
        relname: "tasks".to_owned(),
        indexrelname: name.to_owned(),
        idx_scan,
        idx_tup_read: idx_scan,
        idx_tup_fetch: idx_scan,
        last_idx_scan: None,
    }
}

/// An index that every write of the table has touched.
fn touched(oid: u32) -> StatioUserIndex {
    StatioUserIndex {
        indexrelid: oid,
        idx_blks_read: 0,
        idx_blks_hit: 1_000_000,
    }
}

/// A run with one table, `tasks`, and these indexes with their scans at the end of the window;
/// nothing was scanned inside it, no standby exists.
pub(crate) fn run_with_indexes(indexes: Vec<(IndexFacts, i64)>) -> Run {
    let mut run = run();
    let rows: Vec<_> = indexes
        .iter()
        .map(|(i, n)| scans(i.indexrelid, &i.indexrelname, *n))
        .collect();
    let blocks: Vec<_> = indexes.iter().map(|(i, _)| touched(i.indexrelid)).collect();
    run.indexes = IndexWindow {
        stat_user_indexes: Some(span(rows.clone(), rows)),
        statio_user_indexes: Some(span(blocks.clone(), blocks)),
        facts: Some(indexes.into_iter().map(|(i, _)| i).collect()),
        foreign_keys: Some(Vec::new()),
        standbys: Vec::new(),
        standbys_not_asked: Some(0),
        standbys_not_asked_names: Vec::new(),
        standbys_unread: Vec::new(),
        slots_away: Vec::new(),
        saved: Vec::new(),
        hidden: None,
    };
    run.tables.facts = Some(vec![table(1, "tasks")]);
    let stats = vec![table_stats(1, "tasks")];
    run.tables.stat_user_tables = Some(span(stats.clone(), stats));
    run
}

/// A replay of `app.sql` without any operation.
pub(crate) fn load_result() -> crate::record::load::LoadResult {
    use crate::record::load::{Arrival, LoadResult, LoadSource, Operation, PercentileMethod};
    LoadResult {
        source: LoadSource {
            tool: "dbperf replay".to_owned(),
            version: None,
            files: vec!["app.sql".to_owned()],
            arrival: Arrival::Closed,
            percentile_method: PercentileMethod::Histogram,
            warnings: Vec::new(),
            ..LoadSource::default()
        },
        length: Some(Millis(60_000.0)),
        started_at: None,
        ended_at: None,
        total: Operation::default(),
        operations: Vec::new(),
        intervals: Vec::new(),
        stages: Vec::new(),
        driver_saturated: None,
        driver_cpu_ratio: None,
        driver: None,
    }
}

/// Statistics of a column that is never NULL and as wide as its type, or else 10 bytes.
pub(crate) fn column_stats(
    attrelid: u32,
    attnum: i16,
    attname: &str,
    attlen: i16,
    attalign: &str,
) -> ColumnStats {
    ColumnStats {
        attrelid,
        attname: attname.to_owned(),
        attnum,
        attlen: Some(attlen),
        attalign: Some(attalign.to_owned()),
        bytewise: None,
        relallvisible: 0,
        n_distinct: Some(-1.0),
        null_frac: Some(0.0),
        avg_width: Some(if attlen > 0 { i32::from(attlen) } else { 10 }),
    }
}
