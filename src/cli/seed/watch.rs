//! How far a load is.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::analyze::figures;
use crate::cli::context::Context;
use crate::cli::progress::Progress;
use crate::seed::load::{Loaded, Step};
use crate::seed::schema::Name;

/// One line: the table, its rows per second, the time left.
pub(super) struct Watch<'a> {
    progress: Progress<'a>,
    context: &'a Context,
    /// The table under way, and since when.
    table: Mutex<Option<(Name, Instant)>>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        Self {
            progress: Progress::step(context, "Filling the tables"),
            context,
            table: Mutex::new(None),
        }
    }

    /// Shows a step.
    pub(super) fn tell(&self, step: &Step<'_>) {
        let bar = self.progress.bar();
        match step {
            Step::Doing(what) => {
                self.context.detail(what);
                bar.set_message((*what).to_owned());
            }
            Step::Rows {
                table, done, total, ..
            } => bar.set_message(self.rows(table, *done, *total)),
        }
    }

    fn rows(&self, table: &Name, done: u64, total: u64) -> String {
        let mut since = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let began = match since.as_ref() {
            Some((known, began)) if known == table => *began,
            _ => {
                self.context
                    .detail(&format!("copying {total} rows into {table}"));
                let now = Instant::now();
                *since = Some((table.clone(), now));
                now
            }
        };
        let secs = began.elapsed().as_secs_f64();
        let rate = done as f64 / secs.max(0.001);
        let left = (total.saturating_sub(done)) as f64 / rate.max(1.0) * 1000.0;
        format!(
            "{table}: {} of {} rows, {} rows/s, {} left",
            figures::number(done as f64),
            figures::number(total as f64),
            figures::number(rate),
            figures::duration(left)
        )
    }

    /// The load is over.
    pub(super) fn done(self, loaded: &Loaded) {
        let rows: u64 = loaded.tables.iter().map(|table| table.rows).sum();
        self.progress.done(&format!(
            "Filled {} with {}",
            figures::plural(loaded.tables.len() as u64, "table", "tables"),
            figures::plural(rows, "row", "rows")
        ));
    }
}
