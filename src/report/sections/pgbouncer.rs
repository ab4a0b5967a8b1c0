//! What PgBouncer says, within the section of connections.

use crate::analyze::conclusions::{
    Conclusions, PgBouncer, PgBouncerDatabase, PgBouncerPool, PgBouncerReplay,
};
use crate::report::doc::{Block, Cell, Column, Section, Table, Tone};
use crate::report::format::{count, duration, number, percent};

/// Rows of a table; more are in the JSON.
const SHOWN: usize = 8;

/// Adds it to the section, or why it is absent where it was asked for.
pub(super) fn add(c: &Conclusions, section: &mut Section) {
    let Some(pooler) = c.pool.as_ref().and_then(|pool| pool.pgbouncer.as_ref()) else {
        let rows = c.coverage.iter();
        let mut asked = rows.filter(|row| row.collector == "pgbouncer");
        if let Some(reason) = asked.find_map(|row| row.reason.as_deref()) {
            section.heading("PgBouncer");
            section.dim(format!("Not measured: {reason}"));
        }
        return;
    };
    section.heading("PgBouncer (its own counters)");
    section.dim(identity(pooler));
    match (&pooler.replay, &pooler.no_replay) {
        (Some(replay), _) => section
            .blocks
            .push(Block::Text(Cell::new(split(replay)).tone(Tone::Strong))),
        (None, Some(reason)) => section.dim(format!(
            "The latency of statements was not split by what PgBouncer measured: {reason}."
        )),
        (None, None) => {}
    }
    for warning in &pooler.warnings {
        let text = format!("Doubtful: {warning}.");
        section
            .blocks
            .push(Block::Text(Cell::new(text).tone(Tone::Warn)));
    }
    databases(&pooler.databases, section);
    pools(pooler, section);
}

fn identity(pooler: &PgBouncer) -> String {
    let name = pooler.version.as_deref().unwrap_or("PgBouncer");
    let setting = |name: &str| pooler.settings.get(name);
    let mode = setting("pool_mode").map(|mode| format!(" in {mode} mode"));
    let size = setting("default_pool_size").map(|size| {
        format!(", at most {size} server connections for each user of a database by default")
    });
    [
        name,
        &mode.unwrap_or_default(),
        &size.unwrap_or_default(),
        ".",
    ]
    .concat()
}

fn split(replay: &PgBouncerReplay) -> String {
    let link = match replay.link_mean_ms {
        Some(link) => format!(
            "; the remaining {} was the way between client and PgBouncer",
            duration(link)
        ),
        None => String::new(),
    };
    format!(
        "Of the mean statement latency of {}, {} ({}) was waiting for a server connection in \
         PgBouncer and {} was beyond it, on the way to the server and inside it (both measured by \
         PgBouncer){link}.",
        duration(replay.latency_mean_ms),
        duration(replay.waiting_mean_ms),
        percent(replay.waiting_share_ratio),
        duration(replay.server_mean_ms),
    )
}

fn databases(databases: &[PgBouncerDatabase], section: &mut Section) {
    if databases.is_empty() {
        section.dim("No query went through it in the window.");
        return;
    }
    let mut table = Table::new([
        Column::name("Database"),
        Column::word("Mode"),
        Column::number("Pool size"),
        Column::number("Queries"),
        Column::number("Transactions").drop(1),
        Column::number("Mean wait").absent("this mode is not counted before PgBouncer 1.23"),
        Column::number("Query, wait included"),
        Column::number("without wait"),
    ]);
    for d in databases.iter().take(SHOWN) {
        table.row([
            Cell::new(&d.database),
            Cell::known(d.pool_mode.as_deref(), str::to_owned),
            Cell::known(d.pool_size, |n| n.to_string()),
            Cell::new(count(d.queries)),
            Cell::new(count(d.transactions)),
            Cell::known(d.wait_mean_ms, duration),
            Cell::known(d.query_mean_ms, duration),
            Cell::known(d.query_without_wait_mean_ms, duration),
        ]);
    }
    section.table(table);
    section.more(databases.len(), SHOWN, "database", "databases");
}

fn pools(pooler: &PgBouncer, section: &mut Section) {
    let pools: &[PgBouncerPool] = &pooler.pools;
    if pools.is_empty() {
        return;
    }
    let mut table = Table::new([
        Column::name("Pool (user on database)"),
        Column::number("In use, mean"),
        Column::number("max"),
        Column::number("Free, mean"),
        Column::number("Clients waiting, mean"),
        Column::number("max"),
        Column::number("Longest wait seen"),
    ]);
    for p in pools.iter().take(SHOWN) {
        table.row([
            Cell::new(format!("{} on {}", p.user, p.database)),
            Cell::new(number(p.servers_in_use_mean)),
            Cell::new(p.servers_in_use_max.to_string()),
            Cell::new(number(p.servers_idle_mean)),
            Cell::new(number(p.clients_waiting_mean)),
            Cell::new(p.clients_waiting_max.to_string()),
            Cell::new(duration(p.longest_wait_ms)),
        ]);
    }
    section.table(table);
    section.more(pools.len(), SHOWN, "pool", "pools");
    section.dim(format!(
        "Sampled {} times; a wait between two readings may have been longer.",
        pooler.samples
    ));
}
