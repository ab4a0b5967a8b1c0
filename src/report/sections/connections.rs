//! Connections: seen on the server, measured in the pool, and the size that follows.

use crate::analyze::conclusions::{
    Conclusions, Expected, ObservedPool, Pool, Recommendation, ReplayPool, Summary,
};
use crate::report::doc::{Block, Cell, Column, Section, Table, Tone};
use crate::report::format::{self, count, duration, number, percent, rate};

/// The section.
pub(super) fn pool(c: &Conclusions) -> Section {
    const TITLE: &str = "Connection pool";
    let Some(pool) = &c.pool else {
        return Section::nothing(
            TITLE,
            super::reason(
                c,
                "pg_stat_activity",
                "neither sessions nor a pool were measured.",
            ),
        );
    };
    let mut section = Section::new(TITLE)
        .source("the server's view of its sessions, and the replay's own instrumented pool");
    recommendation(pool, &mut section);
    if let Some(advice) = &pool.recommendation {
        super::fleet::budget(advice, &mut section);
    }
    facts(pool, &mut section);
    durations(pool, &mut section);
    super::pgbouncer::add(c, &mut section);
    super::sweep::add(pool, &mut section);
    // Last, because the snippets are long and tell nothing new.
    if let Some(advice) = &pool.recommendation {
        super::fleet::settings(advice, &mut section);
    }
    section
}

fn recommendation(pool: &Pool, section: &mut Section) {
    let Some(advice) = &pool.recommendation else {
        let reason = pool.no_recommendation.as_deref();
        section.text(format!(
            "No size is recommended: {}",
            reason.unwrap_or("the reason was not recorded.")
        ));
        return;
    };
    section
        .blocks
        .push(Block::Text(Cell::new(headline(advice)).tone(Tone::Strong)));
    section.text(format!(
        "Made for: {}.",
        advice.target.trim_end_matches('.')
    ));
    for reason in &advice.reasons {
        section.dim(reason.clone());
    }
    let mut table = Table::new([
        Column::word("At that size"),
        Column::number("Throughput"),
        Column::number("p99"),
        Column::number("Wait p99"),
        Column::word("Basis"),
    ]);
    let mut row = |name: &str, e: &Expected, basis: &str| {
        table.row([
            Cell::new(name),
            Cell::known(e.throughput_per_sec, rate),
            Cell::known(e.p99_ms, duration),
            Cell::known(e.wait_p99_ms, duration),
            Cell::new(basis),
        ]);
    };
    row(
        "expected",
        &advice.expected,
        format::evidence(advice.evidence),
    );
    if let Some(verified) = &advice.verified {
        row("measured", verified, "measured again");
    }
    section.table(table);
    if advice.verified.is_none() {
        section.dim("Not tried: the recommended size was not measured.");
    }
}

fn headline(advice: &Recommendation) -> String {
    let size = match (advice.pool_size_low, advice.pool_size_high) {
        (Some(low), Some(high)) if low != high => {
            format!("{} ({low} to {high})", advice.pool_size)
        }
        _ => advice.pool_size.to_string(),
    };
    let verdict = match advice.verdict.as_str() {
        "too-small" => "The pool is too small",
        "too-large" => "The pool is larger than it needs to be",
        "database-saturated" => "The database is saturated: more connections would not help",
        "pooler-saturated" => "PgBouncer is the limit: more connections to it would wait there",
        "held-idle" => "Connections are held idle",
        "connection-churn" => "Connections are opened and closed too often",
        "fits" => "The pool fits",
        other => other,
    };
    let in_front = advice.pooler.as_ref().filter(|p| p.need == "in-front");
    let total = if let Some(pooler) = in_front {
        format!(
            " for each of {}, on at most {} server connections of PgBouncer",
            format::plural(u64::from(advice.instances), "instance", "instances"),
            pooler.server_connections_max
        )
    } else if advice.instances > 1 {
        format!(
            " for each of {} instances, {} in total",
            advice.instances, advice.connections_total
        )
    } else {
        String::new()
    };
    let evidence = format::evidence(advice.evidence);
    if advice.needs_pooler() {
        let wanted = advice.wanted_pool_size();
        let instances = format::plural(u64::from(advice.instances), "instance", "instances");
        let without = match advice.fleet.as_ref().map_or(0, |f| f.budget_per_instance) {
            0 => "without one there is not even one connection for each".to_owned(),
            each => format!("without one no more than {each} each"),
        };
        return format!(
            "{verdict}. Wanted size: {wanted} for each of {instances}, which needs a pooler; \
             {without} ({evidence})."
        );
    }
    format!("{verdict}. Recommended size: {size}{total} ({evidence}).")
}

