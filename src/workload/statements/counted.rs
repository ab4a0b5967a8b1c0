//! What the server has counted, and what of it can be captured.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::capture::{COMMENT, CaptureOptions, Captured, LeftOut, StatementsCapture};
use super::error::CaptureError;
use super::{text, tree, write};
use crate::collect::normalised;
use crate::collect::pg_stat_statements::Source;
use crate::explain::acts_beyond;
use crate::pg::catalog::SERVER;
use crate::pg::column::get;
use crate::pg::{Session, read_extensions};
use crate::workload::{StatementKind, Workload, check};

const EXTENSION: &str = "pg_stat_statements";

/// What stands in the place of a text that the role may not see.
const HIDDEN: &str = "<insufficient privilege>";

/// Functions beyond the transaction that an application calls when it writes, by the beginning of
/// their names.
const WRITING_CALLS: [&str; 4] = ["nextval", "setval", "pg_advisory", "pg_notify"];

/// Why BEGIN, SET, CREATE TABLE … are left out.
const UTILITY: &str = "it is a utility command";

/// Kinds of statements that have a plan.
const CAPTURED: [&str; 5] = [
    "SelectStmt",
    "InsertStmt",
    "UpdateStmt",
    "DeleteStmt",
    "MergeStmt",
];

/// A statement as it was counted, over all roles.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) text: String,
    pub(super) calls: i64,
    pub(super) rows: i64,
    pub(super) exec_ms: f64,
}

/// What was read, and what was left out so far.
pub(super) struct Read {
    database: String,
    entries: Vec<Entry>,
    left_out: Vec<LeftOut>,
    all_calls: i64,
    all_ms: f64,
}

pub(super) async fn read(session: &Session) -> Result<Read, CaptureError> {
    let row = session.one(&SERVER, &[]).await?;
    let database: String = get(&row, SERVER.name, "database")?;
    let oid: u32 = get(&row, SERVER.name, "database_oid")?;
    let extensions = read_extensions(session).await?;
    let source = extensions.get(EXTENSION).and_then(Source::new);
    let source = source.ok_or_else(|| CaptureError::NoExtension {
        database: database.clone(),
    })?;
    let sample = source.read(session).await?;
    let ids = sample.rows.iter().map(|row| row.key.queryid.0);
    let ids: Vec<i64> = ids.collect::<BTreeSet<_>>().into_iter().collect();
    let texts = source.read_texts(session, &ids).await?;
    let mut left_out = Vec::new();
    let (mut elsewhere, mut nested) = (Group::default(), Group::default());
    let mut entries: BTreeMap<i64, Entry> = BTreeMap::new();
    for row in &sample.rows {
        let counters = &row.counters;
        if texts.is_own(&row.key) {
            // dbperf's own statements are no part of the load.
        } else if row.key.dbid != oid {
            elsewhere.add(counters.calls);
        } else if row.key.toplevel == Some(false) {
            nested.add(counters.calls);
        } else if counters.calls > 0 {
            let entry = entries.entry(row.key.queryid.0).or_insert_with(|| Entry {
                id: row.key.queryid.0,
                text: texts.get(row.key.queryid.0).unwrap_or_default().to_owned(),
                calls: 0,
                rows: 0,
                exec_ms: 0.0,
            });
            entry.calls += counters.calls;
            entry.rows += counters.rows;
            entry.exec_ms += counters.total_exec_time.0;
        }
    }
    left_out.extend(elsewhere.left_out("of other databases: connect to them to capture those"));
    left_out.extend(
        nested.left_out("inside of functions: they run with the statement that calls the function"),
    );
    if sample.hidden_rows > 0 {
        left_out.push(LeftOut {
            query_id: None,
            calls: None,
            reason: format!(
                "{} statements of other roles are hidden: GRANT pg_read_all_stats to this role",
                sample.hidden_rows
            ),
            text: String::new(),
        });
    }
    Ok(Read {
        database,
        all_calls: 0,
        all_ms: 0.0,
        entries: entries.into_values().collect(),
        left_out,
    })
}

/// Statements that are counted together.
#[derive(Default)]
struct Group {
    count: usize,
    calls: i64,
}

impl Group {
    fn add(&mut self, calls: i64) {
        self.count += 1;
        self.calls += calls;
    }

    fn left_out(self, reason: &str) -> Option<LeftOut> {
        (self.count > 0).then(|| LeftOut {
            query_id: None,
            calls: Some(self.calls),
            reason: format!("{} statements {reason}", self.count),
            text: String::new(),
        })
    }
}

impl Read {
    pub(super) fn leave_out(&mut self, entry: &Entry, reason: String) {
        self.left_out.push(LeftOut {
            query_id: Some(entry.id),
            calls: Some(entry.calls),
            reason,
            text: text::one_line(&normalised(&entry.text).query, COMMENT),
        });
    }

