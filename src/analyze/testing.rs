//! Small facts for the tests of this room.

use jiff::Timestamp;

use crate::record::activity::{ActivitySample, ActivitySeries, SessionSample};
use crate::record::run::{Host, RunMeta};
use crate::record::server::{Privileges, Server, Setting};
use crate::record::{Millis, Run};

/// A run in which nothing was measured.
pub(super) fn run(window: Millis) -> Run {
    let started_at = Timestamp::from_second(1_700_000_000).unwrap();
    let meta = RunMeta {
        run_id: "test".to_owned(),
        started_at,
        ended_at: started_at,
        window,
        since: None,
        dbperf_version: "0".to_owned(),
        command: String::new(),
        interrupted: false,
        lab: false,
        load_command: None,
    };
    Run::of(meta, Host::default())
}

/// A server with some settings and a number of cores.
pub(super) fn server(settings: &[(&str, &str)], cores: Option<u32>) -> Server {
    Server {
        address: "localhost".to_owned(),
        target_source: "argument".to_owned(),
        version: "15.0".to_owned(),
        version_num: 150_000,
        system_identifier: None,
        database: "app".to_owned(),
        database_oid: 5,
        size_bytes: None,
        in_recovery: false,
        tls: false,
        protection: None,
        connection_warnings: Vec::new(),
        extensions: std::collections::BTreeMap::new(),
        extension_default_versions: std::collections::BTreeMap::new(),
        settings: settings
            .iter()
            .map(|(name, value)| {
                let setting = Setting {
                    reset_val: (*value).to_owned(),
                    unit: None,
                    source: "default".to_owned(),
                    pending_restart: false,
                };
                ((*name).to_owned(), setting)
            })
            .collect(),
        privileges: Privileges {
            role: "me".to_owned(),
            superuser: false,
            read_all_stats: true,
            read_all_settings: true,
            read_all_data: true,
        },
        through_pooler: None,
        cores,
        round_trip: None,
        role_names: std::collections::BTreeMap::new(),
        database_names: std::collections::BTreeMap::new(),
        connection_limits: None,
    }
}

/// A client session.
pub(super) fn session(pid: i32, application: &str, state: &str) -> SessionSample {
    SessionSample {
        pid,
        leader_pid: None,
        datname: Some("app".to_owned()),
        usename: None,
        application_name: application.to_owned(),
        backend_type: "client backend".to_owned(),
        state: Some(state.to_owned()),
        wait_event_type: None,
        wait_event: None,
        query_id: None,
        query_start: None,
        xact_start: None,
        state_change: None,
        blocked_by: Vec::new(),
        tags: std::collections::BTreeMap::new(),
        text: None,
    }
}

/// Samples ten times a second.
pub(super) fn activity(samples: impl Iterator<Item = Vec<SessionSample>>) -> ActivitySeries {
    ActivitySeries {
        interval: Millis(100.0),
        samples: samples
            .enumerate()
            .map(|(i, sessions)| ActivitySample {
                at: Millis(100.0 * i as f64),
                sessions,
                ..ActivitySample::default()
            })
            .collect(),
        missed: 0,
        texts: Vec::new(),
    }
}