fn facts(pool: &Pool, section: &mut Section) {
    let mut table = Table::new([
        Column::word("Metric"),
        Column::number("Value"),
        Column::prose("How measured"),
    ]);
    if let Some(seen) = &pool.observed {
        observed(seen, &mut table);
    }
    if let Some(replay) = &pool.replay {
        replayed(replay, &mut table);
    }
    if table.rows.is_empty() {
        section.dim("Not measured: no client session was seen and no pool was replayed through.");
    } else {
        section.heading("Connections");
        section.table(table);
    }
}

fn observed(seen: &ObservedPool, table: &mut Table) {
    const SAMPLED: &str = "sampled, pg_stat_activity";
    let mut row = |metric: &str, value: Cell, how: &str| {
        table.row([Cell::new(metric), value, Cell::new(how).tone(Tone::Dim)]);
    };
    row(
        "client connections, largest",
        Cell::new(seen.size.to_string()),
        SAMPLED,
    );
    row(
        "in use, mean and largest",
        Cell::new(format!(
            "{} and {}",
            number(seen.in_use_mean),
            seen.in_use_max
        )),
        "sampled: active or idle in transaction",
    );
    row(
        "idle in transaction, of those in use",
        Cell::known(seen.idle_in_transaction_ratio, percent),
        SAMPLED,
    );
    row(
        "new sessions",
        Cell::known(seen.connections_per_sec, rate),
        "pg_stat_database.sessions (14+)",
    );
    row(
        "usable connections",
        Cell::known(seen.usable_connections, |n| n.to_string()),
        "max_connections without reserved ones",
    );
}

fn replayed(replay: &ReplayPool, table: &mut Table) {
    let mut row = |metric: &str, value: Cell, how: String| {
        table.row([Cell::new(metric), value, Cell::new(how).tone(Tone::Dim)]);
    };
    row(
        "replay: pool size",
        Cell::new(replay.pool_size.to_string()),
        format!("{} with {} clients", replay.pool, replay.clients),
    );
    row(
        "replay: utilisation",
        Cell::known(replay.utilisation_ratio, percent),
        "mean in use over size, measured in the pool".to_owned(),
    );
    row(
        "replay: held idle, of the lease",
        Cell::known(replay.held_idle_ratio, percent),
        "lease without statements, measured in the pool".to_owned(),
    );
    row(
        "replay: acquires",
        Cell::new(count(replay.acquires)),
        format!(
            "{} at once, {} waited, {} timed out, {} cancelled, {} failed",
            count(replay.immediate),
            count(replay.waited),
            count(replay.timed_out),
            count(replay.cancelled),
            count(replay.failed)
        ),
    );
}

fn durations(pool: &Pool, section: &mut Section) {
    let Some(replay) = &pool.replay else {
        return;
    };
    let mut table = Table::new([
        Column::word("Replay"),
        Column::number("Count"),
        Column::number("Mean"),
        Column::number("p50"),
        Column::number("p95"),
        Column::number("p99"),
        Column::number("p99.9").drop(1),
        Column::number("Max"),
    ]);
    let rows: [(&str, &Option<Summary>); 4] = [
        ("permit wait", &replay.permit_wait_ms),
        ("connect", &replay.connect_ms),
        ("recycle", &replay.recycle_ms),
        ("lease", &replay.lease_ms),
    ];
    let mut none = Vec::new();
    for (name, summary) in rows {
        let Some(s) = summary else {
            none.push(name);
            continue;
        };
        let mut cells = vec![Cell::new(name), Cell::new(count(s.count))];
        cells
            .extend([s.mean, s.p50, s.p95, s.p99, s.p999, s.max].map(|ms| Cell::new(duration(ms))));
        table.row(cells);
    }
    if !table.rows.is_empty() {
        section.heading("Times in the pool (every one measured)");
        section.table(table);
    }
    if !none.is_empty() {
        section.dim(format!("None in the window: {}.", none.join(", ")));
    }
}