    /// Statements that may be captured, those with the most execution time first.
    pub(super) fn sort_out(&mut self, options: CaptureOptions) -> Vec<Entry> {
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_by(|a, b| b.exec_ms.total_cmp(&a.exec_ms).then(a.id.cmp(&b.id)));
        let (mut rare, mut beyond) = (Group::default(), Group::default());
        let mut candidates = Vec::new();
        for entry in entries {
            let unfit = unfit(&entry.text, options.writes);
            if unfit.as_deref() != Some(UTILITY) {
                self.all_calls += entry.calls;
                self.all_ms += entry.exec_ms;
            }
            if let Some(reason) = unfit {
                self.leave_out(&entry, reason);
            } else if entry.calls < options.min_calls {
                rare.add(entry.calls);
            } else if candidates.len() >= options.top {
                beyond.add(entry.calls);
            } else {
                // An entry that was evicted while its statement ran has its constants.
                let text = normalised(&entry.text).query;
                candidates.push(Entry { text, ..entry });
            }
        }
        let reason = format!("with fewer than {} calls", options.min_calls);
        self.left_out.extend(rare.left_out(&reason));
        let reason = format!("with less execution time than the first {}", options.top);
        self.left_out.extend(beyond.left_out(&reason));
        candidates
    }

    pub(super) fn conclude(self, kept: &[Captured]) -> Result<StatementsCapture, CaptureError> {
        if kept.is_empty() {
            let first = self.left_out.first();
            let why = first.map(|left| {
                let others = self.left_out.len() - 1;
                format!(
                    ": {} (and {others} more reasons or statements)",
                    left.reason
                )
            });
            return Err(CaptureError::Nothing {
                database: self.database,
                why: why.unwrap_or_default(),
            });
        }
        let kept_ms: f64 = kept.iter().map(|c| c.exec_ms).sum();
        let mut capture = StatementsCapture {
            text: String::new(),
            statements: kept.len(),
            calls: kept.iter().map(|c| c.calls).sum(),
            assumed: kept.iter().filter(|c| !c.filled.assumed.is_empty()).count(),
            time_ratio: (self.all_ms > 0.0).then(|| kept_ms / self.all_ms),
            database: self.database,
            all_calls: self.all_calls,
            left_out: self.left_out,
        };
        capture.text = write::file(&capture, kept, Timestamp::now());
        // What is handed out is read back first.
        Workload::parse(&capture.text, "captured.sql")?;
        Ok(capture)
    }
}

/// Why a statement cannot be captured, by its text alone.
fn unfit(kept: &str, writes: bool) -> Option<String> {
    if kept.is_empty() {
        return Some("the server has not kept its text".to_owned());
    }
    if kept == HIDDEN {
        return Some("its text is hidden: GRANT pg_read_all_stats to this role".to_owned());
    }
    let text = text::parsable(kept);
    let tree = match tree::parse(&text) {
        Ok(tree) => tree,
        Err(reason) => return Some(reason),
    };
    let kind = tree::node(&tree).map(|(kind, _)| kind);
    if !kind.is_some_and(|kind| CAPTURED.contains(&kind)) {
        return Some(UTILITY.to_owned());
    }
    let kind = match check::kind(&text) {
        Ok(kind) => kind,
        Err(reason) => return Some(reason),
    };
    if kind == StatementKind::Write && !writes {
        return Some("it writes or takes row locks: capture it with --writes".to_owned());
    }
    let call = acts_beyond(&text)?;
    let allowed = writes && WRITING_CALLS.iter().any(|prefix| call.starts_with(prefix));
    (!allowed).then(|| format!("it calls {call}(), which acts beyond its transaction"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unfit_by_its_text_says_why() {
        for (text, writes, part) in [
            ("", true, "not kept"),
            ("<insufficient privilege>", true, "pg_read_all_stats"),
            ("SELECT a, b FROM", true, "cut off"),
            ("BEGIN", true, "utility"),
            ("CREATE TABLE t (a int)", true, "utility"),
            ("SET work_mem = $1", true, "utility"),
            ("DELETE FROM t", false, "--writes"),
            ("SELECT 1 FROM t FOR UPDATE", false, "--writes"),
            ("SELECT nextval($1)", false, "nextval()"),
            (
                "SELECT pg_terminate_backend($1)",
                true,
                "pg_terminate_backend()",
            ),
        ] {
            let reason = unfit(text, writes).unwrap_or_default();
            assert!(reason.contains(part), "{text}: {reason}");
        }
        assert_eq!(unfit("SELECT nextval($1)", true), None);
        assert_eq!(unfit("SELECT now() - interval $1", false), None);
    }
}
