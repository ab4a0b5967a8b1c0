//! The sizes that were tried.

use crate::analyze::conclusions::Pool;
use crate::report::doc::{Cell, Column, Section, Table};
use crate::report::format::{duration, percent, rate};

/// Adds the sizes that were tried, if any were.
pub(super) fn add(pool: &Pool, section: &mut Section) {
    if pool.sweep.is_empty() {
        return;
    }
    section.heading("Sizes tried (measured)");
    let mut table = Table::new([
        Column::number("Size"),
        Column::number("Throughput"),
        Column::number("p50"),
        Column::number("p99"),
        Column::number("Wait p99"),
        Column::number("Database busy"),
    ]);
    for point in &pool.sweep {
        table.row([
            Cell::new(point.pool_size.to_string()),
            Cell::new(rate(point.throughput_per_sec)),
            Cell::new(duration(point.p50_ms)),
            Cell::new(duration(point.p99_ms)),
            Cell::new(duration(point.wait_p99_ms)),
            Cell::known(point.db_busy_ratio, percent),
        ]);
    }
    section.table(table);
}
