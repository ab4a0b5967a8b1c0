//! Conclusions become sections, in the order of the guide's report template: the answer first, then
//! what it rests on.

mod answer;
mod breakdown;
mod capture;
mod compared;
mod connections;
mod considered;
mod coverage;
mod database_time;
mod exchange;
mod explained;
mod fidelity;
mod findings;
mod fleet;
mod health;
mod indexes;
mod load;
mod pages;
mod pgbouncer;
mod plan_tree;
mod plans;
mod proofs;
mod replication;
mod seed;
mod statements;
mod sweep;
mod targets;
mod traces;

use crate::analyze::conclusions::Conclusions;

use super::doc::{Report, Section};

pub use sweep::chart as sweep_chart;

/// Makes a section.
type Make = fn(&Conclusions) -> Section;

/// The whole report.
pub(super) fn report(c: &Conclusions) -> Report {
    let whole = is_whole(c);
    let mut sections: Vec<Section> = Vec::new();
    // A replay has no other place that says what its requests waited for.
    if whole || c.breakdown.is_some() {
        sections.push(answer::answer(c));
    }
    // No part of an analysis, which never captures.
    if c.capture.is_some() {
        sections.extend([capture::capture(c), capture::statements(c)]);
    }
    if c.seed.is_some() {
        sections.push(seed::seed(c));
    }
    if c.fidelity.is_some() {
        sections.extend([fidelity::columns(c), fidelity::plans(c)]);
    }
    if c.explained.is_some() {
        sections.push(explained::plans(c));
    }
    let load: [(bool, Make); 3] = [
        (c.load.is_some(), load::summary),
        (c.load.is_some(), load::endpoints),
        (c.load.is_some(), load::stages),
    ];
    let all: [(bool, Make); 17] = [
        (c.breakdown.is_some(), breakdown::breakdown),
        (c.database_time.is_some(), database_time::database_time),
        (c.statements.is_some(), statements::statements),
        (c.statements.is_some(), plans::insights),
        (c.indexes.is_some(), indexes::indexes),
        (c.missing_indexes.is_some(), indexes::missing),
        (c.pool.is_some(), connections::pool),
        (c.replication.is_some(), replication::replication),
        (c.health.is_some(), health::health),
        (c.findings.is_some(), findings::recommendations),
        (c.sla.is_some(), targets::sla),
        (c.checklist.is_some(), targets::checklist),
        (c.not_evaluated.is_some(), findings::not_evaluated),
        (!c.coverage.is_empty(), coverage::coverage),
        (c.overhead.is_some(), coverage::overhead),
        // Who asks for a plan is not asked about the server.
        (
            c.server.is_some() && c.explained.is_none(),
            coverage::server,
        ),
        (c.statements.is_some(), statements::texts),
    ];
    // Only a replay through several pools has it; elsewhere nobody misses it.
    if compared::of(c).is_some() {
        sections.push(compared::pools(c));
    }
    let mut show = |filled: bool, section: Make| {
        if filled {
            sections.push(section(c));
        }
    };
    for (filled, section) in load {
        show(whole || filled, section);
    }
    // Most loads do not tell it; nobody misses it there.
    show(exchange::is_told(c), exchange::exchanges);
    // Files that nobody has to give: what is absent was not asked for.
    show(!c.traces.is_empty(), traces::traces);
    show(!c.pages.is_empty(), pages::pages);
    // An answer to a question of its own.
    show(c.table_advice.is_some(), considered::considered);
    for (filled, section) in all {
        show(whole || filled, section);
    }
    // Nobody misses it where nothing was tried.
    if c.proofs.is_some() {
        let indexes = sections.iter().rposition(|s| s.title.contains("ndexes"));
        let place = indexes.map_or(sections.len(), |place| place + 1);
        sections.insert(place, proofs::proofs(c));
    }
    Report {
        head: answer::head(c),
        doubts: answer::doubts(c),
        sections,
    }
}

/// A document of `analyze`, which fills everything it can: a section that is absent was not
/// measured, and the report says so. The other commands fill the sections they are about; what is
/// absent there was not asked for.
fn is_whole(c: &Conclusions) -> bool {
    let asked_for_a_part = c.load.is_some()
        || !c.traces.is_empty()
        || !c.pages.is_empty()
        || c.capture.is_some()
        || c.seed.is_some()
        || c.fidelity.is_some()
        || c.statements.is_some()
        || c.explained.is_some()
        || c.indexes.is_some()
        || c.missing_indexes.is_some()
        || c.pool.is_some()
        || c.replication.is_some();
    c.sla.is_some() || c.checklist.is_some() || !asked_for_a_part
}

/// Why a section is absent: the coverage of its collector, or words of its own.
fn reason(c: &Conclusions, collector: &str, otherwise: &str) -> String {
    let row = c
        .coverage
        .iter()
        .find(|row| row.collector.starts_with(collector) && row.status != "ok");
    match row.and_then(|row| row.reason.as_deref()) {
        Some(reason) => format!("Not measured: {reason}"),
        None => format!("Not measured: {otherwise}"),
    }
}
