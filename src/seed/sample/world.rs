//! What the rows of one table must know of the rows of others.

use super::draw::{Draw, Zipf};
use super::words::Corpus;

use super::{SampleOptions, TABLES};

/// Workspaces at every scale.
pub(super) const WORKSPACES: usize = 200;

/// The end of the sample's time: 2026-06-30T00:00:00Z, in seconds of Unix time. A constant and not
/// the clock, so that a seed number means the same rows tomorrow.
pub(super) const AS_OF: i64 = 1_782_777_600;

/// Seconds of one hour.
pub(super) const HOUR: i64 = 3_600;

/// Seconds of one day.
pub(super) const DAY: i64 = 24 * HOUR;

/// A row that other rows refer to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parent {
    /// Index of its workspace.
    pub(super) workspace: usize,
    /// When it was created, in seconds of Unix time.
    pub(super) created: i64,
}

/// Facts about the rows written so far. Rows are named by their index; an id is the index plus one.
#[derive(Debug)]
pub(crate) struct World {
    scale: f64,
    pub(super) corpus: Corpus,
    workspace_law: Zipf,
    /// Indexes of the members of each workspace.
    pub(super) members_of: Vec<Vec<usize>>,
    pub(super) initiatives: Vec<Parent>,
    pub(super) plans: Vec<Parent>,
    pub(super) tasks: Vec<Parent>,
}

impl World {
    /// The world before the first row.
    pub(crate) fn new(options: &SampleOptions) -> Self {
        // Streams 0 to 10 belong to the tables.
        let mut draw = Draw::new(options.seed, TABLES.len() as u64);
        Self {
            scale: options.scale,
            corpus: Corpus::new(&mut draw),
            workspace_law: Zipf::new(WORKSPACES),
            members_of: vec![Vec::new(); WORKSPACES],
            initiatives: Vec::new(),
            plans: Vec::new(),
            tasks: Vec::new(),
        }
    }

    /// A workspace for the row with this index. The first rows go to one workspace each, so that none
    /// is empty; the others follow Zipf's law, where the first workspace has 17 %.
    pub(super) fn workspace(&self, draw: &mut Draw, index: usize) -> usize {
        if index < WORKSPACES {
            index
        } else {
            self.workspace_law.draw(draw)
        }
    }

    /// Index of a member of this workspace; early members are the busy ones.
    pub(super) fn member(&self, draw: &mut Draw, workspace: usize) -> usize {
        let members = &self.members_of[workspace];
        members[draw.skewed(members.len())]
    }

    /// When the row with this index of this table was created. Times ascend with the index, as ids
    /// of a live table do, and recent ones are denser: a fifth of `days` ago to now holds 45 % of the
    /// rows.
    pub(super) fn time(
        &self,
        draw: &mut Draw,
        table: &super::Table,
        index: usize,
        days: i64,
    ) -> i64 {
        let rows = table.rows(self.scale) as f64;
        let older = 1.0 - (index as f64 + draw.unit()) / rows;
        AS_OF - seconds((days * DAY) as f64 * older * older)
    }
}

/// Index of a parent for a child of time `at`, among those created before it; recent parents are
/// chosen more often. The first parent if none is old enough.
pub(super) fn parent(draw: &mut Draw, parents: &[Parent], at: i64) -> usize {
    let existing = parents
        .partition_point(|parent| parent.created <= at)
        .max(1);
    existing - 1 - draw.skewed(existing)
}

/// Whole seconds of a duration of at most some years.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the span of the sample is below 2^27 seconds"
)]
fn seconds(duration: f64) -> i64 {
    duration as i64
}
