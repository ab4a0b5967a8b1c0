//! The server's time by wait.

use crate::analyze::conclusions::Conclusions;
use crate::report::doc::{Cell, Column, Section, Table};
use crate::report::format::{count, duration, number, percent, percent_with_error, plural};

use super::reason;

/// Waits below this share are added up in one row.
const LEAST_SHARE: f64 = 0.005;

/// Database time by wait class and event.
pub(super) fn database_time(c: &Conclusions) -> Section {
    const TITLE: &str = "Database time";
    let Some(time) = &c.database_time else {
        return Section::nothing(
            TITLE,
            reason(c, "pg_stat_activity", "pg_stat_activity was not sampled."),
        );
    };
    let mut section = Section::new(TITLE).source(format!(
        "{} samples of pg_stat_activity; errors are 95 % intervals",
        count(time.samples)
    ));
    let cores = c
        .server
        .as_ref()
        .and_then(|s| s.cores)
        .map_or_else(String::new, |n| format!(" on {n} cores"));
    section.text(format!(
        "{} sessions active on average{cores}; {} connections active or idle in transaction.",
        number(time.average_active_sessions),
        number(time.busy_connections)
    ));
    if time.by_wait_class.is_empty() {
        section.dim("No active session was seen.");
        return section;
    }
    let (rows, small): (Vec<_>, Vec<_>) = time
        .by_wait_class
        .iter()
        .partition(|w| w.share_ratio >= LEAST_SHARE);
    let mut table = Table::new([
        Column::word("Wait class"),
        Column::word("Event"),
        Column::number("Share"),
        Column::number("Backend time"),
        Column::word("Basis"),
    ]);
    for wait in rows {
        table.row([
            Cell::new(wait.wait_class.clone()),
            Cell::new(wait.wait_event.clone().unwrap_or_default()),
            Cell::new(percent_with_error(wait.share_ratio, wait.share_error_ratio)),
            Cell::new(duration(wait.backend_sec * 1000.0)),
            Cell::new("sampled"),
        ]);
    }
    section.table(table);
    if !small.is_empty() {
        let share: f64 = small.iter().map(|w| w.share_ratio).sum();
        section.dim(format!(
            "{} of less than 0.5 % in all: {}.",
            plural(small.len() as u64, "wait", "waits"),
            percent(share)
        ));
    }
    if time.by_wait_class.iter().any(|w| w.wait_class == "CPU*") {
        section.dim("CPU* is active and not waiting as far as PostgreSQL is instrumented.");
    }
    section
}
