//! The captured workload as a file.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::capture::{Captured, StatementsCapture};
use super::text::one_line;

/// Longest line of a comment.
const COMMENT: usize = 400;

/// Entries of what was left out that are listed (ours): before PostgreSQL 16 every utility command with
/// other constants is a statement of its own.
const LISTED: usize = 1000;

/// The most that all weights may add up to.
const WEIGHTS: i64 = 1_000_000_000;

/// The whole file.
pub(super) fn file(capture: &StatementsCapture, kept: &[Captured], now: Timestamp) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = header(&mut out, capture, kept, now);
    let weights = weights(&kept.iter().map(|c| c.calls).collect::<Vec<_>>());
    for (captured, weight) in kept.iter().zip(weights) {
        let _ = operation(&mut out, captured, weight);
    }
    let _ = left_out(&mut out, capture);
    out
}

/// One statement as a workload of its own.
pub(super) fn alone(captured: &Captured, writes: bool) -> String {
    let mut out = String::new();
    if writes {
        out.push_str("-- writes\n");
    }
    let _ = operation(&mut out, captured, 1);
    out
}

fn header(
    out: &mut String,
    capture: &StatementsCapture,
    kept: &[Captured],
    now: Timestamp,
) -> std::fmt::Result {
    let database = one_line(&capture.database, COMMENT);
    writeln!(out, "-- dbperf workload: statements of {database}")?;
    if kept.iter().any(|c| c.writes) {
        writeln!(out, "-- writes")?;
    }
    writeln!(out, "--")?;
    writeln!(
        out,
        "-- Captured from pg_stat_statements at {now:.0}: {} statements with {} of {} calls.",
        capture.statements, capture.calls, capture.all_calls
    )?;
    writeln!(
        out,
        "-- The weights are calls. Each statement is an operation of its own: which of them belong to \
         one request is not counted."
    )
}

fn operation(out: &mut String, captured: &Captured, weight: u32) -> std::fmt::Result {
    writeln!(out, "\n-- operation: {}", captured.operation)?;
    writeln!(out, "-- weight: {weight}")?;
    for sentence in &captured.filled.assumed {
        writeln!(out, "-- Assumed: {}", one_line(sentence, COMMENT))?;
    }
    for (names, generator) in &captured.filled.params {
        writeln!(out, "-- param {}: {generator}", names.join(", "))?;
    }
    writeln!(out, "{};", captured.sql)
}

fn left_out(out: &mut String, capture: &StatementsCapture) -> std::fmt::Result {
    if capture.left_out.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n-- Left out:")?;
    for left in capture.left_out.iter().take(LISTED) {
        let calls = left
            .calls
            .map_or_else(|| "not known".to_owned(), |calls| calls.to_string());
        let id = left
            .query_id
            .map_or_else(String::new, |id| format!(", id {id}"));
        let line = format!("Calls {calls}{id}: {}", left.reason);
        writeln!(out, "-- {}", one_line(&line, COMMENT))?;
        if !left.text.is_empty() {
            writeln!(out, "--   Text: {}", left.text)?;
        }
    }
    if let Some(more) = capture.left_out.len().checked_sub(LISTED + 1) {
        writeln!(out, "-- And {} more.", more + 1)?;
    }
    Ok(())
}

/// Calls as weights: as they are, or all divided by the same number where they would be too large.
fn weights(calls: &[i64]) -> Vec<u32> {
    let sum: i64 = calls.iter().fold(0, |sum, c| sum.saturating_add(*c));
    let divisor = 1 + sum / WEIGHTS;
    let weight = |calls: &i64| u32::try_from((calls / divisor).max(1)).unwrap_or(u32::MAX);
    calls.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_keep_the_proportions_of_calls() {
        assert_eq!(weights(&[7, 3, 1]), [7, 3, 1]);
        let large = weights(&[8_000_000_000, 4_000_000_000, 1]);
        assert!((f64::from(large[0]) / f64::from(large[1]) - 2.0).abs() < 1e-6);
        assert_eq!(large[2], 1);
        assert!(large.iter().map(|w| u64::from(*w)).sum::<u64>() < u64::from(u32::MAX));
    }
}
