//! The two sides of a change: its blocks without it and with it, summed up.

use crate::analyze::conclusions::{ProofSide, WriteCost};
use crate::record::proof::{ChangeKind, ProofBlock, ServerWork, TriedChange};
use crate::stats::LatencyHistogram;

/// What was measured without the change, or with it.
pub(super) fn side(tried: &TriedChange, changed: bool) -> Option<ProofSide> {
    let blocks: Vec<&ProofBlock> = tried
        .blocks
        .iter()
        .filter(|b| b.changed == changed)
        .collect();
    let mut latency = LatencyHistogram::new();
    for block in &blocks {
        latency.add(&block.latency);
    }
    let summary = latency.summary()?;
    let requests: u64 = blocks.iter().map(|b| b.requests).sum();
    let failures: u64 = blocks.iter().map(|b| b.failures).sum();
    let seconds: f64 = blocks.iter().map(|b| b.length.secs()).sum();
    let server = blocks
        .iter()
        .map(|b| b.server)
        .collect::<Option<Vec<ServerWork>>>();
    let calls: i64 = server.iter().flatten().map(|s| s.calls).sum();
    let per_call = |sum: &dyn Fn(&ServerWork) -> f64| {
        let sum: f64 = server.as_ref()?.iter().map(sum).sum();
        (calls > 0).then(|| sum / calls as f64)
    };
    Some(ProofSide {
        blocks: u32::try_from(blocks.len()).unwrap_or(u32::MAX),
        requests,
        failures,
        throughput_per_sec: if seconds > 0.0 {
            requests.saturating_sub(failures) as f64 / seconds
        } else {
            0.0
        },
        mean_ms: summary.mean_ms,
        p50_ms: summary.p50_ms,
        p99_ms: summary.p99_ms,
        exec_ms_per_call: per_call(&|s| s.exec.0),
        blocks_per_call: per_call(&|s| s.blocks as f64),
        wal_bytes_per_call: per_call(&|s| s.wal_bytes as f64),
    })
}

/// What writing costs more with the change.
pub(super) fn write_cost(
    before: Option<&ProofSide>,
    after: Option<&ProofSide>,
) -> Option<WriteCost> {
    Some(WriteCost {
        wal_bytes_per_call: after?.wal_bytes_per_call? - before?.wal_bytes_per_call?,
    })
}

/// Bytes that the change takes; less than none for a drop.
pub(super) fn bytes(tried: &TriedChange) -> Option<i64> {
    let size = i64::try_from(tried.index_bytes?.0).ok()?;
    Some(match tried.change.kind {
        ChangeKind::CreateIndex => size,
        ChangeKind::DropIndex => -size,
    })
}
