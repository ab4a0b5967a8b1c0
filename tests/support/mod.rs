//! What every test against a real server starts from: servers, a lab of each, a connection.
//!
//! A test says `mod support;`, walks `support::servers()` and starts `support::lab(major, options)`.
//! A version that is not installed is skipped with a line on stderr, unless the variable
//! `DBPERF_TEST_REQUIRE` asks for it (`all`, or numbers as in `13,17`): then the test fails.

#![expect(
    clippy::expect_used,
    reason = "clippy takes these helpers for ordinary code; in a test a failed step is a failed test"
)]

mod command;
mod hypopg;
mod labs;
mod processors;
mod servers;
mod watch;

pub(crate) use command::dbperf;
pub(crate) use hypopg::{Hypopg, hypopg};
pub(crate) use labs::{
    connect, connect_to, database, each_version, guarded, hypopg_lab, lab, left_sessions,
    open_parent, pooled, prepared, published,
};
pub(crate) use processors::{Processors, measured, measured_async};
pub(crate) use servers::{TESTED, oldest_and_newest, required, servers};
pub(crate) use watch::{alone, count, processes, served, setting, value, with_standby};

/// Names everything once: a test that uses only a part of this file is not warned about the rest.
const _: fn() = || {
    let _ = (dbperf, hypopg, hypopg_lab, Hypopg::hides, required);
    let _ = (
        connect,
        connect_to,
        database,
        each_version::<fn(u32) -> std::future::Ready<()>>,
        guarded,
        lab,
        left_sessions,
        oldest_and_newest,
        open_parent,
        pooled,
        prepared,
        published,
        servers,
        TESTED,
    );
    let _ = (
        Processors::busy_since,
        measured::<(), fn()>,
        measured_async::<(), std::future::Ready<()>, fn() -> std::future::Ready<()>>,
    );
    let _ = (
        alone,
        count,
        processes,
        served,
        setting,
        value,
        with_standby,
    );
};
