//! The `work_mem` that would hold what went to disk, bounded by what the server has.
//!
//! Sizes follow PostgreSQL's own accounting, rounded up: a proposal that falls just short would be a
//! change for nothing. Server tests give each proposal to the statement and see that it holds.

use crate::analyze::plans::account::Visit;
use crate::analyze::rules::text::size;

use super::look::Look;
use super::remark::Remark;

const MB: f64 = 1_048_576.0;
/// An entry of the array that is sorted (`SortTuple`).
const SORT_ENTRY_BYTES: f64 = 24.0;
/// A tuple in memory has its header of 16 bytes and that of its chunk, up to 16.
const CHUNK_BYTES: f64 = 32.0;
/// `HashJoinTupleData` and the header of a minimal tuple, each aligned.
const HASH_TUPLE_BYTES: f64 = 32.0;
/// A page in a bitmap and its share of the hash table (`tbm_calculate_entries`).
const BITMAP_PAGE_BYTES: f64 = 64.0;
/// What is added to each computed size.
const HEADROOM: f64 = 1.1;

/// Memory to sort rows of which `on_tape` bytes each were written to disk.
pub(super) fn to_sort(rows: f64, on_tape: f64, power_of_two_chunks: bool) -> f64 {
    let tuple = align(on_tape + 10.0);
    let chunk = if power_of_two_chunks {
        power_of_two(tuple) + CHUNK_BYTES / 2.0
    } else {
        tuple + CHUNK_BYTES / 2.0
    };
    let array = SORT_ENTRY_BYTES * power_of_two(rows).min(2.0 * rows);
    HEADROOM * (array + rows * chunk)
}

/// Memory of a hash join's inner side (`ExecChooseHashTableSize`).
pub(super) fn to_hash(rows: f64, width: f64) -> f64 {
    let buckets = 8.0 * power_of_two(rows.max(1024.0));
    HEADROOM * (rows * (HASH_TUPLE_BYTES + align(width)) + buckets)
}

/// Memory of a hashed aggregate: the array of its hash table, and for each group its key and its
/// transition values, in chunks of powers of two.
pub(super) fn to_aggregate(groups: f64, width: f64) -> f64 {
    let array = 24.0 * power_of_two(groups / 0.9);
    HEADROOM * (array + groups * (power_of_two(width + 24.0) + CHUNK_BYTES + 64.0))
}

/// Memory of a bitmap of exact pages.
pub(super) fn to_map(pages: f64) -> f64 {
    HEADROOM * pages * BITMAP_PAGE_BYTES
}

fn align(bytes: f64) -> f64 {
    (bytes / 8.0).ceil() * 8.0
}

fn power_of_two(value: f64) -> f64 {
    2.0_f64.powf(value.max(1.0).log2().ceil())
}

impl Look<'_> {
    /// `work_mem` of a new session, in bytes.
    pub(super) fn work_mem(&self) -> Option<f64> {
        Some(self.setting("work_mem")? * 1024.0)
    }

    /// How many times `work_mem` a hash table may take: 1 by default before PostgreSQL 15, then 2.
    pub(super) fn hash_multiplier(&self) -> f64 {
        let default = if self.version() >= 150_000 { 2.0 } else { 1.0 };
        self.setting("hash_mem_multiplier").unwrap_or(default)
    }

    /// `server_version_num`, 0 without a server.
    pub(super) fn version(&self) -> u32 {
        self.run.server.as_ref().map_or(0, |s| s.version_num)
    }

    /// Memory ÷ (connections × nodes of this plan that use `work_mem` × their processes). `None`
    /// where the memory of the server is not known, which SQL cannot tell.
    pub(super) fn work_mem_bound(&self, visit: &Visit<'_>) -> Option<f64> {
        let host = &self.run.host;
        let memory = host.memory_bytes.filter(|_| host.server_is_local)?.0 as f64;
        let connections = self.setting("max_connections").filter(|c| *c >= 1.0)?;
        Some(memory / (connections * self.memory_nodes() * visit.processes.max(1.0)))
    }

    /// Nodes of the plan that may use up to `work_mem` each, at least 1.
    pub(super) fn memory_nodes(&self) -> f64 {
        let uses = |v: &&Visit<'_>| match v.node.node_type.as_str() {
            "Sort" | "Incremental Sort" | "Hash" | "Memoize" | "Bitmap Heap Scan"
            | "Materialize" | "WindowAgg" => true,
            "Aggregate" => matches!(v.node.text("Strategy"), Some("Hashed" | "Mixed")),
            _ => false,
        };
        (self.visits().filter(uses).count() as f64).max(1.0)
    }
}

