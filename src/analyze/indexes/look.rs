//! The run's facts by object id. The index of a partitioned table counts as its partitions' indexes
//! together: it has no storage and no counters of its own.

use std::collections::{BTreeSet, HashMap};

use crate::analyze::conclusions::{Evidence, Index, IndexVerdict};
use crate::record::indexes::{IndexFacts, SavedIndex, StatUserIndex, StatioUserIndex};
use crate::record::server::Disturbance;
use crate::record::tables::StatUserTable;
use crate::record::{Bytes, Run, Span};

use super::unused::Usage;
use super::widths::Widths;
use super::{Judged, cost};

/// The run's facts by object id.
pub(super) struct Look<'a> {
    pub(super) run: &'a Run,
    pub(super) facts: &'a [IndexFacts],
    pub(super) tables_first: HashMap<u32, &'a StatUserTable>,
    pub(super) tables_last: HashMap<u32, &'a StatUserTable>,
    pub(super) disturbed: bool,
    first: HashMap<u32, &'a StatUserIndex>,
    last: HashMap<u32, &'a StatUserIndex>,
    blocks: HashMap<u32, &'a StatioUserIndex>,
    /// The counters of each standby that was asked, in the order of the run.
    pub(super) standbys: Vec<HashMap<u32, &'a StatUserIndex>>,
    /// The indexes of each saved run by schema and name, in the order of the run.
    pub(super) saved: Vec<HashMap<(&'a str, &'a str), &'a SavedIndex>>,
    /// What the planner knows of columns, where it was read.
    pub(super) widths: Option<Widths<'a>>,
    /// Bytes of write-ahead log per second, where they were measured.
    wal: Option<f64>,
    by_oid: HashMap<u32, &'a IndexFacts>,
    by_table: HashMap<u32, Vec<&'a IndexFacts>>,
    children: HashMap<u32, Vec<&'a IndexFacts>>,
    referenced: BTreeSet<u32>,
}

fn by_oid<'a, T>(
    span: Option<&'a Span<T>>,
    end: fn(&'a Span<T>) -> &'a Vec<T>,
    oid: fn(&T) -> u32,
) -> HashMap<u32, &'a T> {
    let rows = span.into_iter().flat_map(end);
    rows.map(|row| (oid(row), row)).collect()
}

fn standbys(run: &Run) -> Vec<HashMap<u32, &StatUserIndex>> {
    let nodes = run.indexes.standbys.iter();
    let rows = nodes.map(|node| node.rows.iter().map(|row| (row.indexrelid, row)).collect());
    rows.collect()
}

fn saved(run: &Run) -> Vec<HashMap<(&str, &str), &SavedIndex>> {
    fn name(row: &SavedIndex) -> (&str, &str) {
        (&row.schemaname, &row.indexrelname)
    }
    let runs = run.indexes.saved.iter();
    let rows = runs.map(|saved| saved.rows.iter().map(|row| (name(row), row)).collect());
    rows.collect()
}

impl<'a> Look<'a> {
    /// `None` where the catalogue was not read.
    pub(super) fn new(run: &'a Run) -> Option<Self> {
        let indexes = run.indexes.stat_user_indexes.as_ref();
        let blocks = run.indexes.statio_user_indexes.as_ref();
        let stats = run.tables.stat_user_tables.as_ref();
        let lost = [
            Disturbance::DatabaseStatsReset,
            Disturbance::Crash,
            Disturbance::Failover,
        ];
        let facts = run.indexes.facts.as_ref()?;
        let mut by_table: HashMap<u32, Vec<_>> = HashMap::new();
        for index in facts {
            by_table.entry(index.indrelid).or_default().push(index);
        }
        let mut children: HashMap<u32, Vec<&IndexFacts>> = HashMap::new();
        for child in facts {
            if let Some(parent) = child.parent {
                children.entry(parent).or_default().push(child);
            }
        }
        let keys = run.indexes.foreign_keys.iter().flatten();
        Some(Self {
            run,
            facts,
            first: by_oid(indexes, |s| &s.first, |i| i.indexrelid),
            last: by_oid(indexes, |s| &s.last, |i| i.indexrelid),
            blocks: by_oid(blocks, |s| &s.last, |i| i.indexrelid),
            tables_first: by_oid(stats, |s| &s.first, |t| t.relid),
            tables_last: by_oid(stats, |s| &s.last, |t| t.relid),
            disturbed: run.disturbances.iter().any(|d| lost.contains(d)),
            standbys: standbys(run),
            saved: saved(run),
            widths: Widths::of_run(run),
            wal: cost::wal_bytes_per_sec(run),
            by_table,
            by_oid: facts.iter().map(|i| (i.indexrelid, i)).collect(),
            children,
            referenced: keys
                .map(|key| key.conindid)
                .filter(|oid| *oid != 0)
                .collect(),
        })
    }

