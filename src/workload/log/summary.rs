//! What was read, as it is reported.

use std::collections::HashMap;
use std::io::Write;

use jiff::Timestamp;

use super::LogError;
use super::classify::Reason;
use super::read::ReadLog;
use super::statements::{Known, Tally};
use crate::record::{CaptureSource, CaptureStatement, CaptureSummary};
use crate::workload::captured::{Header, LeftOut};

/// Statements of the report, those with the most time.
const MOST_STATEMENTS: usize = 1000;

impl ReadLog {
    /// Writes the file and counts together what was read.
    pub(super) fn finish(self, out: &mut dyn Write) -> Result<CaptureSummary, LogError> {
        let notes = self.notes();
        let sources = self.sources();
        let (statements, distinct) = self.statements();
        let header = Header {
            dbperf_version: env!("CARGO_PKG_VERSION").to_owned(),
            sources: sources.iter().map(|s| s.file.clone()).collect(),
            started_at: Timestamp::UNIX_EPOCH,
            span_us: 0,
            databases: self.capture.databases.iter().cloned().collect(),
            sessions: 0,
            statements: 0,
            events: 0,
            calls: 0,
            failed: 0,
            writes: false,
            left_out: self.left_out(),
        };
        let header = self.capture.writer.finish(header, out)?;
        Ok(CaptureSummary {
            sources,
            started_at: header.started_at,
            span_ms: header.span_us as f64 / 1000.0,
            databases: header.databases,
            sessions: header.sessions,
            calls: header.calls,
            failed: header.failed,
            distinct_statements: distinct,
            writes: header.writes,
            statements,
            left_out: header
                .left_out
                .into_iter()
                .map(|left| (left.reason, left.calls))
                .collect(),
            notes,
        })
    }

    fn left_out(&self) -> Vec<LeftOut> {
        let counts = Reason::ALL.iter().zip(self.capture.passed.left_out);
        counts
            .filter(|(_, calls)| *calls > 0)
            .map(|(reason, calls)| LeftOut {
                reason: reason.words().to_owned(),
                calls,
            })
            .collect()
    }

    /// Why calls were left out, for an error.
    pub(super) fn reasons(&self) -> String {
        let reasons: Vec<String> = self.left_out().into_iter().map(|l| l.reason).collect();
        reasons.join("; ")
    }

    fn sources(&self) -> Vec<CaptureSource> {
        let source =
            |(input, reading): &(super::input::Input, super::input::Reading)| CaptureSource {
                file: input.name.clone(),
                format: input.format.name().to_owned(),
                size_bytes: reading.bytes,
                lines: reading.lines,
                records: reading.records,
                damaged: reading.damaged,
                first_damaged_line: reading.first_damage,
                cut_off: reading.cut_off.clone(),
            };
        self.inputs.iter().map(source).collect()
    }

    /// Statements by their fingerprint, those with the most time first, and how many there are.
    fn statements(&self) -> (Vec<CaptureStatement>, u64) {
        let list = &self.capture.statements.list;
        let mut groups: HashMap<&str, Vec<&Known>> = HashMap::new();
        let mut alone = Vec::new();
        for known in list {
            match &known.fingerprint {
                Some(fingerprint) => groups.entry(fingerprint).or_default().push(known),
                None => alone.push(vec![known]),
            }
        }
        let mut rows: Vec<CaptureStatement> = groups
            .into_values()
            .chain(alone)
            .map(|group| row(&group))
            .collect();
        let distinct = rows.len() as u64;
        rows.sort_by(|a, b| {
            let time = b.total_ms.total_cmp(&a.total_ms);
            time.then(b.calls.cmp(&a.calls))
                .then_with(|| a.query.cmp(&b.query))
        });
        rows.truncate(MOST_STATEMENTS);
        (rows, distinct)
    }

    fn notes(&self) -> Vec<String> {
        let passed = &self.capture.passed;
        let unknown = &self.capture.statements.unknown;
        let mut notes = Vec::new();
        let mut note = |count: u64, words: &str| {
            if count > 0 {
                notes.push(format!("{count} {words}"));
            }
        };
        note(
            passed.unwanted,
            "calls of other times or databases were passed over",
        );
        note(
            passed.unknown_database,
            "calls were passed over: the log does not tell the database of their session (add %d to \
             log_line_prefix, or log_connections = on)",
        );
        note(
            passed.fetches,
            "further fetches of a call are not replayed: a call fetches all rows",
        );
        note(
            unknown.calls + unknown.failed,
            "calls of statements beyond the number that is told apart are in the file and not in \
             this list",
        );
        for (input, reading) in &self.inputs {
            if let Some(zone) = &reading.unknown_zone {
                notes.push(format!(
                    "{}: the time zone {zone} is not known and was taken for UTC",
                    input.name
                ));
            }
        }
        notes
    }
}

/// One row for statements that are the same to PostgreSQL's parser.
fn row(group: &[&Known]) -> CaptureStatement {
    let mut tally = Tally::default();
    for known in group {
        tally.calls += known.tally.calls;
        tally.failed += known.tally.failed;
        tally.time_us += known.tally.time_us;
    }
    let most = group.iter().max_by_key(|known| known.tally.calls);
    CaptureStatement {
        fingerprint: most.and_then(|known| known.fingerprint.clone()),
        query: most.map(|known| known.normalized()).unwrap_or_default(),
        calls: tally.calls,
        failed: tally.failed,
        total_ms: tally.time_us as f64 / 1000.0,
        left_out: most.and_then(|known| known.left_out.map(|r| r.words().to_owned())),
    }
}
