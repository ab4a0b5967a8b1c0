//! Standbys and slots.

use crate::analyze::conclusions::{
    Conclusions, LagFigure, SlotState, StandbyState, StandbyVerdict,
};
use crate::report::doc::{Cell, Column, Section, Table, Tone};
use crate::report::format::{self, bytes, duration};

use super::reason;

/// The section.
pub(super) fn replication(c: &Conclusions) -> Section {
    const TITLE: &str = "Replication";
    let Some(replication) = &c.replication else {
        return Section::nothing(
            TITLE,
            reason(c, "pg_stat_replication", "replication was not looked at."),
        );
    };
    let mut section = Section::new(TITLE).source(
        "lag is the delay until a change is visible on the standby, over the window, on dbperf's \
         clock",
    );
    if replication.standbys.is_empty() {
        section.dim("No standby: none is connected and none was named with --replica.");
    } else {
        section.table(standbys(&replication.standbys));
        for standby in &replication.standbys {
            if let Some(note) = &standby.note {
                section.dim(format!("{}: {note}", standby.name));
            }
        }
    }
    if !replication.slots.is_empty() {
        section.heading("Slots");
        section.table(slots(&replication.slots));
    }
    section
}

fn verdict(verdict: StandbyVerdict) -> Cell {
    match verdict {
        StandbyVerdict::Streaming => Cell::new("streaming").tone(Tone::Good),
        StandbyVerdict::Idle => Cell::new("idle").tone(Tone::Good),
        StandbyVerdict::Paused => Cell::new("PAUSED").tone(Tone::Warn),
        StandbyVerdict::Delayed => Cell::new("delayed on purpose").tone(Tone::Warn),
        StandbyVerdict::Severed => Cell::new("SEVERED").tone(Tone::Bad),
        StandbyVerdict::Unknown => Cell::new("not known").tone(Tone::Warn),
    }
}

fn standbys(standbys: &[StandbyState]) -> Table {
    let mut table = Table::new([
        Column::name("Standby"),
        Column::word("State"),
        Column::number("Lag p50"),
        Column::number("p95"),
        Column::number("p99").drop(2),
        Column::number("Max"),
        Column::number("At end").drop(1),
        Column::number("Behind"),
        Column::number("Catch-up").drop(3),
        Column::word("Basis"),
    ]);
    for s in standbys {
        table.row([
            Cell::code(s.name.clone()),
            verdict(s.verdict),
            lag(s, LagFigure::P50, s.lag_ms.p50),
            lag(s, LagFigure::P95, s.lag_ms.p95),
            lag(s, LagFigure::P99, s.lag_ms.p99),
            lag(s, LagFigure::Max, s.lag_ms.max),
            Cell::known(s.lag_ms.last, duration),
            Cell::known(s.lag_bytes, bytes),
            catch_up(s),
            format::basis(s.basis),
        ]);
    }
    table
}

/// A lag in milliseconds; a lower bound says so.
fn lag(s: &StandbyState, figure: LagFigure, ms: Option<f64>) -> Cell {
    let sign = if s.lag_ms.is_bound(figure) {
        "≥ "
    } else {
        ""
    };
    Cell::known(ms, |ms| format!("{sign}{}", duration(ms)))
}

/// A standby that is not behind has nothing to catch up with; one that is and has no time given
/// does not catch up at the rates that were seen.
fn catch_up(s: &StandbyState) -> Cell {
    match (s.catch_up_sec, s.lag_bytes) {
        (Some(sec), _) => Cell::new(duration(sec * 1000.0)),
        (None, Some(0)) => Cell::new("not behind"),
        (None, Some(_)) => Cell::new("none seen"),
        (None, None) => Cell::not_measured(),
    }
}

fn slots(slots: &[SlotState]) -> Table {
    let mut table = Table::new([
        Column::name("Slot"),
        Column::word("Active"),
        Column::word("WAL status"),
        Column::number("WAL kept back"),
    ]);
    for slot in slots {
        table.row([
            Cell::code(slot.name.clone()),
            if slot.active {
                Cell::new("yes")
            } else {
                Cell::new("NO").tone(Tone::Warn)
            },
            Cell::known(slot.wal_status.clone(), |s| s),
            Cell::known(slot.retained_bytes, bytes),
        ]);
    }
    table
}
