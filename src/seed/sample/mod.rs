//! The sample application: a small planning tool with eleven tables, modelled on the endpoints of
//! the performance testing guide. `fixtures/sample/README.md` lists the problems planted in it.

mod copy_text;
mod draw;
mod error;
mod herald;
mod knowledge;
mod load;
mod people;
mod words;
mod work;
mod world;

use copy_text::CopyText;
use draw::Draw;
pub use error::SampleError;
pub use load::{SampleReport, TableRows, load_sample};
pub(crate) use world::World;

/// Tables without keys and indexes.
pub(crate) const SCHEMA: &str = include_str!("../../../fixtures/sample/schema.sql");

/// Keys, indexes, foreign keys and sequence positions.
pub(crate) const INDEXES: &str = include_str!("../../../fixtures/sample/indexes.sql");

/// The workload of the sample application, in dbperf's workload format. Its parameters address the
/// rows of scale 1.
pub const SAMPLE_WORKLOAD: &str = include_str!("../../../fixtures/sample/workload.sql");

/// The enum type that the schema creates beside its tables.
pub(crate) const ENUM_TYPE: &str = "priority";

/// Smallest scale: below it most tables are held up by their least number of rows.
const MIN_SCALE: f64 = 0.001;

/// Largest scale: about 100 million rows, 1 GB of facts about them in memory.
const MAX_SCALE: f64 = 100.0;

/// What to load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleOptions {
    /// Seed number. The same number gives the same rows, on every platform, in every time zone and
    /// on every day: all dates are counted back from 2026-06-30.
    pub seed: u64,
    /// Factor on the number of rows; 1 means about one million. The 200 workspaces stay 200, so that
    /// the skew between them stays the same.
    pub scale: f64,
}

impl Default for SampleOptions {
    /// Seed number 1, scale 1.
    fn default() -> Self {
        Self {
            seed: 1,
            scale: 1.0,
        }
    }
}

impl SampleOptions {
    /// Refuses a scale for which no data set can be made.
    pub(crate) fn check(&self) -> Result<(), SampleError> {
        if (MIN_SCALE..=MAX_SCALE).contains(&self.scale) {
            Ok(())
        } else {
            Err(SampleError::Scale {
                scale: self.scale,
                min: MIN_SCALE,
                max: MAX_SCALE,
            })
        }
    }
}

/// How one table is filled.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its columns in the order in which `row` writes them.
    pub(crate) columns: &'static str,
    /// Rows at scale 1.
    base_rows: u32,
    /// Rows at the smallest scale.
    min_rows: usize,
    /// Writes the row with this index, counted from 0; its id is the index plus one. Must be called
    /// once for each index in ascending order, because later tables need what it leaves in the world.
    pub(crate) row: fn(&mut World, &mut Draw, usize, &mut CopyText),
}

impl Table {
    /// Rows of this table at a scale.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "scales are checked to be positive and at most 100"
    )]
    pub(crate) fn rows(&self, scale: f64) -> usize {
        let rows = (f64::from(self.base_rows) * scale).round() as usize;
        rows.max(self.min_rows)
    }
}

/// Every table, parents before children.
pub(crate) const TABLES: [Table; 11] = [
    people::WORKSPACES,
    people::MEMBERS,
    work::INITIATIVES,
    work::PLANS,
    work::TASKS,
    work::TASK_EVENTS,
    knowledge::LEARNINGS,
    knowledge::DECISIONS,
    knowledge::DECISION_OPTIONS,
    herald::MESSAGES,
    herald::REPORTS,
];

#[cfg(test)]
mod tests;
