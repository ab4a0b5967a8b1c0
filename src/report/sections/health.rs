//! Health: one line per subject, details only where something is wrong.

use crate::analyze::conclusions::{
    BlockingSession, BlockingTree, Conclusions, Health, HealthState, HealthSubject, HolderKind,
    HorizonHolder,
};
use crate::report::doc::{Cell, Column, Section, Table, Tone};
use crate::report::format::{count_i64, duration, moment};

/// Rows of a table of details; the JSON has more.
const MOST: usize = 8;

/// The section.
pub(super) fn health(c: &Conclusions) -> Section {
    const TITLE: &str = "Health";
    let Some(health) = &c.health else {
        return Section::nothing(TITLE, "Not measured: no server was asked.");
    };
    let mut section = Section::new(TITLE)
        .source("counters over the window; ages, transactions and the catalogue once, after it");
    section.table(subjects(&health.subjects, health.read_at.as_deref()));
    for subject in unmeasured(&health.subjects) {
        section.dim(subject);
    }
    if is_wrong(health, "horizon") {
        holders(health.horizon.as_deref().unwrap_or_default(), &mut section);
    }
    if is_wrong(health, "blocking") {
        trees(health.blocking.as_deref().unwrap_or_default(), &mut section);
    }
    section
}

fn is_wrong(health: &Health, name: &str) -> bool {
    let mut subjects = health.subjects.iter();
    subjects.any(|s| {
        s.subject == name && matches!(s.status, HealthState::Warning | HealthState::Critical)
    })
}

fn subjects(all: &[HealthSubject], read_at: Option<&str>) -> Table {
    let mut table = Table::new([
        Column::word("Subject"),
        Column::word("State"),
        Column::prose("Number"),
        Column::word("Since").drop(1),
    ]);
    for subject in all {
        table.row([
            Cell::new(subject.subject.clone()),
            state(subject.status),
            Cell::known(subject.summary.clone(), |s| s),
            Cell::new(since(subject.since.as_deref(), read_at)),
        ]);
    }
    table
}

/// The time of the day, and the day before it if it was another one.
fn since(since: Option<&str>, read_at: Option<&str>) -> String {
    let Some(since) = since.map(moment) else {
        return String::new();
    };
    match (
        since.split_once('T'),
        read_at.and_then(|r| r.split_once('T')),
    ) {
        (Some((day, time)), Some((today, _))) if day == today => time.to_owned(),
        _ => since.replacen('T', " ", 1),
    }
}

fn state(state: HealthState) -> Cell {
    match state {
        HealthState::Ok => Cell::new("ok").tone(Tone::Good),
        HealthState::Info => Cell::new("info").tone(Tone::Dim),
        HealthState::Warning => Cell::new("WARNING").tone(Tone::Warn),
        HealthState::Critical => Cell::new("CRITICAL").tone(Tone::Bad),
        HealthState::NotMeasured => Cell {
            absent: false,
            ..Cell::not_measured()
        },
    }
}

/// Subjects of which nothing, or not all, is known, those of one reason together.
fn unmeasured(all: &[HealthSubject]) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for subject in all.iter().filter(|s| s.status == HealthState::NotMeasured) {
        let Some(reason) = subject.reason.as_deref() else {
            continue;
        };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, subjects)) => subjects.push(&subject.subject),
            None => reasons.push((reason, vec![&subject.subject])),
        }
    }
    let lines = reasons.into_iter();
    lines
        .map(|(reason, subjects)| format!("Not measured: {} ({reason}).", subjects.join(", ")))
        .collect()
}

fn holders(all: &[HorizonHolder], section: &mut Section) {
    section.heading("Who keeps dead rows");
    let mut table = Table::new([
        Column::name("Holder"),
        Column::number("Transactions back"),
        Column::number("For"),
        Column::prose("It is"),
    ]);
    for holder in all.iter().take(MOST) {
        let kind = match holder.kind {
            HolderKind::Session => "",
            HolderKind::PreparedTransaction => "prepared ",
            HolderKind::Slot => "slot ",
            HolderKind::Standby => "standby ",
        };
        let mut doing = holder.state.clone();
        for more in [&holder.query, &holder.behind].into_iter().flatten() {
            doing.push_str(": ");
            doing.push_str(more);
        }
        table.row([
            Cell::new(format!("{kind}{}", holder.name)),
            Cell::new(count_i64(holder.xid_age)),
            Cell::known(holder.held_ms, duration),
            Cell::new(doing),
        ]);
    }
    section.table(table);
    section.more(all.len(), MOST, "holder", "holders");
}

fn trees(all: &[BlockingTree], section: &mut Section) {
    section.heading("Who waited for whom");
    let mut table = Table::new([
        Column::name("Session"),
        Column::word("State"),
        Column::number("Waited at least"),
        Column::cut("Statement"),
    ]);
    let sessions: Vec<&BlockingSession> = all.iter().flat_map(|tree| &tree.sessions).collect();
    for session in sessions.iter().take(MOST) {
        table.row([
            Cell::new(name(session)),
            Cell::new(doing(session)),
            if session.depth == 0 {
                Cell::new("")
            } else {
                Cell::known(session.waited_ms, duration)
            },
            Cell::code(session.query.clone().unwrap_or_default()),
        ]);
    }
    section.table(table);
    section.more(sessions.len(), MOST, "session", "sessions");
}

/// Each with a sign for every session between it and the root, and one for itself.
fn name(session: &BlockingSession) -> String {
    let depth = usize::try_from(session.depth).unwrap_or(0).min(5);
    let above = match depth {
        0 => String::new(),
        n => format!("{} ", ">".repeat(n)),
    };
    let name = match (session.pid, session.name.as_str()) {
        (0, "") => "a prepared transaction".to_owned(),
        (0, gid) => gid.to_owned(),
        (pid, name) => format!("{name} ({pid})"),
    };
    format!("{above}{name}")
}

fn doing(session: &BlockingSession) -> String {
    match (&session.waits_for, &session.state) {
        (Some(event), _) => format!("waits: {event}"),
        (None, Some(state)) => state.clone(),
        (None, None) => "not visible".to_owned(),
    }
}