impl Remark {
    /// The `work_mem` of `bytes` as the cure, if the server's memory allows it.
    pub(super) fn wants_work_mem(self, look: &Look<'_>, visit: &Visit<'_>, bytes: f64) -> Self {
        let present = look.work_mem();
        let wanted = bytes.max(present.map_or(0.0, |p| p + 1.0));
        let megabytes = (wanted / MB).ceil().max(1.0);
        let sql = format!("SET LOCAL work_mem = '{megabytes:.0}MB';");
        let note = "for the transactions of this statement only, and it ends with each of them; no \
                    lock. Every node that sorts or hashes may take as much, in each process";
        match look.work_mem_bound(visit) {
            Some(bound) if megabytes * MB > bound => self.note(format!(
                "a work_mem of {megabytes:.0} MB would hold it, but the server's memory ÷ \
                 (max_connections × the {:.0} nodes of this plan that sort or hash) is {}: sort or \
                 hash fewer rows or columns, or let an index give the order",
                look.memory_nodes(),
                bytes_text(bound),
            )),
            Some(bound) => self.sql(sql).note(format!(
                "{note}; the server's memory ÷ (max_connections × such nodes) allows {}",
                bytes_text(bound)
            )),
            None => self.sql(sql).note(format!(
                "{note}; whether the server has it in every connection at once is not known here \
                 (SQL cannot tell its memory)"
            )),
        }
    }
}

/// A size in words.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes of memory are not negative and far below 2^53"
)]
pub(super) fn bytes_text(bytes: f64) -> String {
    size(bytes.max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{look, of, ran, run};
    use super::*;
    use crate::record::Bytes;

    #[test]
    fn sizes_are_those_of_the_server() {
        // 8 MB hold 131 072 pages of 64 bytes.
        assert!((to_map(131_072.0) / HEADROOM - 8.0 * MB).abs() < 1.0);
        // 100 000 rows of 40 bytes: 72 bytes each and 2^17 buckets.
        assert!((to_hash(100_000.0, 40.0) / HEADROOM - 7_200_000.0 - 1_048_576.0).abs() < 1.0);
        assert!(to_sort(1e6, 60.0, true) > to_sort(1e6, 60.0, false));
    }

    #[test]
    fn a_proposal_never_exceeds_what_the_server_has() {
        let sort = json!({"Sort Space Type": "Disk", "Sort Space Used": 20_000,
            "Actual Rows": 200_000.0, "Plan Rows": 200_000});
        let document = json!({"Plan": ran("Sort", &sort, vec![])});
        let remedy = |memory: Option<u64>| {
            let mut run = run();
            run.host.server_is_local = true;
            run.host.memory_bytes = memory.map(Bytes);
            of("sort-spilled", look(&run, &document, true).0)
                .unwrap()
                .remediation
        };
        let unknown = remedy(None);
        assert!(unknown.sql.unwrap().starts_with("SET LOCAL work_mem"));
        assert!(unknown.note.unwrap().contains("not known"));
        // 8 GiB ÷ 100 connections are 82 MiB.
        let enough = remedy(Some(8 << 30));
        assert!(enough.sql.is_some() && enough.note.unwrap().contains("81.9 MiB"));
        let small = remedy(Some(1 << 30));
        assert_eq!(small.sql, None);
        assert!(small.note.unwrap().contains("10.2 MiB"));
    }
}
