//! Small facts of health for tests.

use crate::analyze::fixture::at;
use crate::record::health::{HealthWindow, OpenTransaction, Sequence};

/// Everything was read at the end of a window of 60 s, and nothing is there.
pub(crate) fn window() -> HealthWindow {
    HealthWindow {
        read_at: Some(at(60)),
        databases: Some(Vec::new()),
        oldest_tables: Some(Vec::new()),
        transactions: Some(Vec::new()),
        hidden_sessions: 0,
        prepared: Some(Vec::new()),
        vacuums: Some(Vec::new()),
        sequences: Some(Vec::new()),
        not_validated: Some(Vec::new()),
        prepared_blockers: Vec::new(),
        bloat: Some(Vec::new()),
        bloat_left_out: 0,
        index_bloat: Some(Vec::new()),
        standbys: Vec::new(),
    }
}

/// An active client session of database `app` whose transaction began at a second of the window.
pub(crate) fn open(pid: i32, application: &str, second: i64) -> OpenTransaction {
    OpenTransaction {
        pid,
        datname: Some("app".to_owned()),
        usename: Some("app".to_owned()),
        application_name: application.to_owned(),
        backend_type: "client backend".to_owned(),
        state: Some("active".to_owned()),
        xact_start: Some(at(second)),
        state_change: Some(at(second)),
        xid_age: None,
        xmin_age: Some(1),
        query_id: None,
        query: None,
    }
}

/// `public.ids`, from 1 up to the largest bigint, which nobody takes from.
pub(crate) fn sequence(last_value: i64) -> Sequence {
    Sequence {
        relid: 1,
        schemaname: "public".to_owned(),
        relname: "ids".to_owned(),
        seqmin: 1,
        seqmax: i64::MAX,
        seqincrement: 1,
        seqcycle: false,
        readable: true,
        value_read: true,
        last_value: Some(last_value),
        columns: Vec::new(),
    }
}