    /// All indexes of a table: what one replaces is never on another table, and there may be very many tables.
    pub(super) fn on_table(&self, indrelid: u32) -> impl Iterator<Item = &'a IndexFacts> {
        self.by_table.get(&indrelid).into_iter().flatten().copied()
    }

    /// The indexes attached to that of a partitioned table, one level down.
    pub(super) fn children(&self, facts: &IndexFacts) -> &[&'a IndexFacts] {
        self.children
            .get(&facts.indexrelid)
            .map_or(&[], Vec::as_slice)
    }

    /// The index with which this one goes or stays: of a partition's that of the partitioned table.
    pub(super) fn top<'b>(&'b self, facts: &'b IndexFacts) -> &'b IndexFacts {
        let parent = facts.parent.and_then(|oid| self.by_oid.get(&oid));
        parent.map_or(facts, |parent| self.top(parent))
    }

    /// [`Self::top`] of an index by its oid.
    pub(super) fn top_oid(&self, oid: u32) -> u32 {
        let facts = self.by_oid.get(&oid);
        facts.map_or(oid, |facts| self.top(facts).indexrelid)
    }

    /// The indexes that have storage: of a partitioned table those of all its partitions, else the
    /// index itself.
    pub(super) fn members<'b>(&'b self, facts: &'b IndexFacts) -> Vec<&'b IndexFacts> {
        if facts.relkind != "I" {
            return vec![facts];
        }
        let children = self.children(facts).iter();
        children.flat_map(|child| self.members(child)).collect()
    }

    /// A foreign key of another table, or of this one, depends on the index.
    pub(super) fn is_referenced(&self, facts: &IndexFacts) -> bool {
        self.referenced.contains(&facts.indexrelid)
    }

    /// Bytes of the index; `None` where a size was not read.
    pub(super) fn size(&self, facts: &IndexFacts) -> Option<Bytes> {
        let members = self.members(facts);
        let sizes = members.iter().map(|m| m.size_bytes.map(|b| b.0));
        sizes.sum::<Option<u64>>().map(Bytes)
    }

    /// Scans since the counters were reset.
    pub(super) fn scans_total(&self, facts: &IndexFacts) -> Option<i64> {
        let members = self.members(facts);
        let scans = members.iter().map(|m| self.last.get(&m.indexrelid));
        scans.map(|row| row.map(|row| row.idx_scan)).sum()
    }

    /// The last scan that is on record (16+).
    pub(super) fn last_scan(&self, facts: &IndexFacts) -> Option<jiff::Timestamp> {
        let members = self.members(facts);
        let rows = members.iter().filter_map(|m| self.last.get(&m.indexrelid));
        rows.filter_map(|row| row.last_idx_scan).max()
    }

    /// Scans in the window; `None` where the counters were disturbed in it.
    pub(super) fn scans_in_window(&self, facts: &IndexFacts) -> Option<i64> {
        let members = self.members(facts);
        let deltas = members.iter().map(|m| {
            let (first, last) = (
                self.first.get(&m.indexrelid)?,
                self.last.get(&m.indexrelid)?,
            );
            let delta = last.idx_scan - first.idx_scan;
            (!self.disturbed && delta >= 0).then_some(delta)
        });
        deltas.sum()
    }

    /// Blocks of the index that were asked for since the counters were reset.
    pub(super) fn blocks_total(&self, facts: &IndexFacts) -> Option<i64> {
        let members = self.members(facts);
        let blocks = members.iter().map(|m| self.blocks.get(&m.indexrelid));
        blocks
            .map(|row| row.map(|row| row.idx_blks_hit + row.idx_blks_read))
            .sum()
    }

    pub(super) fn index(&self, facts: &IndexFacts) -> Index {
        let cost = cost::write_cost(self, facts);
        let bytes = cost.and_then(|cost| cost.bytes);
        Index {
            schema: facts.schemaname.clone(),
            table: facts.relname.clone(),
            index: facts.indexrelname.clone(),
            size_bytes: self.size(facts).map(|b| b.0),
            scans: self.scans_in_window(facts),
            scans_total: self.scans_total(facts),
            verdict: IndexVerdict::Keep,
            reason: String::new(),
            evidence: Evidence::Measured,
            remediation_sql: None,
            undo_sql: None,
            proof: None,
            entries_per_sec: cost.map(|cost| cost.entries),
            write_bytes_per_sec: bytes.map(|(bytes, _)| bytes),
            write_bytes_basis: bytes.map(|(_, basis)| basis),
            wal_ratio: bytes.zip(self.wal).map(|((bytes, _), wal)| bytes / wal),
        }
    }

    pub(super) fn judged(&self, facts: &IndexFacts, usage: Usage) -> Judged {
        Judged {
            index: self.index(facts),
            indexrelid: facts.indexrelid,
            usage,
            doubts: Vec::new(),
            lock_note: None,
        }
    }
}
