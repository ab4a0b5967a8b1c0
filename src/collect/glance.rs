//! One look at what the server has counted so far: no window, no samplers.
//!
//! The cumulative counters are read once and keep their own meaning: they count since their statistics were reset,
//! and [`CountedSince`] says when that was. Views of which only a difference over time means anything (activity, the
//! positions of replication) are not read.

use std::time::Instant;

use super::closing::{note_hidden_senders, streaming};
use super::column_stats;
use super::cures;
use super::ends::{self, End, Facts};
use super::ledger::Ledger;
use super::link::Link;
use super::nodes::{self, Nodes};
use super::observer::{ObserveOptions, Observed, statements_source};
use super::pg_stat_replication;
use super::pg_stat_statements::{Info, Source};
use super::replication::StandbyWatch;
use super::texts::normalised;
use crate::pg::catalog::MARKER;
use crate::pg::{
    PgError, Session, SessionOptions, Target, read_extensions, read_life, read_server,
};
use crate::record::Millis;
use crate::record::run::CountedSince;
use crate::record::server::{Disturbance, ServerLife};
use crate::record::statements::{StatementWindow, counted_so_far};

/// Reads every cumulative counter once, over one connection, and the scans of indexes on each of the standbys.
///
/// # Errors
///
/// [`PgError`] where the server cannot be reached or identified. Everything else that cannot be read becomes a row of
/// [`Observed::coverage`].
pub async fn glance(
    target: &Target,
    options: &ObserveOptions,
) -> Result<(Observed, CountedSince), PgError> {
    let session_options = SessionOptions::new(&options.run_id);
    let session = Session::connect(&target.conninfo, &session_options).await?;
    let server = read_server(&session, target).await?;
    let mut ledger = Ledger::default();
    let extension = read_extensions(&session)
        .await?
        .remove("pg_stat_statements");
    let source = statements_source(&server, extension.as_ref(), &mut ledger);

    let origin = Instant::now();
    // Before anything that could add scans.
    let counters = End::read(&session, origin, &mut ledger).await;
    let reading = read_life(&session, None);
    let mut life = ledger.time("server_life", reading).await?;
    let mut statements = None;
    let mut info = None;
    if let Some(source) = &source {
        let reading = source.read_info(&session);
        info = ledger
            .time("pg_stat_statements_info", reading)
            .await
            .unwrap_or_default();
        statements = read_statements(source, info, &session, &mut ledger).await;
    }
    life.statements_stats_reset = info.map(|i| i.stats_reset);
    life.statements_dealloc = info.map(|i| i.dealloc);

    let mut facts = Facts::read(&session, &mut ledger).await;
    let opening = End::without_rows();
    facts.column_stats =
        column_stats::read(&session, &opening, &counters, &facts, &mut ledger).await;
    cures::privileges(&server, facts.unreadable_tables, &mut ledger);
    let logical = std::mem::take(&mut facts.logical_senders);
    let (database, tables, mut indexes, _slots) = ends::windows(opening, counters, facts);
    let mut nodes = None;
    if !server.in_recovery {
        let reading = pg_stat_replication::read(&session, Millis::default());
        if let Ok(senders) = ledger.time("pg_stat_replication", reading).await {
            let mut known = Nodes::default();
            known.expect(streaming(&senders, &logical));
            nodes = Some(known);
            note_hidden_senders(&senders, &server, &mut ledger);
        }
    }
    session.close().await;
    if !server.in_recovery {
        for target in &options.replicas {
            let (link, opened) = Link::open(target.clone(), session_options.clone()).await;
            if let Err(e) = opened {
                ledger.failed("standby", &e);
            }
            let watch = StandbyWatch::open(link).await;
            nodes::ask(&watch, &server, nodes.as_mut(), &mut indexes, &mut ledger).await;
            watch.link.close().await;
        }
    }
    nodes::note_unasked(nodes, &mut indexes);

    let since = counted_since(&life);
    let observed = Observed {
        own_exec: Some(ledger.total()),
        server,
        coverage: ledger.into_coverage(),
        life: vec![life],
        disturbances: Vec::new(),
        activity: None,
        statements,
        database,
        tables,
        indexes,
        replication: None,
        health: None,
        pgbouncer: None,
        window: Millis::default(),
    };
    Ok((observed, since))
}

fn counted_since(life: &ServerLife) -> CountedSince {
    CountedSince {
        read_at: life.at,
        statements: life.statements_stats_reset,
        // Where it was never reset by hand, the background writer's counters are as old as the statistics: they begin
        // anew after a crash only.
        database: life.database_stats_reset.or(life.bgwriter_stats_reset),
    }
}

/// Numbers and texts of all entries.
async fn read_statements(
    source: &Source,
    info: Option<Info>,
    session: &Session,
    ledger: &mut Ledger,
) -> Option<StatementWindow> {
    let reading = source.read(session);
    let sample = ledger.time("pg_stat_statements", reading).await.ok()?;
    let mut ids: Vec<i64> = sample.rows.iter().map(|r| r.key.queryid.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let reading = source.read_texts(session, &ids);
    let texts = ledger.time("pg_stat_statements_text", reading).await;
    let texts = texts.unwrap_or_default();
    let mut window = counted_so_far(sample, |key| texts.is_own(key));
    source.version().clone_into(&mut window.extension_version);
    window.texts = texts
        .iter()
        .filter(|(_, text)| !text.contains(MARKER))
        .map(|(id, text)| (id, normalised(text)))
        .collect();
    let evicted = info.map_or(0, |i| i.dealloc);
    if evicted > 0 {
        window
            .disturbances
            .push(Disturbance::StatementsEvicted { passes: evicted });
    }
    Some(window)
}
