//! What the rules on index verdicts share: the verdict is `indexes`' own, a rule reports it.

use super::draft::Draft;
use super::text::size;
use super::{Facts, Judgement};
use crate::analyze::conclusions::{IndexVerdict, Severity};

/// A finding for every index of a verdict; `what` completes "INDEX on TABLE …". Doubts about the
/// verdict make it an info.
pub(super) fn findings(
    facts: &Facts<'_>,
    rule: &'static str,
    verdict: IndexVerdict,
    what: &str,
) -> Judgement {
    let judged = facts.judged_indexes()?;
    let found = judged.iter().filter(|j| j.index.verdict == verdict);
    let found = found.map(|judged| {
        let severity = if judged.doubts.is_empty() {
            Severity::Warning
        } else {
            Severity::Info
        };
        let doubts = judged.doubts.iter().map(|d| format!("; but {d}"));
        let index = &judged.index;
        let takes = index.size_bytes.map_or_else(
            || "is of unknown size".to_owned(),
            |b| format!("takes {}", size(b)),
        );
        Draft::new(rule, severity)
            .about("index", &format!("{}.{}", index.schema, index.index))
            .title(&format!(
                "{} on {} {what} and {takes}",
                index.index, index.table
            ))
            .detail(format!("{}{}", index.reason, doubts.collect::<String>()))
            .sql(index.remediation_sql.clone())
            .undo(index.undo_sql.clone())
            .note(judged.lock_note.clone().unwrap_or_default())
            .fire(facts)
    });
    Ok(found.collect())
}
